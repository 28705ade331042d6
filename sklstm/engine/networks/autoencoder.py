"""Autoencoders: reconstruct a window of a series from one state."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sklstm.engine.backend import keras, tf
from sklstm.engine.networks.base import DataSignature, SampleNetwork, Tensors
from sklstm.engine.networks.initial_weights import glorot_uniform
from sklstm.engine.networks.recurrent import RecurrentStack
from sklstm.engine.networks.window import gather_windows


@dataclass(frozen=True)
class AutoencoderNetwork(SampleNetwork):
    """A network that encodes a window of a series in one state and decodes it again.

    The decoder has the encoder's layers in the opposite order, reads the encoder's
    last state at each step, and returns the rows from the last to the first.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers of the encoder.
    window_length : int
        Number of rows in a window.
    n_columns : int
        Number of columns of the series.
    """

    stack: RecurrentStack
    window_length: int
    n_columns: int

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        layers = keras.layers
        window = keras.Input(
            (self.window_length, self.n_columns), dtype="float32", name="window"
        )
        code = self.stack.apply(window, fast=fast)
        x = layers.RepeatVector(self.window_length, name="repeated_code")(code)
        decoder = replace(self.stack, units=self.stack.units[::-1])
        x = decoder.apply(x, fast=fast, return_sequences=True, prefix="decoder_")
        rows = layers.Dense(
            self.n_columns, kernel_initializer=glorot_uniform(), name="reversed_rows"
        )(x)
        return keras.Model(window, keras.ops.flip(rows, axis=1), name="autoencoder")

    def data_signature(self) -> DataSignature:
        """Describe the tensors of `ReconstructionData`."""
        inputs = {
            "series": tf.TensorSpec([None, self.n_columns]),
            "starts": tf.TensorSpec([None], tf.int32),
        }
        return DataSignature(inputs, targets={})

    def gather_inputs(self, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
        """Cut windows."""
        return gather_windows(tensors, index, self.window_length)

    def gather_targets(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tuple[tf.Tensor, float]:
        """Cut windows: the network is to return its inputs."""
        return self.gather_inputs(tensors, index), 1.0
