"""Time and memory of searches, fits, forecasts and imports: one table per topic.

    python docs/benchmarks/speed.py [search] [rows] [first] [forecast] [imports]

- search: a grid search of 12 candidates on 5 folds, LSTMs with 8 to 32 units, windows
  of 10 rows, 600 rows, 5 epochs; with one and two threads, and with scikeras.
- rows: time and memory of one epoch by number of rows (window of 10) and by window
  length (100,000 rows); memory is the peak minus the peak of a fit on 1000 rows.
- first: breakdown of the first fit in a new process, LSTM(32), window of 60 rows.
- forecast: one row or one block, after the first call, compared with Keras' `predict`;
  and `update` with `forecast` for a short and a long history.
- imports: seconds until `import sklstm` and related imports are done.

Each figure is measured in its own process. The processes of one table take turns, and
the median is printed. Packages that are not installed are left out.
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

import numpy as np

WINDOW, ROWS, FOLDS = 10, 600, 5


def random_walk(n_rows, n_columns=1):
    rng = np.random.default_rng(0)
    return np.cumsum(rng.normal(size=(n_rows, n_columns)), axis=0)


def search_sklstm(n_jobs):
    import joblib
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    from sklstm import LSTMForecaster, engine

    engine.prepare_keras()  # loads TensorFlow before the time is measured
    y = random_walk(ROWS)
    search = GridSearchCV(
        LSTMForecaster(WINDOW, epochs=5, random_state=0),
        {
            "units": [8, 16, 32],
            "learning_rate": [0.001, 0.003, 0.01, 0.03],
        },
        cv=TimeSeriesSplit(FOLDS),
        n_jobs=n_jobs,
    )
    begin = time.perf_counter()
    with joblib.parallel_config("threading"):
        search.fit(y, y[:, 0])
    return {"seconds": time.perf_counter() - begin}


def search_scikeras(n_jobs):
    import keras
    from scikeras.wrappers import KerasRegressor
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    def build(units):
        return keras.Sequential(
            [
                keras.Input((WINDOW,)),
                keras.layers.Reshape((WINDOW, 1)),
                keras.layers.LSTM(units),
                keras.layers.Dense(1),
            ]
        )

    y = random_walk(ROWS)[:, 0].astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(y, WINDOW)[:-1]
    search = GridSearchCV(
        KerasRegressor(
            build,
            loss="mse",
            optimizer="adam",
            model__units=8,
            epochs=5,
            batch_size=32,
            random_state=0,
            verbose=0,
        ),
        {
            "model__units": [8, 16, 32],
            "optimizer__learning_rate": [0.001, 0.003, 0.01, 0.03],
        },
        cv=TimeSeriesSplit(FOLDS),
        n_jobs=n_jobs,
    )
    begin = time.perf_counter()
    search.fit(windows - windows[:, -1:], y[WINDOW:] - windows[:, -1])
    return {"seconds": time.perf_counter() - begin}


def fit_rows(n_rows, window_length):
    import resource

    from sklstm import LSTMForecaster

    def fit(n):
        model = LSTMForecaster(
            window_length, units=16, epochs=1, batch_size=256, random_state=0
        )
        begin = time.perf_counter()
        model.fit(random_walk(n))
        return time.perf_counter() - begin

    fit(1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = fit(n_rows)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "megabytes": (after - before) / 1024}


def first_fit():
    stages = {}
    begin = time.perf_counter()

    def stage(name):
        nonlocal begin
        stages[name] = time.perf_counter() - begin
        begin = time.perf_counter()

    from sklstm import LSTMForecaster, engine

    stage("import sklstm with LSTMForecaster")
    engine.prepare_keras()
    stage("load TensorFlow and Keras")
    y = random_walk(1000)

    def fit(rows=1000, random_state=0):
        return LSTMForecaster(60, epochs=1, random_state=random_state).fit(y[:rows])

    model = fit()
    stage("first fit, one epoch")
    model.predict(y[:1])
    stage("first forecast")
    fit(random_state=1)
    stage("second fit")
    fit(rows=700)
    stage("third fit, other number of rows")
    with engine.borrow_program(model._network, model._training_spec) as program:
        stages["traced functions (once each)"] = program.n_traces
    return stages


def forecast_sklstm(n_rows):
    from sklstm import LSTMForecaster

    y = random_walk(n_rows)
    model = LSTMForecaster(60, horizon=5, epochs=1, batch_size=256, random_state=0)
    model.fit(y[-2000:]).update(y, replace=True)
    new = random_walk(5)
    tasks = {
        "forecast()": model.forecast,
        "predict one row": lambda: model.predict(new[:1]),
        "predict one block": lambda: model.predict(new),
        "update and forecast": lambda: model.update(new[:1]).forecast(),
    }
    return {name: _milliseconds(task) for name, task in tasks.items()}


def forecast_keras(n_rows):
    import keras

    model = keras.Sequential(
        [keras.Input((60, 1)), keras.layers.LSTM(32), keras.layers.Dense(5)]
    )
    window = random_walk(60)[None].astype("float32")
    return {"predict one row": _milliseconds(lambda: model.predict(window, verbose=0))}


def _milliseconds(task, repeats=50):
    task()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        task()
        times.append(time.perf_counter() - begin)
    return 1000 * float(np.median(times))


def import_module(name):
    begin = time.perf_counter()
    if name == "sklstm.engine, TensorFlow":
        from sklstm import engine

        engine.prepare_keras()
    else:
        importlib.import_module(name)
    return {"seconds": time.perf_counter() - begin}


# topic: rows of its table, each with a name, a function of this file, and its arguments
TOPICS = {
    "search": [
        ("sklstm, 1 thread", "search_sklstm", [1]),
        ("sklstm, 2 threads", "search_sklstm", [2]),
        ("scikeras, 1 job", "search_scikeras", [1]),
    ],
    "rows": [
        (f"{n_rows:9,} rows, window {window:3}", "fit_rows", [n_rows, window])
        for n_rows, window in (
            (1_000, 10),
            (10_000, 10),
            (100_000, 10),
            (1_000_000, 10),
            (100_000, 60),
            (100_000, 240),
        )
    ],
    "first": [("", "first_fit", [])],
    "forecast": [
        ("sklstm, 1,000 rows", "forecast_sklstm", [1_000]),
        ("sklstm, 1,000,000 rows", "forecast_sklstm", [1_000_000]),
        ("Keras", "forecast_keras", [0]),
    ],
    "imports": [
        (name, "import_module", [name])
        for name in (
            "numpy",
            "sklearn.pipeline",
            "sklstm",
            "sklstm.forecasting",
            "sklstm.model_selection",
            "sklstm.engine, TensorFlow",
        )
    ],
}
REQUIRED_PACKAGE = {"search_scikeras": "scikeras"}


def measure(function, arguments):
    command = [sys.executable, __file__, "--measure", function, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{function}{tuple(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def print_table(topic, repeats):
    rows = [
        row
        for row in TOPICS[topic]
        if importlib.util.find_spec(REQUIRED_PACKAGE.get(row[1], "sklstm"))
    ]
    results = {name: [] for name, _, _ in rows}
    for _ in range(repeats):
        for name, function, arguments in rows:
            results[name].append(measure(function, arguments))
    print(f"\n{topic}")
    columns = list(dict.fromkeys(key for each in results.values() for key in each[0]))
    if topic == "first":
        (runs,) = results.values()
        for key in columns:
            print(f"  {key:36}{np.median([run[key] for run in runs]):8.2f}")
        return
    print(f"{'':28}" + "".join(f"{column:>20}" for column in columns))
    for name, runs in results.items():
        values = [
            f"{np.median([run[column] for run in runs]):20.2f}"
            if column in runs[0]
            else f"{'':20}"
            for column in columns
        ]
        print(f"  {name:26}{''.join(values)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topics", nargs="*", metavar="topic")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        warnings.filterwarnings("ignore")
        function, arguments = options.measure
        print(json.dumps(globals()[function](*json.loads(arguments))))
        return
    unknown = set(options.topics) - set(TOPICS)
    if unknown:
        parser.error(f"unknown topic {unknown}: choose from {list(TOPICS)}")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}; times in seconds, forecasts in milliseconds, "
        f"median of {options.repeats} runs"
    )
    for topic in options.topics or TOPICS:
        print_table(topic, options.repeats)


if __name__ == "__main__":
    main()
