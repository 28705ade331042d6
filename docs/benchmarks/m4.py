"""Many short series (M3 monthly, M4 hourly and weekly): one network per frequency.

    python docs/benchmarks/m4.py --data FOLDER [--only hourly ...] [--validate]

One `LSTMForecaster` is fitted on all series of a frequency. Its parameters were chosen
on the training rows: ``--validate`` holds out the last horizon of them and does not use
the test rows. Prints the metrics of the M4 competition: sMAPE, MASE, and OWA, the mean
of both relative to Naive2 on the same series, as well as the time of each method,
including sktime's NaiveForecaster and ThetaForecaster. For hourly series, it also
prints the coverage of 90 % prediction intervals that are calibrated on the last fifth
of the training windows. Needs statsmodels.
"""

import argparse
import os
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sktime.forecasting.naive import NaiveForecaster
from sktime.forecasting.theta import ThetaForecaster
from sktime.transformations.series.detrend import ConditionalDeseasonalizer

from sklstm import LSTMForecaster

# File, horizon, seasonal period used by the competition, parameters of the network.
FREQUENCIES = {
    "monthly": (
        "m3_monthly",
        18,
        12,
        {
            "window_length": 24,
            "units": 64,
            "epochs": 20,
            "linear_skip": "zero",
        },
    ),
    "hourly": (
        "m4_hourly",
        48,
        24,
        {"window_length": 336, "patch_length": 24, "units": 64, "epochs": 10},
    ),
    "weekly": (
        "m4_weekly",
        13,
        1,
        {
            "window_length": 104,
            "patch_length": 4,
            "units": 32,
            "epochs": 5,
            "linear_skip": "zero",
        },
    ),
}

BASELINES = {"seasonal naive": NaiveForecaster, "theta": ThetaForecaster}


def read(path, horizon, validate):
    """Return the training rows and the actual values of each series."""
    series = []
    for _, rows in pd.read_csv(path).groupby("id", sort=False):
        values = rows["value"].to_numpy(float)
        if validate:
            values = values[: (rows["split"] == "train").sum()]
        series.append((values[:-horizon], values[-horizon:]))
    return series


def measures(series, forecasts, season):
    """Return sMAPE and MASE, each averaged over the series."""
    smape, mase = [], []
    for (train, actual), forecast in zip(series, forecasts, strict=True):
        error = np.abs(actual - forecast)
        smape.append(200 * np.mean(error / (np.abs(actual) + np.abs(forecast))))
        scale = np.mean(np.abs(train[season:] - train[:-season]))
        mase.append(error.mean() / scale)
    return np.array([np.mean(smape), np.mean(mase)])


def one_by_one(make, horizon):
    """Forecast each series with a new forecaster of sktime."""
    steps = np.arange(1, horizon + 1)
    return lambda series: [
        np.ravel(make().fit(pd.Series(train)).predict(steps)) for train, _ in series
    ]


def deseasonalised(season, forecast):
    """Forecast deseasonalised series, if the season is significant, and add it back."""

    if season == 1:
        return forecast

    def forecaster(series):
        parts, rest = [], []
        for train, actual in series:
            part = ConditionalDeseasonalizer(sp=season, model="multiplicative")
            parts.append(part)
            rest.append((part.fit_transform(pd.Series(train)).to_numpy(), actual))
        forecasts = []
        rows = zip(parts, series, forecast(rest), strict=True)
        for part, (train, actual), values in rows:
            index = np.arange(len(train), len(train) + len(actual))
            seasonal = part.inverse_transform(pd.Series(values, index=index))
            forecasts.append(seasonal.to_numpy())
        return forecasts

    return forecaster


def network(horizon, seed, **parameters):
    """Forecast all series with one network."""

    def forecaster(series):
        model = LSTMForecaster(horizon=horizon, random_state=seed, **parameters)
        model.fit([train[:, None] for train, _ in series])
        return [forecast[:, 0] for forecast in model.forecast()]

    return forecaster


def coverage(series, horizon, seed, **parameters):
    """Return the fraction of the actual values that lie within 90 % intervals."""
    model = LSTMForecaster(
        horizon=horizon, calibration_split=0.2, random_state=seed, **parameters
    )
    intervals = model.fit([train[:, None] for train, _ in series]).forecast_interval()
    inside = [
        (bounds[:, 0, 0] <= actual) & (actual <= bounds[:, 0, 1])
        for bounds, (_, actual) in zip(intervals, series, strict=True)
    ]
    return np.mean(inside)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--only", nargs="+", default=list(FREQUENCIES))
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--series", type=int, help="number of series to use")
    parser.add_argument("--baselines", nargs="*", default=list(BASELINES))
    options = parser.parse_args()
    if options.data is None:
        parser.error("the series: pass --data FOLDER or set SKLSTM_DATA")
    warnings.filterwarnings("ignore")
    for name in options.only:
        file, horizon, season, parameters = FREQUENCIES[name]
        path = Path(options.data) / "m4" / f"{file}.csv.gz"
        series = read(path, horizon, options.validate)[: options.series]
        last = one_by_one(lambda: NaiveForecaster("last"), horizon)
        methods = {"Naive2": deseasonalised(season, last)}
        for baseline in options.baselines:
            make = partial(BASELINES[baseline], sp=season)
            methods[baseline] = one_by_one(make, horizon)
        for seed in range(options.seeds):
            sklstm = network(horizon, seed, **parameters)
            if name == "monthly":
                sklstm = deseasonalised(season, sklstm)
            methods[f"sklstm, seed {seed}"] = sklstm
        print(f"{name}: {len(series)} series, horizon {horizon}")
        reference = None
        for method, forecast in methods.items():
            begin = time.perf_counter()
            metrics = measures(series, forecast(series), season)
            seconds = time.perf_counter() - begin
            reference = metrics if reference is None else reference
            owa = np.mean(metrics / reference)
            print(
                f"  {method:16s} sMAPE {metrics[0]:6.3f} MASE {metrics[1]:6.3f} "
                f"OWA {owa:.3f} {seconds:6.1f} s",
                flush=True,
            )

        if name == "hourly":
            fraction = coverage(series[:50], horizon, 0, **parameters)
            print(f"  coverage of 90 % intervals, first 50 series: {fraction:.3f}")


if __name__ == "__main__":
    main()
