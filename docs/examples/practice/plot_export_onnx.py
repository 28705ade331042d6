"""
A forecaster served by onnxruntime
==================================

The network of a fitted `LSTMForecaster` is exported to ONNX and forecasts without
TensorFlow, Keras, scikit-learn and sklstm: a window is scaled by two numbers, and what
the network tells is scaled back. Needs matplotlib, onnxruntime and tf2onnx besides
sklstm itself.
"""

# %%
# The forecaster
# --------------
# Passengers of an airline in 144 months, as logarithms. Two years are read, a year is
# forecast; the last three years are kept for the test.

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
from sktime.datasets import load_airline

from sklstm import ForecastDisplay, LSTMForecaster

y = np.log(load_airline()).rename("log passengers")
X = y.to_frame()
n_test = 36
forecaster = LSTMForecaster(
    window_length=24,
    horizon=12,
    epochs=100,
    learning_rate=0.01,
    random_state=0,
)
forecaster.fit(X[:-n_test], y[:-n_test])

# %%
# The export
# ----------
# ``network_`` is a plain `keras.Model` of standard layers. It saves as ``.keras`` and
# loads where sklstm is not installed, and Keras exports it to ONNX by tf2onnx: once it
# has been called, and with a warning of a name that tf2onnx asks NumPy for.

network = forecaster.network_
network([np.zeros((1, 24, 1))])
with TemporaryDirectory() as folder:
    file = Path(folder) / "forecaster.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.export(file, format="onnx", verbose=False)
    served = file.read_bytes()
session = onnxruntime.InferenceSession(served)
print(f"The file has {len(served) / 1024:.0f} kB")

# %%
# The forecast
# ------------
# This is all that a server needs besides the file. By default, ``normalize="window"``,
# a window's level is its last value, and its spread the standard deviation around its
# own straight line. The network reads the window minus its level, over its spread, and
# tells the same of the rows to come. (Only a nearly constant window is scaled
# otherwise: a spread counts as a tenth of that of the median window at least.)


def serve(window):
    """Forecast the twelve months after a window of 24."""
    steps = np.arange(len(window))
    line = np.polyval(np.polyfit(steps, window, 1), steps)
    level, spread = window[-1], np.std(window - line)
    scaled = ((window - level) / spread).astype(np.float32)
    (told,) = session.run(None, {"window": scaled[None, :, None]})
    return told[0, :, 0] * spread + level


values = y.to_numpy()
starts = range(len(y) - n_test, len(y), 12)
onnx = np.concatenate([serve(values[start - 24 : start]) for start in starts])

# %%
# The same forecasts
# ------------------
# `predict` walks the test rows in blocks of twelve, each from the rows before it.

own = forecaster.predict(X[-n_test:])
actual = y[-n_test:]
last = np.repeat([values[start - 1] for start in starts], 12)
errors = {
    "LSTMForecaster": np.abs(own - actual).mean(),
    "served by onnxruntime": np.abs(onnx - actual).mean(),
    "naive (last month)": np.abs(last - actual).mean(),
}
print("Mean absolute error of the logarithm, twelve months ahead, over three years")
print(pd.Series(errors).to_string(float_format="{:.4f}".format))
difference = np.abs(onnx - own).max()
print(f"The forecasts differ by at most {difference:.1e}")
assert difference < 1e-4

begin = perf_counter()
for _ in range(100):
    serve(values[-24:])
milliseconds = 10 * (perf_counter() - begin)
print(f"A forecast takes {milliseconds:.2f} ms")

figure, (top, bottom) = plt.subplots(
    2, figsize=(10, 6), height_ratios=[3, 1], layout="constrained"
)
ForecastDisplay.from_predictions(
    actual,
    pd.Series(onnx, index=actual.index),
    naive=pd.Series(last, index=actual.index),
    past=y[-n_test - 24 : -n_test],
    ax=top,
)
top.set_title(
    f"Served by onnxruntime, {len(served) / 1024:.0f} kB, {milliseconds:.1f} ms each",
    loc="left",
)
bottom.stem(np.arange(1, n_test + 1), np.abs(onnx - own), basefmt=" ")
bottom.set_title("How far off LSTMForecaster's own forecasts", loc="left")
bottom.set(xlabel="month of the test", ylim=(0, None))
bottom.ticklabel_format(axis="y", style="scientific", scilimits=(0, 0))
bottom.spines[["top", "right"]].set_visible(False)

figure.savefig("export_onnx.png", dpi=120)
print("Picture saved as export_onnx.png")
