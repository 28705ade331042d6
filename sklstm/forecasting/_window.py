"""Forecasting by any scikit-learn regressor on windows."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from sklstm._core import params
from sklstm._core.estimator import (
    restore_on_error,
)
from sklstm._sklearn import BaseSearchCV, HasMethods, fit_context
from sklstm.forecasting._base import Forecaster
from sklstm.forecasting._windows import gather_targets, gather_windows, target_rows


class WindowForecaster(Forecaster):
    """Forecast a series by any scikit-learn regressor that reads windows of its past.

    The contract is that of `LSTMForecaster`: rows of X are time steps in order, a row
    is never used to forecast itself or an earlier row, each window is normalised by
    itself. What learns from the windows is a regressor of the user's choice: a linear
    model, boosted trees, or a network of one's own in a `RNNRegressor` or a wrapper
    for Keras.

    Parameters
    ----------
    regressor : regressor
        Learns, in a clone, from windows what follows them, both normalised. One that
        takes three-dimensional X, by its tags or those of the regressor inside it, is
        given windows of shape (n_windows, window_length, n_columns), every other one
        their rows side by side, (n_windows, window_length * n_columns); n_columns are
        the targets' own pasts and then the other columns. y has shape (n_windows,), or
        (n_windows, horizon * n_targets) where that is more than one; a regressor of one
        target is fitted to each.
    window_length : int, default=10
        Rows that the regressor reads.
    horizon : int, default=1
        Rows forecast at once from the same window (a direct forecast).
    normalize : {"window", "last", "standard"} or None, default="window"
        How the target's own past and the target are scaled. "window": in each window
        minus its last value, over its standard deviation around its own straight
        line; the forecast is mapped back. "last": minus the last value only.
        "standard": by mean and standard deviation of the training rows, not by window.
        Other columns are standardised by the training rows; with None nothing is
        scaled at all.
    target : "auto", int, str, list or None, default="auto"
        The column of X that holds the target's own past, one for each target.
        "auto" takes the column of which y is an affine image, as a scaler in front
        of the forecaster makes it. None: X holds no own past, and the target is
        standardised.
    known_future : int, str, list or None, default=None
        Columns whose values at the forecast rows are known ahead (calendar, plans).
        The regressor reads them behind the window's rows; in three dimensions as
        further columns, the same in each row of the window.
    calibration_split : float, default=0.0
        Share of the windows, the last in time, that are not learnt from, but tell how
        far forecasts are off, for `predict_interval`.

    Attributes
    ----------
    regressor_ : regressor
        The fitted clone.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of X's columns, if they are all strings.
    target_columns_ : list of (int or None)
        For each target the column of X that holds its own past.

    See Also
    --------
    LSTMForecaster : Forecasts by a recurrent network of this package.
    sklstm.walk_forward : Validate forecasts fold by fold, beside the naive forecast.

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

    _parameter_constraints: dict = {
        "regressor": [HasMethods(["fit", "predict"])],
        **{
            name: params.WINDOWS[name]
            for name in (
                "window_length",
                "horizon",
                "normalize",
                "target",
                "known_future",
                "calibration_split",
            )
        },
    }

    def __init__(
        self,
        regressor,
        window_length=10,
        horizon=1,
        *,
        normalize="window",
        target="auto",
        known_future=None,
        calibration_split=0.0,
    ):
        self.regressor = regressor
        self.window_length = window_length
        self.horizon = horizon
        self.normalize = normalize
        self.target = target
        self.known_future = known_future
        self.calibration_split = calibration_split

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Learn to forecast from a series.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order, at least ``window_length + horizon`` of them. Or
            several series, learnt together, each with scales of its own: a list of
            them, or a frame with an index of (series, time). One with too few rows
            counts too: its first row, of no weight, is repeated before it.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets in their own units, aligned with the rows of X; of several series a
            list, or a column of the frame. Without them the targets are X's columns,
            those of ``known_future`` excepted, as they are given: behind a scaler the
            scaled ones, so pass y in a pipeline.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row as a row to be forecast; of several series as y. A
            window's weight is the mean of the rows told from it.

        Returns
        -------
        self : WindowForecaster

        Raises
        ------
        ValueError
            If there are too few rows, or X, y or a parameter is not as described.
        """
        return self._fit(X, y, sample_weight)

    def _fit_windows(self, windows, fit_data, *, incremental):
        data = windows.data.take(np.concatenate(windows.of_series))
        given_rows = (data.weight[target_rows(data, self._shape)] > 0).all(axis=1)
        if not windows.weighted and given_rows.any():
            # Not those that fill a short series up.
            data = data.take(np.flatnonzero(given_rows))
        regressor = clone(self.regressor)
        told = gather_targets(data, self._shape)
        flat = told.reshape(len(told), -1)
        if flat.shape[1] == 1:
            flat = flat[:, 0]
        elif not get_tags(regressor).target_tags.multi_output:
            regressor = MultiOutputRegressor(regressor)
        weight = {}
        if windows.weighted:
            rows = target_rows(data, self._shape)
            weight["sample_weight"] = data.weight[rows].mean(axis=1)
        self.regressor_ = regressor.fit(self._read(data), flat, **weight)

    def _predict_windows(self, data):
        told = np.asarray(self.regressor_.predict(self._read(data)))
        shape = len(data.starts), self._shape.horizon, self._shape.n_targets
        if told.size != np.prod(shape):
            raise ValueError(
                f"regressor must tell horizon * n_targets = {shape[1] * shape[2]} "
                f"value(s) for each window, but {self.regressor_!r} gave shape "
                f"{told.shape} for {shape[0]} window(s). Give its last layer or its "
                "output so many values."
            )
        return told.reshape(*shape, 1)

    def _read(self, data):
        """The windows as the regressor reads them."""
        flat = not _takes_three_dimensions(self.regressor)
        return gather_windows(data, self._shape, flat=flat)


def _takes_three_dimensions(estimator) -> bool:
    """Whether an estimator, or the one inside that X is handed on to, takes 3-D X."""
    # Those around another one do not hand its tag of dimensions on.
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
