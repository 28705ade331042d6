"""Many short series (M3 monthly, M4 hourly and weekly): one network for each frequency.

    python docs/benchmarks/m4.py --data FOLDER [--only hourly ...] [--validate]

All series of a frequency are learnt by one `LSTMForecaster`, whose parameters were
chosen on the training parts (``--validate`` holds the last horizon of those out, and
does not look at the test parts). Printed are the measures of the M4 competition: sMAPE,
MASE, and OWA, the mean of both over those of Naive2 on the same series; and the seconds
of everything, beside sktime's NaiveForecaster and ThetaForecaster. Of the hourly series
the share of the values to be forecast within 90 % intervals is printed too, those being
calibrated on the last fifth of the training rows. Needs statsmodels.
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

# File, horizon, the competition's season, and what the network is made of.
FREQUENCIES = {
    "monthly": (
        "m3_monthly",
        18,
        12,
        {"window_length": 24, "units": 64, "epochs": 20},
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
        {"window_length": 104, "patch_length": 4, "units": 32, "epochs": 10},
    ),
}

PEERS = {"seasonal naive": NaiveForecaster, "theta": ThetaForecaster}


def read(path, horizon, validate):
    """Training rows and actual values of each series."""
    series = []
    for _, rows in pd.read_csv(path).groupby("id", sort=False):
        values = rows["value"].to_numpy(float)
        if validate:
            values = values[: (rows["split"] == "train").sum()]
        series.append((values[:-horizon], values[-horizon:]))
    return series


def measures(series, forecasts, season):
    """sMAPE and MASE, each the mean over the series."""
    smape, mase = [], []
    for (train, actual), forecast in zip(series, forecasts, strict=True):
        off = np.abs(actual - forecast)
        smape.append(200 * np.mean(off / (np.abs(actual) + np.abs(forecast))))
        scale = np.mean(np.abs(train[season:] - train[:-season]))
        mase.append(off.mean() / scale)
    return np.array([np.mean(smape), np.mean(mase)])


def one_by_one(make, horizon):
    """Forecasts of a forecaster of sktime, fitted to each series."""
    steps = np.arange(1, horizon + 1)
    return lambda series: [
        np.ravel(make().fit(pd.Series(train)).predict(steps)) for train, _ in series
    ]


def deseasonalised(season, forecast):
    """Forecasts made without the season, where it is significant, and given it back."""

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
            again = part.inverse_transform(pd.Series(values, index=index))
            forecasts.append(again.to_numpy())
        return forecasts

    return forecaster


def network(horizon, seed, **parameters):
    """Forecasts of one network for all series."""

    def forecaster(series):
        model = LSTMForecaster(horizon=horizon, random_state=seed, **parameters)
        model.fit([train[:, None] for train, _ in series])
        return [forecast[:, 0] for forecast in model.forecast()]

    return forecaster


def coverage(series, horizon, seed, **parameters):
    """The share of the actual values that lie within 90 % intervals."""
    model = LSTMForecaster(
        horizon=horizon, calibration_split=0.2, random_state=seed, **parameters
    )
    intervals = model.fit([train[:, None] for train, _ in series]).forecast_interval()
    inside = [
        (ends[:, 0, 0] <= actual) & (actual <= ends[:, 0, 1])
        for ends, (_, actual) in zip(intervals, series, strict=True)
    ]
    return np.mean(inside)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--only", nargs="+", default=list(FREQUENCIES))
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--series", type=int, help="take only the first so many")
    parser.add_argument("--peers", nargs="*", default=["seasonal naive", "theta"])
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
        for peer in options.peers:
            methods[peer] = one_by_one(partial(PEERS[peer], sp=season), horizon)
        for seed in range(options.seeds):
            own = network(horizon, seed, **parameters)
            if name == "monthly":
                own = deseasonalised(season, own)
            methods[f"sklstm, seed {seed}"] = own
        print(f"{name}: {len(series)} series, horizon {horizon}")
        reference = None
        for method, forecast in methods.items():
            begin = time.perf_counter()
            found = measures(series, forecast(series), season)
            seconds = time.perf_counter() - begin
            reference = found if reference is None else reference
            owa = np.mean(found / reference)
            print(
                f"  {method:16s} sMAPE {found[0]:6.3f} MASE {found[1]:6.3f} "
                f"OWA {owa:.3f} {seconds:6.1f} s",
                flush=True,
            )

        if name == "hourly":
            share = coverage(series[:50], horizon, 0, **parameters)
            print(f"  within 90 % intervals, first 50 series: {share:.3f}")


if __name__ == "__main__":
    main()
