"""Autoencoders: reconstruct a window of a series from one state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import SampleData
from sklstm.engine.networks.base import DataSignature, SampleNetwork, Tensors
from sklstm.engine.networks.initial_weights import glorot_uniform
from sklstm.engine.networks.recurrent import RecurrentStack
from sklstm.engine.networks.window import fill_ends, gather_windows


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
        Number of columns to reconstruct.
    n_masks : int
        Number of columns after them, which are read only: they are 1 where a value is
        missing.
    n_known_columns : int
        Number of columns after those, which the decoder reads as well.
    missing_values : bool
        Whether values of the series are missing.
    """

    stack: RecurrentStack
    window_length: int
    n_columns: int
    n_masks: int = 0
    n_known_columns: int = 0
    missing_values: bool = False

    def adapted_to(self, data: SampleData) -> Self:
        """Gather windows with missing values if the data have some."""
        missing_values = getattr(data, "since", None) is not None
        return replace(self, missing_values=missing_values)

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        layers = keras.layers
        window = keras.Input(
            (self.window_length, self._n_inputs), dtype="float32", name="window"
        )
        code = self.stack.apply(window, fast=fast)
        x = layers.RepeatVector(self.window_length, name="repeated_code")(code)
        if self.n_known_columns:
            known = keras.ops.flip(window[:, :, -self.n_known_columns :], axis=1)
            x = layers.Concatenate(name="code_and_known_columns")([x, known])
        decoder = replace(self.stack, units=self.stack.units[::-1])
        x = decoder.apply(x, fast=fast, return_sequences=True, prefix="decoder_")
        rows = layers.Dense(
            self.n_columns, kernel_initializer=glorot_uniform(), name="reversed_rows"
        )(x)
        return keras.Model(window, keras.ops.flip(rows, axis=1), name="autoencoder")

    def data_signature(self) -> DataSignature:
        """Describe the tensors of `ReconstructionData`."""
        inputs = {
            "series": tf.TensorSpec([None, self._n_inputs]),
            "starts": tf.TensorSpec([None], tf.int32),
        }
        if not self.missing_values:
            return DataSignature(inputs, targets={})
        gaps = tf.TensorSpec([None, self._n_inputs], tf.int32)
        targets = {"targets": tf.TensorSpec([None, self.n_columns])}
        return DataSignature(inputs | {"since": gaps, "until": gaps}, targets)

    def gather_inputs(self, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
        """Cut windows."""
        windows = gather_windows(tensors, index, self.window_length)
        return fill_ends(windows, tensors, index) if self.missing_values else windows

    def baseline_inputs(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return windows of zeros, the mean of the training rows."""
        return [tf.zeros_like(each) for each in inputs]

    def gather_targets(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tuple[tf.Tensor, float]:
        """Cut windows: the network is to return its columns."""
        columns = tensors["series"][:, : self.n_columns]
        if self.missing_values:
            columns = tensors["targets"]
        tensors = {**tensors, "series": columns}
        return gather_windows(tensors, index, self.window_length), 1.0

    @property
    def _n_inputs(self) -> int:
        return self.n_columns + self.n_masks + self.n_known_columns
