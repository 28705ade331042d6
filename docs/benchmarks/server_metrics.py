"""Anomalies in server metrics (SMD, NAB): the detectors, PCA and an isolation forest.

    python docs/benchmarks/server_metrics.py --data FOLDER [--seeds 3] [--only NAME ...]
        [--missing FRACTION]

SMD: two machines with 38 metrics each, with training rows and labelled test rows. NAB:
three single metrics; the beginning of each (15 %, at most 750 rows: NAB's probationary
period) is used for training, the rest for testing. All methods use default parameters.
PCA keeps nine tenths of the variance of rows, standardised as in the detectors (SMD),
or of windows of 60 rows (NAB), and scores by the squared reconstruction error. Scores
of PCA and the isolation forest are evaluated both as they are and smoothed over 31
rows, since the detectors smooth their scores, too. Prints average precision, ROC-AUC
and VUS-PR (buffers of up to 100 rows, if aeon is installed) per series and averaged,
per row and without point adjustment.

With --missing, that fraction of all values, in training and test rows, is deleted at
random. The detectors take the rest as it is; for the other methods it is interpolated.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from sklstm import LSTMAutoencoderDetector, LSTMForecastDetector, PCADetector

WINDOW = 60
SMOOTHING = 31


def read_smd(folder):
    """Yield name, training rows, test rows and labels of each machine."""
    for path in sorted(folder.glob("machine-*.npz")):
        data = np.load(path)
        yield path.stem, data["train"], data["test"], data["test_label"]


def read_nab(folder):
    labels = json.loads((folder / "labels.json").read_text())
    for name, label in labels.items():
        frame = pd.read_csv(folder / f"{name}.csv.gz", parse_dates=["timestamp"])
        time_stamps = frame["timestamp"]
        anomalous = np.zeros(len(frame), int)
        for begin, end in label["windows"]:
            inside = time_stamps.between(pd.Timestamp(begin), pd.Timestamp(end))
            anomalous[inside] = 1
        n = int(min(0.15 * len(frame), 750))
        rows = frame[["value"]].to_numpy()
        yield name, rows[:n], rows[n:], anomalous[n:]


def delete_values(rows, fraction, rng):
    """Set a fraction of the values to NaN at random."""
    return np.where(rng.random(rows.shape) < fraction, np.nan, rows)


def interpolate(rows):
    """Fill missing values linearly."""
    return pd.DataFrame(rows).interpolate(limit_direction="both").fillna(0).to_numpy()


def standardise(train, *others):
    """Standardise like the detectors, with a lower bound on the standard deviation.

    The lower bound is 1 % of the largest magnitude of a column.
    """
    floor = np.maximum(0.01 * np.abs(train).max(axis=0), 1e-9)
    scale = np.maximum(train.std(axis=0), floor)
    scaled = [(rows - train.mean(axis=0)) / scale for rows in (train, *others)]
    return [np.clip(rows, -10, 10) for rows in scaled]


def pca(train, test, window):
    """Score rows by the reconstruction error of windows, averaged over the windows."""
    train, test = standardise(train, test)

    def windows(x):
        view = np.lib.stride_tricks.sliding_window_view(x, window, axis=0)
        return view.reshape(len(view), -1)

    model = PCA(0.9).fit(windows(train))
    flat = windows(test)
    errors = (flat - model.inverse_transform(model.transform(flat))) ** 2
    errors = errors.reshape(len(flat), -1, window).mean(axis=1)
    total, times = np.zeros(len(test)), np.zeros(len(test))
    for k in range(window):
        total[k : k + len(flat)] += errors[:, k]
        times[k : k + len(flat)] += 1
    return total / times


def forest(train, test, seed):
    model = IsolationForest(random_state=seed).fit(train)
    return -model.score_samples(test)


def detect(detector, train, test):
    return -detector.fit(train).score_samples(test)


def methods(window, **parameters):
    """Return the scoring function of each method; high scores are anomalous."""
    pca_name = "PCA" if window == 1 else f"PCA, windows of {window}"
    return {
        "sklstm, autoencoder": lambda train, test, seed: detect(
            LSTMAutoencoderDetector(random_state=seed, **parameters), train, test
        ),
        "sklstm, forecast": lambda train, test, seed: detect(
            LSTMForecastDetector(random_state=seed, **parameters), train, test
        ),
        "sklstm, PCADetector": lambda train, test, seed: detect(
            PCADetector(), train, test
        ),
        pca_name: lambda train, test, seed: pca(train, test, window),
        "IsolationForest": forest,
    }


def measures(labels, scores):
    """Return average precision, ROC-AUC and VUS-PR."""
    scores_by_row = [
        average_precision_score(labels, scores),
        roc_auc_score(labels, scores),
    ]
    try:
        from aeon.benchmarking.metrics.anomaly_detection import range_pr_vus_score
    except ImportError:
        return [*scores_by_row, np.nan]
    return [*scores_by_row, range_pr_vus_score(labels, scores, max_buffer_size=100)]


def compare(title, series, methods, seeds, only, missing=0.0):
    print(title)
    results = []
    for method, score in methods.items():
        if only and not any(name in method for name in only):
            continue
        is_sklstm = method.startswith("sklstm")
        is_random = "PCA" not in method
        for name, train, test, labels in series:
            for seed in range(seeds if is_random else 1):
                rows = train, test
                if missing:
                    rng = np.random.default_rng(seed)
                    rows = [delete_values(part, missing, rng) for part in rows]
                    rows = rows if is_sklstm else [interpolate(part) for part in rows]
                begin = time.perf_counter()
                scores = score(*rows, seed)
                seconds = time.perf_counter() - begin
                kinds = {"": scores}
                if not is_sklstm:
                    kinds[", smoothed"] = uniform_filter1d(scores, SMOOTHING)
                for kind, values in kinds.items():
                    row = [method + kind, name, *measures(labels, values), seconds]
                    results.append(row)
                    figures = " ".join(f"{value:6.3f}" for value in row[2:5])
                    print(f"  {row[0]:28s} {name:34s} seed {seed} {figures}")
    columns = ["method", "series", "AP", "ROC-AUC", "VUS-PR", "seconds"]
    table = pd.DataFrame(results, columns=columns)
    by_series = table.groupby(["method", "series"], sort=False).mean()
    mean = by_series.groupby("method", sort=False).mean()
    shown = by_series["AP"].unstack(sort=False).add_prefix("AP ")
    print(mean.join(shown).round(3).to_string(), end="\n\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="number of rows to use")
    parser.add_argument("--only", nargs="+", help="parts of the names of methods")
    parser.add_argument("--sets", nargs="+", default=["smd", "nab"])
    parser.add_argument("--epochs", type=int, help="for a quick test")
    parser.add_argument(
        "--missing", type=float, default=0.0, help="fraction of the values to delete"
    )
    arguments = parser.parse_args()
    parameters = {"epochs": arguments.epochs} if arguments.epochs else {}
    if arguments.data is None:
        parser.error("the series: pass --data FOLDER or set SKLSTM_DATA")
    sets = {
        "smd": ("SMD, labelled rows", read_smd, 1),
        "nab": ("NAB, rows in labelled windows", read_nab, WINDOW),
    }
    for name in arguments.sets:
        title, read, window = sets[name]
        series = [
            (machine, *(part[: arguments.rows] for part in parts))
            for machine, *parts in read(Path(arguments.data) / name)
        ]
        compare(
            title,
            series,
            methods(window, **parameters),
            arguments.seeds,
            arguments.only,
            arguments.missing,
        )


if __name__ == "__main__":
    main()
