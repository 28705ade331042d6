"""Attribution of outputs for sequences to their steps and channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sklstm import engine
from sklstm._core.attribution import Attribution, check_places

if TYPE_CHECKING:
    from sklstm.sequences._base import SequenceEstimator


def attribute_outputs(
    estimator: SequenceEstimator, X: Any, target: Any, steps: Any
) -> Attribution:
    """Attribute one output for each sequence to its steps and channels.

    Parameters
    ----------
    estimator : SequenceEstimator
    X : array-like or list of array-like
    target : label, int or array-like of them, or None
        Class or number of the target, for all sequences or for each.
    steps : int or array-like of int, or None
        Step whose output is explained, of estimators of steps.

    Returns
    -------
    attribution : Attribution
    """
    sequences = estimator._check_sequences(X, reset=False)
    data = estimator._encode(sequences)
    places = _find_steps(estimator, steps, sequences.lengths)
    numbers = _find_outputs(estimator, target, data, places)
    which = numbers + (0 if places is None else places * estimator._network.n_outputs)
    network = engine.AttributionNetwork(estimator._network)
    with engine.borrow_program(network, estimator._training_spec) as program:
        found = program.attribute(data, estimator.weights_, which)
    scale, mean = estimator._output_units(numbers)
    levels = {"sequence": np.arange(len(sequences))}
    if places is not None:
        levels["at"] = places
    levels |= estimator._output_level(numbers)
    values, columns = _by_channel(estimator, [each.inputs[0] for each in found])
    outputs = np.array([(each.output, each.baseline) for each in found])
    attribution = Attribution.of_sequences(
        values * np.repeat(scale, sequences.lengths)[:, None],
        outputs * scale[:, None] + mean[:, None],
        sequences.rows.reshape(len(sequences.rows), -1),
        lengths=sequences.lengths,
        levels=levels,
        columns=columns,
    )
    if estimator._scaling is None:
        return attribution
    decoded = estimator._schema.categories.decode(attribution.inputs)
    return replace(attribution, inputs=decoded)


def _find_steps(
    estimator: SequenceEstimator, steps: Any, lengths: np.ndarray
) -> np.ndarray | None:
    """Return the step whose output is explained, of each sequence."""
    name = type(estimator).__name__
    if not isinstance(estimator._network, engine.TaggingNetwork):
        if steps is not None:
            raise ValueError(
                f"steps says which step's output is explained, but {name} has one "
                f"output for a whole sequence: leave it out, got {steps!r}."
            )
        return None
    if steps is None:
        raise ValueError(
            f"{name} has an output for each step: pass steps, the number of the step "
            "to explain (-1 for the last), for all sequences or one for each."
        )
    return check_places(steps, lengths)


def _find_outputs(
    estimator: SequenceEstimator,
    target: Any,
    data: engine.SequenceData,
    places: np.ndarray | None,
) -> np.ndarray:
    """Return the number of the output that is explained, of each sequence."""
    n_sequences, names = len(data.starts), estimator._output_names
    if target is None:
        if len(names) == 1:
            return np.zeros(n_sequences, int)
        if not hasattr(estimator, "classes_"):
            raise ValueError(
                f"{type(estimator).__name__} was fitted with {len(names)} targets: "
                "pass target, the number of the one to explain."
            )
        outputs = estimator._run(data)
        if places is not None:
            outputs = outputs[data.starts + places]
        return outputs.argmax(axis=1)
    labels = np.asarray(target, dtype=object)
    if (labels.ndim == 1 and len(labels) != n_sequences) or labels.ndim > 1:
        raise ValueError(
            f"target must be one for all sequences or one for each of {n_sequences}, "
            f"got shape {labels.shape}."
        )
    numbers = {name: number for number, name in enumerate(names)}
    chosen = [target] if labels.ndim == 0 else labels.tolist()
    unknown = [label for label in chosen if label not in numbers]
    if unknown:
        raise ValueError(f"target must be one of {names}, got {unknown[0]!r}.")
    return np.broadcast_to([numbers[label] for label in chosen], n_sequences).copy()


def _by_channel(
    estimator: SequenceEstimator, contributions: list[np.ndarray]
) -> tuple[np.ndarray, list]:
    """Add up the contributions of all columns made from a channel."""
    joined = np.concatenate(contributions)
    if estimator._scaling is None:
        return joined[:, None].astype(float), ["token"]
    values = np.zeros((len(joined), estimator.n_channels_))
    np.add.at(values.T, estimator._scaling.read_channels, joined.T)
    return values, _channel_names(estimator)


def _channel_names(estimator: SequenceEstimator) -> list:
    names = estimator._schema.channel_names
    return list(range(estimator.n_channels_)) if names is None else list(names)
