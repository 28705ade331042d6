"""Milliseconds a training step takes: sklstm beside plain Keras and PyTorch.

    python docs/benchmarks/training_step.py [--cells lstm gru rnn] [--steps 10 60 200]
        [--units 32 64 128 256] [--ways sklstm PyTorch Keras]

One recurrent layer and a dense one on windows of 8 columns, batches of 32, Adam, mean
squared error. sklstm runs the program that its forecasters run, which cuts the windows
from the series too; Keras runs `fit`, and PyTorch a loop written by hand, both on
windows that lie ready. Each way has a process of its own, so that their threads do not
wait for each other; they take turns, and the fastest epoch of each counts; the first,
which compiles, does not. Ways whose packages are not installed are left out.
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
        weights = program.draw_weights(0)

    def epoch():
        program.train(data, weights, train=windows, epochs=1, batch_size=BATCH, seed=0)

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
    """The windows of a series, and what follows each."""
    windows = np.lib.stride_tricks.sliding_window_view(series[:-1], n_steps, axis=0)
    return np.ascontiguousarray(windows.swapaxes(1, 2)), target[n_steps:, None]


WAYS = {
    "sklstm": (sklstm_epoch, "sklstm", 2.0),
    "PyTorch": (pytorch_epoch, "torch", 2.0),
    "Keras": (keras_epoch, "keras", 1.0),
}


_epoch = None


def prepare(way, cell, n_steps, units, n_batches):
    """In the process of a way: make an epoch ready, and run it once."""
    global _epoch
    rng = np.random.default_rng(0)
    series = rng.normal(size=(n_batches * BATCH + n_steps, N_COLUMNS))
    series = series.astype(np.float32)
    target = series.mean(axis=1)
    _epoch = WAYS[way][0](cell, n_steps, units, series, target)
    _epoch()


def fastest_epoch(seconds):
    """In the process of a way: the seconds of the fastest of some epochs."""
    fastest, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        _epoch()
        fastest = min(fastest, time.perf_counter() - begin)
    return fastest


def measure(cell, n_steps, units, workers):
    """Milliseconds a step, by way."""
    # Enough steps that what an epoch costs beside them is small.
    n_batches = max(30, 4000 // n_steps)
    fastest = dict.fromkeys(workers, np.inf)
    for name, worker in workers.items():
        worker.submit(prepare, name, cell, n_steps, units, n_batches).result()
    for _ in range(TURNS):
        for name, worker in workers.items():
            seconds = worker.submit(fastest_epoch, WAYS[name][2] / TURNS).result()
            fastest[name] = min(fastest[name], 1000 * seconds / n_batches)
    return fastest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--units", nargs="+", type=int, default=UNITS)
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    ways = [name for name in options.ways if importlib.util.find_spec(WAYS[name][1])]
    others = [name for name in ways if name != "sklstm"]
    ratios = others if "sklstm" in ways else []
    header = ["cell", "steps", "units", *ways, *(f"{name} / sklstm" for name in ratios)]
    processes = multiprocessing.get_context("spawn")
    workers = {name: ProcessPoolExecutor(1, mp_context=processes) for name in ways}
    print("Milliseconds a training step")
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for cell in options.cells:
        for n_steps in options.steps:
            for units in options.units:
                fastest = measure(cell, n_steps, units, workers)
                row = [cell, str(n_steps), str(units)]
                row += [f"{fastest[name]:.2f}" for name in ways]
                row += [f"{fastest[name] / fastest['sklstm']:.2f}" for name in ratios]
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
