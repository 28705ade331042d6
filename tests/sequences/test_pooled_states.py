"""`transform`: the pooled states of a fitted network, as features."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from sklstm import RNNClassifier, RNNRegressor, SequenceTokenizer

TINY = {"units": 3, "epochs": 1, "batch_size": 8, "random_state": 0}
LABELS = np.array(["a", "b", "c"])[np.arange(24) % 3]
TOKENS = [np.random.default_rng(i).integers(1, 12, size=i % 7 + 1) for i in range(24)]


def random_sequences(n_sequences, max_length=9, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, max_length + 1, size=n_sequences)
    return [rng.normal(size=(n, 2)) for n in lengths]


X = random_sequences(24)
FRAMES = [pd.DataFrame(x, columns=["u", "v"]).assign(kind="k") for x in X]


def classifier(**kwargs):
    return RNNClassifier(**(TINY | kwargs))


# name: (parameters, sequences, number of states)
VARIANTS = {
    "defaults": ({}, X, 18),
    "last": ({"pooling": "last", "conv_filters": None, "patch_length": 2}, X, 6),
    "forward": ({"bidirectional": False, "cell": "gru", "conv_filters": 4}, X, 9),
    "attention": ({"pooling": "attention", "units": (3, 2), "cell": "rnn"}, X, 4),
    "categories": ({"conv_filters": None, "pooling": "mean"}, FRAMES, 6),
    "tokens": ({"embedding_dim": 4, "pooling": "max"}, TOKENS, 6),
}


@pytest.fixture(scope="module")
def model():
    return classifier().fit(X, LABELS)


@pytest.fixture(scope="module", params=VARIANTS)
def fitted(request):
    parameters, sequences, n_states = VARIANTS[request.param]
    return classifier(**parameters).fit(sequences, LABELS), sequences, n_states


def last_layer(model, states):
    """Apply the network's last layer to its pooled states."""
    kernel, bias = model.weights_[-2:]
    logits = states @ kernel + bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def test_the_last_layer_reads_the_states(fitted):
    model, sequences, n_states = fitted
    states = model.transform(sequences)
    assert states.shape == (24, n_states)
    assert states.dtype == np.float32
    np.testing.assert_allclose(
        last_layer(model, states), model.predict_proba(sequences), atol=1e-6
    )


def test_weights_are_those_before_the_last_layer(fitted):
    model, _, _ = fitted
    network = model._network.without_output().build()
    paths = [weight.path for weight in model.network_.weights]
    assert [weight.path for weight in network.weights] == paths[:-2]
    assert paths[-2:] == ["output/kernel", "output/bias"]
    for weight, value in zip(network.weights, model.weights_[:-2], strict=True):
        assert weight.shape == value.shape


def test_states_equal_those_of_the_network_of_keras():
    """A mask of standard layers, in place of this package's own."""
    keras = pytest.importorskip("keras")
    model = classifier().fit(X, LABELS)
    network = model.network_
    layer = network.get_layer("output")
    until_pooling = keras.Model(network.inputs, layer.input)
    data = model._encode(model._check_sequences(X, reset=False))
    padded, valid = np.zeros((24, 9, 4), np.float32), np.zeros((24, 9), bool)
    for i, n in enumerate(data.lengths):
        padded[i, :n], valid[i, :n] = data.rows[data.starts[i] :][:n], True
        padded[i, n:] = 1e3  # must not matter
    np.testing.assert_allclose(
        until_pooling.predict([padded, valid], verbose=0), model.transform(X), atol=2e-6
    )


def test_names_tell_pooling_direction_and_unit(fitted):
    model, sequences, n_states = fitted
    names = model.get_feature_names_out().tolist()
    assert len(set(names)) == len(names) == n_states
    states = model.transform(sequences)
    poolings = {"all": ["last", "mean", "max"]}.get(model.pooling, [model.pooling])
    directions = ["forward", "backward"] if model.bidirectional else ["forward"]
    units = np.atleast_1d(model.units)[-1]
    assert names == [
        f"{p}_{d}_{u}" for p in poolings for d in directions for u in range(units)
    ]
    frame = model.set_output(transform="pandas").transform(sequences)
    model.set_output(transform="default")
    assert list(frame.columns) == names
    np.testing.assert_array_equal(frame.to_numpy(), states)


def test_names_belong_to_their_states():
    """A forward layer has read only the steps before, a backward layer those after."""
    model = classifier(conv_filters=None, positional_encoding=0, differences=False)
    model.fit(X, LABELS).set_output(transform="pandas")
    x = np.random.default_rng(0).normal(size=(8, 2))
    for direction, shorter in (("forward", x[:-1]), ("backward", x[1:])):
        names = [f"{{}}_{direction}_{unit}" for unit in range(3)]
        states = model.transform([x, shorter])
        last, mean, most = (
            states[[name.format(pooling) for name in names]].to_numpy()
            for pooling in ("last", "mean", "max")
        )
        # The sum over all steps is that over the others, and the last state.
        np.testing.assert_allclose(8 * mean[0] - 7 * mean[1], last[0], atol=1e-5)
        np.testing.assert_allclose(np.maximum(most[1], last[0]), most[0], atol=1e-6)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), n_sequences=st.integers(1, 40))
def test_states_do_not_depend_on_padding_batch_or_order(model, seed, n_sequences):
    sequences = random_sequences(n_sequences, max_length=20, seed=seed)
    together = model.transform(sequences)
    alone = np.vstack([model.transform([x]) for x in sequences])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    order = np.random.default_rng(seed).permutation(n_sequences)
    shuffled = model.transform([sequences[i] for i in order])
    np.testing.assert_allclose(shuffled, together[order], atol=2e-6)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_output_containers(container):
    frames = pytest.importorskip(container)
    cube = np.random.default_rng(0).normal(size=(24, 5))
    rows = pd.DataFrame(cube, index=np.arange(24) + 100).add_prefix("t")
    model = classifier().set_output(transform=container)
    states = model.fit_transform(rows, LABELS)
    assert isinstance(states, frames.DataFrame)
    assert list(states.columns) == list(model.get_feature_names_out(rows.columns))
    if container == "pandas":
        assert states.index.tolist() == rows.index.tolist()
    with pytest.raises(ValueError, match="input_features is not equal"):
        model.get_feature_names_out(["x"] * 5)


def test_fit_transform_passes_the_weights_on():
    weight = np.arange(24) % 2 + 1.0
    one = classifier().fit_transform(X, LABELS, sample_weight=weight)
    other = classifier().fit(X, LABELS, sample_weight=weight).transform(X)
    np.testing.assert_array_equal(one, other)
    plain = classifier().fit_transform(X, LABELS)
    assert (one != plain).any()


def test_states_of_a_regressor():
    model = RNNRegressor(**TINY).fit(X, np.array([[len(x), x.mean()] for x in X]))
    kernel, bias = model.weights_[-2:]
    outputs = model.transform(X) @ kernel + bias
    np.testing.assert_allclose(
        outputs * model._target_scale + model._target_mean, model.predict(X), rtol=1e-4
    )


def test_training_further_changes_the_states():
    model = classifier().partial_fit(X, LABELS, classes=["a", "b", "c"])
    before = model.transform(X)
    after = model.partial_fit(X, LABELS).transform(X)
    assert (before != after).any()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), after)


@pytest.mark.parametrize("method", ["transform", "get_feature_names_out"])
def test_before_fit(method):
    with pytest.raises(NotFittedError, match="RNNClassifier instance is not fitted"):
        getattr(classifier(), method)(X)


def test_errors_name_the_sequence(model):
    with pytest.raises(ValueError, match=r"X\[1\] has 3 channel|3 channel\(s\)"):
        model.transform([X[0], np.ones((4, 3))])
    with pytest.raises(ValueError, match=r"X\[1\] is empty"):
        model.transform([X[0], np.ones((0, 2))])


class TestFeatures:
    """A fitted network feeds any estimator of scikit-learn."""

    rng = np.random.default_rng(0)
    slopes = np.repeat([1, -1], 20)
    cube = slopes[:, None] * np.arange(8.0) + rng.normal(size=(40, 1))

    def network(self, make=RNNClassifier):
        return make(units=4, epochs=15, learning_rate=0.01, random_state=0)

    def test_nearest_neighbours(self):
        model = make_pipeline(self.network(), KNeighborsClassifier(3))
        assert cross_val_score(model, self.cube, self.slopes, cv=2).min() > 0.9
        model = make_pipeline(self.network(RNNRegressor), KNeighborsRegressor(3))
        assert model.fit(self.cube, self.slopes).score(self.cube, self.slopes) > 0.9
        assert TransformedTargetRegressor(model).fit(self.cube, self.slopes)

    def test_clusters(self):
        states = self.network().fit_transform(self.cube, self.slopes)
        found = KMeans(2, n_init=1, random_state=0).fit_predict(states)
        assert adjusted_rand_score(self.slopes, found) > 0.8

    def test_texts(self):
        texts = ["what a good film", "a bad film", "good, good", "bad it was"] * 5
        model = make_pipeline(
            SequenceTokenizer(), classifier(embedding_dim=3), KNeighborsClassifier(1)
        )
        assert model.fit(texts, [1, 0, 1, 0] * 5).score(texts, [1, 0, 1, 0] * 5) == 1
