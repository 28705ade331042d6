"""Forecasting with sktime's interface."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import Any, Self

import numpy as np
import pandas as pd
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from sklstm import LSTMForecaster
from sklstm._core.keras_parameters import KerasParameters
from sklstm._core.seeds import RandomState
from sklstm._data.time_steps import named_frequency

_AUTHORS = "The sklstm developers"


class SktimeLSTMForecaster(KerasParameters, BaseForecaster):
    """`sklstm.LSTMForecaster` with sktime's interface.

    One recurrent network forecasts all columns of y from windows of their history. For
    a panel or a hierarchy one network is trained on all series together, each with its
    own scales. X holds future covariates (calendar features, planned prices): ``fit``
    needs them for all rows of y, ``predict`` for all rows up to the last one to
    forecast.

    In-sample rows of ``fh`` are forecast one step ahead from the rows before them.
    Where fewer rows than a window precede a row, the first row is repeated at the
    front; the first row itself is then forecast from its own value.

    Intervals and quantiles are those of `sklstm.LSTMForecaster.predict_interval`: they
    need held-out windows (``calibration_split``), enough of them for the coverage, and
    reach at most ``horizon`` steps ahead.

    ``update`` appends new rows to the history; with ``update_params=True`` it also
    trains on them for one epoch. Rows seen before are replaced. If y ends before the
    last row seen, the forecaster returns to that time. Time steps that are missing
    between the last row seen and the first new one are ignored: fill such gaps, or the
    season shifts.

    Parameters
    ----------
    window_length : int or "auto", default=10
        Number of rows in a window. "auto" takes two seasons, at least the horizon, and
        leaves at least as many windows as a window has rows. The season, up to 256
        rows, is a peak in the autocorrelation of the target in the training rows;
        without one, windows have 10 rows.
    horizon : int or None, default=None
        Number of rows forecast at once from the same window (a direct forecast), and
        the furthest step ahead of intervals. None uses the furthest step of ``fh`` in
        ``fit``, or 1 without one. Further steps are forecast recursively.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory, gated recurrent unit, or the simple
        (Elman) RNN cell.
    units : int or tuple of int, default=32
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=False
        Whether each layer reads the sequence in both directions.
    dropout : float, default=0.0
        Fraction of each recurrent layer's outputs to drop during training.
    recurrent_dropout : float, default=0.0
        Fraction of the recurrent state to drop during training. Disables the fused
        kernels, so training is slower.
    decoder : {"dense", "segments"}, default="dense"
        How the last recurrent state becomes a forecast. "dense" maps it to the whole
        horizon by one dense layer. "segments" cuts the horizon into segments of
        ``patch_length`` rows and makes one recurrent step for each of them. All
        steps start from the last state; their inputs are a learned vector of the
        segment and its future covariates. This takes fewer weights if the horizon is
        long.
    channel_independent : bool, default=False
        Whether each target goes through the network alone, beside the covariates
        and a learned vector of the target, instead of all targets together. All share
        the weights, except for the linear map from future covariates. Each target
        needs a column of X that holds its history.
    patch_length : int, default=1
        Number of rows that the network reads in one recurrent step; must divide
        ``window_length``. On hourly data 24 makes each step a day, which is faster and
        usually far more accurate.
    linear_skip : {"ridge", "zero"} or bool, default="ridge"
        Whether to add linear maps to the network's output: from the target's history in
        the window, and from the future covariates in window and horizon, relative
        to the last row of the window. "ridge" starts their training at the
        least-squares solution with the ridge penalty that generalised cross-validation
        chooses, so an untrained network forecasts as a linear model does. "zero"
        (or True) starts them at zero.
    normalize : {"window", "last", "standard"} or None, default="window"
        Scaling of the target and of the column that holds its history. "window"
        subtracts the last value of each window and divides by the window's standard
        deviation around its own straight line. "last" only subtracts the last value.
        "standard" uses mean and standard deviation of the training rows. Forecasts are
        mapped back to the units of y. Covariates are standardised by the training rows.
        None scales nothing.
    categorical_features : "from_dtype", array-like, int, str or None, \
            default="from_dtype"
        Columns of X that hold categories: labels, indices or a mask of all columns.
        "from_dtype" takes the columns of a frame that hold texts or pandas categories;
        None takes none. The network reads a vector of each category, of length
        ``min(16, (n_categories + 1) // 2)``, which it learns; the linear map from
        future covariates reads the categories themselves, if they are at most 16.
        Missing values are a category of their own. All categories that were not in fit
        share a vector, which is learned by replacing categories at random in training.
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
    quantiles : tuple of float or None, default=None
        Quantiles to predict, 0.5 among them, trained with the pinball loss instead of
        ``loss``. ``predict`` returns the median, and intervals start from the outermost
        quantiles.
    loss : str, keras.losses.Loss or callable, default="mae"
        Loss on the normalised scale. A callable takes y_true and y_pred of shape
        (n_windows, horizon, n_targets) and reduces the last axis.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=1e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    epochs : int or "auto", default="auto"
        Number of passes over the training windows. "auto" is one for each 200 windows,
        from 3 to 10, and no more than 5000 steps of the optimizer take. If
        ``linear_skip`` is not "ridge", it is at least as many as 1000 steps take. 0
        leaves the network as it starts: with "ridge", it is the linear model alone.
    batch_size : int, default=32
        Number of windows in each step of the optimizer.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the last training windows has not improved for
        ``patience`` epochs, and to keep the weights of the best epoch. "refit" then
        trains again on all windows for the best number of epochs.
    validation_split : float, default=0.1
        Fraction of the training windows, the last in time, to hold out for early
        stopping.
    patience : int, default=5
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each epoch.
    n_members : int, default=1
        Number of networks in the ensemble, trained on the same windows from different
        seeds. An integer ``random_state`` counts up: member ``i``, from 0, is the
        network of ``random_state + i``.
    aggregate : {"median", "mean"}, default="median"
        How to combine the members' forecasts.
    n_jobs : int or None, default=None
        Number of members to train at once, in threads of this process.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    forecaster_ : sklstm.LSTMForecaster
        The fitted forecaster. Its columns are those of y, then those of X.

    See Also
    --------
    sklstm.LSTMForecaster : The forecaster with scikit-learn's interface, and the
        references.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklstm.sktime import SktimeLSTMForecaster
    >>> months = pd.period_range("2000-01", periods=120, freq="M")
    >>> y = pd.Series(np.sin(np.arange(120) / 3), index=months)
    >>> forecaster = SktimeLSTMForecaster(
    ...     window_length=20, units=4, calibration_split=0.2, random_state=0
    ... )
    >>> forecaster.fit(y, fh=[1, 2, 3]).predict().index.astype(str).tolist()
    ['2010-01', '2010-02', '2010-03']
    >>> forecaster.predict_interval(coverage=0.8).shape
    (3, 2)
    """

    _tags = {
        "authors": _AUTHORS,
        "maintainers": _AUTHORS,
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "requires-fh-in-fit": False,
        "X-y-must-have-same-index": True,
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:categorical_in_X": False,
        "capability:non_contiguous_X": False,
        "capability:insample": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": True,
        "capability:missing_values": True,
        "capability:unequal_length": True,
        "capability:update": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        window_length: int | str = 10,
        horizon: int | None = None,
        *,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 32,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        decoder: str = "dense",
        channel_independent: bool = False,
        patch_length: int = 1,
        linear_skip: str | bool = "ridge",
        normalize: str | None = "window",
        categorical_features: Any = "from_dtype",
        covariate_scaling: str = "series",
        calibration_split: float = 0.0,
        quantiles: tuple[float, ...] | None = None,
        loss: Any = "mae",
        optimizer: Any = "adam",
        learning_rate: float | None = 1e-3,
        learning_rate_schedule: str = "cosine",
        epochs: int | str = "auto",
        batch_size: int = 32,
        early_stopping: bool | str = False,
        validation_split: float = 0.1,
        patience: int = 5,
        callbacks: Any = None,
        n_members: int = 1,
        aggregate: str = "median",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.window_length = window_length
        self.horizon = horizon
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.decoder = decoder
        self.channel_independent = channel_independent
        self.patch_length = patch_length
        self.linear_skip = linear_skip
        self.normalize = normalize
        self.categorical_features = categorical_features
        self.covariate_scaling = covariate_scaling
        self.calibration_split = calibration_split
        self.quantiles = quantiles
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.n_members = n_members
        self.aggregate = aggregate
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        with warnings.catch_warnings():
            # sktime warns that it will store no copy of the data. None is needed: the
            # rows that forecasts start from are in `_history`.
            warnings.filterwarnings("ignore", "The default of config ``remember_data``")
            super().__init__()

    def _fit(
        self, y: pd.DataFrame, X: pd.DataFrame | None, fh: ForecastingHorizon | None
    ) -> Self:
        self._target_names = list(y.columns)
        self._covariate_names = [] if X is None else list(X.columns)
        self._is_panel = y.index.nlevels > 1
        self._index_names = y.index.names
        # All rows seen, which in-sample forecasts need: for each series a frame with
        # the columns of y, then of X, and the time index.
        self._history = self._join(y, X)
        self._freq = self._find_freq()
        horizon = self.horizon
        if horizon is None:
            steps = {} if fh is None else self._steps_ahead(fh)
            horizon = max([1, *(int(ahead.max()) for ahead in steps.values())])
        parameters = self.get_params(deep=False)
        parameters |= {
            "horizon": horizon,
            "known_future": self._covariate_columns() or None,
        }
        self.forecaster_ = LSTMForecaster(**parameters)
        self.forecaster_.fit(self._to_input(self._history))
        return self

    def _predict(self, fh: ForecastingHorizon, X: pd.DataFrame | None) -> pd.DataFrame:
        values, index = self._forecast(fh, X)
        return pd.DataFrame(values[..., 0], index, columns=self._get_varnames())

    def _predict_interval(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, coverage: list[float]
    ) -> pd.DataFrame:
        intervals = [self._forecast(fh, X, each) for each in coverage]
        index = intervals[0][1]
        columns = self._get_columns("predict_interval", coverage=coverage)
        values = np.stack([bounds for bounds, _ in intervals], axis=2)
        return pd.DataFrame(values.reshape(len(index), -1), index, columns)

    def _predict_quantiles(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: list[float]
    ) -> pd.DataFrame:
        quantiles = []
        for level in alpha:
            # A quantile is a bound of an interval; the median is the forecast itself.
            coverage = round(abs(2 * level - 1), 12)
            bounds, index = self._forecast(fh, X, coverage or None)
            quantiles.append(bounds[..., 0 if level < 0.5 else -1])
        # Narrow intervals around trained quantiles need not contain the median, so
        # quantiles could cross without sorting.
        values = np.empty((*quantiles[0].shape, len(alpha)))
        values[..., np.argsort(alpha)] = np.sort(np.stack(quantiles, axis=-1), axis=-1)
        columns = self._get_columns("predict_quantiles", alpha=alpha)
        return pd.DataFrame(values.reshape(len(index), -1), index, columns)

    def _update(
        self,
        y: pd.DataFrame,
        X: pd.DataFrame | None = None,
        update_params: bool = True,
    ) -> Self:
        # Rows up to the last one seen so far, with replacements, and rows after it.
        revised, new = {}, {}
        for key, rows in self._join(y, X).items():
            if key not in self._history:
                raise ValueError(
                    f"y must hold series that were in fit, got the series {key!r}. Fit "
                    "again with all series."
                )
            seen = self._history[key]
            is_seen = rows.index <= seen.index[-1]
            revised[key] = pd.concat([seen[seen.index < rows.index[0]], rows[is_seen]])
            if not is_seen.all():
                new[key] = rows[~is_seen]
        updated = {
            key: pd.concat([rows, new[key]]) if key in new else rows
            for key, rows in revised.items()
        }
        if update_params and new:
            self.forecaster_.update(self._to_input(revised), replace=True)
            self.forecaster_.partial_fit(self._to_input(new))
        else:
            self.forecaster_.update(self._to_input(updated), replace=True)
        self._history |= updated
        return self

    def _covariate_columns(self) -> list[int]:
        """Return the positions of X's columns among those of the forecaster."""
        n_targets = len(self._target_names)
        return list(range(n_targets, n_targets + len(self._covariate_names)))

    def _join(
        self, y: pd.DataFrame, X: pd.DataFrame | None
    ) -> dict[Hashable, pd.DataFrame]:
        """Return the rows of y and X side by side, for each series."""
        if len(y.columns) != len(self._target_names) or (
            len(self._target_names) > 1 and set(y.columns) != set(self._target_names)
        ):
            raise ValueError(
                f"y must have the columns of fit, {self._target_names}, got "
                f"{list(y.columns)}."
            )
        if len(self._target_names) > 1:
            y = y[self._target_names]
        values = [y.to_numpy(dtype=np.float64)]
        if self._covariate_names:
            X = self._select_covariates(X, "the rows of y")
            rows = X.index.get_indexer(y.index)
            if (rows < 0).any():
                label = y.index[rows < 0][0]
                label = ", ".join(map(str, label)) if self._is_panel else label
                raise ValueError(
                    f"X must hold a row for each row of y, but has none for {label}."
                )
            values.append(X.to_numpy(dtype=np.float64)[rows])
        elif X is not None:
            self._raise_unused_covariates()
        return self._split(pd.DataFrame(np.hstack(values), y.index))

    def _select_covariates(self, X: pd.DataFrame | None, rows: str) -> pd.DataFrame:
        """Return the columns of X that fit saw; ``rows`` says which rows need them."""
        if X is None:
            raise ValueError(
                f"X is missing: fit had the columns {self._covariate_names}, "
                f"which the network reads at {rows}. Pass X with them."
            )
        missing = [name for name in self._covariate_names if name not in X.columns]
        if missing:
            raise ValueError(
                f"X must have the columns of fit, {self._covariate_names}, but lacks "
                f"{missing}."
            )
        return X[self._covariate_names]

    def _raise_unused_covariates(self) -> None:
        raise ValueError(
            "X was passed, but fit had no X, so the network reads no covariates. Leave "
            "X out, or pass it to fit too."
        )

    def _split(self, frame: pd.DataFrame) -> dict[Hashable, pd.DataFrame]:
        """Return the series of a frame by their labels; None labels a single one."""
        if not self._is_panel:
            return {None: frame}
        levels: list[Hashable] = list(range(frame.index.nlevels - 1))
        by = levels if len(levels) > 1 else 0
        groups = frame.groupby(level=by, sort=False, observed=True)
        return {key: part.droplevel(levels) for key, part in groups}

    def _to_input(self, series: Mapping[Hashable, pd.DataFrame]) -> Any:
        """Return series as the forecaster takes them: an array, or a panel frame."""
        if not self._is_panel:
            return series[None].to_numpy()
        rows = [frame.reset_index(drop=True) for frame in series.values()]
        return pd.concat(rows, keys=list(series))

    def _find_freq(self) -> Any:
        """Return the frequency of time stamps, from the first series that has one."""
        for rows in self._history.values():
            if not isinstance(rows.index, pd.DatetimeIndex):
                return None
            if (step := named_frequency(rows.index)) is not None:
                return pd.tseries.frequencies.to_offset(step)
        return getattr(self.cutoff, "freq", None)

    def _cutoff_of(self, key: Hashable) -> Any:
        """Return the last time of a series as sktime expects a cutoff: an Index."""
        index: Any = self._history[key].index[-1:]
        if isinstance(index, pd.DatetimeIndex):
            # A time that is not on the grid of the frequency cannot have it.
            with suppress(ValueError):
                index.freq = self._freq  # type: ignore[misc]
        return index

    def _steps_ahead(self, fh: ForecastingHorizon) -> dict[Hashable, np.ndarray]:
        """Return, for each series, how many steps ahead of its last row fh lies."""
        steps = {}
        for key in self._history:
            cutoff = self._cutoff_of(key)
            has_times = isinstance(cutoff, pd.DatetimeIndex)
            if has_times and cutoff.freq is None and fh.freq is None:
                raise ValueError(
                    "y must have time stamps of a regular frequency, to find the times "
                    f"of fh={list(fh)}, but none fits those up to {cutoff[0]}. Give y "
                    "an index of integers or periods, or regular times (y.asfreq, and "
                    "fill the gaps)."
                )
            steps[key] = np.asarray(fh.to_indexer(cutoff), dtype=int) + 1
        return steps

    def _forecast(
        self,
        fh: ForecastingHorizon,
        X: pd.DataFrame | None,
        coverage: float | None = None,
    ) -> tuple[np.ndarray, pd.Index]:
        """Forecast the rows of fh, in-sample and out-of-sample.

        Parameters
        ----------
        fh : ForecastingHorizon
        X : DataFrame or None
        coverage : float, optional
            Return the bounds of intervals of this coverage, instead of forecasts.

        Returns
        -------
        values : ndarray of shape (n_rows, n_targets, n_bounds)
            Forecasts, with one bound; or the lower and upper bounds of intervals.
        index : Index
            Labels of the rows.
        """
        if X is not None and not self._covariate_names:
            self._raise_unused_covariates()
        steps = self._steps_ahead(fh)
        future = self._forecast_future(steps, X, fh.freq, coverage)
        fitted = self._forecast_history(steps, coverage)
        n_bounds = 1 if coverage is None else 2
        blocks, frames = [], []
        for key, ahead in steps.items():
            index = fh.to_absolute_index(self._cutoff_of(key))
            values = np.empty((len(ahead), len(self._target_names), n_bounds))
            is_future = ahead > 0
            if is_future.any():
                values[is_future] = future[key][ahead[is_future] - 1]
            if not is_future.all():
                rows = self._find_rows(key, index[~is_future])
                values[~is_future] = fitted[key][rows]
            blocks.append(values)
            frames.append(pd.DataFrame(index=index))
        if not self._is_panel:
            return blocks[0], frames[0].index
        joint_index = pd.concat(frames, keys=list(steps)).index
        return np.concatenate(blocks), joint_index.set_names(self._index_names)

    def _forecast_future(
        self,
        steps: Mapping[Hashable, np.ndarray],
        X: pd.DataFrame | None,
        freq: Any,
        coverage: float | None,
    ) -> dict[Hashable, np.ndarray]:
        """Forecast the rows after each series, up to the furthest step; or nothing.

        Returns
        -------
        future : dict of label to ndarray of shape (n_steps, n_targets, n_bounds)
        """
        furthest = max(int(ahead.max()) for ahead in steps.values())
        if furthest < 1:
            return {}
        X_future = self._future_covariates(steps, X, freq)
        if coverage is None:
            future = self.forecaster_.forecast(furthest, X_future)
        else:
            future = self.forecaster_.forecast_interval(
                furthest, X_future, coverage=coverage
            )
        shape = len(steps), furthest, len(self._target_names), -1
        return dict(zip(steps, np.asarray(future).reshape(shape), strict=True))

    def _forecast_history(
        self, steps: Mapping[Hashable, np.ndarray], coverage: float | None
    ) -> dict[Hashable, np.ndarray]:
        """Forecast the rows of the history one step ahead, if any of them is in fh.

        Returns
        -------
        fitted : dict of label to ndarray of shape (n_timesteps, n_targets, n_bounds)
        """
        if min(int(ahead.min()) for ahead in steps.values()) > 0:
            return {}
        fitted = self.forecaster_.fitted_values(self._to_input(self._history), coverage)
        lengths = [len(rows) for rows in self._history.values()]
        fitted = fitted.reshape(sum(lengths), len(self._target_names), -1)
        parts = np.split(fitted, np.cumsum(lengths)[:-1])
        return dict(zip(self._history, parts, strict=True))

    def _future_covariates(
        self,
        steps: Mapping[Hashable, np.ndarray],
        X: pd.DataFrame | None,
        freq: Any,
    ) -> Any:
        """Return the rows of X after each series, or None without covariates."""
        if not self._covariate_names:
            return None
        covariates = self._split(self._select_covariates(X, "the rows to be forecast"))
        horizon, columns = self.forecaster_.horizon, self._covariate_columns()
        future = {}
        for key, ahead in steps.items():
            furthest = int(ahead.max())
            if furthest < 1:
                # No forecast of this series is needed, but the forecaster forecasts
                # all series at once.
                future[key] = self._history[key][columns].to_numpy()[-1:]
                continue
            if key not in covariates:
                raise ValueError(f"X lacks the series {key!r}.")
            # A direct forecast reads the covariates of all rows of its horizon.
            n_steps = -(-furthest // horizon) * horizon
            times = ForecastingHorizon(
                np.arange(1, n_steps + 1), freq=freq
            ).to_absolute_index(self._cutoff_of(key))
            rows = covariates[key].index.get_indexer(times)
            n_found = int(np.append(rows < 0, True).argmax())
            if n_found < furthest:
                raise ValueError(
                    "X must hold a row for each step up to the last one to be "
                    f"forecast, {times[furthest - 1]}, but has none for "
                    f"{times[n_found]}"
                    + ("." if key is None else f" of the series {key!r}.")
                )
            future[key] = covariates[key].to_numpy(dtype=np.float64)[rows[:n_found]]
        longest = max(map(len, future.values()))
        padded = {}
        for key, values in future.items():
            n_missing = longest - len(values)
            values = np.pad(values, ((0, n_missing), (0, 0)), mode="edge")
            padded[key] = pd.DataFrame(values, columns=columns)
        return self._to_input(padded)

    def _find_rows(self, key: Hashable, times: pd.Index) -> np.ndarray:
        """Return the positions of times in the history of a series."""
        index = self._history[key].index
        rows = index.get_indexer(times)
        if (rows < 0).any():
            missing = times[rows < 0][0]
            raise ValueError(
                f"fh asks for {missing}, but a row of the past can be forecast only if "
                "it is in the history, and "
                + ("that of y" if key is None else f"that of the series {key!r}")
                + f" reaches from {index[0]} to {index[-1]}"
                + (", with gaps. " if missing > index[0] else ". ")
                + "Ask for rows of the history, or fit with earlier ones."
            )
        return rows

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return small parameter settings for sktime's tests.

        Parameters
        ----------
        parameter_set : str, default="default"
            Ignored: there is one set for all tests.

        Returns
        -------
        parameters : list of dict
            Arguments of the constructor.
        """
        small = {"units": 2, "epochs": 1, "random_state": 0}
        return [
            {"window_length": 3, "calibration_split": 0.5, **small},
            {
                "window_length": 2,
                "cell": "gru",
                "normalize": "last",
                "calibration_split": 0.5,
                **small,
            },
        ]
