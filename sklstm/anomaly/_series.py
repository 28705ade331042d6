"""Anomaly detection in time series."""

from __future__ import annotations

import numpy as np

from sklstm import engine
from sklstm.anomaly._network import NetworkDetector


class LSTMAutoencoderDetector(NetworkDetector):
    """Detect anomalous rows of a time series by reconstruction error.

    An encoder compresses each window of the series into a single state, from which a
    decoder reconstructs the rows of the window in reverse order [1]_. The network is
    trained on normal rows. A row is an outlier if its reconstruction errors are
    unlike those of normal rows.

    Parameters
    ----------
    window_length : int, default=60
        Number of rows in a window. A shorter series is padded at its start by
        repeating its first row.
    contamination : "auto" or float, default="auto"
        Fraction of the rows in fit, held-out rows included, that score below the
        threshold, at most 0.5. "auto" is 0.001.
    smoothing : int, default=31
        Length in rows of the centred moving average of the scores, an odd number. Long
        averages favour lasting anomalies and blur short ones; 1 does not smooth.
    min_deviation : float, default=0.01
        Lower bound of the standard deviation of a column in the standardisation, as a
        fraction of the column's largest magnitude in fit. It keeps a column that hardly
        moved in fit from dominating the scores as soon as it moves a little. Of a
        column that moved in at least three quarters of the rows, such as the frequency
        of the mains, it is a fraction of its largest distance from its median. A column
        that moves now and then beside a large offset has little weight: subtract the
        offset, or set 0. A column that was zero throughout has no scale, so that any
        other value counts as an extreme deviation. Standardised values are clipped at
        10 standard deviations.
    missing_values : {"ignore", "score"}, default="ignore"
        Whether missing values (NaN) can be anomalies. "ignore" scores rows by the
        columns that are observed. "score" flags a column that has stopped reporting,
        too: as soon as more of its values in succession are missing than ever in fit,
        each adds twice the distance at the threshold set in fit (at least 2) to that of
        its row, before smoothing.
    known_future : int, str, list or None, default=None
        Columns of X that are known in advance, by label or index, such as the hour of
        the day: the network reads them, in the rows that it predicts too, but they are
        not scored. They have no missing values. With them, the usual load at noon can
        be an anomaly at night.
    min_duration : int, default=1
        Number of consecutive outliers that make an anomaly segment, and an alarm of a
        stream. With smoothing, a single extreme row makes up to ``smoothing`` rows
        outliers. Like the next two, it can be changed after ``fit``.
    merge_gap : int, default=15
        Largest number of consecutive normal rows between two parts of a segment or of
        an alarm.
    hysteresis : float, default=0.8
        Factor of the threshold, at most 1, below which the score of a row is anomalous
        while a segment or an alarm lasts. A lower factor merges alarms that a score
        close to the threshold would raise again and again.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory, gated recurrent unit, or the simple
        (Elman) RNN cell.
    units : int or tuple of int, default=64
        State size of the encoder's recurrent layer; a tuple stacks one layer for each
        entry. The decoder has the same layers in reverse order.
    bidirectional : bool, default=False
        Whether each layer reads the sequence in both directions.
    dropout : float, default=0.0
        Fraction of each recurrent layer's outputs to drop during training.
    recurrent_dropout : float, default=0.0
        Fraction of the recurrent state to drop during training. Disables the fused
        kernels, so training is slower.
    loss : str, keras.losses.Loss or callable, default="mse"
        Loss on standardised rows.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=1e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    epochs : int or "auto", default="auto"
        Number of passes over the windows. "auto" chooses the smallest number that takes
        at least 1500 optimizer steps.
    batch_size : int, default=32
        Number of windows in an optimizer step.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on held-out windows, the last ones of the training
        rows, has not decreased for ``patience`` epochs, and to restore the weights of
        the best epoch. "refit" then trains again on all windows for the best number of
        epochs.
    validation_split : float, default=0.1
        Fraction of the rows, the last ones in time, to hold out from training to
        estimate the errors of normal rows; also the fraction of the training windows
        to hold out for early stopping.
    patience : int, default=5
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each epoch.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit. The standardisation is
        estimated again.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    offset_ : float
        Threshold of the scores of complete recordings (`score_samples`): rows with a
        lower score are outliers.
    live_offset_ : float
        Threshold of rows as they arrive (`running_scores`, `update`, `stream`), whose
        scores are averages of fewer rows.
    history_ : dict of list of float
        Training loss of each epoch, "loss", and with early stopping the validation
        loss, "val_loss".
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``.
    network_ : keras.Model
        Network, built from the weights at each access. Its inputs are windows of
        standardised rows, in which missing values are filled; after them come masks,
        1 where a value is missing, of the columns that had missing values in fit.

    See Also
    --------
    LSTMForecastDetector : Detection by forecast error, several times as fast.
    sklstm.AnomalyDisplay : Plot of a series, its scores and the top features.

    Notes
    -----
    A Pipeline that ends in a detector does not have all of its methods. Call the others
    on the detector, as ``pipeline[-1].anomaly_segments(rows)``, with the transformed
    rows ``rows = pipeline[:-1].transform(X)``.

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
    >>> segments = detector.anomaly_segments(X[600:])
    >>> worst = segments.loc[segments["score"].idxmin()]
    >>> bool(worst["start"] <= 150 <= worst["end"]), int(worst["feature"])
    (True, 1)
    """

    _network: engine.AutoencoderNetwork

    # The errors of incidents that are rows like none before are large in many columns;
    # with a smaller ridge, drifts of well reconstructed columns outweigh them.
    _ridge = 1.0

    @property
    def _output_rows(self) -> range:
        return range(self._window_length)

    def _describe_network(
        self,
        stack: engine.RecurrentStack,
        n_columns: int,
        n_masks: int,
        n_known_columns: int,
    ) -> engine.AutoencoderNetwork:
        return engine.AutoencoderNetwork(
            stack=stack,
            window_length=self._window_length,
            n_columns=n_columns,
            n_masks=n_masks,
            n_known_columns=n_known_columns,
        )

    def _describe_windows(
        self, series: np.ndarray, starts: np.ndarray, targets: np.ndarray
    ) -> engine.ReconstructionData:
        return engine.ReconstructionData(series, starts, targets)


class LSTMForecastDetector(NetworkDetector):
    """Detect anomalous rows of a time series by forecast error.

    A network forecasts each row from the ``window_length`` rows before it [1]_. The
    network is trained on normal rows. A row is an outlier if its forecast errors are
    unlike those of normal rows.

    It has the same methods as `LSTMAutoencoderDetector`, and is several times as fast
    and slightly less accurate on server metrics. It detects changes rather than levels:
    an anomaly that lasts is soon forecast correctly, and then scored as normal.

    Parameters
    ----------
    window_length : int, default=60
        Number of rows that a forecast is based on. The first rows of a series are
        forecast as if its first row had been repeated before it; the first row itself
        gets the error of the second one.
    contamination : "auto" or float, default="auto"
        Fraction of the rows in fit, held-out rows included, that score below the
        threshold, at most 0.5. "auto" is 0.001.
    smoothing : int, default=31
        Length in rows of the centred moving average of the scores, an odd number. Long
        averages favour lasting anomalies and blur short ones; 1 does not smooth.
    min_deviation : float, default=0.01
        Lower bound of the standard deviation of a column in the standardisation, as a
        fraction of the column's largest magnitude in fit. It keeps a column that hardly
        moved in fit from dominating the scores as soon as it moves a little. Of a
        column that moved in at least three quarters of the rows, such as the frequency
        of the mains, it is a fraction of its largest distance from its median. A column
        that moves now and then beside a large offset has little weight: subtract the
        offset, or set 0. A column that was zero throughout has no scale, so that any
        other value counts as an extreme deviation. Standardised values are clipped at
        10 standard deviations.
    missing_values : {"ignore", "score"}, default="ignore"
        Whether missing values (NaN) can be anomalies. "ignore" scores rows by the
        columns that are observed. "score" flags a column that has stopped reporting,
        too: as soon as more of its values in succession are missing than ever in fit,
        each adds twice the distance at the threshold set in fit (at least 2) to that of
        its row, before smoothing.
    known_future : int, str, list or None, default=None
        Columns of X that are known in advance, by label or index, such as the hour of
        the day: the network reads them, in the rows that it predicts too, but they are
        not scored. They have no missing values. With them, the usual load at noon can
        be an anomaly at night.
    min_duration : int, default=1
        Number of consecutive outliers that make an anomaly segment, and an alarm of a
        stream. With smoothing, a single extreme row makes up to ``smoothing`` rows
        outliers. Like the next two, it can be changed after ``fit``.
    merge_gap : int, default=15
        Largest number of consecutive normal rows between two parts of a segment or of
        an alarm.
    hysteresis : float, default=0.8
        Factor of the threshold, at most 1, below which the score of a row is anomalous
        while a segment or an alarm lasts. A lower factor merges alarms that a score
        close to the threshold would raise again and again.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory, gated recurrent unit, or the simple
        (Elman) RNN cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=False
        Whether each layer reads the sequence in both directions.
    dropout : float, default=0.0
        Fraction of each recurrent layer's outputs to drop during training.
    recurrent_dropout : float, default=0.0
        Fraction of the recurrent state to drop during training. Disables the fused
        kernels, so training is slower.
    loss : str, keras.losses.Loss or callable, default="mse"
        Loss on standardised rows.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=1e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    epochs : int or "auto", default="auto"
        Number of passes over the windows. "auto" chooses the smallest number that takes
        at least 1500 optimizer steps.
    batch_size : int, default=32
        Number of windows in an optimizer step.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on held-out windows, the last ones of the training
        rows, has not decreased for ``patience`` epochs, and to restore the weights of
        the best epoch. "refit" then trains again on all windows for the best number of
        epochs.
    validation_split : float, default=0.1
        Fraction of the rows, the last ones in time, to hold out from training to
        estimate the errors of normal rows; also the fraction of the training windows
        to hold out for early stopping.
    patience : int, default=5
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each epoch.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit. The standardisation is
        estimated again.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    offset_ : float
        Threshold of the scores of complete recordings (`score_samples`): rows with a
        lower score are outliers.
    live_offset_ : float
        Threshold of rows as they arrive (`running_scores`, `update`, `stream`), whose
        scores are averages of fewer rows.
    history_ : dict of list of float
        Training loss of each epoch, "loss", and with early stopping the validation
        loss, "val_loss".
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``.
    network_ : keras.Model
        Network, built from the weights at each access. Its inputs are windows of
        standardised rows, in which missing values are filled; after them come masks,
        1 where a value is missing, of the columns that had missing values in fit.

    See Also
    --------
    LSTMAutoencoderDetector : Detection by reconstruction error.
    sklstm.AnomalyDisplay : Plot of a series, its scores and the top features.

    Notes
    -----
    A Pipeline that ends in a detector does not have all of its methods. Call the others
    on the detector, as ``pipeline[-1].anomaly_segments(rows)``, with the transformed
    rows ``rows = pipeline[:-1].transform(X)``.

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
    >>> segments = detector.anomaly_segments(X[600:])
    >>> int(segments.loc[segments["score"].idxmin(), "feature"])
    1
    >>> stream = [detector.update(X[i : i + 1])[0] for i in range(600, 900)]
    >>> bool(min(stream[150:160]) < detector.live_offset_ < np.mean(stream[:140]))
    True
    """

    _network: engine.WindowNetwork

    # A forecast follows drifts, so that well predicted columns can count more.
    _ridge = 0.03

    @property
    def _output_rows(self) -> range:
        return range(self._window_length, self._window_length + 1)

    def _describe_network(
        self,
        stack: engine.RecurrentStack,
        n_columns: int,
        n_masks: int,
        n_known_columns: int,
    ) -> engine.WindowNetwork:
        return engine.WindowNetwork(
            stack=stack,
            window_length=self._window_length,
            horizon=1,
            n_columns=n_columns + n_masks + n_known_columns,
            n_targets=n_columns,
            n_target_columns=n_columns,
            n_future_columns=n_known_columns,
            linear_skip=True,
        )

    def _describe_windows(
        self, series: np.ndarray, starts: np.ndarray, targets: np.ndarray
    ) -> engine.WindowData:
        # Rows are standardised already, so windows have level 0 and scale 1.
        shape = (len(starts), targets.shape[1])
        level, scale = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        weight = np.ones(len(series), np.float32)
        return engine.WindowData(series, starts, level, scale, targets, weight)
