"""Training on documents: parallel streams that read window after window."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sklstm.engine.backend import tf
from sklstm.engine.data import MIN_WINDOWS_PER_STREAM

if TYPE_CHECKING:
    from sklstm.engine.networks.base import Tensors


class StreamWindows(NamedTuple):
    """Windows of parallel streams, each tensor of shape (n_windows, n_streams)."""

    starts: tf.Tensor
    lengths: tf.Tensor
    continues: tf.Tensor  # whether the document began in an earlier window

    def take(self, i: tf.Tensor) -> StreamWindows:
        """Select one window of all streams, each tensor of shape (n_streams,)."""
        return StreamWindows(*(part[i] for part in self))


class WindowTokens(NamedTuple):
    """Tokens of one window of all streams: tensors of shape (n_streams, n_steps)."""

    inputs: tf.Tensor
    targets: tf.Tensor  # the next tokens
    valid: tf.Tensor  # 1 for tokens, 0 for padding


def deal_to_streams(
    tensors: Tensors, index: tf.Tensor, n_streams: tf.Tensor | int, window_length: int
) -> StreamWindows:
    """Cut documents into windows and deal these to streams of equal length.

    All windows are lined up, document after document, and the line is cut into
    streams. So a long text is read by many streams at once, and the number of documents
    that are cut between two streams is smaller than that of streams.

    Parameters
    ----------
    tensors : mapping of str to tensor
        The tensors of `TokenData`.
    index : tensor of int
        Documents, in the order in which to read them.
    n_streams : int
        Maximum number of streams; short texts are read by fewer.
    window_length : int

    Returns
    -------
    windows : StreamWindows
    """
    lengths = tf.gather(tensors["lengths"], index)
    starts = tf.gather(tensors["starts"], index)
    n_windows = -(-lengths // window_length)
    first = tf.cumsum(n_windows, exclusive=True)
    total = tf.reduce_sum(n_windows)
    n_streams = tf.clip_by_value(total // MIN_WINDOWS_PER_STREAM, 1, n_streams)
    n_steps = -(-total // n_streams)
    n_streams = -(-total // n_steps)  # no stream is empty
    document = tf.repeat(tf.range(tf.shape(index)[0]), n_windows)
    number = tf.range(total) - tf.gather(first, document)
    offset = number * window_length
    windows = StreamWindows(
        starts=tf.gather(starts, document) + offset,
        lengths=tf.minimum(tf.gather(lengths, document) - offset, window_length),
        continues=number > 0,
    )
    missing = n_steps * n_streams - total
    dealt = (
        tf.transpose(tf.reshape(tf.pad(part, [[0, missing]]), [n_streams, n_steps]))
        for part in windows
    )
    return StreamWindows(*dealt)


def gather_tokens(tensors: Tensors, window: StreamWindows) -> WindowTokens:
    """Gather the tokens of one window of all streams, padded to the longest."""
    lengths = window.lengths[:, None]
    steps = tf.range(tf.reduce_max(lengths))
    valid = tf.cast(steps < lengths, tf.float32)
    # Padding comes after a document only, so no state that is passed on has read any.
    rows = window.starts[:, None] + tf.minimum(steps, tf.maximum(lengths - 1, 0))
    return WindowTokens(
        inputs=tf.gather(tensors["tokens"], rows),
        targets=tf.gather(tensors["tokens"], rows + 1),
        valid=valid,
    )
