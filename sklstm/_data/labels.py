"""Labels of columns, and of forecasts: the time index and the names of the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklstm._data.time_index import TimeIndex, index_of

if TYPE_CHECKING:
    import pandas as pd


class TargetFormat(NamedTuple):
    """Format in which the targets were passed, and forecasts are returned."""

    names: pd.Index | None = None
    one_d: bool = False  # of shape (n_timesteps,)


@dataclass(frozen=True)
class Labels:
    """Labels of the rows and targets of a series.

    Parameters
    ----------
    times : TimeIndex
        Labels of the rows.
    targets : TargetFormat
        Labels of the targets.
    """

    times: TimeIndex = field(default_factory=TimeIndex)
    targets: TargetFormat = field(default_factory=TargetFormat)

    @classmethod
    def from_data(cls, X: Any, y: Any, targets: TargetFormat) -> Labels:
        """Read the labels of a series.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
        y : array-like or None
        targets : TargetFormat
            Its names are used where y has none.
        """
        names = targets.names if y is None else column_labels(y)
        times = TimeIndex.from_index(index_of(X, y))
        return cls(times, targets._replace(names=names))

    def extended_by(self, X: Any, y: Any) -> Labels:
        """Move on to the last of the rows that follow."""
        return replace(self, times=self.times.extended_by(index_of(X, y)))

    def label(self, forecast: np.ndarray, index: Any = None) -> Any:
        """Label a forecast of the next rows.

        Parameters
        ----------
        forecast : ndarray of shape (steps, n_targets)
        index : pandas.Index, optional
            Labels of the rows; by default the continuation of the index.

        Returns
        -------
        forecast : ndarray, Series or DataFrame
            In the format of the targets; an array if the series has no index.
        """
        if self.targets.one_d:
            forecast = forecast[:, 0]
        if index is None and not self.times.has_index:
            return forecast
        import pandas as pd

        if index is None:
            index = self.times.next_index(len(forecast))
        names = self.targets.names
        if self.targets.one_d:
            name = None if names is None else names[0]
            return pd.Series(forecast, index=index, name=name)
        return pd.DataFrame(forecast, index=index, columns=names)

    def label_several(
        self, values: np.ndarray, names: Sequence, index: Any = None
    ) -> Any:
        """Label several values of each target, such as the bounds of an interval.

        Parameters
        ----------
        values : ndarray of shape (steps, n_targets, n_names)
        names : sequence
            Names of the values, such as ("lower", "upper").
        index : pandas.Index, optional
            Labels of the rows; by default the continuation of the index.

        Returns
        -------
        values : ndarray or DataFrame
        """
        if index is None and not self.times.has_index:
            return values[:, 0] if self.targets.one_d else values
        import pandas as pd

        if index is None:
            index = self.times.next_index(len(values))
        if self.targets.one_d:
            return pd.DataFrame(values[:, 0], index=index, columns=list(names))
        targets = self.targets.names
        if targets is None:
            targets = pd.RangeIndex(values.shape[1])
        repeated = targets.repeat(len(names))
        levels = [repeated.get_level_values(i) for i in range(targets.nlevels)]
        columns = pd.MultiIndex.from_arrays(
            [*levels, list(names) * len(targets)], names=[*targets.names, None]
        )
        return pd.DataFrame(values.reshape(len(values), -1), index, columns)


def column_labels(data: Any) -> pd.Index | None:
    """Return the labels of columns, or the name of a Series; None if there are none."""
    import pandas as pd

    columns = getattr(data, "columns", None)
    if isinstance(columns, pd.Index):
        return columns
    if columns is not None:
        names = list(columns)
        return pd.Index(names) if all(isinstance(n, str) for n in names) else None
    name = getattr(data, "name", None)
    if name is None:
        return None
    # As an object, the name keeps its type.
    return pd.Index([name], dtype=object, tupleize_cols=False)
