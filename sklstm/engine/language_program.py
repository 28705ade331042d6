"""Compiled programs for documents: train on them, score, continue and generate them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import (
    PADDING,
    Adaptation,
    DecoderState,
    ReadDocument,
    Sampling,
    TokenData,
    TrainingSpec,
    Weights,
)
from sklstm.engine.private_api import flatten_layers
from sklstm.engine.program import Program
from sklstm.engine.sampling import TokenSampler
from sklstm.engine.streams import StreamWindows, deal_to_streams, gather_tokens

if TYPE_CHECKING:
    from sklstm.engine.networks import LanguageNetwork
    from sklstm.engine.networks.base import Tensors

# Streams of an evaluation during training.
_EVALUATION_STREAMS = 64

# Documents that are read at once; and values that the network may return at once, which
# bounds the memory that a large vocabulary takes.
_DOCUMENTS_AT_ONCE = 64
_VALUES_AT_ONCE = 1 << 23

# Norm of all gradients together above which they are scaled down. Now and then one is
# huge and would undo many steps of training (Pascanu, Mikolov and Bengio 2013). On
# Shakespeare, with 512 units, the held-out loss after two epochs was 1.84 nats without
# this limit and 1.74 with it.
_MAX_GRADIENT_NORM = 1.0


# Adaptation divides each gradient by the root of its mean square, over about a thousand
# steps, or at least by a small number.
_SQUARES_DECAY, _SMALLEST_GRADIENT = 0.999, 1e-5

# Attribute of the fast layers.
_KEEP = "with_gradient"

# Mean loss of a window of all streams, its number of tokens, and the last states.
_WindowLoss = tuple[Any, Any, tuple]


class LanguageProgram(Program):
    """A program for a network that predicts each next token of a document.

    Training and evaluation read the documents in parallel streams: a stream reads
    window after window, and passes its states from each to the next of a document.

    Parameters
    ----------
    network : LanguageNetwork
    training : TrainingSpec
    template : Program, optional
        As for `Program`.
    """

    spec: LanguageNetwork

    def __init__(
        self,
        network: LanguageNetwork,
        training: TrainingSpec,
        template: Program | None = None,
    ):
        super().__init__(network, training, network.data_signature(), template)
        self._sizes = network.stack.state_sizes
        tokens = tf.TensorSpec([None, None], tf.int32)
        states = tuple(tf.TensorSpec([None, size]) for size in self._sizes)
        logits = tf.TensorSpec([None, network.n_tokens])
        uniforms = tf.TensorSpec([None, None], tf.float64)
        sampling = Sampling(
            temperature=tf.TensorSpec([], tf.float64),
            top_k=tf.TensorSpec([], tf.int32),
            top_p=tf.TensorSpec([], tf.float64),
        )
        self._advance = self._compile(self._run_advance, tokens, states)
        self._score = self._compile(self._run_score, tokens, tokens, states)
        self._generate = self._compile(
            self._run_generate, logits, states, uniforms, sampling
        )
        # The network with the outputs of its last recurrent layer, too.
        stack = network.stack
        last_layer = self.network.get_layer(stack.layer_name(len(stack.units) - 1))
        self._reader = keras.Model(
            self.network.inputs, [last_layer.output[0], *self.network.outputs]
        )
        document = tf.TensorSpec([None], tf.int32)
        number = tf.TensorSpec([], tf.float32)
        self._read = self._compile(self._run_read, document, states)
        self._adapt = self._compile(
            self._run_adapt,
            document,
            Adaptation(number, number, tf.TensorSpec([], tf.int32)),
        )

    def log_likelihood(self, data: TokenData, weights: Weights) -> np.ndarray:
        """Score every token of documents given the tokens before it.

        Parameters
        ----------
        data : TokenData
        weights : tuple of ndarray

        Returns
        -------
        log_likelihood : ndarray of shape (sum of lengths,)
            Natural logarithms, concatenated over the documents.
        """
        self._load(weights)
        stops = np.cumsum(data.lengths)
        result = np.empty(stops[-1] if len(stops) else 0, np.float32)
        first = stops - data.lengths
        by_length = np.argsort(data.lengths, kind="stable")
        for group in _chunks(by_length, _DOCUMENTS_AT_ONCE):
            starts, lengths = data.starts[group], data.lengths[group]
            states = self._zero_states(len(group))
            for window in self._windows(len(group), lengths.max()):
                valid = window < lengths[:, None]
                rows = starts[:, None] + np.minimum(window, lengths[:, None] - 1)
                scores, states = self._score(
                    tf.constant(data.tokens[rows], tf.int32),
                    tf.constant(data.tokens[rows + 1], tf.int32),
                    states,
                )
                positions = first[group][:, None] + window
                result[positions[valid]] = scores.numpy()[valid]
        return result

    def read(self, tokens: np.ndarray, weights: Weights) -> ReadDocument:
        """Read a document.

        Parameters
        ----------
        tokens : ndarray of shape (n_tokens + 1,)
            `PADDING`, then the tokens to score.
        weights : tuple of ndarray

        Returns
        -------
        document : ReadDocument
        """
        self._load(weights)
        states, parts = self._zero_states(1), []
        for window in self._windows(1, len(tokens) - 1):
            part = tf.constant(tokens[window[0] : window[-1] + 2], tf.int32)
            scores, hidden, states = self._read(part, states)
            parts.append((scores.numpy(), hidden.numpy()))
        scores, hidden = map(np.concatenate, zip(*parts, strict=True))
        return ReadDocument(scores, hidden, weights)

    def read_adaptively(
        self, tokens: np.ndarray, weights: Weights, adaptation: Adaptation
    ) -> ReadDocument:
        """Read a document segment by segment, and adapt to each after scoring it [1]_.

        Parameters
        ----------
        tokens : ndarray of shape (n_tokens + 1,)
            As for `read`.
        weights : tuple of ndarray
        adaptation : Adaptation

        Returns
        -------
        document : ReadDocument
            With the adapted weights.

        References
        ----------
        .. [1] Krause et al. (2018), "Dynamic evaluation of neural sequence models",
           ICML.
        """
        self._load(weights)
        # The variables are changed, so the next user has to load weights.
        self._loaded = None
        scores, hidden = self._adapt(
            tf.constant(tokens, tf.int32),
            Adaptation(
                tf.constant(adaptation.learning_rate, tf.float32),
                tf.constant(adaptation.decay, tf.float32),
                tf.constant(adaptation.segment_length, tf.int32),
            ),
        )
        return ReadDocument(scores.numpy(), hidden.numpy(), self._current_weights())

    def advance(
        self, tokens: np.ndarray, weights: Weights, state: DecoderState | None = None
    ) -> DecoderState:
        """Read the next tokens of documents.

        Parameters
        ----------
        tokens : ndarray of shape (n_documents, n_steps)
        weights : tuple of ndarray
        state : DecoderState, optional
            State after the tokens read before; by default documents are read from
            their beginning, where ``tokens`` must start with `PADDING`.

        Returns
        -------
        state : DecoderState
        """
        self._load(weights)
        parts = []
        for group in _chunks(np.arange(len(tokens)), _DOCUMENTS_AT_ONCE):
            if state is None:
                states = self._zero_states(len(group))
            else:
                states = tuple(map(tf.constant, state.take(group).states))
            for window in self._windows(len(group), tokens.shape[1]):
                inputs = tf.constant(tokens[group][:, window], tf.int32)
                logits, states = self._advance(inputs, states)
            parts.append(_decoder_state(logits, states))
        return DecoderState.join(parts)

    def generate(
        self,
        state: DecoderState,
        weights: Weights,
        uniforms: np.ndarray,
        sampling: Sampling,
    ) -> tuple[np.ndarray, DecoderState]:
        """Generate tokens: draw one, read it, draw the next.

        Parameters
        ----------
        state : DecoderState
        weights : tuple of ndarray
        uniforms : ndarray of shape (n_steps, n_documents)
            Uniform random numbers from [0, 1), one for each token.
        sampling : Sampling

        Returns
        -------
        tokens : ndarray of shape (n_documents, n_steps)
            `PADDING` ends a document; what follows it is arbitrary. The unknown token
            is never generated.
        state : DecoderState
        """
        self._load(weights)
        n_steps, n_documents = uniforms.shape
        tokens = np.full((n_documents, n_steps), PADDING)
        parts = []
        at_once = max(_VALUES_AT_ONCE // self.spec.n_tokens, 1)
        for group in _chunks(np.arange(n_documents), at_once):
            part = state.take(group)
            generated, logits, states = self._generate(
                tf.constant(part.logits),
                tuple(map(tf.constant, part.states)),
                tf.constant(uniforms[:, group], tf.float64),
                Sampling(
                    tf.constant(sampling.temperature, tf.float64),
                    tf.constant(min(sampling.top_k, self.spec.n_tokens), tf.int32),
                    tf.constant(sampling.top_p, tf.float64),
                ),
            )
            tokens[group, : generated.shape[1]] = generated.numpy()
            parts.append(_decoder_state(logits, states))
        return tokens, DecoderState.join(parts)

    def _zero_states(self, n_documents: int | tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tuple(tf.zeros([n_documents, size]) for size in self._sizes)

    def _windows(self, n_documents: int, n_steps: int) -> Iterator[np.ndarray]:
        """Split the steps into windows small enough to be read at once."""
        length = _VALUES_AT_ONCE // (n_documents * self.spec.n_tokens)
        return _chunks(np.arange(n_steps), max(length, 1))

    def _clip_gradients(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        return tf.clip_by_global_norm(gradients, _MAX_GRADIENT_NORM)[0]

    def _run_epoch(
        self,
        tensors: Tensors,
        index: tf.Tensor,
        batch_size: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        index = tf.random.experimental.stateless_shuffle(index, seed)
        tensors = self.spec.augment(tensors, seed)

        def train_on(window: StreamWindows, states: list[tf.Tensor]) -> _WindowLoss:
            with tf.GradientTape() as tape:
                loss, n_tokens, last_states = self._window_loss(
                    tensors, window, states, training=True
                )
            self._apply_gradients(tape, loss)
            return loss, n_tokens, last_states

        return self._mean_over_windows(train_on, tensors, index, batch_size)

    def _run_evaluation(self, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
        def loss_on(window: StreamWindows, states: list[tf.Tensor]) -> _WindowLoss:
            return self._window_loss(tensors, window, states, training=False)

        return self._mean_over_windows(loss_on, tensors, index, _EVALUATION_STREAMS)

    def _mean_over_windows(
        self,
        function: Callable[[StreamWindows, list[tf.Tensor]], _WindowLoss],
        tensors: Tensors,
        index: tf.Tensor,
        n_streams: tf.Tensor | int,
    ) -> tf.Tensor:
        """Apply a function to one window after the other; return its mean over tokens.

        States are passed from window to window of a document.
        """
        windows = deal_to_streams(tensors, index, n_streams, self.spec.window_length)
        n_steps, n_streams = tf.unstack(tf.shape(windows.starts))

        def step(
            i: tf.Tensor,
            states: Sequence[tf.Tensor],
            total: tf.Tensor,
            n_total: tf.Tensor,
        ) -> tuple:
            window = windows.take(i)
            keep = tf.cast(window.continues, tf.float32)[:, None]
            loss, n_tokens, states = function(
                window, [keep * state for state in states]
            )
            return i + 1, states, total + n_tokens * loss, n_total + n_tokens

        def unfinished(
            i: tf.Tensor,
            states: Sequence[tf.Tensor],
            total: tf.Tensor,
            n_total: tf.Tensor,
        ) -> tf.Tensor:
            return i < n_steps

        _, _, total, n_total = tf.while_loop(
            unfinished, step, (0, self._zero_states(n_streams), 0.0, 0.0)
        )
        return total / n_total

    def _window_loss(
        self,
        tensors: Tensors,
        window: StreamWindows,
        states: Sequence[tf.Tensor],
        *,
        training: bool,
    ) -> _WindowLoss:
        tokens = gather_tokens(tensors, window)
        logits, *states = self.network([tokens.inputs, *states], training=training)
        n_tokens = tf.reduce_sum(tokens.valid)
        loss = tf.reduce_sum(_loss(tokens.targets, logits) * tokens.valid) / n_tokens
        return loss, n_tokens, tuple(states)

    def _run_advance(
        self, tokens: tf.Tensor, states: tuple[tf.Tensor, ...]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        logits, *last_states = self.network([tokens, *states], training=False)
        return logits[:, -1], tuple(last_states)

    def _run_score(
        self, tokens: tf.Tensor, targets: tf.Tensor, states: tuple[tf.Tensor, ...]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        logits, *last_states = self.network([tokens, *states], training=False)
        return -_loss(targets, logits), tuple(last_states)

    def _run_read(
        self, tokens: tf.Tensor, states: tuple[tf.Tensor, ...]
    ) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
        hidden, logits, *last_states = self._reader(
            [tokens[None, :-1], *states], training=False
        )
        return -_loss(tokens[1:], logits[0]), hidden[0], tuple(last_states)

    def _run_adapt(
        self, tokens: tf.Tensor, adaptation: Adaptation
    ) -> tuple[tf.Tensor, tf.Tensor]:
        variables = self.network.trainable_variables
        fitted = [tf.convert_to_tensor(variable) for variable in variables]
        n_tokens, length = tf.shape(tokens)[0] - 1, adaptation.segment_length
        n_segments = (n_tokens - 1) // length + 1

        def step(
            i: tf.Tensor,
            states: tuple[tf.Tensor, ...],
            squares: list[tf.Tensor],
            scores: tf.TensorArray,
            hidden: tf.TensorArray,
        ) -> tuple:
            segment = tokens[i * length : tf.minimum((i + 1) * length, n_tokens) + 1]
            with tf.GradientTape() as tape:
                likelihood, outputs, last_states = self._run_read(segment, states)
                loss = -tf.reduce_mean(likelihood)
            for before, after in zip(states, last_states, strict=True):
                after.set_shape(before.shape)
            gradients = tape.gradient(loss, variables)
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            squares = [
                _SQUARES_DECAY * square + (1 - _SQUARES_DECAY) * gradient**2
                for square, gradient in zip(squares, gradients, strict=True)
            ]
            # The mean starts at zero.
            share = 1 - _SQUARES_DECAY ** tf.cast(i + 1, tf.float32)
            for variable, gradient, square, value in zip(
                variables, gradients, squares, fitted, strict=True
            ):
                size = tf.sqrt(square / share) + _SMALLEST_GRADIENT
                change = adaptation.learning_rate * gradient / size
                variable.assign_sub(change + adaptation.decay * (variable - value))
            return (
                i + 1,
                last_states,
                squares,
                scores.write(i, likelihood),
                hidden.write(i, outputs),
            )

        def unfinished(i: tf.Tensor, *others: Any) -> tf.Tensor:
            return i < n_segments

        units = self.spec.stack.units[-1]
        scores = tf.TensorArray(
            tf.float32, n_segments, infer_shape=False, element_shape=[None]
        )
        hidden = tf.TensorArray(
            tf.float32, n_segments, infer_shape=False, element_shape=[None, units]
        )
        squares = [tf.zeros_like(value) for value in fitted]
        start = (0, self._zero_states(1), squares, scores, hidden)
        with _kept_gradients(self.network):
            *_, scores, hidden = tf.while_loop(unfinished, step, start)
        return scores.concat(), hidden.concat()

    def _run_generate(
        self,
        logits: tf.Tensor,
        states: tuple[tf.Tensor, ...],
        uniforms: tf.Tensor,
        sampling: Sampling,
    ) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
        n_steps = tf.shape(uniforms)[0]
        sampler = TokenSampler(self.spec.n_tokens, sampling)

        def step(
            i: tf.Tensor,
            logits: tf.Tensor,
            states: tuple[tf.Tensor, ...],
            active: tf.Tensor,
            generated: tf.TensorArray,
        ) -> tuple:
            tokens = sampler.draw(logits, uniforms[i])
            active &= tokens != PADDING
            logits, last_states = self.spec.run_step(self.network, tokens, states)
            return i + 1, logits, tuple(last_states), active, generated.write(i, tokens)

        def unfinished(
            i: tf.Tensor,
            logits: tf.Tensor,
            states: tuple[tf.Tensor, ...],
            active: tf.Tensor,
            generated: tf.TensorArray,
        ) -> tf.Tensor:
            return (i < n_steps) & tf.reduce_any(active)

        generated = tf.TensorArray(tf.int32, n_steps, element_shape=[None])
        active = tf.ones(tf.shape(logits)[:1], tf.bool)
        n_generated, logits, states, _, generated = tf.while_loop(
            unfinished, step, (0, logits, states, active, generated)
        )
        tokens = generated.gather(tf.range(n_generated))
        return tf.transpose(tokens), logits, states


@contextmanager
def _kept_gradients(network: keras.Model) -> Iterator[None]:
    """Trace the fast layers with what the gradient needs, but without dropout."""
    layers = [each for each in flatten_layers(network) if hasattr(each, _KEEP)]
    for layer in layers:
        setattr(layer, _KEEP, True)
    try:
        yield
    finally:
        for layer in layers:
            setattr(layer, _KEEP, False)


def _decoder_state(logits: tf.Tensor, states: Sequence[tf.Tensor]) -> DecoderState:
    return DecoderState(logits.numpy(), tuple(state.numpy() for state in states))


def _loss(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def _chunks(array: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (array[i : i + size] for i in range(0, len(array), size))
