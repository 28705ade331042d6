"""A scikit-learn Pipeline that ends in a forecaster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from sklearn import config_context
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklstm._core.attribution import Attribution
from sklstm._core.estimator import restored_on_error
from sklstm._core.introspection import find_forecaster
from sklstm._data.panel import is_list_of_tables
from sklstm._sklearn import BaseSearchCV
from sklstm.forecasting._future_covariates import check_steps
from sklstm.forecasting._permutation import PermutableWindows
from sklstm.forecasting._raw_rows import RawRows


def _forecaster_has(method: str) -> Callable[[Any], bool]:
    """Check that the forecaster has a method, for `available_if`."""

    def check(pipeline: ForecastPipeline) -> bool:
        getattr(find_forecaster(pipeline[-1]), method)
        return True

    return check


class ForecastPipeline(Pipeline):
    """Transformers and a forecaster, with all methods of the forecaster.

    A `sklearn.pipeline.Pipeline` whose last step is a forecaster, and which also
    updates, forecasts and predicts intervals: rows go in as they were in fit, and
    forecasts come out in the units of y. The transformers are fitted to the rows of
    `fit` and not changed by later ones.

    The future covariates of the forecaster (``known_future``) are computed from the raw
    rows too. Those that depend on the time index alone, such as the day of the week,
    and lags that reach back before the forecast need no ``X_future``.

    Transformers that read earlier rows, such as lags and rolling means, get the last
    rows seen before new ones. pandas frames stay frames between the steps, so that
    ``known_future`` can name columns, unless ``set_output`` says otherwise.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and estimators: transformers, and at last an `LSTMForecaster`, a
        `WindowForecaster` or a search over one of them.
    transform_input : list of str, default=None
        As in `sklearn.pipeline.Pipeline`.
    memory : str or joblib.Memory, default=None
        Where to cache the fitted transformers, as in `sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        Whether to print the seconds that each step takes in fit.

    See Also
    --------
    make_forecast_pipeline : Construct a pipeline with steps named by their classes.

    Notes
    -----
    sktime's transformers cannot be steps, because scikit-learn's pipelines store data
    in their steps, which sktime's ``fit`` removes. Those that learn nothing, such as
    calendar features, work in a
    ``FunctionTransformer(DateTimeFeatures(...).fit_transform)``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklstm import LSTMForecaster, make_forecast_pipeline
    >>> days = pd.date_range("2024-01-01", periods=140)
    >>> X = pd.DataFrame({"visits": 100.0 + 50 * (days.dayofweek > 4)}, index=days)
    >>> def add_weekday(X):
    ...     return X.assign(weekday=X.index.day_name())
    >>> model = make_forecast_pipeline(
    ...     FunctionTransformer(add_weekday),
    ...     LSTMForecaster(14, horizon=7, known_future="weekday", random_state=0),
    ... )

    The weekday of the rows to forecast follows from the index:

    >>> model.fit(X[:126], X["visits"][:126]).update(X[126:]).forecast(2).round()
    2024-05-20    100.0
    2024-05-21    100.0
    Freq: D, Name: visits, dtype: float64
    """

    steps: list[tuple[str, Any]]
    _raw: RawRows
    _fitted_without_y: bool

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the transformers and then the forecaster to the transformed rows.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order. Several series as a frame with an index of
            (series, time).
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows of X, in their own units; by default the columns of X
            before the first step. With ``known_future`` it has to be passed.
        **params : dict
            Parameters of the steps' ``fit``, such as
            ``lstmforecaster__sample_weight``.

        Returns
        -------
        self : ForecastPipeline
            The fitted pipeline.

        Raises
        ------
        ValueError
            If the last step is no forecaster, or a step refuses the data.

        Warns
        -----
        UserWarning
            If transformers read later rows, or very many earlier ones.
        """
        targets = self._targets_for_fit(X, y)
        with self._guarded(X):
            super().fit(X, targets, **params)
            self._remember(X, y)
        return self

    @available_if(_forecaster_has("partial_fit"))
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Append the rows that follow to the history, and train on them for one epoch.

        The first call also fits the transformers, which later calls leave as they are.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after the last one seen. The first call needs as many rows
            as `fit`, later calls any number.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows, as in `fit`.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row as a target, in the unit of those of the first call.

        Returns
        -------
        self : ForecastPipeline
            The fitted pipeline.

        Raises
        ------
        ValueError
            As `fit`, or if the rows were seen before.
        """
        if self.__sklearn_is_fitted__():
            forecaster, rows = self._fitted_forecaster(), self._transform_next(X)
            forecaster.partial_fit(rows, self._targets(X, y), sample_weight)
            self._raw = self._raw.extended_by(X)
            return self
        targets = self._targets_for_fit(X, y)
        with self._guarded(X):
            rows = X
            if len(self.steps) > 1:
                transformers = Pipeline(self.steps[:-1], memory=self.memory)
                rows = transformers.fit_transform(X, targets)
                self.steps = [*transformers.steps, self.steps[-1]]
            self[-1].partial_fit(rows, targets, sample_weight)
            self._remember(X, y)
        return self

    def update(self, X: Any, y: Any = None, *, replace: bool = False) -> Self:
        """Append the rows that follow to the history, without training on them.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after the last one seen, as in `fit`.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows, as in `LSTMForecaster.update`.
        replace : bool, default=False
            Whether the rows replace those seen before, to go back in time or to
            correct them.

        Returns
        -------
        self : ForecastPipeline
            The pipeline.

        Raises
        ------
        ValueError
            If X does not have the columns of fit, or its index says that the rows were
            seen before.
        """
        forecaster = self._fitted_forecaster()
        rows = self._transform(X) if replace else self._transform_next(X)
        forecaster.update(rows, self._targets(X, y), replace=replace)
        self._raw = self._raw.extended_by(X, replaced=replace)
        return self

    def predict(self, X: Any, **params: Any) -> Any:
        """Forecast each row of X from the rows before it.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after the last one seen, as in `fit`.
        **params : dict
            Parameters of the forecaster's ``predict``.

        Returns
        -------
        forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)
            In the format and units of y in fit.
        """
        return self._fitted_forecaster().predict(self._transform_next(X), **params)

    def score(
        self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any
    ) -> float:
        """Return the coefficient of determination of the forecasts of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `predict`.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
            Targets of the rows.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row.
        **params : dict
            Further parameters of the last step's ``score``.

        Returns
        -------
        score : float
            R² of `predict`, at most 1; the score of a search if that is the last step.
        """
        self._fitted_forecaster()
        if sample_weight is not None:
            params["sample_weight"] = sample_weight
        rows = self._transform_next(X)
        return self[-1].score(rows, self._targets(X, y), **params)

    @available_if(_forecaster_has("predict_interval"))
    def predict_interval(self, X: Any, coverage: float = 0.9) -> Any:
        """Predict an interval for each row of X from the rows before it.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `predict`.
        coverage : float, default=0.9
            Fraction of the rows that the intervals are to cover, between 0 and 1.

        Returns
        -------
        interval : ndarray of shape (n_timesteps, 2) or (n_timesteps, n_targets, 2)
            Lower and upper bounds, in the units of y; see
            `LSTMForecaster.predict_interval`.
        """
        forecaster = self._fitted_forecaster()
        return forecaster.predict_interval(self._transform_next(X), coverage)

    @available_if(_forecaster_has("predict_quantiles"))
    def predict_quantiles(self, X: Any) -> Any:
        """Predict quantiles of each row of X from the rows before it.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `predict`.

        Returns
        -------
        quantiles : ndarray of shape (n_timesteps, [n_targets,] n_quantiles)
            In the order of the forecaster's parameter ``quantiles``.
        """
        return self._fitted_forecaster().predict_quantiles(self._transform_next(X))

    @available_if(_forecaster_has("fitted_values"))
    def fitted_values(self, X: Any, coverage: float | None = None) -> Any:
        """Forecast each row of a series one step ahead, from its first row on.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows of a series of fit, usually the training rows.
        coverage : float, optional
            Fraction of the rows to cover. If set, intervals are returned instead of
            forecasts.

        Returns
        -------
        forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)
            With a last axis of lower and upper bound if ``coverage`` is set.
        """
        return self._fitted_forecaster().fitted_values(self._transform(X), coverage)

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
            that is passed, else ``horizon``.
        X_future : array-like of shape (n_rows, n_features), optional
            The rows to forecast, as in `fit`, before the first step. A frame may hold
            some of the columns, and other columns may be NaN. Not needed if the
            ``known_future`` columns depend on the time index and earlier rows only.
        X, y : as in `fit`, optional
            Forecast the rows after these instead.

        Returns
        -------
        forecast : ndarray, Series or DataFrame of shape (steps,) or (steps, n_targets)
            As by `LSTMForecaster.forecast`, in the units of y.

        Raises
        ------
        ValueError
            If future covariates depend on columns that ``X_future`` does not hold, or
            the forecaster refuses the rows.
        """
        return self._forecast("forecast", steps, X_future, X, y)

    @available_if(_forecaster_has("forecast_interval"))
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

        Parameters
        ----------
        steps : int, optional
            Number of steps ahead, at most ``horizon``.
        X_future : array-like of shape (n_rows, n_features), optional
            As in `forecast`.
        coverage : float, default=0.9
            Fraction of the rows that the intervals are to cover, between 0 and 1.
        X, y : as in `fit`, optional
            As in `forecast`.

        Returns
        -------
        interval : ndarray or DataFrame of shape (steps, 2) or (steps, n_targets, 2)
            As by `LSTMForecaster.forecast_interval`, in the units of y.
        """
        return self._forecast(
            "forecast_interval", steps, X_future, X, y, coverage=coverage
        )

    @available_if(_forecaster_has("forecast_quantiles"))
    def forecast_quantiles(
        self,
        steps: int | None = None,
        X_future: Any = None,
        *,
        X: Any = None,
        y: Any = None,
    ) -> Any:
        """Predict quantiles of the rows after the last one seen.

        Parameters
        ----------
        steps : int, optional
            Number of steps ahead, at most ``horizon``.
        X_future : array-like of shape (n_rows, n_features), optional
            As in `forecast`.
        X, y : as in `fit`, optional
            As in `forecast`.

        Returns
        -------
        quantiles : ndarray or DataFrame of shape (steps, [n_targets,] n_quantiles)
            As by `LSTMForecaster.forecast_quantiles`, in the units of y.
        """
        return self._forecast("forecast_quantiles", steps, X_future, X, y)

    def _forecast(
        self, method: str, steps: Any, X_future: Any, X: Any, y: Any, **options: Any
    ) -> Any:
        """Call a method that forecasts the next rows, with transformed rows."""
        forecaster, raw, rows = self._fitted_forecaster(), self._raw, None
        if X is not None:
            rows, y = self._transform(X), self._targets(X, y)
            raw = raw.of_other_series(X)
        if steps is None and X_future is None and len(forecaster._future_columns):
            steps = int(forecaster.horizon)
        X_future = self._transform_future(raw, steps, X_future)
        return getattr(forecaster, method)(steps, X_future, X=rows, y=y, **options)

    def _transform_future(self, raw: RawRows, steps: Any, X_future: Any) -> Any:
        """Transform the rows to forecast, of which some columns are known."""
        forecaster = self._fitted_forecaster()
        columns, horizon = forecaster._future_columns, int(forecaster.horizon)
        if not len(columns) or len(self.steps) == 1:
            return X_future
        n_blocks = 1 if steps is None else -(-check_steps(steps) // horizon)
        # The forecaster reads the covariates of whole blocks.
        return raw.future_covariates(
            self._transform, columns, X_future, n_blocks * horizon
        )

    def _attribute(self, X: Any, X_future: Any, steps: Any) -> Attribution:
        """Attribute forecasts to transformed rows; called by `inspection.attribute`."""
        forecaster = self._fitted_forecaster()
        if X is None:
            X_future = self._transform_future(self._raw, None, X_future)
        return forecaster._attribute(
            None if X is None else self._transform(X), X_future, steps
        )

    def _permutable_windows(
        self, training: tuple[Any, Any], new: tuple[Any, Any]
    ) -> Iterator[PermutableWindows]:
        """Yield windows to change; called by `inspection.permutation_importance`."""
        return self._fitted_forecaster()._permutable_windows(
            (self._transform(training[0]), self._targets(*training)),
            (self._transform_next(new[0]), self._targets(*new)),
        )

    def _fitted_forecaster(self) -> Any:
        """Return the fitted forecaster, which may be the best one of a search."""
        check_is_fitted(self)
        final = self[-1]
        return getattr(final, "best_estimator_", final)

    def _transform(self, X: Any) -> Any:
        """Transform rows, without any before them."""
        if len(self.steps) == 1:
            return X
        with _frames_stay_frames(X):
            return Pipeline(self.steps[:-1]).transform(X)

    def _transform_next(self, X: Any) -> Any:
        """Transform the rows that follow those seen."""
        check_is_fitted(self)
        return self._raw.transform_next(self._transform, X)

    def _remember(self, X: Any, y: Any) -> None:
        forecaster = self._fitted_forecaster()
        self._raw = RawRows.from_fit(
            X,
            self._transform,
            int(forecaster.window_length_),
            has_future=len(forecaster._future_columns) > 0,
        )
        self._fitted_without_y = y is None

    def _targets(self, X: Any, y: Any) -> Any:
        """Return the targets of new rows, which are those of X if they were in fit."""
        return X if y is None and self._fitted_without_y else y

    def _targets_for_fit(self, X: Any, y: Any) -> Any:
        """Check the steps and the format of X, and return the targets."""
        for name, step in self.steps[:-1]:
            if hasattr(step, "get_class_tags") and hasattr(step, "reset"):
                raise ValueError(
                    f"step {name!r} is sktime's {type(step).__name__}, whose fit "
                    "removes what scikit-learn's pipelines store in their steps. If "
                    "it learns nothing, as calendar features do, pass "
                    f"FunctionTransformer({type(step).__name__}(...).fit_transform)."
                )
        final = self.steps[-1][1]
        inner = final.estimator if isinstance(final, BaseSearchCV) else final
        if isinstance(inner, Pipeline) or not hasattr(inner, "forecast"):
            raise ValueError(
                "the last step must be an LSTMForecaster, a WindowForecaster, or a "
                f"search over one of them, got {type(final).__name__}. Steps of a "
                "pipeline inside go before it, one by one; other estimators need "
                "sklearn.pipeline.Pipeline."
            )
        if is_list_of_tables(X) and len(self.steps) > 1:
            raise ValueError(
                "X must be one table, because transformers take no list of series, got "
                f"a list of {len(X)}. Pass several series as a frame with an index of "
                "(series, time), for example pandas.concat(X, keys=names)."
            )
        if y is not None or len(self.steps) == 1:
            return y
        if inner.known_future is not None:
            raise ValueError(
                "y must be passed if known_future is set on the forecaster of a "
                "pipeline, got None: without y, all columns of X would be targets."
            )
        return X

    @contextmanager
    def _guarded(self, X: Any) -> Iterator[None]:
        """Fit with frames between the steps; an error leaves everything as it was."""
        steps = [step for _, step in self.steps if hasattr(step, "__dict__")]
        with restored_on_error(self, *steps), _frames_stay_frames(X):
            yield


def make_forecast_pipeline(
    *steps: Any, memory: Any = None, verbose: bool = False
) -> ForecastPipeline:
    """Construct a `ForecastPipeline` with steps named by their classes.

    Parameters
    ----------
    *steps : estimators
        Transformers, and a forecaster as the last step.
    memory : str or joblib.Memory, default=None
        Where to cache the fitted transformers.
    verbose : bool, default=False
        Whether to print the seconds that each step takes in fit.

    Returns
    -------
    pipeline : ForecastPipeline
        The steps have the names of their classes in lowercase, as by
        `sklearn.pipeline.make_pipeline`.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm import LSTMForecaster, make_forecast_pipeline
    >>> list(make_forecast_pipeline(StandardScaler(), LSTMForecaster()).named_steps)
    ['standardscaler', 'lstmforecaster']
    """
    return ForecastPipeline(make_pipeline(*steps).steps, memory=memory, verbose=verbose)


@contextmanager
def _frames_stay_frames(X: Any) -> Iterator[None]:
    """Have transformers return pandas frames if X is one."""
    if hasattr(X, "iloc"):
        with config_context(transform_output="pandas"):
            yield
    else:
        yield
