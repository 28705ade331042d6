"""Labels of forecasts: the time index of the rows and the names of the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from sklstm._data.time_index import TimeIndex, index_of


class TargetFormat(NamedTuple):
    """Format in which the targets were passed, and forecasts are returned."""

    names: tuple = ()
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
        names = targets.names
        if hasattr(y, "columns"):
            names = tuple(y.columns)
        elif hasattr(y, "name"):
            names = (y.name,)
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
        names = list(self.targets.names)
        if self.targets.one_d:
            return pd.Series(forecast, index=index, name=names[0] if names else None)
        return pd.DataFrame(forecast, index=index, columns=names or None)

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
        targets = list(self.targets.names) or list(range(values.shape[1]))
        columns = pd.MultiIndex.from_product([targets, names])
        return pd.DataFrame(values.reshape(len(values), -1), index, columns)
