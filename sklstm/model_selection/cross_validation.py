"""Folds in time order, from sktime's splitters or scikit-learn's cross-validators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

from sklstm._core.introspection import find_forecaster
from sklstm._data.input_types import refuse_containers
from sklstm._data.panel import is_list_of_tables
from sklstm.model_selection.timeline import RowsOfSeries, Timeline


class WalkForwardCV(BaseCrossValidator):
    """Use a sktime splitter as a scikit-learn cross-validator.

    sktime's splitters cannot be passed as ``cv=`` themselves: their ``split`` does not
    accept ``groups``. The forecasters of this package forecast the rows that directly
    follow their training rows, so a splitter whose test rows lie elsewhere is refused.

    Several series, in one frame with an index of (series, time), are split at the same
    times, even if they begin or end at different ones. A series is in a fold only if it
    has both training rows and test rows there.

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
            index, or that of y if X has none. Of several series, the union of their
            times is split.
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
            If test rows do not directly follow the training rows, or X is a list of
            series, whose rows scikit-learn cannot select.
        """
        refuse_containers(X, "X")
        refuse_containers(y, "y")
        timeline = _timeline_of_rows(X, y)
        for fold in make_folds(self, timeline, X, y):
            yield timeline.rows_in_data(fold.train), timeline.rows_in_data(fold.test)

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
        splitter = _splitter_of(self)
        return sum(1 for _ in _split_times(splitter, _timeline_of_rows(X, y)))


@dataclass(frozen=True)
class Fold:
    """Training rows, and the test rows that follow them, of the series in a fold."""

    cutoff: int  # time of the first test row
    train: RowsOfSeries
    test: RowsOfSeries


def make_folds(cv: Any, timeline: Timeline, X: Any, y: Any) -> list[Fold]:
    """Split all series at the same times.

    A series is in a fold only if it has both training rows and test rows there.

    Parameters
    ----------
    cv : sktime splitter or cross-validator
    timeline : Timeline
        Times of X.
    X, y : as in `walk_forward`

    Returns
    -------
    folds : list of Fold
    """
    splitter = _splitter_of(cv)
    # Unlike scikit-learn's cross-validators, sktime's have a forecasting horizon.
    if hasattr(splitter, "get_fh"):
        splits = _split_times(splitter, timeline)
    elif timeline.panel is None:
        splits = splitter.split(X, y)
    else:
        splits = splitter.split(pd.DataFrame(index=timeline.index))
    folds = []
    for number, (train_times, test_times) in enumerate(splits):
        train_times, test_times = np.asarray(train_times), np.asarray(test_times)
        _check_test_follows_train(train_times, test_times, cv)
        cutoff = int(test_times[0])
        train = timeline.rows_between(int(train_times[0]), cutoff)
        test = timeline.rows_between(cutoff, int(test_times[-1]) + 1)
        members = [i for i in train if i in test]
        if not members:
            raise ValueError(
                f"X has no series with both training and test rows in fold {number}. "
                "Set another initial window or step length of the splitter."
            )
        folds.append(
            Fold(cutoff, {i: train[i] for i in members}, {i: test[i] for i in members})
        )
    if not folds:
        raise ValueError(
            f"{cv} generates no fold for {len(timeline.index)} rows. Pass more rows, "
            "or set a smaller initial window or horizon."
        )
    return folds


def targets_to_validate(estimator: Any, X: Any, y: Any) -> Any:
    """Return y, or the columns of X in place of it before any step of a pipeline."""
    if y is None and not hasattr(estimator, "horizon"):
        # Without y, a forecaster after a transformer would take the transformed
        # columns as targets.
        if getattr(find_forecaster(estimator), "known_future", None) is not None:
            raise ValueError(
                "y must be passed if known_future is set on a forecaster inside a "
                "pipeline or search, got None: without y, the columns in known_future "
                "would be targets too."
            )
        return X
    return y


def _splitter_of(cv: Any) -> Any:
    """Return a splitter, or that of a `WalkForwardCV`, checked to be one."""
    splitter, name = cv, "cv"
    while isinstance(splitter, WalkForwardCV):
        splitter, name = splitter.splitter, "splitter"
    if isinstance(splitter, str | type) or not hasattr(splitter, "split"):
        raise ValueError(
            f"{name} must be a sktime splitter or a cross-validator with split(X, y), "
            f"got {splitter!r}. Pass an object, such as ExpandingWindowSplitter("
            "fh=np.arange(1, 11), initial_window=100, step_length=10)."
        )
    return splitter


def _split_times(splitter: Any, timeline: Timeline) -> Iterator[Any]:
    """Split the times of a timeline by a splitter of sktime."""
    try:
        yield from splitter.split(timeline.index)
    except ValueError as error:
        if "incompatible with the length" not in str(error):
            raise
        raise ValueError(
            f"{splitter} generates no fold for {len(timeline.index)} rows. Pass more "
            "rows, or set a smaller initial window or horizon."
        ) from error


def _timeline_of_rows(X: Any, y: Any) -> Timeline:
    """Return the timeline of data whose rows scikit-learn can select."""
    if is_list_of_tables(X):
        raise ValueError(
            "X must be one array or frame, because scikit-learn selects its rows, but "
            "X is a list of series. Pass them as one frame with an index of (series, "
            "time), for example pandas.concat(X, keys=range(len(X))); or validate "
            "with walk_forward."
        )
    return Timeline.from_data(X, y)


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
