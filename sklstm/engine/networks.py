"""From a network specification to an uncompiled Keras model of standard layers."""

from __future__ import annotations

from functools import singledispatch

import keras
import numpy as np
import tensorflow as tf

from sklstm.engine.kernels import FusedLSTM
from sklstm.engine.specs import RecurrentStack, WindowNetwork

_STANDARD_CELLS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "rnn": keras.layers.SimpleRNN,
}
_FAST_CELLS = {**_STANDARD_CELLS, "lstm": FusedLSTM}

# Layers and initializers without a seed draw one from Python's global generator.
# The value is of no importance: every fit draws its own weights (`draw_weights`).
_SEED = 0

# The linear map's share of the learning rate.
_SKIP_RATE = 0.25

# Weights that a layer draws at random: attribute of the weight, of its initializer.
_RANDOM_WEIGHTS = (
    ("kernel", "kernel_initializer"),
    ("recurrent_kernel", "recurrent_initializer"),
)


@singledispatch
def build_network(spec, *, fast: bool = False) -> keras.Model:
    """Build the network of a specification.

    Parameters
    ----------
    spec : WindowNetwork
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
    if spec.n_known:
        known = keras.Input((spec.horizon, spec.n_known), name="known_future")
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
        spec.horizon * spec.n_targets, kernel_initializer="zeros", name="forecast"
    )(x)
    out = layers.Reshape((spec.horizon, spec.n_targets), name="horizon")(out)
    if spec.linear_skip and spec.n_own:
        out = layers.Add(name="sum")([out, _linear_skip(spec, window)])
    return keras.Model(inputs, out, name="forecaster")


def _linear_skip(spec, window):
    """One linear map, shared by the targets, from own past to horizon."""
    layers = keras.layers
    past = layers.Permute((2, 1), name="columns")(window)
    if spec.n_own < spec.n_columns:
        crop = (0, spec.n_columns - spec.n_own)
        past = layers.Cropping1D(crop, name="own_past")(past)
    # The map has a weight for each row of the window, and would fit the noise of a
    # short series before the recurrent layers have learnt: it learns more slowly.
    past = layers.Rescaling(_SKIP_RATE, name="scaled_past")(past)
    skip = layers.Dense(
        spec.horizon, use_bias=False, kernel_initializer="zeros", name="linear_skip"
    )(past)
    if spec.n_own < spec.n_targets:
        pad = (0, spec.n_targets - spec.n_own)
        skip = layers.ZeroPadding1D(pad, name="without_own_past")(skip)
    return layers.Permute((2, 1), name="linear_forecast")(skip)


def _recurrent(stack: RecurrentStack, x, *, fast: bool):
    """Apply the recurrent layers; the last one gives its last state."""
    cells = _FAST_CELLS if fast and not on_gpu() else _STANDARD_CELLS
    for i, units in enumerate(stack.units):
        layer = cells[stack.cell](
            units,
            return_sequences=i + 1 < len(stack.units),
            recurrent_dropout=stack.recurrent_dropout,
            kernel_initializer=keras.initializers.GlorotUniform(seed=_SEED),
            recurrent_initializer=keras.initializers.Orthogonal(seed=_SEED),
            seed=_SEED,
            name=f"{stack.cell}_{i}",
        )
        if stack.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"bidirectional_{i}")
        x = layer(x)
        if stack.dropout:
            x = keras.layers.Dropout(stack.dropout, seed=_SEED, name=f"dropout_{i}")(x)
    return x


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
