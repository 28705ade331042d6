"""Texts as sequences of tokens."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklstm._core.vocabulary import WORD, Vocabulary, word_splitter
from sklstm._data.tokens import check_texts
from sklstm._sklearn import Interval, RealNotInt, StrOptions, fit_context
from sklstm.engine import UNKNOWN


class SequenceTokenizer(  # its output is ragged, so it fits no frame
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    r"""Turn texts into sequences of token ids, for estimators that embed them.

    Stands in front of `RNNClassifier` and `RNNRegressor` (with ``embedding_dim``) as
    `sklearn.feature_extraction.text.CountVectorizer` does in front of a linear model,
    and keeps the order of the tokens. Texts keep their own lengths: nothing is padded.

    Parameters
    ----------
    analyzer : {"word", "char"} or callable, default="word"
        What a token is: a match of ``token_pattern``, a character, or an item of the
        sequence of str that the callable makes of a text.
    lowercase : bool, default=True
        Whether texts are made lower case first; not for a callable.
    token_pattern : str, default=r"\w+(?:['\u2019]\w+)*|[^\w\s]"
        Regular expression of a word. By default words, with their inner apostrophes,
        and each punctuation mark by itself.
    min_df : int or float, default=1
        The least number of texts (int) or share of them (float) in which a token
        occurs; others are unknown. From 2 on, the unknown token is met in training
        and so means something.
    max_tokens : int, default=None
        The most tokens to know, the most frequent; by default all.
    max_length : int, default=None
        The tokens of a text that are kept, its first; by default all.
    unknown_token : str, default="<unk>"
        What stands for a token that is not known, and for a text without any.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The id of each token: 1 is the unknown one, the others follow, the most frequent
        first. 0 is left for padding.

    Examples
    --------
    >>> from sklstm import SequenceTokenizer
    >>> tokenizer = SequenceTokenizer().fit(["Good film.", "A bad, bad film!"])
    >>> tokenizer.transform(["a good film?", "bad"]).tolist()
    [array([7, 8, 3, 1], dtype=int32), array([2], dtype=int32)]
    >>> tokenizer.inverse_transform([[7, 8, 3, 1]])
    ['a good film <unk>']
    """

    _parameter_constraints: dict = {
        "analyzer": [StrOptions({"word", "char"}), callable],
        "lowercase": ["boolean"],
        "token_pattern": [str],
        "min_df": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="both"),
        ],
        "max_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "unknown_token": [str],
    }

    def __init__(
        self,
        *,
        analyzer="word",
        lowercase=True,
        token_pattern=WORD,
        min_df=1,
        max_tokens=None,
        max_length=None,
        unknown_token="<unk>",
    ):
        self.analyzer = analyzer
        self.lowercase = lowercase
        self.token_pattern = token_pattern
        self.min_df = min_df
        self.max_tokens = max_tokens
        self.max_length = max_length
        self.unknown_token = unknown_token

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the vocabulary of texts.

        Parameters
        ----------
        X : iterable of str
        y : None
            Ignored.

        Returns
        -------
        self : SequenceTokenizer

        Raises
        ------
        ValueError
            If no token is left to know.
        """
        self._fit_vocabulary(self._tokenize(X))
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Learn the vocabulary of texts and turn them into sequences of token ids.

        Parameters
        ----------
        X : iterable of str
            Gone through once.
        y : None
            Ignored.

        Returns
        -------
        ids : ndarray of shape (n_texts,) and type object
            As `transform` gives them.
        """
        documents = self._tokenize(X)
        self._fit_vocabulary(documents)
        return self._encode(documents)

    def transform(self, X):
        """Turn texts into sequences of token ids.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ids : ndarray of shape (n_texts,) and type object
            For each text an array of int32, of shape (n_tokens,); for one without
            tokens that of the unknown token alone.
        """
        check_is_fitted(self)
        return self._encode(self._tokenize(X))

    def inverse_transform(self, X):
        """Turn sequences of token ids into texts.

        Words are joined by blanks, characters by nothing. Unknown tokens and the case
        of letters stay lost.

        Parameters
        ----------
        X : iterable of iterables of int
            Ids, or rows of an array in which 0 pads.

        Returns
        -------
        texts : list of str
        """
        check_is_fitted(self)
        glue = "" if self.analyzer == "char" else " "
        n_tokens = len(self._vocabulary.tokens)
        texts = []
        for i, ids in enumerate(X):
            ids = np.asarray(ids)
            if ids.ndim != 1 or ids.dtype.kind not in "iuf":
                raise ValueError(
                    f"X[{i}] must be a sequence of token ids, got {ids.tolist()!r}."
                )
            wrong = ids[(ids < 0) | (ids >= n_tokens)]
            if len(wrong):
                raise ValueError(
                    f"X[{i}] holds the token id {wrong[0]}, but ids must lie between 0 "
                    f"and {n_tokens - 1}."
                )
            texts.append(glue.join(self._vocabulary.decode(ids.astype(int))))
        return texts

    def get_feature_names_out(self, input_features=None):
        """The token of each id.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        tokens : ndarray of str objects
            The one at 0, which pads, is empty.
        """
        check_is_fitted(self)
        return np.array(self._vocabulary.tokens, dtype=object)

    @property
    def vocabulary_(self):
        """The id of each token."""
        check_is_fitted(self)
        return dict(self._vocabulary.ids)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_vocabulary")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _tokenize(self, X) -> list[list[str]]:
        """The tokens of each text that are kept."""
        if isinstance(X, str | bytes):
            raise ValueError(
                "X must be an iterable of texts, got one text. Pass a list: [text]."
            )
        analyze = self._build_analyzer()
        return [list(analyze(text))[: self.max_length] for text in check_texts(X, "X")]

    def _build_analyzer(self):
        if callable(self.analyzer):
            return self.analyzer
        by_char = self.analyzer == "char"
        split = list if by_char else word_splitter(self.token_pattern)
        return (lambda text: split(text.lower())) if self.lowercase else split

    def _fit_vocabulary(self, documents):
        """Learn the vocabulary of tokenized texts."""
        min_df = self.min_df
        if not isinstance(min_df, Integral):
            min_df = int(np.ceil(min_df * len(documents)))
        vocabulary = Vocabulary.learn(
            documents,
            unknown_token=self.unknown_token,
            min_df=int(min_df),
            max_tokens=self.max_tokens,
        )
        if len(vocabulary.tokens) == UNKNOWN + 1:
            n_tokens = sum(map(len, documents))
            raise ValueError(
                f"The vocabulary is empty: {len(documents)} text(s) hold {n_tokens} "
                f"token(s), none of which occurs in min_df={self.min_df} of them. Give "
                "texts with words in them, a lower min_df, or another token_pattern or "
                "analyzer."
            )
        self._vocabulary = vocabulary

    def _encode(self, documents):
        """Ids of tokenized texts."""
        sequences = np.empty(len(documents), dtype=object)
        for i, tokens in enumerate(documents):
            sequences[i] = self._vocabulary.encode(tokens or [self.unknown_token])
        return sequences
