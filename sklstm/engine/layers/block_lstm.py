"""TensorFlow's operation that runs an LSTM over a whole sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm.engine.backend import tf

# The batch of an LSTM with fewer units times steps is trained on one core: a second one
# gains nothing there, and a fit in another thread can have it.
_MIN_STATES_TO_SPLIT = 500


def run_block_lstm(
    x: tf.Tensor,
    states: tuple[tf.Tensor, tf.Tensor],
    weights: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    *,
    training: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Run an LSTM over whole sequences.

    Parameters
    ----------
    x : tensor of shape (n_steps, n_samples, n_features)
    states : tuple of tensors of shape (n_samples, units)
        Initial output and cell state.
    weights : tuple of tensors
        Kernel, recurrent kernel and bias of `keras.layers.LSTM`.
    training : bool
        Whether a gradient is wanted. In prediction the batch is not divided: several
        batches run side by side already.

    Returns
    -------
    hidden : tensor of shape (n_steps, n_samples, units)
    last_hidden, last_cell : tensors of shape (n_samples, units)
    """
    (h, c), (kernel, recurrent_kernel, bias) = states, weights
    if x.shape[2] % 2:
        # The operation warns, at every call, of an odd number of inputs.
        x = tf.pad(x, [[0, 0], [0, 0], [0, 1]])
        kernel = tf.pad(kernel, [[0, 1], [0, 0]])
    block_weights = (
        _reorder_gates(tf.concat([kernel, recurrent_kernel], axis=0)),
        _reorder_gates(bias),
    )
    n_states = recurrent_kernel.shape[0] * (x.shape[0] or np.inf)
    if n_states < _MIN_STATES_TO_SPLIT or not training:
        hidden, last_cell = _block_lstm(x, h, c, *block_weights)
        return hidden, hidden[-1], last_cell
    # The operation runs on one thread, so two halves of the batch run side by side.
    # Neither may be empty (the gradient would be undefined): the halves share the
    # middle row of an odd batch, and the second half's copy of it is dropped.
    n_samples = tf.shape(x)[1]
    upper, lower = (n_samples + 1) // 2, n_samples // 2
    shared = upper - lower
    hidden1, cell1 = _block_lstm(x[:, :upper], h[:upper], c[:upper], *block_weights)
    hidden2, cell2 = _block_lstm(x[:, lower:], h[lower:], c[lower:], *block_weights)
    return (
        tf.concat([hidden1, hidden2[:, shared:]], axis=1),
        tf.concat([hidden1[-1], hidden2[-1, shared:]], axis=0),
        tf.concat([cell1, cell2[shared:]], axis=0),
    )


def _block_lstm(
    x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return all outputs and the last cell state."""
    # The V1 operation on purpose: the registered gradient of BlockLSTMV2 orders the
    # gates as V1 does, and so is wrong for V2.
    outputs = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.shape(x, out_type=tf.int64)[0],
        x=x,
        cs_prev=c,
        h_prev=h,
        w=weights,
        b=bias,
        forget_bias=0.0,
        cell_clip=-1.0,
        **_no_peephole(bias),
    )
    return outputs.h, outputs.cs[-1]


def _no_peephole(bias: tf.Tensor) -> dict[str, Any]:
    """Return the options of cells without weights from the cell state to the gates."""
    none = tf.zeros([bias.shape[0] // 4], bias.dtype)
    return {"use_peephole": False, "wci": none, "wcf": none, "wco": none}


def _reorder_gates(weights: tf.Tensor) -> tf.Tensor:
    """Convert Keras' gate order (i, f, c, o) to that of BlockLSTM (i, c, f, o)."""
    i, f, c, o = tf.split(weights, 4, axis=-1)
    return tf.concat([i, c, f, o], axis=-1)
