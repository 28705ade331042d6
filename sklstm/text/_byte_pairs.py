"""Byte-pair encoding of texts, by the package tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

N_BYTES = 256

# Tokenizers that are kept loaded.
_MAX_LOADED = 16


@dataclass(frozen=True)
class BytePairs:
    """A byte-pair encoding: from a text to tokens that spell it byte by byte.

    Every text can be encoded, and is restored exactly. Tokens are written in the
    byte-level notation: a character for each byte, the blank is ``"Ġ"``.

    Parameters
    ----------
    json : str
        The tokenizer, as the package tokenizers writes it.
    """

    json: str

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int, min_count: int) -> BytePairs:
        """Learn which pairs of tokens to merge, the most frequent first.

        Parameters
        ----------
        texts : iterable of str
        size : int
            Maximum number of tokens, from `N_BYTES`.
        min_count : int
            Minimum number of occurrences of a pair.

        Returns
        -------
        byte_pairs : BytePairs
        """
        package = _import_tokenizers()
        tokenizer = package.Tokenizer(package.models.BPE())
        # Pairs are merged within words, each with the blank before it.
        tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(
            add_prefix_space=False
        )
        tokenizer.decoder = package.decoders.ByteLevel()
        trainer = package.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=min_count,
            show_progress=False,
            initial_alphabet=sorted(_byte_of_character()),
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer.to_str())

    @property
    def tokens(self) -> list[str]:
        """All tokens."""
        return list(_load(self.json).get_vocab())

    def split(self, text: str) -> list[str]:
        """Split a text into tokens."""
        return _load(self.json).encode(text).tokens

    def split_last_word(self, text: str) -> tuple[list[str], bytes]:
        """Split a text into tokens but for its last word, which may go on.

        Parameters
        ----------
        text : str

        Returns
        -------
        tokens : list of str
        rest : bytes
            The last word, with the blank before it.
        """
        encoding = _load(self.json).encode(text)
        tokens, words = encoding.tokens, encoding.word_ids
        n_kept = words.index(words[-1]) if words else 0
        return tokens[:n_kept], b"".join(map(token_bytes, tokens[n_kept:]))


def check_encodable(texts: Sequence[str], name: str) -> None:
    """Raise an error if a text has surrogates, which no encoding can store."""
    for i, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f'{name} must hold texts that UTF-8 can encode with token="bpe", but '
                f"{name}[{i}] has the surrogate {text[error.start]!r} at "
                f"{error.start}. Remove it, or decode the file with its encoding."
            ) from None


def token_bytes(token: str) -> bytes:
    """Return the bytes that a token spells."""
    byte_of = _byte_of_character()
    return bytes(byte_of[character] for character in token)


@cache
def _byte_of_character() -> dict[str, int]:
    """Return the byte that each character of the notation stands for (GPT-2's)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(N_BYTES) if byte not in printable]
    codes = [*printable, *range(N_BYTES, N_BYTES + len(others))]
    return dict(zip(map(chr, codes), [*printable, *others], strict=True))


@lru_cache(_MAX_LOADED)
def _load(json: str) -> Tokenizer:
    return _import_tokenizers().Tokenizer.from_str(json)


def _import_tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise ImportError(
            'token="bpe" needs the package tokenizers, which is not installed: '
            "pip install tokenizers"
        ) from None
    return tokenizers
