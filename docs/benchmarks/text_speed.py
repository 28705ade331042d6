"""Characters a second, learnt and written: sklstm beside a PyTorch loop by hand.

    python docs/benchmarks/text_speed.py [--epochs 3] [--repeats 3]

The source of some modules of Python's standard library; embedding of 64, one LSTM of
256 units, 64 streams, windows of 128 characters, Adam. PyTorch trains the same network
in the same way, and writes by feeding an `LSTMCell` one character at a time. Each way
runs in a process of its own, in turn; the fastest of the repeats counts. Imports and,
for sklstm, the first compilation of each program (about a second each) are left out.
Ways whose packages are not installed are left out.
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
WRITTEN = 2000  # characters of each prompt


def read_text(n_characters=600_000):
    """ASCII text that every machine with Python has."""
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
    yield "learnt", epochs * len(text) / (time.perf_counter() - begin)
    for n_prompts in (1, STREAMS):
        model.generate(["d"] * n_prompts, max_new_tokens=WRITTEN, random_state=0)
        begin = time.perf_counter()
        texts = model.generate(["d"] * n_prompts, max_new_tokens=WRITTEN)
        seconds = time.perf_counter() - begin
        yield f"written, {n_prompts} prompt(s)", sum(map(len, texts)) / seconds


def run_pytorch(text, epochs):
    import torch
    from torch import nn

    torch.manual_seed(0)
    known = sorted(set(text))
    ids = torch.tensor(np.searchsorted(known, list(text)))
    length = (len(ids) - 1) // STREAMS
    inputs = ids[: STREAMS * length].view(STREAMS, length).T
    targets = ids[1 : STREAMS * length + 1].view(STREAMS, length).T
    embedding = nn.Embedding(len(known), EMBEDDING)
    lstm, dense = nn.LSTM(EMBEDDING, UNITS), nn.Linear(UNITS, len(known))
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
    yield "learnt", epochs * len(text) / (time.perf_counter() - begin)
    cell = nn.LSTMCell(EMBEDDING, UNITS)
    cell.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()}
    )
    for n_prompts in (1, STREAMS):
        with torch.inference_mode():
            h, c = torch.zeros(2, n_prompts, UNITS)
            tokens = torch.zeros(n_prompts, dtype=torch.long)
            begin = time.perf_counter()
            for _ in range(WRITTEN):
                h, c = cell(embedding(tokens), (h, c))
                probability = torch.softmax(dense(h), dim=1)
                tokens = torch.multinomial(probability, 1)[:, 0]
            seconds = time.perf_counter() - begin
        yield f"written, {n_prompts} prompt(s)", n_prompts * WRITTEN / seconds


WAYS = {"sklstm": (run_sklstm, "sklstm"), "PyTorch": (run_pytorch, "torch")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--characters", type=int, default=600_000)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        run, _ = WAYS[options.way]
        print(json.dumps(dict(run(read_text(options.characters), options.epochs))))
        return
    fastest: dict = {}
    ways = [name for name, (_, package) in WAYS.items() if find(package)]
    for _ in range(options.repeats):
        for name in ways:
            command = [sys.executable, __file__, "--way", name]
            command += ["--epochs", str(options.epochs)]
            command += ["--characters", str(options.characters)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            for what, speed in json.loads(done.stdout.splitlines()[-1]).items():
                best = fastest.setdefault(what, {})
                best[name] = max(best.get(name, 0), speed)
    print("Characters a second")
    for what, speeds in fastest.items():
        row = ", ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items())
        if len(speeds) > 1:
            row += f", ratio {speeds['sklstm'] / speeds['PyTorch']:.2f}"
        print(f"{what}: {row}")


def find(package):
    return importlib.util.find_spec(package) is not None


if __name__ == "__main__":
    main()
