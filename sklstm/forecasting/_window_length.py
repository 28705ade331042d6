"""The length of a window, from the season of the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sklstm._data.season import find_common_season

# Rows of a window if there is no season.
_DEFAULT = 10

# Longest season to look for: a network that reads longer windows row by row is slow.
_MAX_SEASON = 256


class WindowLength(NamedTuple):
    """Number of rows of a window, and of the season that it was chosen for."""

    n_rows: int
    season: int | None = None

    def __str__(self) -> str:
        reason = "no season found"
        if self.season is not None:
            reason = f"season of {self.season} rows"
        return f"window_length: {self.n_rows} ({reason})"


def choose_window_length(
    targets: Sequence[np.ndarray], horizon: int, patch_length: int = 1
) -> WindowLength:
    """Choose the length of a window: two seasons, at least the horizon.

    It leaves at least as many windows as a window has rows, in the longest series.

    Parameters
    ----------
    targets : sequence of ndarray of shape (n_timesteps, n_targets)
        Training rows of each series.
    horizon : int
    patch_length : int, default=1
        The length is a multiple of it.

    Returns
    -------
    window_length : WindowLength
    """
    season = find_common_season((y for Y in targets for y in Y.T), _MAX_SEASON)
    wanted = max(_DEFAULT if season is None else 2 * season, horizon)
    longest = (max(map(len, targets)) - horizon + 1) // 2
    n_patches = min(-(-wanted // patch_length), longest // patch_length)
    return WindowLength(max(n_patches, 1) * patch_length, season)
