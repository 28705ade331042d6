"""Sequences of token ids that would be read as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._data.user_warnings import warn_user

# Fewer distinct integers may be categories or ratings.
_MIN_DISTINCT = 10

# Differences of neighbours, relative to those of values in random order. Counts and
# other measurements change little from step to step.
_MIN_DISORDER = 0.5


def warn_of_token_ids(X: Any, name: str) -> None:
    """Warn if sequences to be read as numbers look like token ids.

    These are integers from 0 in sequences of unequal lengths, or padded by zeros, whose
    size says nothing about that of their neighbours.

    Parameters
    ----------
    X : ndarray of shape (n_sequences, n_steps), or list of array-like
    name : str
        Name of the estimator.
    """
    if isinstance(X, list | tuple):
        arrays = [np.asarray(x) for x in X]
    elif isinstance(X, np.ndarray) and X.ndim == 2:
        arrays = list(X)
    else:
        return
    if any(x.ndim != 1 or x.dtype.kind not in "iu" for x in arrays):
        return
    arrays = [_strip_zeros(x) for x in arrays]
    values = np.concatenate(arrays)
    if len({len(x) for x in arrays}) == 1 or not len(values) or values.min() < 0:
        return
    spread = 2 * values.var()
    steps = np.concatenate([np.diff(x.astype(float)) for x in arrays])
    n_distinct = len(np.unique(values))
    if n_distinct < _MIN_DISTINCT or not len(steps):
        return
    if np.mean(steps**2) >= _MIN_DISORDER * spread:
        warn_user(
            f"X seems to hold token ids ({n_distinct} distinct integers up to "
            f"{values.max()}, in no order of size), but {name} reads them as numbers, "
            "in which token 9 is three times token 3. Set embedding_dim, for example "
            "to 32, to learn a vector for each token. If they are numbers, pass them "
            "as floats."
        )


def _strip_zeros(x: np.ndarray) -> np.ndarray:
    """Leave out zeros at both ends, the padding of token ids."""
    rows = np.flatnonzero(x)
    return x[rows[0] : rows[-1] + 1] if len(rows) else x[:0]
