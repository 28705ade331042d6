"""Walk-forward validation with sklstm and other frameworks: time and error.

    python docs/benchmarks/walk_forward_job.py [--data FOLDER] [--rows N]

One-step-ahead forecasts of the log of AAPL's adjusted close, by default of its last
1000 rows: 5 expanding folds of 100 test rows, LSTM(32), window of 60 rows, 10 epochs,
batches of 32, Adam at a learning rate of 0.001. Each framework runs in its own process.
Times include the first compilation but not the imports. Frameworks that are not
installed are left out. darts is run with and without its own normalisation of windows.
The error is the mean absolute error, also relative to that of repeating the last price.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

FOLDS, TEST_ROWS = 5, 100
WINDOW, UNITS, EPOCHS, BATCH = 60, 32, 10, 32


def log_price(data, n_rows):
    """Load the series from the data folder or the package bokeh-sampledata."""
    import pandas as pd

    if data is not None:
        frame = pd.read_csv(Path(data) / "stock" / "AAPL.csv.gz")
        closes = frame["Adj Close"]
    else:
        from bokeh_sampledata.stocks import AAPL

        closes = AAPL["adj_close"]
    return np.log(np.asarray(closes, dtype=float))[-n_rows:]


def folds(series):
    """Return the end of the training rows and of the test rows of each fold."""
    first = len(series) - FOLDS * TEST_ROWS
    return [(end, end + TEST_ROWS) for end in range(first, len(series), TEST_ROWS)]


def scaled_windows(series, end, stop):
    """Cut windows of the z-scored series, as in many tutorials.

    Returns training windows and targets, test windows, mean and standard deviation.
    """
    mean, std = series[:end].mean(), series[:end].std()
    z = ((series - mean) / std).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(z, WINDOW)[:-1, :, None]
    targets = z[WINDOW:]
    train, test = slice(0, end - WINDOW), slice(end - WINDOW, stop - WINDOW)
    return windows[train], targets[train], windows[test], mean, std


def run_sklstm(series, n_jobs=1):
    from sktime.split import ExpandingWindowSplitter

    from sklstm import LSTMForecaster, engine, walk_forward

    model = LSTMForecaster(
        WINDOW, units=UNITS, epochs=EPOCHS, batch_size=BATCH, random_state=0
    )
    cv = ExpandingWindowSplitter(
        fh=np.arange(1, TEST_ROWS + 1),
        initial_window=folds(series)[0][0],
        step_length=TEST_ROWS,
    )
    # Import TensorFlow, and what sktime imports at the first split.
    engine.prepare_keras()
    cv.get_n_splits(np.arange(len(series)))
    yield
    result = walk_forward(model, series[:, None], series, cv=cv, n_jobs=n_jobs)
    yield result.forecasts["forecast"]


def run_keras(series):
    import keras

    yield
    for end, stop in folds(series):
        X, y, X_test, mean, std = scaled_windows(series, end, stop)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.LSTM(UNITS), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(X, y, epochs=EPOCHS, batch_size=BATCH, verbose=0)
        yield model.predict(X_test, verbose=0)[:, 0] * std + mean


def run_scikeras(series):
    import keras
    from scikeras.wrappers import KerasRegressor

    def build():
        return keras.Sequential(
            [
                keras.Input((WINDOW,)),
                keras.layers.Reshape((WINDOW, 1)),
                keras.layers.LSTM(UNITS),
                keras.layers.Dense(1),
            ]
        )

    yield
    for end, stop in folds(series):
        X, y, X_test, mean, std = scaled_windows(series, end, stop)
        model = KerasRegressor(
            build,
            loss="mse",
            optimizer="adam",
            epochs=EPOCHS,
            batch_size=BATCH,
            verbose=0,
            random_state=0,
        )
        model.fit(X[..., 0], y)
        yield np.ravel(model.predict(X_test[..., 0])) * std + mean


def run_pytorch(series):
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(1, UNITS, batch_first=True)
            self.head = torch.nn.Linear(UNITS, 1)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])[:, 0]

    yield
    for end, stop in folds(series):
        X, y, X_test, mean, std = scaled_windows(series, end, stop)
        X, y = torch.tensor(X), torch.tensor(y)
        torch.manual_seed(0)
        model = Network()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(X)).split(BATCH):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(X[batch]), y[batch])
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            yield model(torch.tensor(X_test)).numpy() * std + mean


def run_darts(series, **options):
    import logging

    from darts import TimeSeries
    from darts.models import BlockRNNModel

    logging.disable(logging.CRITICAL)
    yield
    for end, stop in folds(series):
        mean, std = series[:end].mean(), series[:end].std()
        z = TimeSeries.from_values(((series[:stop] - mean) / std).astype("float32"))
        model = BlockRNNModel(
            input_chunk_length=WINDOW,
            output_chunk_length=1,
            model="LSTM",
            hidden_dim=UNITS,
            n_epochs=EPOCHS,
            batch_size=BATCH,
            random_state=0,
            pl_trainer_kwargs={"enable_progress_bar": False, "accelerator": "cpu"},
            **options,
        )
        model.fit(z[:end])
        forecast = model.historical_forecasts(z, start=end, retrain=False)
        yield forecast.values()[:, 0] * std + mean


def run_neuralforecast(series):
    import logging

    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    logging.disable(logging.CRITICAL)
    yield
    for end, stop in folds(series):
        frame = pd.DataFrame(
            {"unique_id": "AAPL", "ds": np.arange(stop), "y": series[:stop]}
        )
        model = LSTM(
            h=1,
            input_size=WINDOW,
            encoder_hidden_size=UNITS,
            encoder_n_layers=1,
            decoder_hidden_size=UNITS,
            decoder_layers=1,
            scaler_type="standard",
            max_steps=EPOCHS * -(-(end - WINDOW) // BATCH),
            windows_batch_size=BATCH,
            learning_rate=1e-3,
            random_seed=0,
            enable_progress_bar=False,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
        )
        forecaster = NeuralForecast([model], freq=1)
        forecast = forecaster.cross_validation(
            frame, n_windows=TEST_ROWS, step_size=1, refit=False
        )
        yield forecast["LSTM"].to_numpy()


# name: (function, required package)
FRAMEWORKS = {
    "sklstm": (run_sklstm, "sklstm"),
    "sklstm, 2 jobs": (partial(run_sklstm, n_jobs=2), "sklstm"),
    "plain Keras": (run_keras, "keras"),
    "scikeras": (run_scikeras, "scikeras"),
    "PyTorch loop": (run_pytorch, "torch"),
    "darts": (run_darts, "darts"),
    "darts, window norm.": (
        partial(run_darts, use_reversible_instance_norm=True),
        "darts",
    ),
    "neuralforecast": (run_neuralforecast, "neuralforecast"),
}


def measure(name, data, n_rows):
    """Run one framework, and print its time and error as JSON."""
    warnings.filterwarnings("ignore")
    series = log_price(data, n_rows)
    job = FRAMEWORKS[name][0](series)
    next(job)
    begin = time.perf_counter()
    forecasts = np.concatenate([np.asarray(part) for part in job])
    seconds = time.perf_counter() - begin
    first = folds(series)[0][0]
    actual = series[first:]
    naive = np.abs(np.diff(series)[first - 1 :]).mean()
    error = np.abs(forecasts - actual).mean()
    print(json.dumps({"seconds": seconds, "error": error, "naive": naive}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--rows", type=int, default=1000, help="use the last N rows")
    parser.add_argument(
        "--only", nargs="+", choices=FRAMEWORKS, default=list(FRAMEWORKS)
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.data, arguments.rows)
        return
    names = [
        name for name in arguments.only if importlib.util.find_spec(FRAMEWORKS[name][1])
    ]
    results = {name: [] for name in names}
    # The frameworks take turns, so that other load on the machine affects all of them.
    for _ in range(arguments.repeats):
        for name in names:
            command = [sys.executable, __file__, "--measure", name]
            command += ["--rows", str(arguments.rows)]
            if arguments.data:
                command += ["--data", arguments.data]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr}")
            results[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python", end=" ")
    print(f"{platform.python_version()}, {arguments.rows} rows, ", end="")
    print(f"median of {arguments.repeats} runs")
    print(f"\n{'':20}{'seconds':>9}{'relative':>10}{'MAE':>9}{'relative':>10}")
    reference = np.median([r["seconds"] for r in results.get("sklstm", [])] or np.nan)
    for name, runs in results.items():
        seconds = np.median([run["seconds"] for run in runs])
        error, naive = runs[0]["error"], runs[0]["naive"]
        print(
            f"{name:20}{seconds:9.2f}{seconds / reference:10.2f}{error:9.4f}"
            f"{error / naive:10.3f}"
        )
    print(f"{'last price':20}{'':9}{'':10}{naive:9.4f}{1:10.3f}")


if __name__ == "__main__":
    main()
