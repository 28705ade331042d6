"""
A network of one's own
======================

A Keras network that is not among those of this package, a convolution in front of an
LSTM, forecasts airline passengers. `KerasSequenceRegressor` makes it a scikit-learn
regressor, and `WindowForecaster` a forecaster. Needs matplotlib besides sklstm itself.
"""

# %%
# The series
# ----------
# Passengers of an airline in 144 months, as logarithms: the seasons then swing as far
# in each year.

from time import perf_counter

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from sktime.datasets import load_airline
from sktime.split import ExpandingWindowSplitter

from sklstm import ForecastDisplay, LSTMForecaster, WindowForecaster, walk_forward
from sklstm.keras import KerasSequenceRegressor

y = np.log(load_airline()).rename("log passengers")
X = y.to_frame()

# %%
# The network
# -----------
# A function builds it. ``meta`` tells what fit has been given: a window has the shape
# ``meta["X_shape_"][1:]``, here 24 months of one column, and ``meta["n_outputs_"]``
# values follow it, here 12 months. A network with another number of outputs is refused
# before it is trained. All other arguments are parameters of the estimator, to be set
# and searched over as ``regressor__model__filters``.


def convolution_and_lstm(meta, filters=16, units=32):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Conv1D(filters, 3, padding="causal", activation="relu"),
            layers.LSTM(units),
            layers.Dense(meta["n_outputs_"]),
        ]
    )


regressor = KerasSequenceRegressor(
    convolution_and_lstm,
    loss="mae",
    optimizer__learning_rate=5e-3,
    epochs=40,
    batch_size=16,
    random_state=0,
)
forecasters = {
    "convolution + LSTM": WindowForecaster(regressor, window_length=24, horizon=12),
    "LSTMForecaster": LSTMForecaster(
        window_length=24,
        horizon=12,
        learning_rate=0.01,
        epochs=100,
        random_state=0,
    ),
}

# %%
# Walking forward
# ---------------
# `WindowForecaster` cuts the windows, takes the level and the spread off each, and maps
# what the network tells back to passengers, as `LSTMForecaster` does. So both are
# walked forward alike: fit on everything before a year, forecast its twelve months at
# once, and go on, for the last three years.

splitter = ExpandingWindowSplitter(
    fh=np.arange(1, 13), initial_window=108, step_length=12
)
results, table = {}, {}
for name, forecaster in forecasters.items():
    begin = perf_counter()
    results[name] = walk_forward(forecaster, X, y, cv=splitter, season_length=12)
    seconds = perf_counter() - begin
    forecasts = results[name].forecasts
    table[name] = {
        "MAE": (forecasts["forecast"] - forecasts["actual"]).abs().mean(),
        "seconds": f"{seconds:.0f}",
    }
for name, column in (
    ("naive (last month)", "naive"),
    ("naive (month of last year)", "seasonal_naive"),
):
    table[name] = {"MAE": (forecasts[column] - forecasts["actual"]).abs().mean()}
table = pd.DataFrame(table).T.fillna("")
print("Mean absolute error of the logarithm, twelve months ahead, over three years")
print(table.to_string(float_format="{:.4f}".format))

# %%
# What to look for
# ----------------
# The network sees no more than a hundred months, and knows the seasons from the windows
# alone. `LSTMForecaster` is trained as a search on the first nine years would have it.
# Three years of one series and one ``random_state`` do not rank networks: another state
# moves an error by a hundredth. The seconds are the price of Keras' own training: each
# fit builds and compiles its network anew, while this package keeps what it has
# compiled.

figure, axes = plt.subplots(
    3, figsize=(10, 9), height_ratios=[2, 2, 1], layout="constrained"
)
for ax, (name, result) in zip(axes, results.items(), strict=False):
    own = result.forecasts
    ForecastDisplay.from_predictions(
        own["actual"], own["forecast"], naive=own["seasonal_naive"], ax=ax
    )
    ax.set_title(
        f"{name}, error {table.loc[name, 'MAE']:.3f} (naive: month of last year)",
        loc="left",
    )
    ax.set(xlabel="", ylabel="log passengers")
bars = table[::-1]
is_naive = bars.index.str.startswith("naive")
axes[2].barh(
    bars.index,
    bars["MAE"].astype(float),
    height=0.6,
    color=np.where(is_naive, "tab:orange", "tab:blue"),
)
axes[2].set_title("Mean absolute error of the logarithm", loc="left")
axes[2].spines[["top", "right"]].set_visible(False)

figure.savefig("own_network.png", dpi=120)
print("Picture saved as own_network.png")
