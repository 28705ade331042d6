"""Fast recurrent layers that keep the weights of the standard Keras layers.

Each overrides `inner_loop`, the method in which Keras' layers run their loop over time,
or call cuDNN. Under a version of Keras that does not call it the standard loop would
run: slower, but with the same results.

Importing this module loads Keras.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from sklstm.engine.backend import keras, tf
from sklstm.engine.layers import scan_cells
from sklstm.engine.layers.block_lstm import run_block_lstm
from sklstm.engine.layers.scans import (
    run_prediction_scan,
    run_training_scan,
)

# The last output, the outputs of all steps (or of the last) and the last states.
_LoopResult: TypeAlias = "tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]"

# From this number of units on, or of units times steps, a scan compiled by XLA trains
# an LSTM faster than `BlockLSTM`, whose gradient adds up that of the weights step by
# step, and the compilation is worth its time.
_MIN_UNITS_TO_SCAN = 64
_MIN_STATES_TO_SCAN = 4000


# Registered because Bidirectional copies its layer through its configuration.
@keras.saving.register_keras_serializable("sklstm")
class FusedLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with a fast loop over time.

    On a CPU the standard layer runs a loop of some ten small operations a step.
    Here it is one operation, `BlockLSTM`, or for training of more units a scan
    compiled by XLA. Weights, outputs and gradients are those of the standard layer;
    where the fast loops do not apply (a mask, dropout of the cell's inputs, other
    activations, half precision) the standard one runs. Recurrent dropout drops the
    same part of the state for all gates [1]_, where the standard layer draws one for
    each gate.

    References
    ----------
    .. [1] Gal and Ghahramani (2016), "A theoretically grounded application of dropout
       in recurrent neural networks", NeurIPS.
    """

    # Whether the loop has a gradient outside training, too.
    with_gradient = False

    def inner_loop(
        self,
        sequences: tf.Tensor,
        initial_state: Any,
        mask: tf.Tensor | None,
        training: bool = False,
    ) -> _LoopResult:
        """Run the loop over time; Keras calls it from `call`."""
        training = bool(training) or self.with_gradient
        if mask is not None or not _can_fuse(self, sequences, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        large = _is_large(self.cell.units, sequences.shape[1])
        if training and (large or self.cell.recurrent_dropout):
            return _run_scan(
                scan_cells.LSTM, self, sequences, initial_state, training=True
            )
        time_major = tf.transpose(sequences, (1, 0, 2))
        if self.go_backwards:
            time_major = tf.reverse(time_major, [0])
        hidden, last, last_cell = run_block_lstm(
            time_major,
            tuple(initial_state),
            _weights(self.cell),
            training=training,
        )
        if self.return_sequences:
            outputs = tf.transpose(hidden, (1, 0, 2))
        else:
            outputs = last[:, None]
        return last, outputs, [last, last_cell]


@keras.saving.register_keras_serializable("sklstm")
class FusedGRU(keras.layers.GRU):
    """`keras.layers.GRU` whose loop over time is compiled by XLA.

    Weights, outputs and gradients are those of the standard layer; where the scan does
    not apply (as in `FusedLSTM`, or because the reset gate acts before the product) the
    standard loop runs.
    """

    # Whether the loop has a gradient outside training, too.
    with_gradient = False

    def inner_loop(
        self,
        sequences: tf.Tensor,
        initial_state: Any,
        mask: tf.Tensor | None,
        training: bool = False,
    ) -> _LoopResult:
        """Run the loop over time; Keras calls it from `call`."""
        training = bool(training) or self.with_gradient
        fuses = self.cell.reset_after and _can_fuse(self, sequences, training)
        if mask is not None or not fuses:
            return super().inner_loop(sequences, initial_state, mask, training)
        return _run_scan(
            scan_cells.GRU, self, sequences, initial_state, training=training
        )


@keras.saving.register_keras_serializable("sklstm")
class FusedSimpleRNN(keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` whose loop over time is compiled by XLA.

    Weights, outputs and gradients are those of the standard layer; where the scan does
    not apply (as in `FusedLSTM`) the standard loop runs.
    """

    # Whether the loop has a gradient outside training, too.
    with_gradient = False

    def inner_loop(
        self,
        sequences: tf.Tensor,
        initial_state: Any,
        mask: tf.Tensor | None,
        training: bool = False,
    ) -> _LoopResult:
        """Run the loop over time; Keras calls it from `call`."""
        training = bool(training) or self.with_gradient
        if mask is not None or not _can_fuse(self, sequences, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return _run_scan(
            scan_cells.SIMPLE_RNN, self, sequences, initial_state, training=training
        )


def _can_fuse(layer: keras.layers.RNN, sequences: tf.Tensor, training: bool) -> bool:
    cell = layer.cell
    gates = getattr(cell, "recurrent_activation", keras.activations.sigmoid)
    return (
        not (training and cell.dropout)
        and cell.use_bias
        and cell.activation is keras.activations.tanh
        and gates is keras.activations.sigmoid
        and sequences.dtype == tf.float32
        and sequences.shape[1] != 0
    )


def _is_large(units: int, n_steps: int | None) -> bool:
    """Return whether an LSTM is trained by the scan; an unknown length is None."""
    many_states = units * (n_steps or 0) >= _MIN_STATES_TO_SCAN
    return units >= _MIN_UNITS_TO_SCAN or many_states


def _weights(cell: keras.layers.Layer) -> tuple[tf.Tensor, ...]:
    variables = cell.kernel, cell.recurrent_kernel, cell.bias
    return tuple(tf.convert_to_tensor(variable) for variable in variables)


def _run_scan(
    scan_cell: scan_cells.ScanCell,
    layer: keras.layers.RNN,
    sequences: tf.Tensor,
    states: Any,
    *,
    training: bool,
) -> _LoopResult:
    """Run a layer's loop over time as a scan."""
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
    states, cell = tf.nest.flatten(states), layer.cell
    weights, return_sequences = _weights(cell), layer.return_sequences
    if training:
        hidden, last_states = run_training_scan(
            scan_cell,
            sequences,
            states,
            weights,
            return_sequences=return_sequences,
            mask=_recurrent_dropout(cell, states[0]),
        )
    else:
        hidden, last_states = run_prediction_scan(
            scan_cell, sequences, states, weights, return_sequences=return_sequences
        )
    last = last_states[0]
    return last, last[:, None] if hidden is None else hidden, last_states


def _recurrent_dropout(cell: keras.layers.Layer, state: tf.Tensor) -> tf.Tensor | None:
    """Draw the factors on the state for a batch, if there is recurrent dropout."""
    if not cell.recurrent_dropout:
        return None
    return keras.random.dropout(
        tf.ones_like(state), cell.recurrent_dropout, seed=cell.seed_generator
    )


@keras.saving.register_keras_serializable("sklstm")
class PaddedBidirectional(keras.layers.Bidirectional):
    """`keras.layers.Bidirectional` over sequences with padding at the end.

    Its mask must hold true steps first, then padding. Instead of masking each step,
    which no fast kernel supports, the backward layer reads each sequence reversed
    within its own length, with the padding still at the end. At valid steps the
    outputs are those of the standard layer with that mask; at padding they are
    arbitrary.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # It receives sequences that are reversed already.
        self.backward_layer.go_backwards = False

    def call(
        self,
        sequences: tf.Tensor,
        initial_state: Any = None,
        mask: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Run both layers; ``mask`` has shape (n_samples, n_steps)."""
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)

        def reverse_within_length(x: tf.Tensor) -> tf.Tensor:
            return tf.reverse_sequence(x, lengths, seq_axis=1)

        backward = self.backward_layer(
            reverse_within_length(sequences), training=training
        )
        forward = self.forward_layer(sequences, training=training)
        return tf.concat([forward, reverse_within_length(backward)], axis=2)
