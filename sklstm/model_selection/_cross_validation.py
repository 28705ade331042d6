"""Folds in time order, from sktime's splitters or scikit-learn's cross-validators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

from sklstm._data.panel import is_list_of_tables
from sklstm._data.time_index import index_of
from sklstm._sklearn import num_samples


class WalkForwardCV(BaseCrossValidator):
    """Use a sktime splitter as a scikit-learn cross-validator.

    sktime's splitters cannot be passed as ``cv=`` themselves: their ``split`` does not
    accept ``groups``. The forecasters of this package forecast the rows that directly
    follow their training rows, so a splitter whose test rows lie elsewhere is refused.

    Parameters
    ----------
    splitter : sktime splitter
        `ExpandingWindowSplitter`, `SlidingWindowSplitter` or another splitter with a
        forecasting horizon of 1, 2, ... without gaps.

    See Also
    --------
    walk_forward : Validate a forecaster fold by fold, with naive forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import WalkForwardCV
    >>> splitter = ExpandingWindowSplitter(
    ...     fh=np.arange(1, 11), initial_window=70, step_length=10
    ... )
    >>> cv = WalkForwardCV(splitter)
    >>> X = np.zeros((100, 2))
    >>> cv.get_n_splits(X)
    3
    >>> [(len(train), int(test[0]), int(test[-1])) for train, test in cv.split(X)]
    [(70, 70, 79), (80, 80, 89), (90, 90, 99)]
    """

    def __init__(self, splitter: Any) -> None:
        self.splitter = splitter

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the training and test rows of each fold.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Data to split. A splitter with windows in units of time uses its pandas
            index, or that of y if X has none.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets.
        groups : object
            Ignored; scikit-learn passes it.

        Yields
        ------
        train : ndarray of int
            Positions of the training rows.
        test : ndarray of int
            Positions of the test rows, which directly follow the training rows.

        Raises
        ------
        ValueError
            If test rows do not directly follow the training rows, or X holds several
            series.
        """
        check_single_series(X)
        for train, test in self.splitter.split(row_index(X, y)):
            _check_test_follows_train(train, test, self.splitter)
            yield train, test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Data to split. Required, because the number of folds depends on the number
            of rows.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets.
        groups : object
            Ignored; scikit-learn passes it.

        Returns
        -------
        n_splits : int
            Number of folds.

        Raises
        ------
        ValueError
            If X is None.
        """
        if X is None:
            raise ValueError(
                "get_n_splits needs X, because the number of folds depends on the "
                "number of rows, got None."
            )
        return sum(1 for _ in self.splitter.split(row_index(X, y)))


class Fold(NamedTuple):
    """Positions of the training rows and of the test rows."""

    train: np.ndarray
    test: np.ndarray


def check_folds(cv: Any, X: Any, y: Any) -> list[Fold]:
    if not hasattr(cv, "split"):
        raise ValueError(
            "cv must be a sktime splitter or a cross-validator with split(X, y), got "
            f"{cv!r}."
        )
    # Unlike scikit-learn's cross-validators, sktime's have a forecasting horizon.
    if hasattr(cv, "get_fh"):
        cv = WalkForwardCV(cv)
    folds = [
        Fold(np.asarray(train), np.asarray(test)) for train, test in cv.split(X, y)
    ]
    if not folds:
        raise ValueError(
            f"{cv} generates no fold for {num_samples(X)} rows. Pass more rows, or set "
            "a smaller initial window or horizon."
        )
    for train, test in folds:
        _check_test_follows_train(train, test, cv)
    return folds


def _check_test_follows_train(
    train: np.ndarray, test: np.ndarray, splitter: Any
) -> None:
    follows = (
        len(train) > 0
        and len(test) > 0
        and np.array_equal(train, np.arange(train[0], train[0] + len(train)))
        and np.array_equal(test, np.arange(train[-1] + 1, train[-1] + 1 + len(test)))
    )
    if not follows:
        raise ValueError(
            f"{splitter} generates training rows {_describe_rows(train)} and test rows "
            f"{_describe_rows(test)}, but a forecaster forecasts the rows right after "
            "its training rows. Use a splitter in time order, with a forecasting "
            "horizon of 1, 2, ... without gaps, such as fh=np.arange(1, 11)."
        )


def _describe_rows(rows: np.ndarray) -> str:
    if len(rows) == 0:
        return "none"
    order = ""
    if not np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        order = " with gaps" if (np.diff(rows) > 0).all() else " out of order"
    return f"{rows[0]} to {rows[-1]}{order}"


def row_index(X: Any, y: Any) -> pd.Index:
    """Return the pandas index of X, or else that of y, or else the row numbers."""
    index = index_of(X, y)
    return pd.RangeIndex(num_samples(X)) if index is None else index


def check_single_series(X: Any) -> None:
    index = index_of(X)
    if (index is not None and index.nlevels > 1) or is_list_of_tables(X):
        raise ValueError(
            "X must be a single series, but X holds several. Validate each series on "
            "its own; or one network for all of them with sktime's evaluate and "
            "sklstm.sktime.SktimeLSTMForecaster."
        )
