"""Order in which the samples of an epoch are trained on."""

from __future__ import annotations

from sklstm.engine.backend import tf

# Number of batches among which samples are sorted by length. More of them would have
# less padding, but the same samples would meet in many epochs.
_BATCHES_PER_GROUP = 16

# Lengths are grouped if their mean is below this fraction of the maximum. Otherwise
# padding costs less than the variety of the batches is worth.
_MAX_FILLED = 0.6


def group_by_length(
    lengths: tf.Tensor, batch_size: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Order shuffled sequences so that those of a batch are of similar lengths.

    Parameters
    ----------
    lengths : tensor of int of shape (n_sequences,)
        In random order. Unless they are very unequal, this order is kept.
    batch_size : tensor of int
    seed : tensor of int of shape (2,)
        Seed of the order of the batches.

    Returns
    -------
    order : tensor of int of shape (n_sequences,)
    """
    n = tf.shape(lengths)[0]
    longest = tf.reduce_max(lengths)
    mean = tf.reduce_mean(tf.cast(lengths, tf.float32))

    def sort() -> tf.Tensor:
        group = tf.range(n) // (batch_size * _BATCHES_PER_GROUP)
        by_length = tf.argsort(group * (longest + 1) + lengths, stable=True)
        # The last batch may be smaller, so it stays the last.
        n_full = n // batch_size
        end = n_full * batch_size
        full = tf.reshape(by_length[:end], [n_full, batch_size])
        batches = tf.random.experimental.stateless_shuffle(tf.range(n_full), seed)
        shuffled = tf.reshape(tf.gather(full, batches), [end])
        return tf.concat([shuffled, by_length[end:]], 0)

    very_unequal = mean < _MAX_FILLED * tf.cast(longest, tf.float32)
    return tf.cond(very_unequal, sort, lambda: tf.range(n))
