"""
Walk-forward validation on a stock price
========================================

An LSTM forecasts the next day's price of a stock from windows of 60 days, with
technical indicators as features. A grid search selects one of two networks, and
walk-forward validation compares it with the naive forecast on the following years.
Needs the packages bokeh-sampledata, matplotlib and TA-Lib besides sklstm itself.
"""

# %%
# The prices
# ----------
# Closing prices of Apple, adjusted for splits and dividends. The target is the
# logarithm of the price, so a difference of 0.01 is one percent, in 2007 as in 2013.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import talib
from bokeh_sampledata.stocks import AAPL
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sktime.split import ExpandingWindowSplitter

from sklstm import (
    ForecastDisplay,
    LSTMForecaster,
    WalkForwardCV,
    WalkForwardDisplay,
    walk_forward,
)

days = pd.DatetimeIndex(AAPL["date"], name="day")
price = pd.Series(AAPL["adj_close"], index=days, name="price")

# %%
# The features
# ------------
# The first column is the log price itself. A row is never used to forecast itself, so
# the target column belongs among the features. The network receives it relative to the
# last value of each window and scaled by the window's spread, so the level of the price
# does not matter.
#
# All other columns are standardised once, with the statistics of the training rows. A
# column that follows the trend of the price would soon leave the range of the training
# rows. The moving averages and MACD are therefore divided by the price. The RSI and the
# position within the Bollinger bands do not depend on the price level.
#
# TA-Lib computes indicators from past rows only. A feature that uses future rows, such
# as a centred average or a scaling with later rows, makes excellent forecasts in a
# backtest and useless ones in practice.

close = price.to_numpy()
upper, middle, lower = talib.BBANDS(close, timeperiod=20)
_, _, macd_histogram = talib.MACD(close)
features = pd.DataFrame(
    {
        "log_price": np.log(close),
        "average_10": np.log(talib.SMA(close, 10) / close),
        "average_50": np.log(talib.SMA(close, 50) / close),
        "rsi": talib.RSI(close, 14),
        "macd": macd_histogram / close,
        "bollinger": (close - lower) / (upper - lower),
    },
    index=days,
)
X = features.dropna().iloc[-1600:]
y = X["log_price"]

n_test = 500
print(f"{len(X)} days, of which the last {n_test} are the test set")

# %%
# Hyperparameter search
# ---------------------
# `WalkForwardCV` makes sktime's expanding window splitter usable in `GridSearchCV`. The
# search uses no row of the test set. The score of a fold is the error of one-step-ahead
# forecasts over its 100 days. ``refit=False``, because the walk-forward validation
# refits in each of its folds.

pipeline = make_pipeline(
    MinMaxScaler(), LSTMForecaster(window_length=60, epochs=5, random_state=0)
)
candidates = {
    "single (32)": {"lstmforecaster__units": 32},
    "stacked (64, 32), dropout": {
        "lstmforecaster__units": (64, 32),
        "lstmforecaster__dropout": 0.2,
    },
}
first_test = len(X) - n_test
inner = ExpandingWindowSplitter(
    fh=np.arange(1, 101), initial_window=first_test - 300, step_length=100
)
search = GridSearchCV(
    pipeline,
    [{name: [value] for name, value in grid.items()} for grid in candidates.values()],
    cv=WalkForwardCV(inner),
    scoring="neg_mean_absolute_error",
    refit=False,
)
begin = perf_counter()
search.fit(X.iloc[:first_test], y.iloc[:first_test])
seconds = perf_counter() - begin

errors = pd.Series(-search.cv_results_["mean_test_score"], index=[*candidates])
errors["naive forecast"] = y.diff().iloc[first_test - 300 : first_test].abs().mean()
print(f"\nMAE of the log price in the search, without the test set ({seconds:.0f} s)")
print(errors.to_string(float_format="{:.5f}".format))

# %%
# Walk-forward validation
# -----------------------
# The test set consists of the last 500 days in five folds. In each fold, the model is
# fitted on all days before it and forecasts its 100 days one day ahead. Two more models
# are shown for comparison, but cannot be selected any more: the network that was not
# chosen, and the single layer trained for four times as many epochs.

outer = ExpandingWindowSplitter(
    fh=np.arange(1, 101), initial_window=first_test, step_length=100
)
chosen = [*candidates][search.best_index_]
longer = {**candidates["single (32)"], "lstmforecaster__epochs": 20}
results, seconds = {}, {}
for name, parameters in {**candidates, "single (32), 20 epochs": longer}.items():
    begin = perf_counter()
    model = clone(pipeline).set_params(**parameters)
    results[name] = walk_forward(model, X, y, cv=outer)
    seconds[name] = perf_counter() - begin


def measure(forecasts, column):
    """Return the errors of a column, and their excess over the naive errors."""
    actual = forecasts["actual"]
    error = (forecasts[column] - actual).abs()
    naive_error = (forecasts["naive"] - actual).abs()
    dollars = (np.exp(forecasts[column]) - np.exp(actual)).abs()
    excess = 100 * (error - naive_error) / naive_error.mean()
    return {
        "MAE, log price": f"{error.mean():.5f}",
        "MAE, dollars": f"{dollars.mean():.3f}",
        "over naive": f"{excess.mean():+.1f} %",
        "standard error": f"{excess.sem():.1f} %",
    }


table = {"naive forecast": measure(results[chosen].forecasts, "naive")}
for name, result in results.items():
    label = f"{name} (chosen)" if name == chosen else name
    table[label] = measure(result.forecasts, "forecast")
    table[label]["seconds"] = f"{seconds[name]:.0f}"
print("\nTest set, over all five folds")
print(pd.DataFrame(table).T.fillna("").to_string())

# %%
# Discussion
# ----------
# No model has a significantly lower error than the naive forecast. Daily prices are
# close to a random walk, so the best forecast of tomorrow's price is close to today's.
# Longer training makes the forecasts slightly worse rather than better: there is little
# to learn but noise.
#
# At least the network is hardly worse than the naive forecast. If the whole series is
# scaled by its mean and standard deviation instead (``normalize="standard"``) and the
# network has no linear part (``linear_skip=False``), its error is a multiple of the
# naive error, because the price leaves the range of the training rows.
#
# Judge by the bar chart rather than by the lines. In a plot, a forecast that repeats
# yesterday's price is indistinguishable from the price. An error is meaningful only in
# comparison with the naive error on the same days: it should be lower by more than two
# standard errors, and in nearly every fold. If that happens on daily prices, first
# check for a feature that uses future rows. The middle panel shows the last 40 days,
# where the forecast follows the naive forecast, one day behind the price.

figure, axes = plt.subplots(
    3, figsize=(10, 9), height_ratios=[2, 2, 1.2], layout="constrained"
)
WalkForwardDisplay.from_results(results[chosen], ax=[axes[0], axes[2]], linewidth=1)
last = results[chosen].forecasts.iloc[-40:]
ForecastDisplay.from_predictions(
    last["actual"], last["forecast"], naive=last["naive"], ax=axes[1], marker="."
)
axes[0].set_title(f"Apple, one-day-ahead forecasts: {chosen}", loc="left")
axes[1].set_title("The last 40 days", loc="left")
for ax, dollars in ((axes[0], range(40, 110, 10)), (axes[1], range(52, 80, 4))):
    low, high = ax.get_ylim()
    ax.set_yticks(np.log(dollars), [f"${value}" for value in dollars])
    ax.set(xlabel="", ylabel="price, log scale", ylim=(low, high))

figure.savefig("stock_walk_forward.png", dpi=120)
print("\nFigure saved as stock_walk_forward.png")
