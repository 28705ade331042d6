"""
Exporting a forecaster to ONNX
==============================

The network of a fitted `LSTMForecaster` is exported to ONNX and runs in onnxruntime,
without TensorFlow, Keras, scikit-learn or sklstm. The server only has to scale each
window and to map the output back. Needs matplotlib, onnxruntime and tf2onnx besides
sklstm itself.
"""

# %%
# The forecaster
# --------------
# Monthly airline passengers over 144 months, as logarithms. A window of two years is
# used to forecast one year; the last three years are the test set.

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
forecaster = LSTMForecaster(window_length=24, horizon=12, random_state=0)
forecaster.fit(X[:-n_test], y[:-n_test])

# %%
# The export
# ----------
# ``network_`` is a plain `keras.Model` of standard layers, which can be saved as
# ``.keras`` and loaded without sklstm. Keras exports it to ONNX with tf2onnx. A warning
# that tf2onnx raises about a NumPy name is suppressed.

network = forecaster.network_
with TemporaryDirectory() as folder:
    file = Path(folder) / "forecaster.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.export(file, format="onnx", verbose=False)
    served = file.read_bytes()
session = onnxruntime.InferenceSession(served)
print(f"Size of the ONNX file: {len(served) / 1024:.0f} kB")

# %%
# Serving
# -------
# The function below is all that a server needs besides the file. With the default,
# ``normalize="window"``, the level of a window is its last value, and its spread is the
# standard deviation around a straight line fitted to the window. Input and output of
# the network are relative to both: value minus level, divided by the spread. (The
# forecaster differs only for a nearly constant window: it uses a spread of at least one
# tenth of the spread of the median window.)


def serve(window):
    """Forecast the 12 months after a window of 24 months."""
    steps = np.arange(len(window))
    line = np.polyval(np.polyfit(steps, window, 1), steps)
    level, spread = window[-1], np.std(window - line)
    scaled = ((window - level) / spread).astype(np.float32)
    (output,) = session.run(None, {"window": scaled[None, :, None]})
    return output[0, :, 0] * spread + level


values = y.to_numpy()
starts = range(len(y) - n_test, len(y), 12)
onnx = np.concatenate([serve(values[start - 24 : start]) for start in starts])

# %%
# Comparison with the forecaster
# ------------------------------
# `predict` forecasts the test rows in blocks of 12 months, each from the rows before
# it.

expected = forecaster.predict(X[-n_test:])
actual = y[-n_test:]
last = np.repeat([values[start - 1] for start in starts], 12)
errors = {
    "LSTMForecaster": np.abs(expected - actual).mean(),
    "served by onnxruntime": np.abs(onnx - actual).mean(),
    "naive (last month)": np.abs(last - actual).mean(),
}
print("Mean absolute error of the log passengers, 12 months ahead, over three years")
print(pd.Series(errors).to_string(float_format="{:.4f}".format))
difference = np.abs(onnx - expected).max()
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
bottom.stem(np.arange(1, n_test + 1), np.abs(onnx - expected), basefmt=" ")
bottom.set_title("Absolute difference from LSTMForecaster.predict", loc="left")
bottom.set(xlabel="month of the test set", ylim=(0, None))
bottom.ticklabel_format(axis="y", style="scientific", scilimits=(0, 0))
bottom.spines[["top", "right"]].set_visible(False)

figure.savefig("export_onnx.png", dpi=120)
print("Figure saved as export_onnx.png")
