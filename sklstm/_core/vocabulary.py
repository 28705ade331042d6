"""From tokens to the integers that stand for them, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklstm.engine import PADDING, UNKNOWN

PADDING_TOKEN = ""

# Words with their inner apostrophes, and each punctuation mark by itself.
WORD = r"\w+(?:['\u2019]\w+)*|[^\w\s]"


def word_splitter(token_pattern: str) -> Callable[[str], list[str]]:
    """What finds the words of a text by a regular expression.

    Raises
    ------
    ValueError
        If it is none, or captures several groups.
    """
    try:
        pattern = re.compile(token_pattern)
    except re.error as error:
        raise ValueError(
            f"token_pattern={token_pattern!r} is no regular expression: {error}."
        ) from None
    if pattern.groups > 1:
        raise ValueError(
            f"token_pattern={token_pattern!r} captures {pattern.groups} "
            "groups, but only one can be the token. Write (?:...) for the others."
        )
    return lambda text: [word for word in pattern.findall(text) if word]


def round_up(n_tokens: int) -> int:
    """Rows of an embedding for so many tokens, one of a few numbers.

    The vocabularies of the folds of a search differ by some tokens; so they share a
    compiled network.
    """
    step = 1 << max(n_tokens.bit_length() - 4, 0)
    return -(-n_tokens // step) * step


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id: that of the padding, that of the unknown, then the known ones."""

    tokens: tuple

    @classmethod
    def learn(
        cls,
        documents: Iterable[Sequence],
        *,
        unknown_token: str | None,
        min_df: int = 1,
        min_count: int = 1,
        max_tokens: int | None = None,
    ) -> Vocabulary:
        """The tokens of documents, the most frequent first.

        Parameters
        ----------
        documents : iterable of sequences of str or int
            The tokens of each document.
        unknown_token : str or None
            What stands for tokens that are not known.
        min_df : int
            The least number of documents in which a known token occurs.
        min_count : int
            The least number of times that it occurs.
        max_tokens : int, optional
            The most tokens to know.

        Returns
        -------
        vocabulary : Vocabulary
        """
        if unknown_token == PADDING_TOKEN:
            raise ValueError(
                f"unknown_token={unknown_token!r} must not be empty: an empty text "
                "stands for the padding, and for the end of a document."
            )
        counts: Counter = Counter()
        n_documents: Counter = Counter()
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
    def ids(self) -> dict:
        """The id of each token, without that of the padding."""
        return {token: i for i, token in enumerate(self.tokens) if i != PADDING}

    def encode(self, tokens: Sequence) -> np.ndarray:
        """Ids of tokens; an unknown one gets that of the unknown."""
        ids = self.ids
        return np.array([ids.get(token, UNKNOWN) for token in tokens], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list:
        """Tokens of ids, those of the padding left out."""
        return [self.tokens[i] for i in ids if i != PADDING]
