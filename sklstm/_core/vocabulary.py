"""Mapping tokens to integer ids and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sklstm.engine import PADDING, UNKNOWN

PADDING_TOKEN = ""

# Words with their inner apostrophes, and each punctuation mark by itself.
WORD_PATTERN = r"\w+(?:['\u2019]\w+)*|[^\w\s]"


def word_splitter(token_pattern: str) -> Callable[[str], list[str]]:
    """Return a function that splits a text into the matches of a regular expression.

    Parameters
    ----------
    token_pattern : str
        Regular expression of a word. A capturing group, if any, is the word.

    Returns
    -------
    split : callable
        From a text to its words; empty matches are dropped.

    Raises
    ------
    ValueError
        If the pattern is invalid or has several capturing groups.
    """
    try:
        pattern = re.compile(token_pattern)
    except re.error as error:
        raise ValueError(
            f"token_pattern={token_pattern!r} is no regular expression: {error}."
        ) from None
    if pattern.groups > 1:
        raise ValueError(
            f"token_pattern={token_pattern!r} has {pattern.groups} capturing groups, "
            "but only one can be the token. Write (?:...) for the others."
        )
    return lambda text: [word for word in pattern.findall(text) if word]


def round_up_size(n_tokens: int) -> int:
    """Round the size of a vocabulary up to one of a few numbers.

    The vocabularies of a search's folds differ by some tokens. With an embedding of
    the rounded size they share one compiled network.
    """
    step = 1 << max(n_tokens.bit_length() - 4, 0)
    return -(-n_tokens // step) * step


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id: the padding, the unknown token, then the known tokens."""

    tokens: tuple[Any, ...]

    @classmethod
    def learn(
        cls,
        documents: Iterable[Sequence[Hashable]],
        *,
        unknown_token: str | None,
        min_df: int = 1,
        min_count: int = 1,
        max_tokens: int | None = None,
    ) -> Vocabulary:
        """Learn the vocabulary of documents, the most frequent tokens first.

        Parameters
        ----------
        documents : iterable of sequences of str or int
            Tokens of each document.
        unknown_token : str or None
            Name of the unknown token.
        min_df : int, default=1
            Minimum number of documents that contain a token.
        min_count : int, default=1
            Minimum number of occurrences of a token in all documents.
        max_tokens : int, optional
            Maximum number of known tokens.

        Returns
        -------
        vocabulary : Vocabulary
        """
        if unknown_token == PADDING_TOKEN:
            raise ValueError(
                f"unknown_token={unknown_token!r} must not be empty: the empty string "
                "is the padding and the end of a document."
            )
        counts: Counter[Any] = Counter()
        n_documents: Counter[Any] = Counter()
        for tokens in documents:
            counts.update(tokens)
            n_documents.update(set(tokens))
        known = [
            token
            for token, count in counts.items()
            if count >= min_count
            and n_documents[token] >= min_df
            and token != unknown_token
        ]
        known.sort(key=lambda token: (-counts[token], isinstance(token, str), token))
        return cls((PADDING_TOKEN, unknown_token, *known[:max_tokens]))

    @cached_property
    def ids(self) -> dict[Any, int]:
        """Id of each token except the padding."""
        return {token: i for i, token in enumerate(self.tokens) if i != PADDING}

    def encode(self, tokens: Iterable[Hashable]) -> np.ndarray:
        """Convert tokens to ids; tokens outside the vocabulary become `UNKNOWN`."""
        ids = self.ids
        return np.array([ids.get(token, UNKNOWN) for token in tokens], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[Any]:
        """Convert ids to tokens, leaving the padding out."""
        return [self.tokens[i] for i in ids if i != PADDING]
