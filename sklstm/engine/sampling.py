"""Drawing the next token from its predicted distribution, inside a graph."""

from __future__ import annotations

import numpy as np

from sklstm.engine.backend import tf
from sklstm.engine.data import IMPOSSIBLE_LOGIT, UNKNOWN, Sampling

# Keeps the product of a number below 1 and a sum below that sum after rounding.
_BELOW_ONE = 1 - 1e-15


class TokenSampler:
    """Draws one token for each document, each decided by one uniform number.

    The unknown token and tokens with `IMPOSSIBLE_LOGIT` are never drawn.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary.
    sampling : Sampling
        With tensors as values: float64, int32 and float64.
    """

    def __init__(self, n_tokens: int, sampling: Sampling):
        self._is_unknown = np.arange(n_tokens) == UNKNOWN
        self._sampling = sampling
        self._narrowed = (sampling.top_k < n_tokens) | (sampling.top_p < 1)

    def draw(self, logits: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
        """Draw tokens from logits (n_documents, n_tokens) by numbers in [0, 1)."""
        log_p = tf.cast(logits, tf.float64)
        # Excluded before the division: no temperature makes these tokens possible.
        excluded = self._is_unknown | (log_p < IMPOSSIBLE_LOGIT / 2)
        log_p = tf.where(excluded, tf.constant(-np.inf, tf.float64), log_p)
        log_p = log_p - tf.reduce_max(log_p, axis=1, keepdims=True)
        log_p = log_p / self._sampling.temperature
        return tf.cond(
            self._narrowed,
            lambda: self._draw_from_top(log_p, uniforms),
            lambda: _draw(log_p, uniforms),
        )

    def _draw_from_top(self, log_p: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
        """Draw from the most probable tokens."""
        log_p, tokens = tf.math.top_k(log_p, self._sampling.top_k)
        probability = tf.nn.softmax(log_p)
        before = tf.cumsum(probability, axis=1, exclusive=True)
        log_p = tf.where(
            before < self._sampling.top_p, log_p, tf.constant(-np.inf, tf.float64)
        )
        rank = _draw(log_p, uniforms)
        return tf.gather(tokens, rank, axis=1, batch_dims=1)


def _draw(log_p: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
    """Return the index at which the cumulative probability passes a uniform number."""
    cumulative = tf.cumsum(tf.exp(log_p), axis=1)
    passed = cumulative <= (uniforms * _BELOW_ONE)[:, None] * cumulative[:, -1:]
    return tf.reduce_sum(tf.cast(passed, tf.int32), axis=1)
