"""Memory of recurrent cells: the adding problem at increasing lengths.

    python docs/benchmarks/adding_problem.py

Two steps of a sequence of random numbers are marked, one in each half. The target is
the sum of the two marked numbers. Always predicting the mean has a mean squared error
of 0.167.
"""

import argparse
from time import perf_counter

import numpy as np

from sklstm import RNNRegressor

NETWORKS = {
    "simple RNN (64)": {"cell": "rnn", "units": 64},
    "GRU (64)": {"cell": "gru", "units": 64},
    "LSTM (64)": {"cell": "lstm", "units": 64},
    "stacked LSTM (64, 64)": {"cell": "lstm", "units": (64, 64)},
    "LSTM (64), patches of 10": {"cell": "lstm", "units": 64, "patch_length": 10},
}


def draw(n_sequences, length, rng):
    """Return sequences of (number, mark) pairs, and the sums of the marked numbers."""
    X = np.zeros((n_sequences, length, 2), np.float32)
    X[..., 0] = rng.random((n_sequences, length))
    half = length // 2
    rows = np.arange(n_sequences)
    for first, last in ((0, half), (half, length)):
        X[rows, rng.integers(first, last, n_sequences), 1] = 1
    return X, (X[..., 0] * X[..., 1]).sum(axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--sequences", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()

    print("| | length | mean squared error (by seed) | parameters | seconds |")
    print("|---|---|---|---|---|")
    for name, parameters in NETWORKS.items():
        for length in arguments.lengths:
            errors, seconds = [], []
            for seed in range(arguments.seeds):
                rng = np.random.default_rng(seed)
                X, y = draw(arguments.sequences, length, rng)
                X_test, y_test = draw(1000, length, rng)
                regressor = RNNRegressor(
                    **{"patch_length": 1} | parameters,
                    bidirectional=False,
                    pooling="last",
                    conv_filters=None,
                    dropout=0.0,
                    differences=False,
                    positional_encoding=0,
                    noise=0.0,
                    crop=0.0,
                    normalize=None,
                    learning_rate=0.003,
                    batch_size=32,
                    epochs=arguments.epochs,
                    random_state=seed,
                )
                begin = perf_counter()
                regressor.fit(X, y)
                seconds.append(perf_counter() - begin)
                errors.append(np.mean((regressor.predict(X_test) - y_test) ** 2))
            n_parameters = sum(weight.size for weight in regressor.weights_)
            by_seed = ", ".join(f"{error:.4f}" for error in errors)
            print(
                f"| {name} | {length} | {np.mean(errors):.4f} ({by_seed}) "
                f"| {n_parameters:,} | {np.mean(seconds):.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
