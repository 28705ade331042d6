"""What the forecasters share: all but what learns from windows."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from sklstm._core.callbacks import FitData
from sklstm._data.labels import Labels
from sklstm._data.panel import Panel, SeriesInput, split_series
from sklstm._data.series import (
    check_columns,
    check_enough_rows,
    check_series,
    check_several_series,
    naming,
)
from sklstm._data.time_index import STEP_ROWS, index_of, warn_of_irregular_rows
from sklstm._data.weights import check_weights
from sklstm._data.windows import number_windows, split_off_tails
from sklstm.engine import WindowData
from sklstm.forecasting._calibration import conformal_margin
from sklstm.forecasting._future_covariates import (
    check_steps,
    read_future_covariates,
    split_future_covariates,
)
from sklstm.forecasting._history import History, pad_left
from sklstm.forecasting._target_columns import (
    TargetColumn,
    every_column_as_target,
    find_target_columns,
    fit_target_column,
)
from sklstm.forecasting._windows import (
    SeriesScaling,
    WindowShape,
    gather_targets,
    target_rows,
)

# How rows that were seen may be passed again.
_TO_GO_BACK = "update(..., replace=True) goes back in time"

# From the quantiles told of windows, (..., n_quantiles), to what is asked for, (...,
# n_ends): the middle one, or the ends of an interval.
QuantileReducer = Callable[[np.ndarray], np.ndarray]


class TargetFormat(NamedTuple):
    """What the targets are called, and whether they were one-dimensional."""

    names: tuple = ()
    one_d: bool = False


class TrainingWindows(NamedTuple):
    """The windows that a forecaster is fitted to."""

    data: WindowData
    of_series: list[np.ndarray]  # indices of each series' windows, in time order
    weighted: bool  # whether sample weights were passed


class Forecaster(RegressorMixin, BaseEstimator):
    """Base of the forecasters.

    It keeps the scales and the rows that the next windows reach back to, and turns a
    series into windows and what is told of them into forecasts. What learns from
    windows, and tells what follows them, is the forecaster's own.
    """

    _quantiles: tuple[float, ...] = (0.5,)
    _shape: WindowShape
    _panel: Panel | None  # how several series were passed; None for a single one
    _histories: list[History]  # of each series
    _weight_unit: float
    _calibration_residuals: list[
        np.ndarray
    ]  # how far forecasts of each were off, (n_windows, ...)
    _history_replaced: (
        bool  # whether an update put other rows in place of those learnt from
    )

    @abstractmethod
    def _fit_windows(
        self, windows: TrainingWindows, fit_data: FitData, *, incremental: bool
    ) -> None:
        """Fit the model to windows.

        Parameters
        ----------
        windows : TrainingWindows
        fit_data : FitData
            X and y as the user passed them, for callbacks.
        incremental : bool
            Whether training may be continued by `partial_fit`.
        """

    @abstractmethod
    def _predict_windows(self, data: WindowData) -> np.ndarray:
        """What follows each window, normalised.

        Returns
        -------
        told : ndarray of shape (n_windows, horizon, n_targets, n_quantiles)
            Rising along the last axis.
        """

    def update(self, X, y=None, *, replace=False):
        """Take in the next rows as history; the weights stay as they are.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those seen before. Of several series a list of as
            many, or a frame as in `fit`, of all or of some of them.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Their targets, of use only to a later `partial_fit`.
        replace : bool, default=False
            Whether the rows stand in place of those seen before, not behind them: to
            go back in time, or to correct rows. Where they are fewer than a window
            has, the first one is repeated before them.

        Returns
        -------
        self : estimator
            The forecaster.
        """
        check_is_fitted(self)
        which, given = self._match_series(X, y)
        pasts = self._extend_history(which, given, replace=replace)
        self._history_replaced = self._history_replaced or replace
        self._update_calibration(which, pasts)
        self._store_history(which, pasts)
        return self

    def predict(self, X):
        """Forecast each row of X from the rows before it.

        X is walked in blocks of ``horizon`` rows, and each block is forecast from
        everything before it: with ``horizon=1`` one step ahead, row by row; on
        ``horizon`` test rows the forecast from the cutoff. Nothing is remembered.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those last given to `fit`, `partial_fit` or `update`.
            Of several series a list of as many, or a frame as in `fit`.

        Returns
        -------
        forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)
            Like y in fit, in y's units. A list of them where X is one.
        """
        check_is_fitted(self)
        return self._predict_series(X, self._select_median, squeeze=True)

    def predict_interval(self, X, coverage=0.9):
        """Tell between which values each row of X will lie, from the rows before it.

        X is walked in blocks as by `predict`. An interval reaches as far as forecasts
        were off, at that step, in the windows held out by ``calibration_split``, on
        the scale of each window (split-conformal prediction [1]_); `update` and
        `partial_fit` put the newest rows in place of the oldest. So it covers as many
        rows as asked, as far as the rows to come are like those.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those last given to `fit`, `partial_fit` or `update`.
            Of several series a list of as many, or a frame as in `fit`.
        coverage : float, default=0.9
            The share of the rows that are to lie inside, between 0 and 1.

        Returns
        -------
        interval : ndarray of shape (n_timesteps, 2) or (n_timesteps, n_targets, 2)
            Lower and upper ends, in y's units. A list of them where X is one.

        Raises
        ------
        ValueError
            If too few windows were held out for the coverage.

        References
        ----------
        .. [1] Lei et al. (2018), "Distribution-free predictive inference for
           regression", Journal of the American Statistical Association 113(523).
        """
        check_is_fitted(self)
        return self._predict_series(X, self._interval_bounds(coverage))

    def fitted_values(self, X, coverage=None):
        """Forecast each row of a series from its first one on, one step ahead.

        Nothing that `fit` or `update` has remembered goes before X. Where fewer rows
        than a window has go before a row, the first of X is repeated before them; so
        the first row alone stands in for its own past. Nothing is remembered.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows of a series that was learnt from, such as those given to `fit`. Of
            several series a list of as many, or a frame as in `fit`.
        coverage : float, optional
            If given, intervals as by `predict_interval` stand in place of forecasts.

        Returns
        -------
        forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)
            As by `predict`; with a further axis of two ends if ``coverage`` is given.

        Raises
        ------
        ValueError
            If too few windows were held out for the coverage.
        """
        check_is_fitted(self)
        ends = (
            self._select_median if coverage is None else self._interval_bounds(coverage)
        )
        return self._predict_series(X, ends, squeeze=coverage is None, anew=True)

    def forecast(self, steps=None, X_future=None, *, X=None, y=None):
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int, optional
            How many; by default the rows of ``X_future`` if given, else ``horizon``.
            More than ``horizon`` are forecast recursively, each block from the one
            before, which needs every column to be forecast or known ahead.
        X_future : array-like of shape (n_rows, n_features or n_future), optional
            Values of the ``known_future`` columns in those rows, at least ``steps``
            of them; given among all columns, the others are not read. For several
            series a list of as many, or a frame as in `fit`.
        X, y : as in `fit`, optional
            Forecast what comes after these rows instead, be it those of series that
            were not learnt from. Scales are learnt from the rows; where they are fewer
            than a window has, the first one is repeated before them.

        Returns
        -------
        forecast : ndarray, Series or DataFrame of shape (steps,) or (steps, n_targets)
            Like y in fit. Where X or y had a pandas index, labelled with its
            continuation (or the index of ``X_future``); where that is irregular, as
            trading days are, with the steps counted from 1. Of several series a list,
            or one frame.

        Raises
        ------
        ValueError
            If the forecast needs what cannot be known.
        """
        check_is_fitted(self)
        return self._forecast(steps, X_future, X, y)

    def forecast_interval(
        self, steps=None, X_future=None, *, coverage=0.9, X=None, y=None
    ):
        """Tell between which values the rows after the last one seen will lie.

        Parameters
        ----------
        steps : int, optional
            How many, at most ``horizon``; by default the rows of ``X_future`` if
            given, else ``horizon``.
        X_future : array-like of shape (n_rows, n_features or n_future), optional
            As in `forecast`.
        coverage : float, default=0.9
            The share of the rows that are to lie inside, between 0 and 1.
        X, y : as in `fit`, optional
            As in `forecast`.

        Returns
        -------
        interval : ndarray or DataFrame of shape (steps, 2) or (steps, n_targets, 2)
            Lower and upper ends, in y's units. Where X or y had a pandas index, a
            frame with the columns "lower" and "upper", for each target beneath its
            name if there are several. Of several series a list, or one frame.

        Raises
        ------
        ValueError
            If too few windows were held out for the coverage, or the interval needs
            what cannot be known.
        """
        check_is_fitted(self)
        ends = self._interval_bounds(coverage)
        return self._forecast(steps, X_future, X, y, ends, ["lower", "upper"])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        # It forecasts rows from those before them; shuffled rows have no such order.
        tags.regressor_tags.poor_score = True
        return tags

    def _fit(self, X, y, sample_weight, *, incremental=False):
        """Learn the scales, and from all windows of the rows given."""
        self._panel, given, checked = check_several_series(
            self, X, y, sample_weight, reset=True
        )
        weights = self._check_weights(given, [rows for rows, _ in checked])
        names = getattr(self, "feature_names_in_", None)
        known = check_columns(
            "known_future", self.known_future, names, self.n_features_in_
        )
        needed = int(self.window_length + self.horizon)
        longest = max((rows for rows, _ in checked), key=len)
        check_enough_rows(longest, self.window_length, self.horizon)
        n_windows = [max(len(rows) - needed, 0) + 1 for rows, _ in checked]
        windows = number_windows(n_windows)
        held_out: list[np.ndarray] = []
        n_learnt = [max(len(rows), needed) for rows, _ in checked]
        if self.calibration_split:
            windows, held_out = split_off_tails(
                windows, self.calibration_split, self.horizon, name="calibration_split"
            )
            n_learnt = [len(each) - 1 + needed for each in windows]
        meant = self._find_targets(given, checked, known, names)
        parts = zip(given, checked, meant, weights, n_learnt, strict=True)
        pasts = [
            self._init_history(each, rows, *targets, weight, known, n, needed)
            for each, (rows, _), targets, weight, n in parts
        ]
        pasts = [
            past.with_step_from(pasts) if len(rows) < STEP_ROWS else past
            for past, (rows, _) in zip(pasts, checked, strict=True)
        ]
        scaling = pasts[0].scaling
        self._shape = WindowShape(
            window_length=int(self.window_length),
            horizon=int(self.horizon),
            n_columns=scaling.n_columns,
            n_targets=pasts[0].Y.shape[1],
            n_target_columns=scaling.n_target_columns,
            n_future_columns=len(known),
        )
        self.target_columns_ = [own.column for own in scaling.column_of_each_target()]
        self._histories = pasts
        self._store_history(range(len(pasts)), pasts)
        data = WindowData.join([past.windows(self._shape) for past in pasts])
        self._fit_windows(
            TrainingWindows(data, windows, sample_weight is not None),
            FitData(X, y),
            incremental=incremental,
        )
        nothing = np.arange(0)
        self._calibration_residuals = [
            self._nonconformity_scores(data, each)
            for each in held_out or [nothing] * len(pasts)
        ]
        self._history_replaced = False
        return self

    def _find_targets(
        self, given: list[SeriesInput], checked, known, names
    ) -> list[tuple]:
        """Of each series the targets in columns, their own pasts, and their names."""
        Xs = [rows for rows, _ in checked]
        unknown = np.setdiff1d(np.arange(Xs[0].shape[1]), known)
        if all(targets is None for _, targets in checked):
            called = TargetFormat(() if names is None else tuple(names[unknown]))
            own = every_column_as_target(self.target, unknown)
            return [(rows[:, unknown], own, called) for rows in Xs]
        Ys: list[np.ndarray] = []
        for each, (rows, targets) in zip(given, checked, strict=True):
            if targets is None:
                raise ValueError(
                    f"{each.place} has no targets, but others have: y must hold those "
                    "of every series, or be None."
                )
            Ys.append(targets.reshape(len(rows), -1))
            if Ys[-1].shape[1] != Ys[0].shape[1]:
                raise ValueError(
                    f"{each.place} has {Ys[-1].shape[1]} target(s), but "
                    f"{given[0].place} has {Ys[0].shape[1]}."
                )
        called = TargetFormat((), one_d=checked[0][1].ndim == 1)
        named = None
        if self.target is not None and not (
            isinstance(self.target, str) and self.target == "auto"
        ):
            named = check_columns("target", self.target, names, Xs[0].shape[1])
        found = find_target_columns(
            self.target,
            Xs,
            Ys,
            unknown,
            named=named,
            # With these, windows are read relative to the target's own past.
            needed=self.normalize in ("window", "last"),
        )
        return [(Y, own, called) for Y, own in zip(Ys, found, strict=True)]

    def _init_history(
        self,
        given: SeriesInput,
        rows,
        targets,
        own,
        called,
        weight,
        known,
        n_learnt,
        n_rows,
    ) -> History:
        """The past of a new series, its scales learnt from its first rows.

        Rows are filled up to so many on the left.
        """
        rows, targets, weight = pad_left(rows, targets, weight, n_rows)
        scaling = SeriesScaling.fit(
            rows[:n_learnt],
            targets[:n_learnt],
            own,
            known,
            normalize=self.normalize,
            window_length=self.window_length,
        )
        labels = Labels.of(
            given.X, given.y, targets=called.names, one_target_1d=called.one_d
        )
        return History(scaling, rows, targets, weight, labels)

    def _check(self, given: SeriesInput):
        with naming(given.place):
            return check_series(self, given.X, given.y, reset=False)

    def _check_weights(self, given: list[SeriesInput], rows: list[np.ndarray]):
        """Weights of the rows of each series, whose mean over all is 1."""
        if all(each.weight is None for each in given):
            self._weight_unit = 1.0
            return [np.ones(len(each)) for each in rows]
        weights = [np.asarray(each.weight) for each in given]
        for each, values, own in zip(given, weights, rows, strict=True):
            if values.shape != (len(own),):
                raise ValueError(
                    f"sample_weight must hold a weight for each of the {len(own)} "
                    f"row(s) of {each.place or 'X'}, sample_weight.shape is "
                    f"{values.shape}."
                )
        together = np.concatenate(weights)
        weight, self._weight_unit = check_weights(together, np.concatenate(rows))
        return np.split(weight, np.cumsum([len(each) for each in rows])[:-1])

    def _match_series(
        self, X, y=None, weight=None
    ) -> tuple[list[int], list[SeriesInput]]:
        """Which of the series that fit was given go on, and how."""
        panel, given = split_series(X, y, weight)
        fitted, n_fitted = self._panel, len(self._histories)
        if (panel is None) != (fitted is None):
            raise ValueError(
                f"X must be passed as in fit, which was given "
                f"{'one series' if fitted is None else f'{n_fitted} series'}, got "
                f"{'one' if panel is None else len(given)}. Other series can be "
                "forecast by forecast(X=...)."
            )
        if panel is None or fitted is None:
            return [0], given
        if (panel.names is None) != (fitted.names is None):
            raise ValueError(
                "X must be passed as in fit: a list of series, or a frame with an "
                "index of (series, time)."
            )
        if panel.names is None or fitted.names is None:
            if len(given) != n_fitted:
                raise ValueError(
                    f"X must hold the {n_fitted} series of fit, in their order, got "
                    f"{len(given)}. Other series can be forecast by forecast(X=...)."
                )
            return list(range(n_fitted)), given
        unknown = [name for name in panel.names if name not in fitted.names]
        if unknown:
            raise ValueError(
                f"X holds the series {unknown}, which fit was not given. Forecast them "
                "by forecast(X=...)."
            )
        return [fitted.names.index(name) for name in panel.names], given

    def _extend_history(
        self, which, given: list[SeriesInput], *, replace: bool = False
    ):
        """The past of each series with the rows that follow, or with nothing else."""
        n_rows = self._shape.window_length + self._shape.horizon - 1
        pasts = []
        for number, each in zip(which, given, strict=True):
            past = self._histories[number]
            each = each.with_targets(past.labels.targets)
            rows, targets = self._check(each)
            if targets is None:
                targets = past.scaling.targets_from_columns(rows)
            targets = self._check_targets(targets)
            with naming(each.place):
                past.check_target_columns(rows, targets)
            if each.weight is None:
                weight = np.ones(len(rows))
            else:
                weight, _ = check_weights(each.weight, rows, self._weight_unit)
            labels = past.labels.after(each.X, each.y)
            if not replace:
                past.labels.times.check_continued(
                    index_of(each.X, each.y),
                    name=each.place or "X",
                    rewind_hint=_TO_GO_BACK,
                )
            else:
                warn_of_irregular_rows(index_of(each.X, each.y), name=each.place or "X")
                past = past.first(0)
                rows, targets, weight = pad_left(rows, targets, weight, n_rows)
            pasts.append(past.append(rows, targets, weight, labels))
        return pasts

    def _check_targets(self, targets: np.ndarray) -> np.ndarray:
        """Targets in columns, as many as in fit."""
        targets, n_targets = targets.reshape(len(targets), -1), self._shape.n_targets
        if targets.shape[1] != n_targets:
            raise ValueError(
                f"y has {targets.shape[1]} target(s), but {type(self).__name__} "
                f"was fitted with {n_targets}."
            )
        return targets

    def _store_history(self, which, pasts: list[History]) -> None:
        """Keep the rows that the next window, also one to learn from, reaches to."""
        length = self._shape.window_length + self._shape.horizon - 1
        kept = list(self._histories)
        for number, past in zip(which, pasts, strict=True):
            kept[number] = past.last(length)
        self._histories = kept

    def _predict_series(
        self, X, ends: QuantileReducer, *, squeeze: bool = False, anew: bool = False
    ):
        """What is told of each row of X, (n_timesteps, [n_targets,] [n_ends]).

        In blocks after the past; ``anew``, row by row with nothing before X.
        """
        which, given = self._match_series(X)
        results = []
        for number, each in zip(which, given, strict=True):
            past = self._histories[number]
            rows, _ = self._check(each)
            name, times, index = each.place or "X", past.labels.times, index_of(each.X)
            if not anew and times.was_seen(index):
                warnings.warn(
                    f"{name} begins at {index[0]}, but rows "
                    f"up to {times.last} were seen before: those of X are taken "
                    "as what comes next. fitted_values forecasts rows learnt from.",
                    UserWarning,
                    stacklevel=3,
                )
            elif not anew:
                times.warn_of_gaps(index, name=name)
            n_told = 1 if anew else self._shape.horizon
            starts = np.arange(0, len(rows), n_told)
            if anew:
                before = np.repeat(rows[:1], self._shape.window_length, axis=0)
            else:
                before = past.X[-self._shape.window_length :]
            blocks = self._predict_blocks(
                past.scaling, np.vstack([before, rows]), starts, ends
            )[:, :n_told]
            told = blocks.reshape(-1, *blocks.shape[2:])[: len(rows)]
            told = told[..., 0] if squeeze else told
            results.append(told[:, 0] if past.labels.one_target_1d else told)
        return results[0] if self._panel is None else self._panel.join(results, given)

    def _forecast(
        self, steps, X_future, X, y, ends: QuantileReducer | None = None, names=()
    ):
        """What is told of the next rows of each series, labelled.

        The forecast; or what ``ends`` makes of the quantiles told, so named.
        """
        panel, pasts = self._panel, self._histories
        if X is None and y is not None:
            raise ValueError(
                "y are targets of the rows of X, but X is None: pass both."
            )
        if X is not None:
            panel, given = split_series(X, y)
            pasts = [self._history_of_new_series(each) for each in given]
        results = []
        plans = split_future_covariates(X_future, panel, len(pasts))
        for past, plan in zip(pasts, plans, strict=True):
            told, index = self._forecast_series(past, steps, plan, ends)
            if ends is None:
                results.append(past.labels.label(told, index))
            else:
                results.append(past.labels.label_several(told, names, index))
        return results[0] if panel is None else panel.concat(results)

    def _history_of_new_series(self, given: SeriesInput) -> History:
        """The past of a series that was not learnt from."""
        first = self._histories[0]
        given = given.with_targets(first.labels.targets)
        rows, targets = self._check(given)
        warn_of_irregular_rows(index_of(given.X, given.y), name=given.place or "X")
        scaling, labels = first.scaling, first.labels
        own = scaling.column_of_each_target()
        if targets is None and TargetColumn() in own:
            raise ValueError(
                "forecast(X=...) needs y too: not every target's own past is a column "
                "of X, so that its scale cannot be told without it."
            )
        if targets is None:
            targets = scaling.targets_from_columns(rows)
        else:
            targets = self._check_targets(targets)
            own = [
                past
                if past.column is None
                else fit_target_column(past.column, rows, y, slope=self._slope(i))
                for i, (past, y) in enumerate(zip(own, targets.T, strict=True))
            ]
        past = self._init_history(
            given,
            rows,
            targets,
            own,
            TargetFormat(labels.targets, one_d=labels.one_target_1d),
            np.ones(len(rows)),
            scaling.known,
            None,
            self._shape.window_length + self._shape.horizon,
        )
        return past.with_step_from(self._histories) if len(rows) < STEP_ROWS else past

    def _slope(self, target: int) -> float:
        """The typical slope from a target's own past to the target."""
        own = [past.scaling.column_of_each_target()[target] for past in self._histories]
        return float(np.median([each.slope for each in own]))

    def _forecast_series(
        self, past: History, steps, X_future, ends: QuantileReducer | None
    ):
        """What is told of a series' next rows, and their index where it is known."""
        scaling = past.scaling
        window_length, horizon = self._shape.window_length, self._shape.horizon
        names = getattr(self, "feature_names_in_", None)
        plan = read_future_covariates(
            X_future, scaling.known, names, self.n_features_in_
        )
        if steps is None:
            steps = horizon if plan is None else len(plan)
        columns = np.arange(self.n_features_in_) if names is None else names
        check_steps(
            steps, horizon, plan, scaling.known, columns[scaling.plain].tolist()
        )
        index = index_of(X_future)
        if index is not None:
            index = index[:steps]
            past.labels.times.check_next(
                index, name="X_future", rewind_hint=_TO_GO_BACK
            )
        if ends is not None and steps > horizon:
            raise ValueError(
                f"intervals and quantiles reach horizon={horizon} step(s), as far as "
                f"errors were measured, got steps={steps}. Fit with horizon={steps}."
            )
        rows, first = past.X[-window_length:], np.zeros(1, int)
        blocks: list[np.ndarray] = []
        for begin in range(0, steps, horizon):
            new = np.repeat(rows[-1:], horizon, axis=0)
            if plan is not None:
                # Where a plan ends within the block, its last row stands for the rest.
                part = plan[begin : begin + horizon]
                new[: len(part), scaling.known] = part
                new[len(part) :, scaling.known] = part[-1]
            rows = np.vstack([rows[-window_length:], new])
            if ends is not None:
                return self._predict_blocks(scaling, rows, first, ends)[
                    0, :steps
                ], index
            block = self._predict_blocks(scaling, rows, first, self._select_median)[
                0, ..., 0
            ]
            rows[window_length:, scaling.own] = scaling.columns_from_targets(block)
            blocks.append(block)
        return np.concatenate(blocks)[:steps], index

    def _predict_blocks(
        self, scaling: SeriesScaling, rows, starts, ends: QuantileReducer
    ):
        """What is told of the rows after windows, in the targets' units.

        Returns
        -------
        blocks : ndarray of shape (n_blocks, horizon, n_targets, n_ends)
        """
        series = scaling.encode(rows)
        # Of a last block that is cut short nobody knows the rows that are missing.
        series = np.vstack([series, np.repeat(series[-1:], self._shape.horizon, 0)])
        level, spread = scaling.level_and_spread(
            series, self._shape.window_length, starts
        )
        told = ends(self._predict_windows(WindowData(series, starts, level, spread)))
        each = np.moveaxis(told, -1, 0)
        return np.stack([scaling.decode(end, level, spread) for end in each], axis=-1)

    @property
    def _all_calibration_residuals(self) -> np.ndarray:
        """How far forecasts were off, (n_windows, horizon, n_targets)."""
        return np.concatenate(self._calibration_residuals)

    def _update_calibration(self, which, pasts: list[History]) -> None:
        """Measure how far forecasts of new rows are off, in place of the oldest."""
        if self._history_replaced:
            return  # nobody knows whether the rows are new
        offs = list(self._calibration_residuals)
        for number, past in zip(which, pasts, strict=True):
            if not len(offs[number]):
                continue
            data = past.windows(self._shape)
            known = np.isfinite(gather_targets(data, self._shape)).all(axis=(1, 2))
            known &= (past.weight[target_rows(data, self._shape)] > 0).all(axis=1)
            new = self._nonconformity_scores(data, np.flatnonzero(known))
            offs[number] = np.concatenate([offs[number], new])[-len(offs[number]) :]
        self._calibration_residuals = offs

    def _nonconformity_scores(
        self, data: WindowData, windows: np.ndarray
    ) -> np.ndarray:
        """How far the targets of windows lie outside what is told of them."""
        data = data.take(windows)
        targets = gather_targets(data, self._shape)
        if not len(windows):
            return np.abs(targets)
        told = self._predict_windows(data)
        return np.maximum(told[..., 0] - targets, targets - told[..., -1])

    def _select_median(self, told: np.ndarray) -> np.ndarray:
        """The forecast among the quantiles that are told."""
        middle = self._quantiles.index(0.5)
        return told[..., middle : middle + 1]

    def _interval_bounds(self, coverage) -> QuantileReducer:
        """From what is told to the ends of an interval."""
        margin = conformal_margin(
            self._all_calibration_residuals, coverage, self.calibration_split
        )

        def ends(told):
            # Quantiles that were too far apart are drawn together, not past the middle.
            middle = self._select_median(told)[..., 0]
            lower = np.minimum(told[..., 0] - margin, middle)
            return np.stack(
                [lower, np.maximum(told[..., -1] + margin, middle)], axis=-1
            )

        return ends
