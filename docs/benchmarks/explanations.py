"""Explanations: time and memory of attribution, and a picture of each kind.

    python docs/benchmarks/explanations.py [--data FOLDER] [--pictures FOLDER
                                            [--only-pictures]]

The first table shows the time to attribute one value of the forecast from 1000 windows
of 60 rows of 8 columns to all their values, the memory that this takes beyond that of
the network and its data, and how far the contributions are from adding up, for 1000
and for 4000 windows. The second one shows in how many of 20 series of known causes,
made with different seeds, the cause has the largest contribution and importance.

With --pictures, four are drawn: a forecast of ETTh1, a speaker of JapaneseVowels (which
aeon or sktime install), sentences from film reviews and an alarm of SMD. The first and
the last two need --data.
"""

import argparse
import os
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
from sklearn.pipeline import make_pipeline
from sktime.datasets import load_japanese_vowels
from sktime.split import ExpandingWindowSplitter

from sklstm import (
    AttributionDisplay,
    LSTMForecastDetector,
    LSTMForecaster,
    RNNClassifier,
    SequenceTokenizer,
)
from sklstm.inspection import attribute, permutation_importance

WINDOW_LENGTH, N_COLUMNS = 60, 8
N_WINDOWS = (1000, 4000)
SEEDS = range(20)
SENTENCES = 4


class PeakMemory:
    """Largest memory of the process, in MiB beyond that at the beginning."""

    def __enter__(self):
        self._process, self._stopped = psutil.Process(), threading.Event()
        self._begin = self._largest = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stopped.wait(0.005):
            self._largest = max(self._largest, self._process.memory_info().rss)

    def __exit__(self, *error):
        self._stopped.set()
        self._thread.join()

    @property
    def mebibytes(self):
        return (self._largest - self._begin) / 2**20


def measure_speed():
    rng = np.random.default_rng(0)
    n_rows = max(N_WINDOWS) + WINDOW_LENGTH - 1
    rows = np.cumsum(rng.normal(size=(n_rows, N_COLUMNS)), axis=0)
    X = pd.DataFrame(rows)
    forecaster = LSTMForecaster(WINDOW_LENGTH, target=0, epochs=2, random_state=0)
    forecaster.fit(X[:2000], X[0][:2000])
    attribute(forecaster, X[:200])  # compiles the program
    lines = []
    for n_windows in N_WINDOWS:
        part = X[: n_windows + WINDOW_LENGTH - 1]
        begin = time.perf_counter()
        with PeakMemory() as memory:
            attribution = attribute(forecaster, part)
        seconds = time.perf_counter() - begin
        outputs = attribution.outputs
        change = outputs["output"] - outputs["baseline"]
        error = (attribution.by_position().sum(axis=1) - change).abs() / change.abs()
        lines.append(
            (n_windows, seconds, memory.mebibytes, error.median(), error.max())
        )
    return pd.DataFrame(
        lines,
        columns=["windows", "seconds", "MiB", "median error", "largest error"],
    )


def cause_and_effect(seed):
    """Make a column that follows another one after two rows, and noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 4))
    X[:, 0] = np.roll(X[:, 2], 2) + 0.1 * rng.normal(size=300)
    return pd.DataFrame(X, columns=["effect", "a", "cause", "b"])


def count_found():
    """Count the seeds with which the cause, two rows before, comes first."""
    cv = ExpandingWindowSplitter(
        fh=np.arange(1, 51), initial_window=200, step_length=50
    )
    found = {"attribution": 0, "importance of columns": 0, "importance of lags": 0}
    for seed in SEEDS:
        X = cause_and_effect(seed)
        forecaster = LSTMForecaster(
            6,
            units=8,
            normalize="standard",
            epochs=25,
            learning_rate=0.01,
            random_state=seed,
        )
        options = {"cv": cv, "random_state": seed}
        by_column = permutation_importance(forecaster, X, X["effect"], **options)
        by_lag = permutation_importance(
            forecaster, X, X["effect"], by="lag", lag_groups=6, **options
        )
        attribution = attribute(forecaster.fit(X, X["effect"]), X)
        size = attribution.contributions.abs().groupby("lag").mean().stack()
        found["attribution"] += size.idxmax() == (-1, "cause")
        found["importance of columns"] += (
            by_column.summary["importance"].idxmax() == "cause"
        )
        found["importance of lags"] += by_lag.summary["importance"].idxmax() == "-1"
    return pd.Series(found, name=f"found first, of {len(SEEDS)} seeds")


def draw_forecast(data):
    """Explain a forecast of the oil temperature, twelve hours ahead."""
    frame = pd.read_csv(
        data / "ett" / "ETTh1.csv.gz", parse_dates=["date"], index_col="date"
    )
    train, test = frame[:8640], frame[11520:14400]
    forecaster = LSTMForecaster(
        72, 24, target="OT", normalize="last", random_state=0
    ).fit(train, train["OT"])
    return AttributionDisplay.from_estimator(
        forecaster, test[:96], steps=12, output=0
    ).figure_


def draw_speaker():
    """Explain which speaker an utterance is attributed to."""
    X, y = load_japanese_vowels("train", return_type="df-list")
    X_test, y_test = load_japanese_vowels("test", return_type="df-list")
    classifier = RNNClassifier(random_state=0).fit(X, y)
    print(f"speaker of the utterance in the picture: {y_test[0]}")
    return AttributionDisplay.from_estimator(classifier, X_test[:1]).figure_


def draw_sentences(data):
    frame = pd.read_csv(data / "sentiment" / "sentence_polarity.csv.gz")
    train, test = (frame[frame["split"] == part] for part in ("train", "test"))
    classifier = make_pipeline(
        SequenceTokenizer(min_df=2),
        RNNClassifier(
            embedding_dim=64, units=32, pooling="mean", epochs=3, random_state=0
        ),
    ).fit(train["text"], train["label"])
    texts = test["text"].sample(SENTENCES, random_state=0).tolist()
    attribution = attribute(classifier, texts, target=1)
    figure, panels = plt.subplots(SENTENCES, figsize=(9, 1.3 * SENTENCES))
    figure.subplots_adjust(hspace=0.6, left=0.02, right=0.98)
    for number, panel in enumerate(panels):
        AttributionDisplay.from_attribution(attribution, output=number, ax=panel)
    return figure


def draw_alarm(data):
    """Explain the value that was expected in the most anomalous row of a machine."""
    machine = np.load(data / "smd" / "machine-2-1.npz")
    detector = LSTMForecastDetector(random_state=0).fit(machine["train"])
    return AttributionDisplay.from_estimator(
        detector, machine["test"], kind="series", max_columns=4
    ).figure_


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--pictures", help="folder for the pictures")
    parser.add_argument("--only-pictures", action="store_true")
    arguments = parser.parse_args()
    if not arguments.only_pictures:
        print(measure_speed().to_string(index=False))
        print()
        print(count_found().to_string())
    if arguments.pictures is None:
        return
    folder = Path(arguments.pictures)
    folder.mkdir(parents=True, exist_ok=True)
    draw_speaker().savefig(folder / "explanation_speaker.png", dpi=110)
    if arguments.data is None:
        parser.error("the other pictures: pass --data FOLDER or set SKLSTM_DATA")
    data = Path(arguments.data)
    draw_forecast(data).savefig(folder / "explanation_forecast.png", dpi=110)
    draw_sentences(data).savefig(folder / "explanation_sentences.png", dpi=110)
    draw_alarm(data).savefig(folder / "explanation_alarm.png", dpi=110)


if __name__ == "__main__":
    main()
