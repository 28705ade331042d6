"""Fast recurrent layers that keep the weights of the standard Keras layers."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sklstm.engine.layers import scans


# Registered because Bidirectional copies its layer through its configuration.
@keras.saving.register_keras_serializable("sklstm")
class FusedLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with a fast time loop.

    On a CPU the standard layer runs a loop of some ten small operations a step.
    Here it is one operation, `BlockLSTM`, or for training of more units a loop
    compiled by XLA. Weights, outputs and gradients are those of the standard layer;
    where the fast loops do not apply (a mask, dropout of the cell's inputs, other
    activations, half precision) the standard one runs. Recurrent dropout drops the
    same of the state for all gates [1]_, where the standard layer draws for each.

    References
    ----------
    .. [1] Gal and Ghahramani (2016), "A theoretically grounded application of dropout
       in recurrent neural networks", NeurIPS.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Run the time loop; Keras calls it from `call`."""
        if mask is not None or not _can_fuse(self, sequences, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        large = _is_large(self.cell.units, sequences.shape[1])
        if training and (large or self.cell.recurrent_dropout):
            return _run_compiled(
                scans.LSTM, self, sequences, initial_state, training=True
            )
        time_major = tf.transpose(sequences, (1, 0, 2))
        if self.go_backwards:
            time_major = tf.reverse(time_major, [0])
        hidden, last, last_cell = lstm_sequence(
            time_major, *initial_state, *_weights(self.cell), training=bool(training)
        )
        if self.return_sequences:
            outputs = tf.transpose(hidden, (1, 0, 2))
        else:
            outputs = last[:, None]
        return last, outputs, [last, last_cell]


@keras.saving.register_keras_serializable("sklstm")
class FusedGRU(keras.layers.GRU):
    """`keras.layers.GRU` whose time loop is compiled by XLA.

    Weights, outputs and gradients are those of the standard layer; where the compiled
    loop does not apply (as in `FusedLSTM`, or the reset gate acts before the product)
    the standard one runs.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Run the time loop; Keras calls it from `call`."""
        fuses = self.cell.reset_after and _can_fuse(self, sequences, training)
        if mask is not None or not fuses:
            return super().inner_loop(sequences, initial_state, mask, training)
        return _run_compiled(
            scans.GRU, self, sequences, initial_state, training=training
        )


@keras.saving.register_keras_serializable("sklstm")
class FusedSimpleRNN(keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` whose time loop is compiled by XLA.

    Weights, outputs and gradients are those of the standard layer; where the compiled
    loop does not apply (as in `FusedLSTM`) the standard one runs.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Run the time loop; Keras calls it from `call`."""
        if mask is not None or not _can_fuse(self, sequences, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        return _run_compiled(
            scans.SIMPLE_RNN, self, sequences, initial_state, training=training
        )


def _can_fuse(layer, sequences, training):
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


def _weights(cell):
    variables = cell.kernel, cell.recurrent_kernel, cell.bias
    return [tf.convert_to_tensor(variable) for variable in variables]


def _run_compiled(loop, layer, sequences, states, *, training):
    """What `inner_loop` gives, by a compiled loop."""
    if layer.go_backwards:
        sequences = tf.reverse(sequences, [1])
    states, cell, mask = tf.nest.flatten(states), layer.cell, None
    if training and cell.recurrent_dropout:
        mask = keras.random.dropout(
            tf.ones_like(states[0]), cell.recurrent_dropout, seed=cell.seed_generator
        )
    hidden, states = scans.run(
        loop,
        sequences,
        states,
        _weights(cell),
        training=bool(training),
        sequences=layer.return_sequences,
        mask=mask,
    )
    last = states[0]
    return last, last[:, None] if hidden is None else hidden, states


@keras.saving.register_keras_serializable("sklstm")
class PaddedBidirectional(keras.layers.Bidirectional):
    """`keras.layers.Bidirectional` over sequences with padding behind them.

    Its mask must hold true steps first, then padding. In place of masking each step,
    which no fast kernel knows, the backward layer reads each sequence turned round
    within its own length, padding still behind it. At valid steps the outputs are
    those of the standard layer with that mask; those at padding mean nothing.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # It is handed sequences that are turned round already.
        self.backward_layer.go_backwards = False

    def call(self, sequences, initial_state=None, mask=None, training=False):
        """Run both layers; ``mask`` has shape (n_samples, n_steps)."""
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)

        def reverse_within_length(x):
            return tf.reverse_sequence(x, lengths, seq_axis=1)

        backward = self.backward_layer(
            reverse_within_length(sequences), training=training
        )
        forward = self.forward_layer(sequences, training=training)
        return tf.concat([forward, reverse_within_length(backward)], axis=2)


# An LSTM with fewer units times steps is trained on one core: two cores gain nothing,
# and another fit, in another thread, can have the second.
_STATES_OF_TWO_PARTS = 500

# From so many units on, or with so many units times steps, a loop compiled by XLA
# trains an LSTM faster than `BlockLSTM`, and its compilation is worth while.
_UNITS_OF_COMPILED_LOOP = 64
_STATES_OF_COMPILED_LOOP = 4000


def _is_large(units, n_steps):
    """Whether an LSTM is trained by the compiled loop; an open length is None."""
    many_states = units * (n_steps or 0) >= _STATES_OF_COMPILED_LOOP
    return units >= _UNITS_OF_COMPILED_LOOP or many_states


def lstm_sequence(x, h0, c0, kernel, recurrent_kernel, bias, *, training):
    """Run an LSTM over whole sequences by `BlockLSTM`.

    Parameters
    ----------
    x : tensor of shape (n_steps, n_samples, n_features)
    h0, c0 : tensors of shape (n_samples, units)
        Initial output and cell state.
    kernel, recurrent_kernel, bias : tensors
        Weights of `keras.layers.LSTM`.
    training : bool
        Whether a gradient is wanted. In prediction the batch is not divided: several
        batches run side by side already.

    Returns
    -------
    hidden : tensor of shape (n_steps, n_samples, units)
    last_hidden, last_cell : tensors of shape (n_samples, units)
    """
    if x.shape[2] % 2:
        # The operation warns, at every call, of an odd number of inputs.
        x = tf.pad(x, [[0, 0], [0, 0], [0, 1]])
        kernel = tf.pad(kernel, [[0, 1], [0, 0]])
    weights = _block_gates(tf.concat([kernel, recurrent_kernel], axis=0))
    bias = _block_gates(bias)
    is_small = recurrent_kernel.shape[0] * (x.shape[0] or np.inf) < _STATES_OF_TWO_PARTS
    if is_small or not training:
        hidden, last_cell = _run(x, h0, c0, weights, bias)
        return hidden, hidden[-1], last_cell
    # The operation runs on one thread, so two halves of the batch run side by side.
    # Neither may be empty (the gradient would be undefined): the halves share the
    # middle row of an odd batch, and the second half's copy of it is dropped.
    n_samples = tf.shape(x)[1]
    upper, lower = (n_samples + 1) // 2, n_samples // 2
    shared = upper - lower
    hidden1, cell1 = _run(x[:, :upper], h0[:upper], c0[:upper], weights, bias)
    hidden2, cell2 = _run(x[:, lower:], h0[lower:], c0[lower:], weights, bias)
    return (
        tf.concat([hidden1, hidden2[:, shared:]], axis=1),
        tf.concat([hidden1[-1], hidden2[-1, shared:]], axis=0),
        tf.concat([cell1, cell2[shared:]], axis=0),
    )


def _run(x, h0, c0, weights, bias):
    """All outputs and the last cell state; weights in the operation's order."""
    out = _block_lstm(x, h0, c0, weights, bias)
    return out.h, out.cs[-1]


def _block_lstm(x, h0, c0, weights, bias):
    # The V1 operation on purpose: the registered gradient of BlockLSTMV2 orders the
    # gates as V1 does, and so is wrong for V2.
    return tf.raw_ops.BlockLSTM(
        seq_len_max=tf.shape(x, out_type=tf.int64)[0],
        x=x,
        cs_prev=c0,
        h_prev=h0,
        w=weights,
        b=bias,
        forget_bias=0.0,
        cell_clip=-1.0,
        **_no_peephole(bias),
    )


def _no_peephole(bias):
    """The cells here have no weights from the cell state to the gates."""
    none = tf.zeros([bias.shape[0] // 4], bias.dtype)
    return {"use_peephole": False, "wci": none, "wcf": none, "wco": none}


def _block_gates(weights):
    """From Keras' gate order (input, forget, cell, output) to BlockLSTM's."""
    i, f, c, o = tf.split(weights, 4, axis=-1)
    return tf.concat([i, c, f, o], axis=-1)
