"""Base of the detectors that predict rows with a recurrent network."""

from __future__ import annotations

from abc import abstractmethod
from math import ceil
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core import params
from sklstm._core.attribution import Attribution
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import HoldOut, RecurrentEstimator, TrainingTask
from sklstm._core.seeds import RandomState
from sklstm._data.missing import FilledSeries
from sklstm._data.windows import number_windows, split_off_tails
from sklstm.anomaly._attribution import attribute_expected_values
from sklstm.anomaly._base import SeriesDetector


class NetworkDetector(SeriesDetector, RecurrentEstimator):
    """Base of the detectors that predict rows with a recurrent network.

    Subclasses define the network and which rows it predicts. Columns that had missing
    values in training have a mask beside them in the window.
    """

    _auto_steps = 1500

    _parameter_constraints: dict = {
        **params.NETWORK,
        **params.TRAINING,
        **SeriesDetector._parameter_constraints,
    }

    # Hyperparameters.
    bidirectional: bool
    recurrent_dropout: float
    loss: Any

    # Fitted state.
    _network: engine.WindowNetwork | engine.AutoencoderNetwork

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
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ):
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _describe_network(
        self,
        stack: engine.RecurrentStack,
        n_columns: int,
        n_masks: int,
        n_known_columns: int,
    ) -> engine.WindowNetwork | engine.AutoencoderNetwork:
        """Describe the network on top of the recurrent layers."""

    @abstractmethod
    def _describe_windows(
        self, series: np.ndarray, starts: np.ndarray, targets: np.ndarray
    ) -> engine.WindowData | engine.ReconstructionData:
        """Describe the windows of a series by their first rows.

        Parameters
        ----------
        series : ndarray of shape (n_rows, n_columns + n_masks + n_known_columns)
            Standardised columns, masks of them and known columns, without missing
            values.
        starts : ndarray of shape (n_windows,)
        targets : ndarray of shape (n_rows, n_columns)
            The columns, with NaN for missing values.
        """

    def _fit_model(self, scaled: list[np.ndarray], fit_data: FitData) -> None:
        previous = self._previous_fit()
        stack = self._recurrent_stack(
            bidirectional=self.bidirectional, recurrent_dropout=self.recurrent_dropout
        )
        self._network = self._describe_network(
            stack,
            len(self._scored_columns),
            len(self._masked_columns),
            len(self._known_columns),
        )
        self._training_spec = self._describe_training(self.loss)
        data, n_windows = self._training_windows(scaled)
        n_samples = sum(n_windows)
        epochs = self._count_epochs(ceil(n_samples / self.batch_size))
        task = TrainingTask(
            self._network,
            data,
            np.arange(n_samples),
            epochs,
            start=self._warm_start_from(previous),
            hold_out=self._hold_out(n_windows) if self.early_stopping else None,
        )
        self._store_training(self._train(task, EpochReporter(self, epochs, fit_data)))

    def _predict_rows(self, scaled: np.ndarray, starts: np.ndarray) -> np.ndarray:
        return self._run(self._window_data(scaled, starts))

    def _attribute(self, X: Any, target: Any, steps: Any) -> Attribution:
        """Attribute expected values; called by `sklstm.inspection.attribute`."""
        check_is_fitted(self)
        return attribute_expected_values(self, X, target, steps)

    def _training_windows(
        self, scaled: list[np.ndarray]
    ) -> tuple[engine.SampleData, list[int]]:
        """Return all windows of the series, and the number of windows of each."""
        padded = [self._pad_start(rows) for rows in scaled]
        n_windows = [len(rows) - self._window_span + 1 for rows in padded]
        first_rows = np.cumsum([0] + [len(rows) for rows in padded[:-1]])
        starts = [
            first + np.arange(n) for first, n in zip(first_rows, n_windows, strict=True)
        ]
        data = self._window_data(np.concatenate(padded), np.concatenate(starts))
        return data, n_windows

    def _window_data(
        self, series: np.ndarray, starts: np.ndarray
    ) -> engine.WindowData | engine.ReconstructionData:
        """Describe the windows of a standardised series by their first rows.

        The network reads NaN as filled values, and in some columns sees a mask of them.
        """
        masked = self._masked_columns
        known = series[:, self._known_columns]
        columns = series[:, self._scored_columns]
        if not len(masked) and not np.isnan(columns).any():
            return self._describe_windows(np.hstack([columns, known]), starts, columns)
        masks = np.isnan(series[:, masked]).astype(series.dtype)
        filled = FilledSeries.fill(
            np.hstack([columns, masks, known]), self._window_length
        )
        # The filled series has one row more at its start.
        targets = np.pad(columns, [(1, 0), (0, 0)])
        data = self._describe_windows(filled.values, starts + 1, targets)
        return data._replace(targets=targets, since=filled.since, until=filled.until)

    def _hold_out(self, n_windows: list[int]) -> HoldOut:
        """Return the split that holds the last windows of each series out.

        It does not depend on its seed.
        """

        def split(seed: int) -> tuple[np.ndarray, np.ndarray]:
            train, validation = split_off_tails(
                number_windows(n_windows), self.validation_split, len(self._output_rows)
            )
            return np.concatenate(train), np.concatenate(validation)

        return split
