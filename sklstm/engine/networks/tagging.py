"""Networks with an output for each step of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import SequenceData
from sklstm.engine.networks.base import NetworkSpec, Tensors
from sklstm.engine.networks.initial_weights import glorot_uniform
from sklstm.engine.networks.sequence import SequenceNetwork

if TYPE_CHECKING:
    from keras import KerasTensor


@dataclass(frozen=True)
class TaggingNetwork(SequenceNetwork):
    """A network from a sequence to an output for each of its steps.

    Its parameters are those of `SequenceNetwork`, with ``patch_length`` 1; ``pooling``
    has no effect. Targets and weights are those of the rows of the data.
    """

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        inputs, states, _ = self._encode(fast=fast)
        outputs = self._output_layer()(
            self.stack.apply_dropout(states, len(self.stack.units) - 1)
        )
        return keras.Model(inputs, outputs, name="tagging_network")

    @property
    def _stem_is_beside_inputs(self) -> bool:
        """Whether the recurrent layers read the inputs beside the stem's outputs.

        The label of a step may depend on the very value, which normalization blurs.
        """
        return True

    def _output_layer(self) -> keras.layers.Dense:
        return keras.layers.Dense(
            self.n_outputs,
            activation=self.activation,
            kernel_initializer=glorot_uniform(),
            name="output",
        )

    def output_rows(self, data: SequenceData) -> np.ndarray:
        """Return the rows of the data whose outputs come one after another."""
        starts = data.starts[data.order]
        lengths = data.lengths[data.order]
        return np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(
            lengths.sum()
        )

    def gather_targets(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Gather the targets and weights of the steps of sequences, one after another.

        Returns
        -------
        targets : tensor of shape (n_valid_steps, n_outputs)
        weight : tensor of shape (n_valid_steps,)
        """
        steps, valid = self._steps(tensors, index)
        rows = tf.boolean_mask(
            tf.gather(tensors["starts"], index)[:, None] + steps, valid
        )
        return tf.gather(tensors["targets"], rows), tf.gather(tensors["weight"], rows)

    def select_outputs(
        self, tensors: Tensors, index: tf.Tensor, outputs: tf.Tensor
    ) -> tf.Tensor:
        """Return the outputs of the steps of sequences, one after another.

        Returns
        -------
        outputs : tensor of shape (n_valid_steps, n_outputs)
        """
        _, valid = self._steps(tensors, index)
        return tf.boolean_mask(outputs, valid)

    @staticmethod
    def _steps(tensors: Tensors, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Number the steps of padded sequences, and tell which are no padding."""
        lengths = tf.gather(tensors["lengths"], index)[:, None]
        steps = tf.range(tf.reduce_max(lengths))[None, :]
        return steps, steps < lengths


@dataclass(frozen=True)
class StreamNetwork(NetworkSpec):
    """A tagging network that reads a sequence piece by piece.

    Its inputs are those of the tagging network, with the last ``context`` steps read
    before in front, and the states of the recurrent layers after those steps. Its
    outputs are those of the new steps, and the new states. The weights are those of the
    tagging network.

    Parameters
    ----------
    tagging : TaggingNetwork
        With layers that read forwards only.
    """

    tagging: TaggingNetwork

    @property
    def context(self) -> int:
        """Number of earlier steps that the convolutional layers read."""
        return sum(size - 1 for size in self.tagging.stem.kernel_sizes)

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        stack = self.tagging.stack
        inputs, x, _ = self.tagging._read(fast=fast)
        if self.context:
            x = x[:, self.context :]
        states = [
            keras.Input((size,), dtype="float32", name=f"state_{i}")
            for i, size in enumerate(stack.state_sizes)
        ]
        new_states: list[KerasTensor] = []
        n = stack.n_layer_states
        for i in range(len(stack.units)):
            layer = stack.make_layer(
                i, fast=fast, return_sequences=True, return_state=True
            )
            x, *after = layer(x, initial_state=states[i * n : (i + 1) * n])
            new_states += after
        outputs = self.tagging._output_layer()(x)
        return keras.Model([*inputs, *states], [outputs, *new_states], name="stream")
