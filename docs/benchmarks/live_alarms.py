"""Alarms of the detectors in minute metrics that arrive row by row.

    python docs/benchmarks/live_alarms.py [--seeds 3] [--only NAME ...] [--kinds ...]
        [--log]

Simulated metrics of four kinds of load, a row per minute: a web server that follows the
time of day, batch jobs, bursts with heavy tails, and a plant with a tightly regulated
frequency. A detector with default parameters is fitted to seven days, and then watches
ten quiet days and three days with one incident of an hour each, row by row. Prints for
each kind of load the false alarms a day in the quiet days, how many incidents raise an
alarm, at all and within five minutes, and of how many alarms the feature is the right
one. Naive: the largest z-score of a row, averaged over 16 rows, with a threshold that
flags as many training rows as that of the detectors. With --log, all methods read the
logarithms of the metrics (log1p).
"""

import argparse
import time

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from sklstm import LSTMAutoencoderDetector, LSTMForecastDetector, PCADetector
from sklstm.metrics import event_report, match_events

DAY = 1440
N_TRAINING_DAYS, N_QUIET_DAYS, N_INCIDENT_DAYS = 7, 10, 3
INCIDENT_LENGTH = 60


def drift(rng, n, memory, deviation):
    """Draw a stationary autoregressive series."""
    noise = rng.normal(0, deviation * np.sqrt(1 - memory**2), n + 500)
    return lfilter([1], [1, -memory], noise)[500:]


def web(rng, n):
    minute = np.arange(n)
    daily = 1 + 0.6 * np.sin(2 * np.pi * (minute / DAY - 0.3))
    daily += 0.15 * np.sin(4 * np.pi * minute / DAY)
    requests = rng.poisson(400 * daily * np.exp(drift(rng, n, 0.98, 0.12)))
    cpu = np.clip(8 + 0.12 * requests + rng.normal(0, 2, n), 0, 100)
    return {
        "requests": requests,
        "cpu": cpu,
        "latency": 40 * np.exp(0.25 * (cpu / 50) ** 2 + rng.normal(0, 0.12, n)),
        "errors": rng.poisson(0.002 * requests),
        "memory": 3000 + 200 * drift(rng, n, 0.999, 1) + rng.normal(0, 5, n),
        "network": 1.5 * requests + rng.normal(0, 20, n),
    }


def batch(rng, n):
    busy, queue, minute = np.zeros(n), np.zeros(n), 0
    while minute < n:
        minute += int(rng.exponential(90)) + 5
        length = int(rng.uniform(10, 60))
        rows = slice(minute, minute + length)
        busy[rows] = 1
        queue[rows] = np.linspace(rng.integers(5, 40), 0, length)[: len(queue[rows])]
        minute += length
    cpu = np.clip(5 + 80 * busy + rng.normal(0, 3, n), 0, 100)
    disk = 20 + 300 * busy * rng.gamma(4, 0.25, n) + rng.exponential(5, n)
    memory = 1000 + 1500 * busy + rng.normal(0, 30, n)
    warmth = pd.Series(cpu).ewm(20).mean().to_numpy()
    return {
        "cpu": cpu,
        "queue": np.round(queue),
        "disk": disk,
        "memory": memory,
        "temperature": 35 + 0.3 * warmth + rng.normal(0, 0.3, n),
    }


def bursty(rng, n):
    base = np.exp(drift(rng, n, 0.95, 0.5))
    bursts = (rng.random(n) < 1 / 200) * rng.pareto(2.5, n) * 4
    load = base + np.convolve(bursts, np.exp(-np.arange(30) / 8))[:n]
    columns = {
        f"node{i}": 50 * load * rng.uniform(0.5, 2) * np.exp(rng.normal(0, 0.15, n))
        for i in range(4)
    }
    columns["connections"] = rng.poisson(30 * load)
    columns["gc"] = np.where(rng.random(n) < 0.1, rng.exponential(20, n), 0.0)
    columns["heap"] = 200 + np.cumsum(load * 3) % 700
    return columns


def plant(rng, n):
    minute = np.arange(n)
    frequency = 50 + 0.02 * drift(rng, n, 0.9, 1)
    power = 100 + 30 * np.sin(2 * np.pi * minute / DAY) + 10 * drift(rng, n, 0.995, 1)
    warmth = pd.Series(power).ewm(60).mean().to_numpy()
    return {
        "frequency": frequency,
        "power": power,
        "temperature": 60 + 0.2 * warmth + rng.normal(0, 0.4, n),
        "pressure": 5 + 0.01 * power + rng.normal(0, 0.05, n),
        "vibration": np.exp(rng.normal(0, 0.2, n)) * (1 + power / 100),
        "valve": np.round(power / 10),
    }


# Of each kind of load the column and what happens to its values, three times.
LOADS = {
    web: [
        ("latency", lambda values: 3 * values),
        ("errors", lambda values: values + 60),
        ("requests", lambda values: 0 * values + 5),
    ],
    batch: [
        ("cpu", lambda values: 0 * values + 99.9),
        ("queue", lambda values: values + 120),
        ("temperature", lambda values: values + 15),
    ],
    bursty: [
        ("node1", lambda values: 0 * values),
        ("connections", lambda values: 6 * values + 200),
        ("heap", lambda values: 0 * values + 1500),
    ],
    plant: [
        ("frequency", lambda values: values + 0.3),
        ("pressure", lambda values: 0.6 * values),
        ("vibration", lambda values: 4 * values),
    ],
}


def simulate(load, seed):
    """Return training rows, quiet rows, rows with incidents, and the incidents."""
    rng = np.random.default_rng(seed)
    n = (N_TRAINING_DAYS + N_QUIET_DAYS + N_INCIDENT_DAYS) * DAY
    times = pd.date_range("2025-01-06", periods=n, freq="min")
    rows = pd.DataFrame(load(rng, n), index=times).astype(float)
    ends = np.array([N_TRAINING_DAYS, N_TRAINING_DAYS + N_QUIET_DAYS]) * DAY
    train, quiet, test = (
        rows[: ends[0]],
        rows[ends[0] : ends[1]],
        rows[ends[1] :].copy(),
    )
    incidents = []
    for day, (column, change) in enumerate(LOADS[load]):
        first = day * DAY + int(rng.integers(300, 1100))
        inside = test.index[first : first + INCIDENT_LENGTH]
        test.loc[inside, column] = change(test.loc[inside, column])
        incidents.append((inside[0], inside[-1], column))
    return train, quiet, test, pd.DataFrame(incidents, columns=["start", "end", "name"])


class LargestDeviation:
    """Naive detector: the largest z-score of a row, averaged over the last 16."""

    def fit(self, X):
        self.mean, self.scale = X.mean(), X.std()
        self.threshold = self._scores(X).max(axis=1).quantile(0.999)
        return self

    def _scores(self, X):
        z_scores = ((X - self.mean) / self.scale).abs().clip(upper=10)
        return z_scores.rolling(16, min_periods=1).mean()

    def alarms(self, X):
        scores = self._scores(X)
        flagged = scores.max(axis=1) > self.threshold
        # As the detectors do, count what is at most 15 rows apart as one alarm.
        number = (
            flagged
            & ~flagged.rolling(16, min_periods=1).max().shift(fill_value=0).astype(bool)
        ).cumsum()
        table = []
        for _, rows in scores[flagged].groupby(number[flagged]):
            feature = rows.iloc[0].idxmax()
            table.append((rows.index[0], rows.index[0], rows.index[-1], feature))
        return pd.DataFrame(table, columns=["start", "detected", "end", "feature"])


def watch(detector, rows):
    if isinstance(detector, LargestDeviation):
        return detector.alarms(rows)
    stream = detector.stream(new_stream=True)
    stream.push(rows)
    return stream.alarms


def evaluate(detector, load, seed, log=False):
    """Return what is printed of one detector and one series."""
    *frames, incidents = simulate(load, seed)
    train, quiet, test = (np.log1p(frame) if log else frame for frame in frames)
    begin = time.perf_counter()
    detector.fit(train)
    seconds = time.perf_counter() - begin
    none = incidents.iloc[:0]
    false = event_report(none, watch(detector, quiet), index=quiet.index)
    alarms = watch(detector, test)
    matches = match_events(incidents, alarms).incidents
    found = matches[matches["found"].astype(bool)]
    names = incidents["name"][found.index]
    features = alarms.set_index("detected")["feature"]
    right = [
        features.loc[start:end].iloc[0] == name
        for (start, end), name in zip(
            found[["start", "end"]].itertuples(index=False), names, strict=True
        )
        if len(features.loc[start:end])
    ]
    return {
        "false alarms a day": false["false_alarms_per_day"],
        "found": len(found),
        "in 5 min": int((found["delay"] <= pd.Timedelta("5min")).sum()),
        "right feature": sum(right),
        "incidents": len(incidents),
        "seconds to fit": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="parts of the names of methods")
    parser.add_argument("--kinds", nargs="+", help="kinds of load")
    parser.add_argument("--log", action="store_true", help="take logarithms")
    parser.add_argument("--epochs", type=int, help="for a quick test")
    options = parser.parse_args()
    parameters = {"epochs": options.epochs} if options.epochs else {}
    methods = {
        "sklstm, forecast": lambda seed: LSTMForecastDetector(
            random_state=seed, **parameters
        ),
        "sklstm, autoencoder": lambda seed: LSTMAutoencoderDetector(
            random_state=seed, **parameters
        ),
        "sklstm, PCADetector": lambda seed: PCADetector(),
        "naive": lambda seed: LargestDeviation(),
    }
    table = []
    for name, make in methods.items():
        if options.only and not any(part in name for part in options.only):
            continue
        for load in LOADS:
            if options.kinds and load.__name__ not in options.kinds:
                continue
            for seed in range(options.seeds):
                row = evaluate(make(seed), load, seed, options.log)
                table.append({"method": name, "load": load.__name__, **row})
                print(pd.DataFrame(table[-1:]).round(2).to_string(header=seed == 0))
    groups = pd.DataFrame(table).groupby(["method", "load"], sort=False)
    counts = ["found", "in 5 min", "right feature", "incidents"]
    means = groups[["false alarms a day", "seconds to fit"]].mean().round(2)
    worst = groups["false alarms a day"].max().rename("worst seed")
    print()
    print(means.join(worst).join(groups[counts].sum()).to_string())


if __name__ == "__main__":
    main()
