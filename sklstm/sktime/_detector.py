"""Anomaly detection with sktime's interface."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from sktime.detection.base import BaseDetector

from sklstm import LSTMAutoencoderDetector, LSTMForecastDetector
from sklstm._core.keras_parameters import KerasParameters
from sklstm._core.seeds import RandomState

_AUTHORS = "The sklstm developers"


class _SeriesDetectorAdapter(KerasParameters, BaseDetector):
    """Base of the adapters of the detectors of anomalous rows."""

    _tags = {
        "authors": _AUTHORS,
        "maintainers": _AUTHORS,
        "task": "anomaly_detection",
        "learning_type": "unsupervised",
        "X_inner_mtype": "pd.DataFrame",
        "capability:multivariate": True,
        "capability:missing_values": True,
        "capability:update": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    _detector_class: ClassVar[Any]

    def __init__(
        self,
        window_length: int = 60,
        *,
        contamination: float | Literal["auto"] = "auto",
        smoothing: int = 31,
        min_deviation: float = 0.01,
        missing_values: Literal["ignore", "score"] = "ignore",
        known_future: Any = None,
        min_duration: int = 1,
        merge_gap: int = 15,
        hysteresis: float = 0.8,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 64,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        loss: Any = "mse",
        optimizer: Any = "adam",
        learning_rate: float | None = 1e-3,
        learning_rate_schedule: str = "cosine",
        epochs: int | str = "auto",
        batch_size: int = 32,
        early_stopping: bool | str = False,
        validation_split: float = 0.1,
        patience: int = 5,
        callbacks: Any = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.window_length = window_length
        self.contamination = contamination
        self.smoothing = smoothing
        self.min_deviation = min_deviation
        self.missing_values = missing_values
        self.known_future = known_future
        self.min_duration = min_duration
        self.merge_gap = merge_gap
        self.hysteresis = hysteresis
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
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()

    def _fit(self, X: pd.DataFrame) -> Self:
        self.detector_ = self._detector_class(**self.get_params(deep=False))
        self.detector_.fit(self._to_rows(X))
        self._stream = self.detector_.stream()
        # sktime's copy of X: the detector keeps the rows that it needs.
        self._X = None
        return self

    def _predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.flatnonzero(self.detector_.predict(self._to_rows(X)) < 0)

    def _predict_points(self, X: Any) -> np.ndarray:
        # sktime passes X as the user did.
        return self._predict(self._check_X(X))

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Predict anomaly segments, by ``anomaly_segments`` of the detector.

        Parameters
        ----------
        X : DataFrame, Series or ndarray
            Rows in time order.

        Returns
        -------
        segments : DataFrame
            One row per segment, with a column "ilocs": the interval from the position
            of its first row in X to that after its last one, which is left out.
        """
        self.check_is_fitted()
        rows = self._to_rows(self._check_X(X))
        if isinstance(rows, pd.DataFrame):
            rows = rows.reset_index(drop=True)
        segments = self.detector_.anomaly_segments(rows)
        ilocs = pd.IntervalIndex.from_arrays(
            segments["start"].astype(np.int64),
            segments["end"].astype(np.int64) + 1,
            closed="left",
        )
        return pd.DataFrame({"ilocs": ilocs})

    def transform(self, X: Any) -> pd.DataFrame:
        """Label rows.

        Parameters
        ----------
        X : DataFrame, Series or ndarray
            Rows in time order.

        Returns
        -------
        labels : DataFrame
            1 for anomalous rows and 0 for others, in a column "labels", with the index
            of X.
        """
        self.check_is_fitted()
        X_inner = self._check_X(X)
        labels = np.zeros(len(X_inner), np.int64)
        labels[self._predict(X_inner)] = 1
        return pd.DataFrame({"labels": labels}, index=X_inner.index)

    def fit_transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        """Fit the detector to rows, and label the same rows.

        Parameters
        ----------
        X : DataFrame, Series or ndarray
            Rows in time order.
        y : None
            Ignored.

        Returns
        -------
        labels : DataFrame
            As from `transform`.
        """
        return self.fit(X).transform(X)

    def _transform_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        scores = -self.detector_.score_samples(self._to_rows(X))
        return pd.DataFrame({"scores": scores}, index=X.index)

    def _predict_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        scores = self._transform_scores(X)
        return scores.iloc[self._predict(X)].reset_index(drop=True)

    def update(self, X: Any, y: Any = None) -> Self:
        """Append the next rows to the stream.

        Parameters
        ----------
        X : DataFrame, Series or ndarray
            Rows that follow the last ones passed to ``fit``, ``update`` or
            ``update_predict``.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The detector. Its network and threshold stay as they are.
        """
        self._update_scores(X)
        return self

    def update_predict(self, X: Any, y: Any = None) -> pd.DataFrame:
        """Append the next rows to the stream, and predict which are anomalous.

        Parameters
        ----------
        X : DataFrame, Series or ndarray
            Rows that follow the last ones passed to ``fit``, ``update`` or
            ``update_predict``.
        y : None
            Ignored.

        Returns
        -------
        points : DataFrame
            Positions in X of the rows that are anomalous by the threshold of rows as
            they arrive, ``detector_.live_offset_``, in a column "ilocs".
        """
        ilocs = np.flatnonzero(self._update_scores(X) < self.detector_.live_offset_)
        return pd.DataFrame({"ilocs": ilocs})

    def _update_scores(self, X: Any) -> np.ndarray:
        """Append the next rows to the stream, and score them."""
        self.check_is_fitted()
        self._stream.push(self._to_rows(self._check_X(X)))
        return self._stream.scores

    def _check_X(self, X: Any) -> pd.DataFrame:  # noqa: N802
        try:
            return super()._check_X(X)
        except TypeError:
            # sktime lets panels pass, but has no format for their events.
            if (getattr(self, "_X_metadata", None) or {}).get("scitype") != "Panel":
                raise
            raise ValueError(
                "X must be one series, of shape (n_timesteps, n_features), got several "
                f"({self._X_metadata['mtype']}). sktime has no format for their "
                f"events: use sklstm.{self._detector_class.__name__}, which takes a "
                "frame with an index of (series, time)."
            ) from None

    def _to_rows(self, X: pd.DataFrame) -> Any:
        """Return X as this package takes it.

        Of an array, sktime makes a frame whose rows are numbered from 0, in each call
        again: such numbers are no times.
        """
        is_array = self._X_metadata["mtype"].startswith("np")
        return X.to_numpy() if is_array else X

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
        small = {"units": 2, "epochs": 1, "window_length": 3, "random_state": 0}
        return [
            {"smoothing": 3, **small},
            {"smoothing": 1, "contamination": 0.2, "cell": "gru", **small},
        ]


class SktimeLSTMAutoencoderDetector(_SeriesDetectorAdapter):
    """`sklstm.LSTMAutoencoderDetector` with sktime's interface.

    It detects rows of a series of one or several columns that cannot be reconstructed
    as well as normal rows.

    ``predict`` and ``predict_points`` return the positions of anomalous rows, and
    ``transform`` a label for each row, 1 if it is anomalous. ``predict_segments``
    returns the anomaly segments as intervals of positions. ``transform_scores`` returns
    a score for each row and ``predict_scores`` those of the anomalous rows; unlike
    those of scikit-learn's detectors, they are high where rows are anomalous.

    Each of them takes X for a series of its own. ``update_predict`` takes it for the
    next rows of a stream that begins with the rows of ``fit``, and labels them with
    regard to the rows before, as `sklstm.LSTMAutoencoderDetector.update` does;
    ``update`` only adds the rows to the stream. Neither of them trains the network. To
    start another stream, call ``detector_.update(X, new_stream=True)``.

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
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    detector_ : sklstm.LSTMAutoencoderDetector
        The fitted detector.

    See Also
    --------
    sklstm.LSTMAutoencoderDetector : The detector with scikit-learn's interface, and the
        references.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.sktime import SktimeLSTMAutoencoderDetector
    >>> t = np.arange(900)
    >>> X = np.column_stack([np.sin(t / 9), np.cos(t / 5)])
    >>> X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    >>> detector = SktimeLSTMAutoencoderDetector(
    ...     window_length=20, units=16, smoothing=5, random_state=0
    ... ).fit(X[:600])
    >>> X[750:760, 1] = 2.0
    >>> bool(detector.transform(X[600:])["labels"][150:160].any())
    True
    """

    _detector_class = LSTMAutoencoderDetector


class SktimeLSTMForecastDetector(_SeriesDetectorAdapter):
    """`sklstm.LSTMForecastDetector` with sktime's interface.

    It detects rows of a series of one or several columns that cannot be forecast as
    well as normal rows.

    ``predict`` and ``predict_points`` return the positions of anomalous rows, and
    ``transform`` a label for each row, 1 if it is anomalous. ``predict_segments``
    returns the anomaly segments as intervals of positions. ``transform_scores`` returns
    a score for each row and ``predict_scores`` those of the anomalous rows; unlike
    those of scikit-learn's detectors, they are high where rows are anomalous.

    Each of them takes X for a series of its own. ``update_predict`` takes it for the
    next rows of a stream that begins with the rows of ``fit``, and labels them with
    regard to the rows before, as `sklstm.LSTMForecastDetector.update` does; ``update``
    only adds the rows to the stream. Neither of them trains the network. To start
    another stream, call ``detector_.update(X, new_stream=True)``.

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
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    detector_ : sklstm.LSTMForecastDetector
        The fitted detector.

    See Also
    --------
    sklstm.LSTMForecastDetector : The detector with scikit-learn's interface, and the
        references.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.sktime import SktimeLSTMForecastDetector
    >>> t = np.arange(900)
    >>> X = np.column_stack([np.sin(t / 9), np.cos(t / 5)])
    >>> X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    >>> detector = SktimeLSTMForecastDetector(
    ...     window_length=20, units=16, smoothing=5, random_state=0
    ... ).fit(X[:600])
    >>> X[750:760, 1] = 2.0
    >>> bool(detector.transform(X[600:])["labels"][150:160].any())
    True
    >>> int(detector.transform_scores(X[600:])["scores"].idxmax()) in range(145, 165)
    True
    """

    _detector_class = LSTMForecastDetector
