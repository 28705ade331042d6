"""Fast recurrent layers that keep the weights of the standard Keras layers."""

from __future__ import annotations

import keras
import tensorflow as tf


# Registered because Bidirectional copies its layer through its configuration.
@keras.saving.register_keras_serializable("sklstm")
class FusedLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` whose time loop is one TensorFlow operation.

    On a CPU the standard layer runs a loop of some ten small operations a step.
    `BlockLSTM` runs the whole sequence in one, forward and backward. Weights,
    outputs and gradients are those of the standard layer; where the operation does
    not apply (a mask, dropout inside the cell, other activations, half precision)
    the standard loop runs.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Run the time loop; Keras calls it from `call`."""
        if mask is not None or not self._can_fuse(sequences, training):
            return super().inner_loop(sequences, initial_state, mask, training)
        time_major = tf.transpose(sequences, (1, 0, 2))
        if self.go_backwards:
            time_major = tf.reverse(time_major, [0])
        hidden, last, last_cell = lstm_sequence(
            time_major,
            *initial_state,
            kernel=tf.convert_to_tensor(self.cell.kernel),
            recurrent_kernel=tf.convert_to_tensor(self.cell.recurrent_kernel),
            bias=tf.convert_to_tensor(self.cell.bias),
            # In prediction batches run side by side already.
            halve=bool(training),
        )
        if self.return_sequences:
            outputs = tf.transpose(hidden, (1, 0, 2))
        else:
            outputs = last[:, None]
        return last, outputs, [last, last_cell]

    def _can_fuse(self, sequences, training):
        cell = self.cell
        drops = training and (cell.dropout or cell.recurrent_dropout)
        return (
            not drops
            and cell.use_bias
            and cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and sequences.dtype == tf.float32
            and sequences.shape[1] != 0
        )


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

        def turn_round(x):
            return tf.reverse_sequence(x, lengths, seq_axis=1)

        backward = self.backward_layer(turn_round(sequences), training=training)
        forward = self.forward_layer(sequences, training=training)
        return tf.concat([forward, turn_round(backward)], axis=2)


def lstm_sequence(x, h0, c0, *, kernel, recurrent_kernel, bias, halve):
    """Run an LSTM over whole sequences.

    Parameters
    ----------
    x : tensor of shape (n_steps, n_samples, n_features)
    h0, c0 : tensors of shape (n_samples, units)
        Initial output and cell state.
    kernel, recurrent_kernel, bias : tensors
        Weights of `keras.layers.LSTM`.
    halve : bool
        Whether two halves of the batch run side by side.

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
    if not halve:
        hidden, cell = _block_lstm(x, h0, c0, weights, bias)
        return hidden, hidden[-1], cell[-1]
    # The operation runs on one thread, so two halves of the batch run side by side.
    # Neither may be empty (the gradient would be undefined): the halves share the
    # middle row of an odd batch, and the second half's copy of it is dropped.
    n_samples = tf.shape(x)[1]
    upper, lower = (n_samples + 1) // 2, n_samples // 2
    shared = upper - lower
    hidden1, cell1 = _block_lstm(x[:, :upper], h0[:upper], c0[:upper], weights, bias)
    hidden2, cell2 = _block_lstm(x[:, lower:], h0[lower:], c0[lower:], weights, bias)
    return (
        tf.concat([hidden1, hidden2[:, shared:]], axis=1),
        tf.concat([hidden1[-1], hidden2[-1, shared:]], axis=0),
        tf.concat([cell1[-1], cell2[-1, shared:]], axis=0),
    )


def _block_lstm(x, h0, c0, weights, bias):
    no_peephole = tf.zeros([bias.shape[0] // 4], x.dtype)
    # The V1 operation on purpose: the registered gradient of BlockLSTMV2 orders the
    # gates as V1 does, and so is wrong for V2.
    out = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.shape(x, out_type=tf.int64)[0],
        x=x,
        cs_prev=c0,
        h_prev=h0,
        w=weights,
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=bias,
        forget_bias=0.0,
        cell_clip=-1.0,
        use_peephole=False,
    )
    return out.h, out.cs


def _block_gates(weights):
    """From Keras' gate order (input, forget, cell, output) to BlockLSTM's."""
    i, f, c, o = tf.split(weights, 4, axis=-1)
    return tf.concat([i, c, f, o], axis=-1)
