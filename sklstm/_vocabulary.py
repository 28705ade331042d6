"""From tokens to the integers that stand for them, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

PADDING, UNKNOWN = 0, 1


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id: that of the padding, that of the unknown, then the known ones."""

    tokens: tuple[str, ...]

    @classmethod
    def learn(
        cls,
        documents: Iterable[Sequence[str]],
        *,
        unknown_token: str,
        min_df: int = 1,
        max_tokens: int | None = None,
    ) -> Vocabulary:
        """The tokens of documents, the most frequent first.

        Parameters
        ----------
        documents : iterable of sequences of str
            The tokens of each document.
        unknown_token : str
            What stands for tokens that are not known.
        min_df : int
            The least number of documents in which a known token occurs.
        max_tokens : int, optional
            The most tokens to know.

        Returns
        -------
        vocabulary : Vocabulary
        """
        counts: Counter[str] = Counter()
        n_documents: Counter[str] = Counter()
        for tokens in documents:
            counts.update(tokens)
            n_documents.update(set(tokens))
        known = [token for token in counts if n_documents[token] >= min_df]
        known = [token for token in known if token != unknown_token]
        known.sort(key=lambda token: (-counts[token], token))
        return cls(("", unknown_token, *known[:max_tokens]))

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token, without that of the padding."""
        return {token: i for i, token in enumerate(self.tokens) if i != PADDING}

    def encode(self, tokens: Sequence[str]) -> np.ndarray:
        """Ids of tokens; an unknown one gets that of the unknown."""
        ids = self.ids
        return np.array([ids.get(token, UNKNOWN) for token in tokens], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Tokens of ids, those of the padding left out."""
        return [self.tokens[i] for i in ids if i != PADDING]
