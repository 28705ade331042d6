"""Sampling of texts: options, random streams and stop sequences."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol

import numpy as np

from sklstm._core.seeds import RandomState, seed_sequence
from sklstm._sklearn import Interval, validate_parameter_constraints
from sklstm.engine import PADDING, Sampling

_CONSTRAINTS = {
    "max_new_tokens": [Interval(Integral, 1, None, closed="left")],
    "temperature": [Interval(Real, 0, np.inf, closed="left")],
    "top_k": [Interval(Integral, 1, None, closed="left"), None],
    "top_p": [Interval(Real, 0, 1, closed="right"), None],
    "stop": [str, list, tuple, None],
    "random_state": ["random_state"],
}


class GenerationOptions(NamedTuple):
    """Parameters of `TextGenerator.generate`, as the user passed them."""

    max_new_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    stop: Any
    random_state: RandomState

    def check(self, caller_name: str) -> None:
        """Check types and values.

        Parameters
        ----------
        caller_name : str
            Name of the method, for messages.
        """
        validate_parameter_constraints(
            _CONSTRAINTS, self._asdict(), caller_name=caller_name
        )

    def sampling(self) -> Sampling:
        """Return the parameters of the engine's sampling."""
        no_limit = int(np.iinfo(np.int32).max)
        if self.temperature == 0:
            # Greedy: the most probable token is sampled from itself alone.
            return Sampling(temperature=1.0, top_k=1, top_p=1.0)
        return Sampling(
            temperature=float(self.temperature),
            top_k=no_limit if self.top_k is None else min(int(self.top_k), no_limit),
            top_p=1.0 if self.top_p is None else float(self.top_p),
        )


def random_streams(
    random_state: RandomState, n_documents: int
) -> list[np.random.Generator]:
    """Return one random generator per document.

    The stream of a document depends on its position only, not on the other documents.
    """
    seeds = seed_sequence(random_state).spawn(n_documents)
    return [np.random.default_rng(seed) for seed in seeds]


class Writer(Protocol):
    """The text that is generated from one prompt, token by token."""

    # Whether the text is complete.
    ended: bool

    def write(self, tokens: Sequence[int]) -> list[Any]:
        """Append tokens.

        Parameters
        ----------
        tokens : sequence of int

        Returns
        -------
        pieces : list
            What becomes part of the text: up to its end, or to the end of the first
            stop sequence.
        """


class TokenWriter:
    """A text of whole tokens; its pieces are their ids.

    Parameters
    ----------
    stops : sequence of sequences of int
        Stop sequences.
    """

    def __init__(self, stops: Sequence[Sequence[int]]):
        self.ended = False
        self._stops = [list(stop) for stop in stops]
        self._longest = max(map(len, self._stops), default=1)
        # As far as a stop sequence reaches back.
        self._recent: list[int] = []

    def write(self, tokens: Sequence[int]) -> list[int]:
        """Append tokens; see `Writer`."""
        kept: list[int] = []
        for token in tokens:
            if token == PADDING:
                self.ended = True
                break
            kept.append(token)
            self._recent = [*self._recent, token][-self._longest :]
            if any(self._recent[-len(stop) :] == stop for stop in self._stops):
                self.ended = True
                break
        return kept


class ByteWriter:
    """A text of tokens that spell bytes; its pieces are bytes.

    Parameters
    ----------
    stops : sequence of bytes
        Stop sequences, which may begin and end within a token.
    bytes_of_token : sequence of bytes
    max_tokens : int
        Maximum number of tokens.
    """

    def __init__(
        self, stops: Sequence[bytes], bytes_of_token: Sequence[bytes], max_tokens: int
    ):
        self.ended = False
        self._stops = stops
        self._bytes_of_token = bytes_of_token
        self._n_left = max_tokens
        self._longest = max(map(len, stops), default=0)
        self._recent = b""

    def write(self, tokens: Sequence[int]) -> list[bytes]:
        """Append tokens; see `Writer`."""
        pieces: list[bytes] = []
        for token in tokens:
            if token == PADDING:
                self.ended = True
            if self.ended:
                break
            pieces.append(self.write_bytes(self._bytes_of_token[token]))
        return pieces

    def write_bytes(self, piece: bytes) -> bytes:
        """Append the bytes of a token, and return those before the end of the text."""
        before = len(self._recent)
        text = self._recent + piece
        ends = [
            text.index(stop, max(before - len(stop) + 1, 0)) + len(stop)
            for stop in self._stops
            if text.find(stop, max(before - len(stop) + 1, 0)) >= 0
        ]
        self._n_left -= 1
        self.ended = bool(ends) or not self._n_left
        self._recent = text[max(len(text) - self._longest, 0) :]
        return text[before : min(ends, default=len(text))]


def spell(pieces: Iterable[bytes]) -> Iterator[str]:
    """Decode pieces of a text, each as soon as its characters are complete."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for piece in pieces:
        if text := decoder.decode(piece):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text
