"""ETTh1, one day ahead: mean squared error on the standard split, and intervals.

    python docs/benchmarks/etth1.py --data FOLDER [--seeds 3] [--all]

Forecasts the oil temperature alone or, with ``--all``, all seven columns with one
network.

Training rows 0-8639, validation rows 8640-11519, test rows 11520-14399. Values are
standardised with the training rows, and 24 hours are forecast from every hour. The
script prints the errors on the validation rows and evaluates the best parameters on the
test rows once. Last, it prints the scores of the 90 % prediction intervals of the oil
temperature, calibrated on the last fifth of the training windows, over daily forecasts
of all rows after the training rows.
"""

import argparse
import copy
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import ParameterGrid
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecaster, walk_forward

TRAIN, VALIDATE, TEST = 8640, 11520, 14400
HORIZON, DAY = 24, 24
GRID = {
    "window_length": [168, 336],
    "normalize": ["last", "window"],
    "loss": ["mse", "mae"],
}
FIXED = {"horizon": HORIZON, "patch_length": DAY, "epochs": 10}


def truth(y, begin, end, horizon=HORIZON):
    """Return the actual values after each origin, (n_origins, horizon, ...)."""
    windows = np.lib.stride_tricks.sliding_window_view(y[begin:end], horizon, axis=0)
    return np.moveaxis(windows, -1, 1)


def forecast_from_each_row(model, y, begin, end):
    """Forecast from every origin with a forecaster that has seen the rows before.

    `predict` forecasts blocks of `horizon` rows. As many calls, each of which starts
    one row later than the previous one, cover every origin.
    """
    horizon = model.horizon
    forecasts = np.empty((end - begin - horizon + 1, horizon, *y.shape[1:]))
    X = y.reshape(len(y), -1)
    for shift in range(min(horizon, len(forecasts))):
        shifted = copy.copy(model)
        if shift:
            shifted.update(X[begin : begin + shift])
        n_blocks = (end - begin - shift) // horizon
        rows = X[begin + shift : begin + shift + n_blocks * horizon]
        blocks = shifted.predict(rows).reshape(-1, horizon, *y.shape[1:])
        forecasts[shift::horizon] = blocks
    return forecasts


def mse(forecasts, y, begin, end):
    return np.mean((forecasts - truth(y, begin, end, forecasts.shape[1])) ** 2)


def naive_forecast(y, begin, end, lag):
    """Repeat the last value (lag 1), or the values of the day before (lag 24)."""
    steps = np.arange(HORIZON) % lag
    origins = np.arange(begin, end - HORIZON + 1)
    return y[origins[:, None] - lag + steps]


def linear_map(y, begin, end, window_length):
    """NLinear by least squares: a linear map of the window minus its last value."""
    if y.ndim == 2:
        columns = [linear_map(column, begin, end, window_length) for column in y.T]
        return np.stack(columns, axis=-1)

    def windows(begin, end):
        rows = y[begin - window_length : end - HORIZON]
        cut = np.lib.stride_tricks.sliding_window_view(rows, window_length)
        return cut - cut[:, -1:], cut[:, -1:]

    past, last = windows(window_length, TRAIN)
    future = truth(y, window_length, TRAIN) - last
    weights = np.linalg.lstsq(past, future, rcond=None)[0]
    past, last = windows(begin, end)
    return past @ weights + last


def fit_to(y, end, seed, parameters):
    """Fit on the training rows, and append all later rows before `end`."""
    model = LSTMForecaster(random_state=seed, **FIXED, **parameters)
    X = y.reshape(len(y), -1)
    model.fit(X[:TRAIN], y[:TRAIN])
    return model.update(X[TRAIN:end]) if end > TRAIN else model


def walk_with_intervals(y, parameters):
    """Forecast each day with 90 % intervals, with a network that is fitted once."""
    days = ExpandingWindowSplitter(
        fh=np.arange(1, HORIZON + 1), initial_window=TRAIN, step_length=HORIZON
    )
    model = LSTMForecaster(calibration_split=0.2, random_state=0, **FIXED, **parameters)
    X = y[:TEST, None]
    return walk_forward(model, X, y[:TEST], cv=days, coverage=0.9, refit=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--all", action="store_true", help="all seven columns")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("pass --data FOLDER (with ett/ETTh1.csv.gz) or set SKLSTM_DATA")
    frame = pd.read_csv(Path(arguments.data) / "ett" / "ETTh1.csv.gz")
    oil = frame["OT"].to_numpy()
    y = frame.drop(columns="date").to_numpy() if arguments.all else oil
    y = (y - y[:TRAIN].mean(axis=0)) / y[:TRAIN].std(axis=0)
    seeds = range(arguments.seeds)

    print("Validation rows (mean over seeds)")
    errors = []
    candidates = list(ParameterGrid(GRID))
    for parameters in candidates:
        models = [fit_to(y, TRAIN, seed, parameters) for seed in seeds]
        part = (y, TRAIN, VALIDATE)
        errors.append(
            np.mean([mse(forecast_from_each_row(m, *part), *part) for m in models])
        )
        print(f"  {errors[-1]:.4f}  {parameters}", flush=True)
    best = candidates[int(np.argmin(errors))]

    part = (y, VALIDATE, TEST)
    print("\nTest rows" + " " * 27 + "MSE")
    for name, lag in (("last value", 1), ("same hour of the day before", DAY)):
        print(f"  {name:32}{mse(naive_forecast(*part, lag), *part):.4f}")
    linear = linear_map(*part, best["window_length"])
    print(f"  {'linear map (NLinear)':32}{mse(linear, *part):.4f}")
    begin = time.perf_counter()
    models = [fit_to(y, VALIDATE, seed, best) for seed in seeds]
    seconds = (time.perf_counter() - begin) / len(models)
    errors = [mse(forecast_from_each_row(m, *part), *part) for m in models]
    print(f"  {'LSTMForecaster':32}{np.mean(errors):.4f}", end="")
    by_seed = ", ".join(f"{error:.4f}" for error in errors)
    print(f"  (by seed {by_seed}; {seconds:.1f} s per fit)")
    print(f"\nwith {best | FIXED}, otherwise default parameters")
    if not arguments.all:
        print(f"\n90 % intervals of daily forecasts from row {TRAIN}, in degrees")
        print(walk_with_intervals(oil, best))


if __name__ == "__main__":
    main()
