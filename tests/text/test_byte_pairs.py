"""Subword tokens: exact round trips, generation in bytes, and what is kept."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklstm import WordLSTMGenerator
from sklstm.engine import PADDING
from sklstm.text._sampling import ByteWriter, spell

pytest.importorskip("tokenizers")

from sklstm.text._byte_pairs import BytePairs, token_bytes

VERSE = "The cat sat on the mat.\n\nThe dog, too; naïve cats and dogs! 😀\n"
TINY = {
    "token": "bpe",
    "max_tokens": 290,
    "units": 5,
    "embedding_dim": 3,
    "window_length": 8,
    "epochs": 1,
    "random_state": 0,
}
# Lone surrogates are no text that can be encoded.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def words(**kwargs):
    return WordLSTMGenerator(**(TINY | kwargs))


def randomised(model):
    model = copy.copy(model)
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.7, w.shape).astype("float32") for w in model.weights_
    )
    return model


@pytest.fixture(scope="module")
def model():
    return randomised(words().fit([VERSE] * 3))


@pytest.fixture(scope="module")
def trained():
    return words(units=32, embedding_dim=16, epochs=60, dropout=0.0).fit([VERSE] * 20)


class TestRoundTrip:
    @settings(deadline=None, max_examples=200)
    @given(TEXTS | st.text("The cat \n\tds.", max_size=30))
    def test_tokens_spell_the_text(self, model, text):
        tokens = model._tokenize([text])[0]
        assert b"".join(map(token_bytes, tokens)).decode() == text
        ids = model._vocabulary.encode(tokens)
        assert (ids > 1).all() or not text
        spelled = map(token_bytes, model._vocabulary.decode(ids))
        assert "".join(spell(spelled)) == text

    @settings(deadline=None, max_examples=50)
    @given(TEXTS)
    def test_last_word_of_a_prompt_is_kept_apart(self, model, text):
        tokens, rest = model._byte_pairs.split_last_word(text)
        assert b"".join(map(token_bytes, tokens)) + rest == text.encode()
        assert bool(rest) == bool(text)
        assert model._tokenize([text])[0][: len(tokens)] == tokens

    def test_all_bytes_are_tokens(self, model):
        spelled = {token_bytes(token) for token in list(model.vocabulary_)[2:]}
        assert spelled >= {bytes([byte]) for byte in range(256)}
        assert len(spelled) == len(model.vocabulary_) - 2 <= 290

    def test_learning_is_deterministic(self):
        one, other = (
            BytePairs.learn([VERSE] * 9, size=300, min_count=2) for _ in range(2)
        )
        code = (
            "import sys; from sklstm.text._byte_pairs import BytePairs;"
            f"sys.stdout.buffer.write(BytePairs.learn([{VERSE!r}] * 9, size=300,"
            "min_count=2).json.encode())"
        )
        elsewhere = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True
        )
        assert one == other == BytePairs(elsewhere.stdout.decode())


class TestScores:
    def test_each_token_and_the_end_have_a_score(self, model):
        texts = ["The dög 🐕 barks\r\n", "", "zzz"]
        scores = model.token_scores(texts)
        documents = model._tokenize(texts)
        for found, tokens in zip(scores, documents, strict=True):
            assert len(found) == len(tokens) + 1
            assert np.isfinite(found).all()
        nats = -np.concatenate(scores).sum()
        n_characters = sum(map(len, texts))
        assert model.bits_per_char(texts) == pytest.approx(
            nats / np.log(2) / n_characters
        )
        assert model.score(texts) == pytest.approx(np.concatenate(scores).mean())

    def test_first_score_is_the_probability_of_the_first_token(self, model):
        token = model._tokenize(["The cat"])[0][0]
        probability = model.predict_proba("")[0]
        assert probability.sum() == pytest.approx(1)
        first = model.token_scores("The cat")[0][0]
        column = model.vocabulary_[token]
        assert first == pytest.approx(np.log(probability[column]), abs=1e-4)
        assert probability[1] == 0

    @pytest.mark.parametrize("handle_unknown", ["error", "ignore", "unk"])
    def test_nothing_is_unknown(self, handle_unknown):
        model = words(handle_unknown=handle_unknown).fit([VERSE] * 3)
        assert len(model.token_scores("\x00 Ω")[0]) == len("\x00 Ω".encode()) + 1
        assert model.bits_per_char("\x00 Ω") > 0
        assert model.predict_proba("The")[0, 1] == 0


class TestGeneration:
    @settings(deadline=None, max_examples=15)
    @given(prompt=TEXTS, seed=st.integers(0, 99))
    def test_stream_is_what_is_generated(self, model, prompt, seed):
        options = {"max_new_tokens": 12, "random_state": seed, "temperature": 1.5}
        text = model.generate(prompt, **options)
        pieces = list(model.stream(prompt, **options))
        assert "".join(pieces) == text
        assert all(pieces)
        assert model.generate([prompt, "The"], **options)[0] == text

    def test_a_prompt_may_end_anywhere(self, trained):
        """Also inside a word or a token, and at blanks and line breaks."""
        for end in range(len(VERSE)):
            text = trained.generate(VERSE[:end], max_new_tokens=4, temperature=0)
            assert text
            assert VERSE[end:].startswith(text), (VERSE[:end], text)
        whole = trained.generate(max_new_tokens=200, temperature=0)
        assert whole == VERSE

    def test_number_of_tokens_is_limited(self, trained):
        for prompt in ("The c", "The ", ""):
            pieces = list(trained.stream(prompt, max_new_tokens=1, temperature=0))
            assert len(pieces) == 1

    @pytest.mark.parametrize(
        "stop", ["at", "e d", "\n\n", "\n\nThe", ["zz", "ts"], "ï"]
    )
    def test_text_ends_after_the_first_stop_sequence(self, model, trained, stop):
        stops = [stop] if isinstance(stop, str) else stop
        for each, prompt in ((model, "on the "), (trained, "The ")):
            options = {"max_new_tokens": 40, "random_state": 1}
            text = each.generate(prompt, **options)
            ends = [text.find(s) + len(s) for s in stops if s in text]
            expected = text[: min(ends, default=len(text))]
            assert each.generate(prompt, stop=stop, **options) == expected
            assert "".join(each.stream(prompt, stop=stop, **options)) == expected

    def test_with_adaptation(self, trained):
        options = {"max_new_tokens": 10, "random_state": 0, "dynamic": True}
        for cache in (False, True):
            text = trained.generate("The c", cache=cache, **options)
            assert text.startswith("at")
            streamed = trained.stream("The c", cache=cache, **options)
            assert "".join(streamed) == text
        scores = trained.token_scores(VERSE, dynamic=True, cache=True)[0]
        assert len(scores) == len(trained._tokenize([VERSE])[0]) + 1


@settings(deadline=None)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=4), max_size=12),
    stops=st.lists(st.binary(min_size=1, max_size=3), max_size=2),
    limit=st.integers(1, 12),
)
def test_writer_ends_after_the_first_stop(pieces, stops, limit):
    writer = ByteWriter(stops, [b"", *pieces], limit)
    written = b"".join(writer.write(list(range(1, len(pieces) + 1))))
    text = b"".join(pieces[:limit])
    ends = [text.index(stop) + len(stop) for stop in stops if stop in text]
    assert written == text[: min(ends, default=len(text))]
    assert writer.ended == (bool(ends) or limit <= len(pieces))
    if writer.ended:
        assert writer.write([1] * bool(pieces)) == []


def test_writer_ends_at_the_end_of_the_document():
    writer = ByteWriter([], [b"", b"", b"a"], 9)
    assert writer.write([2, 2, PADDING, 2]) == [b"a", b"a"]
    assert writer.ended
    assert writer.write([2]) == []


class TestTraining:
    def test_state_is_plain_and_kept(self, model):
        loaded = pickle.loads(pickle.dumps(model))
        assert loaded.token_scores(VERSE)[0].tolist() == (
            model.token_scores(VERSE)[0].tolist()
        )
        assert isinstance(model._byte_pairs.json, str)
        copied = clone(model)
        assert copied._byte_pairs is None

    def test_same_seed_same_model(self):
        one, other = (words().fit([VERSE] * 3) for _ in range(2))
        assert one.vocabulary_ == other.vocabulary_
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_training_goes_on_with_other_texts(self):
        model = words().partial_fit([VERSE] * 3)
        before, vocabulary = model.score("Ωß"), model.vocabulary_
        model.set_params(learning_rate=0.1).partial_fit(["Ωß"] * 90)
        assert model.vocabulary_ == vocabulary
        assert model.score("Ωß") > before
        model.set_params(warm_start=True).fit(["xyz"] * 90)
        assert model.vocabulary_ == vocabulary

    def test_lower_case(self):
        model = words(lowercase=True).fit([VERSE] * 3)
        assert model.score("THE CAT") == model.score("the cat")

    def test_fitting_words_again(self, model):
        model = clone(model).set_params(token="bpe").fit([VERSE] * 3)
        model.set_params(token="word", max_tokens=None).fit([VERSE] * 3)
        assert "cat" in model.vocabulary_
        assert model.generate("The cat", max_new_tokens=2, random_state=0)

    def test_documents_need_two_tokens(self):
        with pytest.raises(ValueError, match="at least 2 tokens"):
            words().fit(["", "a"])


class TestErrors:
    def test_missing_package(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "tokenizers", None)
        with pytest.raises(ImportError, match="pip install tokenizers"):
            words().fit([VERSE])

    def test_too_few_tokens(self):
        with pytest.raises(ValueError, match="max_tokens must be at least 256"):
            words(max_tokens=255).fit([VERSE])

    def test_name_of_the_unknown_token(self):
        with pytest.raises(ValueError, match="unknown_token='a' is one of the tokens"):
            words(unknown_token="a").fit([VERSE])

    def test_surrogates(self, model):
        with pytest.raises(ValueError, match=r"docs\[1\] has the surrogate"):
            model.score(["a", "b\ud800"])

    def test_empty_stop_sequence(self, model):
        with pytest.raises(ValueError, match="stop must hold characters"):
            model.generate("a", stop=["b", ""])

    def test_kind_of_token(self):
        with pytest.raises(ValueError, match="token"):
            words(token="char").fit([VERSE])
