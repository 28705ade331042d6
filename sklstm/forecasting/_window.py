"""Forecasting by any scikit-learn regressor on windows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from sklstm._core import params
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.keras_parameters import refuse_class
from sklstm._sklearn import BaseSearchCV, HasMethods, fit_context
from sklstm.engine import WindowData
from sklstm.forecasting._base import Forecaster, TrainingWindows
from sklstm.forecasting._windows import gather_targets, gather_weights, gather_windows


class WindowForecaster(Forecaster):
    """Forecast time series by any scikit-learn regressor on windows.

    The rows of X are time steps in order. The regressor reads ``window_length`` rows
    and forecasts the targets of the ``horizon`` rows that follow. A row is never used
    to forecast itself or an earlier row. Windows are cut, normalised and mapped back as
    by `LSTMForecaster`; the model is a regressor of your choice: a linear model,
    gradient boosted trees, or a network of your own in a
    `sklstm.keras.KerasSequenceRegressor`.

    Parameters
    ----------
    regressor : regressor
        A clone of it is fitted to the normalised windows and targets. If its tags (or
        those of the regressor inside a pipeline or search) say that it takes
        three-dimensional X, windows have shape (n_windows, window_length, n_columns);
        otherwise (n_windows, window_length * n_columns), row after row. The columns are
        the target columns, then the covariates. y has shape (n_windows,), or
        (n_windows, horizon * n_targets) if that is more than one value; a regressor of
        a single target is then fitted once for each value.
    window_length : int or "auto", default=10
        Number of rows in a window. "auto" takes two seasons, at least the horizon, and
        leaves at least as many windows as a window has rows. The season, up to 256
        rows, is a peak in the autocorrelation of the target in the training rows;
        without one, windows have 10 rows.
    horizon : int, default=1
        Number of rows forecast at once from the same window (a direct forecast).
    normalize : {"window", "last", "standard"} or None, default="window"
        Scaling of the target and of the column that holds its history. "window"
        subtracts the last value of each window and divides by the window's standard
        deviation around its own straight line. "last" only subtracts the last value.
        "standard" uses mean and standard deviation of the training rows. Forecasts are
        mapped back to the units of y. Covariates are standardised by the training rows.
        None scales nothing.
    target : "auto", int, str, list or None, default="auto"
        Column of X that holds the history of the target, one for each target, by label
        or index (a label that is neither text nor integer in a list). "auto" finds the
        column of which y is an affine image, so a scaler before the forecaster does no
        harm. None: X does not hold the history, and the target is standardised.
    known_future : int, str, list or None, default=None
        Columns of X that are future covariates, by label or index as in ``target``:
        their values at the forecast rows are known in advance (calendar features,
        planned prices). They follow the rows of the window; in three dimensions they
        are further columns, the same in each row of the window.
    covariate_scaling : {"series", "panel"}, default="series"
        Where mean and standard deviation of a numeric covariate come from: from each
        series, or from all series together. Use "panel" if a covariate has the same
        unit in all series, such as a price: a change then has the same effect in all of
        them, also where the covariate has not changed before. A covariate that is
        constant within each series (a static covariate, such as the size of a shop) is
        always scaled over all series.
    calibration_split : float, default=0.0
        Fraction of the windows, the last in time, that training does not use. The
        errors of their forecasts calibrate the prediction intervals.

    Attributes
    ----------
    regressor_ : regressor
        The fitted clone of the regressor.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.
    window_length_ : int
        Number of rows in a window.
    target_columns_ : list of (int or None)
        For each target the column of X that holds its history.

    See Also
    --------
    LSTMForecaster : Forecast by a recurrent network on the same windows.
    sklstm.walk_forward : Evaluate forecasts fold by fold, beside naive forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklstm import WindowForecaster
    >>> y = np.sin(np.arange(300) / 5)
    >>> X = y[:, None]
    >>> forecaster = WindowForecaster(Ridge(0.01), window_length=30, horizon=5)
    >>> forecast = forecaster.fit(X[:250], y[:250]).predict(X[250:])
    >>> bool(np.abs(forecast - y[250:]).max() < 0.01)
    True
    """

    regressor_: Any

    _parameter_constraints: dict[str, Any] = {
        "regressor": [HasMethods(["fit", "predict"])],
        **{
            name: params.WINDOWS[name]
            for name in (
                "window_length",
                "horizon",
                "normalize",
                "target",
                "known_future",
                "covariate_scaling",
                "calibration_split",
            )
        },
    }

    def __init__(
        self,
        regressor: Any,
        window_length: int | str = 10,
        horizon: int = 1,
        *,
        normalize: str | None = "window",
        target: Any = "auto",
        known_future: Any = None,
        covariate_scaling: str = "series",
        calibration_split: float = 0.0,
    ):
        self.regressor = regressor
        self.window_length = window_length
        self.horizon = horizon
        self.normalize = normalize
        self.target = target
        self.known_future = known_future
        self.covariate_scaling = covariate_scaling
        self.calibration_split = calibration_split

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the regressor to the windows of one series or several.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order, at least ``window_length + horizon`` of them. Or several
            series with the same columns: a list of them, or a frame with an index of
            (series, time). They share one regressor, and each has scales of its own. If
            some of them have too few rows, their first row is repeated at the front,
            with weight zero.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows of X, in their own units; for several series a list of
            them, or columns with the index of X. Without y the targets are the columns
            of X that are not in ``known_future``. After a scaler in a pipeline these
            are the scaled columns, so pass y there.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row as a target; for several series as y. The weight of a
            window is the mean over its target rows.

        Returns
        -------
        self : WindowForecaster
            The fitted forecaster.

        Raises
        ------
        ValueError
            If X has too few rows, or X, y or a parameter is not as described.
        """
        return self._fit(X, y, sample_weight)

    def _fit_windows(
        self, windows: TrainingWindows, fit_data: FitData, *, incremental: bool
    ) -> None:
        data = windows.data.take(np.concatenate(windows.of_series))
        complete = (gather_weights(data, self._shape) > 0).all(axis=1)
        if not windows.weighted and complete.any():
            # Without weights, windows whose targets are repeated rows are left out.
            data = data.take(np.flatnonzero(complete))
        targets = gather_targets(data, self._shape)
        known = np.isfinite(targets).all(axis=(1, 2))
        if not known.any():
            raise ValueError(
                "regressor needs windows whose targets are all known, but each of the "
                f"{len(known)} window(s) lacks some in the {self._shape.horizon} "
                "row(s) after it. Decrease horizon, or fill some of the missing values."
            )
        data, targets = data.take(np.flatnonzero(known)), targets[known]
        targets = targets.reshape(len(targets), -1)
        self._check_regressor()
        regressor = clone(self.regressor)
        if targets.shape[1] == 1:
            targets = targets[:, 0]
        elif not get_tags(regressor).target_tags.multi_output:
            regressor = MultiOutputRegressor(regressor)
        fit_params = {}
        if windows.weighted:
            weights = gather_weights(data, self._shape)
            fit_params["sample_weight"] = weights.mean(axis=1)
        self.regressor_ = regressor.fit(self._gather(data), targets, **fit_params)

    def _check_regressor(self) -> None:
        """Raise an error if the regressor is a class, or another kind of estimator."""
        refuse_class("regressor", self.regressor)
        kind = getattr(get_tags(self.regressor), "estimator_type", None)
        if kind not in (None, "regressor"):
            raise ValueError(
                "regressor must predict numbers, got "
                f"{type(self.regressor).__name__}, a {kind}. Pass a regressor, such as "
                "sklearn.linear_model.Ridge()."
            )

    def _predict_windows(self, data: WindowData) -> np.ndarray:
        predicted = np.asarray(self.regressor_.predict(self._gather(data)))
        shape = len(data.starts), self._shape.horizon, self._shape.n_targets
        if predicted.size != np.prod(shape):
            raise ValueError(
                f"regressor must predict horizon * n_targets = {shape[1] * shape[2]} "
                f"value(s) for each window, but {self.regressor_!r} returned shape "
                f"{predicted.shape} for {shape[0]} window(s). Give its output (the "
                "last layer of a network) that number of values."
            )
        return predicted.reshape(*shape, 1)

    def _gather(self, data: WindowData) -> np.ndarray:
        """Gather windows in the shape that the regressor takes."""
        flat = not _takes_three_dimensions(self.regressor)
        return gather_windows(data, self._shape, flat=flat)


def _takes_three_dimensions(estimator: Any) -> bool:
    """Return whether an estimator, or the one that it passes X to, takes 3-D X."""
    # Meta-estimators do not pass on this tag of the estimator inside.
    if isinstance(estimator, Pipeline):
        steps = [
            step for step in estimator.named_steps.values() if hasattr(step, "fit")
        ]
        return all(map(_takes_three_dimensions, steps))
    if isinstance(estimator, TransformedTargetRegressor):
        return _takes_three_dimensions(estimator.regressor)
    if isinstance(estimator, BaseSearchCV | MultiOutputRegressor):
        return _takes_three_dimensions(estimator.estimator)
    tags = get_tags(estimator)
    return tags.input_tags.three_d_array or tags.no_validation
