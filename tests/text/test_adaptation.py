"""Dynamic evaluation and the neural cache: definitions, and what they leave alone."""

import copy

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from sklstm import CharLSTMGenerator, WordLSTMGenerator, engine
from sklstm.engine.backend import tf
from sklstm.text import DynamicEvaluation, NeuralCache

DOCS = ["abracadabra", "a cab", "", "bad cab", "abba", "dad", "cad a bad cab"] * 3
TEXT = "a bad cab and a dad in a cab".replace("n", "b").replace("i", "a")
TINY = {"units": 5, "embedding_dim": 3, "window_length": 4, "epochs": 1}


def make(**kwargs):
    model = CharLSTMGenerator(**(TINY | kwargs), random_state=0).fit(DOCS)
    # Random weights, so that predictions vary.
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.7, w.shape).astype("float32") for w in model.weights_
    )
    return model


@pytest.fixture(
    scope="module",
    params=[
        {"cell": "lstm"},
        {"cell": "gru", "units": (4, 5), "dropout": 0.3},
        {"cell": "rnn"},
    ],
    ids=str,
)
def model(request):
    return make(**request.param)


def scores_by_definition(model, text, dynamic):
    """Score and adapt segment by segment, with the plain Keras network."""
    network = model.network_
    fitted = [v.numpy() for v in network.trainable_variables]
    squares = [np.zeros_like(v) for v in fitted]
    tokens = np.array([0, *(model.vocabulary_[each] for each in text), 0])
    states = [tf.zeros((1, each.shape[1])) for each in network.inputs[1:]]
    scores = []
    length = dynamic.segment_length
    for number, begin in enumerate(range(0, len(tokens) - 1, length)):
        end = min(begin + length, len(tokens) - 1)
        with tf.GradientTape() as tape:
            logits, *states = network([tf.constant(tokens[None, begin:end]), *states])
            log_p = tf.nn.log_softmax(logits[0])
            found = tf.gather(log_p, tokens[begin + 1 : end + 1], batch_dims=1)
            loss = -tf.reduce_mean(found)
        gradients = tape.gradient(loss, network.trainable_variables)
        scores.append(found.numpy())
        for i, (variable, gradient) in enumerate(
            zip(network.trainable_variables, gradients, strict=True)
        ):
            gradient = tf.convert_to_tensor(gradient).numpy()
            squares[i] = 0.999 * squares[i] + 0.001 * gradient**2
            size = np.sqrt(squares[i] / (1 - 0.999 ** (number + 1))) + 1e-5
            value = variable.numpy()
            value -= dynamic.learning_rate * gradient / size + dynamic.decay * (
                value - fitted[i]
            )
            variable.assign(value)
    return np.concatenate(scores)


class TestDynamicEvaluation:
    @pytest.mark.parametrize("length", [3, 7, 100])
    def test_equals_its_definition_on_plain_layers(self, model, length):
        dynamic = DynamicEvaluation(0.01, 0.05, length)
        (scores,) = model.token_scores([TEXT], dynamic=dynamic)
        expected = scores_by_definition(model, TEXT, dynamic)
        assert scores == pytest.approx(expected, abs=2e-4)

    def test_without_a_step_nothing_changes(self, model):
        still = DynamicEvaluation(learning_rate=0.0)
        (scores,) = model.token_scores([TEXT], dynamic=still)
        assert scores == pytest.approx(model.token_scores([TEXT])[0], abs=1e-5)
        plain = model.generate(TEXT, max_new_tokens=20, random_state=0)
        assert (
            model.generate(TEXT, max_new_tokens=20, random_state=0, dynamic=still)
            == plain
        )

    def test_scores_do_not_depend_on_later_tokens_or_other_documents(self, model):
        dynamic = DynamicEvaluation(0.01, segment_length=4)
        whole, other = model.token_scores([TEXT, "abba"], dynamic=dynamic)
        (part,) = model.token_scores([TEXT[:10]], dynamic=dynamic)
        np.testing.assert_allclose(part[:8], whole[:8], atol=1e-6)
        (alone,) = model.token_scores(["abba"], dynamic=dynamic)
        np.testing.assert_array_equal(alone, other)

    def test_the_generator_stays_as_it_was(self, model):
        before = copy.deepcopy(model.weights_)
        plain = model.score([TEXT])
        model.score([TEXT], dynamic=DynamicEvaluation(0.05))
        model.generate(TEXT, max_new_tokens=3, dynamic=DynamicEvaluation(0.05))
        for one, other in zip(before, model.weights_, strict=True):
            np.testing.assert_array_equal(one, other)
        assert model.score([TEXT]) == plain

    def test_a_text_that_repeats_itself_is_learned(self, model):
        text = "dacb" * 60
        dynamic = DynamicEvaluation(0.02, segment_length=8)
        assert model.score([text], dynamic=dynamic) > model.score([text]) + 0.2
        # All scores are those of the tokens.
        kwargs = {"dynamic": dynamic}
        by_token = np.concatenate(model.token_scores([text], **kwargs))
        assert model.score([text], **kwargs) == pytest.approx(by_token.mean())
        assert model.score_samples([text], **kwargs)[0] == pytest.approx(
            by_token.mean()
        )
        assert model.perplexity([text], **kwargs) == pytest.approx(
            np.exp(-by_token.mean())
        )
        bits = -by_token.sum() / np.log(2) / len(text)
        assert model.bits_per_char([text], **kwargs) == pytest.approx(bits)

    def test_the_same_text_again_after_other_uses(self, model):
        first = model.token_scores([TEXT], dynamic=True)[0]
        model.generate(TEXT, max_new_tokens=5, random_state=0)
        np.testing.assert_array_equal(
            model.token_scores([TEXT], dynamic=True)[0], first
        )

    def test_generation_is_reproducible_and_by_position(self, model):
        kwargs = {"max_new_tokens": 15, "random_state": 3, "dynamic": True}
        texts = model.generate([TEXT, "abba"], **kwargs)
        assert model.generate([TEXT, "abba"], **kwargs) == texts
        assert "".join(model.stream(TEXT, **kwargs)) == texts[0]


class TestNeuralCache:
    def test_equals_its_definition(self, model):
        cache = NeuralCache(size=6, flatness=0.7, weight=0.3)
        (scores,) = model.token_scores([TEXT], cache=cache)
        tokens = np.array([0, *(model.vocabulary_[each] for each in TEXT), 0])
        states, logits, hidden = [tf.zeros((1, n)) for n in sizes(model)], [], []
        for token in tokens[:-1]:
            output, *states = model.network_([tf.constant([[token]]), *states])
            logits.append(output[0, 0].numpy())
            n = model._network.stack.n_layer_states
            hidden.append(states[-n][0].numpy())
        hidden = np.array(hidden, dtype=float)
        for t, target in enumerate(tokens[1:]):
            p = np.exp(log_softmax(logits[t].astype(float)))[target]
            if t:
                kept = range(max(t - 6, 0), t)
                shares = softmax([0.7 * hidden[t] @ hidden[i] for i in kept])
                p_cache = sum(
                    share
                    for share, i in zip(shares, kept, strict=True)
                    if tokens[i + 1] == target
                )
                p = 0.7 * p + 0.3 * p_cache
            assert scores[t] == pytest.approx(np.log(p), abs=1e-4)

    def test_probabilities_add_up_to_one(self, model):
        """The likelihoods of all tokens that may come after a text."""
        cache = NeuralCache(weight=0.4)
        known = [token for token, i in model.vocabulary_.items() if i > 1]
        prompt = "a bad ca"
        total = sum(
            np.exp(model.token_scores([prompt + token], cache=cache)[0][len(prompt)])
            for token in known
        )
        end = np.exp(model.token_scores([prompt], cache=cache)[0][len(prompt)])
        assert total + end == pytest.approx(1, abs=1e-4)

    def test_without_weight_nothing_changes(self, model):
        none = NeuralCache(weight=0.0)
        (scores,) = model.token_scores([TEXT], cache=none)
        assert scores == pytest.approx(model.token_scores([TEXT])[0], abs=1e-5)
        kwargs = {"max_new_tokens": 20, "random_state": 0}
        assert model.generate(TEXT, cache=none, **kwargs) == model.generate(
            TEXT, **kwargs
        )

    def test_the_most_probable_text_is_that_of_the_mixture(self, model):
        cache = NeuralCache(size=50, weight=0.6)
        text = model.generate(TEXT, max_new_tokens=4, temperature=0, cache=cache)
        known = [token for token, i in model.vocabulary_.items() if i > 1]
        prefix = TEXT
        for token in text:
            probability = {
                each: model.token_scores([prefix + each], cache=cache)[0][len(prefix)]
                for each in known
            }
            assert token == max(probability, key=probability.get)
            prefix += token

    def test_a_long_text_is_scored_in_parts(self, model, monkeypatch):
        text = TEXT * 12
        cache = NeuralCache(size=40)
        (whole,) = model.token_scores([text], cache=cache)
        monkeypatch.setattr("sklstm.text._adaptation._CHUNK", 500)
        np.testing.assert_allclose(
            model.token_scores([text], cache=cache)[0], whole, atol=1e-9
        )

    def test_both_together(self, model):
        (scores,) = model.token_scores(["dacb" * 30], dynamic=True, cache=True)
        (dynamic,) = model.token_scores(["dacb" * 30], dynamic=True)
        assert scores[0] == dynamic[0]
        assert scores.mean() > dynamic.mean()


def sizes(model):
    return model._network.stack.state_sizes


def test_words():
    docs = ["the cat sat on the mat .", "a dog sat on a cat ."] * 4
    words = WordLSTMGenerator(**TINY, random_state=0).fit(docs)
    text = "the dog sat on the dog . " * 5
    assert words.score(text, cache=NeuralCache(weight=0.3)) > words.score(text)
    assert words.generate("the dog", max_new_tokens=5, random_state=0, dynamic=True)


def test_a_trained_network_is_not_retraced():
    model = make()
    with_traces = []
    for text in ("abba", TEXT, "dad a cab" * 7):
        model.score(text, dynamic=True, cache=True)
        with engine.borrow_program(model._network, model._training_spec) as program:
            with_traces.append(program.n_traces)
    assert with_traces[0] == with_traces[2]


def test_bad_input():
    model = make()
    with pytest.raises(ValueError, match=r"dynamic must be a bool.*got 0\.1"):
        model.score(TEXT, dynamic=0.1)
    with pytest.raises(ValueError, match=r"cache=NeuralCache\(\.\.\.\)"):
        model.generate(TEXT, cache="large")
    with pytest.raises(ValueError, match="'segment_length'.*Got 0"):
        model.score(TEXT, dynamic=DynamicEvaluation(segment_length=0))
    with pytest.raises(ValueError, match="'weight'.*Got 1"):
        model.score(TEXT, cache=NeuralCache(weight=1.0))
    with pytest.raises(ValueError, match="'learning_rate'"):
        model.generate(TEXT, dynamic=DynamicEvaluation(learning_rate=-1))
