"""Losses and optimizers: from what a user passes to a specification, and back.

A loss of this package's own, such as the pinball loss of quantiles, is described in
`TrainingSpec.loss` by a plain value and made in `BatchLoss`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import TrainingSpec
from sklstm.engine.keras_objects import KerasObject
from sklstm.engine.private_api import pin_loss_type


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
        loss = KerasObject.describe(loss).copy()
    if isinstance(optimizer, keras.optimizers.Optimizer):
        optimizer = KerasObject.describe(optimizer).copy()
    return TrainingSpec(loss, optimizer)


class BatchLoss:
    """The loss of a batch: weighted values, reduced as the loss says.

    Parameters
    ----------
    spec : TrainingSpec
    """

    def __init__(self, spec: TrainingSpec):
        loss = spec.loss
        if isinstance(loss, KerasObject):
            loss = loss.make()
            pin_loss_type(loss)
        elif isinstance(loss, str):
            loss = keras.losses.get(loss)
        self._reduction = getattr(loss, "reduction", None)
        if isinstance(loss, tuple):
            self._compute = _pinball(loss)
        else:
            self._compute = getattr(loss, "call", loss)

    def __call__(
        self, targets: tf.Tensor, outputs: tf.Tensor, weight: tf.Tensor | float
    ) -> tf.Tensor:
        """Compute the loss; each weight concerns a value of all axes but the last."""
        try:
            values = tf.cast(self._compute(targets, outputs), tf.float32)
        except Exception as error:  # of a user's function, or for other targets
            raise ValueError(
                f"loss cannot be computed for y_true of shape {tuple(targets.shape)} "
                f"and y_pred of shape {tuple(outputs.shape)}: {error} A loss takes "
                "(y_true, y_pred) and is made of operations of keras.ops."
            ) from error
        weight = tf.convert_to_tensor(weight, tf.float32)
        n_axes = len(outputs.shape) - 1 if weight.shape.rank == 0 else weight.shape.rank
        # A user's function may reduce all axes, or none.
        if values.shape.rank == n_axes + 1:
            values = tf.reduce_mean(values, axis=-1)
        elif values.shape.rank not in (0, n_axes):
            raise ValueError(
                f"loss must reduce the last axis only: for y_pred of shape "
                f"{tuple(outputs.shape)} it returns a tensor of shape "
                f"{tuple(values.shape)}. Leave the other axes to the estimator, which "
                "weights and averages them."
            )
        weighted = values * weight
        if self._reduction == "sum":
            return tf.reduce_sum(weighted)
        if self._reduction == "mean_with_sample_weight":
            total = tf.reduce_sum(weight * tf.ones_like(values))
            return tf.math.divide_no_nan(tf.reduce_sum(weighted), total)
        return tf.reduce_mean(weighted)


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
    if isinstance(spec.optimizer, KerasObject):
        return spec.optimizer.make()
    return keras.optimizers.get(spec.optimizer)
