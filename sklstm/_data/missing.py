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

    def within(self, lengths: np.ndarray) -> Gaps:
        """Return the gaps of several series, concatenated, each for itself.

        Parameters
        ----------
        lengths : ndarray of shape (n_series,)
            Number of rows of each series.
        """
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        before = np.arange(len(starts)) - starts
        after = np.repeat(lengths, lengths) - 1 - before
        return Gaps(
            np.where(self.since > before[:, None], NEVER, self.since),
            np.where(self.until > after[:, None], NEVER, self.until),
        )


class FilledSeries(NamedTuple):
    """A series whose missing values are filled window by window. Create it with `fill`.

    Between two observed values of a window, missing ones are interpolated; before the
    first and after the last one, that one is repeated. So a window depends on its own
    rows only, and a forecast never on the row that it forecasts. A column without any
    value in a window is zero there; for that, the first row is zero, and the rows of
    the series come after it.
    """

    values: np.ndarray  # (1 + n_rows, n_columns): interpolated over the whole series
    since: np.ndarray  # rows back to the value at the end of a window that ends here
    until: np.ndarray  # rows on to the value at the start of a window that starts here

    @classmethod
    def fill(cls, values: np.ndarray, window_length: int) -> FilledSeries:
        """Fill a series.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_columns)
            NaN for missing values.
        window_length : int

        Returns
        -------
        filled : FilledSeries
        """
        gaps = Gaps.find(values)
        after_first = [(1, 0), (0, 0)]
        rows = np.arange(1, len(values) + 1, dtype=np.int32)[:, None]
        since = np.where(gaps.since < window_length, gaps.since, rows)
        return cls(
            np.pad(interpolate(values, gaps), after_first),
            np.pad(since, after_first),
            np.pad(gaps.until, after_first),
        )


def count_missing(values: np.ndarray, before: np.ndarray | int = 0) -> np.ndarray:
    """Count the values in succession that are missing, up to each value.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    before : ndarray of shape (n_columns,) or int, default=0
        Number that is missing directly before the first row.

    Returns
    -------
    n_missing : ndarray of shape (n_rows, n_columns)
        0 where a value is observed.
    """
    since = Gaps.find(values).since
    from_start = before + np.arange(1, len(values) + 1)[:, None]
    return np.where(since < NEVER, since, from_start)


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
    # In this form a gap between equal values is constant to the last bit.
    start, end = values[last, columns], values[following, columns]
    between = start + share * (end - start)
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
