"""Base of the forecasters: from series to windows, and from outputs to forecasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklstm._core.callbacks import FitData
from sklstm._data.categories import CategoryEncoding
from sklstm._data.input_types import refuse_non_numbers
from sklstm._data.labels import Labels
from sklstm._data.panel import (
    Panel,
    SeriesInput,
    match_fitted_series,
    match_future_covariates,
    split_series,
)
from sklstm._data.series import (
    CheckedSeries,
    check_columns,
    check_enough_rows,
    check_series,
    check_several_series,
    name_in_errors,
)
from sklstm._data.targets import check_actual
from sklstm._data.time_index import index_of, warn_of_irregular_rows
from sklstm._data.user_warnings import warn_user
from sklstm._data.weights import check_panel_weights, check_weights
from sklstm._data.windows import number_windows, split_off_tails
from sklstm.engine import WindowData
from sklstm.forecasting._calibration import (
    Calibration,
    QuantileReducer,
    nonconformity_scores,
)
from sklstm.forecasting._covariate_scaling import (
    CovariateScaling,
    warn_of_useless_covariates,
)
from sklstm.forecasting._future_covariates import (
    check_forecast_rows,
    check_future_covariates,
    check_steps,
    warn_of_unknown_rows,
)
from sklstm.forecasting._history import History, SeriesRows, median_slope
from sklstm.forecasting._permutation import PermutableWindows, permutable_windows
from sklstm.forecasting._target_columns import find_targets, fit_target_column
from sklstm.forecasting._window_length import choose_window_length
from sklstm.forecasting._windows import (
    ScalingSettings,
    SeriesScaling,
    WindowShape,
    gather_targets,
    is_empty,
    is_trainable,
    last_observed,
)


class TrainingWindows(NamedTuple):
    """The windows to train on."""

    data: WindowData
    of_series: list[np.ndarray]  # indices of each series' windows, in time order
    weighted: bool  # whether the user passed sample weights


class ForecastKind(NamedTuple):
    """What to return for each row: the point forecast, or several named values."""

    reduce: QuantileReducer
    names: Sequence = ()  # of the values; empty for the point forecast

    @property
    def is_point(self) -> bool:
        """Whether this is the point forecast."""
        return not self.names


class Forecaster(RegressorMixin, BaseEstimator, ABC):
    """Base of the forecasters.

    It scales the series, cuts windows from them, remembers the rows that later windows
    reach back to, and turns what the model predicts for windows into forecasts. The
    model, and how it is trained on windows, is up to the subclass.
    """

    # Hyperparameters that this class reads.
    window_length: int | str
    horizon: int
    normalize: str | None
    target: Any
    known_future: Any
    covariate_scaling: str
    calibration_split: float
    categorical_features: Any = None

    # Fitted state.
    n_features_in_: int
    feature_names_in_: np.ndarray
    _column_labels: pd.Index | None  # of X, whatever their type
    target_columns_: list[int | None]
    window_length_: int
    _categories: CategoryEncoding
    _panel: Panel | None  # format of the series; None for a single one
    _histories: list[History]  # of each series
    _shape: WindowShape
    _weight_unit: float
    _calibration: Calibration

    # Quantiles that the model predicts, in ascending order.
    _quantiles: tuple[float, ...] = (0.5,)

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
            Whether this is the first call of `partial_fit`.
        """

    @abstractmethod
    def _predict_windows(self, data: WindowData) -> np.ndarray:
        """Predict the normalised targets of windows.

        Parameters
        ----------
        data : WindowData

        Returns
        -------
        predicted : ndarray of shape (n_windows, horizon, n_targets, n_quantiles)
            In ascending order along the last axis.
        """

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, incremental: bool = False
    ) -> Self:
        """Fit the scaling of each series, and the model to the windows of all."""
        self._panel, inputs, checked = check_several_series(
            self, X, y, sample_weight, reset=True, encode=self._fit_categories
        )
        weights, self._weight_unit = check_panel_weights(inputs, checked)
        future_columns = check_columns(
            "known_future", self.known_future, self._column_labels, self.n_features_in_
        )
        longest = max((series.X for series in checked), key=len)
        auto = isinstance(self.window_length, str)
        if not auto:
            self.window_length_ = int(self.window_length)
            check_enough_rows(longest, self.window_length_, self.horizon)
        targets = find_targets(
            self.target,
            inputs,
            checked,
            np.setdiff1d(
                np.arange(self.n_features_in_),
                np.append(future_columns, self._categories.columns),
            ),
            names=self._column_labels,
            horizon=int(self.horizon),
            # With these, windows are read relative to the target's history.
            warn=self.normalize in ("window", "last"),
        )

        if auto:
            self._choose_window_length([Y for Y, _, _ in targets])
            check_enough_rows(longest, self.window_length_, self.horizon)
        training, calibration = self._split_windows([len(s.X) for s in checked])

        span = self.window_length_ + int(self.horizon)
        n_training_rows = [len(windows) - 1 + span for windows in training]
        settings = ScalingSettings(
            self.normalize,
            self.window_length_,
            future_columns,
            incomplete_columns=np.flatnonzero(
                np.any([np.isnan(s.X).any(axis=0) for s in checked], axis=0)
            ),
            categories=self._categories.n_ids,
            shared=self._scale_covariates(
                [s.X[:n] for s, n in zip(checked, n_training_rows, strict=True)],
                [column.column for column in targets[0].columns],
            ),
        )
        histories = []
        for i, series in enumerate(inputs):
            Y, columns, target_format = targets[i]
            history = History.fit(
                SeriesRows(checked[i].X, Y, weights[i]).pad_left(span),
                Labels.from_data(series.X, series.y, target_format),
                columns,
                settings,
                n_training_rows=n_training_rows[i],
            )
            histories.append(history)
        self._histories = [
            history.with_step_of(histories, n_rows=len(series.X))
            for history, series in zip(histories, checked, strict=True)
        ]
        scaling = self._histories[0].scaling
        self._shape = scaling.window_shape(int(self.horizon))
        self.target_columns_ = [
            target.column for target in scaling.column_of_each_target()
        ]

        data = WindowData.join([h.windows(self._shape) for h in self._histories])
        self._store_histories(dict(enumerate(self._histories)))
        trainable = is_trainable(data, self._shape)
        training = [windows[trainable[windows]] for windows in training]
        if not any(map(len, training)):
            raise ValueError(
                "there is no window to train on: nowhere is a target known within "
                f"{int(self.horizon)} row(s) after a window of {self.window_length_} "
                "row(s) with a known value of a target column. Pass rows with fewer "
                "missing values."
            )
        calibration = [windows[trainable[windows]] for windows in calibration]
        self._fit_windows(
            TrainingWindows(data, training, sample_weight is not None),
            FitData(X, y),
            incremental=incremental,
        )
        self._calibration = Calibration(
            [self._nonconformity_scores(data.take(windows)) for windows in calibration],
            self.calibration_split,
        )
        return self

    def update(self, X: Any, y: Any = None, *, replace: bool = False) -> Self:
        """Append the rows that follow to the history, without training on them.

        Later forecasts start from these rows. The scores that calibrate prediction
        intervals are updated too.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after the last one seen. For several series a list with all
            of them, or a frame as in `fit` with all or some of them.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows. Only a later `partial_fit` and the calibration of
            intervals need them, and only where X does not hold them.
        replace : bool, default=False
            Whether the rows replace those seen before, to go back in time or to
            correct them. Of too few rows the first one is repeated at the front.

        Returns
        -------
        self : estimator
            The forecaster.

        Raises
        ------
        ValueError
            If X does not have the columns of fit, or its index says that the rows were
            seen before.
        """
        check_is_fitted(self)
        histories = self._extend_histories(X, y, replace=replace)
        if replace:
            self._calibration = self._calibration.freeze()
        self._update_calibration(histories)
        self._store_histories(histories)
        return self

    def predict(self, X: Any) -> Any:
        """Forecast each row of X from the rows before it.

        X is processed in blocks of ``horizon`` rows, and each block is forecast from
        all rows before it: with ``horizon=1`` these are one-step-ahead forecasts, and
        for ``horizon`` test rows it is the multi-step forecast from the last row seen.
        The rows of X are not added to the history.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those last passed to `fit`, `partial_fit` or `update`.
            For several series a list of them, or a frame as in `fit`.

        Returns
        -------
        forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)
            Forecasts in the format and units of y in fit. A list of arrays if X is a
            list.
        """
        check_is_fitted(self)
        return self._predict_series(X, self._point_forecast())

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination of the forecasts of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `predict`.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
            Targets of the rows. Rows with a missing target do not count.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row.

        Returns
        -------
        score : float
            R² of `predict`, at most 1.
        """
        forecast = self.predict(X)
        if isinstance(forecast, list):
            raise ValueError(
                "X must be one series, or a frame with an index of (series, time), "
                f"got a list of {len(forecast)} series. Score them one by one."
            )
        actual = check_actual(y, forecast)
        rows = ~np.isnan(actual.reshape(len(actual), -1)).any(axis=1)
        if not rows.any():
            raise ValueError(
                "y must have a row in which all targets are known, got none in "
                f"{len(actual)} row(s)."
            )
        weight = None
        if sample_weight is not None:
            weight = check_weights(sample_weight, actual)[0][rows]
        return r2_score(actual[rows], forecast[rows], sample_weight=weight)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Any:
        """Predict an interval for each row of X from the rows before it.

        X is processed in blocks as by `predict`. The intervals are calibrated by
        split-conformal prediction [1]_: their width at each step comes from the errors
        of forecasts in the windows held out by ``calibration_split``, on the scale of
        each window. `update` and `partial_fit` replace the oldest errors by those of
        the new rows. The intervals have the requested coverage if the rows to come are
        like the calibration rows.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those last passed to `fit`, `partial_fit` or `update`.
            For several series a list of them, or a frame as in `fit`.
        coverage : float, default=0.9
            Fraction of the rows that the intervals are to cover, between 0 and 1.

        Returns
        -------
        interval : ndarray of shape (n_timesteps, 2) or (n_timesteps, n_targets, 2)
            Lower and upper bounds, in the units of y. A list of arrays if X is a list.

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
        return self._predict_series(X, self._interval(coverage))

    def fitted_values(self, X: Any, coverage: float | None = None) -> Any:
        """Forecast each row of a series one step ahead, from its first row on.

        X is taken as a whole series: the history that `fit` and `update` remember is
        not used. Where fewer rows than a window precede a row, the first row of X is
        repeated at the front; the first row itself is then forecast from its own
        value, so leave it out of a comparison.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows of a series of fit, usually the training rows. For several series a
            list of them, or a frame as in `fit`.
        coverage : float, optional
            Fraction of the rows to cover. If set, intervals as by `predict_interval`
            are returned instead of forecasts.

        Returns
        -------
        forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)
            As by `predict`; with a last axis of lower and upper bound if ``coverage``
            is set.

        Raises
        ------
        ValueError
            If too few windows were held out for the coverage.
        """
        check_is_fitted(self)
        kind = self._point_forecast() if coverage is None else self._interval(coverage)
        return self._predict_series(X, kind, in_sample=True)

    def forecast(
        self,
        steps: int | None = None,
        X_future: Any = None,
        *,
        X: Any = None,
        y: Any = None,
    ) -> Any:
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int, optional
            Number of steps ahead; by default the number of rows of ``X_future`` if
            that is passed, else ``horizon``. More than ``horizon`` steps are forecast
            recursively, each block of ``horizon`` rows from the one before, which needs
            every column of X to be a target or a future covariate.
        X_future : array-like of shape (n_rows, n_features or n_future), optional
            Values of the ``known_future`` columns in the rows to forecast, at least
            ``steps`` rows. If it has all columns of X, the others are ignored. For
            several series a list with an entry for each, or a frame as in `fit`.
        X, y : as in `fit`, optional
            Forecast the rows after these instead. They may belong to series that were
            not in fit: scales are computed from the rows, and of too few rows the
            first one is repeated at the front.

        Returns
        -------
        forecast : ndarray, Series or DataFrame of shape (steps,) or (steps, n_targets)
            Forecasts in the format and units of y in fit. If X or y had a pandas index,
            they are labelled with its continuation, or with the index of ``X_future``;
            with the steps ahead, from 1, if the index is irregular (as the dates of
            trading days are). For several series a list, or one frame.

        Raises
        ------
        ValueError
            If ``X_future`` is missing or too short, or a recursive forecast is not
            possible.
        """
        check_is_fitted(self)
        return self._forecast(steps, X_future, X, y, self._point_forecast())

    def forecast_interval(
        self,
        steps: int | None = None,
        X_future: Any = None,
        *,
        coverage: float = 0.9,
        X: Any = None,
        y: Any = None,
    ) -> Any:
        """Predict intervals for the rows after the last one seen.

        The intervals are those of `predict_interval`.

        Parameters
        ----------
        steps : int, optional
            Number of steps ahead, at most ``horizon``; by default the number of rows
            of ``X_future`` if that is passed, else ``horizon``.
        X_future : array-like of shape (n_rows, n_features or n_future), optional
            As in `forecast`.
        coverage : float, default=0.9
            Fraction of the rows that the intervals are to cover, between 0 and 1.
        X, y : as in `fit`, optional
            As in `forecast`.

        Returns
        -------
        interval : ndarray or DataFrame of shape (steps, 2) or (steps, n_targets, 2)
            Lower and upper bounds, in the units of y. If X or y had a pandas index, a
            frame with the columns "lower" and "upper", below the name of each target if
            there are several. For several series a list, or one frame.

        Raises
        ------
        ValueError
            If too few windows were held out for the coverage, ``steps`` is greater than
            ``horizon``, or ``X_future`` is missing or too short.
        """
        check_is_fitted(self)
        return self._forecast(steps, X_future, X, y, self._interval(coverage))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        # The shuffled rows of scikit-learn's checks cannot be forecast from each other.
        tags.regressor_tags.poor_score = True
        return tags

    def _fit_categories(self, inputs: list[SeriesInput]) -> list[SeriesInput]:
        """Find the categories of all series, and replace them by their ids."""
        selected, tables = self.categorical_features, [series.X for series in inputs]
        self._categories = CategoryEncoding((), ())
        by_type = isinstance(selected, str) and selected == "from_dtype"
        if selected is None or (
            by_type and not all(hasattr(table, "columns") for table in tables)
        ):
            return inputs
        if any(len(np.shape(table)) != 2 for table in tables):
            return inputs  # an error follows
        self._categories = CategoryEncoding.fit(tables, selected)
        if self._categories.columns:
            for series in inputs:
                with name_in_errors(series.place):
                    refuse_non_numbers(series.X, "X", allow_text=True)
        return [self._encode_categories(series) for series in inputs]

    def _encode_categories(self, series: SeriesInput) -> SeriesInput:
        """Replace categories by their ids."""
        if not self._categories.columns or np.ndim(series.X) != 2:
            return series
        with name_in_errors(series.place):
            values = self._categories.encode(series.X)
        if not hasattr(series.X, "columns"):
            return series._replace(X=values)
        index = index_of(series.X)
        return series._replace(X=pd.DataFrame(values, index, series.X.columns))

    def _scale_covariates(
        self, Xs: list[np.ndarray], target_columns: list[int | None]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return means and scales that all series share, and warn of useless columns.

        Parameters
        ----------
        Xs : list of ndarray of shape (n_rows, n_columns)
            Training rows of each series.
        target_columns : list of (int or None)
        """
        columns = np.arange(self.n_features_in_)
        targets = [column for column in target_columns if column is not None]
        covariates = np.setdiff1d(columns, targets)
        numbers = np.setdiff1d(covariates, self._categories.columns)
        scaling = CovariateScaling.fit(Xs, numbers, self.covariate_scaling)
        warn_of_useless_covariates(Xs, numbers, scaling, self._column_labels)
        return None if self.normalize is None else (scaling.mean, scaling.scale)

    def _choose_window_length(self, targets: Sequence[np.ndarray]) -> None:
        """Set the length of a window by the season of the targets of each series."""
        # The last rows are those of the calibration windows.
        training = [Y[: len(Y) - int(len(Y) * self.calibration_split)] for Y in targets]
        chosen = choose_window_length(training, int(self.horizon), self._patch_length)
        self.window_length_ = chosen.n_rows
        if self._verbose:
            print(chosen)

    @property
    def _column_names(self) -> list:
        """Labels of the columns of X, or their indices."""
        labels = self._column_labels
        return list(range(self.n_features_in_) if labels is None else labels)

    @property
    def _future_columns(self) -> np.ndarray:
        """Columns of X that are read at the rows to forecast."""
        return self._histories[0].scaling.future_columns

    @property
    def _patch_length(self) -> int:
        """Number that divides the length of a window."""
        return 1

    @property
    def _verbose(self) -> int:
        return 0

    def _split_windows(
        self, n_rows: Sequence[int]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Number the windows of each series, and split them.

        Parameters
        ----------
        n_rows : sequence of int
            Number of rows of each series.

        Returns
        -------
        training, calibration : list of ndarray of int
            Windows of each series.
        """
        span = self.window_length_ + self.horizon
        windows = number_windows([max(n - span, 0) + 1 for n in n_rows])
        if not self.calibration_split:
            return windows, [numbers[:0] for numbers in windows]
        return split_off_tails(
            windows, self.calibration_split, self.horizon, name="calibration_split"
        )

    def _extend_histories(
        self, X: Any, y: Any = None, weight: Any = None, *, replace: bool = False
    ) -> dict[int, History]:
        """Extend the histories of series by new rows, or replace their rows.

        Returns
        -------
        histories : dict of int to History
            Of the series that X holds, by their positions in fit.
        """
        inputs = match_fitted_series(X, y, weight, fitted=self._panel)
        extended = {}
        for position, series in inputs.items():
            history = self._histories[position]
            rows = self._check_new_rows(series, history)
            if replace:
                rows = rows.pad_left(self._shape.n_history_rows)
                extended[position] = history.replaced_by(rows, series)
            else:
                extended[position] = history.extended_by(rows, series)
        return extended

    def _check_new_rows(self, series: SeriesInput, history: History) -> SeriesRows:
        """Check rows of a series of fit."""
        series = series.with_targets(history.labels.targets.names)
        X, y = self._check_series(series)
        if y is None:
            y = history.scaling.targets_from_columns(X)
        Y = self._check_targets(y)
        with name_in_errors(series.place):
            history.check_target_columns(X, Y)
        history.warn_of_other_units(X, self._column_names, name=series.name)
        weight, _ = check_weights(series.weight, X, self._weight_unit)
        return SeriesRows(X, Y, weight)

    def _check_series(self, series: SeriesInput) -> CheckedSeries:
        series = self._encode_categories(series)
        with name_in_errors(series.place):
            return check_series(self, series.X, series.y, reset=False)

    def _check_targets(self, y: np.ndarray) -> np.ndarray:
        """Return targets as columns, as many as in fit."""
        Y, n_targets = y.reshape(len(y), -1), self._shape.n_targets
        if Y.shape[1] != n_targets:
            raise ValueError(
                f"y has {Y.shape[1]} target(s), but {type(self).__name__} "
                f"was fitted with {n_targets}."
            )
        return Y

    def _store_histories(self, histories: Mapping[int, History]) -> None:
        """Remember the rows that later windows reach back to."""
        stored = list(self._histories)
        for position, history in histories.items():
            stored[position] = history.last(self._shape.n_history_rows)
        self._histories = stored

    def _permutable_windows(
        self, training: tuple[Any, Any], new: tuple[Any, Any]
    ) -> Iterator[PermutableWindows]:
        """Yield windows to change; called by `inspection.permutation_importance`."""
        return permutable_windows(self, training, new)

    def _predict_series(
        self, X: Any, kind: ForecastKind, *, in_sample: bool = False
    ) -> Any:
        """Forecast each row of X, in blocks of ``horizon`` rows after the history.

        With ``in_sample=True`` one step ahead, with nothing before the first row of X.
        """
        inputs = match_fitted_series(X, fitted=self._panel)
        window_length = self._shape.window_length
        step = 1 if in_sample else self._shape.horizon
        results = []
        for position, series in inputs.items():
            history = self._histories[position]
            rows, _ = self._check_series(series)
            if in_sample:
                context = np.repeat(rows[:1], window_length, axis=0)
            else:
                history.warn_unless_next(series)
                columns = history.scaling.target_columns
                if not len(columns):
                    columns = history.scaling.past_columns
                warn_of_unknown_rows(rows, columns, step, series.name)
                history.warn_of_other_units(rows, self._column_names, name=series.name)
                context = history.rows.X
            first = len(context) - window_length
            blocks = self._predict_blocks(
                history.scaling,
                np.vstack([context, rows]),
                np.arange(first, first + len(rows), step),
                kind.reduce,
                name=series.name,
            )[:, :step]
            values = blocks.reshape(-1, *blocks.shape[2:])[: len(rows)]
            values = values[..., 0] if kind.is_point else values
            results.append(values[:, 0] if history.labels.targets.one_d else values)
        if self._panel is None:
            return results[0]
        return self._panel.join(results, list(inputs.values()))

    def _forecast(
        self, steps: Any, X_future: Any, X: Any, y: Any, kind: ForecastKind
    ) -> Any:
        """Forecast the next rows of each series, with labels."""
        panel, histories = self._panel, self._histories
        if X is None and y is not None:
            raise ValueError(
                "y are targets of the rows of X, but X is None: pass both."
            )
        if X is not None:
            panel, inputs = split_series(X, y)
            histories = [self._history_of_new_series(series) for series in inputs]
        futures = match_future_covariates(X_future, panel)
        results = []
        for history, future in zip(histories, futures, strict=True):
            values, index = self._forecast_series(history, steps, future, kind)
            if kind.is_point:
                results.append(history.labels.label(values[..., 0], index))
            else:
                results.append(history.labels.label_several(values, kind.names, index))
        return results[0] if panel is None else panel.concat(results)

    def _history_of_new_series(self, series: SeriesInput) -> History:
        """Create the history of a series that was not in fit."""
        first = self._histories[0]
        scaling, target_format = first.scaling, first.labels.targets
        series = series.with_targets(target_format.names)
        X, y = self._check_series(series)
        warn_of_irregular_rows(series.time_index, name=series.name)
        columns = scaling.column_of_each_target()
        if y is not None:
            Y = self._check_targets(y)
            columns = [
                target
                if target.column is None
                else fit_target_column(
                    target.column, X, Y[:, i], slope=median_slope(self._histories, i)
                )
                for i, target in enumerate(columns)
            ]
        elif any(target.column is None for target in columns):
            raise ValueError(
                "forecast(X=...) needs y too: not every target has its history in a "
                "column of X, so its scale cannot be computed without y."
            )
        else:
            Y = scaling.targets_from_columns(X)
        history = History.fit(
            SeriesRows(X, Y, np.ones(len(X))).pad_left(self._shape.span),
            Labels.from_data(series.X, series.y, target_format),
            columns,
            scaling.settings,
        )
        return history.with_step_of(self._histories, n_rows=len(X))

    def _forecast_series(
        self, history: History, steps: Any, X_future: Any, kind: ForecastKind
    ) -> tuple[np.ndarray, Any]:
        """Forecast the next rows of a series.

        Returns
        -------
        values : ndarray of shape (steps, n_targets, n_values)
        index : pandas.Index or None
            Labels of the rows, if ``X_future`` has them.
        """
        steps, future, index = self._check_next_rows(history, steps, X_future)
        horizon = self._shape.horizon
        if not kind.is_point and steps > horizon:
            raise ValueError(
                f"intervals and quantiles reach horizon={horizon} step(s), as far as "
                f"errors were measured, got steps={steps}. Fit with horizon={steps}."
            )
        return self._forecast_blocks(history, steps, future, kind), index

    def _check_next_rows(
        self, history: History, steps: Any, X_future: Any
    ) -> tuple[int, np.ndarray | None, Any]:
        """Check the number of rows to forecast, and the future covariates there.

        Returns
        -------
        steps : int
        future : ndarray of shape (n_rows, n_future) or None
        index : pandas.Index or None
            Labels of the rows, if ``X_future`` has them.
        """
        scaling, horizon = history.scaling, self._shape.horizon
        names = self._column_labels
        future = check_future_covariates(
            X_future,
            scaling.future_columns,
            names,
            self.n_features_in_,
            self._categories,
        )
        if steps is None:
            steps = horizon if future is None else len(future)
        if future is not None:
            history.warn_of_other_units(
                future,
                self._column_names,
                name="X_future",
                columns=scaling.future_columns,
            )
        steps = check_steps(steps)
        check_forecast_rows(
            steps,
            horizon,
            future,
            needs_future=len(scaling.future_columns) > 0,
            never_known=[self._column_names[i] for i in scaling.past_columns],
        )
        index = index_of(X_future)
        if index is not None:
            index = index[:steps]
            history.check_future_index(index)
        return steps, future, index

    def _forecast_blocks(
        self,
        history: History,
        steps: int,
        future: np.ndarray | None,
        kind: ForecastKind,
    ) -> np.ndarray:
        """Forecast block by block, each from the point forecasts of those before."""
        scaling = history.scaling
        window_length, horizon = self._shape.window_length, self._shape.horizon
        known = history.rows.X
        blocks = []
        for begin in range(0, steps, horizon):
            part = None if future is None else future[begin : begin + horizon]
            rows = self._append_next_rows(known, part)
            starts = np.array([len(known) - window_length])
            (block,) = self._predict_blocks(scaling, rows, starts, kind.reduce)
            blocks.append(block)
            if kind.is_point:
                rows[len(known) :, scaling.target_columns] = (
                    scaling.columns_from_targets(block[..., 0])
                )
            known = rows
        return np.concatenate(blocks)[:steps]

    def _append_next_rows(
        self, known: np.ndarray, future: np.ndarray | None
    ) -> np.ndarray:
        """Append ``horizon`` rows, of which only the future covariates are known.

        The last row is repeated up to the end of the block, of which the caller drops
        the forecasts.
        """
        next_rows = np.repeat(known[-1:], self._shape.horizon, axis=0)
        if future is not None:
            next_rows[: len(future), self._future_columns] = future
            next_rows[len(future) :, self._future_columns] = future[-1]
        return np.vstack([known, next_rows])

    def _predict_blocks(
        self,
        scaling: SeriesScaling,
        rows: np.ndarray,
        starts: np.ndarray,
        reduce: QuantileReducer,
        *,
        name: str = "X",
    ) -> np.ndarray:
        """Predict the ``horizon`` rows after each window, in the targets' units.

        Without any observed value of a target in its window, the forecast of the target
        is its last observed value, or the mean of the training rows.

        Returns
        -------
        blocks : ndarray of shape (n_windows, horizon, n_targets, n_values)
        """
        series = scaling.encode(rows)
        # The model may read `horizon` rows after each window, of which the last block
        # can have fewer; the forecasts of the repeated rows are dropped by the caller.
        data = scaling.windows(series.extended(self._shape.horizon), starts)
        level, spread = data.level, data.spread
        predicted = self._predict_windows(data)
        n_found, window_length = self._shape.n_target_columns, self._shape.window_length
        empty = is_empty(data, window_length, n_found)
        if empty.any():
            last = last_observed(data, starts + window_length - 1)[:, :n_found]
            last = (last - level[:, :n_found]) / spread[:, :n_found]
            targets = predicted[:, :, :n_found]
            targets[:] = np.where(
                empty[:, None, :, None], last[:, None, :, None], targets
            )
            warn_user(
                f"{name} has windows of {window_length} row(s) without any known value "
                "of a target: their forecast is its last known value. Increase "
                "window_length, or pass the values."
            )
        values = reduce(predicted)
        decoded = [
            scaling.decode(value, level, spread) for value in np.moveaxis(values, -1, 0)
        ]
        return np.stack(decoded, axis=-1)

    def _point_forecast(self) -> ForecastKind:
        return ForecastKind(self._select_median)

    def _interval(self, coverage: Any) -> ForecastKind:
        median = self._quantiles.index(0.5)
        bounds = self._calibration.interval_bounds(coverage, median)
        return ForecastKind(bounds, ("lower", "upper"))

    def _select_median(self, predicted: np.ndarray) -> np.ndarray:
        """Select the median from predicted quantiles."""
        median = self._quantiles.index(0.5)
        return predicted[..., median : median + 1]

    def _update_calibration(self, histories: Mapping[int, History]) -> None:
        """Replace the oldest nonconformity scores by those of new windows."""
        new_scores = {
            position: self._nonconformity_scores(history.windows_to_score(self._shape))
            for position, history in histories.items()
            if self._calibration.is_updated_by(position)
        }
        self._calibration = self._calibration.updated(new_scores)

    def _nonconformity_scores(self, data: WindowData) -> np.ndarray:
        """Compute the scores of windows, of shape (n_windows, horizon, n_targets)."""
        targets = gather_targets(data, self._shape)
        if not len(targets):
            return targets
        return nonconformity_scores(self._predict_windows(data), targets)
