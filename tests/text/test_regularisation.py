"""Dropout of weights, values and tokens; tied, averaged and decaying weights."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sklstm import CharLSTMGenerator, WordLSTMGenerator
from sklstm.engine import LanguageNetwork, RecurrentStack
from sklstm.inspection import attribute

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from sklstm.engine.layers import fused  # noqa: E402
from sklstm.engine.layers.weight_dropout import with_weight_dropout  # noqa: E402
from sklstm.engine.networks.recurrent import drop_values  # noqa: E402

DOCS = ["abracadabra", "a cab", "", "bad cab", "abba", "dad", "cad a bad cab"] * 3
# A single window, so an epoch is one optimizer step.
TEXT = "abracadabra a cab"
TINY = {
    "units": 5,
    "embedding_dim": 3,
    "dropout": 0.0,
    "window_length": 18,
    "epochs": 1,
    "random_state": 0,
}


def chars(**kwargs):
    return CharLSTMGenerator(**(TINY | kwargs))


def randomised(model):
    model = copy.copy(model)
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.5, w.shape).astype("float32") for w in model.weights_
    )
    return model


def assert_same_weights(one, other):
    for a, b in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(a, b)


class TestWeightDropout:
    @pytest.mark.parametrize(
        ("fast", "standard"),
        [
            (fused.FusedLSTM, keras.layers.LSTM),
            (fused.FusedGRU, keras.layers.GRU),
            (fused.FusedSimpleRNN, keras.layers.SimpleRNN),
            (keras.layers.LSTM, keras.layers.LSTM),  # as on a GPU
        ],
    )
    def test_equals_a_plain_layer_with_the_dropped_matrix(self, fast, standard):
        rate, rng = 0.4, np.random.default_rng(0)
        x = tf.constant(rng.normal(size=(5, 7, 3)), tf.float32)
        layer = with_weight_dropout(fast)(6, weight_dropout=rate, return_sequences=True)
        plain = standard(6, return_sequences=True)
        for each in (layer, plain):
            each.build(x.shape)
        weights = [rng.normal(0, 0.5, w.shape) for w in layer.get_weights()]
        layer.set_weights(weights)
        mask = keras.random.dropout(
            tf.ones(weights[1].shape), rate, seed=keras.random.SeedGenerator(0)
        ).numpy()
        assert set(np.unique(mask).round(3)) == {0.0, np.float32(1 / 0.6).round(3)}
        plain.set_weights([weights[0], weights[1] * mask, weights[2]])

        def run(layer):
            with tf.GradientTape() as tape:
                outputs = layer(x, training=True)
                loss = tf.reduce_sum(tf.sin(outputs))
            return outputs, tape.gradient(loss, layer.trainable_variables)

        (outputs, gradients), (expected, expected_gradients) = run(layer), run(plain)
        np.testing.assert_allclose(outputs, expected, atol=1e-6)
        expected_gradients[1] *= mask
        for a, b in zip(gradients, expected_gradients, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5)

    def test_draws_anew_in_training_and_does_not_in_prediction(self):
        x = tf.ones((2, 3, 4))
        layer = with_weight_dropout(fused.FusedLSTM)(8, weight_dropout=0.5)
        one, other = layer(x, training=True), layer(x, training=True)
        assert not np.allclose(one, other)
        plain = keras.layers.LSTM(8)
        plain.build(x.shape)
        plain.set_weights(layer.get_weights())
        np.testing.assert_allclose(layer(x), plain(x), atol=1e-6)
        again = type(layer).from_config(layer.get_config())
        assert again.weight_dropout == 0.5


class TestLockedDropout:
    def test_drops_the_same_values_at_all_steps(self):
        x = tf.ones((20, 9, 6))
        inputs = keras.Input((None, 6))
        locked, free = (
            keras.Model(inputs, drop_values(inputs, 0.5, name="d", locked=value))
            for value in (True, False)
        )
        dropped = locked(x, training=True).numpy()
        assert set(np.unique(dropped)) == {0, 2}
        np.testing.assert_array_equal(dropped, dropped[:, :1] + 0 * dropped)
        assert (dropped[0] != dropped).any()
        dropped = free(x, training=True).numpy()
        assert (dropped != dropped[:, :1]).any()

    @pytest.mark.parametrize("locked", [True, False])
    def test_drops_tokens_wherever_they_occur(self, locked):
        stack = RecurrentStack("lstm", (4,), locked_dropout=locked)
        network = LanguageNetwork(stack, 30, 3, 8, token_dropout=0.5)
        tokens = keras.Input((None,), dtype="int32")
        vectors = keras.Input((None, 3))
        model = keras.Model([tokens, vectors], network._drop_tokens(vectors, tokens))
        ids = np.random.default_rng(0).integers(30, size=(10, 20))
        dropped = model([ids, np.ones((10, 20, 3), "float32")], training=True).numpy()
        assert set(np.unique(dropped)) == {0, 2}
        np.testing.assert_array_equal(dropped, dropped[:, :, :1] + 0 * dropped)
        factors = {i: set(dropped[ids == i][:, 0].tolist()) for i in range(30)}
        same = all(len(values) == 1 for values in factors.values())
        assert same == locked

    def test_without_a_rate_nothing_changes(self):
        plain = chars(window_length=4).fit(DOCS)
        zeros = {"weight_dropout": 0.0, "token_dropout": 0.0}
        other = chars(window_length=4, locked_dropout=True, **zeros).fit(DOCS)
        assert_same_weights(plain, other)


def step_of_keras(model, learning_rate):
    """Return a step of gradient descent on `TEXT`, and which weights are biases."""
    network, id_of = model.network_, model.vocabulary_
    ids = tf.constant([[0, *(id_of[token] for token in TEXT), 0]])
    states = [tf.zeros((1, s.shape[1])) for s in network.inputs[1:]]
    with tf.GradientTape() as tape:
        logits, *_ = network([ids[:, :-1], *states])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            ids[:, 1:], logits
        )
    gradients = tape.gradient(loss, network.trainable_variables)
    steps = [learning_rate * tf.convert_to_tensor(g).numpy() for g in gradients]
    is_bias = [
        each.name == "bias" or each.path.startswith("next_token/embed")
        for each in network.trainable_variables
    ]
    return steps, is_bias


class TestTiedWeights:
    @pytest.mark.parametrize(
        "kwargs",
        [{}, {"embedding_dim": 5}, {"units": (4, 3), "cell": "gru"}],
        ids=str,
    )
    def test_one_matrix_at_both_ends(self, kwargs):
        model = randomised(chars(tie_weights=True, **kwargs).fit(TEXT))
        network = model.network_
        n = model._network.n_tokens
        shapes = [weight.shape for weight in network.weights if n in weight.shape]
        assert shapes == [(n, model.embedding_dim), (1, n)]
        embeddings, bias = (
            network.get_layer(name).get_weights()[0]
            for name in ("embedding", "next_token")
        )
        ids = tf.constant([[0, 2, 3, 4]])
        states = [tf.zeros((1, s.shape[1])) for s in network.inputs[1:]]
        logits, *last = network([ids, *states])
        hidden = last[-model._network.stack.n_layer_states].numpy()
        if model.embedding_dim != hidden.shape[1]:
            hidden = hidden @ network.get_layer("projection").get_weights()[0]
        np.testing.assert_allclose(
            logits[:, -1], hidden @ embeddings.T + bias, rtol=1e-4, atol=1e-4
        )

    @pytest.mark.parametrize("embedding_dim", [3, 5])
    def test_optimizer_step_equals_that_of_keras(self, embedding_dim):
        options = {
            "tie_weights": True,
            "embedding_dim": embedding_dim,
            "optimizer": "sgd",
        }
        before = chars(learning_rate=1e-30, **options).fit(TEXT)
        after = chars(learning_rate=0.5, **options).fit(TEXT)
        steps, _ = step_of_keras(before, 0.5)
        for weight, step, value in zip(
            before.weights_, steps, after.weights_, strict=True
        ):
            np.testing.assert_allclose(value, weight - step, atol=1e-5)

    def test_training_starts_from_the_token_frequencies(self):
        model = chars(tie_weights=True, optimizer="sgd", learning_rate=1e-30).fit(DOCS)
        text = "".join(DOCS)
        probability = model.predict_proba("ab")[0]
        for token, i in model.vocabulary_.items():
            if i > 1:
                share = text.count(token) / (len(text) + len(DOCS))
                assert probability[i] == pytest.approx(share, rel=0.1)


class TestWeightDecay:
    def test_step_is_decoupled_and_spares_biases(self):
        options = {"optimizer": "sgd", "tie_weights": True}
        before = chars(learning_rate=1e-30, **options).fit(TEXT)
        after = chars(learning_rate=0.5, weight_decay=0.2, **options).fit(TEXT)
        steps, is_bias = step_of_keras(before, 0.5)
        assert sum(is_bias) == 2
        for weight, step, bias, value in zip(
            before.weights_, steps, is_bias, after.weights_, strict=True
        ):
            decay = 0.0 if bias else 0.5 * 0.2 * weight
            np.testing.assert_allclose(value, weight - decay - step, atol=1e-5)

    def test_none_and_zero_are_alike(self):
        assert_same_weights(chars().fit(TEXT), chars(weight_decay=0.0).fit(TEXT))

    def test_an_optimizer_object_has_its_own(self):
        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.1)
        with pytest.raises(ValueError, match="weight_decay is that of an optimizer"):
            chars(optimizer=optimizer, weight_decay=0.1).fit(TEXT)
        assert chars(optimizer=optimizer).fit(TEXT).n_iter_ == 1


class Record(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())


class TestAveragedWeights:
    @pytest.mark.parametrize(("share", "n_averaged"), [(0.5, 3), (0.2, 1), (1, 5)])
    def test_are_the_mean_after_each_step(self, share, n_averaged):
        record = Record()
        model = chars(
            epochs=5,
            average_weights=share,
            learning_rate=0.05,
            learning_rate_schedule="constant",
            callbacks=record,
        ).fit(TEXT)
        kept = list(zip(*record.weights[-n_averaged:], strict=True))
        for value, recorded in zip(model.weights_, kept, strict=True):
            mean = np.mean([w.astype(float) for w in recorded], axis=0)
            np.testing.assert_allclose(value, mean, rtol=1e-5, atol=1e-6)

    def test_training_itself_is_not_changed(self):
        plain = chars(epochs=4, window_length=4).fit(DOCS)
        averaged = chars(epochs=4, window_length=4, average_weights=0.5).fit(DOCS)
        assert plain.history_ == averaged.history_
        assert any(
            (a != b).any()
            for a, b in zip(plain.weights_, averaged.weights_, strict=True)
        )

    def test_are_validated_once_averaging_has_begun(self):
        options = {
            "epochs": 6,
            "window_length": 4,
            "early_stopping": True,
            "patience": 6,
            "learning_rate": 0.05,
        }
        plain = chars(**options).fit(DOCS)
        averaged = chars(average_weights=0.5, **options).fit(DOCS)
        one, other = plain.history_["val_loss"], averaged.history_["val_loss"]
        assert one[:3] == other[:3]
        assert all(a != b for a, b in zip(one[4:], other[4:], strict=True))
        # Those of the best epoch are returned.
        best = int(np.argmin(other))
        stopped = chars(**(options | {"early_stopping": "refit"}), average_weights=0.5)
        assert stopped.fit(DOCS).n_iter_ == best + 1

    def test_partial_fit_goes_on_from_the_last_step(self):
        plain = chars(window_length=4).partial_fit(DOCS).partial_fit(DOCS)
        other = chars(window_length=4, average_weights=1.0)
        assert_same_weights(plain, other.partial_fit(DOCS).partial_fit(DOCS))


EVERYTHING = {
    "dropout": 0.3,
    "weight_dropout": 0.3,
    "embedding_dropout": 0.2,
    "token_dropout": 0.1,
    "locked_dropout": True,
    "tie_weights": True,
    "average_weights": 0.5,
    "weight_decay": 0.01,
}


@pytest.mark.parametrize(
    "kwargs",
    [
        EVERYTHING,
        EVERYTHING | {"cell": "gru", "units": (4, 5), "embedding_dim": 5},
        {"token_dropout": 0.2, "embedding_dropout": 0.2},
    ],
    ids=["all", "stacked", "each step"],
)
def test_everything_works_with_it(kwargs):
    model = chars(window_length=4, epochs=2, **kwargs).fit(DOCS)
    assert_same_weights(model, clone(model).fit(DOCS))
    model = randomised(model)
    # Predictions do not use dropout.
    plain = {k: v for k, v in kwargs.items() if "dropout" not in k} | {"dropout": 0.0}
    other = chars(window_length=4, epochs=2, **plain).fit(DOCS)
    other.weights_ = model.weights_
    text = "a bad cab"
    for options in ({}, {"dynamic": True}, {"cache": True}):
        score = model.score(text, **options)
        assert score == pytest.approx(other.score(text, **options), abs=1e-6)
    probability = model.predict_proba(text)
    np.testing.assert_allclose(probability, other.predict_proba(text), atol=1e-6)
    # The network, its single steps and its attributions agree.
    options = {"max_new_tokens": 20, "random_state": 0}
    generated = model.generate(text, **options)
    assert "".join(model.stream(text, **options)) == generated
    prefix = text
    for token in model.generate(text, max_new_tokens=5, temperature=0):
        assert model.predict(prefix)[0] == token
        prefix += token
    found = attribute(model, text, target="a")
    assert found.outputs["output"].iloc[0] == pytest.approx(
        np.log(probability[0, model.vocabulary_["a"]]), abs=1e-4
    )
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.score(text) == model.score(text)
    before = loaded.score(DOCS)
    loaded.set_params(warm_start=True, epochs=20, learning_rate=0.02).fit(DOCS)
    assert loaded.score(DOCS) > before
    assert loaded.partial_fit(DOCS).n_iter_ == 21
    names = [weight.path for weight in model.network_.weights]
    assert len(names) == len(set(names)) == len(model.weights_)


def test_words():
    docs = ["the cat sat on the mat .", "a dog sat on a cat ."] * 4
    kwargs = {**EVERYTHING, "units": 4, "embedding_dim": 4, "window_length": 5}
    words = WordLSTMGenerator(**kwargs, epochs=2, random_state=0).fit(docs)
    assert words.perplexity(docs) < 12
    assert words.generate("the dog", max_new_tokens=3, cache=True, random_state=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight_dropout", 1.0),
        ("embedding_dropout", -0.1),
        ("token_dropout", "low"),
        ("average_weights", 1.5),
        ("weight_decay", -1),
        ("tie_weights", "yes"),
        ("locked_dropout", 3),
    ],
)
def test_bad_values_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        chars(**{name: value}).fit(TEXT)
