"""Constraints and checks of parameters shared by several estimators."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklstm._sklearn import Interval, StrOptions

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
    "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
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
    "window_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "horizon": [Interval(Integral, 1, None, closed="left")],
    "decoder": [StrOptions({"dense", "segments"})],
    "channel_independent": ["boolean"],
    "patch_length": [Interval(Integral, 1, None, closed="left")],
    "linear_skip": [StrOptions({"ridge", "zero"}), "boolean"],
    "normalize": [StrOptions({"window", "last", "standard"}), None],
    "target": [list, tuple, Integral, str, None],
    "known_future": [list, tuple, Integral, str, None],
    "categorical_features": ["array-like", Integral, str, None],
    "covariate_scaling": [StrOptions({"series", "panel"})],
    "calibration_split": [Interval(Real, 0, 1, closed="left")],
}

SEQUENCES = {
    "pooling": [StrOptions({"last", "mean", "max", "all"})],
    "differences": ["boolean"],
    "patch_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "positional_encoding": [Interval(Integral, 0, None, closed="left")],
    "noise": [Interval(Real, 0, None, closed="left")],
    "crop": [Interval(Real, 0, 1, closed="left")],
    "normalize": [StrOptions({"standard", "sequence"}), None],
    "categorical_features": ["array-like", Integral, str, None],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
    "vocabulary_size": [Interval(Integral, 2, None, closed="left"), None],
}

DETECTORS = {
    "window_length": [Interval(Integral, 1, None, closed="left")],
    "smoothing": [Interval(Integral, 1, None, closed="left")],
    "min_deviation": [Interval(Real, 0, None, closed="left")],
    "missing_values": [StrOptions({"ignore", "score"})],
}

LANGUAGE = {
    **{name: NETWORK[name] for name in ("cell", "units", "dropout")},
    **{name: rule for name, rule in TRAINING.items() if name != "loss"},
    "embedding_dim": [Interval(Integral, 1, None, closed="left")],
    "window_length": [Interval(Integral, 1, None, closed="left")],
    "min_count": [Interval(Integral, 1, None, closed="left")],
}

TEXTS = {
    "lowercase": ["boolean"],
    "max_tokens": [Interval(Integral, 1, None, closed="left"), None],
    "unknown_token": [str],
    "handle_unknown": [StrOptions({"error", "ignore", "unk"})],
}


def check_quantiles(quantiles: Any) -> tuple[float, ...]:
    """Return the quantiles in ascending order; the median alone for None."""
    if quantiles is None:
        return (0.5,)
    values = tuple(quantiles)
    if not (
        all(isinstance(q, Real) and 0 < float(q) < 1 for q in values)
        and len(set(values)) == len(values) > 1
        and 0.5 in values
    ):
        raise ValueError(
            "quantiles must be distinct numbers between 0 and 1, with 0.5, such as "
            f"(0.1, 0.5, 0.9), got {quantiles!r}."
        )
    return tuple(sorted(float(q) for q in values))


def check_units(units: Any) -> tuple[int, ...]:
    """Return the units of each layer as a tuple."""
    layers = (units,) if isinstance(units, Integral) else tuple(units)
    if not layers or not all(isinstance(n, Integral) and int(n) >= 1 for n in layers):
        raise ValueError(
            "units must be an integer, or one integer from 1 for each recurrent layer "
            f"as a tuple, got {units!r}."
        )
    return tuple(int(n) for n in layers)
