"""
Walk-forward forecasts of a stock price
=======================================

From windows of 60 days, with technical indicators as features, an LSTM forecasts the
next day's price of a stock. A grid search chooses between two networks, walk-forward
validation measures the choice on the years after, and the naive forecast stands beside
it. Needs the packages bokeh-sampledata, matplotlib and TA-Lib besides sklstm itself.
"""

# %%
# The prices
# ----------
# Closing prices of Apple, adjusted for splits and dividends. The target is the
# logarithm: a difference of 0.01 is then one percent, in 2007 as in 2013.

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
# The first column is the log price itself: a row is never used to forecast itself, so
# the target's own past belongs among the features. The network sees it centred on the
# last value of each window and scaled by the window's spread, so the level of the price
# does not matter. All other columns are scaled once, by what they were in the training
# rows. There a column that trends with the price would soon lie where the network has
# never been. Hence moving averages, MACD and their like go in relative to the price;
# RSI and the place within the Bollinger bands have no level to begin with.
#
# TA-Lib looks backwards only. A feature that looks ahead, by a centred average or by
# scaling with later rows, makes brilliant forecasts here and none tomorrow.

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
print(f"{len(X)} days, of which the last {n_test} are for the final test")

# %%
# One layer or two
# ----------------
# sktime's expanding window goes through `WalkForwardCV` into `GridSearchCV`. The search
# sees no row of the final test. The score of a fold is the error of the forecasts of
# its next 100 days, each made one day ahead. Nothing is refitted at the end: the
# walk-forward validation fits anew in each of its folds.

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
print(f"\nMAE of the log price in the search, before the test days ({seconds:.0f} s)")
print(errors.to_string(float_format="{:.5f}".format))

# %%
# Walking forward
# ---------------
# Now the last 500 days, in five folds: fit on everything before a fold, forecast its
# 100 days one day ahead, and go on. The network that was not chosen, and the single
# layer trained four times as long, walk along to be looked at: they come too late to be
# chosen.

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
    """Errors of a column of forecasts, and by how much they exceed the naive ones."""
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
print("\nFinal test, over all five folds")
print(pd.DataFrame(table).T.fillna("").to_string())

# %%
# What to look for
# ----------------
# Nothing here beats the naive forecast by more than chance. Daily prices are close to a
# random walk, so the best forecast of tomorrow's price is close to today's. Training
# longer makes it slightly worse rather than better: there is little to learn but noise.
# What the table does show is that the network does little harm. With the whole series
# scaled by its mean and standard deviation (``normalize="standard"``) the same network
# has about three times the naive error, because the price leaves its old range.
#
# So look at the bars rather than the lines. A forecast that repeats yesterday's price
# lies on the price in any picture, and an error means something only beside the naive
# error of the same days: more than two standard errors below it, and in nearly every
# fold. On daily prices, should that come up, look first for the feature that looks
# ahead. The middle panel shows the last 40 days, where the forecast follows the naive
# one, a day behind the price.

figure, axes = plt.subplots(
    3, figsize=(10, 9), height_ratios=[2, 2, 1.2], layout="constrained"
)
WalkForwardDisplay.from_results(results[chosen], ax=[axes[0], axes[2]], linewidth=1)
last = results[chosen].forecasts.iloc[-40:]
ForecastDisplay.from_predictions(
    last["actual"], last["forecast"], naive=last["naive"], ax=axes[1], marker="."
)
axes[0].set_title(f"Apple, forecasts one day ahead: {chosen}", loc="left")
axes[1].set_title("The last 40 days", loc="left")
for ax, dollars in ((axes[0], range(40, 110, 10)), (axes[1], range(52, 80, 4))):
    low, high = ax.get_ylim()
    ax.set_yticks(np.log(dollars), [f"${value}" for value in dollars])
    ax.set(xlabel="", ylabel="price, log scale", ylim=(low, high))

figure.savefig("stock_walk_forward.png", dpi=120)
print("\nPicture saved as stock_walk_forward.png")
