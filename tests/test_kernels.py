"""The fast layers are the standard ones, only faster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from sklstm.engine import kernels  # noqa: E402
from sklstm.engine.kernels import FusedLSTM  # noqa: E402


def gradients(layer, x, states=None):
    """Outputs, and gradients by the inputs, the states and the weights."""
    x = tf.convert_to_tensor(x)
    watched = [x, *(states or [])]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = layer(x, initial_state=states, training=True)
        loss = sum(
            tf.reduce_sum(tf.sin(part + i))
            for i, part in enumerate(tf.nest.flatten(outputs))
        )
    return outputs, tape.gradient(loss, [*watched, *layer.trainable_variables])


def twins(units, n_features, **kwargs):
    """A fused and a standard layer with the same random weights."""
    rng = np.random.default_rng(units)
    layers = [
        kind(units, name=kind.__name__.lower(), **kwargs)
        for kind in (FusedLSTM, keras.layers.LSTM)
    ]
    for layer in layers:
        layer.build((None, None, n_features))
    weights = [rng.normal(0, 0.5, w.shape) for w in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def assert_same(one, other, tolerance=2e-5):
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)


@settings(max_examples=25, deadline=None)
@given(
    n_steps=st.integers(1, 12),
    units=st.integers(1, 9),
    n_samples=st.integers(1, 7),
    n_features=st.integers(1, 4),
    return_sequences=st.booleans(),
    go_backwards=st.booleans(),
)
def test_equals_the_standard_layer_in_outputs_and_gradients(
    n_steps, units, n_samples, n_features, return_sequences, go_backwards
):
    fused, standard = twins(
        units, n_features, return_sequences=return_sequences, go_backwards=go_backwards
    )
    rng = np.random.default_rng(n_steps)
    x = rng.normal(size=(n_samples, n_steps, n_features)).astype("float32")
    for one, other in zip(gradients(fused, x), gradients(standard, x), strict=True):
        assert_same(one, other)


@settings(max_examples=25, deadline=None)
@given(
    n_steps=st.integers(1, 12),
    units=st.integers(1, 9),
    n_samples=st.integers(1, 7),
    n_features=st.integers(1, 4),
    return_sequences=st.booleans(),
    own_gradient=st.booleans(),
)
def test_equals_the_standard_layer_with_states(
    n_steps, units, n_samples, n_features, return_sequences, own_gradient
):
    """Its states may be given and are given back; so they have gradients too."""
    fused, standard = twins(
        units, n_features, return_sequences=return_sequences, return_state=True
    )
    rng = np.random.default_rng(n_steps)
    x = rng.normal(size=(n_samples, n_steps, n_features)).astype("float32")
    states = [
        tf.constant(rng.normal(size=(n_samples, units)), tf.float32) for _ in range(2)
    ]
    with pytest.MonkeyPatch.context() as patch:
        if own_gradient:  # as many units have it
            patch.setattr(kernels, "_UNITS_OF_OWN_GRADIENT", 1)
        one = gradients(fused, x, states)
    other = gradients(standard, x, states)
    assert_same(one[0], other[0])
    assert_same(one[1], other[1])


def test_equals_the_standard_layer_of_many_units():
    units = kernels._UNITS_OF_OWN_GRADIENT
    fused, standard = twins(units, 3, return_sequences=True)
    for layer in (fused, standard):
        layer.set_weights([w / 10 for w in layer.get_weights()])
    x = np.random.default_rng(0).normal(size=(5, 20, 3)).astype("float32")
    one, other = (gradients(layer, x) for layer in (fused, standard))
    assert_same(one, other, 1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"activation": "relu"}, {"use_bias": False}, {"recurrent_dropout": 0.5}],
    ids=str,
)
def test_falls_back_to_the_standard_loop(settings):
    fused, standard = twins(4, 2, **settings)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    assert_same(fused(x), standard(x))


def test_a_mask_runs_the_standard_loop():
    fused, standard = twins(4, 2)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    mask = np.arange(5) < np.array([[5], [3], [1]])
    assert_same(fused(x, mask=mask), standard(x, mask=mask))


def test_equals_the_standard_layer_in_both_directions():
    both = []
    for kind in (FusedLSTM, keras.layers.LSTM):
        layer = keras.layers.Bidirectional(kind(3, return_sequences=True))
        layer.build((None, 4, 2))
        rng = np.random.default_rng(0)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
        both.append(layer)
    x = np.random.default_rng(1).normal(size=(5, 4, 2)).astype("float32")
    for one, other in zip(*(gradients(layer, x) for layer in both), strict=True):
        assert_same(one, other)


def test_trains_no_empty_half():
    # One sample cannot be split over two operations.
    fused, standard = twins(3, 1)
    x = np.ones((1, 4, 1), "float32")
    for one, other in zip(gradients(fused, x), gradients(standard, x), strict=True):
        assert_same(one, other)
