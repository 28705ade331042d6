"""Recurrent layers, which all networks have in common.

A new kind of cell takes its Keras layer and its number of states here, a layer with a
fast scan over time in `sklstm.engine.layers.fused`, and the equations of that scan in
`sklstm.engine.layers.scan_cells`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sklstm.engine.backend import keras, on_gpu
from sklstm.engine.networks.initial_weights import (
    PLACEHOLDER_SEED,
    glorot_uniform,
    orthogonal,
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
    """

    cell: str
    units: tuple[int, ...]
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0

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
            x = self.apply_dropout(x, i, prefix=prefix)
        return x

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
        return _layer_class(self.cell, fast)(
            self.units[i],
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
        if not self.dropout:
            return x
        return keras.layers.Dropout(
            self.dropout, seed=PLACEHOLDER_SEED, name=f"{prefix}dropout_{i}"
        )(x)


def embedding(n_tokens: int, embedding_dim: int) -> keras.layers.Embedding:
    """Make the layer that turns token ids into vectors."""
    return keras.layers.Embedding(
        n_tokens, embedding_dim, embeddings_initializer=uniform(), name="embedding"
    )


def _layer_class(cell: str, fast: bool) -> type[keras.layers.RNN]:
    # On a GPU the standard layers run on cuDNN.
    if fast and not on_gpu():
        # Imported here, because defining layers loads Keras.
        from sklstm.engine.layers.fused import FusedGRU, FusedLSTM, FusedSimpleRNN

        return {"lstm": FusedLSTM, "gru": FusedGRU, "rnn": FusedSimpleRNN}[cell]
    layers = keras.layers
    return {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[cell]


def _padded_bidirectional(fast: bool) -> type[keras.layers.Bidirectional]:
    if fast:
        from sklstm.engine.layers.fused import PaddedBidirectional

        return PaddedBidirectional
    return keras.layers.Bidirectional
