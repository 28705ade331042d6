"""Batch normalization and ReLU of padded sequences, in few passes over the data."""

from __future__ import annotations

from typing import Any

from sklstm.engine.backend import keras, tf


class BatchNormReLU(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, ReLU, and zeros at padding.

    The equations are those of Keras' layers, but the gradient reads the data five times
    where automatic differentiation does so about twenty times.
    """

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """Return no mask: padding is zero in the outputs."""

    def call(
        self, inputs: tf.Tensor, mask: tf.Tensor, training: bool | None = None
    ) -> tf.Tensor:
        """Normalise the valid steps.

        Parameters
        ----------
        inputs : tensor of shape (n_samples, n_steps, n_features)
        mask : tensor of bool of shape (n_samples, n_steps)
            False for padding.
        training : bool, optional
            Whether to normalise by the means of the batch, and update their averages.
        """
        valid = tf.cast(mask, inputs.dtype)[:, :, None]
        if not training:
            scale = self.gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
            shift = self.beta - self.moving_mean * scale
            return tf.nn.relu(inputs * scale + shift) * valid
        outputs, mean, variance = _normalise(
            inputs,
            valid,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            float(self.epsilon),
        )
        kept = self.momentum
        self.moving_mean.assign(self.moving_mean * kept + mean * (1 - kept))
        self.moving_variance.assign(self.moving_variance * kept + variance * (1 - kept))
        return outputs


def _normalise(
    inputs: tf.Tensor, valid: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, eps: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the outputs, and the mean and variance of the valid steps."""

    @tf.custom_gradient
    def normalise(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        n_valid = tf.reduce_sum(valid)
        x = inputs * valid
        mean = tf.reduce_sum(x, (0, 1)) / n_valid
        # Relative to the mean, because squares of large values would cancel out.
        x = (x - mean) * valid
        variance = tf.reduce_sum(x * x, (0, 1)) / n_valid
        inverse = tf.math.rsqrt(variance + eps)
        scale = gamma * inverse
        outputs = tf.nn.relu(x * scale + beta) * valid

        def gradient(
            by_outputs: tf.Tensor, *_: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            by_sum = tf.raw_ops.ReluGrad(gradients=by_outputs, features=outputs)
            by_beta = tf.reduce_sum(by_sum, (0, 1))
            by_gamma = tf.reduce_sum(by_sum * x, (0, 1)) * inverse
            # Both the mean and the variance depend on each valid input.
            slope = -scale * inverse * by_gamma / n_valid
            by_mean = scale * by_beta / n_valid
            by_inputs = by_sum * scale + (x * slope - valid * by_mean)
            return by_inputs, by_gamma, by_beta

        return (outputs, mean, variance), gradient

    return normalise(inputs, gamma, beta)
