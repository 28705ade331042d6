"""Base of the detectors of anomalous rows in time series."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core import params
from sklstm._core.attribution import Attribution
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import (
    HoldOut,
    RecurrentEstimator,
    TrainedNetwork,
    TrainingTask,
    restore_on_error,
)
from sklstm._core.seeds import RandomState
from sklstm._data.missing import FilledSeries, count_missing
from sklstm._data.scaling import ColumnScaling
from sklstm._data.segments import AnomalySegments
from sklstm._data.series import check_series, check_several_series
from sklstm._data.time_index import TimeIndex, index_of, warn_of_irregular_rows
from sklstm._data.user_warnings import warn_user
from sklstm._data.windows import number_windows, split_off_tails
from sklstm._sklearn import fit_context
from sklstm.anomaly._attribution import attribute_expected_values
from sklstm.anomaly._error_model import BoundaryCorrection, ErrorModel, smooth
from sklstm.anomaly._threshold import CONTAMINATION, ThresholdMixin, find_offset

if TYPE_CHECKING:
    from sklearn.utils import Tags

# Maximum number of values that one run of the network returns: bounds the memory.
_MAX_VALUES_PER_RUN = 2**22

# Fraction of the rows in fit that score below the threshold of contamination="auto".
_AUTO_CONTAMINATION = 0.001

# Maximum number of excerpts of a series, each a few windows long, from which the
# boundary correction is estimated.
_MAX_EXCERPTS = 30

# What a value adds to the distance of its row if its column has stopped reporting, in
# thresholds: smoothed, the row is an outlier where half of the values are of that kind.
_SILENCE_WEIGHT = 2.0


class SeriesDetector(ThresholdMixin, RecurrentEstimator):
    """Base of the detectors of anomalous rows in time series.

    A network predicts rows of a series from windows of it, and the predictions of a
    row are averaged over all windows that cover it. A row is scored by the Mahalanobis
    distance of its errors to the errors of normal rows. Subclasses define the network
    and which rows it predicts.

    Missing values are filled within each window. Columns that had some in training have
    a mask beside them in the window. Missing values have no error.
    """

    _auto_steps = 1500

    _parameter_constraints: dict = {
        **params.NETWORK,
        **params.TRAINING,
        **params.DETECTORS,
        "contamination": CONTAMINATION,
    }

    # Hyperparameters.
    window_length: int
    contamination: float | Literal["auto"]
    smoothing: int
    min_deviation: float
    missing_values: Literal["ignore", "score"]
    bidirectional: bool
    recurrent_dropout: float
    loss: Any

    # Fitted state.
    _network: engine.WindowNetwork | engine.AutoencoderNetwork
    _scaling: ColumnScaling
    _error_model: ErrorModel
    _boundary_correction: BoundaryCorrection
    _window_length: int
    _smoothing: int
    _masked_columns: np.ndarray  # those with missing values in the training rows
    _longest_gaps: np.ndarray  # (n_columns,): missing values in succession, in fit
    _history: np.ndarray  # last rows seen; none after a fit on several series
    _missing_before: np.ndarray  # (n_columns,): missing values just before the history
    _time_index: TimeIndex

    def __init__(
        self,
        window_length: int = 60,
        *,
        contamination: float | Literal["auto"] = "auto",
        smoothing: int = 31,
        min_deviation: float = 0.01,
        missing_values: Literal["ignore", "score"] = "ignore",
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
        self, stack: engine.RecurrentStack, n_columns: int, n_masks: int
    ) -> engine.WindowNetwork | engine.AutoencoderNetwork:
        """Describe the network on top of the recurrent layers."""

    @abstractmethod
    def _describe_windows(
        self, series: np.ndarray, starts: np.ndarray, targets: np.ndarray
    ) -> engine.WindowData | engine.ReconstructionData:
        """Describe the windows of a series by their first rows.

        Parameters
        ----------
        series : ndarray of shape (n_rows, n_columns + n_masks)
            Standardised columns and their masks, without missing values.
        starts : ndarray of shape (n_windows,)
        targets : ndarray of shape (n_rows, n_columns)
            The columns, with NaN for missing values.
        """

    @property
    @abstractmethod
    def _output_rows(self) -> range:
        """Rows that the network predicts, relative to the first row of the window."""

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the detector to normal rows.

        The last fraction ``validation_split`` of the rows of each series is held out
        from training; its errors are those to be expected of normal rows.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order. Several series with the same columns, to fit one
            detector to all of them, are a list of such arrays or a DataFrame with an
            index of (series, time). NaN marks missing values; a column without any
            value is not scored.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            Fitted detector.

        Raises
        ------
        ValueError
            If a series has too few rows, or X or a parameter is not as described.
        FloatingPointError
            If training diverges.
        """
        self._smoothing = self._check_smoothing()
        self._window_length = int(self.window_length)
        _, inputs, checked = check_several_series(self, X, reset=True)
        series = [rows for rows, _ in checked]
        previous = self._previous_fit()
        stack = self._recurrent_stack(
            bidirectional=self.bidirectional, recurrent_dropout=self.recurrent_dropout
        )
        n_training_rows = [
            self._count_training_rows(len(rows), source.place or "X")
            for rows, source in zip(series, inputs, strict=True)
        ]
        training_rows = [
            rows[:n] for rows, n in zip(series, n_training_rows, strict=True)
        ]
        missing = self._check_missing(series, training_rows)
        self._masked_columns = np.flatnonzero(missing)
        self._network = self._describe_network(
            stack, series[0].shape[1], len(self._masked_columns)
        )
        self._scaling = ColumnScaling.fit(
            np.concatenate(training_rows), min_deviation=self.min_deviation
        )
        self._training_spec = self._describe_training(self.loss)
        scaled = [self._scaling.encode(rows) for rows in training_rows]
        self._train_network(scaled, previous, FitData(X, y))
        self._longest_gaps = np.max(
            [count_missing(rows).max(axis=0) for rows in series], axis=0
        )
        self._calibrate(series, n_training_rows)
        # Which of several series a stream would continue is unknown.
        is_single = len(series) == 1
        self._remember(series[0] if is_single else series[0][:0], 0)
        self._time_index = TimeIndex.from_index(index_of(inputs[0].X))
        return self

    def score_samples(self, X: Any) -> Any:
        """Score rows; higher is more normal.

        X is scored as a series that starts with its first row. The score of a row also
        depends on later rows, up to a distance of
        ``window_length - 1 + smoothing // 2`` rows (`LSTMAutoencoderDetector`) or
        ``smoothing // 2`` rows (`LSTMForecastDetector`, whose first row depends on one
        row more). Rows near both ends of a series are predicted from fewer windows or
        rows; their scores are corrected to the scale of the other rows.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order, one or more; or several series, as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_timesteps,)
            Minus the squared Mahalanobis distance of a row's errors, divided by the
            number of columns and averaged over ``smoothing`` rows. The covariance is
            that of the errors of held-out rows plus the identity matrix, on the scale
            of standardised rows. Missing values have no error: the distance is that of
            the columns that are observed, divided by their number. Rows without any
            value are left out of the average, which is 0, the score of a row exactly
            as expected, if all are. For a list of series, a list of arrays.
        """
        return self._for_each_series(
            X, lambda rows, _: self._feature_scores(rows).sum(axis=1)
        )

    def feature_scores(self, X: Any) -> Any:
        """Compute the contribution of each feature to the score of each row.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows to score, as in `score_samples`.

        Returns
        -------
        scores : ndarray of shape (n_timesteps, n_features)
            Contributions, whose sum over the features is `score_samples`. The feature
            with the lowest contribution is the most anomalous one. Missing values
            contribute nothing, unless ``missing_values="score"``. For a list of series,
            a list of arrays.
        """
        return self._for_each_series(X, lambda rows, _: self._feature_scores(rows))

    def expected_values(self, X: Any) -> Any:
        """Compute the rows that the network expects, with which X is compared.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows to reconstruct or to forecast, as in `score_samples`.

        Returns
        -------
        expected : ndarray of shape (n_timesteps, n_features)
            Reconstructions or forecasts in the units of X, averaged over all windows
            that cover a row; of missing values too. NaN in a column that had no value
            in fit. For a list of series, a list of arrays.
        """

        def expected(rows: np.ndarray, _: Any) -> np.ndarray:
            scaled = self._scaling.encode(rows)
            return self._scaling.decode(self._expected_values(scaled))

        return self._for_each_series(X, expected)

    def anomaly_segments(self, X: Any) -> Any:
        """Find the segments of consecutive rows that are outliers.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows to score, as in `score_samples`.

        Returns
        -------
        segments : DataFrame
            One row per segment: "start" and "end", the index labels of its first and
            last row (row numbers from 0 if X has no index); "score", its lowest score;
            and "feature", the name of the feature with the lowest contribution to its
            scores (see `feature_scores`). For a list of series, a list of DataFrames;
            for a DataFrame of several series, the labels of the series are index
            levels.
        """
        return self._for_each_series(X, self._find_segments)

    def update(self, X: Any, *, new_stream: bool = False) -> np.ndarray:
        """Score the next rows of a stream and append them to its history.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows that follow the last ones passed to `fit` or `update`. If they have
            an index of times, rows seen before are refused, and a gap raises a
            warning. After a fit on several series, the first rows start a new stream.
        new_stream : bool, default=False
            Whether the rows start a new stream; the history is then discarded.

        Returns
        -------
        scores : ndarray of shape (n_timesteps,)
            Scores of the new rows: those that `score_samples` computes for them from
            all rows of the stream so far. Later rows may still change them.

        Raises
        ------
        ValueError
            If X is not as described, or its rows do not follow the last ones.
        """
        check_is_fitted(self)
        new_rows, _ = check_series(self, X, reset=False)
        index = index_of(X)
        starts_stream = new_stream or not len(self._history)
        history = self._history[:0] if starts_stream else self._history
        if starts_stream:
            warn_of_irregular_rows(index, name="X")
        else:
            self._time_index.check_continued(
                index,
                name="X",
                rewind_hint="update(..., new_stream=True) starts another stream",
                gap_remedy="start a new stream by update(..., new_stream=True)",
            )
        n_before = 0 if starts_stream else self._missing_before
        rows = np.concatenate([history, new_rows])
        scores = self._feature_scores(rows, n_before)[-len(new_rows) :].sum(axis=1)
        self._remember(rows, n_before)
        times = self._time_index
        self._time_index = (
            times.restarted_at(index) if starts_stream else times.extended_by(index)
        )
        return scores

    def _attribute(self, X: Any, target: Any, steps: Any) -> Attribution:
        """Attribute expected values; called by `sklstm.inspection.attribute`."""
        check_is_fitted(self)
        return attribute_expected_values(self, X, target, steps)

    def _for_each_series(
        self, X: Any, function: Callable[[np.ndarray, Any], Any]
    ) -> Any:
        """Apply a function to the rows of each series, as checked and as passed."""
        check_is_fitted(self)
        panel, inputs, checked = check_several_series(self, X, reset=False)
        results = [
            function(rows, source.X)
            for (rows, _), source in zip(checked, inputs, strict=True)
        ]
        if panel is None:
            return results[0]
        if isinstance(results[0], pd.DataFrame):
            return panel.concat(results)
        return panel.join(results, inputs)

    def _check_smoothing(self) -> int:
        if self.smoothing % 2 == 0:
            raise ValueError(
                "smoothing must be an odd number of rows, so that its window is "
                f"centred on the scored row, got {self.smoothing}. Use 1 for no "
                "smoothing."
            )
        return int(self.smoothing)

    def _check_missing(
        self, series: list[np.ndarray], training_rows: list[np.ndarray]
    ) -> np.ndarray:
        """Return which columns have missing values to train on; check the others."""
        missing = np.isnan(np.concatenate(training_rows))
        n_held_out = sum(
            np.isfinite(rows[len(part) :]).sum()
            for rows, part in zip(series, training_rows, strict=True)
        )
        if missing.all() or not n_held_out:
            place = "rows to train on" if missing.all() else "held-out rows"
            raise ValueError(
                f"All values of the {place} are NaN. Rows are held out by "
                f"validation_split={self.validation_split}, the last ones of each "
                "series: leave out rows without values at the ends of X."
            )
        names = getattr(self, "feature_names_in_", range(missing.shape[1]))
        empty = [names[i] for i in np.flatnonzero(missing.all(axis=0))]
        if empty:
            warn_user(
                f"Columns {empty} of X have no value in the rows to train on, and will "
                "not be scored. Drop them."
            )
        return missing.any(axis=0)

    def _count_training_rows(self, n_rows: int, name: str) -> int:
        """Count the rows of a series to train on."""
        n_training_rows = n_rows - max(1, round(self.validation_split * n_rows))
        needed = self._window_span
        if n_training_rows < needed:
            raise ValueError(
                f"{name} has too few rows, n_samples={n_rows}: validation_split="
                f"{self.validation_split} of them, at least one, are held out from "
                f"training, and window_length={self.window_length} needs {needed} of "
                "the others. Pass more rows, or reduce window_length."
            )
        return n_training_rows

    @property
    def _window_span(self) -> int:
        """Number of rows of a window and its output rows together."""
        return max(self._window_length, self._output_rows.stop)

    @property
    def _history_length(self) -> int:
        """Number of rows before a row that its score depends on."""
        return self._window_span - 1 + self._smoothing // 2

    def _remember(self, rows: np.ndarray, n_before: np.ndarray | int) -> None:
        """Keep what the scores of rows that follow depend on.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_columns)
        n_before : ndarray of shape (n_columns,) or int
            Number of values missing in succession just before the rows.
        """
        n_forgotten = max(len(rows) - self._history_length, 0)
        n_missing = count_missing(rows[:n_forgotten], n_before)
        before = np.broadcast_to(n_before, rows.shape[1])
        self._missing_before = np.array(n_missing[-1] if n_forgotten else before)
        self._history = rows[n_forgotten:].copy()

    def _train_network(
        self,
        scaled: list[np.ndarray],
        previous: tuple[engine.NetworkSpec, TrainedNetwork] | None,
        fit_data: FitData,
    ) -> None:
        """Train the network on all windows of standardised series."""
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
        if not len(masked) and not np.isnan(series).any():
            return self._describe_windows(series, starts, series)
        masks = np.isnan(series[:, masked]).astype(series.dtype)
        filled = FilledSeries.fill(np.hstack([series, masks]), self._window_length)
        # The filled series has one row more at its start.
        targets = np.pad(series, [(1, 0), (0, 0)])
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

    def _calibrate(self, series: list[np.ndarray], n_training_rows: list[int]) -> None:
        """Fit the error model to held-out rows, and set the threshold."""
        errors = [self._errors(self._scaling.encode(rows)) for rows in series]
        held_out = [rows[n:] for rows, n in zip(errors, n_training_rows, strict=True)]
        self._error_model = ErrorModel.fit(np.concatenate(held_out))
        self._boundary_correction = BoundaryCorrection.fit(
            self._boundary_profiles(series), self._window_span - 1
        )
        # Rows without any value do not count.
        scores = [
            self._score_errors(rows).sum(axis=1)[_has_value(rows)] for rows in errors
        ]
        contamination = self.contamination
        if contamination == "auto":
            contamination = _AUTO_CONTAMINATION
        self.offset_ = find_offset(contamination, np.concatenate(scores))

    def _boundary_profiles(self, series: list[np.ndarray]) -> np.ndarray:
        """Compute the distances in excerpts, each predicted as a series of its own.

        Only the differences along an excerpt matter, so excerpts may contain rows that
        the network was trained on.
        """
        longest = max(series, key=len)
        n_rows = min(3 * self._window_span, len(longest))
        n_excerpts = min(_MAX_EXCERPTS, len(longest) - n_rows + 1)
        starts = np.linspace(0, len(longest) - n_rows, n_excerpts).astype(int)
        scaled = self._scaling.encode(longest)
        errors = [self._errors(scaled[start : start + n_rows]) for start in starts]
        distances = [
            self._error_model.contributions(rows).sum(axis=1) for rows in errors
        ]
        return np.where([_has_value(rows) for rows in errors], distances, np.nan)

    def _find_segments(self, rows: np.ndarray, X: Any) -> pd.DataFrame:
        contributions = self._feature_scores(rows)
        scores = contributions.sum(axis=1)
        segments = AnomalySegments.find(scores, self.offset_, contributions)
        index = index_of(X)
        return segments.to_frame(
            pd.RangeIndex(len(rows)) if index is None else index,
            getattr(X, "columns", range(rows.shape[1])),
        )

    def _feature_scores(
        self, rows: np.ndarray, n_before: np.ndarray | int = 0
    ) -> np.ndarray:
        """Compute the contributions to the scores.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_columns)
        n_before : ndarray of shape (n_columns,) or int, default=0
            Number of values missing in succession just before the rows.
        """
        scores = self._score_errors(self._errors(self._scaling.encode(rows)))
        if self.missing_values == "ignore":
            return scores
        has_stopped = count_missing(rows, n_before) > self._longest_gaps
        # The unit of distances is 1, which bounds a threshold near zero.
        distance = _SILENCE_WEIGHT * max(-self.offset_, 1.0)
        return scores - smooth(distance * has_stopped, self._smoothing)

    def _score_errors(self, errors: np.ndarray) -> np.ndarray:
        distances = self._distances(errors)
        return -smooth(distances, self._smoothing, _has_value(errors))

    def _distances(self, errors: np.ndarray) -> np.ndarray:
        """Compute the contributions to the distance of each row by itself."""
        contributions = self._error_model.contributions(errors)
        return self._boundary_correction.apply(contributions)

    def _errors(self, scaled: np.ndarray) -> np.ndarray:
        """Compute the errors of standardised rows; NaN for missing values."""
        errors = scaled - self._expected_values(scaled)
        if self._output_rows.start and len(errors) > 1:
            # The first row is forecast from copies of itself, which is no forecast.
            errors[0] = np.where(np.isnan(scaled[0]), np.nan, errors[1])
        return errors

    def _expected_values(self, scaled: np.ndarray) -> np.ndarray:
        """Compute the mean prediction of each row over all windows that cover it."""
        padded = self._pad_start(scaled)
        n_windows = len(padded) - self._window_span + 1
        values_per_window = len(self._output_rows) * padded.shape[1]
        n_per_run = max(_MAX_VALUES_PER_RUN // values_per_window, 1)
        sums, counts = np.zeros(padded.shape), np.zeros((len(padded), 1))
        for first in range(0, n_windows, n_per_run):
            starts = np.arange(min(n_per_run, n_windows - first))
            part = padded[first : first + len(starts) + self._window_span - 1]
            predictions = self._run(self._window_data(part, starts))
            for k, row in enumerate(self._output_rows):
                rows = slice(first + row, first + row + len(starts))
                sums[rows] += predictions[:, k]
                counts[rows] += 1
        n_padding = len(padded) - len(scaled)
        return sums[n_padding:] / counts[n_padding:]

    def _pad_start(self, scaled: np.ndarray) -> np.ndarray:
        """Repeat the first row before a series, so that every row is predicted."""
        n_padding = max(self._output_rows.start, self._window_span - len(scaled))
        return np.concatenate([np.repeat(scaled[:1], n_padding, axis=0), scaled])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _has_value(errors: np.ndarray) -> np.ndarray:
    """Return which rows have any error, which is NaN for missing values."""
    return ~np.isnan(errors).all(axis=1)
