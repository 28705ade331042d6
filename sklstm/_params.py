"""Constraints on the parameters that estimators share, declared once as data."""

from __future__ import annotations

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, StrOptions

NETWORK = {
    "cell": [StrOptions({"lstm", "gru", "rnn"})],
    "units": [Interval(Integral, 1, None, closed="left"), tuple, list],
    "bidirectional": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
}

TRAINING = {
    "loss": [str, callable],
    "optimizer": "no_validation",  # checked where Keras is loaded
    "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
    "learning_rate_schedule": [StrOptions({"cosine", "constant"})],
    "epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean", StrOptions({"refit"})],
    "validation_split": [Interval(Real, 0, 1, closed="neither")],
    "patience": [Interval(Integral, 1, None, closed="left")],
    "callbacks": "no_validation",
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

WINDOWS = {
    "window_length": [Interval(Integral, 1, None, closed="left")],
    "horizon": [Interval(Integral, 1, None, closed="left")],
    "patch_length": [Interval(Integral, 1, None, closed="left")],
    "linear_skip": ["boolean"],
    "normalize": [StrOptions({"window", "last", "standard"}), None],
    "target": [list, tuple, Integral, str, None],
    "known_future": [list, tuple, Integral, str, None],
    "calibration_split": [Interval(Real, 0, 1, closed="left")],
}

SEQUENCES = {
    "pooling": [StrOptions({"last", "mean", "max", "all"})],
    "differences": ["boolean"],
    "patch_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "positions": [Interval(Integral, 0, None, closed="left")],
    "noise": [Interval(Real, 0, None, closed="left")],
    "crop": [Interval(Real, 0, 1, closed="left")],
    "normalize": [StrOptions({"standard", "sequence"}), None],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
    "vocabulary_size": [Interval(Integral, 2, None, closed="left"), None],
    "epochs": [*TRAINING["epochs"], StrOptions({"auto"})],
}

DETECTORS = {
    "window_length": [Interval(Integral, 1, None, closed="left")],
    "smoothing": [Interval(Integral, 1, None, closed="left")],
    "min_deviation": [Interval(Real, 0, None, closed="left")],
    "epochs": [*TRAINING["epochs"], StrOptions({"auto"})],
}

LANGUAGE = {
    **{name: NETWORK[name] for name in ("cell", "units", "dropout")},
    **{name: rule for name, rule in TRAINING.items() if name != "loss"},
    "embedding_dim": [Interval(Integral, 1, None, closed="left")],
    "window_length": [Interval(Integral, 1, None, closed="left")],
    "min_count": [Interval(Integral, 1, None, closed="left")],
    "epochs": [*TRAINING["epochs"], StrOptions({"auto"})],
}

TEXTS = {
    "lowercase": ["boolean"],
    "max_tokens": [Interval(Integral, 1, None, closed="left"), None],
    "unknown_token": [str],
    "handle_unknown": [StrOptions({"error", "ignore", "unk"})],
}
