"""Counting, numbering and splitting of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def count_windows(n_rows: int, window_length: int, horizon: int) -> int:
    """How many windows with all their target rows a series has."""
    return max(n_rows - window_length - horizon + 1, 0)


def number_windows(counts: Sequence[int]) -> list[np.ndarray]:
    """The numbers of the windows of each series, one series after the other."""
    return np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])


def split_off_tails(
    windows: Sequence[np.ndarray],
    share: float,
    horizon: int,
    *,
    name: str = "validation_split",
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Set the last windows of each series aside.

    The ``horizon - 1`` windows before them, whose targets reach into theirs, are in
    neither part. A series with too few windows for that is not split, unless none is
    left that can be.

    Parameters
    ----------
    windows : sequence of ndarray of int
        The windows of each series, in time order.
    share : float
        Between 0 and 1.
    horizon : int
    name : str
        The parameter that gives the share, for the error.

    Returns
    -------
    heads, tails : list of ndarray of int
        Of each series.

    Raises
    ------
    ValueError
        If no series has windows enough.
    """
    heads, tails = [], []
    for each in windows:
        n_tail = max(round(len(each) * share), 1)
        n_head = len(each) - n_tail - (horizon - 1)
        if n_head < 1:
            n_head, n_tail = len(each), 0
        heads.append(each[:n_head])
        tails.append(each[len(each) - n_tail :])
    if not any(map(len, tails)):
        longest = max(map(len, windows))
        raise ValueError(
            f"{name}={share} sets that share of the {longest} training windows aside, "
            f"and the {horizon - 1} before them, whose targets overlap: none is left "
            f"to train on. Give more rows, or a smaller {name}."
        )
    return heads, tails
