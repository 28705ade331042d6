"""Networks from a whole sequence to one output: class probabilities or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from sklstm.engine.backend import keras, tf
from sklstm.engine.batches import group_by_length
from sklstm.engine.data import PADDING
from sklstm.engine.networks.base import (
    DataSignature,
    SampleNetwork,
    Tensors,
    keep_columns,
)
from sklstm.engine.networks.categories import ColumnEmbeddings
from sklstm.engine.networks.initial_weights import PLACEHOLDER_SEED, glorot_uniform
from sklstm.engine.networks.recurrent import (
    RecurrentStack,
    drop_values,
    drop_vectors,
    embedding,
)
from sklstm.engine.networks.stem import ConvStem

if TYPE_CHECKING:
    from keras import KerasTensor

# Beside the many values of a patch, waves of amplitude 1 would be learned too slowly.
_POSITION_GAIN = 3.0

# Below any output of a recurrent layer, and any attention score.
_BELOW_ALL_STATES = -1e9


@dataclass(frozen=True)
class SequenceNetwork(SampleNetwork):
    """A network from a whole sequence to one output.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers.
    n_columns : int
        Number of values read at each step; 1 for tokens.
    n_outputs : int
        Number of values of the output; 0 for the pooled states, without an output
        layer.
    activation : str
        Activation of the output.
    pooling : {"last", "mean", "max", "all", "attention"}
        How the states at all steps are combined; "all" concatenates the first three.
    patch_length : int
        Number of steps of the sequence in one recurrent step: pooled by the stem, or
        else concatenated.
    positional_encoding : int
        Number of sine and cosine pairs that encode the position of a recurrent step
        in its sequence, beside a linear ramp; 0 for no encoding.
    noise : float
        Standard deviation of the noise added to the values during training.
    crop : float
        Largest fraction of the steps to cut off during training.
    n_tokens : int
        Size of the vocabulary, including 0 for padding; 0 for sequences of numbers.
    embedding_dim : int
        Length of the vector that represents a token.
    n_masks : int
        Number of columns after the values, which are 1 where a value is missing.
    n_ids : tuple of int
        Number of ids of each column after the masks, which hold categories.
    stem : ConvStem
        Convolutional layers in front of the recurrent ones.
    embedding_dropout, token_dropout : float
        Fraction of the values of the tokens' vectors, and of whole vectors, to drop
        during training.
    gated : bool
        Whether the vectors of tokens or categories are read through gates, which are a
        further input (see `AttributionNetwork`).
    """

    stack: RecurrentStack
    n_columns: int
    n_outputs: int
    activation: str = "linear"
    pooling: str = "all"
    patch_length: int = 1
    positional_encoding: int = 0
    noise: float = 0.0
    crop: float = 0.0
    n_tokens: int = 0
    embedding_dim: int = 0
    n_masks: int = 0
    n_ids: tuple[int, ...] = ()
    stem: ConvStem = field(default_factory=ConvStem)
    embedding_dropout: float = 0.0
    token_dropout: float = 0.0
    gated: bool = False

    def without_output(self) -> SequenceNetwork:
        """Return the network that ends at the pooled states.

        Its weights are those of this network but for the last two, the kernel and the
        bias of the output layer. It is not trained, so it needs no augmentation.
        """
        return replace(self, n_outputs=0, activation="linear", noise=0.0, crop=0.0)

    @property
    def state_names(self) -> list[str]:
        """Name each pooled state by its pooling, the direction of its layer and unit.

        Such as "mean_backward_3"; a network that is not bidirectional reads forward.
        """
        poolings = ["last", "mean", "max"] if self.pooling == "all" else [self.pooling]
        directions = ["forward", "backward"][: 1 + self.stack.bidirectional]
        return [
            f"{pooling}_{direction}_{unit}"
            for pooling in poolings
            for direction in directions
            for unit in range(self.stack.units[-1])
        ]

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        inputs, states, valid = self._encode(fast=fast)
        pooled = _pool(
            states, valid, self.pooling, bidirectional=self.stack.bidirectional
        )
        if not self.n_outputs:
            return keras.Model(inputs, pooled, name="pooled_states")
        output = keras.layers.Dense(
            self.n_outputs,
            activation=self.activation,
            kernel_initializer=glorot_uniform(),
            name="output",
        )(self.stack.apply_dropout(pooled, len(self.stack.units) - 1))
        return keras.Model(inputs, output, name="sequence_network")

    def _encode(
        self, *, fast: bool
    ) -> tuple[list[KerasTensor], KerasTensor, KerasTensor]:
        """Build the part of the network up to the states of the last recurrent layer.

        Returns
        -------
        inputs : list of KerasTensor
        states : KerasTensor of shape (n_sequences, n_recurrent_steps, n_states)
            Without dropout.
        valid : KerasTensor of shape (n_sequences, n_recurrent_steps)
            False for padding.
        """
        inputs, x, valid = self._read(fast=fast)
        states = self.stack.apply(x, fast=fast, valid=valid, final_dropout=False)
        return inputs, states, valid

    def _read(
        self, *, fast: bool
    ) -> tuple[list[KerasTensor], KerasTensor, KerasTensor]:
        """Build the part of the network in front of the recurrent layers.

        Returns
        -------
        inputs : list of KerasTensor
        x : KerasTensor of shape (n_sequences, n_recurrent_steps, n_features)
        valid : KerasTensor of shape (n_sequences, n_recurrent_steps)
            False for padding.
        """
        layers, ops = keras.layers, keras.ops
        if self.n_tokens:
            tokens = keras.Input((None,), dtype="int32", name="tokens")
            inputs = [tokens]
            valid = ops.not_equal(tokens, PADDING)
            x = embedding(self.n_tokens, self.embedding_dim)(tokens)
            if self.gated:
                gates = keras.Input((None,), dtype="float32", name="gates")
                inputs.append(gates)
                x = x * ops.expand_dims(gates, 2)
            x = drop_values(x, self.embedding_dropout, name="embedding_dropout")
            x = drop_vectors(x, self.token_dropout, name="token_dropout")
            n_columns = self.embedding_dim
        else:
            x = keras.Input((None, self._n_inputs), dtype="float32", name="sequence")
            valid = keras.Input((None,), dtype="bool", name="valid")
            inputs = [x, valid]
            x = self._add_noise(x)
            if self.n_ids:
                first = self.n_columns + self.n_masks
                gates = None
                if self.gated:
                    shape = (None, len(self.n_ids))
                    gates = keras.Input(shape, dtype="float32", name="gates")
                    inputs.append(gates)
                categories = tuple(enumerate(self.n_ids, first))
                x = ColumnEmbeddings(categories).apply(x, gates=gates)
            n_columns = x.shape[2]
        if self.stem:
            read = x
            x, valid = self.stem.apply(x, valid, self.patch_length, fast=fast)
            if self._stem_is_beside_inputs:
                x = ops.concatenate([read, x], axis=2)
        elif self.patch_length > 1:
            patch = (-1, self.patch_length * n_columns)
            x = layers.Reshape(patch, name="patches")(x)
            # Padding comes last, so a patch is valid if its first step is.
            valid = layers.Reshape((-1, self.patch_length), name="valid_steps")(valid)
            valid = valid[:, :, 0]
        if self.positional_encoding:
            x = ops.concatenate(
                [x, _encode_positions(valid, self.positional_encoding)], axis=2
            )
        return inputs, x, valid

    @property
    def _stem_is_beside_inputs(self) -> bool:
        """Whether the recurrent layers read the inputs beside the stem's outputs."""
        return False

    @property
    def _n_inputs(self) -> int:
        return self.n_columns + self.n_masks + len(self.n_ids)

    def _add_noise(self, x: KerasTensor) -> KerasTensor:
        """Add noise during training to the values, not to masks and categories."""
        if not self.noise or not self.n_columns:
            return x
        noise = keras.layers.GaussianNoise(
            self.noise, seed=PLACEHOLDER_SEED, name="noise"
        )
        if self.n_columns == self._n_inputs:
            return noise(x)
        values, others = x[:, :, : self.n_columns], x[:, :, self.n_columns :]
        return keras.ops.concatenate([noise(values), others], axis=2)

    def data_signature(self) -> DataSignature:
        """Describe the tensors of `SequenceData`."""
        return DataSignature(
            inputs={
                "rows": (
                    tf.TensorSpec([None], tf.int32)
                    if self.n_tokens
                    else tf.TensorSpec([None, self._n_inputs])
                ),
                "starts": tf.TensorSpec([None], tf.int32),
                "lengths": tf.TensorSpec([None], tf.int32),
            },
            targets={
                "targets": tf.TensorSpec([None, self.n_outputs]),
                "weight": tf.TensorSpec([None]),
            },
        )

    def gather_inputs(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tf.Tensor | list[tf.Tensor]:
        """Gather sequences, padded to the longest of them in whole patches."""
        lengths = tf.gather(tensors["lengths"], index)[:, None]
        n_patches = (tf.reduce_max(lengths) - 1) // self.patch_length + 1
        steps = tf.range(n_patches * self.patch_length)
        valid = steps < lengths
        # An incomplete patch is filled with the last row.
        rows = tf.gather(tensors["starts"], index)[:, None] + tf.minimum(
            steps, lengths - 1
        )
        values = tf.gather(tensors["rows"], rows)
        if self.n_tokens:
            return tf.where(valid, values, PADDING)
        return [values, valid]

    @property
    def gated_columns(self) -> list[tuple[int, list[int] | None]]:
        """Return the columns with categories, or all for tokens."""
        if self.n_tokens:
            return [(0, None)]
        first = self.n_columns + self.n_masks
        return [(0, list(range(first, self._n_inputs)))] if self.n_ids else []

    def baseline_inputs(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return sequences of zeros, the mean of the training steps."""
        baseline = [tf.zeros_like(inputs[0]), *inputs[1:]]
        return keep_columns(baseline, inputs, self.gated_columns)

    def gather_targets(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Gather the targets and weights of sequences."""
        return tf.gather(tensors["targets"], index), tf.gather(tensors["weight"], index)

    def shuffle(
        self, tensors: Tensors, index: tf.Tensor, batch_size: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """Return the sequences in random order; very unequal lengths are grouped."""
        index = super().shuffle(tensors, index, batch_size, seed)
        lengths = tf.gather(tensors["lengths"], index)
        return tf.gather(index, group_by_length(lengths, batch_size, seed))

    def augment(self, tensors: Tensors, seed: tf.Tensor) -> Tensors:
        """Crop each sequence at random, at both sides."""
        if not self.crop:
            return tensors
        lengths = tensors["lengths"]
        uniforms = tf.random.stateless_uniform([2, tf.shape(lengths)[0]], seed)
        # Between nothing and the largest fraction is cut off, a random part of it in
        # front.
        cut = tf.cast(uniforms[0] * self.crop * tf.cast(lengths, tf.float32), tf.int32)
        in_front = tf.cast(uniforms[1] * tf.cast(cut + 1, tf.float32), tf.int32)
        return {
            **tensors,
            "starts": tensors["starts"] + in_front,
            "lengths": lengths - cut,
        }


def _encode_positions(valid: KerasTensor, n_waves: int) -> KerasTensor:
    """Encode the position of each step in its sequence: a ramp, sines and cosines."""
    ops = keras.ops
    inside = ops.cast(valid, "float32")
    n_steps = ops.sum(inside, axis=1, keepdims=True)
    # The middle of each step, from -1 to 1 over the sequence.
    ramp = ops.expand_dims((2 * ops.cumsum(inside, axis=1) - 1) / n_steps - 1, 2)
    waves = ramp * (np.pi * np.arange(1, n_waves + 1, dtype=np.float32))
    encoding = ops.concatenate([ramp, ops.sin(waves), ops.cos(waves)], axis=2)
    return _POSITION_GAIN * encoding


def _pool(
    states: KerasTensor, valid: KerasTensor, pooling: str, *, bidirectional: bool
) -> KerasTensor:
    """Combine the states at the valid steps into one vector."""
    ops = keras.ops
    inside = ops.cast(valid, "float32")
    after_last = ops.zeros_like(inside[:, :1])
    weight = ops.expand_dims(inside, 2)
    pooled = []
    if pooling in ("last", "all"):
        # One at the last valid step, zero elsewhere.
        is_last = inside - ops.concatenate([inside[:, 1:], after_last], axis=1)
        last = ops.sum(states * ops.expand_dims(is_last, 2), axis=1)
        if bidirectional:
            # The layer that reads backwards ends at the first step.
            half = states.shape[-1] // 2
            last = ops.concatenate([last[:, :half], states[:, 0, half:]], axis=1)
        pooled.append(last)
    if pooling in ("mean", "all"):
        pooled.append(ops.sum(states * weight, axis=1) / ops.sum(weight, axis=1))
    if pooling in ("max", "all"):
        is_valid = ops.expand_dims(valid, 2)
        pooled.append(ops.max(ops.where(is_valid, states, _BELOW_ALL_STATES), axis=1))
    if pooling == "attention":
        score = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=glorot_uniform(), name="attention"
        )(states)
        is_valid = ops.expand_dims(valid, 2)
        attention = ops.softmax(ops.where(is_valid, score, _BELOW_ALL_STATES), axis=1)
        pooled.append(ops.sum(states * attention, axis=1))
    return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=1)
