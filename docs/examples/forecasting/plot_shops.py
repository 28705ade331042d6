"""
Forecasting the sales of forty shops
====================================

One network forecasts the daily sales of forty shops for two weeks. The data are as they
come out of a database: text columns, shops that open late, days without a count, and a
calendar of promotions that is known in advance. Needs matplotlib besides sklstm itself.
"""

# %%
# The table
# ---------
# The table is simulated, so that we know what there is to find. Sales follow the day of
# the week and grow slowly. A promotion raises them: by a fifth in the north, where
# customers read leaflets, and by half in the south, where they come for discounts. Some
# shops open later than others, and on some days nobody counted.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklstm import LSTMForecaster

rng = np.random.default_rng(0)
dates = pd.date_range("2024-01-01", periods=280)
effects = {
    ("north", "leaflet"): 0.2,
    ("north", "discount"): 0.0,
    ("south", "leaflet"): 0.0,
    ("south", "discount"): 0.5,
}


def simulate_shop(number):
    opening = rng.integers(60, 200) if number % 5 == 0 else 0
    region = ["north", "south"][number % 2]
    promotion = rng.choice(["none", "leaflet", "discount"], 280, p=[0.8, 0.1, 0.1])
    effect = [effects.get((region, each), 0.0) for each in promotion]
    week = np.array([0.9, 0.9, 1.0, 1.0, 1.2, 1.5, 0.4])[dates.dayofweek]
    level = 10 ** rng.uniform(2, 4) * np.exp(np.cumsum(rng.normal(0, 0.01, 280)))
    sales = level * week * (1 + np.array(effect)) * rng.normal(1, 0.05, 280)
    sales[rng.random(280) < 0.03] = np.nan
    return pd.DataFrame(
        {
            "date": dates.astype(str),
            "shop": f"shop {number:02d}",
            "region": region,
            "area": rng.integers(200, 2000),
            "promotion": promotion,
            "sales": sales.round(),
        }
    )[opening:]


table = pd.concat([simulate_shop(number) for number in range(40)], ignore_index=True)
print(table.sample(5, random_state=0).to_string(index=False))
print(f"{len(table)} rows, {table['sales'].isna().sum()} of them without sales")

# %%
# From the table to series
# ------------------------
# Two steps of preparation are needed: the dates become times, and shop and date become
# the index, because they say to which series and time a row belongs. We add the day of
# the week, which is known in advance as well.
#
# The text columns stay as they are, and so do the missing values.

table["date"] = pd.to_datetime(table["date"])
table["weekday"] = table["date"].dt.day_name()
shops = table.set_index(["shop", "date"])

last_day = shops.index.levels[1][-15]
days = shops.index.get_level_values("date")
train, test = shops[days <= last_day], shops[days > last_day]

# %%
# The forecaster
# --------------
# All shops share one network. It reads a learned vector of each category; the region
# and the area are constant in each shop, and so tell the network which kind of shop it
# forecasts. Days without sales are not learned, and their places in a window are filled
# from the days around them.

forecaster = LSTMForecaster(
    window_length=28,
    horizon=14,
    target="sales",
    known_future=["promotion", "weekday"],
    units=32,
    epochs=10,
    random_state=0,
)
forecaster.fit(train, train["sales"])
forecast = forecaster.forecast(X_future=test)

# %%
# The result
# ----------
# The naive forecast repeats the last known sales on the same day of the week, and the
# second network does not know the promotions.

by_shop = shops["sales"].groupby("shop")
first_week = days <= last_day + pd.Timedelta("7D")
naive = by_shop.shift(7).where(first_week, by_shop.shift(14))[days > last_day]

without = LSTMForecaster(
    window_length=28,
    horizon=14,
    target="sales",
    known_future="weekday",
    epochs=10,
    random_state=0,
)
columns = ["sales", "weekday"]
without.fit(train[columns], train["sales"])
unaware = without.forecast(X_future=test)


def error(forecast):
    """Mean over the shops of the mean absolute error, in percent of the sales."""
    errors = (forecast - test["sales"]).abs().groupby("shop").mean()
    return (100 * errors / test["sales"].groupby("shop").mean()).mean()


print(f"naive (same day of the week)  {error(naive):5.1f} %")
print(f"without promotions           {error(unaware):5.1f} %")
print(f"with promotions and regions  {error(forecast):5.1f} %")

# %%
# Four of the shops, the last two of which opened during the year. Dots mark days with a
# promotion.

figure, panels = plt.subplots(4, 1, figsize=(8, 8), sharex=True, layout="constrained")
for panel, name in zip(
    panels, ["shop 01", "shop 02", "shop 05", "shop 10"], strict=True
):
    history, actual = train.loc[name].tail(42), test.loc[name]
    panel.plot(pd.concat([history, actual])["sales"], color="0.4", label="sales")
    panel.plot(forecast.loc[name], color="tab:red", label="forecast")
    promoted = actual[actual["promotion"] != "none"]
    panel.plot(promoted["sales"], "o", color="tab:blue", label="promotion")
    panel.set_title(f"{name}, {actual['region'].iloc[0]}", loc="left", fontsize=10)
    panel.set_ylim(bottom=0)
panels[0].legend(loc="upper left", ncols=3, fontsize=9)
figure.autofmt_xdate()
figure.savefig("shops.png", dpi=100)
print("Figure saved as shops.png")
