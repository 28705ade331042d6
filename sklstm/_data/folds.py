"""Training rows of scikit-learn's own cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._data.time_index import is_time

# Usual numbers of folds. With two, the training rows have no hole.
_N_FOLDS = np.array([3, 4, 5, 6, 7, 8, 10])

# Fewer rows have holes of such lengths by chance.
_MIN_ROWS = 20

# How far the length of a hole may be from that of a fold, as a fraction of it, where
# steps vary, as those of trading days do.
_TOLERANCE = 0.05

# Where steps vary, a hole is at least this number of times the next longest step.
_MIN_RATIO = 3


def refuse_hole_of_fold(index: Any, *, name: str) -> None:
    """Raise an error if rows lack just what a fold of scikit-learn's KFold leaves out.

    Parameters
    ----------
    index : pandas.Index or None
        Labels of training rows, in order. Without labels nothing can be known.
    name : str
        Name of the rows in messages.
    """
    if index is None or len(index) < _MIN_ROWS:
        return
    if not is_time(index) and index.dtype.kind not in "iu":
        return
    labels = index.asi8 if is_time(index) else index.to_numpy(np.int64)
    steps = np.diff(labels)
    row = int(np.argmax(steps))
    hole, others = steps[row], np.delete(steps, row)
    regular = np.ptp(others) == 0
    if others.min() <= 0 or hole <= others.max() * (1 if regular else _MIN_RATIO):
        return
    n_missing = hole / others.mean() - 1
    fold_sizes = len(index) / (_N_FOLDS - 1)
    tolerance = 1 if regular else np.maximum(3, _TOLERANCE * fold_sizes)
    if (np.abs(n_missing - fold_sizes) <= tolerance).any():
        raise ValueError(
            f"{name} must hold consecutive rows, but the rows between {index[row]} and "
            f"{index[row + 1]} are missing, about {n_missing:.0f}: as many as a fold "
            "of scikit-learn's KFold (cv=5, for example) leaves out for testing. "
            "Windows must not reach across a hole: use cv=WalkForwardCV(...). If "
            "the rows were never recorded, fill them, for example with "
            "X.asfreq(...).interpolate(), or number the others with "
            "X.reset_index(drop=True)."
        )
