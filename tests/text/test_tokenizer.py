"""SequenceTokenizer: texts to token ids and back."""

import copy
import pickle
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklstm import RNNClassifier, SequenceTokenizer

TEXTS = ["Good film.", "A bad, bad film!", "It's not bad"]


def test_tokens_are_ordered_by_frequency_then_alphabetically():
    tokenizer = SequenceTokenizer().fit(TEXTS)
    names = tokenizer.get_feature_names_out().tolist()
    assert names[:4] == ["", "<unk>", "bad", "film"]
    assert names[4:] == sorted(["good", ".", "a", ",", "!", "it's", "not"])
    assert tokenizer.vocabulary_ == {t: i for i, t in enumerate(names) if i}


def test_transform_returns_the_ids_of_the_vocabulary():
    tokenizer = SequenceTokenizer().fit(TEXTS)
    (ids,) = tokenizer.transform(["bad unheard FILM"])
    names = tokenizer.get_feature_names_out()
    assert ids.dtype == np.int32
    assert names[ids].tolist() == ["bad", "<unk>", "film"]


@given(st.lists(st.text(max_size=30), min_size=1).filter(any))
def test_inverse_transform_restores_characters(texts):
    tokenizer = SequenceTokenizer(analyzer="char", lowercase=False).fit(texts)
    expected = [text or "<unk>" for text in texts]
    assert tokenizer.inverse_transform(tokenizer.transform(texts)) == expected


words = st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=5), min_size=1)


@given(st.lists(words, min_size=1))
def test_inverse_transform_restores_words(documents):
    texts = [" ".join(words) for words in documents]
    tokenizer = SequenceTokenizer()
    sequences = tokenizer.fit_transform(texts)
    assert tokenizer.inverse_transform(sequences) == texts
    assert [len(ids) for ids in sequences] == [len(words) for words in documents]


def test_inverse_transform_removes_padding():
    tokenizer = SequenceTokenizer().fit(TEXTS)
    for ids in ([0, 2, 0, 3, 0], [2.0, 3.0, 0.0]):
        assert tokenizer.inverse_transform([ids]) == ["bad film"]


def test_texts_without_tokens_are_one_unknown_token():
    tokenizer = SequenceTokenizer().fit(TEXTS)
    assert [ids.tolist() for ids in tokenizer.transform(["", "  "])] == [[1], [1]]


@pytest.mark.parametrize(("min_df", "n_known"), [(1, 9), (2, 2), (1.0, 0), (0.6, 2)])
def test_min_df_counts_texts(min_df, n_known):
    # "bad" is three times in two texts.
    tokenizer = SequenceTokenizer(min_df=min_df)
    if not n_known:
        with pytest.raises(ValueError, match="vocabulary is empty"):
            tokenizer.fit(TEXTS)
        return
    assert len(tokenizer.fit(TEXTS).vocabulary_) == n_known + 1


def test_max_tokens_keeps_the_most_frequent_tokens():
    tokenizer = SequenceTokenizer(max_tokens=1).fit(TEXTS)
    assert tokenizer.vocabulary_ == {"<unk>": 1, "bad": 2}


def test_vocabulary_holds_only_tokens_within_max_length():
    """Each token of the vocabulary then occurs in training."""
    tokenizer = SequenceTokenizer(max_length=2).fit(TEXTS)
    assert set(tokenizer.vocabulary_) == {
        "<unk>",
        "good",
        "film",
        "a",
        "bad",
        "it's",
        "not",
    }
    assert [len(ids) for ids in tokenizer.transform(TEXTS)] == [2, 2, 2]


def test_lowercase_analyzer_and_token_pattern():
    assert "Good" in SequenceTokenizer(lowercase=False).fit(TEXTS).vocabulary_
    split = SequenceTokenizer(analyzer=str.split).fit(TEXTS)
    assert {"Good", "film.", "bad,"} <= set(split.vocabulary_)
    letters = SequenceTokenizer(token_pattern="[a-z]").fit(["ab1"])
    assert set(letters.vocabulary_) == {"<unk>", "a", "b"}


def test_name_of_the_unknown_token_in_the_text():
    tokenizer = SequenceTokenizer(unknown_token="bad").fit(TEXTS)
    assert tokenizer.vocabulary_["bad"] == 1
    assert tokenizer.get_feature_names_out().tolist().count("bad") == 1


def test_any_iterable_of_texts():
    expected = SequenceTokenizer().fit_transform(TEXTS)
    for texts in (tuple(TEXTS), np.array(TEXTS), pd.Series(TEXTS), iter(TEXTS)):
        sequences = SequenceTokenizer().fit_transform(texts)
        assert [x.tolist() for x in sequences] == [x.tolist() for x in expected]
    equal = SequenceTokenizer().fit_transform(["ab cd", "cd ab"])
    assert equal.shape == (2,)  # an object array even for equal lengths


def test_pickle_and_clone():
    tokenizer = SequenceTokenizer(max_tokens=3).fit(TEXTS)
    for twin in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert twin.vocabulary_ == tokenizer.vocabulary_
        assert (
            twin.transform(TEXTS)[0].tolist() == tokenizer.transform(TEXTS)[0].tolist()
        )
    assert not hasattr(clone(tokenizer), "vocabulary_")


def test_output_is_never_a_data_frame():
    with config_context(transform_output="pandas"):
        assert SequenceTokenizer().fit_transform(TEXTS).dtype == object


def test_pipeline_with_a_classifier():
    texts = ["good film", "bad film", "a good one indeed", "bad, boring"] * 5
    model = make_pipeline(
        SequenceTokenizer(),
        RNNClassifier(
            embedding_dim=4, units=4, epochs=20, learning_rate=0.01, random_state=0
        ),
    )
    y = ["+", "-", "+", "-"] * 5
    assert model.fit(texts, y).score(texts, y) == 1
    assert model.predict(["", "unheard of"]).shape == (2,)


class TestInvalidInput:
    def test_single_text(self):
        with pytest.raises(ValueError, match=r"got one text. Pass a list: \[text\]"):
            SequenceTokenizer().fit("a text")

    @pytest.mark.parametrize(
        "texts", [None, 3, pd.DataFrame({"text": TEXTS}), {"a": "b"}, np.array([TEXTS])]
    )
    def test_input_that_is_no_iterable_of_texts(self, texts):
        with pytest.raises(ValueError, match="one column of a frame, got"):
            SequenceTokenizer().fit(texts)

    @pytest.mark.parametrize("ids", [[2, 3], [["a"]], [[[1]]]])
    def test_input_that_is_no_ids(self, ids):
        with pytest.raises(ValueError, match=r"X\[0\] must be a sequence of token ids"):
            SequenceTokenizer().fit(TEXTS).inverse_transform(ids)

    @pytest.mark.parametrize("value", [None, np.nan, 3, b"bytes", ["a", "list"]])
    def test_items_that_are_no_text(self, value):
        with pytest.raises(ValueError, match=r"must hold texts \(str\).*X\[1\]"):
            SequenceTokenizer().fit(["a", value])
        with pytest.raises(ValueError, match=r"must hold texts \(str\).*X\[0\]"):
            SequenceTokenizer().fit(TEXTS).transform([value])

    @pytest.mark.parametrize("texts", [[], [""], ["  ", "\n"]])
    def test_empty_vocabulary(self, texts):
        message = r"vocabulary is empty.*0 token\(s\).*lower min_df"
        with pytest.raises(ValueError, match=message):
            SequenceTokenizer().fit(texts)

    def test_failed_fit_keeps_the_vocabulary(self):
        tokenizer = SequenceTokenizer().fit(TEXTS)
        with pytest.raises(ValueError, match="vocabulary is empty"):
            tokenizer.fit([""])
        assert tokenizer.vocabulary_["bad"] == 2

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("analyzer", "words"),
            ("min_df", 0),
            ("min_df", 1.5),
            ("max_tokens", 0),
            ("max_length", 0),
            ("token_pattern", 3),
            ("unknown_token", None),
            ("lowercase", "yes"),
        ],
    )
    def test_parameters(self, name, value):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            SequenceTokenizer(**{name: value}).fit(TEXTS)

    @pytest.mark.parametrize("pattern", ["(", "(a)(b)"])
    def test_invalid_token_pattern(self, pattern):
        with pytest.raises(ValueError, match="token_pattern="):
            SequenceTokenizer(token_pattern=pattern).fit(TEXTS)

    def test_ids_outside_the_vocabulary(self):
        tokenizer = SequenceTokenizer().fit(TEXTS)
        for ids in ([99], [-1]):
            with pytest.raises(ValueError, match=r"X\[1\] holds the token id"):
                tokenizer.inverse_transform([[1], ids])

    @pytest.mark.parametrize("method", ["transform", "inverse_transform"])
    def test_before_fit(self, method):
        with pytest.raises(NotFittedError):
            getattr(SequenceTokenizer(), method)([[1]])
        with pytest.raises(NotFittedError):
            SequenceTokenizer().get_feature_names_out()
