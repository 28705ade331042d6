"""Intrusion detection from system-call traces (ADFA-LD): the detector and STIDE.

    python docs/benchmarks/system_calls.py --data FOLDER [--seeds 3]

Trained on the distinct normal training traces. Tested on the distinct normal validation
traces, except those equal to a training trace, and on the distinct attacks. STIDE
(Forrest et al. 1996) scores a trace by the fraction of its sequences of six consecutive
calls that occur in a training trace. Prints the area under the ROC curve and the true
positive rates at false positive rates of 1 % and 5 %, for each way to aggregate the
scores of the calls into one score per trace.
"""

import argparse
import gzip
import os
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from sklstm import SequenceAnomalyDetector

AGGREGATES = ["mean", "median", "worst_window", "min"]


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--traces", type=int, help="number of traces of each kind")
    parser.add_argument("--epochs", type=int, help="for a quick test")
    options = parser.parse_args()
    parameters = {"epochs": options.epochs} if options.epochs else {}
    if options.data is None:
        parser.error("the data: pass --data FOLDER or set SKLSTM_DATA")
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
    print(f"{seconds:.0f} s per seed; AUC of the mean by seed: ", end="")
    print(", ".join(f"{auc:.3f}" for auc, *_ in rows["mean"]))


def show(name, rows):
    auc, at_1, at_5 = np.mean(rows, axis=0)
    print(f"{name:24} {auc:.3f}   {at_1:.3f}   {at_5:.3f}", flush=True)


if __name__ == "__main__":
    main()
