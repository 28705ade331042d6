"""Anomaly detection in time series."""

from __future__ import annotations

import numpy as np

from sklstm import engine
from sklstm.anomaly._base import SeriesDetector


class LSTMAutoencoderDetector(SeriesDetector):
    """Tell rows of a series that a network cannot reconstruct.

    An encoder writes each window of the series down in one state, from which a decoder
    gives its rows back, the last one first [1]_. It learns to do so on ordinary rows;
    a row that it reconstructs unlike those is an outlier.

    Parameters
    ----------
    window_length : int, default=60
        Rows in a window. A shorter series is scored with its first row repeated before
        it.
    contamination : "auto" or float, default="auto"
        The share of the rows in fit, those held out among them, that lie below the
        threshold, at most 0.5. "auto" is one in a thousand.
    smoothing : int, default=31
        Rows, as many before as behind, over which a row's score is averaged; odd. Wide
        ones find what lasts, and blur short incidents; 1 does not smooth.
    min_deviation : float, default=0.01
        The least standard deviation that a column counts as having, as a share of its
        largest magnitude in fit: what has hardly moved must not outweigh all others
        as soon as it moves a little. So a column far from zero beside its spread
        (a temperature in Kelvin) counts for little: take its level off, or set 0. A
        column that was zero throughout has no unit, and is far off once it moves at
        all. Standardised rows are cut off at 10 deviations.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell.
    units : int or tuple of int, default=64
        State size of the encoder's recurrent layer; a tuple stacks one layer for each
        entry. The decoder has the same layers in the opposite order.
    bidirectional : bool, default=False
        Whether each layer reads in both directions.
    dropout : float, default=0.0
        Share of each recurrent layer's outputs dropped in training.
    recurrent_dropout : float, default=0.0
        Share of the recurrent state dropped in training (no fused kernel: slower).
    loss : str, keras.losses.Loss or callable, default="mse"
        The loss, on the scale of standardised rows.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=1e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int or "auto", default="auto"
        Passes over the windows. "auto" takes as many as make at least 1500 steps of the
        optimizer, one at the least.
    batch_size : int, default=32
        Windows in one step of the optimizer.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the last of the windows that are trained on,
        set aside, has not fallen for ``patience`` epochs, and keep the best epoch's
        weights. "refit" then trains again on all of them for the best number of epochs.
    validation_split : float, default=0.1
        Share of the rows, the last in time, that are held out to tell what errors are
        ordinary; and share of the windows of the others that early stopping
        looks at.
    patience : int, default=5
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit; how rows are standardised
        is learnt anew.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer on the same
        machine gives the same weights, bit for bit; None draws fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    offset_ : float
        The threshold: rows that score below it are outliers. At the end of a Pipeline
        the other methods are reached as ``pipeline[-1].anomaly_segments(pipeline[:-1]
        .transform(X))``.
    history_ : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of X's columns, if they are all strings.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``.
    network_ : keras.Model
        The network, built from the weights at each access. It reads windows of
        standardised rows.

    See Also
    --------
    LSTMForecastDetector : Rows that could not be forecast; several times as fast.
    sklstm.AnomalyDisplay : Draws the series, the scores and the features to blame.

    References
    ----------
    .. [1] Malhotra et al. (2016), "LSTM-based encoder-decoder for multi-sensor anomaly
       detection", arXiv:1607.00148.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMAutoencoderDetector
    >>> t = np.arange(900)
    >>> X = np.column_stack([np.sin(t / 9), np.cos(t / 5)])
    >>> X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    >>> detector = LSTMAutoencoderDetector(
    ...     window_length=20, units=16, smoothing=5, random_state=0
    ... ).fit(X[:600])
    >>> X[750:760, 1] = 2.0
    >>> stretches = detector.anomaly_segments(X[600:])
    >>> worst = stretches.loc[stretches["score"].idxmin()]
    >>> bool(worst["start"] <= 150 <= worst["end"]), int(worst["feature"])
    (True, 1)
    """

    def __init__(
        self,
        window_length=60,
        *,
        contamination="auto",
        smoothing=31,
        min_deviation=0.01,
        cell="lstm",
        units=64,
        bidirectional=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        loss="mse",
        optimizer="adam",
        learning_rate=1e-3,
        learning_rate_schedule="cosine",
        epochs="auto",
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
        self.contamination = contamination
        self.smoothing = smoothing
        self.min_deviation = min_deviation
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
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

    @property
    def _output_rows(self) -> range:
        return range(self._network.window_length)

    def _describe_network(self, n_columns) -> engine.AutoencoderNetwork:
        return engine.AutoencoderNetwork(
            stack=self._recurrent_stack(
                bidirectional=self.bidirectional,
                recurrent_dropout=self.recurrent_dropout,
            ),
            window_length=int(self.window_length),
            n_columns=n_columns,
        )

    def _data(self, series, starts) -> engine.ReconstructionData:
        return engine.ReconstructionData(series, starts)


class LSTMForecastDetector(SeriesDetector):
    """Tell rows of a series that a network could not have forecast.

    From the ``window_length`` rows before it a network forecasts each row [1]_. It
    learns to do so on ordinary rows; a row whose error is unlike theirs is an outlier.
    In use as `LSTMAutoencoderDetector`, as good on server metrics, and several times as
    fast. It sees changes rather than levels: what goes on for long becomes ordinary.

    Parameters
    ----------
    window_length : int, default=60
        Rows that are read before the one forecast. The first rows of a series are
        forecast as if its first row had been repeated before it; that row itself, of
        which there is no forecast, takes the second one's error.
    contamination : "auto" or float, default="auto"
        The share of the rows in fit, those held out among them, that lie below the
        threshold, at most 0.5. "auto" is one in a thousand.
    smoothing : int, default=31
        Rows, as many before as behind, over which a row's score is averaged; odd. Wide
        ones find what lasts, and blur short incidents; 1 does not smooth.
    min_deviation : float, default=0.01
        The least standard deviation that a column counts as having, as a share of its
        largest magnitude in fit: what has hardly moved must not outweigh all others
        as soon as it moves a little. So a column far from zero beside its spread
        (a temperature in Kelvin) counts for little: take its level off, or set 0. A
        column that was zero throughout has no unit, and is far off once it moves at
        all. Standardised rows are cut off at 10 deviations.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=False
        Whether each layer reads in both directions.
    dropout : float, default=0.0
        Share of each recurrent layer's outputs dropped in training.
    recurrent_dropout : float, default=0.0
        Share of the recurrent state dropped in training (no fused kernel: slower).
    loss : str, keras.losses.Loss or callable, default="mse"
        The loss, on the scale of standardised rows.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=1e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int or "auto", default="auto"
        Passes over the windows. "auto" takes as many as make at least 1500 steps of the
        optimizer, one at the least.
    batch_size : int, default=32
        Windows in one step of the optimizer.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the last of the windows that are trained on,
        set aside, has not fallen for ``patience`` epochs, and keep the best epoch's
        weights. "refit" then trains again on all of them for the best number of epochs.
    validation_split : float, default=0.1
        Share of the rows, the last in time, that are held out to tell what errors are
        ordinary; and share of the windows of the others that early stopping
        looks at.
    patience : int, default=5
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit; how rows are standardised
        is learnt anew.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer on the same
        machine gives the same weights, bit for bit; None draws fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    offset_ : float
        The threshold: rows that score below it are outliers. At the end of a Pipeline
        the other methods are reached as ``pipeline[-1].anomaly_segments(pipeline[:-1]
        .transform(X))``.
    history_ : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of X's columns, if they are all strings.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``.
    network_ : keras.Model
        The network, built from the weights at each access. It reads windows of
        standardised rows.

    See Also
    --------
    LSTMAutoencoderDetector : Rows that cannot be reconstructed.
    sklstm.AnomalyDisplay : Draws the series, the scores and the features to blame.

    References
    ----------
    .. [1] Malhotra et al. (2015), "Long short term memory networks for anomaly
       detection in time series", ESANN.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecastDetector
    >>> t = np.arange(900)
    >>> X = np.column_stack([np.sin(t / 9), np.cos(t / 5)])
    >>> X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    >>> detector = LSTMForecastDetector(
    ...     window_length=20, units=16, smoothing=5, random_state=0
    ... ).fit(X[:600])
    >>> X[750:760, 1] = 2.0
    >>> stretches = detector.anomaly_segments(X[600:])
    >>> int(stretches.loc[stretches["score"].idxmin(), "feature"])
    1
    >>> stream = [detector.update(X[i : i + 1])[0] for i in range(600, 900)]
    >>> bool(min(stream[150:160]) < detector.offset_ < np.mean(stream[:140]))
    True
    """

    def __init__(
        self,
        window_length=60,
        *,
        contamination="auto",
        smoothing=31,
        min_deviation=0.01,
        cell="lstm",
        units=64,
        bidirectional=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        loss="mse",
        optimizer="adam",
        learning_rate=1e-3,
        learning_rate_schedule="cosine",
        epochs="auto",
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
        self.contamination = contamination
        self.smoothing = smoothing
        self.min_deviation = min_deviation
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
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

    @property
    def _output_rows(self) -> range:
        return range(self._network.window_length, self._network.window_length + 1)

    def _describe_network(self, n_columns) -> engine.WindowNetwork:
        return engine.WindowNetwork(
            stack=self._recurrent_stack(
                bidirectional=self.bidirectional,
                recurrent_dropout=self.recurrent_dropout,
            ),
            window_length=int(self.window_length),
            horizon=1,
            n_columns=n_columns,
            n_targets=n_columns,
            n_target_columns=n_columns,
            linear_skip=True,
        )

    def _data(self, series, starts) -> engine.WindowData:
        shape = (len(starts), series.shape[1])
        level, spread = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        weight = np.ones(len(series), np.float32)
        return engine.WindowData(series, starts, level, spread, series, weight)
