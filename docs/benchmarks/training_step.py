"""Milliseconds per training step: sklstm, plain Keras and PyTorch.

    python docs/benchmarks/training_step.py [--cells lstm gru rnn] [--steps 10 60 200]
        [--units 32 64 128 256] [--frameworks sklstm PyTorch Keras]

One recurrent layer and a dense layer on windows of 8 columns, batches of 32, Adam, mean
squared error. sklstm runs the program of its forecasters, which also cuts the windows
from the series. Keras runs `fit`, and PyTorch a training loop, both on precomputed
windows. Each framework runs in its own process, so that their threads do not wait for
each other. They take turns, and the fastest epoch counts; the first epoch, which
compiles, does not. Frameworks that are not installed are left out.
"""

import argparse
import importlib.util
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

N_COLUMNS, BATCH = 8, 32
TURNS = 3
CELLS, UNITS, STEPS = ["lstm", "gru", "rnn"], [32, 64, 128, 256], [10, 60, 200]


def sklstm_epoch(cell, n_steps, units, series, target):
    from sklstm import engine

    network = engine.WindowNetwork(
        stack=engine.RecurrentStack(cell, (units,)),
        window_length=n_steps,
        horizon=1,
        n_columns=N_COLUMNS,
        n_targets=1,
    )
    windows = np.arange(len(series) - n_steps)
    data = engine.WindowData(
        series,
        windows,
        level=np.zeros((len(windows), 1)),
        spread=np.ones((len(windows), 1)),
        targets=target[:, None],
        weight=np.ones(len(series)),
    )
    with engine.borrow_program(network, engine.training_spec("mse", "adam")) as program:
        start = engine.NetworkState(program.draw_weights(0))
    samples = engine.SampleSplit(train=windows)
    settings = engine.TrainingSettings(epochs=1, batch_size=BATCH, seed=0)

    def epoch():
        program.train(data, samples, start, settings)

    return epoch


def keras_epoch(cell, n_steps, units, series, target):
    import keras

    layers = keras.layers
    kind = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[cell]
    network = keras.Sequential([kind(units), layers.Dense(1)])
    network.compile(optimizer="adam", loss="mse")
    X, y = cut(series, target, n_steps)
    return lambda: network.fit(X, y, batch_size=BATCH, epochs=1, verbose=0)


def pytorch_epoch(cell, n_steps, units, series, target):
    import torch
    from torch import nn

    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
    recurrent = kind(N_COLUMNS, units, batch_first=True)
    dense = nn.Linear(units, 1)
    parameters = [*recurrent.parameters(), *dense.parameters()]
    optimizer = torch.optim.Adam(parameters)
    X, y = map(torch.from_numpy, cut(series, target, n_steps))

    def epoch():
        for batch in torch.randperm(len(X)).split(BATCH):
            hidden, _ = recurrent(X[batch])
            loss = nn.functional.mse_loss(dense(hidden[:, -1]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def cut(series, target, n_steps):
    """Return the windows of a series, and the value after each window."""
    windows = np.lib.stride_tricks.sliding_window_view(series[:-1], n_steps, axis=0)
    return np.ascontiguousarray(windows.swapaxes(1, 2)), target[n_steps:, None]


FRAMEWORKS = {
    "sklstm": (sklstm_epoch, "sklstm", 2.0),
    "PyTorch": (pytorch_epoch, "torch", 2.0),
    "Keras": (keras_epoch, "keras", 1.0),
}


_epoch = None


def prepare(framework, cell, n_steps, units, n_batches):
    """Create the function for an epoch in a framework's process, and run it once."""
    global _epoch
    rng = np.random.default_rng(0)
    series = rng.normal(size=(n_batches * BATCH + n_steps, N_COLUMNS))
    series = series.astype(np.float32)
    target = series.mean(axis=1)
    _epoch = FRAMEWORKS[framework][0](cell, n_steps, units, series, target)
    _epoch()


def fastest_epoch(seconds):
    """Return the seconds of the fastest epoch within some time, in this process."""
    fastest, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        _epoch()
        fastest = min(fastest, time.perf_counter() - begin)
    return fastest


def measure(cell, n_steps, units, workers):
    """Return the milliseconds per step of each framework."""
    # Enough steps to make the fixed cost of an epoch small.
    n_batches = max(30, 4000 // n_steps)
    fastest = dict.fromkeys(workers, np.inf)
    for name, worker in workers.items():
        worker.submit(prepare, name, cell, n_steps, units, n_batches).result()
    for _ in range(TURNS):
        for name, worker in workers.items():
            limit = FRAMEWORKS[name][2] / TURNS
            seconds = worker.submit(fastest_epoch, limit).result()
            fastest[name] = min(fastest[name], 1000 * seconds / n_batches)
    return fastest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--units", nargs="+", type=int, default=UNITS)
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS)
    parser.add_argument(
        "--frameworks", nargs="+", choices=FRAMEWORKS, default=list(FRAMEWORKS)
    )
    options = parser.parse_args()
    names = [
        name
        for name in options.frameworks
        if importlib.util.find_spec(FRAMEWORKS[name][1])
    ]
    others = [name for name in names if name != "sklstm"]
    ratios = others if "sklstm" in names else []
    header = ["cell", "steps", "units", *names]
    header += [f"{name} / sklstm" for name in ratios]
    processes = multiprocessing.get_context("spawn")
    workers = {name: ProcessPoolExecutor(1, mp_context=processes) for name in names}
    print("Milliseconds per training step")
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for cell in options.cells:
        for n_steps in options.steps:
            for units in options.units:
                fastest = measure(cell, n_steps, units, workers)
                row = [cell, str(n_steps), str(units)]
                row += [f"{fastest[name]:.2f}" for name in names]
                row += [f"{fastest[name] / fastest['sklstm']:.2f}" for name in ratios]
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
