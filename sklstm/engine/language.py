"""Compiled programs that read documents token by token, score and write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from sklstm.engine.networks import state_sizes, step_language
from sklstm.engine.program import Program
from sklstm.engine.specs import (
    IMPOSSIBLE_LOGIT,
    MIN_WINDOWS_PER_STREAM,
    PADDING,
    UNKNOWN,
    DecoderState,
    LanguageNetwork,
    TokenData,
    TrainingSpec,
    Weights,
)

# Streams of an evaluation in training.
_EVALUATION_STREAMS = 64

# Documents that are read at once; and values that the network may give at once, which
# bounds the memory that a large vocabulary takes.
_DOCUMENTS_AT_ONCE = 64
_VALUES_AT_ONCE = 1 << 23

# Norm of all gradients together above which they are scaled down: now and then one is
# huge, and would undo what many steps have learnt (Pascanu, Mikolov and Bengio 2013).
_LARGEST_GRADIENT = 1.0

# A number below 1 is to lie below it after a product too.
_BELOW_ONE = 1 - 1e-15


class LanguageProgram(Program):
    """A program for a network that tells each next token of a document.

    Training and evaluation read the documents in parallel streams: a stream reads
    window after window, and hands the state on from each to the next of a document.

    Parameters
    ----------
    network : LanguageNetwork
    training : TrainingSpec
    like : LanguageProgram, optional
        As for `Program`.
    """

    spec: LanguageNetwork

    def __init__(
        self,
        network: LanguageNetwork,
        training: TrainingSpec,
        template: Program | None = None,
    ):
        data = {
            name: tf.TensorSpec([None], tf.int32)
            for name in ("tokens", "starts", "lengths")
        }
        super().__init__(network, training, data, template)
        tokens = tf.TensorSpec([None, None], tf.int32)
        self._sizes = state_sizes(network.stack)
        states = tuple(tf.TensorSpec([None, size]) for size in self._sizes)
        logits = tf.TensorSpec([None, network.n_tokens])
        chance = tf.TensorSpec([None, None], tf.float64)
        real, whole = tf.TensorSpec([], tf.float64), tf.TensorSpec([], tf.int32)
        self._read = self._compile(self._run_read, tokens, states)
        self._score = self._compile(self._run_score, tokens, tokens, states)
        self._write = self._compile(
            self._run_write, logits, states, chance, real, whole, real
        )

    def log_likelihood(self, data: TokenData, weights: Weights) -> np.ndarray:
        """Score every token of documents under what stands before it.

        Parameters
        ----------
        data : TokenData
        weights : tuple of ndarray

        Returns
        -------
        log_likelihood : ndarray of shape (sum of lengths,)
            Natural logarithms, the documents one after the other.
        """
        self._load(weights)
        ends = np.cumsum(data.lengths)
        result = np.empty(ends[-1] if len(ends) else 0, np.float32)
        places = ends - data.lengths
        by_length = np.argsort(data.lengths, kind="stable")
        for group in _split(by_length, _DOCUMENTS_AT_ONCE):
            starts, lengths = data.starts[group], data.lengths[group]
            states = self._no_states(len(group))
            for window in self._windows(len(group), lengths.max()):
                valid = window < lengths[:, None]
                rows = starts[:, None] + np.minimum(window, lengths[:, None] - 1)
                scores, states = self._score(
                    tf.constant(data.tokens[rows], tf.int32),
                    tf.constant(data.tokens[rows + 1], tf.int32),
                    states,
                )
                into = places[group][:, None] + window
                result[into[valid]] = scores.numpy()[valid]
        return result

    def read(
        self, tokens: np.ndarray, weights: Weights, reading: DecoderState | None = None
    ) -> DecoderState:
        """Read as many tokens of each of some documents.

        Parameters
        ----------
        tokens : ndarray of shape (n_documents, n_steps)
        weights : tuple of ndarray
        reading : Reading, optional
            Where to read on; by default at the beginning, where ``tokens`` must begin
            with `PADDING`.

        Returns
        -------
        reading : Reading
        """
        self._load(weights)
        parts = []
        for group in _split(np.arange(len(tokens)), _DOCUMENTS_AT_ONCE):
            if reading is None:
                states = self._no_states(len(group))
            else:
                states = tuple(map(tf.constant, reading.take(group).states))
            for window in self._windows(len(group), tokens.shape[1]):
                read = tf.constant(tokens[group][:, window], tf.int32)
                logits, states = self._read(read, states)
            parts.append(_reading(logits, states))
        return DecoderState.join(parts)

    def write(
        self,
        reading: DecoderState,
        weights: Weights,
        chance: np.ndarray,
        *,
        temperature: float,
        top_k: int,
        top_p: float,
    ) -> tuple[np.ndarray, DecoderState]:
        """Write on from a reading: draw a token, read it, draw the next.

        Parameters
        ----------
        reading : Reading
        weights : tuple of ndarray
        chance : ndarray of shape (n_steps, n_documents)
            Uniform numbers from [0, 1), one for each token.
        temperature : float
            Divides the logits.
        top_k : int
            The most probable tokens from which one is drawn.
        top_p : float
            Of these, the first that have this share of the probability together.

        Returns
        -------
        tokens : ndarray of shape (n_documents, n_steps)
            What stands behind a document's first `PADDING`, its end, means nothing. The
            unknown token is never written.
        reading : Reading
        """
        self._load(weights)
        n_steps, n_documents = chance.shape
        tokens = np.full((n_documents, n_steps), PADDING)
        parts = []
        at_once = max(_VALUES_AT_ONCE // self.spec.n_tokens, 1)
        for group in _split(np.arange(n_documents), at_once):
            part = reading.take(group)
            written, logits, states = self._write(
                tf.constant(part.logits),
                tuple(map(tf.constant, part.states)),
                tf.constant(chance[:, group], tf.float64),
                tf.constant(temperature, tf.float64),
                tf.constant(min(top_k, self.spec.n_tokens), tf.int32),
                tf.constant(top_p, tf.float64),
            )
            tokens[group, : written.shape[1]] = written.numpy()
            parts.append(_reading(logits, states))
        return tokens, DecoderState.join(parts)

    def _no_states(self, n_documents) -> tuple[tf.Tensor, ...]:
        return tuple(tf.zeros([n_documents, size]) for size in self._sizes)

    def _windows(self, n_documents: int, n_steps: int) -> Iterator[np.ndarray]:
        """Steps that are read at once, one window after the other."""
        length = _VALUES_AT_ONCE // (n_documents * self.spec.n_tokens)
        return _split(np.arange(n_steps), max(length, 1))

    def _bound(self, gradients):
        return tf.clip_by_global_norm(gradients, _LARGEST_GRADIENT)[0]

    def _run_epoch(self, tensors, index, batch_size, seed):
        self.n_traces += 1
        index = tf.random.experimental.stateless_shuffle(index, seed)
        if self.spec.unknown_rate:
            tokens = tensors["tokens"]
            chance = tf.random.stateless_uniform(tf.shape(tokens), seed)
            unknown = (chance < self.spec.unknown_rate) & (tokens != PADDING)
            tensors = tensors | {"tokens": tf.where(unknown, UNKNOWN, tokens)}

        def train_on(window, states):
            with tf.GradientTape() as tape:
                loss, n_told, states = self._window_loss(
                    tensors, window, states, training=True
                )
            self._apply_gradients(tape, loss)
            return loss, n_told, states

        return self._mean_over_windows(train_on, tensors, index, batch_size)

    def _run_evaluate(self, tensors, index):
        self.n_traces += 1

        def loss_on(window, states):
            return self._window_loss(tensors, window, states, training=False)

        return self._mean_over_windows(loss_on, tensors, index, _EVALUATION_STREAMS)

    def _mean_over_windows(self, function, tensors, index, n_streams):
        """Apply a function to one window of all streams after the other."""
        windows = _streams(tensors, index, n_streams, self.spec.window_length)
        n_steps, n_streams = tf.unstack(tf.shape(windows.starts))

        def step(i, states, total, n_total):
            window = Windows(*(part[i] for part in windows))
            keep = tf.cast(window.goes_on, tf.float32)[:, None]
            loss, n_told, states = function(window, [keep * state for state in states])
            return i + 1, states, total + n_told * loss, n_total + n_told

        def unfinished(i, states, total, n_total):
            return i < n_steps

        _, _, total, n_total = tf.while_loop(
            unfinished, step, (0, self._no_states(n_streams), 0.0, 0.0)
        )
        return total / n_total

    def _window_loss(self, tensors, window, states, *, training):
        """Mean loss of a window of all streams, its tokens, and the states behind."""
        lengths = window.lengths[:, None]
        steps = tf.range(tf.reduce_max(lengths))
        valid = tf.cast(steps < lengths, tf.float32)
        # Padding is read behind a document only, so no state that goes on has met it.
        rows = window.starts[:, None] + tf.minimum(steps, tf.maximum(lengths - 1, 0))
        read = tf.gather(tensors["tokens"], rows)
        told = tf.gather(tensors["tokens"], rows + 1)
        logits, *states = self.network([read, *states], training=training)
        n_told = tf.reduce_sum(valid)
        loss = tf.reduce_sum(_loss(told, logits) * valid) / n_told
        return loss, n_told, tuple(states)

    def _run_read(self, tokens, states):
        self.n_traces += 1
        logits, *states = self.network([tokens, *states], training=False)
        return logits[:, -1], tuple(states)

    def _run_score(self, tokens, told, states):
        self.n_traces += 1
        logits, *states = self.network([tokens, *states], training=False)
        return -_loss(told, logits), tuple(states)

    def _run_write(self, logits, states, chance, temperature, top_k, top_p):
        self.n_traces += 1
        n_steps = tf.shape(chance)[0]
        unknown = np.arange(self.spec.n_tokens) == UNKNOWN
        narrowed = (top_k < self.spec.n_tokens) | (top_p < 1)

        def step(i, logits, states, going, written):
            log_p = tf.cast(logits, tf.float64)
            # No temperature brings back what cannot come.
            never = unknown | (log_p < IMPOSSIBLE_LOGIT / 2)
            log_p = tf.where(never, tf.constant(-np.inf, tf.float64), log_p)
            log_p = log_p - tf.reduce_max(log_p, axis=1, keepdims=True)
            log_p = log_p / temperature
            tokens = tf.cond(
                narrowed,
                lambda: _draw_from_top(log_p, chance[i], top_k, top_p),
                lambda: _draw(log_p, chance[i]),
            )
            going &= tokens != PADDING
            logits, states = step_language(
                self.network, self.spec.stack, tokens, states
            )
            return i + 1, logits, tuple(states), going, written.write(i, tokens)

        def unfinished(i, logits, states, going, written):
            return (i < n_steps) & tf.reduce_any(going)

        written = tf.TensorArray(tf.int32, n_steps, element_shape=[None])
        going = tf.ones(tf.shape(logits)[:1], tf.bool)
        n_written, logits, states, _, written = tf.while_loop(
            unfinished, step, (0, logits, states, going, written)
        )
        tokens = written.gather(tf.range(n_written))
        return tf.transpose(tokens), logits, states


class Windows(NamedTuple):
    """Windows of streams side by side: each (n_windows, n_streams), or one row."""

    starts: tf.Tensor
    lengths: tf.Tensor
    goes_on: tf.Tensor  # whether the document began in the window before


def _reading(logits, states) -> DecoderState:
    return DecoderState(logits.numpy(), tuple(state.numpy() for state in states))


def _streams(tensors, index, n_streams, window_length) -> Windows:
    """Deal documents out to streams, window by window.

    All windows stand in one row, document after document, and the row is cut into
    streams of the same length. So a long text is read by many streams at once, and of
    the documents that are cut between two streams there are fewer than streams.
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
    place = tf.range(total) - tf.gather(first, document)
    offset = place * window_length
    windows = Windows(
        starts=tf.gather(starts, document) + offset,
        lengths=tf.minimum(tf.gather(lengths, document) - offset, window_length),
        goes_on=place > 0,
    )
    lacking = n_steps * n_streams - total
    dealt = (
        tf.transpose(tf.reshape(tf.pad(part, [[0, lacking]]), [n_streams, n_steps]))
        for part in windows
    )
    return Windows(*dealt)


def _loss(told, logits):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(told, logits)


def _draw(log_p, chance):
    """The index at which the summed probability passes a uniform number."""
    summed = tf.cumsum(tf.exp(log_p), axis=1)
    passed = summed <= (chance * _BELOW_ONE)[:, None] * summed[:, -1:]
    return tf.reduce_sum(tf.cast(passed, tf.int32), axis=1)


def _draw_from_top(log_p, chance, top_k, top_p):
    """A token from the most probable ones."""
    log_p, tokens = tf.math.top_k(log_p, top_k)
    probability = tf.nn.softmax(log_p)
    before = tf.cumsum(probability, axis=1, exclusive=True)
    log_p = tf.where(before < top_p, log_p, tf.constant(-np.inf, tf.float64))
    rank = _draw(log_p, chance)
    return tf.gather(tokens, rank, axis=1, batch_dims=1)


def _split(array: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (array[i : i + size] for i in range(0, len(array), size))
