"""Several series in and out: in a list, or in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sklstm._data.time_index import index_of, same_labels


class SeriesInput(NamedTuple):
    """One series as it was passed."""

    X: Any
    y: Any = None
    weight: Any = None
    place: str = ""  # what to call it in an error; nothing if it is the only one
    rows: Any = None  # its rows within a frame of several

    def with_targets(self, names: tuple) -> SeriesInput:
        """With the columns of y in the order of the given names."""
        columns = list(getattr(self.y, "columns", names))
        if columns == list(names) or set(names) <= {None}:
            return self
        if set(columns) != set(names):
            raise ValueError(
                f"y must have the targets {list(names)}, as in fit, got {columns}."
            )
        return self._replace(y=self.y[list(names)])


@dataclass(frozen=True)
class Panel:
    """How several series were passed: in a list, or in one frame.

    Parameters
    ----------
    names : list, optional
        The series' labels in a frame with an index of (series, time).
    levels : list, optional
        Names of the index' levels that label the series.
    """

    names: list | None = None
    levels: list | None = None

    def join(self, results: list, given: list[SeriesInput]):
        """Results of the series, as rows of X: a list, or an array like the frame."""
        if self.names is None:
            return results
        n_rows = sum(len(each.rows) for each in given)
        joined = np.empty((n_rows, *results[0].shape[1:]), results[0].dtype)
        for result, each in zip(results, given, strict=True):
            joined[each.rows] = result
        return joined

    def concat(self, results: list):
        """Results of the series, labelled: a list, or one frame."""
        if self.names is None:
            return results
        import pandas as pd

        return pd.concat(results, keys=self.names, names=self.levels)


def split_series(X, y=None, weight=None) -> tuple[Panel | None, list[SeriesInput]]:
    """Split several series into single ones.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns), list of them, or a frame with an index
            of (series, time)
    y, weight : as X, optional

    Returns
    -------
    panel : Panel or None
        How they were passed; None if X is one series.
    given : list of Given
    """
    if is_list_of_tables(X):
        lists = {"y": y, "sample_weight": weight}
        for name, values in lists.items():
            if values is not None and len(values) != len(X):
                raise ValueError(
                    f"{name} must be a list with an entry for each series: X holds "
                    f"{len(X)}, {name} {len(values)}."
                )
        return Panel(), [
            SeriesInput(
                x,
                None if y is None else y[i],
                None if weight is None else weight[i],
                f"X[{i}]",
            )
            for i, x in enumerate(X)
        ]
    index = index_of(X)
    if index is None or index.nlevels == 1:
        if index_of(y) is not None and index_of(y).nlevels > 1:
            raise ValueError(
                "y has an index of (series, time), but X has not: pass X as a frame "
                "with the index of y. A transformer in front keeps it by "
                'set_output(transform="pandas").'
            )
        return None, [SeriesInput(X, y, weight)]
    for name, values in {"y": y, "sample_weight": weight}.items():
        own = index_of(values)
        if values is not None and (
            len(values) != len(X) or (own is not None and not same_labels(own, index))
        ):
            raise ValueError(
                f"{name} must have the rows of X, in their order. Pass {name} with the "
                "index of X, as by .reindex(X.index)."
            )
    if any(index.get_level_values(i).isna().any() for i in range(index.nlevels - 1)):
        raise ValueError("X has rows without the name of a series in their index.")
    levels = list(range(index.nlevels - 1))
    by = levels if len(levels) > 1 else 0
    groups = X.groupby(level=by, sort=False, observed=True).indices
    given = []
    for name, rows in groups.items():

        def part(values, rows=rows):
            if values is None:
                return None
            if hasattr(values, "iloc"):
                return values.iloc[rows].droplevel(levels)
            return np.asarray(values)[rows]

        place = f"series {name!r}"
        given.append(SeriesInput(part(X), part(y), part(weight), place, rows))
    return Panel(list(groups), [index.names[level] for level in levels]), given


def is_list_of_tables(X) -> bool:
    """Whether X is a list of series, and not of the rows of one."""
    if not isinstance(X, list | tuple) or not len(X):
        return False
    first = X[0]
    if hasattr(first, "shape"):
        return len(first.shape) > 1
    if not isinstance(first, list | tuple) or not len(first):
        return False
    return isinstance(first[0], list | tuple)
