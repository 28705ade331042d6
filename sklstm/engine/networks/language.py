"""Language networks: from each token of a document to the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import PADDING, UNKNOWN
from sklstm.engine.networks.base import (
    DataSignature,
    NetworkSpec,
    SampleNetwork,
    Tensors,
)
from sklstm.engine.networks.initial_weights import glorot_uniform
from sklstm.engine.networks.recurrent import (
    RecurrentStack,
    drop_values,
    drop_vectors,
    embedding,
    vectors,
)

if TYPE_CHECKING:
    from keras import KerasTensor


@dataclass(frozen=True)
class LanguageNetwork(NetworkSpec):
    """A network from each token of a document to the next one.

    `PADDING` stands before and after a document. Unlike a `SampleNetwork` it reads a
    document window by window and passes its states from each to the next.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers, which read forwards.
    n_tokens : int
        Size of the vocabulary.
    embedding_dim : int
        Length of the vector that represents a token.
    window_length : int
        Number of tokens through which gradients are propagated back in time.
    unknown_rate : float
        Fraction of the tokens to replace by the unknown token during training.
    embedding_dropout, token_dropout : float
        Fraction of the values of the tokens' vectors, and of whole vectors, to drop
        during training. With the stack's ``locked_dropout`` the same values are dropped
        at all steps, and the vectors of the same tokens in the whole batch.
    tied : bool
        Whether the vectors of the tokens are the kernel of the output layer, too. If
        their length is not that of the last layer's outputs, these are projected first.
    """

    stack: RecurrentStack
    n_tokens: int
    embedding_dim: int
    window_length: int
    unknown_rate: float = 0.0
    embedding_dropout: float = 0.0
    token_dropout: float = 0.0
    tied: bool = False

    @property
    def output_bias(self) -> tuple[str, tuple[int, ...]]:
        """Path and shape of the bias of the logits."""
        if self.tied:
            return "next_token/embeddings", (1, self.n_tokens)
        return "next_token/bias", (self.n_tokens,)

    @property
    def bias_paths(self) -> tuple[str, ...]:
        """Paths of biases that are not called so."""
        return (self.output_bias[0],)

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network: from tokens and first states to logits and last states."""
        stack = self.stack
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        states = [
            keras.Input((size,), dtype="float32", name=f"state_{i}")
            for i, size in enumerate(stack.state_sizes)
        ]
        layers = {each.name: each for each in self.make_token_layers()}
        x = self._drop_tokens(layers["embedding"](tokens), tokens)
        last_states: list[KerasTensor] = []
        for i in range(len(stack.units)):
            layer = stack.make_layer(
                i, fast=fast, return_sequences=True, return_state=True
            )
            x, *last = layer(x, initial_state=self._states_of_layer(states, i))
            last_states += last
            x = stack.apply_dropout(x, i)
        logits = self.compute_logits(layers.__getitem__, x)
        return keras.Model(
            [tokens, *states], [logits, *last_states], name="language_model"
        )

    def make_token_layers(self) -> list[keras.layers.Layer]:
        """Make the layers before and after the recurrent ones."""
        first = embedding(self.n_tokens, self.embedding_dim, reversible=self.tied)
        dense = partial(keras.layers.Dense, kernel_initializer=glorot_uniform())
        if not self.tied:
            return [first, dense(self.n_tokens, name="next_token")]
        layers = [first, vectors(1, self.n_tokens, name="next_token")]
        if self.embedding_dim != self.stack.units[-1]:
            layers.append(dense(self.embedding_dim, use_bias=False, name="projection"))
        return layers

    def compute_logits(
        self, layer: Callable[[str], keras.layers.Layer], x: KerasTensor | tf.Tensor
    ) -> KerasTensor | tf.Tensor:
        """Compute the logits from the outputs of the recurrent layers.

        Parameters
        ----------
        layer : callable
            From the name of a layer of `make_token_layers` to the layer.
        x : tensor of shape (..., units)

        Returns
        -------
        logits : tensor of shape (..., n_tokens)
        """
        if not self.tied:
            return layer("next_token")(x)
        if self.embedding_dim != self.stack.units[-1]:
            x = layer("projection")(x)
        # No standard layer adds a bias alone; this is one vector, for all rows.
        first = x[(*(slice(0, 1) for _ in x.shape[:-1]), 0)]
        bias = layer("next_token")(keras.ops.zeros_like(first, dtype="int32"))
        return layer("embedding")(x, reverse=True) + bias

    def _drop_tokens(self, x: KerasTensor, tokens: KerasTensor) -> KerasTensor:
        """Apply dropout, if any, to the vectors of tokens."""
        ops, locked = keras.ops, self.stack.locked_dropout
        x = drop_values(
            x, self.embedding_dropout, name="embedding_dropout", locked=locked
        )
        rate, name = self.token_dropout, "token_dropout"
        if rate and locked:
            ones = ops.ones((1, self.n_tokens)) + 0.0 * ops.cast(
                tokens[:1, :1], "float32"
            )
            factors = drop_values(ones, rate, name=name)
            return x * ops.expand_dims(ops.take(factors[0], tokens, axis=0), 2)
        return drop_vectors(x, rate, name=name)

    def run_step(
        self, network: keras.Model, tokens: tf.Tensor, states: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Run one step of the built network, without its scan over time.

        Parameters
        ----------
        network : keras.Model
            The result of `build`.
        tokens : tensor of shape (n_documents,)
        states : sequence of tensors of shape (n_documents, size)

        Returns
        -------
        logits : tensor of shape (n_documents, n_tokens)
        states : list of tensors
        """
        x = network.get_layer("embedding")(tokens)
        last_states: list[tf.Tensor] = []
        for i in range(len(self.stack.units)):
            cell = network.get_layer(self.stack.layer_name(i)).cell
            x, last = cell(x, list(self._states_of_layer(states, i)))
            last_states += last
        return self.compute_logits(network.get_layer, x), last_states

    def _states_of_layer(self, states: Sequence, i: int) -> Sequence:
        n_states = self.stack.n_layer_states
        return states[i * n_states : (i + 1) * n_states]

    def data_signature(self) -> dict[str, tf.TensorSpec]:
        """Describe the tensors of `TokenData`."""
        names = ("tokens", "starts", "lengths")
        return {name: tf.TensorSpec([None], tf.int32) for name in names}

    def augment(self, tensors: Tensors, seed: tf.Tensor) -> Tensors:
        """Replace random tokens by the unknown token for one epoch, if wanted."""
        if not self.unknown_rate:
            return tensors
        tokens = tensors["tokens"]
        uniforms = tf.random.stateless_uniform(tf.shape(tokens), seed)
        unknown = (uniforms < self.unknown_rate) & (tokens != PADDING)
        return {**tensors, "tokens": tf.where(unknown, UNKNOWN, tokens)}


@dataclass(frozen=True)
class NextTokenNetwork(SampleNetwork):
    """A language network as one from the beginning of a document to the next token.

    Its outputs are the logarithms of the tokens' probabilities. It is not trained; its
    weights are those of the language network. `PADDING` stands before the first token.

    Parameters
    ----------
    language : LanguageNetwork
    gated : bool
        Whether the tokens' vectors are read through gates (see `AttributionNetwork`).
    """

    language: LanguageNetwork
    gated: bool = False

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network: from padded beginnings and their lengths."""
        ops, stack = keras.ops, self.language.stack
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        lengths = keras.Input((), dtype="int32", name="lengths")
        inputs = [tokens, lengths]
        layers = {each.name: each for each in self.language.make_token_layers()}
        x = layers["embedding"](tokens)
        if self.gated:
            gates = keras.Input((None,), dtype="float32", name="gates")
            inputs.append(gates)
            # The token before the document is no part of it.
            read = x[:, 1:] * ops.expand_dims(gates[:, 1:], 2)
            x = ops.concatenate([x[:, :1], read], axis=1)
        for i in range(len(stack.units)):
            x = stack.make_layer(i, fast=fast, return_sequences=True)(x)
        is_last = ops.equal(
            ops.cumsum(ops.ones_like(tokens), axis=1), ops.expand_dims(lengths, 1)
        )
        last = ops.sum(ops.where(ops.expand_dims(is_last, 2), x, 0.0), axis=1)
        logits = self.language.compute_logits(layers.__getitem__, last)
        log_probability = ops.log_softmax(logits, axis=1)
        return keras.Model(inputs, log_probability, name="next_token_network")

    def data_signature(self) -> DataSignature:
        """Describe the tensors of `SequenceData`."""
        names = ("rows", "starts", "lengths")
        inputs = {name: tf.TensorSpec([None], tf.int32) for name in names}
        return DataSignature(inputs, targets={})

    def gather_inputs(self, tensors: Tensors, index: tf.Tensor) -> list[tf.Tensor]:
        """Gather beginnings, padded to the longest of them."""
        lengths = tf.gather(tensors["lengths"], index)
        steps = tf.range(tf.reduce_max(lengths))
        rows = tf.gather(tensors["starts"], index)[:, None] + tf.minimum(
            steps, lengths[:, None] - 1
        )
        return [tf.gather(tensors["rows"], rows), lengths]

    def gather_targets(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Raise an error: the language network is trained instead."""
        raise NotImplementedError("a language network is trained window by window")

    @property
    def gated_columns(self) -> list[tuple[int, list[int] | None]]:
        """Return the tokens."""
        return [(0, None)]

    def for_attribution(self) -> Self:
        """Return the network with gates, and without dropout of states."""
        stack = self.language.stack.without_state_dropout()
        return replace(self, gated=True, language=replace(self.language, stack=stack))

    def baseline_inputs(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return the same tokens; their gates are closed."""
        return list(inputs)
