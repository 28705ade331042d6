"""Tokenizer of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklstm._core.vocabulary import WORD_PATTERN, Vocabulary, word_splitter
from sklstm._data.tokens import check_texts
from sklstm._sklearn import Interval, RealNotInt, StrOptions, fit_context
from sklstm.engine import UNKNOWN

if TYPE_CHECKING:
    from sklearn.utils import Tags


class SequenceTokenizer(  # its output is ragged, so no data frame can hold it
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    r"""Convert texts to sequences of token ids.

    Precedes `RNNClassifier` or `RNNRegressor` (with ``embedding_dim``) in a pipeline,
    as `sklearn.feature_extraction.text.CountVectorizer` precedes a linear model, but
    keeps the order of the tokens. Sequences keep their own lengths; nothing is padded.

    Parameters
    ----------
    analyzer : {"word", "char"} or callable, default="word"
        Unit of the tokens: matches of ``token_pattern`` or single characters. A
        callable takes a text and returns its tokens as a sequence of str.
    lowercase : bool, default=True
        Whether to convert texts to lower case first. Ignored if ``analyzer`` is a
        callable.
    token_pattern : str, default=r"\w+(?:['\u2019]\w+)*|[^\w\s]"
        Regular expression of a word. The default matches words, with their inner
        apostrophes, and single punctuation marks.
    min_df : int or float, default=1
        Minimum number (int) or fraction (float) of texts that contain a token of the
        vocabulary. With 2 or more, rare tokens become the unknown token, so that the
        estimator after the tokenizer learns an embedding for it.
    max_tokens : int or None, default=None
        Maximum number of known tokens; the most frequent ones are kept. None keeps
        all.
    max_length : int or None, default=None
        Maximum number of tokens per text; the first ones are kept. None keeps all.
    unknown_token : str, default="<unk>"
        Name of the unknown token, which replaces tokens outside the vocabulary and
        represents a text without tokens.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Id of each token: 1 is the unknown token, then the known tokens follow, the
        most frequent first. 0 is reserved for padding.

    See Also
    --------
    sklstm.RNNClassifier : Classify sequences, of token ids too.
    sklstm.WordLSTMGenerator : Language model, which tokenizes texts itself.

    Examples
    --------
    >>> from sklstm import SequenceTokenizer
    >>> tokenizer = SequenceTokenizer().fit(["Good film.", "A bad, bad film!"])
    >>> tokenizer.transform(["a good film?", "bad"]).tolist()
    [array([7, 8, 3, 1], dtype=int32), array([2], dtype=int32)]
    >>> tokenizer.inverse_transform([[7, 8, 3, 1]])
    ['a good film <unk>']
    """

    _parameter_constraints: dict[str, Any] = {
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

    _vocabulary: Vocabulary

    def __init__(
        self,
        *,
        analyzer: str | Callable[[str], Sequence[str]] = "word",
        lowercase: bool = True,
        token_pattern: str = WORD_PATTERN,
        min_df: float = 1,
        max_tokens: int | None = None,
        max_length: int | None = None,
        unknown_token: str = "<unk>",
    ):
        self.analyzer = analyzer
        self.lowercase = lowercase
        self.token_pattern = token_pattern
        self.min_df = min_df
        self.max_tokens = max_tokens
        self.max_length = max_length
        self.unknown_token = unknown_token

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Iterable[str], y: Any = None) -> Self:
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
            If X holds anything but texts, or the vocabulary is empty.
        """
        self._fit_vocabulary(self._tokenize(X))
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Iterable[str], y: Any = None) -> np.ndarray:
        """Learn the vocabulary of texts, and convert them to token ids.

        Parameters
        ----------
        X : iterable of str
            Iterated once.
        y : None
            Ignored.

        Returns
        -------
        ids : ndarray of shape (n_texts,) and type object
            As `transform` returns them.
        """
        documents = self._tokenize(X)
        self._fit_vocabulary(documents)
        return self._encode(documents)

    def transform(self, X: Iterable[str]) -> np.ndarray:
        """Convert texts to sequences of token ids.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ids : ndarray of shape (n_texts,) and type object
            An int32 array of shape (n_tokens,) for each text. A text without tokens
            becomes a single unknown token.
        """
        check_is_fitted(self)
        return self._encode(self._tokenize(X))

    def inverse_transform(self, X: Iterable[Any]) -> list[str]:
        """Convert sequences of token ids to texts.

        Words are joined by blanks, characters are concatenated. Unknown tokens and
        upper case are not restored.

        Parameters
        ----------
        X : iterable of array-like of int
            Token ids of each text. Zeros are padding and are removed.

        Returns
        -------
        texts : list of str
        """
        check_is_fitted(self)
        separator = "" if self.analyzer == "char" else " "
        n_tokens = len(self._vocabulary.tokens)
        if isinstance(X, str | bytes) or not np.iterable(X):
            raise ValueError(
                "X must be a list of sequences of token ids, as transform returns "
                f"them, got {X!r}."
            )
        texts = []
        for i, sequence in enumerate(X):
            ids = np.asarray(sequence)
            if ids.ndim != 1 or ids.dtype.kind not in "iuf":
                raise ValueError(
                    f"X[{i}] must be a sequence of token ids, got {ids.tolist()!r}."
                )
            if (ids != np.floor(ids)).any():
                raise ValueError(
                    f"X[{i}] must hold token ids, which are integers, got "
                    f"{ids[ids != np.floor(ids)][0]}."
                )
            invalid = ids[(ids < 0) | (ids >= n_tokens)]
            if len(invalid):
                raise ValueError(
                    f"X[{i}] holds the token id {invalid[0]}, but ids must lie between "
                    f"0 and {n_tokens - 1}."
                )
            texts.append(separator.join(self._vocabulary.decode(ids.astype(int))))
        return texts

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the token of each id.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        tokens : ndarray of str objects
            In the order of the ids; the padding, at 0, is an empty string.
        """
        check_is_fitted(self)
        return np.array(self._vocabulary.tokens, dtype=object)

    @property
    def vocabulary_(self) -> dict[str, int]:
        """Id of each token."""
        check_is_fitted(self)
        return dict(self._vocabulary.ids)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_vocabulary")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _tokenize(self, X: Iterable[str]) -> list[list[str]]:
        """Split each text into its first ``max_length`` tokens."""
        if isinstance(X, str | bytes):
            raise ValueError(
                "X must be an iterable of texts, got one text. Pass a list: [text]."
            )
        analyze = self._build_analyzer()
        return [list(analyze(text))[: self.max_length] for text in check_texts(X, "X")]

    def _build_analyzer(self) -> Callable[[str], Sequence[str]]:
        """Return the function that splits a text into tokens."""
        if callable(self.analyzer):
            return self.analyzer
        by_char = self.analyzer == "char"
        split = list if by_char else word_splitter(self.token_pattern)
        return (lambda text: split(text.lower())) if self.lowercase else split

    def _fit_vocabulary(self, documents: list[list[str]]) -> None:
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
                f"token(s), none of which occurs in min_df={self.min_df} of them. Pass "
                "texts that contain words, a lower min_df, or another token_pattern or "
                "analyzer."
            )
        self._vocabulary = vocabulary

    def _encode(self, documents: list[list[str]]) -> np.ndarray:
        """Convert the tokens of each text to ids."""
        sequences = np.empty(len(documents), dtype=object)
        for i, tokens in enumerate(documents):
            sequences[i] = self._vocabulary.encode(tokens or [self.unknown_token])
        return sequences
