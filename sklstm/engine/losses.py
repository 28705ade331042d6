"""Losses and optimizers: from what a user passes to a specification, and back."""

from __future__ import annotations

import json

import keras

from sklstm.engine.specs import TrainingSpec


def training_spec(loss, optimizer) -> TrainingSpec:
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


def make_loss(spec: TrainingSpec):
    """The loss as a function of (y_true, y_pred) that reduces the last axis only."""
    loss = spec.loss
    if isinstance(loss, tuple):
        return _pinball(loss)
    if isinstance(loss, str):
        loss = keras.losses.get(_config_or_name(loss))
    if isinstance(loss, keras.losses.Loss):
        return loss.call
    return loss


def _pinball(quantiles: tuple[float, ...]):
    """The loss of quantiles (Koenker and Bassett 1978), in the last axis of y_pred."""
    ops = keras.ops

    def loss(y_true, y_pred):
        off = ops.expand_dims(y_true, -1) - y_pred
        share = ops.convert_to_tensor(quantiles, y_pred.dtype)
        return ops.mean(ops.maximum(share * off, (share - 1) * off), axis=(-2, -1))

    return loss


def make_optimizer(spec: TrainingSpec) -> keras.optimizers.Optimizer:
    """A new optimizer."""
    return keras.optimizers.get(_config_or_name(spec.optimizer))


def is_keras_object(value, kind: str) -> bool:
    """Whether a value is a Keras "optimizer" or "callback"."""
    classes = {
        "optimizer": keras.optimizers.Optimizer,
        "callback": keras.callbacks.Callback,
    }
    return isinstance(value, classes[kind])


def _config_or_name(text: str):
    return json.loads(text) if text.startswith("{") else text
