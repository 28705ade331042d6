"""Single series with default parameters, vs. linear, classical and naive forecasts.

    python docs/benchmarks/single_series.py [--data FOLDER] [--seeds 1] [--baselines ..]

Each series is forecast one season ahead from windows of two seasons by
``LSTMForecaster(window_length=2 * season, horizon=season)``, all other parameters at
their defaults, walking forward over 12 expanding folds in the last half of the rows.
"ridge" is scikit-learn's `RidgeCV` on the same windows, by `WindowForecaster`. The
table shows the mean absolute errors relative to the seasonal naive forecast's, their
geometric means, and the seconds of the network's fits and forecasts. The series come
with sktime, statsmodels and bokeh-sampledata; the last three need ``--data``. Needs
statsmodels.
"""

import argparse
import importlib.resources
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.datasets
from sklearn.linear_model import RidgeCV
from sktime.datasets import load_airline, load_lynx, load_PBS_dataset, load_uschange
from sktime.forecasting.ets import AutoETS
from sktime.forecasting.naive import NaiveForecaster
from sktime.forecasting.theta import ThetaForecaster
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecaster, WindowForecaster, walk_forward

FOLDS = 12
ROWS = 4000  # at most, of a long series


def load_from_packages():
    """Return the values and the season of each series that packages carry."""

    def from_statsmodels(name):
        return getattr(statsmodels.datasets, name).load_pandas().data

    def from_bokeh(name):
        file = importlib.resources.files("bokeh_sampledata") / "_data" / name
        with importlib.resources.as_file(file) as path:
            return pd.read_csv(path)

    co2 = from_statsmodels("co2")["co2"].resample("MS").mean().interpolate()
    el_nino = from_statsmodels("elnino").drop(columns="YEAR").to_numpy().ravel()
    macro = from_statsmodels("macrodata")
    jobless = from_bokeh("unemployment1948.csv").iloc[:, 2:14].to_numpy(float).ravel()
    sea = from_bokeh("sea_surface_temperature.csv.gz").iloc[::2, 1]
    return {
        "airline": (load_airline(), 12),
        "lynx": (load_lynx(), 10),
        "prescriptions": (load_PBS_dataset(), 12),
        "consumption": (load_uschange(y_name="Consumption")[0], 4),
        "sunspots, yearly": (from_statsmodels("sunspots")["SUNACTIVITY"], 11),
        "nile": (from_statsmodels("nile")["volume"], 10),
        "co2": (co2, 12),
        "gdp": (macro["realgdp"], 4),
        "el nino": (el_nino, 12),
        "interest rate": (macro["tbilrate"], 4),
        "unemployment": (jobless[np.isfinite(jobless)], 12),
        "sea temperature": (sea, 24),
    }


def load_from_folder(folder):
    """Return the values and the season of each series of the data folder."""
    univariate = Path(folder) / "univariate"
    sunspots = pd.read_csv(univariate / "monthly-sunspots.csv")
    temperature = pd.read_csv(univariate / "daily-min-temperatures.csv")
    transformer = pd.read_csv(Path(folder) / "ett" / "ETTh1.csv.gz")
    return {
        "sunspots, monthly": (sunspots["Sunspots"], 12),
        "temperature": (temperature["Temp"], 7),
        "load": (transformer["HUFL"], 24),
    }


def expanding_folds(n_rows, horizon):
    """Return a splitter whose folds divide the last half of the rows."""
    step = max((n_rows // 2 - horizon) // (FOLDS - 1), 1)
    first = n_rows - horizon - step * (FOLDS - 1)
    return ExpandingWindowSplitter(
        fh=np.arange(1, horizon + 1), initial_window=first, step_length=step
    )


def error_of_windows(model, y, cv):
    """Return the mean absolute error of a forecaster of this package."""
    result = walk_forward(model, y[:, None], y, cv=cv)
    return result.summary.loc["mean_absolute_error", "forecast"]


def error_of_sktime(forecaster, y, cv):
    """Return the mean absolute error of a forecaster of sktime."""
    errors = []
    for train, test in cv.split(y):
        steps = np.arange(1, len(test) + 1)
        forecast = forecaster.clone().fit(y[train], fh=steps).predict()
        errors.append(np.abs(forecast.ravel() - y[test]).mean())
    return np.mean(errors)


def network(seed):
    """Return the network's error on a series, given its season and folds."""

    def error(y, season, cv):
        model = LSTMForecaster(2 * season, season, random_state=seed)
        return error_of_windows(model, y, cv)

    return error


def ridge(y, season, cv):
    """Return the error of a ridge regression on the same windows."""
    model = RidgeCV(np.logspace(-2, 4, 13), fit_intercept=False)
    return error_of_windows(WindowForecaster(model, 2 * season, season), y, cv)


def theta(y, season, cv):
    """Return the error of the theta method."""
    # Its seasons are multiplicative and need positive values.
    positive = bool(y.min() > 0)
    return error_of_sktime(ThetaForecaster(deseasonalize=positive, sp=season), y, cv)


def ets(y, season, cv):
    """Return the error of exponential smoothing, with the model chosen by its AIC."""
    return error_of_sktime(AutoETS(auto=True, sp=season, n_jobs=-1), y, cv)


BASELINES = {"ridge": ridge, "theta": theta, "ets": ets}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="names of series")
    parser.add_argument("--baselines", nargs="*", default=list(BASELINES))
    arguments = parser.parse_args()
    series = load_from_packages()
    if arguments.data is not None:
        series |= load_from_folder(arguments.data)
    warnings.filterwarnings("ignore")

    rows = {}
    columns = ["default", *arguments.baselines]
    print(f"{'':18}{'rows':>6}{'season':>7}", end="")
    print("".join(f"{name:>9}" for name in columns) + f"{'seconds':>9}")
    for name in arguments.only or series:
        values, season = series[name]
        y = np.asarray(values, float)[:ROWS]
        cv = expanding_folds(len(y), season)
        scale = error_of_sktime(NaiveForecaster("last", sp=season), y, cv)
        begin = time.perf_counter()
        networks = [network(seed)(y, season, cv) for seed in range(arguments.seeds)]
        seconds = (time.perf_counter() - begin) / arguments.seeds
        errors = [np.mean(networks)]
        errors += [BASELINES[each](y, season, cv) for each in arguments.baselines]
        rows[name] = dict(zip(columns, np.array(errors) / scale, strict=True))
        print(f"{name:18}{len(y):6}{season:7}", end="")
        print("".join(f"{error:9.3f}" for error in rows[name].values()), end="")
        print(f"{seconds:9.1f}", flush=True)
    table = pd.DataFrame(rows)
    means = np.exp(np.log(table).mean(axis=1))
    print(f"{'geometric mean':31}" + "".join(f"{mean:9.3f}" for mean in means))
    if "ridge" in columns:
        ratios = table.loc["default"] / table.loc["ridge"]
        print(f"worst relative to ridge: {ratios.idxmax()}, {ratios.max():.3f}")


if __name__ == "__main__":
    main()
