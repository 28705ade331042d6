"""Sampling of texts: options, random streams and stop sequences."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NamedTuple

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


def truncate_at_stop(
    tokens: list[int], previous: list[int], stops: list[list[int]]
) -> list[int]:
    """Truncate new tokens after the end of the document or a stop sequence.

    Parameters
    ----------
    tokens : list of int
        New tokens.
    previous : list of int
        Tokens generated before them, at least as far as a stop sequence reaches back.
    stops : list of list of int
        Stop sequences.

    Returns
    -------
    tokens : list of int
        Up to the first `PADDING`, which is dropped, or to the first stop sequence,
        which is kept.
    """
    if PADDING in tokens:
        tokens = tokens[: tokens.index(PADDING)]
    if stops:
        for n_kept in range(1, len(tokens) + 1):
            if ends_with_stop(previous + tokens[:n_kept], stops):
                return tokens[:n_kept]
    return tokens


def ends_with_stop(tokens: list[int], stops: list[list[int]]) -> bool:
    """Return whether the last tokens are one of the stop sequences."""
    return any(tokens[-len(stop) :] == stop for stop in stops)
