"""Losses and optimizers: from what a user passes to a specification, and back.

A loss of this package's own, such as the pinball loss of quantiles, is described in
`TrainingSpec.loss` by a plain value and made in `make_loss`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sklstm.engine.backend import keras
from sklstm.engine.data import TrainingSpec

if TYPE_CHECKING:
    import tensorflow as tf


def training_spec(loss: Any, optimizer: Any) -> TrainingSpec:
    """Describe a loss and an optimizer by values that share no state with them.

    Parameters
    ----------
    loss : str, keras.losses.Loss, callable or tuple of float
        A tuple holds the quantiles of a pinball loss.
    optimizer : str or keras.optimizers.Optimizer

    Returns
    -------
    spec : TrainingSpec

    Raises
    ------
    ValueError
        If Keras knows no loss or optimizer of that name.
    """
    for name, value, module in (
        ("loss", loss, keras.losses),
        ("optimizer", optimizer, keras.optimizers),
    ):
        if isinstance(value, str):
            try:
                module.get(value)
            except ValueError:
                raise ValueError(
                    f"{name}={value!r} is not known to Keras. Pass one of the names in "
                    f"{module.__name__}, or an instance."
                ) from None
    if isinstance(loss, keras.losses.Loss):
        loss = json.dumps(keras.losses.serialize(loss), sort_keys=True)
    if isinstance(optimizer, keras.optimizers.Optimizer):
        optimizer = json.dumps(keras.optimizers.serialize(optimizer), sort_keys=True)
    return TrainingSpec(loss, optimizer)


def make_loss(spec: TrainingSpec) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Make the loss: a function of (y_true, y_pred) that reduces the last axis only."""
    loss = spec.loss
    if isinstance(loss, tuple):
        return _pinball(loss)
    if isinstance(loss, str):
        loss = keras.losses.get(_config_or_name(loss))
    if isinstance(loss, keras.losses.Loss):
        return loss.call
    return loss


def _pinball(
    quantiles: tuple[float, ...],
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Make the loss of quantiles (Koenker and Bassett 1978) on the last axis of y_pred.

    It is ``max(q * e, (q - 1) * e)`` for the error ``e = y_true - y_pred``.
    """
    ops = keras.ops

    def loss(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        error = ops.expand_dims(y_true, -1) - y_pred
        q = ops.convert_to_tensor(quantiles, y_pred.dtype)
        return ops.mean(ops.maximum(q * error, (q - 1) * error), axis=(-2, -1))

    return loss


def make_optimizer(spec: TrainingSpec) -> keras.optimizers.Optimizer:
    """Make a new optimizer."""
    return keras.optimizers.get(_config_or_name(spec.optimizer))


def _config_or_name(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text
