"""Checks of texts and of sequences of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np


def check_texts(texts: Any, name: str) -> list[str]:
    """Check texts.

    Parameters
    ----------
    texts : iterable of str
    name : str
        Name of the parameter, for messages.

    Returns
    -------
    texts : list of str
    """
    wrong_kind = isinstance(texts, Mapping | bytes) or getattr(texts, "ndim", 1) != 1
    if not np.iterable(texts) or wrong_kind:
        raise ValueError(
            f"{name} must be an iterable of texts, such as a list or one column of a "
            f"frame, got {type(texts).__name__}."
        )
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"{name} must hold texts (str), got {text!r} of type "
                f"{type(text).__name__} in {name}[{i}]. Decode bytes, and fill or "
                "drop missing values."
            )
    return texts


def check_token_sequences(X: Any) -> list[list[Any]]:
    """Check sequences of tokens, each an integer or a string.

    Parameters
    ----------
    X : iterable of sequences of int or str

    Returns
    -------
    sequences : list of list of int or str
        Integers as Python's own int.
    """
    if isinstance(X, str | bytes | Mapping) or not np.iterable(X):
        raise ValueError(
            "X must be a list of sequences of tokens, got "
            f"{type(X).__name__}. Pass several, each a list of int or str: "
            "[[3, 5, 5], [3, 6]]."
        )
    sequences = [_check_tokens(tokens, i) for i, tokens in enumerate(X)]
    if not sequences:
        raise ValueError("X must hold at least one sequence, got none.")
    return sequences


def _check_tokens(tokens: Any, i: int) -> list[Any]:
    """Check the i-th sequence."""
    try:
        n_axes = np.ndim(tokens)
    except ValueError:  # a list that holds lists of unequal lengths
        n_axes = 2
    if isinstance(tokens, str | bytes) or n_axes != 1:
        raise ValueError(
            f"X[{i}] must be a sequence of tokens, each an int or a str, got "
            f"{tokens!r}. Split text into tokens; put a single sequence in a list."
        )
    if not len(tokens):
        raise ValueError(
            f"X[{i}] is empty: every sequence needs at least one token. Leave it out."
        )
    tokens = np.asarray(tokens, dtype=object).tolist()
    for k, token in enumerate(tokens):
        if not isinstance(token, Integral | str) or isinstance(token, bool):
            raise ValueError(
                f"X[{i}][{k}] must be a token, an int or a str, got {token!r}."
            )
    return [token if isinstance(token, str) else int(token) for token in tokens]
