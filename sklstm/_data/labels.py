"""pandas in and out: the labels of the rows given, and of the next ones forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sklstm._data.time_index import TimeIndex, index_of


@dataclass(frozen=True)
class Labels:
    """Labels of the rows and targets that a forecaster was given.

    Parameters
    ----------
    times : Times
        Of the rows.
    targets : tuple of hashable, optional
        Names of the targets.
    one_target_1d : bool
        Whether the target was given as one-dimensional.
    """

    times: TimeIndex = field(default_factory=TimeIndex)
    targets: tuple = ()
    one_target_1d: bool = False

    @classmethod
    def of(cls, X, y, *, targets: tuple, one_target_1d: bool) -> Labels:
        """Labels of the rows of X (or, where it has none, of y).

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
        y : array-like or None
        targets : tuple of hashable
            Names of the targets, where y has none.
        one_target_1d : bool
            Whether y is one-dimensional.
        """
        if hasattr(y, "columns"):
            targets = tuple(y.columns)
        elif hasattr(y, "name"):
            targets = (y.name,)
        return cls(TimeIndex.of(index_of(X, y)), targets, one_target_1d)

    def after(self, X, y) -> Labels:
        """The labels once the rows of X have followed."""
        return replace(self, times=self.times.after(index_of(X, y)))

    def label(self, forecast: np.ndarray, index=None):
        """Label a forecast of the rows that come next.

        Parameters
        ----------
        forecast : ndarray of shape (steps, n_targets)
        index : pandas.Index, optional
            The rows' labels where they are known.

        Returns
        -------
        forecast : ndarray, Series or DataFrame
            As the target was given.
        """
        if self.one_target_1d:
            forecast = forecast[:, 0]
        if index is None and not self.times.has_index:
            return forecast
        import pandas as pd

        if index is None:
            index = self.times.next_index(len(forecast))
        if self.one_target_1d:
            name = self.targets[0] if self.targets else None
            return pd.Series(forecast, index=index, name=name)
        columns = list(self.targets) if self.targets else None
        return pd.DataFrame(forecast, index=index, columns=columns)

    def label_several(self, told: np.ndarray, names: Sequence, index=None):
        """Label several values told of each target in the rows that come next.

        Parameters
        ----------
        told : ndarray of shape (steps, n_targets, n_names)
        names : sequence
            What they are called, as ("lower", "upper").
        index : pandas.Index, optional
            The rows' labels where they are known.

        Returns
        -------
        told : ndarray or DataFrame
        """
        if index is None and not self.times.has_index:
            return told[:, 0] if self.one_target_1d else told
        import pandas as pd

        if index is None:
            index = self.times.next_index(len(told))
        if self.one_target_1d:
            return pd.DataFrame(told[:, 0], index=index, columns=list(names))
        targets = list(self.targets) or list(range(told.shape[1]))
        columns = pd.MultiIndex.from_product([targets, names])
        return pd.DataFrame(told.reshape(len(told), -1), index, columns)
