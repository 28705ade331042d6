"""Adaptation of a language model to the text that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from scipy.special import log_softmax, softmax

from sklstm._sklearn import Interval, validate_parameter_constraints
from sklstm.engine import Adaptation

# Values of similarity that are computed at once: bounds the memory.
_CHUNK = 2**20

# Stands for the logarithm of zero.
_IMPOSSIBLE = -1e4

_Option = TypeVar("_Option")


@dataclass(frozen=True)
class DynamicEvaluation:
    """Dynamic evaluation [1]_: train on each part of a text after predicting it.

    A text often goes on as it began: with its names, its spelling, its subject. After
    each segment, the network takes a step of gradient descent on it, so it predicts the
    rest of the text better. Each text starts from the fitted weights, which stay as
    they are.

    Parameters
    ----------
    learning_rate : float, default=3e-4
        Size of a step. Gradients are divided by the root of their mean square over the
        text so far.
    decay : float, default=1e-3
        Fraction of the way back to the fitted weights, in each step.
    segment_length : int, default=20
        Number of tokens that are predicted between two steps.

    References
    ----------
    .. [1] Krause, Kahembwe, Murray and Renals (2018), "Dynamic evaluation of neural
       sequence models", ICML.

    Examples
    --------
    >>> from sklstm import CharLSTMGenerator
    >>> from sklstm.text import DynamicEvaluation
    >>> generator = CharLSTMGenerator(
    ...     units=32, epochs=5, window_length=20, random_state=0
    ... ).fit("the cat sat on the mat. " * 30)
    >>> other = "the mat sat on the cat. " * 20
    >>> dynamic = DynamicEvaluation(learning_rate=3e-3)
    >>> generator.score(other, dynamic=dynamic) > generator.score(other)
    True
    """

    learning_rate: float = 3e-4
    decay: float = 1e-3
    segment_length: int = 20

    def check(self, caller_name: str) -> None:
        """Check types and values."""
        constraints = {
            "learning_rate": [Interval(Real, 0, None, closed="left")],
            "decay": [Interval(Real, 0, 1, closed="both")],
            "segment_length": [Interval(Integral, 1, None, closed="left")],
        }
        validate_parameter_constraints(
            constraints, vars(self), caller_name=f"{caller_name}: DynamicEvaluation"
        )

    def settings(self) -> Adaptation:
        """Return the settings of the engine."""
        return Adaptation(
            float(self.learning_rate), float(self.decay), int(self.segment_length)
        )


@dataclass(frozen=True)
class NeuralCache:
    """A neural cache [1]_: what came after a similar state before comes again.

    The states of the network at the last tokens of the text are kept, each with the
    token that followed. The probability of the next token is a mixture of the network's
    and of those of the tokens in the cache, of which those with a state similar to the
    present one count most.

    Parameters
    ----------
    size : int, default=2000
        Number of tokens in the cache.
    flatness : float, default=0.3
        Factor of the inner product of two states; 0 counts all tokens in the cache
        alike.
    weight : float, default=0.1
        Weight of the cache in the mixture, below 1.

    References
    ----------
    .. [1] Grave, Joulin and Usunier (2017), "Improving neural language models with a
       continuous cache", ICLR.

    Examples
    --------
    >>> from sklstm import WordLSTMGenerator
    >>> from sklstm.text import NeuralCache
    >>> generator = WordLSTMGenerator(
    ...     units=16, epochs=2, window_length=10, random_state=0
    ... ).fit("the cat sat on the mat and the dog on the cat . " * 10)
    >>> text = "the dog sat . " * 5
    >>> generator.score(text, cache=NeuralCache(weight=0.3)) > generator.score(text)
    True
    """

    size: int = 2000
    flatness: float = 0.3
    weight: float = 0.1

    def check(self, caller_name: str) -> None:
        """Check types and values."""
        constraints = {
            "size": [Interval(Integral, 1, None, closed="left")],
            "flatness": [Interval(Real, 0, None, closed="left")],
            "weight": [Interval(Real, 0, 1, closed="left")],
        }
        validate_parameter_constraints(
            constraints, vars(self), caller_name=f"{caller_name}: NeuralCache"
        )

    def log_likelihood(
        self, log_likelihood: np.ndarray, hidden: np.ndarray, tokens: np.ndarray
    ) -> np.ndarray:
        """Compute the log-likelihood of the tokens of a text by the mixture.

        Parameters
        ----------
        log_likelihood : ndarray of shape (n_tokens,)
            By the network.
        hidden : ndarray of shape (n_tokens, units)
            States from which the tokens were predicted.
        tokens : ndarray of int of shape (n_tokens,)

        Returns
        -------
        log_likelihood : ndarray of shape (n_tokens,)
        """
        n_tokens, size = len(tokens), int(self.size)
        cached = np.zeros(n_tokens)
        n_rows = max(_CHUNK // min(size + 1, n_tokens), 1)
        for begin in range(1, n_tokens, n_rows):
            rows = np.arange(begin, min(begin + n_rows, n_tokens))
            first = max(begin - size, 0)
            kept = np.arange(first, rows[-1])
            scores = self.flatness * hidden[rows].astype(float) @ hidden[kept].T
            inside = (kept < rows[:, None]) & (kept >= rows[:, None] - size)
            shares = softmax(np.where(inside, scores, -np.inf), axis=1)
            cached[rows] = (shares * (tokens[kept] == tokens[rows, None])).sum(axis=1)
        weight = np.where(np.arange(n_tokens) > 0, self.weight, 0.0)
        mixed = (1 - weight) * np.exp(log_likelihood) + weight * cached
        # Without the cache, small probabilities keep their digits.
        return np.where(weight > 0, np.log(np.maximum(mixed, 1e-300)), log_likelihood)

    def mix(
        self, logits: np.ndarray, hidden: np.ndarray, memory: CacheMemory
    ) -> np.ndarray:
        """Mix the distribution of the next token with that of the cache.

        Parameters
        ----------
        logits : ndarray of shape (n_tokens,)
        hidden : ndarray of shape (units,)
        memory : CacheMemory

        Returns
        -------
        log_probability : ndarray of shape (n_tokens,)
        """
        log_probability = log_softmax(logits.astype(float))
        if not memory.tokens or not self.weight:
            return log_probability
        states = np.array(memory.states[-int(self.size) :], float)
        tokens = memory.tokens[-int(self.size) :]
        shares = softmax(self.flatness * states @ hidden)
        mixed = (1 - self.weight) * np.exp(log_probability)
        np.add.at(mixed, tokens, self.weight * shares)
        possible = mixed > 0
        return np.where(possible, np.log(np.where(possible, mixed, 1.0)), _IMPOSSIBLE)


class CacheMemory:
    """The states of a text so far, and the tokens that followed them."""

    def __init__(self, hidden: np.ndarray, tokens: np.ndarray):
        self.states = list(hidden)
        self.tokens = tokens.tolist()

    def append(self, hidden: np.ndarray, token: int) -> None:
        """Add a state and the token that followed."""
        self.states.append(hidden)
        self.tokens.append(token)


def check_adaptation(
    dynamic: Any, cache: Any, *, caller_name: str
) -> tuple[DynamicEvaluation | None, NeuralCache | None]:
    """Check the parameters ``dynamic`` and ``cache`` of a method.

    Parameters
    ----------
    dynamic : bool or DynamicEvaluation
    cache : bool or NeuralCache
    caller_name : str

    Returns
    -------
    dynamic : DynamicEvaluation or None
    cache : NeuralCache or None
    """
    return (
        _check_option(dynamic, "dynamic", DynamicEvaluation, caller_name),
        _check_option(cache, "cache", NeuralCache, caller_name),
    )


def _check_option(
    value: Any, name: str, kind: type[_Option], caller_name: str
) -> _Option | None:
    if value is None or value is False:
        return None
    if value is True:
        return kind()
    if not isinstance(value, kind):
        raise ValueError(
            f"{name} must be a bool or a {kind.__name__}, got {value!r}. Pass "
            f"{name}=True for the defaults, or {name}={kind.__name__}(...)."
        )
    value.check(caller_name)  # type: ignore[attr-defined]
    return value
