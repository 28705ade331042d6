"""Accuracy and time of sequence classifiers on data sets of the UCR / UEA archive.

    python docs/benchmarks/sequence_classification.py [--seeds 3] [--only NAME ...]
                                                      [--sets NAME ...]

Default splits as included in sktime; one set of default parameters for all data sets.
RNNClassifier is compared with sktime's SimpleRNNClassifier (defaults except for the
number of epochs), one nearest neighbour with dynamic time warping, and MiniRocket with
a ridge classifier (the last two need numba). The first two of these require sequences
of equal length, so shorter sequences are padded with zeros at the end.
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sktime import datasets

from sklstm import RNNClassifier

SETS = {
    "JapaneseVowels": datasets.load_japanese_vowels,
    "BasicMotions": datasets.load_basic_motions,
    "ItalyPowerDemand": datasets.load_italy_power_demand,
    "ArrowHead": datasets.load_arrow_head,
    "OSULeaf": datasets.load_osuleaf,
    "GunPoint": datasets.load_gunpoint,
    "ACSF1": datasets.load_acsf1,
    "PLAID": datasets.load_plaid,
}


def load(name, split):
    """Return a list of (n_steps, n_channels) arrays, and their classes."""
    frame, classes = SETS[name](split=split, return_X_y=True, return_type="nested_univ")
    sequences = [
        np.column_stack([np.asarray(channel, dtype=float) for channel in row])
        for row in frame.to_numpy()
    ]
    return sequences, np.asarray(classes)


def sklstm(X, y, X_test, seed):
    return RNNClassifier(random_state=seed).fit(X, y).predict(X_test)


def most_frequent(X, y, X_test, seed):
    classes, counts = np.unique(y, return_counts=True)
    return np.full(len(X_test), classes[counts.argmax()])


def simple_rnn(X, y, X_test, seed):
    import keras
    from sktime.classification.deep_learning import SimpleRNNClassifier

    keras.utils.disable_interactive_logging()
    model = SimpleRNNClassifier(n_epochs=100, batch_size=16, random_state=seed)
    return classify_padded(model, X, y, X_test)


def nearest_neighbour_dtw(X, y, X_test, seed):
    from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier

    model = KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw")
    return classify_padded(model, X, y, X_test)


def classify_padded(model, X, y, X_test):
    """Classify with arrays of shape (n_sequences, n_channels, length)."""
    length = max(len(x) for x in [*X, *X_test])

    def pad(X):
        return np.stack([np.pad(x, ((0, length - len(x)), (0, 0))).T for x in X])

    return model.fit(pad(X), y).predict(pad(X_test))


def minirocket(X, y, X_test, seed):
    from sktime.transformations.panel.rocket import MiniRocketMultivariateVariable

    features = MiniRocketMultivariateVariable(
        pad_value_short_series=0.0, random_state=seed
    )
    X, X_test = ([pd.DataFrame(x) for x in part] for part in (X, X_test))
    ridge = make_pipeline(
        StandardScaler(with_mean=False), RidgeClassifierCV(np.logspace(-3, 3, 10))
    )
    return ridge.fit(features.fit_transform(X), y).predict(features.transform(X_test))


METHODS = {
    "sklstm": sklstm,
    "SimpleRNNClassifier": simple_rnn,
    "1-NN DTW": nearest_neighbour_dtw,
    "MiniRocket": minirocket,
    "most frequent class": most_frequent,
}
DETERMINISTIC = {"1-NN DTW", "most frequent class"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args()
    rows = []
    for name in options.sets:
        (X, y), (X_test, y_test) = load(name, "train"), load(name, "test")
        for method in options.only:
            for seed in range(1 if method in DETERMINISTIC else options.seeds):
                begin = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    y_pred = METHODS[method](X, y, X_test, seed)
                seconds = time.perf_counter() - begin
                accuracy = np.mean(y_pred == y_test)
                rows.append((name, method, seed, accuracy, seconds))
                line = f"{name} {method} seed {seed}: {accuracy:.3f}, {seconds:.1f} s"
                print(line, flush=True)
    table = pd.DataFrame(rows, columns=["set", "method", "seed", "accuracy", "seconds"])
    for value in ("accuracy", "seconds"):
        means = table.pivot_table(value, "method", "set", sort=False)
        means["mean"] = means.mean(axis=1)
        print(f"\n{value}, mean over seeds")
        print(means.round(3 if value == "accuracy" else 1).to_string())


if __name__ == "__main__":
    main()
