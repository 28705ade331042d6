"""Convolutional layers, their normalization, and batches of similar lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm import engine
from sklstm.engine.batches import group_by_length

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

RNG = np.random.default_rng(0)
STACK = engine.RecurrentStack("gru", (3,))
STEMS = {
    "one layer": (engine.ConvStem((4,), (3,)), 3),
    "three layers": (engine.ConvStem((4, 3, 5), (8, 5, 3)), 8),
    "causal": (engine.ConvStem((4, 3), (3, 2), causal=True), 1),
}
LENGTHS = np.array([24, 5, 1, 16, 23])
VALID = np.arange(24) < LENGTHS[:, None]
X = RNG.normal(size=(5, 24, 2)).astype(np.float32)


def build_twins(stem, pool_length):
    """Build the standard network and the fast one, with the same random weights."""
    spec = engine.SequenceNetwork(STACK, 2, 3, stem=stem, patch_length=pool_length)
    networks = spec.build(), spec.build(fast=True)
    weights = [
        RNG.uniform(0.5, 1.5, size=w.shape) if "norm" in w.path else w.numpy()
        for w in networks[0].weights
    ]
    for network in networks:
        network.set_weights(weights)
    return networks


def train(network, x, valid=VALID):
    """Return outputs and gradients in training; moving averages are updated."""
    with tf.GradientTape() as tape:
        outputs = network([x, valid], training=True)
        loss = tf.reduce_sum(outputs**2)
    return outputs, tape.gradient(loss, network.trainable_variables)


def assert_close(one, other, tolerance=1e-4):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("stem", "pool_length"), STEMS.values(), ids=[*STEMS])
class TestConvStem:
    def test_the_fast_network_computes_what_the_standard_one_does(
        self, stem, pool_length
    ):
        standard, fast = build_twins(stem, pool_length)
        inputs = [X, VALID]
        assert_close(fast(inputs), standard(inputs))
        (outputs, gradients), (expected, of_standard) = (
            train(fast, X),
            train(standard, X),
        )
        assert_close(outputs, expected)
        assert_close(gradients, of_standard)
        assert_close(fast.weights, standard.weights)  # moving averages

    @pytest.mark.parametrize("kind", [0, 1], ids=["standard", "fast"])
    def test_padding_has_no_effect(self, stem, pool_length, kind):
        network = build_twins(stem, pool_length)[kind]
        expected = network([X, VALID]).numpy()
        changed = np.where(VALID[:, :, None], X, 1e3).astype(np.float32)
        np.testing.assert_array_equal(network([changed, VALID]), expected)
        # One at a time, with as little padding as patches allow.
        for i, length in enumerate(LENGTHS):
            n_steps = -(-length // pool_length) * pool_length
            alone = network([X[i : i + 1, :n_steps], VALID[i : i + 1, :n_steps]])
            np.testing.assert_allclose(alone[0], expected[i], atol=1e-5)
        # Nor in training, where it would count in the averages of a batch.
        before = network.get_weights()
        outputs, gradients = train(network, X)
        averages = network.get_weights()
        network.set_weights(before)
        outputs_of_changed, gradients_of_changed = train(network, changed)
        assert_close([outputs_of_changed], [outputs], 1e-5)
        assert_close(gradients_of_changed, gradients, 1e-5)
        assert_close(network.get_weights(), averages, 1e-5)

    def test_full_sequences_run_through_plain_layers(self, stem, pool_length):
        network, _ = build_twins(stem, pool_length)
        layers = []
        for n_filters, kernel_size, pool in zip(
            stem.filters, stem.kernel_sizes, stem.pool_sizes(pool_length), strict=True
        ):
            padding = "causal" if stem.causal else "same"
            layers += [
                keras.layers.Conv1D(
                    n_filters, kernel_size, padding=padding, use_bias=False
                ),
                keras.layers.BatchNormalization(momentum=0.9),
                keras.layers.ReLU(),
                keras.layers.MaxPooling1D(pool),
            ]
        plain = keras.Sequential([keras.Input((24, 2)), *layers])
        n_weights = len(plain.weights)
        plain.set_weights(network.get_weights()[:n_weights])
        (recurrent,) = [x for x in network.layers if isinstance(x, keras.layers.GRU)]
        stem_only = keras.Model(network.inputs, recurrent.input[0])
        everything = np.ones_like(VALID)
        for training in (False, True):
            np.testing.assert_allclose(
                stem_only([X, everything], training=training),
                plain(X, training=training),
                atol=1e-5,
            )


@given(n_layers=st.integers(1, 4), length=st.integers(1, 200))
def test_pool_sizes_share_the_pool_length(n_layers, length):
    stem = engine.ConvStem((2,) * n_layers, (3,) * n_layers)
    rounded = stem.round_pool_length(length)
    assert length <= rounded < length + 4
    for pool_length in (length, rounded):
        sizes = stem.pool_sizes(pool_length)
        assert np.prod(sizes) == pool_length
        assert max(sizes[:-1], default=1) <= 4
    if n_layers > 1 and length > 2:
        assert sizes[0] == 4


class TestOrderOfBatches:
    @staticmethod
    def order(lengths, batch_size, seed=(0, 1)):
        return group_by_length(
            tf.constant(lengths, tf.int32), tf.constant(batch_size), tf.constant(seed)
        ).numpy()

    @given(
        lengths=st.lists(st.integers(1, 1000), min_size=1, max_size=70),
        batch_size=st.integers(1, 9),
    )
    @settings(deadline=None, max_examples=40)
    def test_each_sequence_comes_once_and_one_seed_gives_one_order(
        self, lengths, batch_size
    ):
        order = self.order(lengths, batch_size)
        assert sorted(order) == list(range(len(lengths)))
        np.testing.assert_array_equal(self.order(lengths, batch_size), order)

    def test_very_unequal_lengths_have_little_padding(self):
        lengths = np.exp(RNG.uniform(0, 7, size=256)).astype(int)

        def padded(order):
            return sum(lengths[part].max() * 8 for part in np.split(order, 32))

        order = self.order(lengths, 8)
        assert padded(order) < 0.5 * padded(np.arange(256))
        # Short sequences do not always come first.
        assert (np.diff(lengths[order]) < 0).any()
        assert (self.order(lengths, 8, (0, 2)) != order).any()

    def test_similar_lengths_keep_the_random_order(self):
        lengths = RNG.integers(20, 30, size=50)
        np.testing.assert_array_equal(self.order(lengths, 8), np.arange(50))


def test_token_dropout_drops_whole_vectors():
    spec = engine.SequenceNetwork(
        STACK, 1, 3, n_tokens=9, embedding_dim=4, token_dropout=0.5
    )
    network = spec.build()
    vectors = keras.Model(network.inputs, network.get_layer("token_dropout").output)
    tokens = RNG.integers(1, 9, size=(20, 10)).astype(np.int32)
    expected = vectors([tokens]).numpy()
    dropped = vectors([tokens], training=True).numpy()
    kept = (dropped != 0).any(axis=2)
    assert 0.3 < kept.mean() < 0.7
    np.testing.assert_allclose(dropped, 2 * expected * kept[:, :, None], rtol=1e-6)


def test_embedding_dropout_drops_single_values():
    spec = engine.SequenceNetwork(
        STACK, 1, 3, n_tokens=9, embedding_dim=4, embedding_dropout=0.25
    )
    network = spec.build()
    layer = network.get_layer("embedding_dropout")
    vectors = keras.Model(network.inputs, layer.output)
    tokens = RNG.integers(1, 9, size=(20, 10)).astype(np.int32)
    dropped = vectors([tokens], training=True).numpy()
    kept = dropped != 0
    assert 0.65 < kept.mean() < 0.85
    assert (kept.any(axis=2) & ~kept.all(axis=2)).any()
    np.testing.assert_allclose(
        dropped, vectors([tokens]).numpy() * kept / 0.75, rtol=1e-6
    )
