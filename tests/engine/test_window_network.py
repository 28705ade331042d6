"""Decoders of the forecasting network, and channels that go through it alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from sklstm.engine import RecurrentStack, WindowNetwork  # noqa: E402
from sklstm.engine.networks.initial_weights import draw_weights  # noqa: E402

SPEC = WindowNetwork(
    RecurrentStack("gru", (6,)),
    window_length=6,
    horizon=5,
    n_columns=3,
    n_targets=3,
    n_target_columns=3,
    patch_length=2,
    decoder="segments",
)
ALONE = replace(SPEC, channel_independent=True)
COVARIATES = {"n_columns": 6, "n_future_columns": 2}  # one past, two future


def random_weights(network, seed=0):
    """Set random weights, so that every one of them matters; return them by path."""
    rng = np.random.default_rng(seed)
    network.set_weights([rng.normal(0, 0.4, w.shape) for w in network.weights])
    return by_path(network)


def by_path(network):
    return {w.path: w.numpy() for w in network.weights}


def random_inputs(spec, n_samples=4, seed=1):
    rng = np.random.default_rng(seed)
    shapes = [(spec.window_length, spec.n_columns)]
    if spec.n_future_columns:
        shapes.append((spec.horizon, spec.n_future_columns))
    return [rng.normal(size=(n_samples, *s)).astype("float32") for s in shapes]


@settings(max_examples=8, deadline=None)
@given(
    cell=st.sampled_from(["lstm", "gru", "rnn"]),
    units=st.sampled_from([(1,), (6,), (3, 4)]),
    bidirectional=st.booleans(),
    decoder=st.sampled_from(["segments", "segments", "dense"]),
    alone=st.booleans(),
    horizon=st.integers(1, 7),
    patch_length=st.sampled_from([1, 2, 6]),
    columns=st.sampled_from([{}, COVARIATES]),
    n_quantiles=st.sampled_from([1, 3]),
)
def test_the_fast_network_equals_the_plain_one(
    cell,
    units,
    bidirectional,
    decoder,
    alone,
    horizon,
    patch_length,
    columns,
    n_quantiles,
):
    """In outputs and in the order of the weights."""
    spec = replace(
        SPEC,
        stack=RecurrentStack(cell, units, bidirectional=bidirectional),
        decoder=decoder,
        channel_independent=alone,
        horizon=horizon,
        patch_length=patch_length,
        n_quantiles=n_quantiles,
        linear_skip=True,
        **columns,
    )
    plain, fast = spec.build(), spec.build(fast=True)
    assert [w.path for w in plain.weights] == [w.path for w in fast.weights]
    random_weights(plain)
    fast.set_weights(plain.get_weights())
    inputs = random_inputs(spec)
    outputs = plain(inputs)
    quantiles = (n_quantiles,) if n_quantiles > 1 else ()
    assert outputs.shape == (4, horizon, 3, *quantiles)
    np.testing.assert_allclose(outputs, fast(inputs), rtol=1e-4, atol=1e-5)


def test_the_fast_network_has_the_gradients_of_the_plain_one():
    spec = replace(ALONE, **COVARIATES)
    plain, fast = spec.build(), spec.build(fast=True)
    random_weights(plain)
    fast.set_weights(plain.get_weights())
    inputs = [tf.constant(x) for x in random_inputs(spec)]

    def gradients(network):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.sin(network(inputs, training=True)))
        found = tape.gradient(loss, [*inputs, *network.trainable_variables])
        return [tf.convert_to_tensor(each) for each in found]

    for one, other in zip(gradients(plain), gradients(fast), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_decoder_has_the_textbook_number_of_parameters(cell, bidirectional):
    stack = RecurrentStack(cell, (5, 4), bidirectional=bidirectional)
    segments = replace(SPEC, stack=stack)
    dense = replace(segments, decoder="dense")
    n_gates, n_biases = {"lstm": (4, 1), "gru": (3, 2), "rnn": (1, 1)}[cell]
    units, n_segments, n_values = 8 if bidirectional else 4, 3, 2 * 3
    added = n_segments * 2  # learned vectors of half the encoder's units
    added += n_gates * units * (2 + units + n_biases)
    added += units * (n_values - 5 * 3) + n_segments * n_values - 5 * 3
    assert segments.build().count_params() - dense.build().count_params() == added


@pytest.mark.parametrize("spec", [SPEC, ALONE, replace(ALONE, decoder="dense")])
def test_a_saved_network_is_the_same(spec, tmp_path):
    spec = replace(spec, **COVARIATES)
    network, inputs = spec.build(), random_inputs(spec)
    random_weights(network)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(inputs).numpy(), loaded(inputs).numpy())


@pytest.mark.parametrize("decoder", ["segments", "dense"])
def test_initial_weights(decoder):
    """They depend on the seed alone, and the first forecast is the window's level."""
    spec = replace(ALONE, decoder=decoder, stack=RecurrentStack("lstm", (64,)))
    network = spec.build(fast=True)
    start = network.get_weights()
    one, same, other = (draw_weights(network, start, seed) for seed in (1, 1, 2))
    network.set_weights(one)
    weights = by_path(network)
    assert "forecast/bias" in weights
    for a, b, c, path in zip(one, same, other, weights, strict=True):
        np.testing.assert_array_equal(a, b)
        drawn = "bias" not in path and not path.startswith("forecast")
        assert drawn == (not np.array_equal(a, c)), path
    assert 0.7 < weights["channel/embeddings"].std() < 1.3
    np.testing.assert_array_equal(network(random_inputs(spec)).numpy(), 0)


@pytest.mark.parametrize("spec", [SPEC, replace(ALONE, **COVARIATES)])
def test_an_output_does_not_depend_on_the_other_windows(spec):
    network, inputs = spec.build(fast=True), random_inputs(spec, 7)
    random_weights(network)
    together = network(inputs).numpy()
    for i in range(7):
        one = network([x[i : i + 1] for x in inputs])
        np.testing.assert_allclose(one[0], together[i], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spec", [SPEC, ALONE])
def test_a_segment_is_told_by_its_learned_vector(spec):
    """Other vectors, other values; exchanged vectors, exchanged values."""
    spec = replace(spec, horizon=6)
    network, inputs = spec.build(), random_inputs(spec)
    weights = random_weights(network)
    weights["forecast/bias"][:] = 0
    network.set_weights(list(weights.values()))
    before = network(inputs).numpy().reshape(4, 3, 2, 3)  # 3 segments of 2 rows
    for i in range(3):
        assert np.abs(before[:, i] - before[:, i - 1]).min() > 1e-4
    weights["segment/embeddings"] = weights["segment/embeddings"][[2, 0, 1]]
    network.set_weights(list(weights.values()))
    after = network(inputs).numpy().reshape(4, 3, 2, 3)
    np.testing.assert_allclose(after, before[:, [2, 0, 1]], rtol=1e-5, atol=1e-6)


def test_each_row_has_a_bias_of_its_own():
    network, inputs = SPEC.build(), random_inputs(SPEC)
    weights = random_weights(network)
    before = network(inputs).numpy()
    change = np.arange(18.0).reshape(3, 6)  # 3 segments of 2 rows of 3 targets
    weights["forecast/bias"] += change
    network.set_weights(list(weights.values()))
    expected = before + change.reshape(6, 3)[:5]  # the last segment is cut off
    np.testing.assert_allclose(network(inputs), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("spec", [SPEC, ALONE])
def test_a_segment_reads_its_own_future_covariates(spec):
    spec = replace(spec, **COVARIATES)
    network, (window, future) = spec.build(), random_inputs(spec)
    random_weights(network)
    changed = future.copy()
    changed[:, 2] += 1  # the first row of the second segment
    difference = network([window, changed]) - network([window, future])
    is_changed = np.abs(difference).max(axis=(0, 2)) > 1e-4
    assert is_changed.tolist() == [False, False, True, True, False]


@pytest.mark.parametrize("decoder", ["segments", "dense"])
@pytest.mark.parametrize("columns", [{}, COVARIATES])
class TestChannelIndependence:
    @pytest.fixture
    def spec(self, decoder, columns):
        return replace(ALONE, decoder=decoder, linear_skip=True, **columns)

    def test_a_channel_reads_itself_and_the_covariates(self, spec):
        network, (window, *future) = spec.build(), random_inputs(spec)
        random_weights(network)
        before = network([window, *future]).numpy()
        for column in range(spec.n_columns):
            changed = window.copy()
            changed[:, :, column] += 1
            after = network([changed, *future]).numpy()
            is_changed = np.abs(after - before).max(axis=(0, 1)) > 1e-4
            expected = [column in (target, *range(3, 6)) for target in range(3)]
            assert is_changed.tolist() == expected

    def test_exchanged_channels_have_exchanged_forecasts(self, spec):
        spec = replace(spec, linear_skip=False)
        network, (window, *future) = spec.build(), random_inputs(spec)
        weights = random_weights(network)
        before = network([window, *future]).numpy()
        order = [2, 0, 1]
        weights["channel/embeddings"] = weights["channel/embeddings"][order]
        network.set_weights(list(weights.values()))
        window[:, :, :3] = window[:, :, order]
        after = network([window, *future]).numpy()
        np.testing.assert_allclose(after, before[..., order], rtol=1e-5, atol=1e-6)

    def test_without_the_channels_vector_it_is_one_network_for_each_channel(self, spec):
        """Its weights are those of a network with a single target."""
        spec = replace(spec, linear_skip=False)
        network, (window, *future) = spec.build(), random_inputs(spec)
        weights = random_weights(network)
        weights["channel/embeddings"][:] = 0
        network.set_weights(list(weights.values()))
        single = replace(
            spec,
            n_columns=spec.n_columns - 2,
            n_targets=1,
            n_target_columns=1,
            channel_independent=False,
        ).build()
        single.set_weights(without_channel(weights, single))
        forecast = network([window, *future]).numpy()
        for channel in range(3):
            own = window[:, :, [channel, *range(3, spec.n_columns)]]
            expected = single([own, *future])[..., 0]
            np.testing.assert_allclose(
                forecast[..., channel], expected, rtol=1e-5, atol=1e-6
            )


def without_channel(weights, single):
    """Drop what reads the vector of the channel, for a network that has none."""
    kept = []
    for variable in single.weights:
        value = weights[variable.path]
        if value.shape != variable.shape:
            # The vector comes last in the input of the decoder cell, and after the
            # state in that of the dense layers.
            n_rows, is_cell = variable.shape[0], variable.path.startswith("decoder")
            begin, n_dropped = n_rows if is_cell else 6, len(value) - n_rows
            value = np.delete(value, slice(begin, begin + n_dropped), axis=0)
        kept.append(value)
    return kept


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("decoder", ["dense", "segments"])
def test_any_number_of_windows_at_once(decoder, alone):
    """As many as there are segments, channels or units, too."""
    spec = replace(
        SPEC,
        stack=RecurrentStack("lstm", (4,)),
        decoder=decoder,
        channel_independent=alone,
        horizon=4,
        n_targets=2,
        n_target_columns=2,
    )
    plain, fast = spec.build(), spec.build(fast=True)
    random_weights(plain)
    fast.set_weights(plain.get_weights())
    for n_windows in range(1, 6):
        inputs = [
            np.random.default_rng(0).normal(size=(n_windows, *x.shape[1:]))
            for x in plain.inputs
        ]
        inputs = [x.astype(np.float32) for x in inputs]
        np.testing.assert_allclose(plain(inputs), fast(inputs), rtol=1e-4, atol=1e-5)
