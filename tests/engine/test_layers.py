"""The fast layers equal the standard ones in outputs and gradients."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from sklstm.engine.layers import fused, scans  # noqa: E402

FusedGRU, FusedLSTM = fused.FusedGRU, fused.FusedLSTM
FusedSimpleRNN = fused.FusedSimpleRNN

STANDARD = {
    FusedLSTM: keras.layers.LSTM,
    FusedGRU: keras.layers.GRU,
    FusedSimpleRNN: keras.layers.SimpleRNN,
}


@pytest.fixture(params=["lstm", "scanned lstm", "gru", "rnn"])
def fast_layer(request, monkeypatch):
    """Each fast layer; the LSTM with its operation, and with the scan."""
    if request.param == "scanned lstm":  # as with many units
        monkeypatch.setattr(fused, "_MIN_UNITS_TO_SCAN", 1)
    layers = {"gru": FusedGRU, "rnn": FusedSimpleRNN}
    return layers.get(request.param, FusedLSTM)


def gradients(layer, x, states=None):
    """Return outputs, and gradients by the inputs, the states and the weights."""
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


def twins(fast_layer, units, n_features, **kwargs):
    """Return a fast and a standard layer with the same random weights."""
    rng = np.random.default_rng(units)
    layers = [
        kind(units, name=kind.__name__.lower(), **kwargs)
        for kind in (fast_layer, STANDARD[fast_layer])
    ]
    for layer in layers:
        layer.build((None, None, n_features))
    weights = [rng.normal(0, 0.5, w.shape) for w in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def assert_same(one, other, tolerance=2e-5):
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
        # Small elements may be differences of large ones.
        size = max(1.0, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, atol=tolerance * size, rtol=tolerance)


# A scan is compiled for each shape.
FEW_EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FEW_EXAMPLES
@given(
    n_steps=st.integers(1, 12),
    units=st.integers(1, 9),
    n_samples=st.integers(1, 40),
    n_features=st.integers(1, 4),
    return_sequences=st.booleans(),
    go_backwards=st.booleans(),
)
def test_equals_the_standard_layer_in_outputs_and_gradients(
    fast_layer, n_steps, units, n_samples, n_features, return_sequences, go_backwards
):
    fast, standard = twins(
        fast_layer,
        units,
        n_features,
        return_sequences=return_sequences,
        go_backwards=go_backwards,
    )
    rng = np.random.default_rng(n_steps)
    x = rng.normal(size=(n_samples, n_steps, n_features)).astype("float32")
    for one, other in zip(gradients(fast, x), gradients(standard, x), strict=True):
        assert_same(one, other)


@FEW_EXAMPLES
@given(
    n_steps=st.integers(1, 12),
    units=st.integers(1, 9),
    n_samples=st.integers(1, 40),
    n_features=st.integers(1, 4),
    return_sequences=st.booleans(),
)
def test_equals_the_standard_layer_with_initial_states(
    fast_layer, n_steps, units, n_samples, n_features, return_sequences
):
    """States are passed in and returned, so they have gradients too."""
    fast, standard = twins(
        fast_layer,
        units,
        n_features,
        return_sequences=return_sequences,
        return_state=True,
    )
    rng = np.random.default_rng(n_steps)
    x = rng.normal(size=(n_samples, n_steps, n_features)).astype("float32")
    states = [
        tf.constant(rng.normal(size=(n_samples, units)), tf.float32)
        for _ in range(2 if fast_layer is FusedLSTM else 1)
    ]
    one, other = (gradients(layer, x, states) for layer in (fast, standard))
    assert_same(one[0], other[0])
    assert_same(one[1], other[1])


@pytest.mark.parametrize("return_sequences", [False, True])
def test_equals_the_standard_layer_where_the_length_is_unknown(
    fast_layer, return_sequences
):
    """In a graph for sequences and batches of any size."""
    twin_layers = twins(fast_layer, 5, 2, return_sequences=return_sequences)

    def in_graph(layer):
        signature = [tf.TensorSpec([None, None, 2])]
        function = tf.function(
            lambda x: (gradients(layer, x), layer(x, training=False)),
            input_signature=signature,
            autograph=False,
        )
        return lambda x: function(x.astype("float32"))

    fast, standard = map(in_graph, twin_layers)
    rng = np.random.default_rng(0)
    for shape in [(3, 4, 2), (40, 16, 2), (33, 17, 2), (1, 1, 2)]:
        x = rng.normal(size=shape)
        assert_same(fast(x), standard(x))


def test_equals_the_standard_layer_with_many_units(fast_layer):
    fast, standard = twins(fast_layer, 128, 3, return_sequences=True)
    for layer in (fast, standard):
        layer.set_weights([w / 10 for w in layer.get_weights()])
    x = np.random.default_rng(0).normal(size=(5, 20, 3)).astype("float32")
    one, other = (gradients(layer, x) for layer in (fast, standard))
    assert_same(one, other, 1e-4)


def test_gradients_are_reproducible(fast_layer):
    """They are the same to the last bit."""
    layer, _ = twins(fast_layer, 64, 8)
    x = np.random.default_rng(0).normal(size=(32, 20, 8)).astype("float32")
    function = tf.function(lambda: gradients(layer, x), autograph=False)
    first = tf.nest.flatten(function())
    for _ in range(5):
        for one, other in zip(first, tf.nest.flatten(function()), strict=True):
            np.testing.assert_array_equal(one, other)


def test_numbers_of_samples_are_filled_up_to_few_sizes():
    sizes = scans._SAMPLE_SIZES
    numbers = (1, 16, 17, 33, 129, sizes[-1], sizes[-1] + 1)
    filled = [int(scans._fill(tf.constant(n), sizes)) for n in numbers]
    assert filled == [16, 16, 32, 48, 256, sizes[-1], sizes[-1] + 128]


@pytest.mark.parametrize(
    "settings",
    [{"activation": "relu"}, {"use_bias": False}, {"dropout": 0.5}],
    ids=str,
)
def test_falls_back_to_the_standard_loop(fast_layer, settings):
    fast, standard = twins(fast_layer, 4, 2, **settings)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    assert_same(fast(x), standard(x))


@pytest.mark.parametrize("return_sequences", [False, True])
def test_recurrent_dropout_is_the_same_for_all_gates(
    fast_layer, return_sequences, monkeypatch
):
    fast, standard = twins(
        fast_layer, 6, 2, recurrent_dropout=0.5, return_sequences=return_sequences
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(19, 5, 2)).astype("float32")
    mask = tf.constant(2.0 * rng.integers(0, 2, size=(19, 6)), tf.float32)
    monkeypatch.setattr(keras.random, "dropout", lambda *args, **kwargs: mask)
    gates = {FusedLSTM: [mask] * 4, FusedGRU: [mask] * 3, FusedSimpleRNN: mask}
    standard.cell.get_recurrent_dropout_mask = lambda h: gates[fast_layer]
    for one, other in zip(gradients(fast, x), gradients(standard, x), strict=True):
        assert_same(one, other)
    assert_same(fast(x), standard(x))  # no dropout in prediction


def test_recurrent_dropout_differs_between_batches_and_samples(fast_layer):
    layer, _ = twins(fast_layer, 6, 2, recurrent_dropout=0.5, seed=1)
    x = np.ones((3, 5, 2), "float32")
    first = layer(x, training=True)
    assert not np.array_equal(first, layer(x, training=True))
    assert not np.array_equal(first[0], first[1])


def test_a_reset_gate_before_the_product_runs_the_standard_loop():
    fast, standard = twins(FusedGRU, 4, 2, reset_after=False)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    assert_same(fast(x), standard(x))


def test_a_mask_runs_the_standard_loop(fast_layer):
    fast, standard = twins(fast_layer, 4, 2)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    mask = np.arange(5) < np.array([[5], [3], [1]])
    assert_same(fast(x, mask=mask), standard(x, mask=mask))


def test_equals_the_standard_layer_in_both_directions(fast_layer):
    both = []
    for kind in (fast_layer, STANDARD[fast_layer]):
        layer = keras.layers.Bidirectional(kind(3, return_sequences=True))
        layer.build((None, 4, 2))
        rng = np.random.default_rng(0)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
        both.append(layer)
    x = np.random.default_rng(1).normal(size=(5, 4, 2)).astype("float32")
    for one, other in zip(*(gradients(layer, x) for layer in both), strict=True):
        assert_same(one, other)


def test_trains_on_a_single_sample(fast_layer):
    # It cannot be split in two halves.
    fast, standard = twins(fast_layer, 3, 1)
    x = np.ones((1, 4, 1), "float32")
    for one, other in zip(gradients(fast, x), gradients(standard, x), strict=True):
        assert_same(one, other)
