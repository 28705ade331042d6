"""Character-level and word-level generators: scoring, generation and training."""

import contextlib
import copy
import importlib
import io
import pickle
import string
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import CharLSTMGenerator, TrainingDisplay, WordLSTMGenerator
from sklstm._core.language_model import hold_out_tail, pack_documents

DOCS = ["abracadabra", "a cab", "", "bad cab", "abba", "dad", "cad a bad cab"] * 3
CELLS = ["lstm", "gru", "rnn"]
TINY = {
    "units": 5,
    "embedding_dim": 3,
    "dropout": 0.0,
    "window_length": 4,
    "epochs": 1,
}
PROMPTS = st.lists(st.text("abcdr ", max_size=9), min_size=1, max_size=5)


def chars(**kwargs):
    return CharLSTMGenerator(**(TINY | {"random_state": 0} | kwargs))


def words(**kwargs):
    return WordLSTMGenerator(**(TINY | {"random_state": 0} | kwargs))


def randomised(model):
    """The fitted model with random weights, so that its predictions vary."""
    model = copy.copy(model)
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.7, w.shape).astype("float32") for w in model.weights_
    )
    return model


@pytest.fixture(scope="module", params=CELLS)
def model(request):
    return randomised(chars(cell=request.param, units=(5, 4)).fit(DOCS))


@pytest.fixture(scope="module")
def lstm():
    return randomised(chars().fit(DOCS))


class TestScores:
    @settings(deadline=None, max_examples=10)
    @given(PROMPTS)
    def test_score_is_the_mean_log_probability_of_each_next_token(self, model, docs):
        columns = model.vocabulary_
        for doc, mean in zip(docs, model.score_samples(docs), strict=True):
            prefixes = [doc[:end] for end in range(len(doc) + 1)]
            probability = model.predict_proba(prefixes)
            np.testing.assert_allclose(probability.sum(axis=1), 1)
            targets = [columns[token] for token in [*doc, ""]]
            steps = np.log(probability[np.arange(len(targets)), targets])
            np.testing.assert_allclose(mean, steps.mean(), rtol=1e-4, atol=1e-5)

    @settings(deadline=None, max_examples=10)
    @given(PROMPTS)
    def test_score_of_a_document_does_not_depend_on_the_others(self, model, docs):
        alone = [model.score_samples(doc)[0] for doc in docs]
        np.testing.assert_allclose(model.score_samples(docs), alone, rtol=1e-4)

    def test_token_scores_have_one_value_per_token_and_end(self, lstm):
        docs = ["abracadabra", "", "a cab"]
        scores = lstm.token_scores(docs)
        assert [len(values) for values in scores] == [12, 1, 6]
        means = [values.mean() for values in scores]
        np.testing.assert_allclose(means, lstm.score_samples(docs))

    def test_long_documents_are_processed_in_windows(self, lstm, monkeypatch):
        language = pytest.importorskip("sklstm.engine.language_program")
        docs = ["abracadabra " * 5, "a cab", "bad"]
        whole, next_token = lstm.score_samples(docs), lstm.predict_proba(docs)
        monkeypatch.setattr(language, "_VALUES_AT_ONCE", 60)
        monkeypatch.setattr(language, "_DOCUMENTS_AT_ONCE", 2)
        np.testing.assert_allclose(lstm.score_samples(docs), whole, rtol=1e-5)
        np.testing.assert_allclose(lstm.predict_proba(docs), next_token, rtol=1e-4)

    def test_perplexity_and_bits_follow_from_the_score(self, lstm):
        docs = ["a cab", "abracadabra"]
        n_tokens = np.array([6, 12])
        nats = (n_tokens * lstm.score_samples(docs)).sum()
        np.testing.assert_allclose(lstm.score(docs), nats / 18)
        np.testing.assert_allclose(lstm.perplexity(docs), np.exp(-nats / 18))
        np.testing.assert_allclose(lstm.bits_per_char(docs), -nats / np.log(2) / 16)
        assert lstm.score(docs, None) == lstm.score(iter(docs))
        assert lstm.score("a cab") == lstm.score_samples(["a cab"])[0]

    def test_keras_network_predicts_the_same(self, model):
        network = model.network_
        doc = "a cab"
        ids = [0, *(model.vocabulary_[token] for token in doc)]
        states = [np.zeros((1, s.shape[1]), "float32") for s in network.inputs[1:]]
        logits, *_ = network([np.array([ids]), *states])
        logits = np.asarray(logits[0], float)[:, : len(model.vocabulary_)]
        scores = log_softmax(logits, axis=1)[np.arange(6), [*ids[1:], 0]]
        np.testing.assert_allclose(model.score(doc), scores.mean(), rtol=1e-5)
        np.testing.assert_allclose(
            model.predict_proba(doc)[0], np.exp(log_softmax(logits[-1])), rtol=1e-4
        )

    def test_predict_is_the_most_probable(self, lstm):
        prompts = pd.Series(["", "a", "ab", "cad a b"])
        tokens = np.array([*lstm.vocabulary_], dtype=object)
        np.testing.assert_array_equal(
            lstm.predict(prompts), tokens[lstm.predict_proba(prompts).argmax(axis=1)]
        )
        assert list(lstm.vocabulary_.values()) == list(range(len(tokens)))


def sample(log_p, uniform, temperature, top_k, top_p):
    """Inverse transform sampling of a token by its textbook definition."""
    if temperature == 0:
        return int(np.argmax(log_p))
    log_p = log_p / temperature
    order = np.arange(len(log_p))
    if top_k in (1, 3) or top_p in (0.01, 0.6):
        order = np.argsort(-log_p, kind="stable")[:top_k]
        probability = np.exp(log_p[order] - logsumexp(log_p[order]))
        order = order[np.cumsum(probability) - probability < (top_p or 1)]
    probability = np.exp(log_p[order] - logsumexp(log_p[order]))
    rank = np.searchsorted(np.cumsum(probability), uniform, side="right")
    return int(order[rank])


SAMPLING = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0, 0.3, 1.0, 2.5]),
        "top_k": st.sampled_from([None, 1, 3, 1000]),
        "top_p": st.sampled_from([None, 0.01, 0.6, 1.0]),
    }
)


class TestGeneration:
    @settings(deadline=None, max_examples=10)
    @given(prompt=st.text("abcdr ", max_size=9), sampling=SAMPLING)
    def test_tokens_are_sampled_given_the_whole_prefix(self, model, prompt, sampling):
        """The decoder state carried from token to token loses nothing."""
        tokens = [*model.vocabulary_]
        stream = np.random.default_rng(np.random.SeedSequence(3).spawn(1)[0])
        text = ""
        for uniform in stream.random(20):
            with np.errstate(divide="ignore"):
                log_p = np.log(model.predict_proba(prompt + text)[0])
            token = tokens[sample(log_p, uniform, **sampling)]
            if not token:
                break
            text += token
        generated = model.generate(
            prompt, max_new_tokens=20, random_state=3, **sampling
        )
        assert generated == text

    @settings(deadline=None, max_examples=10)
    @given(PROMPTS, SAMPLING, st.integers(0, 99), st.integers(1, 40))
    def test_same_seed_same_text(self, model, prompts, sampling, seed, max_new_tokens):
        options = {
            **sampling,
            "max_new_tokens": max_new_tokens,
            "random_state": seed,
        }
        texts = model.generate(prompts, **options)
        assert texts == model.generate(prompts, **options)
        assert texts[0] == model.generate(prompts[0], **options)
        assert texts[0] == "".join(model.stream(prompts[0], **options))
        assert all(len(text) <= max_new_tokens for text in texts)

    def test_zero_temperature_is_greedy(self, lstm):
        texts = [
            lstm.generate("ab", temperature=0, max_new_tokens=30) for _ in range(3)
        ]
        assert len(set(texts)) == 1
        text = ""
        while len(text) < 30 and (token := lstm.predict("ab" + text)[0]):
            text += token
        assert texts[0] == text

    def test_texts_differ_without_a_seed_and_between_prompts(self, lstm):
        prompts = [""] * 6
        texts = {
            tuple(lstm.generate(prompts, temperature=3.0, random_state=state))
            for state in (None, None, 1, 2, np.random.RandomState(1))
        }
        assert len(texts) == 5
        one, other = lstm.generate(["", ""], temperature=3.0, random_state=0)
        assert one != other

    def test_tokens_are_as_frequent_as_they_are_probable(self, lstm):
        n = 4000
        firsts = lstm.generate(["ab"] * n, max_new_tokens=1, random_state=0)
        expected = lstm.predict_proba("ab")[0]
        frequency = np.array([firsts.count(token) for token in lstm.vocabulary_]) / n
        assert (abs(frequency - expected) < 5 * np.sqrt(expected / n) + 1e-12).all()

    def test_texts_do_not_depend_on_the_block_size(self, lstm, monkeypatch):
        base = importlib.import_module("sklstm.text._base")
        options = {"max_new_tokens": 70, "temperature": 0.5, "random_state": 0}
        prompts = ["ab", "", "cad "]
        texts = lstm.generate(prompts, **options)
        monkeypatch.setattr(base, "_FIRST_BLOCK", 3)
        monkeypatch.setattr(base, "_LARGEST_BLOCK", 7)
        assert lstm.generate(prompts, **options) == texts

    @pytest.mark.parametrize("stop", ["a", ["ca", "b"], ["dadada"]])
    def test_texts_stop_after_the_first_stop_sequence(self, lstm, stop):
        options = {"max_new_tokens": 60, "random_state": 1, "temperature": 1.5}
        unstopped = lstm.generate(["ab", "", "cad "], **options)
        stops = [stop] if isinstance(stop, str) else stop
        for text, stopped in zip(
            unstopped,
            lstm.generate(["ab", "", "cad "], stop=stop, **options),
            strict=True,
        ):
            lengths = [text.find(s) + len(s) for s in stops if s in text]
            assert stopped == text[: min(lengths, default=len(text))]

    def test_end_of_documents_is_learned(self):
        model = chars(epochs=150, units=16).fit(["abc"] * 20)
        assert model.generate(temperature=0) == "abc"
        assert model.generate("a", temperature=0) == "bc"
        assert model.predict(["abc", "ab"]).tolist() == ["", "c"]

    def test_stream_is_not_affected_by_another_fit(self, lstm):
        model = clone(lstm).fit(DOCS)
        text = model.generate("ab", max_new_tokens=60, random_state=0)
        stream = model.stream("ab", max_new_tokens=60, random_state=0)
        other = model.stream("ab", max_new_tokens=60, random_state=0)
        first = next(stream)
        model.set_params(units=3).fit(["zyx"] * 20)
        assert first + "".join(stream) == text == "".join(other)

    def test_many_prompts_are_processed_in_groups(self, lstm, monkeypatch):
        language = pytest.importorskip("sklstm.engine.language_program")
        options = {"max_new_tokens": 30, "random_state": 0, "top_k": 3}
        prompts = ["ab", "", "cad ", "bad cab"]
        texts = lstm.generate(prompts, **options)
        monkeypatch.setattr(language, "_VALUES_AT_ONCE", 3 * lstm._network.n_tokens)
        assert lstm.generate(prompts, **options) == texts

    def test_impossible_tokens_are_never_generated(self, lstm):
        texts = lstm.generate([""] * 200, temperature=1e15, random_state=0)
        assert set("".join(texts)) == {"a", "b", "c", "d", " ", "r"}

    def test_model_can_be_used_while_a_stream_is_open(self, lstm):
        stream = lstm.stream("ab", max_new_tokens=10_000, random_state=0, top_k=3)
        first = next(stream)
        lstm.predict("cab")
        others = [token for token, _ in zip(stream, range(30), strict=False)]
        text = lstm.generate("ab", max_new_tokens=31, random_state=0, top_k=3)
        assert text == first + "".join(others)


class TestTraining:
    def test_windows_cover_every_token_once(self):
        """A window that continues a document follows the window before it."""
        engine_streams = pytest.importorskip("sklstm.engine.streams")
        tf = pytest.importorskip("tensorflow")

        @settings(deadline=None, max_examples=40)
        @given(
            lengths=st.lists(st.integers(1, 30), min_size=1, max_size=30),
            n_streams=st.integers(1, 6),
            window_length=st.integers(1, 12),
        )
        def check(lengths, n_streams, window_length):
            lengths = np.array(lengths)
            starts = np.cumsum(lengths) - lengths
            tensors = {
                "starts": tf.constant(starts, tf.int32),
                "lengths": tf.constant(lengths, tf.int32),
            }
            index = np.random.default_rng(0).permutation(len(lengths)).astype("int32")
            windows = [
                part.numpy()
                for part in engine_streams.deal_to_streams(
                    tensors, index, n_streams, window_length
                )
            ]
            first, length, continues = (part.T.ravel() for part in windows)
            n_steps, streams = windows[0].shape
            assert streams <= n_streams
            assert (n_steps - 1) * streams < np.count_nonzero(length) + streams
            rows = [
                n for f, k in zip(first, length, strict=True) for n in range(f, f + k)
            ]
            assert sorted(rows) == list(range(lengths.sum()))
            begins = np.isin(first, starts)
            np.testing.assert_array_equal(continues[length > 0], ~begins[length > 0])
            adjacent = first[:-1] + length[:-1] == first[1:]
            assert adjacent[continues[1:] & (length[1:] > 0)].all()
            assert (length[:-1] == window_length)[continues[1:]].all()

        check()

    @settings(deadline=None, max_examples=10)
    @given(
        docs=st.lists(st.text("abcdr ", max_size=9), min_size=1, max_size=5),
        window_length=st.integers(1, 20),
        cell=st.sampled_from(CELLS),
    )
    def test_training_loss_is_the_negative_score(self, docs, window_length, cell):
        """State is carried from window to window, but not between documents."""
        docs = [*docs, "abracadabra", "d c"]
        docs = docs[: max(2, 90 // window_length)] if window_length < 4 else docs
        model = chars(
            cell=cell,
            window_length=window_length,
            optimizer="sgd",
            learning_rate=1e-30,
            batch_size=1,
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The documents hold")
            model.fit([*docs, "abcdr "])
        score = model.score([*docs, "abcdr "])
        np.testing.assert_allclose(model.history_["loss"], [-score], rtol=1e-5)

    def test_parallel_streams_cover_all_documents(self):
        docs = ["abc", "dab", "rd", "ab", "c a"] * 20  # each fits into one window
        model = chars(optimizer="sgd", learning_rate=1e-30, batch_size=7).fit(docs)
        np.testing.assert_allclose(
            model.history_["loss"], [-model.score(docs)], rtol=1e-5
        )

    @pytest.mark.parametrize("cell", CELLS)
    def test_optimizer_step_equals_that_of_keras(self, cell):
        keras = pytest.importorskip("keras")
        tf = pytest.importorskip("tensorflow")
        text = "abracadabra a cab"
        options = {"cell": cell, "optimizer": "sgd", "window_length": 18}
        before = chars(learning_rate=1e-30, **options).fit(text)
        after = chars(learning_rate=0.5, **options).fit(text)
        network = before.network_
        id_of = before.vocabulary_
        ids = tf.constant([[0, *(id_of[token] for token in text), 0]])
        states = [tf.zeros((1, s.shape[1])) for s in network.inputs[1:]]
        with tf.GradientTape() as tape:
            logits, *_ = network([ids[:, :-1], *states])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
                ids[:, 1:], logits
            )
        gradients = tape.gradient(loss, network.trainable_variables)
        for weight, gradient, value in zip(
            before.weights_, gradients, after.weights_, strict=True
        ):
            step = weight - 0.5 * tf.convert_to_tensor(gradient).numpy()
            np.testing.assert_allclose(value, step, atol=1e-5)

    def test_huge_gradients_are_clipped(self):
        options = {"optimizer": "sgd", "warm_start": True, "window_length": 18}
        model = chars(learning_rate=1e-30, **options).fit("abracadabra a cab")
        model.weights_ = tuple(30 * w for w in randomised(model).weights_)
        before = model.weights_
        model.set_params(learning_rate=0.5).fit("abracadabra a cab")
        steps = [a - b for a, b in zip(before, model.weights_, strict=True)]
        steps = np.concatenate([s.ravel() for s in steps]).astype(float)
        assert np.isfinite(steps).all()
        np.testing.assert_allclose(np.linalg.norm(steps), 0.5, rtol=0.01)

    def test_training_starts_from_the_token_frequencies(self):
        model = chars(optimizer="sgd", learning_rate=1e-30, units=1).fit(DOCS)
        text = "".join(DOCS)
        count = np.array([text.count(t) if t else len(DOCS) for t in model.vocabulary_])
        count[1] = 0
        bias = model.weights_[-1][: len(count)]
        np.testing.assert_allclose(np.exp(bias), count / count.sum(), rtol=1e-5)
        assert model.predict_proba("ab")[0, 1] == 0

    @pytest.mark.parametrize("early_stopping", [False, True, "refit"])
    def test_same_seed_same_weights(self, early_stopping):
        options = {"dropout": 0.3, "epochs": 2, "early_stopping": early_stopping}
        one, other, third = (
            chars(random_state=seed, **options).fit(DOCS) for seed in (1, 1, 2)
        )
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)
        assert any(
            (a != b).any() for a, b in zip(one.weights_, third.weights_, strict=True)
        )
        assert ("val_loss" in one.history_) == bool(early_stopping)

    @settings(deadline=None)
    @given(
        lengths=st.lists(st.integers(0, 9), min_size=1, max_size=9),
        fraction=st.floats(0.05, 0.95),
    )
    def test_hold_out_set_is_the_tail(self, lengths, fraction):
        data = pack_documents([np.full(n, 2, np.int32) for n in lengths])
        total = data.lengths.sum()
        if not 0 < total - round(fraction * total) < total:
            return
        split, train, validation = hold_out_tail(data, fraction)

        def rows(samples):
            return [
                n
                for i in samples
                for n in range(split.starts[i], split.starts[i] + split.lengths[i])
            ]

        assert (split.lengths[np.append(train, validation)] > 0).all()
        n_train = total - round(fraction * total)
        assert rows(train) == list(range(n_train))
        assert rows(validation) == list(range(n_train, total))

    def test_hold_out_set_is_not_trained_on(self):
        text = "abracadabra a cab bad cab abba " * 4
        cut = len(text) + 1 - round(0.1 * (len(text) + 1))
        other = text[:cut] + text[cut:][::-1]
        assert other != text
        options = {"early_stopping": True, "window_length": 100}
        one, two = chars(**options).fit(text), chars(**options).fit(other)
        for a, b in zip(one.weights_, two.weights_, strict=True):
            np.testing.assert_array_equal(a, b)
        assert one.history_["val_loss"] != two.history_["val_loss"]

    def test_early_stopping_waits_for_patience_epochs(self):
        head, tail = "ab" * 100, "ba" * 3 + "abab" + "bb" * 10
        model = chars(
            units=16,
            epochs=60,
            early_stopping=True,
            patience=2,
            learning_rate=0.05,
            learning_rate_schedule="constant",
        ).fit(head + tail)
        losses = model.history_["val_loss"]
        assert model.n_iter_ == len(losses) == np.argmin(losses) + 3 < 60

    def test_partial_fit_continues_training(self):
        model = chars().partial_fit(DOCS)
        first = model.weights_
        model.partial_fit("abba")
        assert model.n_iter_ == 2
        assert any((a != b).any() for a, b in zip(first, model.weights_, strict=True))
        for docs in (["bad"], DOCS):
            model.partial_fit(docs)
        assert model.n_iter_ == len(model.history_["loss"]) == 4

    def test_auto_epochs_count_the_steps_without_the_hold_out_set(self):
        model = chars(epochs="auto", early_stopping=True, validation_split=0.5)
        model.set_params(patience=1000, window_length=20)
        # The 20 tokens before the hold-out set make one window.
        assert model.fit("abcd" * 9 + "abc").n_iter_ == 1000

    def test_warm_start_starts_from_the_last_weights(self):
        model = chars(warm_start=True, optimizer="sgd", learning_rate=1e-30)
        first = model.fit(DOCS).weights_
        second = model.set_params(random_state=7).fit(DOCS).weights_
        for a, b in zip(first, second, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_auto_epochs_make_1000_steps(self):
        one_step = chars(epochs="auto", window_length=41).fit("abra" * 10)
        assert one_step.n_iter_ == 1000
        # 4 windows per document: 7 streams of 19 windows
        docs = ["abra" * 4] * 32
        many = chars(epochs="auto", batch_size=7, window_length=5).fit(docs)
        assert many.n_iter_ == -(-1000 // 19)

    def test_other_texts_are_not_traced_again(self, monkeypatch):
        programs = pytest.importorskip("sklstm.engine.pool")
        pool = programs._ProgramPool(programs.MAX_IDLE_PROGRAMS)
        monkeypatch.setattr(programs, "_pool", pool)
        model = chars(early_stopping=True, dropout=0.1)
        for n_letters, times, batch_size in ((31, 9, 3), (34, 20, 4), (33, 2, 1)):
            text = string.ascii_letters[:n_letters] * times
            model.set_params(batch_size=batch_size).fit(text)
            model.score(["ab", "cba"])
            model.predict(["ab", "bba", "a"])
            model.generate(["ab", "b"], max_new_tokens=40)
            model.generate("b", temperature=0)
        ((program,),) = pool._idle.values()
        assert program.n_traces == 5  # epoch, evaluation, advance, score, generate


class TestUnknownTokens:
    def test_error_lists_them(self, lstm):
        with pytest.raises(ValueError, match=r"docs\[1\] and 1 more hold.*'x', 'z'"):
            lstm.score(["a", "xab", "z"])
        for method in (lstm.generate, lstm.predict):
            with pytest.raises(ValueError, match=r"prompts\[0\] hold.*'é'.*'ignore'"):
                method("caffé")
        with pytest.raises(ValueError, match="and 6 more"):
            lstm.score("".join(map(chr, range(200, 226))))

    def test_ignore_drops_them(self):
        model = chars(handle_unknown="ignore").fit(DOCS)
        assert model.score("xaxbx") == model.score("ab")
        np.testing.assert_array_equal(*model.predict_proba(["ab", "xaxb"]))

    @pytest.mark.parametrize("kind", [chars, words])
    def test_unk_maps_them_to_one_token(self, kind):
        model = kind(handle_unknown="unk", epochs=30).fit(["a b a c b a"] * 30)
        one, other = model.score_samples(["a x a", "a y a"])
        np.testing.assert_allclose(one, other, rtol=1e-6)
        assert np.isfinite(one)
        assert one < model.score("a b a")
        assert 0.001 < model.predict_proba("a b")[0, 1] < 0.1
        many = model.generate([""] * 300, max_new_tokens=20, random_state=0)
        assert not any("unk" in text for text in many)

    def test_rare_words_are_unknown(self):
        docs = ["a b a", "a c b", "d a b"]
        with pytest.raises(ValueError, match=r"words.*'c', 'd'.*min_count"):
            words(min_count=2).fit(docs)
        model = words(min_count=2, handle_unknown="unk").fit(docs)
        assert set(model.vocabulary_) == {"", "<unk>", "a", "b"}
        fewest = words(max_tokens=1, handle_unknown="ignore").fit(docs)
        assert set(fewest.vocabulary_) == {"", "<unk>", "a"}

    def test_unknown_token_in_the_hold_out_set_only(self):
        """Tokens of the hold-out set do not affect training, but are not impossible."""
        text = "ab" * 100
        options = {"handle_unknown": "unk", "min_count": 2, "early_stopping": True}
        one, other = (chars(**options).fit(text + last) for last in ("z", "a"))
        assert one._network == other._network
        assert one.history_["val_loss"][0] < 10

    def test_dropped_characters_do_not_count_in_bits_per_char(self):
        for model in (chars, words):
            fitted = model(handle_unknown="ignore").fit("a b a c")
            clean, full = fitted.bits_per_char("a b"), fitted.bits_per_char("a bzyx")
            other = fitted.bits_per_char("a b zzz")
            if model is chars:
                np.testing.assert_allclose(full, clean)
            assert 0.5 * clean < other < 1.5 * clean

    def test_name_of_the_unknown_token_in_the_text(self):
        with pytest.raises(ValueError, match="hold characters.*: 'a'"):
            chars(unknown_token="a").fit("aab")
        with pytest.raises(ValueError, match="unknown_token='' must not be empty"):
            chars(unknown_token="").fit("aab")

    def test_empty_matches_are_dropped(self):
        model = words(token_pattern=r"\w*").fit("a b a")
        assert set(model.vocabulary_) == {"", "<unk>", "a", "b"}

    def test_unk_set_after_fit(self, lstm):
        model = clone(lstm).fit(DOCS).set_params(handle_unknown="unk")
        with pytest.raises(ValueError, match="after fit.*Fit again"):
            model.score("xyz")


class TestWords:
    def test_blanks_around_punctuation(self):
        text = "Don't (ever) stop, he said: 3.5 is [not] a number! Is it?"
        model = words(epochs=250, units=24, window_length=30, learning_rate=0.01)
        generated = model.fit([text] * 8).generate(temperature=0)
        assert generated == text.replace("3.5", "3. 5")

    @settings(deadline=None)
    @given(st.text("ab'.,()[]{}!? \n_-\u2019\u2026"))
    def test_joined_words_are_split_into_the_same_words(self, text):
        model = words()
        tokens = model._tokenize_text(text)
        assert model._tokenize_text(model._detokenize(tokens)) == tokens

    def test_lowercase_and_token_pattern(self):
        model = words(lowercase=True, token_pattern=r"\w").fit(["Ab a", "bA"])
        assert set(model.vocabulary_) == {"", "<unk>", "a", "b"}
        assert model.score("AB") == model.score("ab")

    def test_stream_yields_words(self):
        model = randomised(words(max_tokens=20).fit([" ".join(d) for d in DOCS]))
        options = {"random_state": 0, "max_new_tokens": 12}
        tokens = list(model.stream("a b", **options))
        assert " ".join(tokens) == model.generate("a b", **options)


class TestScikitLearn:
    def test_grid_search_over_documents(self):
        search = GridSearchCV(
            chars(handle_unknown="unk"), {"units": [2, 3]}, cv=3, error_score="raise"
        ).fit(DOCS)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        best = search.best_estimator_
        assert search.score(DOCS) == best.score(DOCS)

    def test_pipeline_with_a_cleaning_step(self):
        cleaner = FunctionTransformer(lambda texts: [t.strip("!") for t in texts])
        model = make_pipeline(cleaner, chars()).fit(["!ab!", "abba!!"])
        assert "!" not in model[-1].vocabulary_
        assert model.score(["ab!"]) == model[-1].score(["ab"])
        assert model.predict(["a!"]) == model[-1].predict(["a"])
        assert isinstance(model[-1].generate("ab"), str)

    @pytest.mark.parametrize(
        "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
    )
    def test_copies_score_and_generate_the_same(self, model, copied):
        twin = copied(model)
        assert twin.score(DOCS) == model.score(DOCS)
        assert twin.generate("ab", random_state=0) == model.generate(
            "ab", random_state=0
        )

    def test_clone_keeps_parameters_and_is_not_fitted(self):
        model = words(units=(3, 2), token_pattern=r"\S+")
        assert clone(model).get_params() == model.get_params()
        with pytest.raises(NotFittedError):
            clone(model).generate()
        for name in ("vocabulary_", "network_"):
            with pytest.raises(NotFittedError):
                getattr(clone(model), name)

    @pytest.mark.parametrize(
        ("model", "metric"),
        [(chars(), "bits_per_char"), (words(), "perplexity")],
        ids=["chars", "words"],
    )
    def test_printed_lines_include_the_metric(self, model, metric, capsys):
        model = clone(model).set_params(verbose=1, epochs=2)
        model.fit(DOCS)
        loss = model.history_["loss"][0]
        value = np.exp(loss) if metric == "perplexity" else loss / np.log(2)
        assert f"Epoch 1/2 - loss: {loss:.4g} - {metric}: {value:.4g}" in (
            capsys.readouterr().out
        )
        model.set_params(early_stopping=True).fit(DOCS)
        assert f" - val_{metric}: " in capsys.readouterr().out

    def test_progress_bar(self):
        model = chars(epochs=3).set_callbacks(ProgressBar())
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            model.fit(DOCS)
        assert "CharLSTMGenerator" in shown.getvalue()
        assert "100%" in shown.getvalue()

    def test_training_display(self):
        pytest.importorskip("matplotlib")
        model = chars(early_stopping=True, epochs=2).fit(DOCS)
        display = TrainingDisplay.from_estimator(model)
        assert display is not None


class TestInvalidInput:
    @pytest.mark.parametrize("docs", [[], "", "a", ["", ""], ["", "b"]])
    def test_too_few_tokens(self, docs):
        with pytest.raises(ValueError, match=r"at least 2 characters.*got [01] in"):
            chars().fit(docs)
        with pytest.raises(ValueError, match=r"at least 2 words.*got [01] in"):
            words().fit(docs)

    @pytest.mark.parametrize("value", [None, np.nan, 3, b"bytes", ["a", "list"]])
    def test_items_that_are_no_text(self, lstm, value):
        with pytest.raises(ValueError, match=r"must hold texts.*in docs\[1\]"):
            chars().fit(["ab", value])
        with pytest.raises(ValueError, match=r"must hold texts.*in prompts\[0\]"):
            lstm.generate([value])

    @pytest.mark.parametrize("docs", [3, {"a": "text"}, np.array([["a"]]), b"text"])
    def test_docs_that_are_no_iterable_of_texts(self, docs):
        with pytest.raises(ValueError, match="docs must be an iterable of texts"):
            chars().fit(docs)

    def test_several_prompts_for_a_stream(self, lstm):
        with pytest.raises(ValueError, match="prompt must be one text.*generate"):
            lstm.stream(["a", "b"])

    def test_empty_docs_and_prompts(self, lstm):
        with pytest.raises(ValueError, match="docs must hold at least one document"):
            lstm.score([])
        with pytest.raises(ValueError, match="prompts must hold at least one text"):
            lstm.predict([])
        with pytest.raises(ValueError, match="characters to count"):
            lstm.bits_per_char([""])

    def test_short_text_shortens_the_window(self):
        with pytest.warns(
            UserWarning, match="11 tokens together.*window_length=50.*set to 6"
        ) as caught:
            model = chars(window_length=50).fit(["abba", "dadad"])
        assert model.window_length_ == 6
        assert caught[0].filename == __file__

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("temperature", -0.1),
            ("temperature", np.nan),
            ("temperature", np.inf),
            ("temperature", "hot"),
            ("top_k", 0),
            ("top_k", 1.5),
            ("top_p", 0),
            ("top_p", 1.1),
            ("top_p", np.nan),
            ("max_new_tokens", 0),
            ("stop", 3),
            ("random_state", "seed"),
        ],
    )
    def test_generation_options(self, lstm, name, value):
        for method in (lstm.generate, lstm.stream):
            with pytest.raises(ValueError, match=f"'{name}' parameter.*generate"):
                method("ab", **{name: value})

    @pytest.mark.parametrize("stop", ["", ["a", ""], "x"])
    def test_stop_sequence_outside_the_vocabulary(self, lstm, stop):
        with pytest.raises(ValueError, match="stop must hold characters"):
            lstm.generate("ab", stop=stop)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("cell", "elman"),
            ("units", 0),
            ("units", ()),
            ("embedding_dim", 0),
            ("dropout", 1.0),
            ("window_length", 0),
            ("min_count", 0),
            ("max_tokens", 0),
            ("handle_unknown", "drop"),
            ("unknown_token", None),
            ("lowercase", "yes"),
            ("epochs", "many"),
            ("batch_size", 0),
            ("validation_split", 1.0),
            ("optimizer", 3),
            ("optimizer", "none such"),
        ],
    )
    def test_parameters(self, name, value):
        with pytest.raises(ValueError, match=name):
            chars(**{name: value}).fit(DOCS)

    def test_invalid_token_pattern(self):
        with pytest.raises(ValueError, match="token_pattern='\\('"):
            words(token_pattern="(").fit(DOCS)

    def test_too_few_tokens_to_hold_out(self):
        with pytest.raises(ValueError, match="validation_split=0.1 of the 4 tokens"):
            chars(early_stopping=True, window_length=2).fit("abc")

    def test_warm_start_keeps_the_order_of_the_vocabulary(self):
        model = chars(warm_start=True).fit("aab" * 10)
        vocabulary = model.vocabulary_
        assert model.fit("abb" * 10).vocabulary_ == vocabulary

    def test_warm_start_with_other_characters(self):
        model = chars(warm_start=True).fit(DOCS)
        with pytest.raises(ValueError, match="warm_start=True.*'x'.*warm_start=False"):
            model.fit([*DOCS, "x"])

    @pytest.mark.parametrize(
        "fail",
        [
            lambda model: model.fit("a"),
            lambda model: model.fit(["ab", 3]),
            lambda model: model.partial_fit("xyz"),
            lambda model: model.partial_fit("a"),
            lambda model: model.set_params(learning_rate=1e38, optimizer="sgd").fit(
                ["bc", "xyz"] * 30
            ),
        ],
    )
    def test_failed_fit_leaves_the_model_unchanged(self, lstm, fail):
        model = copy.copy(lstm)
        score, vocabulary = model.score(DOCS), model.vocabulary_
        with pytest.raises((ValueError, FloatingPointError)):
            fail(model)
        assert model.score(DOCS) == score
        assert model.vocabulary_ == vocabulary
