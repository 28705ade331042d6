"""Forecasting by recurrent networks."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core import params
from sklstm._core.attribution import Attribution
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import TrainingTask, restore_on_error
from sklstm._core.params import check_quantiles
from sklstm._core.seeds import RandomState
from sklstm._data.windows import split_off_tails
from sklstm._sklearn import Interval, StrOptions, fit_context
from sklstm.engine import WindowData
from sklstm.forecasting._attribution import attribute_forecasts
from sklstm.forecasting._base import Forecaster, ForecastKind, TrainingWindows
from sklstm.forecasting._ensemble import AGGREGATES, EnsembleEstimator
from sklstm.forecasting._linear_start import fit_linear_maps
from sklstm.forecasting._windows import is_trainable


class LSTMForecaster(Forecaster, EnsembleEstimator):
    """Forecast time series by a recurrent network on windows.

    The rows of X are time steps in order. The network reads ``window_length`` rows and
    forecasts the targets of the ``horizon`` rows that follow. A row is never used to
    forecast itself or an earlier row, so X may and should hold the history of the
    target: the price itself among the indicators, for example.

    Parameters
    ----------
    window_length : int or "auto", default=10
        Number of rows in a window. "auto" takes two seasons, at least the horizon, and
        leaves at least as many windows as a window has rows. The season, up to 256
        rows, is a peak in the autocorrelation of the target in the training rows;
        without one, windows have 10 rows.
    horizon : int, default=1
        Number of rows forecast at once from the same window (a direct forecast).
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory [1]_, gated recurrent unit [2]_, or the
        simple (Elman) RNN cell.
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
        ``patch_length`` rows and makes one recurrent step for each of them [7]_. All
        steps start from the last state; their inputs are a learned vector of the
        segment and its future covariates. This takes fewer weights if the horizon is
        long.
    channel_independent : bool, default=False
        Whether each target goes through the network alone [5]_, beside the covariates
        and a learned vector of the target, instead of all targets together. All share
        the weights, except for the linear map from future covariates. Each target
        needs a column of X that holds its history.
    patch_length : int, default=1
        Number of rows that the network reads in one recurrent step [5]_; must divide
        ``window_length``. On hourly data 24 makes each step a day, which is faster and
        usually far more accurate.
    linear_skip : {"ridge", "zero"} or bool, default="ridge"
        Whether to add linear maps to the network's output: from the target's history in
        the window [3]_, and from the future covariates in window and horizon, relative
        to the last row of the window. "ridge" starts their training at the
        least-squares solution with the ridge penalty that generalised cross-validation
        chooses [8]_, so an untrained network forecasts as a linear model does. "zero"
        (or True) starts them at zero.
    normalize : {"window", "last", "standard"} or None, default="window"
        Scaling of the target and of the column that holds its history. "window"
        subtracts the last value of each window and divides by the window's standard
        deviation around its own straight line [4]_. "last" only subtracts the last
        value. "standard" uses mean and standard deviation of the training rows.
        Forecasts are mapped back to the units of y. Covariates are standardised by the
        training rows. None scales nothing.
    target : "auto", int, str, list or None, default="auto"
        Column of X that holds the history of the target, one for each target, by label
        or index (a label that is neither text nor integer in a list). "auto" finds the
        column of which y is an affine image, so a scaler before the forecaster does no
        harm. None: X does not hold the history, and the target is standardised.
    known_future : int, str, list or None, default=None
        Columns of X that are future covariates, by label or index as in ``target``:
        their values at the forecast rows are known in advance (calendar features,
        planned prices) and read there.
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
        Quantiles to predict, 0.5 among them, trained with the pinball loss [6]_ instead
        of ``loss``. `predict` returns the median; `predict_quantiles` and
        `forecast_quantiles` return all of them.
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
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
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
    history_ : dict of list of float
        Loss in each epoch: "loss" and, with early stopping, "val_loss". For several
        members it is the mean of those still trained in the epoch.
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.
    window_length_ : int
        Number of rows in a window.
    target_columns_ : list of (int or None)
        For each target the column of X that holds its history.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``. Those of several
        members follow each other.
    network_ : keras.Model
        The network, built from the weights at each access. It reads normalised
        windows: target columns first, then past covariates, then future covariates.

    See Also
    --------
    WindowForecaster : Forecast by any scikit-learn regressor on the same windows.
    sklstm.walk_forward : Evaluate forecasts fold by fold, beside naive forecasts.

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
    .. [7] Lin et al. (2023), "SegRNN: Segment recurrent neural network for long-term
       time series forecasting", arXiv:2308.11200.
    .. [8] Golub, Heath and Wahba (1979), "Generalized cross-validation as a method for
       choosing a good ridge parameter", Technometrics 21(2).

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

    epochs: int | str
    linear_skip: str | bool

    # epochs="auto" if training starts from the ridge solution: from a few windows there
    # is little more to learn, and many epochs would only learn their noise.
    _windows_per_auto_epoch = 200
    _auto_epochs = (3, 10)
    _max_auto_steps = 5000

    _parameter_constraints: dict[str, Any] = {
        **params.NETWORK,
        **params.TRAINING,
        **params.WINDOWS,
        "epochs": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "quantiles": [tuple, list, None],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "aggregate": [StrOptions(set(AGGREGATES))],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        window_length: int | str = 10,
        horizon: int = 1,
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
        target: Any = "auto",
        known_future: Any = None,
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
        warm_start: bool = False,
        n_members: int = 1,
        aggregate: str = "median",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ):
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
        self.target = target
        self.known_future = known_future
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
        self.warm_start = warm_start
        self.n_members = n_members
        self.aggregate = aggregate
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train the network on one series or several.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order, at least ``window_length + horizon`` of them. Or several
            series with the same columns: a list of them, or a frame with an index of
            (series, time). They share one network, and each has scales of its own. If
            some of them have too few rows, their first row is repeated at the front,
            with weight zero.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows of X, in their own units; for several series a list of
            them, or columns with the index of X. Without y the targets are the columns
            of X that are not in ``known_future``. After a scaler in a pipeline these
            are the scaled columns, so pass y there.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row as a target; for several series as y.

        Returns
        -------
        self : LSTMForecaster
            The fitted forecaster.

        Raises
        ------
        ValueError
            If X has too few rows, or X, y or a parameter is not as described.
        FloatingPointError
            If training diverges.
        """
        return self._fit(X, y, sample_weight)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Append the rows that follow to the history, and train on them for one epoch.

        Training continues from the present weights and, after another `partial_fit`,
        from the state of the optimizer. The scales stay those of the first call.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after the last one seen. The first call needs as many rows
            as `fit`, later calls any number. Several series as in `update`.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows. They can be omitted if X holds them.
        sample_weight : array-like of shape (n_timesteps,), optional
            Weight of each row as a target, in the unit of those of the first call.

        Returns
        -------
        self : LSTMForecaster
            The fitted forecaster.

        Raises
        ------
        ValueError
            If X or y has other columns than before, its index says that the rows were
            seen before, or it is not as described.
        FloatingPointError
            If training diverges.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit(X, y, sample_weight, incremental=True)
        return self._continue_fit(X, y, sample_weight)

    def predict_quantiles(self, X: Any) -> Any:
        """Predict quantiles of each row of X from the rows before it.

        X is processed in blocks as by `predict`.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `predict`.

        Returns
        -------
        quantiles : ndarray of shape (n_timesteps, [n_targets,] n_quantiles)
            In the order of the parameter ``quantiles``. The quantiles of a row never
            cross. A list of arrays if X is a list.

        Raises
        ------
        ValueError
            If the forecaster was fitted without ``quantiles``.
        """
        return self._predict_series(X, self._all_quantiles())

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
            Number of steps ahead, at most ``horizon``; by default the number of rows
            of ``X_future`` if that is passed, else ``horizon``.
        X_future : array-like of shape (n_rows, n_features or n_future), optional
            As in `forecast`.
        X, y : as in `fit`, optional
            As in `forecast`.

        Returns
        -------
        quantiles : ndarray or DataFrame of shape (steps, [n_targets,] n_quantiles)
            In the order of the parameter ``quantiles``. The quantiles of a row never
            cross. If X or y had a pandas index, a frame with the quantiles as columns,
            below the name of each target if there are several. For several series a
            list, or one frame.

        Raises
        ------
        ValueError
            If the forecaster was fitted without ``quantiles``, ``steps`` is greater
            than ``horizon``, or ``X_future`` is missing or too short.
        """
        return self._forecast(steps, X_future, X, y, self._all_quantiles())

    def _attribute(self, X: Any, X_future: Any, steps: Any) -> Attribution:
        """Attribute forecasts; called by `sklstm.inspection.attribute`."""
        return attribute_forecasts(self, X, X_future, steps)

    def _all_quantiles(self) -> ForecastKind:
        """Return the predicted quantiles in the order of the parameter."""
        check_is_fitted(self)
        quantiles = self.quantiles
        if self._quantiles == (0.5,) or quantiles is None:
            raise ValueError(
                f"{type(self).__name__} predicts the quantiles set before fit, got "
                f"quantiles={quantiles!r}. Fit with quantiles=(0.1, 0.5, 0.9), "
                "for example."
            )
        order = np.argsort(np.argsort(quantiles))
        return ForecastKind(lambda predicted: predicted[..., order], list(quantiles))

    def _fit_windows(
        self, windows: TrainingWindows, fit_data: FitData, *, incremental: bool
    ) -> None:
        if self.window_length_ % self.patch_length:
            raise ValueError(
                f"patch_length must divide window_length, got patch_length="
                f"{self.patch_length} and window_length={self.window_length_}."
            )
        if self.channel_independent:
            self._check_target_columns()
        previous = self._previous_fit()
        if previous is not None:
            self._check_n_members()
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
            decoder=self.decoder,
            channel_independent=bool(self.channel_independent),
        )
        loss = self.loss if self.quantiles is None else self._quantiles
        self._training_spec = self._describe_training(loss)

        def hold_out(seed: int) -> tuple[np.ndarray, np.ndarray]:
            heads, tails = split_off_tails(
                windows.of_series, self.validation_split, self.horizon
            )
            return np.concatenate(heads), np.concatenate(tails)

        def solve_linear_skip(train: np.ndarray) -> engine.InitialValues:
            data = windows.data.take(train)
            # A window without any change is forecast to stay as it is, unless the level
            # of a target is not removed from its windows.
            levelled = self.normalize in ("window", "last")
            levelled &= self._shape.n_target_columns == self._shape.n_targets
            maps = fit_linear_maps(
                data,
                self._shape,
                self._quantiles,
                # Independent channels share the intercept of the network.
                intercept=not (levelled or self.channel_independent),
            )
            return self._network.weights_of_linear_maps(maps)

        samples = np.concatenate(windows.of_series)
        epochs = 1 if incremental else self._choose_epochs(len(samples))
        early_stopping = self.early_stopping and epochs and not incremental
        task = TrainingTask(
            self._network,
            windows.data,
            samples,
            epochs=epochs,
            start=self._warm_start_from(previous),
            initialize=solve_linear_skip if self.linear_skip == "ridge" else None,
            hold_out=hold_out if early_stopping else None,
        )
        trained = self._train_members(task, fit_data)
        self._store_training(trained, keep_optimizer_state=incremental)

    @property
    def _patch_length(self) -> int:
        return int(self.patch_length)

    @property
    def _verbose(self) -> int:
        return int(self.verbose)

    def _choose_epochs(self, n_windows: int) -> int:
        """Return the number of epochs for a number of training windows."""
        n_steps = -(-n_windows // int(self.batch_size))
        if self.epochs != "auto":
            return self._count_epochs(n_steps)
        least, most = self._auto_epochs
        epochs = min(max(n_windows // self._windows_per_auto_epoch, least), most)
        epochs = min(epochs, -(-self._max_auto_steps // n_steps))
        if self.linear_skip == "ridge":
            return epochs
        return max(epochs, self._count_epochs(n_steps))

    def _check_target_columns(self) -> None:
        """Raise an error if the history of a target is not among the columns of X."""
        n_found, n_targets = self._shape.n_target_columns, self._shape.n_targets
        if n_found < n_targets:
            raise ValueError(
                "channel_independent=True needs the history of each target in a column "
                f"of X, but only {n_found} of {n_targets} target(s) have one "
                f"(target={self.target!r}). Add the targets to X, name their columns "
                "in target, or set channel_independent=False."
            )

    def _continue_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Train on the windows of new rows, from the weights of the last training."""
        self._check_n_members()
        histories = self._extend_histories(X, y, sample_weight)
        data = WindowData.join([h.windows(self._shape) for h in histories.values()])
        trainable = is_trainable(data, self._shape)
        self._update_calibration(histories)
        self._store_histories(histories)
        if trainable.any():
            task = TrainingTask(
                self._network,
                data,
                np.flatnonzero(trainable),
                epochs=1,
                start=self._last_training(),
            )
            trained = self._train_members(task, FitData(X, y))
            self._store_training(trained, continued=True, keep_optimizer_state=True)
        return self

    def _predict_windows(self, data: WindowData) -> np.ndarray:
        predicted = self._run_members(data)
        if predicted.ndim == 3:
            return predicted[..., None]
        # Sorting crossed quantiles makes them more accurate (Chernozhukov et al. 2010).
        return np.sort(predicted, axis=-1)
