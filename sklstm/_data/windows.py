"""Counting, numbering and splitting of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def count_windows(n_rows: int, window_length: int, horizon: int) -> int:
    """Return the number of windows of a series that have all their target rows."""
    return max(n_rows - window_length - horizon + 1, 0)


def number_windows(counts: Sequence[int]) -> list[np.ndarray]:
    """Number the windows of all series, one series after the other."""
    return np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])


def split_off_tails(
    windows: Sequence[np.ndarray],
    fraction: float,
    horizon: int,
    *,
    name: str = "validation_split",
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Split off the last windows of each series.

    The ``horizon - 1`` windows between head and tail are in neither, because their
    targets overlap with those of the tail. A series with too few windows to split is
    kept whole in the heads.

    Parameters
    ----------
    windows : sequence of ndarray of int
        Windows of each series, in time order.
    fraction : float
        Fraction of the windows of each series to split off, between 0 and 1.
    horizon : int
    name : str
        Parameter that sets the fraction, for messages.

    Returns
    -------
    heads, tails : list of ndarray of int
        Windows of each series.

    Raises
    ------
    ValueError
        If no series has enough windows.
    """
    heads, tails = [], []
    for numbers in windows:
        n_tail = max(round(len(numbers) * fraction), 1)
        n_head = len(numbers) - n_tail - (horizon - 1)
        if n_head < 1:
            n_head, n_tail = len(numbers), 0
        heads.append(numbers[:n_head])
        tails.append(numbers[len(numbers) - n_tail :])
    if not any(map(len, tails)):
        longest = max(map(len, windows))
        raise ValueError(
            f"{name}={fraction} splits off that fraction of the {longest} training "
            f"windows, and the {horizon - 1} before them, whose targets overlap: none "
            f"is left to train on. Pass more rows, or decrease {name}."
        )
    return heads, tails
