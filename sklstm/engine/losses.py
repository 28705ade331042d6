"""Losses and optimizers: from what a user passes to a specification, and back.

A loss of this package's own, such as the pinball loss of quantiles, is described in
`TrainingSpec.loss` by a plain value and made in `BatchLoss`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import TrainingSpec
from sklstm.engine.keras_objects import KerasObject
from sklstm.engine.private_api import pin_loss_type


def training_spec(
    loss: Any,
    optimizer: Any,
    *,
    weight_decay: float | None = None,
    average_weights: bool = False,
) -> TrainingSpec:
    """Describe a loss and an optimizer by values that share no state with them.

    Parameters
    ----------
    loss : str, keras.losses.Loss, callable or tuple of float
        A tuple holds the quantiles of a pinball loss.
    optimizer : str or keras.optimizers.Optimizer
    weight_decay : float, optional
    average_weights : bool, default=False
        As for `TrainingSpec`.

    Returns
    -------
    spec : TrainingSpec

    Raises
    ------
    ValueError
        If Keras knows no loss or optimizer of that name.
    """
    refuse_unknown_name("loss", loss)
    refuse_unknown_name("optimizer", optimizer)
    if isinstance(loss, keras.losses.Loss):
        loss = KerasObject.describe(loss).copy()
    if isinstance(optimizer, keras.optimizers.Optimizer):
        optimizer = KerasObject.describe(optimizer).copy()
    return TrainingSpec(loss, optimizer, weight_decay, average_weights)


def refuse_unknown_name(name: str, value: Any) -> None:
    """Raise an error if Keras knows no object of a name.

    Parameters
    ----------
    name : {"loss", "optimizer", "metrics"}
        Parameter, which says what kind of object it is.
    value : object
        Other values than strings are not checked.
    """
    # Keras chooses the metrics of these names when it sees the targets.
    short = ("accuracy", "acc", "crossentropy", "ce")
    if not isinstance(value, str) or (name == "metrics" and value in short):
        return
    modules = {
        "loss": keras.losses,
        "optimizer": keras.optimizers,
        "metrics": keras.metrics,
    }
    try:
        modules[name].get(value)
    except ValueError:
        raise ValueError(
            f"{name}={value!r} is not known to Keras. Pass one of the names in "
            f"{modules[name].__name__}, or an instance."
        ) from None


def check_loss_function(
    loss: Callable, targets: np.ndarray, output_shape: tuple, *, weighted: bool
) -> None:
    """Raise an error if a user's function is no loss.

    Parameters
    ----------
    loss : callable
    targets : ndarray
        Some targets.
    output_shape : tuple of int
        Shape of the network's output for a sample.
    weighted : bool
        Whether samples have weights, which need a value for each.
    """
    outputs = tf.zeros((len(targets), *output_shape))
    try:
        values = tf.convert_to_tensor(loss(tf.convert_to_tensor(targets), outputs))
    except Exception as error:
        raise ValueError(
            f"loss cannot be computed for y_true of shape {targets.shape} and y_pred "
            f"of shape {tuple(outputs.shape)}: {error} A loss takes (y_true, y_pred) "
            "and is made of operations of keras.ops."
        ) from error
    if weighted and values.shape.rank == 0:
        _refuse_single_value(outputs)


def _refuse_single_value(outputs: tf.Tensor) -> NoReturn:
    raise ValueError(
        "loss must return a value for each sample if samples have weights "
        "(sample_weight, class_weight, or a series with too few rows), but it returns "
        f"a single one for y_pred of shape {tuple(outputs.shape)}. Take the mean over "
        "the last axis only: keras.ops.mean(..., axis=-1)."
    )


class BatchLoss:
    """The loss of a batch: weighted values, reduced as the loss says.

    Parameters
    ----------
    spec : TrainingSpec
    """

    def __init__(self, spec: TrainingSpec):
        loss = spec.loss
        self.is_named = isinstance(loss, str | tuple)  # not a user's own
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

    def check_weighted(self, targets: tf.Tensor, outputs: tf.Tensor) -> None:
        """Raise an error if weights of samples would have no effect."""
        try:
            values = tf.convert_to_tensor(self._compute(targets, outputs))
        except Exception:  # of a user's function: named where the loss is computed
            return
        if values.shape.rank == 0:
            _refuse_single_value(outputs)

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
    optimizer = keras.optimizers.get(spec.optimizer)
    if spec.weight_decay is not None:
        config = optimizer.get_config() | {"weight_decay": spec.weight_decay}
        optimizer = type(optimizer).from_config(config)
    return optimizer
