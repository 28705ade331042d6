"""Initial weights, drawn by the initializers of Keras' layers.

A program is built once and used for many fits, so the weights that a layer draws when
it is built are never trained. Each fit draws its own with `draw_weights`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sklstm.engine.backend import keras
from sklstm.engine.private_api import flatten_layers

if TYPE_CHECKING:
    from keras.initializers import Initializer

# Layers and initializers without a seed draw one from Python's global generator, which
# must stay untouched. The value does not matter (see above).
PLACEHOLDER_SEED = 0

# Weights that are drawn at random: attribute of the weight, and of its initializer.
_RANDOM_WEIGHTS = (
    ("kernel", "kernel_initializer"),
    ("recurrent_kernel", "recurrent_initializer"),
    ("embeddings", "embeddings_initializer"),
)


def glorot_uniform() -> Initializer:
    """Return the initializer of dense kernels and of input kernels."""
    return keras.initializers.GlorotUniform(seed=PLACEHOLDER_SEED)


def orthogonal() -> Initializer:
    """Return the initializer of recurrent kernels."""
    return keras.initializers.Orthogonal(seed=PLACEHOLDER_SEED)


def uniform() -> Initializer:
    """Return the initializer of embeddings of tokens."""
    return keras.initializers.RandomUniform(seed=PLACEHOLDER_SEED)


def standard_normal() -> Initializer:
    """Return the initializer of vectors that tell positions or channels apart."""
    return keras.initializers.RandomNormal(stddev=1.0, seed=PLACEHOLDER_SEED)


def draw_weights(
    network: keras.Model, start: Sequence[np.ndarray], seed: int
) -> list[np.ndarray]:
    """Draw weights for one fit by the initializers of the network's layers.

    Parameters
    ----------
    network : keras.Model
    start : sequence of ndarray
        Weights of the newly built network; those that are not random are kept.
    seed : int
        Seed of the random ones.

    Returns
    -------
    weights : list of ndarray
        In the order of ``network.weights``.
    """
    initializers: dict[int, Initializer] = {}
    for layer in flatten_layers(network):
        for name, initializer_name in _RANDOM_WEIGHTS:
            variable = getattr(layer, name, None)
            if isinstance(variable, keras.Variable):
                initializers[id(variable)] = getattr(layer, initializer_name)
    seeds = np.random.SeedSequence(seed).generate_state(len(network.weights))
    weights = []
    for variable, value, weight_seed in zip(network.weights, start, seeds, strict=True):
        initializer = initializers.get(id(variable))
        if initializer is not None and "seed" in (config := initializer.get_config()):
            # Keras takes seeds as signed 32-bit integers.
            seeded = initializer.from_config(config | {"seed": int(weight_seed >> 1)})
            value = seeded(variable.shape, variable.dtype)
        weights.append(np.asarray(value))
    return weights
