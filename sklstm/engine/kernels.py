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
            training=bool(training),
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


# From so many units on, the gradient of the operation itself is slow: it adds up the
# weights' gradient step by step.
_UNITS_OF_OWN_GRADIENT = 128


def lstm_sequence(x, h0, c0, *, kernel, recurrent_kernel, bias, training):
    """Run an LSTM over whole sequences.

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
    if not training:
        hidden, last_cell = _run(x, h0, c0, weights, bias)
        return hidden, hidden[-1], last_cell
    large = recurrent_kernel.shape[0] >= _UNITS_OF_OWN_GRADIENT
    run = _run_with_own_gradient if large else _run
    # The operation runs on one thread, so two halves of the batch run side by side.
    # Neither may be empty (the gradient would be undefined): the halves share the
    # middle row of an odd batch, and the second half's copy of it is dropped.
    n_samples = tf.shape(x)[1]
    upper, lower = (n_samples + 1) // 2, n_samples // 2
    shared = upper - lower
    hidden1, cell1 = run(x[:, :upper], h0[:upper], c0[:upper], weights, bias)
    hidden2, cell2 = run(x[:, lower:], h0[lower:], c0[lower:], weights, bias)
    return (
        tf.concat([hidden1, hidden2[:, shared:]], axis=1),
        tf.concat([hidden1[-1], hidden2[-1, shared:]], axis=0),
        tf.concat([cell1, cell2[shared:]], axis=0),
    )


def _run(x, h0, c0, weights, bias):
    """All outputs and the last cell state; weights in the operation's order."""
    out = _block_lstm(x, h0, c0, weights, bias)
    return out.h, out.cs[-1]


@tf.custom_gradient
def _run_with_own_gradient(x, h0, c0, weights, bias):
    """As `_run`, with a faster gradient for many units.

    Only the gates' gradients are found step by step, going back in time; those of the
    weights and inputs are then one product over all steps.
    """
    out = _block_lstm(x, h0, c0, weights, bias)
    n_features = x.shape[2]
    kernel, recurrent_kernel = weights[:n_features], weights[n_features:]

    def gradient(d_hidden, d_last_cell):
        back = tf.transpose(recurrent_kernel)
        cells_before = tf.concat([c0[None], out.cs[:-1]], axis=0)
        n_steps = tf.shape(x)[0]

        def step(t, d_h, d_c, gates):
            one = _cell_gradient(
                out, t, x, h0, weights, bias, cells_before[t], d_c, d_hidden[t] + d_h
            )
            return (
                t - 1,
                tf.matmul(one.dicfo, back),
                one.cs_prev_grad,
                gates.write(t, one.dicfo),
            )

        def unfinished(t, d_h, d_c, gates):
            return t >= 0

        gates = tf.TensorArray(x.dtype, n_steps, element_shape=[None, bias.shape[0]])
        _, d_h0, d_c0, gates = tf.while_loop(
            unfinished, step, (n_steps - 1, tf.zeros_like(h0), d_last_cell, gates)
        )
        d_gates = gates.concat()
        hidden_before = tf.concat([h0[None], out.h[:-1]], axis=0)
        d_weights = [
            tf.matmul(tf.reshape(read, [-1, read.shape[2]]), d_gates, transpose_a=True)
            for read in (x, hidden_before)
        ]
        d_x = tf.matmul(d_gates, kernel, transpose_b=True)
        return (
            tf.reshape(d_x, tf.shape(x)),
            d_h0,
            d_c0,
            tf.concat(d_weights, axis=0),
            tf.reduce_sum(d_gates, axis=0),
        )

    return (out.h, out.cs[-1]), gradient


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


def _cell_gradient(out, t, x, h0, weights, bias, cell_before, d_cell, d_hidden):
    """Gradients of one step; of x, h0, weights and bias only the shapes are read."""
    return tf.raw_ops.LSTMBlockCellGrad(
        x=x[0],
        h_prev=h0,
        w=weights,
        b=bias,
        cs_prev=cell_before,
        i=out.i[t],
        cs=out.cs[t],
        f=out.f[t],
        o=out.o[t],
        ci=out.ci[t],
        co=out.co[t],
        cs_grad=d_cell,
        h_grad=d_hidden,
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
