"""Intrusion detection from system-call traces (ADFA-LD): the detector and STIDE.

    python docs/benchmarks/system_calls.py --data FOLDER [--seeds 3]
    python docs/benchmarks/system_calls.py --data FOLDER --validate [--set dropout=0.5]

Trained on the distinct normal training traces. Tested on the distinct normal validation
traces, except those equal to a training trace, and on the distinct attacks. STIDE
(Forrest et al. 1996) scores a trace by the fraction of its sequences of six consecutive
calls that occur in a training trace. Prints the area under the ROC curve and the true
positive rates at false positive rates of 1 % and 5 %, for each way to aggregate the
scores of the calls into one score per trace.

With --validate, parameters are compared without attacks and without the validation
traces. Some clusters of similar training traces are left out, as programs that the
detector does not know, and a fifth of the others is held out as normal. The outliers
are the traces of the unknown programs, and the held-out traces disordered in ten ways.
"""

import argparse
import ast
import gzip
import os
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.preprocessing import normalize

from sklstm import SequenceAnomalyDetector

AGGREGATES = ["excess", "mean", "median", "worst_window", "min"]
N_CLUSTERS = 12


def read(path):
    """Return the distinct traces of a file in their order."""
    with gzip.open(path, "rt") as lines:
        traces = [tuple(map(int, line.split("\t")[1].split())) for line in lines]
    return list(dict.fromkeys(traces))


def read_all(folder):
    train = read(folder / "normal_train.txt.gz")
    known = set(train)
    validation = read(folder / "normal_validation.txt.gz")
    normal = [trace for trace in validation if trace not in known]
    attacks = [
        trace for path in sorted(folder.glob("attack_*.txt.gz")) for trace in read(path)
    ]
    return train, normal, list(dict.fromkeys(attacks))


def stide(train, n=6):
    """Score by the fraction of known n-grams; high is normal."""

    def grams(trace):
        return [trace[i : i + n] for i in range(len(trace) - n + 1)]

    known = {gram for trace in train for gram in grams(trace)}
    return lambda traces: [
        np.mean([gram in known for gram in grams(trace)]) for trace in traces
    ]


def measures(normal_scores, attack_scores):
    """Return ROC-AUC, and the recall at a false positive rate of 1 % and of 5 %."""
    is_attack = np.repeat([0, 1], [len(normal_scores), len(attack_scores)])
    scores = -np.concatenate([normal_scores, attack_scores])
    false, true, _ = roc_curve(is_attack, scores, drop_intermediate=False)
    rates = [true[false <= limit].max() for limit in (0.01, 0.05)]
    return [roc_auc_score(is_attack, scores), *rates]


def cluster(traces):
    """Return the number of a cluster for each trace, by its pairs of calls."""
    pairs = [
        Counter(f"{one} {other}" for one, other in pairwise(trace)) for trace in traces
    ]
    counts = DictVectorizer().fit_transform(pairs).sqrt()
    n_components = min(20, len(traces) - 1, counts.shape[1] - 1)
    reduced = TruncatedSVD(n_components, random_state=0).fit_transform(
        normalize(counts)
    )
    n_clusters = min(N_CLUSTERS, len(traces))
    return KMeans(n_clusters, n_init=5, random_state=0).fit_predict(normalize(reduced))


def disorder(trace, others, rng):
    """Return a trace disordered in several ways, by the name of each."""
    a = np.array(trace)
    n = len(a)
    calls = np.concatenate(others)
    other = np.array(others[rng.integers(len(others))])

    def places(fraction):
        return rng.choice(n - 1, max(1, int(fraction * n)), replace=False)

    def part_of(sequence, length):
        length = min(length, len(sequence))
        start = rng.integers(len(sequence) - length + 1)
        return slice(start, start + length)

    def changed(where, values):
        copy = a.copy()
        copy[where] = values
        return copy

    swapped = a.copy()
    for i in places(0.05):
        swapped[[i, i + 1]] = swapped[[i + 1, i]]
    substituted, inserted = places(0.03), np.sort(places(0.03))
    shuffled, reverse, random = part_of(a, 30), part_of(a, 30), part_of(a, 15)
    at = rng.integers(n)
    looped = a[part_of(a, 10)]
    pieces = [
        piece
        for i in range(0, n, 20)
        for piece in (a[i : i + 10], other[i % max(len(other) - 10, 1) :][:10])
    ]
    return {
        "swapped": swapped,
        "substituted": changed(substituted, rng.choice(calls, len(substituted))),
        "inserted": np.insert(a, inserted, rng.choice(calls, len(inserted))),
        "deleted": np.delete(a, places(0.05)),
        "shuffled": changed(shuffled, rng.permutation(a[shuffled])),
        "reversed": changed(reverse, a[reverse][::-1]),
        "random": changed(random, rng.choice(calls, random.stop - random.start)),
        "burst": np.insert(a, at, other[part_of(other, 30)]),
        "spliced": np.concatenate(pieces),
        "looped": np.insert(a, at, np.tile(looped, 10)),
    }


def split_for_validation(traces):
    """Return traces to train on, normal ones, and outliers by the name of their kind.

    Other beginnings of the normal traces are returned as well, to compare lengths.
    """
    clusters = cluster(traces)
    unknown = clusters % 3 == 0
    rng = np.random.default_rng(0)
    order = rng.permutation(np.flatnonzero(~unknown))
    normal = [traces[i] for i in order[: len(order) // 5]]
    train = [traces[i] for i in order[len(order) // 5 :]]
    outliers = {"unknown": [traces[i] for i in np.flatnonzero(unknown)]}
    for trace in normal:
        for kind, changed in disorder(trace, train, rng).items():
            outliers.setdefault(kind, []).append(tuple(changed.tolist()))
    return train, normal, outliers


def validate(traces, seeds, parameters):
    """Compare scores without attacks."""
    train, normal, outliers = split_for_validation(traces)
    print(f"{len(train)} training traces, {len(normal)} normal, ", end="")
    print(f"{len(outliers['unknown'])} of unknown programs")
    beginnings = [trace[:40] for trace in normal]
    rows, losses = {}, []
    for seed in range(seeds):
        detector = SequenceAnomalyDetector(random_state=seed, **parameters).fit(train)
        losses.append(-np.concatenate(detector.token_scores(normal)).mean())
        for aggregate in AGGREGATES:
            for corrected in (True, False):
                detector.set_params(aggregate=aggregate, length_correction=corrected)
                scores = detector.score_samples(normal)
                found = {
                    kind: measures(scores, detector.score_samples(traces))
                    for kind, traces in outliers.items()
                }
                short = detector.score_samples(beginnings) < np.percentile(scores, 5)
                unknown = found.pop("unknown")
                disordered = np.mean(list(found.values()), axis=0)
                name = f"{aggregate}, {'corrected' if corrected else 'as it is'}"
                rows.setdefault(name, []).append([*unknown, *disordered, short.mean()])
    print(f"held-out loss {np.mean(losses):.4f} nats per call")
    print(f"{'':24} unknown programs       disorder               first 40 calls")
    print(f"{'':24}   AUC  at 1 %  at 5 %     AUC  at 1 %  at 5 %   flagged at 5 %")
    for name, by_seed in rows.items():
        show(name, by_seed)


def assignment(text):
    name, value = text.split("=")
    return name, ast.literal_eval(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--traces", type=int, help="number of traces of each kind")
    parser.add_argument("--epochs", type=int, help="for a quick test")
    parser.add_argument("--validate", action="store_true", help="without attacks")
    parser.add_argument(
        "--set", nargs="+", type=assignment, default=[], metavar="PARAMETER=VALUE"
    )
    options = parser.parse_args()
    parameters = dict(options.set)
    if options.epochs:
        parameters["epochs"] = options.epochs
    if options.data is None:
        parser.error("the data: pass --data FOLDER or set SKLSTM_DATA")
    if options.validate:
        path = Path(options.data) / "adfa_ld" / "normal_train.txt.gz"
        validate(read(path)[: options.traces], options.seeds, parameters)
        return
    train, normal, attacks = (
        traces[: options.traces] for traces in read_all(Path(options.data) / "adfa_ld")
    )
    print(f"{len(train)} training traces, {len(normal)} normal, {len(attacks)} attacks")
    print(f"{'':24}   AUC  at 1 %  at 5 %")
    score = stide(train)
    show("STIDE, n = 6", [measures(score(normal), score(attacks))])
    rows = {aggregate: [] for aggregate in AGGREGATES}
    begin = time.perf_counter()
    for seed in range(options.seeds):
        detector = SequenceAnomalyDetector(random_state=seed, **parameters).fit(train)
        for aggregate in AGGREGATES:
            detector.set_params(aggregate=aggregate)
            scores = detector.score_samples(normal), detector.score_samples(attacks)
            rows[aggregate].append(measures(*scores))
    for aggregate, by_seed in rows.items():
        show(f"sklstm, {aggregate}", by_seed)
    seconds = (time.perf_counter() - begin) / options.seeds
    default = SequenceAnomalyDetector().aggregate
    print(f"{seconds:.0f} s per seed; AUC of the {default} by seed: ", end="")
    print(", ".join(f"{auc:.3f}" for auc, *_ in rows[default]))


def show(name, rows):
    means = "   ".join(f"{value:.3f}" for value in np.mean(rows, axis=0))
    print(f"{name:24} {means}", flush=True)


if __name__ == "__main__":
    main()
