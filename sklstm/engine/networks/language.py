"""Language networks: from each token of a document to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from sklstm.engine.networks.recurrent import RecurrentStack, embedding

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
    """

    stack: RecurrentStack
    n_tokens: int
    embedding_dim: int
    window_length: int
    unknown_rate: float = 0.0

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network: from tokens and first states to logits and last states."""
        stack = self.stack
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        states = [
            keras.Input((size,), dtype="float32", name=f"state_{i}")
            for i, size in enumerate(stack.state_sizes)
        ]
        x = embedding(self.n_tokens, self.embedding_dim)(tokens)
        last_states: list[KerasTensor] = []
        for i in range(len(stack.units)):
            layer = stack.make_layer(
                i, fast=fast, return_sequences=True, return_state=True
            )
            x, *last = layer(x, initial_state=self._states_of_layer(states, i))
            last_states += last
            x = stack.apply_dropout(x, i)
        logits = keras.layers.Dense(
            self.n_tokens, kernel_initializer=glorot_uniform(), name="next_token"
        )(x)
        return keras.Model(
            [tokens, *states], [logits, *last_states], name="language_model"
        )

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
        return network.get_layer("next_token")(x), last_states

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
        x = embedding(self.language.n_tokens, self.language.embedding_dim)(tokens)
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
        logits = keras.layers.Dense(self.language.n_tokens, name="next_token")(last)
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
        """Return the network with gates; that of texts has no dropout of states."""
        return replace(self, gated=True)

    def baseline_inputs(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return the same tokens; their gates are closed."""
        return list(inputs)
