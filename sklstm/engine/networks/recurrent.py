"""Recurrent layers, which all networks have in common.

A new kind of cell takes its Keras layer and its number of states here, a layer with a
fast scan over time in `sklstm.engine.layers.fused`, and the equations of that scan in
`sklstm.engine.layers.scan_cells`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING

import numpy as np

from sklstm.engine.backend import keras, on_gpu
from sklstm.engine.networks.initial_weights import (
    PLACEHOLDER_SEED,
    glorot_uniform,
    orthogonal,
    standard_normal,
    uniform,
)

if TYPE_CHECKING:
    from keras import KerasTensor

# Number of states that a cell passes from step to step.
_N_STATES = {"lstm": 2, "gru": 1, "rnn": 1}


@dataclass(frozen=True)
class RecurrentStack:
    """Recurrent layers on top of each other.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
        Recurrent cell.
    units : tuple of int
        State size of each layer, from the input upwards.
    bidirectional : bool
        Whether each layer reads the sequence in both directions.
    dropout : float
        Fraction of each layer's outputs to drop during training.
    recurrent_dropout : float
        Fraction of the recurrent state to drop during training.
    weight_dropout : float
        Fraction of the entries of the recurrent kernels to drop during training.
    locked_dropout : bool
        Whether the same outputs of a layer are dropped at all steps.
    """

    cell: str
    units: tuple[int, ...]
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    weight_dropout: float = 0.0
    locked_dropout: bool = False

    def without_state_dropout(self) -> RecurrentStack:
        """Return the layers without what is part of their training loop."""
        return replace(self, recurrent_dropout=0.0, weight_dropout=0.0)

    @property
    def n_layer_states(self) -> int:
        """Number of states of each layer."""
        return _N_STATES[self.cell]

    @property
    def state_sizes(self) -> list[int]:
        """Lengths of all states of the layers, from the input upwards."""
        return [units for units in self.units for _ in range(self.n_layer_states)]

    def apply(
        self,
        x: KerasTensor,
        *,
        fast: bool,
        valid: KerasTensor | None = None,
        return_sequences: bool = False,
        final_dropout: bool = True,
        prefix: str = "",
    ) -> KerasTensor:
        """Apply the layers to the input of a network under construction.

        Parameters
        ----------
        x : KerasTensor of shape (n_samples, n_steps, n_features)
        fast : bool
            As for `NetworkSpec.build`.
        valid : KerasTensor of shape (n_samples, n_steps), optional
            False for padding, which must come after the valid steps. Implies
            ``return_sequences``; the states at padding are arbitrary.
        return_sequences : bool, default=False
            Whether to return the last layer's states at all steps instead of its last
            state.
        final_dropout : bool, default=True
            Whether to apply dropout to the outputs of the last layer.
        prefix : str, default=""
            Keeps the layer names of two stacks in one network apart.

        Returns
        -------
        states : KerasTensor
        """
        # A layer that reads forwards meets the padding last, so it needs no mask, which
        # the fast kernels do not support; the fast wrapper reverses each sequence
        # within its own length.
        return_sequences = return_sequences or valid is not None
        for i in range(len(self.units)):
            layer = self.make_layer(
                i,
                fast=fast,
                return_sequences=return_sequences or i + 1 < len(self.units),
                prefix=prefix,
            )
            name = f"{prefix}bidirectional_{i}"
            if self.bidirectional and valid is not None:
                x = _padded_bidirectional(fast)(layer, name=name)(x, mask=valid)
            elif self.bidirectional:
                x = keras.layers.Bidirectional(layer, name=name)(x)
            elif fast:
                x = layer(x)
            else:
                x = layer(x, mask=valid)
            if final_dropout or i + 1 < len(self.units):
                x = self.apply_dropout(x, i, prefix=prefix)
        return x

    def apply_to_states(self, x: KerasTensor, *, fast: bool) -> list[KerasTensor]:
        """Apply the layers and return all states of the last one after the last step.

        Parameters
        ----------
        x : KerasTensor of shape (n_samples, n_steps, n_features)
        fast : bool
            As for `NetworkSpec.build`.

        Returns
        -------
        states : list of KerasTensor of shape (n_samples, decoder_units)
            Without dropout. Those of both directions are concatenated.
        """
        last = len(self.units) - 1
        if last:
            below = replace(self, units=self.units[:-1])
            x = below.apply(x, fast=fast, return_sequences=True)
        layer = self.make_layer(
            last, fast=fast, return_sequences=False, return_state=True
        )
        if not self.bidirectional:
            return layer(x)[1:]
        layer = keras.layers.Bidirectional(layer, name=f"bidirectional_{last}")
        states = layer(x)[1:]
        n_states = self.n_layer_states
        return [
            keras.layers.Concatenate(name=f"both_states_{i}")(states[i::n_states])
            for i in range(n_states)
        ]

    @property
    def decoder_units(self) -> int:
        """State size of a decoder cell that starts from the last layer's states."""
        return self.units[-1] * (2 if self.bidirectional else 1)

    def apply_decoder_cell(
        self,
        inputs: Sequence[KerasTensor],
        states: Sequence[KerasTensor],
        *,
        fast: bool,
    ) -> KerasTensor:
        """Apply a cell for one step from the same states to several inputs.

        Parameters
        ----------
        inputs : sequence of KerasTensor of shape (..., n_features)
            Parts of the cell's input, to be concatenated. Their leading axes, and those
            of the states, are broadcast against each other.
        states : sequence of KerasTensor of shape (..., decoder_units)
            States before the step.
        fast : bool
            As for `NetworkSpec.build`.

        Returns
        -------
        outputs : KerasTensor of shape (..., decoder_units)
        """
        cell = _cell_class(self.cell, fast)(
            self.decoder_units,
            kernel_initializer=glorot_uniform(),
            recurrent_initializer=orthogonal(),
            seed=PLACEHOLDER_SEED,
            name=f"decoder_{self.cell}",
        )
        cell.build((None, sum(part.shape[-1] for part in inputs)))
        if fast:
            outputs, _ = cell(list(inputs), list(states))
            return outputs
        ops = keras.ops
        # The standard cells take one row for each output, so everything is repeated.
        # (By products, because Keras takes some sums for those with a bias and does not
        # broadcast their first axis.)
        ones = ops.ones_like(reduce(mul, (x[..., :1] for x in [*inputs, *states])))

        def repeat(x: KerasTensor) -> KerasTensor:
            return ops.reshape(x * ones, (-1, x.shape[-1]))

        rows = ops.concatenate([repeat(part) for part in inputs], axis=1)
        outputs, _ = cell(rows, [repeat(state) for state in states])
        return ops.reshape(outputs, (-1, *ones.shape[1:-1], self.decoder_units))

    def make_layer(
        self,
        i: int,
        *,
        fast: bool,
        return_sequences: bool,
        return_state: bool = False,
        prefix: str = "",
    ) -> keras.layers.RNN:
        """Make the recurrent layer of number ``i``."""
        layer_class, options = _layer_class(self.cell, fast), {}
        # The standard layers are not trained.
        if self.weight_dropout and fast:
            from sklstm.engine.layers.weight_dropout import with_weight_dropout

            layer_class = with_weight_dropout(layer_class)  # type: ignore[arg-type]
            options["weight_dropout"] = self.weight_dropout
        return layer_class(
            self.units[i],
            **options,
            recurrent_dropout=self.recurrent_dropout,
            kernel_initializer=glorot_uniform(),
            recurrent_initializer=orthogonal(),
            seed=PLACEHOLDER_SEED,
            return_sequences=return_sequences,
            return_state=return_state,
            name=self.layer_name(i, prefix),
        )

    def layer_name(self, i: int, prefix: str = "") -> str:
        """Name the recurrent layer of number ``i`` in the network."""
        return f"{prefix}{self.cell}_{i}"

    def apply_dropout(self, x: KerasTensor, i: int, prefix: str = "") -> KerasTensor:
        """Apply the dropout, if any, to the outputs of layer ``i``."""
        return drop_values(
            x, self.dropout, name=f"{prefix}dropout_{i}", locked=self.locked_dropout
        )


def drop_values(
    x: KerasTensor, rate: float, *, name: str, locked: bool = False
) -> KerasTensor:
    """Apply dropout, if any, to the values of sequences.

    Parameters
    ----------
    x : KerasTensor of shape (n_samples, n_steps, n_columns), or of any without steps
    rate : float
    name : str
        Name of the layer.
    locked : bool, default=False
        Whether the columns that are dropped are the same at all steps of a sequence.

    Returns
    -------
    x : KerasTensor
    """
    if not rate:
        return x
    shape = (None, 1, None) if locked else None
    return keras.layers.Dropout(
        rate, noise_shape=shape, seed=PLACEHOLDER_SEED, name=name
    )(x)


def drop_vectors(x: KerasTensor, rate: float, *, name: str) -> KerasTensor:
    """Apply dropout, if any, to whole vectors: all values of a step, or none."""
    if not rate:
        return x
    return keras.layers.Dropout(
        rate, noise_shape=(None, None, 1), seed=PLACEHOLDER_SEED, name=name
    )(x)


def embedding(
    n_tokens: int, embedding_dim: int, *, reversible: bool = False
) -> keras.layers.Embedding:
    """Make the layer that turns token ids into vectors, and back if reversible."""
    layers = keras.layers
    layer_class = layers.ReversibleEmbedding if reversible else layers.Embedding
    return layer_class(
        n_tokens, embedding_dim, embeddings_initializer=uniform(), name="embedding"
    )


def learned_vectors(state: KerasTensor, n: int, size: int, *, name: str) -> KerasTensor:
    """Return vectors that do not depend on the input of a network, only on training.

    Parameters
    ----------
    state : KerasTensor of shape (n_samples, units)
        Every tensor of a Keras model must depend on an input. These vectors depend on a
        state, so that their weights always come after those of the recurrent layers.
    n, size : int
        Number and length of the vectors.
    name : str
        Name of the layer.

    Returns
    -------
    vectors : KerasTensor of shape (1, n, size)
    """
    first_zero = keras.ops.zeros_like(state[:1, :1], dtype="int32")
    return vectors(n, size, name=name)(first_zero + np.arange(n, dtype=np.int32))


def vectors(n: int, size: int, *, name: str) -> keras.layers.Embedding:
    """Make the layer that returns one of several learned vectors."""
    return keras.layers.Embedding(
        n, size, embeddings_initializer=standard_normal(), name=name
    )


def _layer_class(cell: str, fast: bool) -> type[keras.layers.RNN]:
    # On a GPU the standard layers run on cuDNN.
    if fast and not on_gpu():
        # Imported here, because defining layers loads Keras.
        from sklstm.engine.layers.fused import FusedGRU, FusedLSTM, FusedSimpleRNN

        return {"lstm": FusedLSTM, "gru": FusedGRU, "rnn": FusedSimpleRNN}[cell]
    layers = keras.layers
    return {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[cell]


def _cell_class(cell: str, fast: bool) -> type[keras.layers.Layer]:
    if fast:
        from sklstm.engine.layers.broadcast_cells import (
            BroadcastGRUCell,
            BroadcastLSTMCell,
            BroadcastSimpleRNNCell,
        )

        return {
            "lstm": BroadcastLSTMCell,
            "gru": BroadcastGRUCell,
            "rnn": BroadcastSimpleRNNCell,
        }[cell]
    layers = keras.layers
    return {
        "lstm": layers.LSTMCell,
        "gru": layers.GRUCell,
        "rnn": layers.SimpleRNNCell,
    }[cell]


def _padded_bidirectional(fast: bool) -> type[keras.layers.Bidirectional]:
    if fast:
        from sklstm.engine.layers.fused import PaddedBidirectional

        return PaddedBidirectional
    return keras.layers.Bidirectional
