"""Training and generation speed of character models: sklstm and a PyTorch loop.

    python docs/benchmarks/text_speed.py [--epochs 3] [--repeats 3]

Trains on the source code of modules of Python's standard library: embedding of 64, one
LSTM with 256 units, 64 parallel streams, windows of 128 characters, Adam. The PyTorch
loop trains the same network in the same way, and generates by feeding an `LSTMCell` one
character at a time. Each framework runs in its own process, in turn; the fastest repeat
counts. Imports and, for sklstm, the first compilation of each program (about a second
each) are not included. Frameworks that are not installed are left out.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np

UNITS, EMBEDDING, STREAMS, WINDOW = 256, 64, 64, 128
GENERATED = 2000  # characters per prompt


def read_text(n_characters=600_000):
    """Return ASCII text that is available wherever Python is."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    texts = (path.read_text("utf-8") for path in sorted(folder.glob("*.py")))
    text = "".join(text for text in texts if text.isascii())
    return text[:n_characters]


def run_sklstm(text, epochs):
    from sklstm import CharLSTMGenerator

    model = CharLSTMGenerator(
        units=UNITS,
        embedding_dim=EMBEDDING,
        dropout=0.0,
        window_length=WINDOW,
        batch_size=STREAMS,
        epochs=1,
        random_state=0,
    ).fit(text)
    begin = time.perf_counter()
    model.set_params(epochs=epochs).fit(text)
    yield "training", epochs * len(text) / (time.perf_counter() - begin)
    for n_prompts in (1, STREAMS):
        model.generate(["d"] * n_prompts, max_new_tokens=GENERATED, random_state=0)
        begin = time.perf_counter()
        texts = model.generate(["d"] * n_prompts, max_new_tokens=GENERATED)
        seconds = time.perf_counter() - begin
        yield f"generation, {n_prompts} prompt(s)", sum(map(len, texts)) / seconds


def run_pytorch(text, epochs):
    import torch
    from torch import nn

    torch.manual_seed(0)
    vocabulary = sorted(set(text))
    ids = torch.tensor(np.searchsorted(vocabulary, list(text)))
    length = (len(ids) - 1) // STREAMS
    inputs = ids[: STREAMS * length].view(STREAMS, length).T
    targets = ids[1 : STREAMS * length + 1].view(STREAMS, length).T
    embedding = nn.Embedding(len(vocabulary), EMBEDDING)
    lstm, dense = nn.LSTM(EMBEDDING, UNITS), nn.Linear(UNITS, len(vocabulary))
    layers = nn.ModuleList([embedding, lstm, dense])
    optimizer = torch.optim.Adam(layers.parameters(), lr=4e-3)

    def epoch():
        states = None
        for first in range(0, length, WINDOW):
            window = slice(first, first + WINDOW)
            hidden, states = lstm(embedding(inputs[window]), states)
            states = tuple(state.detach() for state in states)
            logits = dense(hidden).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, targets[window].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    epoch()
    begin = time.perf_counter()
    for _ in range(epochs):
        epoch()
    yield "training", epochs * len(text) / (time.perf_counter() - begin)
    cell = nn.LSTMCell(EMBEDDING, UNITS)
    cell.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()}
    )
    for n_prompts in (1, STREAMS):
        with torch.inference_mode():
            h, c = torch.zeros(2, n_prompts, UNITS)
            tokens = torch.zeros(n_prompts, dtype=torch.long)
            begin = time.perf_counter()
            for _ in range(GENERATED):
                h, c = cell(embedding(tokens), (h, c))
                probability = torch.softmax(dense(h), dim=1)
                tokens = torch.multinomial(probability, 1)[:, 0]
            seconds = time.perf_counter() - begin
        yield f"generation, {n_prompts} prompt(s)", n_prompts * GENERATED / seconds


FRAMEWORKS = {"sklstm": (run_sklstm, "sklstm"), "PyTorch": (run_pytorch, "torch")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--characters", type=int, default=600_000)
    parser.add_argument("--framework", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.framework:
        run, _ = FRAMEWORKS[options.framework]
        print(json.dumps(dict(run(read_text(options.characters), options.epochs))))
        return
    fastest: dict = {}
    installed = [
        name for name, (_, package) in FRAMEWORKS.items() if is_installed(package)
    ]
    for _ in range(options.repeats):
        for name in installed:
            command = [sys.executable, __file__, "--framework", name]
            command += ["--epochs", str(options.epochs)]
            command += ["--characters", str(options.characters)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            for task, speed in json.loads(done.stdout.splitlines()[-1]).items():
                best = fastest.setdefault(task, {})
                best[name] = max(best.get(name, 0), speed)
    print("Characters per second")
    for task, speeds in fastest.items():
        row = ", ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items())
        if len(speeds) > 1:
            row += f", ratio {speeds['sklstm'] / speeds['PyTorch']:.2f}"
        print(f"{task}: {row}")


def is_installed(package):
    return importlib.util.find_spec(package) is not None


if __name__ == "__main__":
    main()
