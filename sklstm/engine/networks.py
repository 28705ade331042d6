"""From a network specification to an uncompiled Keras model of standard layers."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

import keras
import numpy as np
import tensorflow as tf

from sklstm.engine.layers.fused import (
    FusedGRU,
    FusedLSTM,
    FusedSimpleRNN,
    PaddedBidirectional,
)
from sklstm.engine.specs import (
    AutoencoderNetwork,
    EnsembleNetwork,
    LanguageNetwork,
    RecurrentStack,
    SequenceNetwork,
    WindowNetwork,
)

_STANDARD_CELLS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "rnn": keras.layers.SimpleRNN,
}
_FAST_CELLS = {"lstm": FusedLSTM, "gru": FusedGRU, "rnn": FusedSimpleRNN}

# States that a cell hands from step to step.
_STATES = {"lstm": 2, "gru": 1, "rnn": 1}

# Layers and initializers without a seed draw one from Python's global generator.
# The value is of no importance: every fit draws its own weights (`draw_weights`).
_SEED = 0

# The linear map's share of the learning rate.
_SKIP_RATE = 0.25

# Weights that a layer draws at random: attribute of the weight, of its initializer.
_RANDOM_WEIGHTS = (
    ("kernel", "kernel_initializer"),
    ("recurrent_kernel", "recurrent_initializer"),
    ("embeddings", "embeddings_initializer"),
)

# Beside the many values of a patch, waves of size 1 would be learnt too slowly.
_POSITION_GAIN = 3.0

# Below anything that a recurrent layer gives.
_FAR_BELOW = -1e9


@singledispatch
def build_network(spec, *, fast: bool = False) -> keras.Model:
    """Build the network of a specification.

    Parameters
    ----------
    spec : NetworkSpec
        What to build.
    fast : bool, default=False
        Whether to take this package's recurrent layers where they are faster than
        the standard ones; the weights are the same.

    Returns
    -------
    network : keras.Model
    """
    raise TypeError(f"no network is known for {type(spec).__name__}")


@build_network.register
def _(spec: WindowNetwork, *, fast: bool = False) -> keras.Model:
    layers = keras.layers
    window = keras.Input((spec.window_length, spec.n_columns), name="window")
    inputs = [window]
    x = window
    if spec.patch_length > 1:
        n_steps = spec.window_length // spec.patch_length
        x = layers.Reshape((n_steps, -1), name="patches")(x)
    x = _recurrent(spec.stack, x, fast=fast)
    if spec.n_future_columns:
        known = keras.Input((spec.horizon, spec.n_future_columns), name="known_future")
        inputs.append(known)
        known = layers.Flatten(name="known_values")(known)
        mixed = layers.Dense(
            spec.stack.units[-1],
            activation="tanh",
            kernel_initializer=keras.initializers.GlorotUniform(seed=_SEED),
            name="known_effect",
        )(layers.Concatenate(name="state_and_known")([x, known]))
        x = layers.Concatenate(name="features")([x, known, mixed])
    # Zero at first, so that an untrained forecast is the window's level.
    out = layers.Dense(
        spec.horizon * spec.n_targets * spec.n_quantiles,
        kernel_initializer="zeros",
        name="forecast",
    )(x)
    shape: tuple = (spec.horizon, spec.n_targets)
    quantiles = (spec.n_quantiles,) if spec.n_quantiles > 1 else ()
    out = layers.Reshape(shape + quantiles, name="horizon")(out)
    linear = []
    if spec.linear_skip and spec.n_target_columns:
        linear.append(_linear_skip(spec, window))
    if spec.linear_skip and spec.n_future_columns:
        linear.append(_known_skip(spec, *inputs))
    if linear and quantiles:
        linear = [layers.Reshape((*shape, 1))(each) for each in linear]
    if linear:
        out = layers.Add(name="sum")([out, *linear])
    return keras.Model(inputs, out, name="forecaster")


def _linear_skip(spec, window):
    """One linear map, shared by the targets, from own past to horizon."""
    layers = keras.layers
    past = layers.Permute((2, 1), name="columns")(window)
    if spec.n_target_columns < spec.n_columns:
        crop = (0, spec.n_columns - spec.n_target_columns)
        past = layers.Cropping1D(crop, name="target_column")(past)
    # The map has a weight for each row of the window, and would fit the noise of a
    # short series before the recurrent layers have learnt: it learns more slowly.
    past = layers.Rescaling(_SKIP_RATE, name="scaled_past")(past)
    skip = layers.Dense(
        spec.horizon, use_bias=False, kernel_initializer="zeros", name="linear_skip"
    )(past)
    if spec.n_target_columns < spec.n_targets:
        pad = (0, spec.n_targets - spec.n_target_columns)
        skip = layers.ZeroPadding1D(pad, name="without_own_past")(skip)
    return layers.Permute((2, 1), name="linear_forecast")(skip)


def _known_skip(spec, window, known):
    """A linear map from what is known ahead, relative to the window's last row.

    In the window, too: what yesterday's weather was tells how far tomorrow's will move
    the target from where it was yesterday.
    """
    layers = keras.layers
    past = layers.Permute((2, 1), name="columns_of_rows")(window)
    crop = (spec.n_columns - spec.n_future_columns, 0)
    past = layers.Cropping1D(crop, name="known_columns")(past)
    past = layers.Permute((2, 1), name="known_past")(past)
    rows = layers.Concatenate(axis=1, name="known_rows")([past, known])
    crop = (spec.window_length - 1, spec.horizon)
    last = layers.Cropping1D(crop, name="last_known")(rows)
    moved = layers.Subtract(name="known_moves")([rows, last])
    # It learns as slowly as the map from own past, and for the same reason.
    moved = layers.Rescaling(_SKIP_RATE, name="scaled_moves")(moved)
    skip = layers.Dense(
        spec.horizon * spec.n_targets,
        use_bias=False,
        kernel_initializer="zeros",
        name="known_skip",
    )(layers.Flatten(name="moves")(moved))
    return layers.Reshape((spec.horizon, spec.n_targets), name="known_forecast")(skip)


@build_network.register
def _(spec: EnsembleNetwork, *, fast: bool = False) -> keras.Model:
    members = [build_network(spec.member, fast=fast) for _ in range(spec.n_members)]
    for number, member in enumerate(members):
        member.name = f"member_{number}"
    inputs = [keras.Input(each.shape[1:], name=each.name) for each in members[0].inputs]
    answers = keras.ops.stack([member(inputs) for member in members])
    aggregate = {"median": keras.ops.median, "mean": keras.ops.mean}[spec.aggregate]
    return keras.Model(inputs, aggregate(answers, axis=0), name="ensemble")


@build_network.register
def _(spec: AutoencoderNetwork, *, fast: bool = False) -> keras.Model:
    layers = keras.layers
    window = keras.Input((spec.window_length, spec.n_columns), name="window")
    state = _recurrent(spec.stack, window, fast=fast)
    x = layers.RepeatVector(spec.window_length, name="state_at_each_step")(state)
    decoder = replace(spec.stack, units=spec.stack.units[::-1])
    x = _recurrent(decoder, x, fast=fast, sequences=True, prefix="decoder_")
    rows = layers.Dense(
        spec.n_columns,
        kernel_initializer=keras.initializers.GlorotUniform(seed=_SEED),
        name="rows_from_the_last",
    )(x)
    return keras.Model(window, keras.ops.flip(rows, axis=1), name="autoencoder")


@build_network.register
def _(spec: SequenceNetwork, *, fast: bool = False) -> keras.Model:
    layers, ops = keras.layers, keras.ops
    if spec.n_tokens:
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        inputs = [tokens]
        valid = ops.not_equal(tokens, 0)
        x = _embedding(spec)(tokens)
        n_columns = spec.embedding_dim
    else:
        x = keras.Input((None, spec.n_columns), name="sequence")
        valid = keras.Input((None,), dtype="bool", name="valid")
        inputs = [x, valid]
        if spec.noise:
            x = layers.GaussianNoise(spec.noise, seed=_SEED, name="noise")(x)
        n_columns = spec.n_columns
    if spec.patch_length > 1:
        patch = (-1, spec.patch_length * n_columns)
        x = layers.Reshape(patch, name="patches")(x)
        # A patch counts if its first step does: what pads a sequence comes last.
        valid = layers.Reshape((-1, spec.patch_length), name="valid_steps")(valid)
        valid = valid[:, :, 0]
    if spec.positional_encoding:
        x = ops.concatenate([x, _positions(valid, spec.positional_encoding)], axis=2)
    states = _recurrent(spec.stack, x, fast=fast, valid=valid)
    pooled = _pool(states, valid, spec.pooling, both_ways=spec.stack.bidirectional)
    answer = layers.Dense(
        spec.n_outputs,
        activation=spec.activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=_SEED),
        name="answer",
    )(pooled)
    return keras.Model(inputs, answer, name="sequence_network")


def _embedding(spec: SequenceNetwork | LanguageNetwork):
    return keras.layers.Embedding(
        spec.n_tokens,
        spec.embedding_dim,
        embeddings_initializer=keras.initializers.RandomUniform(seed=_SEED),
        name="embedding",
    )


def _positions(valid, n_waves: int):
    """Where each step stands in its sequence: a ramp, and sines and cosines of it."""
    ops = keras.ops
    inside = ops.cast(valid, "float32")
    n_steps = ops.sum(inside, axis=1, keepdims=True)
    # The middle of each step, from -1 to 1 over the sequence.
    ramp = ops.expand_dims((2 * ops.cumsum(inside, axis=1) - 1) / n_steps - 1, 2)
    waves = ramp * (np.pi * np.arange(1, n_waves + 1, dtype=np.float32))
    shape = ops.concatenate([ramp, ops.sin(waves), ops.cos(waves)], axis=2)
    return _POSITION_GAIN * shape


def _pool(states, valid, pooling: str, *, both_ways: bool):
    """One vector from the states at the valid steps."""
    ops = keras.ops
    inside = ops.cast(valid, "float32")
    beyond = ops.zeros_like(inside[:, :1])
    weight = ops.expand_dims(inside, 2)
    pooled = []
    if pooling in ("last", "all"):
        # One at the last valid step, zero elsewhere.
        end = inside - ops.concatenate([inside[:, 1:], beyond], axis=1)
        last = ops.sum(states * ops.expand_dims(end, 2), axis=1)
        if both_ways:
            # The layer that reads backwards ends at the first step.
            half = states.shape[-1] // 2
            last = ops.concatenate([last[:, :half], states[:, 0, half:]], axis=1)
        pooled.append(last)
    if pooling in ("mean", "all"):
        pooled.append(ops.sum(states * weight, axis=1) / ops.sum(weight, axis=1))
    if pooling in ("max", "all"):
        is_valid = ops.expand_dims(valid, 2)
        pooled.append(ops.max(ops.where(is_valid, states, _FAR_BELOW), axis=1))
    return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=1)


def _recurrent(
    stack: RecurrentStack,
    x,
    *,
    fast: bool,
    valid=None,
    sequences: bool = False,
    prefix: str = "",
):
    """Apply the recurrent layers.

    The last one gives its last state; or, with ``sequences``, its states at all steps.
    So it does where ``valid`` tells which steps are no padding; those of the padding
    mean nothing. The prefix keeps the names of two stacks in one network apart.
    """
    # A layer that reads forwards meets the padding last, so it needs no mask (and
    # fast kernels know none); the fast wrapper turns each sequence round by itself.
    both_ways = PaddedBidirectional if fast else keras.layers.Bidirectional
    sequences = sequences or valid is not None
    for i in range(len(stack.units)):
        layer = _recurrent_layer(
            stack,
            i,
            fast=fast,
            prefix=prefix,
            return_sequences=sequences or i + 1 < len(stack.units),
        )
        name = f"{prefix}bidirectional_{i}"
        if stack.bidirectional and valid is not None:
            x = both_ways(layer, name=name)(x, mask=valid)
        elif stack.bidirectional:
            x = keras.layers.Bidirectional(layer, name=name)(x)
        elif fast:
            x = layer(x)
        else:
            x = layer(x, mask=valid)
        if stack.dropout:
            x = keras.layers.Dropout(
                stack.dropout, seed=_SEED, name=f"{prefix}dropout_{i}"
            )(x)
    return x


def _recurrent_layer(
    stack: RecurrentStack, i: int, *, fast: bool, prefix: str = "", **options
):
    cells = _FAST_CELLS if fast and not on_gpu() else _STANDARD_CELLS
    return cells[stack.cell](
        stack.units[i],
        recurrent_dropout=stack.recurrent_dropout,
        kernel_initializer=keras.initializers.GlorotUniform(seed=_SEED),
        recurrent_initializer=keras.initializers.Orthogonal(seed=_SEED),
        seed=_SEED,
        name=f"{prefix}{stack.cell}_{i}",
        **options,
    )


@build_network.register
def _(spec: LanguageNetwork, *, fast: bool = False) -> keras.Model:
    layers, stack = keras.layers, spec.stack
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    states = [
        keras.Input((size,), name=f"state_{i}")
        for i, size in enumerate(state_sizes(stack))
    ]
    x = _embedding(spec)(tokens)
    last_states: list = []
    n_states = _STATES[stack.cell]
    for i in range(len(stack.units)):
        own = states[i * n_states : (i + 1) * n_states]
        layer = _recurrent_layer(
            stack, i, fast=fast, return_sequences=True, return_state=True
        )
        x, *last = layer(x, initial_state=own)
        last_states += last
        if stack.dropout:
            x = layers.Dropout(stack.dropout, seed=_SEED, name=f"dropout_{i}")(x)
    logits = layers.Dense(
        spec.n_tokens,
        kernel_initializer=keras.initializers.GlorotUniform(seed=_SEED),
        name="next_token",
    )(x)
    return keras.Model([tokens, *states], [logits, *last_states], name="language_model")


def state_sizes(stack: RecurrentStack) -> list[int]:
    """Lengths of all states of the layers, from the input upwards."""
    return [units for units in stack.units for _ in range(_STATES[stack.cell])]


def step_language(network: keras.Model, stack: RecurrentStack, tokens, states):
    """One step of a language network: what `network` does, without its loop.

    Parameters
    ----------
    network : keras.Model
        As built from a `LanguageNetwork`.
    stack : RecurrentStack
        Its recurrent layers.
    tokens : tensor of shape (n_documents,)
    states : sequence of tensors

    Returns
    -------
    logits : tensor of shape (n_documents, n_tokens)
    states : list of tensors
    """
    x = network.get_layer("embedding")(tokens)
    n_states, last_states = _STATES[stack.cell], []
    for i in range(len(stack.units)):
        cell = network.get_layer(f"{stack.cell}_{i}").cell
        x, last = cell(x, list(states[i * n_states : (i + 1) * n_states]))
        last_states += last
    return network.get_layer("next_token")(x), last_states


def on_gpu() -> bool:
    """Whether TensorFlow computes on a GPU, where the standard layers take cuDNN."""
    return bool(tf.config.list_logical_devices("GPU"))


def draw_weights(network: keras.Model, start: list, seed: int) -> list[np.ndarray]:
    """Draw weights for one fit by the initializers of the network's layers.

    Parameters
    ----------
    network : keras.Model
    start : list of ndarray
        Weights of the newly built network; those that are not random are kept.
    seed : int
        Decides the random ones.

    Returns
    -------
    weights : list of ndarray
        In the order of ``network.weights``.
    """
    initializers: dict[int, keras.initializers.Initializer] = {}
    for layer in network._flatten_layers():
        for name, initializer_name in _RANDOM_WEIGHTS:
            variable = getattr(layer, name, None)
            if isinstance(variable, keras.Variable):
                initializers[id(variable)] = getattr(layer, initializer_name)
    seeds = np.random.SeedSequence(seed).generate_state(len(network.weights))
    weights = []
    for variable, value, own_seed in zip(network.weights, start, seeds, strict=True):
        initializer = initializers.get(id(variable))
        if initializer is not None and "seed" in (config := initializer.get_config()):
            # Keras takes seeds as signed 32-bit integers.
            seeded = initializer.from_config(config | {"seed": int(own_seed >> 1)})
            value = seeded(variable.shape, variable.dtype)
        weights.append(np.asarray(value))
    return weights
