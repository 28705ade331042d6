"""Forecasts with missing values: as they are, and after linear interpolation.

    python docs/benchmarks/missing_values.py --data FOLDER [--only airline etth1 m4]

Values are removed at random, or in blocks of one season. The forecaster takes the
series with the missing values, or a copy in which each history is interpolated up to
the moment of the forecast, its end filled with the last value. All forecasts are
compared with the actual values. Prints the mean absolute error, relative to that on the
complete series, averaged over several patterns of missing values.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from sklstm import LSTMForecaster

FRACTIONS = (0.1, 0.3)


def remove(X, fraction, block, rng):
    """Remove a fraction of the values of each column, in blocks of consecutive rows."""
    X = X.copy()
    n_blocks = round(fraction * len(X) / block)
    for column in X.T:
        while np.isnan(column).sum() < n_blocks * block:
            start = rng.integers(len(column) - block + 1)
            column[start : start + block] = np.nan
    return X


def interpolate(X):
    """Interpolate each column; its ends repeat the nearest value."""
    filled = pd.DataFrame(X).interpolate(limit_direction="both")
    return filled.fillna(0.0).to_numpy()


def walk(X, actual, n_train, model, prepare):
    """Return the mean absolute error of forecasts of each block of test rows."""
    horizon, n_window = model.horizon, model.window_length + model.horizon
    model.fit(prepare(X[:n_train]))
    errors = []
    for cutoff in range(n_train, len(X) - horizon + 1, horizon):
        history = X[max(cutoff - 4 * n_window, 0) : cutoff]
        model.update(prepare(history), replace=True)
        errors.append(np.abs(model.forecast() - actual[cutoff : cutoff + horizon]))
    return np.mean(errors)


def airline(data, seed):
    from sktime.datasets import load_airline

    X = load_airline().to_numpy(float)[:, None]
    model = LSTMForecaster(24, 12, random_state=seed)
    return [X], 96, model, 12


def etth1(data, seed):
    frame = pd.read_csv(Path(data) / "ett" / "ETTh1.csv.gz", nrows=480 * 24)
    X = frame.drop(columns="date").to_numpy(float)
    n_train = 360 * 24
    X = (X - X[:n_train].mean(axis=0)) / X[:n_train].std(axis=0)
    model = LSTMForecaster(
        168, 24, patch_length=24, normalize="last", random_state=seed
    )
    return [X], n_train, model, 24


def m4(data, seed):
    frame = pd.read_csv(Path(data) / "m4" / "m4_hourly.csv.gz")
    series = [
        rows["value"].to_numpy(float)[:, None]
        for _, rows in frame.groupby("id", sort=False)
    ]
    model = LSTMForecaster(168, 48, patch_length=24, random_state=seed)
    return series[:10], -48, model, 24


def error(series, n_train, model, prepare, fraction, block, seed):
    """Return the error on all series, each divided by its mean absolute value."""
    errors = []
    for number, X in enumerate(series):
        rng = np.random.default_rng([seed, number])
        broken = remove(X, fraction, block, rng) if fraction else X
        n = n_train if n_train > 0 else len(X) + n_train
        errors.append(walk(broken, X, n, model, prepare) / np.abs(X).mean())
    return np.mean(errors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--only", nargs="+", default=["airline", "etth1", "m4"])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.data is None:
        parser.error("the series: pass --data FOLDER or set SKLSTM_DATA")
    warnings.filterwarnings("ignore")
    for name in options.only:
        print(f"{name}: error relative to the complete series")
        for fraction in FRACTIONS:
            for kind in ("random", "blocks"):
                rows = []
                for seed in range(options.seeds):
                    series, n_train, model, season = globals()[name](options.data, seed)
                    block = season if kind == "blocks" else 1
                    task = series, n_train, model
                    complete = error(*task, lambda X: X, 0, block, seed)
                    as_is = error(*task, lambda X: X, fraction, block, seed)
                    front = error(*task, interpolate, fraction, block, seed)
                    rows.append([as_is / complete, front / complete])
                as_is, front = np.mean(rows, axis=0)
                print(
                    f"  {fraction:.0%} {kind:7s} as they are {as_is:.3f}, "
                    f"interpolated {front:.3f}, ratio {as_is / front:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
