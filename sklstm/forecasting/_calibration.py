"""How far an interval must reach, by split-conformal prediction."""

from __future__ import annotations

from math import ceil
from numbers import Real

import numpy as np


def conformal_margin(off: np.ndarray, coverage, calibration_split) -> np.ndarray:
    """How far beyond what is told an interval must reach to cover so many rows.

    Parameters
    ----------
    off : ndarray of shape (n_windows, horizon, n_targets)
        How far forecasts of windows held out were off.
    coverage : float
        Between 0 and 1.
    calibration_split : float
        The share that was held out, for the error.

    Returns
    -------
    margin : ndarray of shape (horizon, n_targets)
    """
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise ValueError(
            f"coverage must be a share of the rows, between 0 and 1, got {coverage!r}."
        )
    coverage, n = float(coverage), len(off)
    # One more than those measured counts: the row that is to be covered (Lei et al.).
    rank = ceil((n + 1) * coverage)
    if rank <= n:
        return np.sort(off, axis=0)[rank - 1]
    needed = ceil(round(coverage / (1 - coverage), 9))
    if not calibration_split:
        raise ValueError(
            f"coverage={coverage} needs at least {needed} windows that "
            "training did not see, to tell how far forecasts are off, but none "
            "was held out. Fit with calibration_split=0.2, say."
        )
    raise ValueError(
        f"coverage={coverage} needs at least {needed} windows that training "
        f"did not see, but calibration_split={calibration_split} held {n} "
        "out. Raise calibration_split, give more rows, or lower coverage."
    )
