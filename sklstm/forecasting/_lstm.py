"""Forecasting by recurrent networks."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core import params
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import (
    RecurrentEstimator,
    TrainedNetwork,
    TrainingTask,
    restore_on_error,
    split_evenly,
)
from sklstm._core.params import check_quantiles
from sklstm._core.seeds import draw_seeds, spawn_random_states
from sklstm._data.windows import split_off_tails
from sklstm._sklearn import Interval, StrOptions, fit_context
from sklstm.engine import WindowData
from sklstm.forecasting._base import Forecaster
from sklstm.forecasting._windows import gather_targets

# What the forecasts of several members have in common.
_AGGREGATES = {"median": np.median, "mean": np.mean}


class LSTMForecaster(Forecaster, RecurrentEstimator):
    """Forecast a series by a recurrent network that reads windows of its past.

    Rows of X are time steps in order. From the ``window_length`` rows before it the
    network forecasts a row's target, ``horizon`` rows at once. A row is never used
    to forecast itself or an earlier row, so X may and should hold the target's own
    past (the price itself among the indicators).

    Parameters
    ----------
    window_length : int, default=10
        Rows that the network reads.
    horizon : int, default=1
        Rows forecast at once from the same window (a direct forecast).
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell: long short-term memory [1]_, gated recurrent unit
        [2]_, or the simple (Elman) cell.
    units : int or tuple of int, default=32
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=False
        Whether each layer reads the window in both directions.
    dropout : float, default=0.0
        Share of each recurrent layer's outputs dropped in training.
    recurrent_dropout : float, default=0.0
        Share of the recurrent state dropped in training (no fused kernel: slower).
    patch_length : int, default=1
        Rows folded into one recurrent step; must divide ``window_length``. 24 on
        hourly data makes each step a day: faster, and far better (cf. [5]_).
    linear_skip : bool, default=True
        Whether linear maps to the horizon, zero before training, are added to the
        network's output: from the target's window [3]_, and from the columns known
        ahead, in window and horizon, relative to the window's last row.
    normalize : {"window", "last", "standard"} or None, default="window"
        How the target's own past and the target are scaled. "window": in each window
        minus its last value, over its standard deviation around its own straight
        line (cf. [4]_); the forecast is mapped back. "last": minus the last value
        only. "standard": by mean and standard deviation of the training rows, not by
        window. Other columns are standardised by the training rows; with None nothing
        is scaled at all.
    target : "auto", int, str, list or None, default="auto"
        The column of X that holds the target's own past, one for each target.
        "auto" takes the column of which y is an affine image, as a scaler in front
        of the forecaster makes it. None: X holds no own past, and the target is
        standardised.
    known_future : int, str, list or None, default=None
        Columns whose values at the forecast rows are known ahead (calendar, plans)
        and are read there.
    calibration_split : float, default=0.0
        Share of the windows, the last in time, that are not learnt from, but tell how
        far forecasts are off, for `predict_interval`.
    quantiles : tuple of float or None, default=None
        Quantiles to learn, 0.5 among them, which `predict` gives; by their pinball
        loss [6]_, in place of ``loss``. `predict_quantiles` and `forecast_quantiles`
        give them all.
    loss : str, keras.losses.Loss or callable, default="mae"
        The loss, on the normalised scale. A callable takes (y_true, y_pred) of shape
        (n_windows, horizon, n_targets) and reduces the last axis.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=1e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int, default=10
        Passes over the training windows.
    batch_size : int, default=32
        Windows in one step of the optimizer.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the last training rows has not fallen for
        ``patience`` epochs, and keep the best epoch's weights. "refit" then trains
        again on all rows for the best number of epochs.
    validation_split : float, default=0.1
        Share of the training windows, the last in time, that early stopping looks at.
    patience : int, default=5
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
    n_members : int, default=1
        Networks that are trained on the same windows, each from a random state of its
        own: the forecast is what they have in common. An integer ``random_state``
        counts up, so that the second member is the network of ``random_state + 1``.
    aggregate : {"median", "mean"}, default="median"
        What the members' forecasts have in common, value by value.
    n_jobs : int or None, default=None
        Members trained at once, in threads of this process.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer on the same
        machine gives the same weights, bit for bit; None draws fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    history_ : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch, the mean of the
        members still trained in it.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of X's columns, if they are all strings.
    target_columns_ : list of (int or None)
        For each target the column of X that holds its own past.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``; of several members
        one after the other.
    network_ : keras.Model
        The network, built from the weights at each access. It reads normalised
        windows: own pasts first, then other columns, then those known ahead.

    See Also
    --------
    sklstm.walk_forward : Validate forecasts fold by fold, beside the naive forecast.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural
       Computation 9(8).
    .. [2] Cho et al. (2014), "Learning phrase representations using RNN
       encoder-decoder for statistical machine translation", EMNLP.
    .. [3] Lai et al. (2018), "Modeling long- and short-term temporal patterns with
       deep neural networks", SIGIR.
    .. [4] Kim et al. (2022), "Reversible instance normalization for accurate
       time-series forecasting against distribution shift", ICLR.
    .. [5] Nie et al. (2023), "A time series is worth 64 words", ICLR.
    .. [6] Koenker and Bassett (1978), "Regression quantiles", Econometrica 46(1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklstm import LSTMForecaster
    >>> y = np.sin(np.arange(300) / 5)
    >>> X = y[:, None]
    >>> forecaster = LSTMForecaster(window_length=30, units=8, random_state=0)
    >>> model = make_pipeline(MinMaxScaler(), forecaster).fit(X[:250], y[:250])
    >>> error = np.abs(model.predict(X[250:]) - y[250:]).mean()
    >>> naive_error = np.abs(y[249:-1] - y[250:]).mean()
    >>> bool(error < naive_error / 5)
    True
    >>> forecaster.forecast(3).shape
    (3,)
    """

    _network: engine.WindowNetwork
    _n_members = 1  # whose weights stand one after the other

    _parameter_constraints: dict = {
        **params.NETWORK,
        **params.TRAINING,
        **params.WINDOWS,
        "quantiles": [tuple, list, None],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "aggregate": [StrOptions(set(_AGGREGATES))],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        window_length=10,
        horizon=1,
        *,
        cell="lstm",
        units=32,
        bidirectional=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        patch_length=1,
        linear_skip=True,
        normalize="window",
        target="auto",
        known_future=None,
        calibration_split=0.0,
        quantiles=None,
        loss="mae",
        optimizer="adam",
        learning_rate=1e-3,
        learning_rate_schedule="cosine",
        epochs=10,
        batch_size=32,
        early_stopping=False,
        validation_split=0.1,
        patience=5,
        callbacks=None,
        warm_start=False,
        n_members=1,
        aggregate="median",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.window_length = window_length
        self.horizon = horizon
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.patch_length = patch_length
        self.linear_skip = linear_skip
        self.normalize = normalize
        self.target = target
        self.known_future = known_future
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
        self.warm_start = warm_start
        self.n_members = n_members
        self.aggregate = aggregate
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
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
            Weight of each row as a row to be forecast; of several series as y.

        Returns
        -------
        self : LSTMForecaster

        Raises
        ------
        ValueError
            If there are too few rows, or X, y or a parameter is not as described.
        FloatingPointError
            If training diverges.
        """
        return self._fit(X, y, sample_weight)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take in the next rows and train on them for one epoch.

        Scales stay as they were learnt from the first rows.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those seen before. The first call needs as many
            rows as `fit`, the later ones any number. Several series as in `update`.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Their targets. May be left out where X holds the targets' own pasts.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row as a row to be forecast, in the unit of those in the
            first fit.

        Returns
        -------
        self : LSTMForecaster

        Raises
        ------
        ValueError
            If X or y has other columns than before, or is not as described.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit(X, y, sample_weight, incremental=True)
        self._check_n_members()
        which, given = self._match_series(X, y, sample_weight)
        pasts = self._extend_history(which, given)
        data = WindowData.join([past.windows(self._shape) for past in pasts])
        # A window reaches back before the new rows, and so may its targets; rows that
        # an update gave without targets cannot be trained on.
        usable = np.isfinite(gather_targets(data, self._shape)).all(axis=(1, 2))
        self._update_calibration(which, pasts)
        self._store_history(which, pasts)
        if usable.any():
            task = TrainingTask(
                self._network,
                data,
                np.flatnonzero(usable),
                epochs=1,
                start=self._last_training(),
            )
            trained = self._train_members(task, FitData(X, y))
            self._store_training(trained, continued=True, keep_optimizer_state=True)
        return self

    def predict_quantiles(self, X):
        """Forecast the quantiles of each row of X from the rows before it.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `predict`.

        Returns
        -------
        quantiles : ndarray of shape (n_timesteps, [n_targets,] n_quantiles)
            In the order of ``quantiles``; of a row they never cross.

        Raises
        ------
        ValueError
            If no quantiles were learnt.
        """
        return self._predict_series(X, self._quantile_selector())

    def forecast_quantiles(self, steps=None, X_future=None, *, X=None, y=None):
        """Forecast the quantiles of the rows after the last one seen.

        Parameters
        ----------
        steps : int, optional
            How many, at most ``horizon``; by default the rows of ``X_future`` if
            given, else ``horizon``.
        X_future : array-like of shape (n_rows, n_features or n_future), optional
            As in `forecast`.
        X, y : as in `fit`, optional
            As in `forecast`.

        Returns
        -------
        quantiles : ndarray or DataFrame of shape (steps, [n_targets,] n_quantiles)
            In the order of ``quantiles``; of a row they never cross. Where X or y had
            a pandas index, a frame with the quantiles as columns, for each target
            beneath its name if there are several. Of several series a list, or one
            frame.

        Raises
        ------
        ValueError
            If no quantiles were learnt, or the forecast needs what cannot be known.
        """
        ends = self._quantile_selector()
        return self._forecast(steps, X_future, X, y, ends, list(self.quantiles))

    def _quantile_selector(self):
        """From what is told to the quantiles, in the order asked for."""
        check_is_fitted(self)
        if self._quantiles == (0.5,):
            raise ValueError(
                f"{type(self).__name__} tells the quantiles that fit has learnt, got "
                f"quantiles={self.quantiles!r}. Fit with quantiles=(0.1, 0.5, 0.9), "
                "say."
            )
        order = np.argsort(np.argsort(self.quantiles))
        return lambda told: told[..., order]

    @property
    def network_(self):
        """The fitted network as a plain `keras.Model` of standard layers.

        Built anew at each access; changing it does not change the estimator. Of
        several members, their common forecast.
        """
        check_is_fitted(self)
        if self._n_members == 1:
            return super().network_
        together = engine.EnsembleNetwork(
            self._network, self._n_members, self.aggregate
        )
        network = together.build()
        network.set_weights(self.weights_)
        return network

    def _fit_windows(self, windows, fit_data, *, incremental):
        if self.window_length % self.patch_length:
            raise ValueError(
                f"patch_length must divide window_length, got patch_length="
                f"{self.patch_length} and window_length={self.window_length}."
            )
        previous = self._previous_fit()
        self._quantiles = check_quantiles(self.quantiles)
        self._network = engine.WindowNetwork(
            stack=self._recurrent_stack(
                bidirectional=self.bidirectional,
                recurrent_dropout=self.recurrent_dropout,
            ),
            **self._shape._asdict(),
            patch_length=int(self.patch_length),
            linear_skip=bool(self.linear_skip),
            n_quantiles=len(self._quantiles),
        )
        loss = self.loss if self.quantiles is None else self._quantiles
        self._training_spec = self._describe_training(loss)

        def hold_out(seed):
            parts = split_off_tails(
                windows.of_series, self.validation_split, self.horizon
            )
            return tuple(np.concatenate(part) for part in parts)

        task = TrainingTask(
            self._network,
            windows.data,
            np.concatenate(windows.of_series),
            epochs=1 if incremental else self.epochs,
            start=self._warm_start_from(previous),
            hold_out=hold_out if self.early_stopping and not incremental else None,
        )
        trained = self._train_members(task, fit_data)
        self._store_training(trained, keep_optimizer_state=incremental)

    def _previous_fit(self):
        last_fit = super()._previous_fit()
        if last_fit is not None:
            self._check_n_members()
        return last_fit

    def _check_n_members(self):
        if self._n_members != self.n_members:
            raise ValueError(
                "training that goes on needs as many members as the last fit had, "
                f"{self._n_members}, got n_members={self.n_members}. Leave n_members "
                "as it was, or fit anew, with warm_start=False."
            )

    def _train_members(self, task: TrainingTask, fit_data: FitData) -> TrainedNetwork:
        """Train the network, or the members of the ensemble in parallel."""
        n_members, epochs = int(self.n_members), task.epochs
        if n_members == 1:
            context, reporters = None, [EpochReporter(self, epochs, fit_data)]
        else:
            context = self._init_callback_context(max_subtasks=n_members)
            context.call_on_fit_task_begin(estimator=self, **fit_data._asdict())
            reporters = [
                EpochReporter(
                    self,
                    epochs,
                    fit_data,
                    context=context.subcontext(task_name="member", max_subtasks=epochs),
                    name=f"Member {number}/{n_members} - ",
                )
                for number in range(1, n_members + 1)
            ]
        # A callback that looks at the network during training sees its own member.
        self._n_members = 1
        starts = (
            [None] * n_members if task.start is None else task.start.split(n_members)
        )
        states = spawn_random_states(self.random_state, n_members)
        n_before = 0 if task.start is None else task.start.n_iter
        # Keras callbacks are the user's objects and need not be thread-safe.
        parallel = Parallel(
            n_jobs=self.n_jobs if self.callbacks is None else 1, require="sharedmem"
        )
        members = parallel(
            delayed(self._train)(
                replace(task, start=start, seeds=draw_seeds(state, n_before)), reporter
            )
            for start, state, reporter in zip(starts, states, reporters, strict=True)
        )
        trained = TrainedNetwork.join(members)
        self._n_members = n_members
        if context is not None:
            context.call_on_fit_task_end(
                estimator=self,
                **fit_data._asdict(),
                reconstruction_attributes=lambda: {"weights_": trained.weights},
            )
        return trained

    def _predict_windows(self, data):
        each = [
            self._run(data, weights)
            for weights in split_evenly(self.weights_, self._n_members)
        ]
        told = each[0] if len(each) == 1 else _AGGREGATES[self.aggregate](each, axis=0)
        # Put in order, quantiles that cross become better (Chernozhukov et al. 2010).
        return told[..., None] if told.ndim == 3 else np.sort(told, axis=-1)
