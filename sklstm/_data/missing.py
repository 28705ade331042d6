"""Missing values: filling of gaps, and the distance to the nearest observations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Distance to an observation that does not exist.
NEVER = 2**30


class Gaps(NamedTuple):
    """Distances from each value of a series to the nearest observed ones.

    Both are 0 where a value is observed, and `NEVER` if there is none in that
    direction.
    """

    since: np.ndarray  # (n_rows, n_columns): rows since the last observed value
    until: np.ndarray  # (n_rows, n_columns): rows until the next observed value

    @classmethod
    def find(cls, values: np.ndarray) -> Gaps:
        """Find the gaps of a series: its values that are NaN."""
        observed, rows = ~np.isnan(values), np.arange(len(values))[:, None]
        last = np.maximum.accumulate(np.where(observed, rows, -NEVER), axis=0)
        later = np.where(observed, rows, NEVER + len(values))
        following = np.minimum.accumulate(later[::-1], axis=0)[::-1]
        return cls(
            np.minimum(rows - last, NEVER).astype(np.int32),
            np.minimum(following - rows, NEVER).astype(np.int32),
        )


def interpolate(values: np.ndarray, gaps: Gaps | None = None) -> np.ndarray:
    """Fill missing values by linear interpolation.

    Values before the first and after the last observed one repeat it. A column without
    any is zero.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    gaps : Gaps, optional
        Those of the values; by default found.

    Returns
    -------
    filled : ndarray of shape (n_rows, n_columns)
        A copy.
    """
    if not np.isnan(values).any():
        return values.copy()
    since, until = Gaps.find(values) if gaps is None else gaps
    filled = values.copy()
    rows, columns = np.nonzero(np.isnan(values))
    before, after = since[rows, columns], until[rows, columns]
    # At the ends of a column, the only observed neighbour stands for both.
    last = np.where(before < NEVER, rows - before, rows + after)
    following = np.where(after < NEVER, rows + after, rows - before)
    exists = (before < NEVER) | (after < NEVER)
    last, following = last * exists, following * exists
    share = before / (before + after)
    between = (1 - share) * values[last, columns] + share * values[following, columns]
    filled[rows, columns] = np.where(exists, between, 0.0)
    return filled


def carry_forward(values: np.ndarray, before: float = 0.0) -> np.ndarray:
    """Fill missing values by the last observed one.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    before : float, default=0.0
        What to fill in before the first observed value.

    Returns
    -------
    filled : ndarray of shape (n_rows, n_columns)
    """
    since = Gaps.find(values).since
    rows = np.maximum(np.arange(len(values))[:, None] - since, 0)
    filled = np.take_along_axis(values, rows, axis=0)
    return np.where(since < NEVER, filled, before)
