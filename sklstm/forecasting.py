"""Forecasts of time series by recurrent networks."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils.validation import check_array, check_is_fitted

from sklstm import _params, engine
from sklstm._base import EpochReporter, RecurrentEstimator, all_or_nothing
from sklstm._checks import (
    check_columns,
    check_enough_rows,
    check_series,
    check_weights,
)
from sklstm._frames import Labels, index_of
from sklstm._windows import (
    OwnPast,
    SeriesScaling,
    count_windows,
    find_own_past,
    fit_line,
    split_off_tail,
)

# How far a column that the user names may be from an affine image of the target.
_NAMED_TOLERANCE = 1e-2


class LSTMForecaster(RegressorMixin, RecurrentEstimator):
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
        Whether a linear map from the target's window to the horizon is added to the
        network's output, zero before training [3]_.
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
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer on the same
        machine gives the same weights, bit for bit; None draws fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    history_ : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of X's columns, if they are all strings.
    own_columns_ : list of (int or None)
        For each target the column of X that holds its own past.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``.
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

    _parameter_constraints: dict = {
        **_params.NETWORK,
        **_params.TRAINING,
        **_params.WINDOWS,
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
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn to forecast from a series.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order, at least ``window_length + horizon`` of them.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets in their own units, aligned with the rows of X. Without them the
            targets are X's columns, those of ``known_future`` excepted.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row as a row to be forecast.

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
        return self._fit_anew(
            X,
            y,
            sample_weight,
            epochs=self.epochs,
            early_stopping=self.early_stopping,
        )

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take in the next rows and train on them for one epoch.

        Scales stay as they were learnt from the first rows.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those seen before. The first call needs as many
            rows as `fit`, the later ones any number.
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
            return self._fit_anew(X, y, sample_weight, epochs=1, going_on=True)
        rows, targets = self._check_next(X, y)
        weight, _ = check_weights(sample_weight, rows, self._weight_unit)
        rows, targets, weight = self._after_past(rows, targets, weight)
        data = self._training_data(rows, targets, weight)
        # A window reaches back before the new rows, and so may its targets; rows that
        # an update gave without targets cannot be trained on.
        known = np.isfinite(targets).all(axis=1)
        blocks = np.lib.stride_tricks.sliding_window_view(known, self._network.horizon)
        usable = blocks[self._network.window_length :].all(axis=1)
        self._remember(rows, targets, weight, self._labels.after(X, y))
        if usable.any():
            trained = self._train(
                self._network,
                data,
                np.flatnonzero(usable),
                epochs=1,
                start=self._trained(),
                hooks=EpochReporter(self, 1, X, y),
            )
            self._set_trained(trained, go_on=True, keep_state=True)
        return self

    def update(self, X, y=None):
        """Take in the next rows as history; the weights stay as they are.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those seen before.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Their targets, of use only to a later `partial_fit`.

        Returns
        -------
        self : LSTMForecaster
        """
        check_is_fitted(self)
        rows, targets = self._check_next(X, y)
        past = self._after_past(rows, targets, np.ones(len(rows)))
        self._remember(*past, self._labels.after(X, y))
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

        Returns
        -------
        forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)
            Like y in fit, in y's units.
        """
        check_is_fitted(self)
        rows, _ = check_series(self, X, reset=False)
        past = self._past_X[-self._network.window_length :]
        starts = np.arange(0, len(rows), self._network.horizon)
        blocks = self._forecast_blocks(np.vstack([past, rows]), starts)
        forecast = blocks.reshape(-1, blocks.shape[-1])[: len(rows)]
        return forecast[:, 0] if self._labels.one_target_1d else forecast

    def forecast(self, steps=None, X_future=None):
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int, optional
            How many; by default the rows of ``X_future`` if given, else ``horizon``.
            More than ``horizon`` are forecast recursively, each block from the one
            before, which needs every column to be forecast or known ahead.
        X_future : array-like of shape (n_rows, n_features or n_known), optional
            Values of the ``known_future`` columns in those rows, at least ``steps``
            of them; given among all columns, the others are not read.

        Returns
        -------
        forecast : ndarray, Series or DataFrame of shape (steps,) or (steps, n_targets)
            Like y in fit. Where X or y had a pandas index, labelled with its
            continuation (or the index of ``X_future``); where that is irregular, as
            trading days are, with the steps counted from 1.

        Raises
        ------
        ValueError
            If the forecast needs what cannot be known.
        """
        check_is_fitted(self)
        window_length, horizon = self._network.window_length, self._network.horizon
        known, index = self._check_future(X_future)
        if steps is None:
            steps = horizon if known is None else len(known)
        self._check_steps(steps, known)
        rows = self._past_X[-window_length:]
        blocks = []
        for begin in range(0, steps, horizon):
            new = np.repeat(rows[-1:], horizon, axis=0)
            if known is not None:
                # Where a plan ends within the block, its last row stands for the rest.
                plan = known[begin : begin + horizon]
                new[: len(plan), self._scaling.known] = plan
                new[len(plan) :, self._scaling.known] = plan[-1]
            rows = np.vstack([rows[-window_length:], new])
            block = self._forecast_blocks(rows, np.zeros(1, int))[0]
            own = self._scaling.own_from_targets(block)
            rows[window_length:, self._scaling.own] = own
            blocks.append(block)
        index = None if index is None else index[:steps]
        return self._labels.label(np.concatenate(blocks)[:steps], index)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        # It forecasts rows from those before them; shuffled rows have no such order.
        tags.regressor_tags.poor_score = True
        return tags

    def _fit_anew(
        self, X, y, sample_weight, *, epochs, early_stopping=False, going_on=False
    ):
        """Learn the scales and the weights from the rows given.

        ``going_on`` says that training is to go on later.
        """
        rows, targets = check_series(self, X, y, reset=True)
        self._check_windows()
        check_enough_rows(rows, self.window_length, self.horizon)
        weight, self._weight_unit = check_weights(sample_weight, rows)
        names = getattr(self, "feature_names_in_", None)
        known = check_columns("known_future", self.known_future, names, rows.shape[1])
        unknown = np.setdiff1d(np.arange(rows.shape[1]), known)
        if targets is None:
            targets, own = self._targets_in(rows, unknown)
            target_names = () if names is None else tuple(names[unknown])
            one_d = False
        else:
            target_names, one_d = (), targets.ndim == 1
            targets = targets.reshape(len(rows), -1)
            own = self._find_own(rows, targets, unknown, names)
        last_fit = self._last_fit()
        self._scaling = SeriesScaling.fit(
            rows,
            targets,
            own,
            known,
            normalize=self.normalize,
            window_length=self.window_length,
        )
        self.own_columns_ = [past.column for past in own]
        self._network = self._describe_network()
        self._training_spec = self._training(self.loss)
        labels = Labels.of(X, y, targets=target_names, one_target_1d=one_d)
        self._remember(rows, targets, weight, labels)
        n_windows = count_windows(len(rows), self.window_length, self.horizon)

        def split(seed):
            return split_off_tail(n_windows, self.validation_split, self.horizon)

        trained = self._train(
            self._network,
            self._training_data(rows, targets, weight),
            np.arange(n_windows),
            epochs=epochs,
            start=self._start_from(last_fit),
            split=split if early_stopping else None,
            hooks=EpochReporter(self, epochs, X, y),
        )
        self._set_trained(trained, keep_state=going_on)
        return self

    def _targets_in(self, rows, unknown):
        """The columns of X as targets, each its own past."""
        if not isinstance(self.target, str) or self.target != "auto":
            raise ValueError(
                f"target={self.target!r} names the past of y, but without y every "
                'target is a column of X. Pass y, or leave target="auto".'
            )
        if not len(unknown):
            raise ValueError(
                "known_future names all columns of X: without y there is nothing to "
                "forecast."
            )
        return rows[:, unknown], [OwnPast(int(column)) for column in unknown]

    def _check_windows(self):
        if self.window_length % self.patch_length:
            raise ValueError(
                f"patch_length must divide window_length, got patch_length="
                f"{self.patch_length} and window_length={self.window_length}."
            )

    def _find_own(self, X, Y, unknown, names):
        """For each target the column of X with its own past."""
        if self.target is None:
            return [OwnPast()] * Y.shape[1]
        if isinstance(self.target, str) and self.target == "auto":
            own = [find_own_past(X, y, unknown) for y in Y.T]
            if OwnPast() in own and self.normalize in ("window", "last"):
                warnings.warn(
                    "No column of X holds the own past of every target (y, or y scaled "
                    "by a straight line), so the network cannot see it. Add y itself "
                    "as a column of X: a row is never used to forecast itself. If its "
                    "past must not be used, set target=None.",
                    UserWarning,
                    stacklevel=2,
                )
            return own
        columns = check_columns("target", self.target, names, X.shape[1])
        if len(columns) != Y.shape[1]:
            raise ValueError(
                f"target must name one column of X for each of the {Y.shape[1]} "
                f"target(s), got {self.target!r}."
            )
        own = []
        for column, y in zip(columns, Y.T, strict=True):
            if column not in unknown:
                raise ValueError(
                    f"target={self.target!r} names column {column}, which known_future "
                    "names too: a target is not known ahead."
                )
            slope, offset, residual = fit_line(X[:, column], y)
            if residual > _NAMED_TOLERANCE:
                raise ValueError(
                    f"target={self.target!r} names column {column} as a target's own "
                    "past, but y is no affine image of it (a line leaves "
                    f"{residual:.0%} of y's standard deviation). Name the column that "
                    "is, or pass target=None."
                )
            own.append(OwnPast(int(column), slope, offset))
        return own

    def _check_future(self, X_future):
        """Values of the columns known ahead (or None), and the rows' pandas index."""
        known = self._scaling.known
        if X_future is None:
            return None, None
        if not len(known):
            raise ValueError(
                "X_future was given, but known_future names no column that is read "
                "at the forecast rows. Leave it out, or name the columns in fit."
            )
        n_features = self.n_features_in_
        if hasattr(X_future, "columns"):
            names = getattr(self, "feature_names_in_", np.arange(n_features))[known]
            missing = [name for name in names if name not in X_future.columns]
            if missing:
                raise ValueError(
                    f"X_future lacks the columns {missing}, which known_future names."
                )
            values = X_future[list(names)]
        else:
            values = np.asarray(X_future)
            if values.ndim != 2 or values.shape[1] not in (len(known), n_features):
                raise ValueError(
                    f"X_future must be 2-D with the {len(known)} column(s) that "
                    f"known_future names, or all {n_features} columns of X, got shape "
                    f"{values.shape}."
                )
            if values.shape[1] == n_features:
                values = values[:, known]
        values = check_array(values, dtype=np.float64, input_name="X_future")
        return values, index_of(X_future)

    def _check_steps(self, steps, known):
        """Refuse a forecast that needs what cannot be known."""
        horizon, scaling = self._network.horizon, self._scaling
        if not isinstance(steps, Integral) or steps < 1:
            raise ValueError(f"steps must be an integer from 1, got {steps!r}.")
        if len(scaling.known) and (known is None or len(known) < steps):
            got = "None" if known is None else f"{len(known)} row(s)"
            raise ValueError(
                f"forecast of {steps} step(s) needs X_future with the columns of "
                f"known_future in {steps} row(s), got {got}."
            )
        if steps > horizon and len(scaling.plain):
            names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))[
                scaling.plain
            ]
            raise ValueError(
                f"steps={steps} is beyond horizon={horizon}, and the columns "
                f"{names.tolist()} are neither forecast nor known ahead. Fit with "
                f"horizon={steps} or more, forecast every column (fit without y), or "
                "name those known ahead in known_future."
            )

    def _describe_network(self) -> engine.WindowNetwork:
        scaling = self._scaling
        return engine.WindowNetwork(
            stack=self._stack(
                bidirectional=self.bidirectional,
                recurrent_dropout=self.recurrent_dropout,
            ),
            window_length=int(self.window_length),
            horizon=int(self.horizon),
            n_columns=scaling.n_columns,
            n_targets=len(scaling.order),
            n_own=scaling.n_own,
            n_known=len(scaling.known),
            patch_length=int(self.patch_length),
            linear_skip=bool(self.linear_skip),
        )

    def _check_next(self, X, y):
        """Rows that follow, with their targets (NaN where nobody gave them)."""
        rows, targets = check_series(self, X, y, reset=False)
        n_targets = len(self._scaling.order)
        if targets is None:
            targets = self._scaling.targets_from_own(rows)
        else:
            targets = targets.reshape(len(rows), -1)
        if targets.shape[1] != n_targets:
            raise ValueError(
                f"y has {targets.shape[1]} target(s), but {type(self).__name__} was "
                f"fitted with {n_targets}."
            )
        return rows, targets

    def _after_past(self, rows, targets, weight):
        return (
            np.vstack([self._past_X, rows]),
            np.vstack([self._past_y, targets]),
            np.append(self._past_weight, weight),
        )

    def _remember(self, rows, targets, weight, labels):
        """Keep what the next window, and the next window to train on, reach back to."""
        length = self._network.window_length + self._network.horizon - 1
        self._past_X = rows[-length:].copy()
        self._past_y = targets[-length:].copy()
        self._past_weight = weight[-length:].copy()
        self._labels = labels

    def _training_data(self, rows, targets, weight) -> engine.WindowData:
        length, horizon = self._network.window_length, self._network.horizon
        series = self._scaling.encode(rows)
        starts = np.arange(count_windows(len(rows), length, horizon))
        level, spread = self._scaling.level_and_spread(series, length, starts)
        return engine.WindowData(
            series, starts, level, spread, self._scaling.encode_targets(targets), weight
        )

    def _forecast_blocks(self, rows, starts):
        """Forecasts (n_blocks, horizon, n_targets) of the rows after windows."""
        scaling, length = self._scaling, self._network.window_length
        series = scaling.encode(rows)
        # Of a last block that is cut short nobody knows the rows that are missing.
        series = np.vstack([series, np.repeat(series[-1:], self._network.horizon, 0)])
        level, spread = scaling.level_and_spread(series, length, starts)
        data = engine.WindowData(series, starts, level, spread)
        return scaling.decode(self._run(data), level, spread)
