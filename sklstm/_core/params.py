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
    "conv_filters": [
        Interval(Integral, 1, None, closed="left"),
        tuple,
        list,
        StrOptions({"auto"}),
        None,
    ],
    "conv_kernel_size": [
        Interval(Integral, 1, None, closed="left"),
        tuple,
        list,
        StrOptions({"auto"}),
    ],
    "pooling": [StrOptions({"last", "mean", "max", "all", "attention"})],
    "differences": ["boolean"],
    "patch_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "positional_encoding": [Interval(Integral, 0, None, closed="left")],
    "noise": [Interval(Real, 0, None, closed="left")],
    "crop": [Interval(Real, 0, 1, closed="left")],
    "normalize": [StrOptions({"auto", "standard", "sequence"}), None],
    "categorical_features": ["array-like", Integral, str, None],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
    "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
    "token_dropout": [Interval(Real, 0, 1, closed="left")],
    "vocabulary_size": [Interval(Integral, 2, None, closed="left"), None],
}

STEPS = {
    name: rule
    for name, rule in SEQUENCES.items()
    if name not in ("pooling", "patch_length", "positional_encoding")
}

DETECTORS = {
    "window_length": [Interval(Integral, 1, None, closed="left")],
    "smoothing": [Interval(Integral, 1, None, closed="left")],
    "min_deviation": [Interval(Real, 0, None, closed="left")],
    "missing_values": [StrOptions({"ignore", "score"})],
    "known_future": [list, tuple, Integral, str, None],
    "min_duration": [Interval(Integral, 1, None, closed="left")],
    "merge_gap": [Interval(Integral, 0, None, closed="left")],
    "hysteresis": [Interval(Real, 0, 1, closed="right")],
}

LANGUAGE = {
    **{name: NETWORK[name] for name in ("cell", "units", "dropout")},
    **{name: rule for name, rule in TRAINING.items() if name != "loss"},
    "embedding_dim": [Interval(Integral, 1, None, closed="left")],
    "window_length": [Interval(Integral, 1, None, closed="left")],
    "min_count": [Interval(Integral, 1, None, closed="left")],
}

TEXTS = {
    **{name: SEQUENCES[name] for name in ("embedding_dropout", "token_dropout")},
    "weight_dropout": [Interval(Real, 0, 1, closed="left")],
    "locked_dropout": ["boolean"],
    "tie_weights": ["boolean"],
    "average_weights": [Interval(Real, 0, 1, closed="both")],
    "weight_decay": [Interval(Real, 0, None, closed="left"), None],
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
    layers = _positive_integers(units)
    if not layers:
        raise ValueError(
            "units must be an integer, or one integer from 1 for each recurrent layer "
            f"as a tuple, got {units!r}."
        )
    return layers


def check_conv_layers(
    filters: Any, kernel_size: Any
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the filters and the kernel size of each convolutional layer.

    Parameters
    ----------
    filters : int, sequence of int, or None
        None and an empty sequence stand for no layer.
    kernel_size : int or sequence of int
        One for all layers, or one for each.

    Returns
    -------
    filters : tuple of int
    kernel_sizes : tuple of int
    """
    if filters is None or filters in ((), []):
        return (), ()
    layers, sizes = _positive_integers(filters), _positive_integers(kernel_size)
    if not layers:
        raise ValueError(
            "conv_filters must be an integer, or one integer from 1 for each "
            f"convolutional layer as a tuple, or None, got {filters!r}."
        )
    if sizes and isinstance(kernel_size, Integral):
        sizes *= len(layers)
    if len(sizes) != len(layers):
        raise ValueError(
            "conv_kernel_size must be an integer from 1, or one for each of the "
            f"{len(layers)} layers of conv_filters={filters!r}, got {kernel_size!r}."
        )
    return layers, sizes


def _positive_integers(values: Any) -> tuple[int, ...]:
    """Return one or several integers from 1 as a tuple; an empty one if any is not."""
    values = (values,) if isinstance(values, Integral) else tuple(values)
    if not all(isinstance(n, Integral) and int(n) >= 1 for n in values):
        return ()
    return tuple(int(n) for n in values)
