"""Base of the detectors of anomalous rows in time series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from math import floor, inf
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklstm._core import params
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._data.missing import count_missing
from sklstm._data.scaling import ColumnScaling
from sklstm._data.segments import AlarmRule, AnomalySegments
from sklstm._data.series import check_columns, check_series, check_several_series
from sklstm._data.time_index import TimeIndex, index_of, warn_of_irregular_rows
from sklstm._data.user_warnings import warn_user
from sklstm._sklearn import fit_context
from sklstm.anomaly._error_model import (
    BoundaryCorrection,
    ErrorModel,
    smooth,
    smooth_arrivals,
)
from sklstm.anomaly._live import (
    AlarmStream,
    ThresholdReport,
    find_row_intervals,
    find_threshold,
    measure_delays,
)
from sklstm.anomaly._threshold import CONTAMINATION, ThresholdMixin, find_offset

if TYPE_CHECKING:
    from sklearn.utils import Tags

# Maximum number of values that one run of the model returns: bounds the memory.
_MAX_VALUES_PER_RUN = 2**22

# Fraction of the rows in fit that score below the threshold of contamination="auto".
_AUTO_CONTAMINATION = 0.001

# Maximum number of excerpts of a series, each a few windows long, from which the
# boundary correction is estimated.
_MAX_EXCERPTS = 30

# What a value adds to the distance of its row if its column has stopped reporting, in
# thresholds: smoothed, the row is an outlier where half of the values are of that kind.
_SILENCE_WEIGHT = 2.0


class SeriesDetector(ThresholdMixin, BaseEstimator, ABC):
    """Base of the detectors of anomalous rows in time series.

    A model predicts rows of a series from windows of it, and the predictions of a row
    are averaged over all windows that cover it. A row is scored by the Mahalanobis
    distance of its errors to the errors of normal rows. Subclasses define the model and
    which rows it predicts.

    Missing values are filled within each window, and have no error.
    """

    # Added to the variance of the errors, on the scale of standardised rows.
    _ridge: float

    _parameter_constraints: dict = {
        **params.DETECTORS,
        "contamination": CONTAMINATION,
        "validation_split": params.TRAINING["validation_split"],
    }

    # Hyperparameters.
    window_length: int
    contamination: float | Literal["auto"]
    smoothing: int
    min_deviation: float
    missing_values: Literal["ignore", "score"]
    known_future: Any
    min_duration: int
    merge_gap: int
    hysteresis: float
    validation_split: float

    # Fitted state.
    live_offset_: float
    _scaling: ColumnScaling
    _error_model: ErrorModel
    _boundary_correction: BoundaryCorrection
    _silence_distance: float  # what a value of a column that stopped reporting adds
    _window_length: int
    _smoothing: int
    _known_columns: np.ndarray  # those that are read, but not scored
    _scored_columns: np.ndarray
    _masked_columns: np.ndarray  # those with missing values in the training rows
    _longest_gaps: np.ndarray  # (n_columns,): missing values in succession, in fit
    _history: np.ndarray  # last rows seen; none after a fit on several series
    _missing_before: np.ndarray  # (n_columns,): missing values just before the history
    _time_index: TimeIndex

    @property
    @abstractmethod
    def _output_rows(self) -> range:
        """Rows that the model predicts, relative to the first row of the window."""

    @abstractmethod
    def _fit_model(self, scaled: list[np.ndarray], fit_data: FitData) -> None:
        """Fit the model.

        Parameters
        ----------
        scaled : list of ndarray of shape (n_rows, n_columns)
            Standardised training rows of each series, NaN for missing values.
        fit_data : FitData
            Data as the user passed them, for callbacks.
        """

    @abstractmethod
    def _predict_rows(self, scaled: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Predict rows from windows.

        Parameters
        ----------
        scaled : ndarray of shape (n_rows, n_columns)
            Standardised rows, NaN for missing values.
        starts : ndarray of shape (n_windows,)
            First rows of the windows.

        Returns
        -------
        predictions : ndarray of shape (n_windows, n_output_rows, n_scored_columns)
        """

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
        self._find_known_columns()
        n_training_rows = [
            self._count_training_rows(len(rows), source.place or "X")
            for rows, source in zip(series, inputs, strict=True)
        ]
        training_rows = [
            rows[:n] for rows, n in zip(series, n_training_rows, strict=True)
        ]
        for rows in series:
            self._check_known_columns(rows)
        missing = self._check_missing(series, training_rows)
        self._masked_columns = np.flatnonzero(missing)
        self._scaling = ColumnScaling.fit(
            np.concatenate(training_rows), min_deviation=self.min_deviation
        )
        scaled = [self._scaling.encode(rows) for rows in training_rows]
        self._fit_model(scaled, FitData(X, y))
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
            that of the errors of held-out rows, on the scale of standardised rows, plus
            the identity matrix (`LSTMAutoencoderDetector`) or 0.03 times it
            (`LSTMForecastDetector`). Missing values have no error: the distance is that
            of the columns that are observed, divided by their number. Rows without any
            value are left out of the average, which is 0, the score of a row exactly as
            expected, if all are. For a list of series, a list of arrays.
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
            contribute nothing, unless ``missing_values="score"``, nor do the columns of
            ``known_future``. For a list of series, a list of arrays.
        """
        return self._for_each_series(X, lambda rows, _: self._feature_scores(rows))

    def expected_values(self, X: Any) -> Any:
        """Compute the rows that the model expects, with which X is compared.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows to reconstruct or to forecast, as in `score_samples`.

        Returns
        -------
        expected : ndarray of shape (n_timesteps, n_features)
            Reconstructions or forecasts in the units of X, averaged over all windows
            that cover a row; of missing values too. NaN in a column that had no value
            in fit, and in those of ``known_future``. For a list of series, a list of
            arrays.
        """

        def expected(rows: np.ndarray, _: Any) -> np.ndarray:
            scaled = self._scaling.encode(rows)
            return self._scaling.decode(self._expected_values(scaled))

        return self._for_each_series(X, expected)

    def running_scores(self, X: Any) -> Any:
        """Score each row as when it arrives, without the rows after it.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows to score, as in `score_samples`.

        Returns
        -------
        scores : ndarray of shape (n_timesteps,)
            For each row the last score of the rows up to it: the one that `update` and
            `stream` compute when the row arrives. Its threshold is ``live_offset_``.
            For a list of series, a list of arrays.
        """
        return self._for_each_series(
            X, lambda rows, _: self._running_scores(rows)[0].sum(axis=1)
        )

    def anomaly_segments(self, X: Any) -> Any:
        """Find the segments of consecutive rows that are anomalous.

        A segment begins where ``min_duration`` rows in succession are outliers, and
        ends before more than ``merge_gap`` rows in succession are not anomalous (see
        ``hysteresis``). Because ``smoothing`` spreads anomalies over more rows, the
        first and the last run of outliers in it are cut to the rows whose own distances
        exceed the threshold the most in total.

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
            all rows of the stream so far. Later rows may still change them. The
            threshold of the last one is ``live_offset_``; `stream` raises alarms.

        Raises
        ------
        ValueError
            If X is not as described, or its rows do not follow the last ones.
        """

        def score(
            rows: np.ndarray, n_before: np.ndarray | int, n_history: int
        ) -> np.ndarray:
            return self._feature_scores(rows, n_before).sum(axis=1)[n_history:]

        scores: np.ndarray = self._append_rows(
            X, new_stream, score, restart="update(..., new_stream=True)"
        )
        return scores

    def stream(self, *, new_stream: bool = False) -> AlarmStream:
        """Return a stream that raises alarms while rows arrive.

        Parameters
        ----------
        new_stream : bool, default=False
            Whether the first rows start a series of their own, rather than continue the
            last ones passed to `fit` or `update`. After a fit on several series they
            always do.

        Returns
        -------
        stream : AlarmStream
            Stream without rows, with the detector as it is now.
        """
        return AlarmStream(self, new_stream=new_stream)

    def choose_threshold(
        self, X: Any, *, false_alarms_per_day: float, row_interval: Any = None
    ) -> ThresholdReport:
        """Set the thresholds by the number of false alarms in quiet recordings.

        ``live_offset_`` is raised as long as a `stream` raises at most that many
        alarms, and ``offset_``, independently, as long as there are at most that many
        `anomaly_segments`. At most one row in twenty is flagged, whatever the number.
        Rows that the detector was not fitted to are best, because their errors are
        those to be expected.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows of normal operation, as in `score_samples`; or several series.
        false_alarms_per_day : float
            Rate of false alarms to accept. With recordings of ten days, 0.5 accepts
            five alarms, and any rate below 0.1 none.
        row_interval : str or Timedelta, default=None
            Time from row to row, such as ``"1min"``; needed if X has no index of times.

        Returns
        -------
        report : ThresholdReport
            Thresholds, false alarms, and how soon shifts of one column are detected.

        Raises
        ------
        ValueError
            If the rate is negative, or the time between rows is unknown.
        """
        check_is_fitted(self)
        rate = false_alarms_per_day
        if isinstance(rate, bool) or not (isinstance(rate, Real) and 0 <= rate < inf):
            raise ValueError(
                "false_alarms_per_day must be a number of at least 0, got "
                f"{false_alarms_per_day!r}."
            )
        _, inputs, checked = check_several_series(self, X, reset=False)
        recordings = [rows for rows, _ in checked]
        intervals = find_row_intervals(
            [index_of(source.X) for source in inputs], row_interval
        )
        day = pd.Timedelta(days=1)
        days = sum(
            len(rows) * interval / day
            for rows, interval in zip(recordings, intervals, strict=True)
        )
        # Rounded first, so that 0.1 a day are 1 in ten days.
        n_alarms = floor(round(float(rate) * days, 6))
        live = [self._running_scores(rows)[0].sum(axis=1) for rows in recordings]
        complete = [self._feature_scores(rows).sum(axis=1) for rows in recordings]
        rule = self._alarm_rule
        live_offset = find_threshold(live, rule, n_alarms)
        report = ThresholdReport(
            offset=find_threshold(complete, rule, n_alarms),
            live_offset=live_offset,
            days=days,
            n_false_alarms=sum(len(rule.find(scores, live_offset)) for scores in live),
            delays=measure_delays(self, recordings, live_offset, intervals),
        )
        self.offset_, self.live_offset_ = report.offset, report.live_offset
        return report

    def _score_next(self, X: Any, new_stream: bool) -> tuple[np.ndarray, np.ndarray]:
        """Score the next rows of a stream as they arrive: scores and distances."""
        return self._append_rows(
            X, new_stream, self._running_scores, restart="stream(new_stream=True)"
        )

    def _append_rows(
        self,
        X: Any,
        new_stream: bool,
        score: Callable[[np.ndarray, np.ndarray | int, int], Any],
        *,
        restart: str,
    ) -> Any:
        """Score rows together with the history, and append them to it.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
        new_stream : bool
        score : callable
            From the history and new rows, the number of values missing before them, and
            the length of the history, to scores of the new rows.
        restart : str
            Call that starts another stream, for messages.

        Returns
        -------
        scores : what ``score`` returns
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
                rewind_hint=f"{restart} starts another stream",
                gap_remedy=f"start a new stream by {restart}",
            )
        n_before = 0 if starts_stream else self._missing_before
        rows = np.concatenate([history, new_rows])
        result = score(rows, n_before, len(history))
        self._remember(rows, n_before)
        times = self._time_index
        self._time_index = (
            times.restarted_at(index) if starts_stream else times.extended_by(index)
        )
        return result

    def _column_names(self) -> Sequence[Any]:
        labels = self._column_labels
        return range(self.n_features_in_) if labels is None else list(labels)

    @property
    def _alarm_rule(self) -> AlarmRule:
        self._validate_params()  # they may have changed since fit
        return AlarmRule(
            int(self.min_duration), int(self.merge_gap), float(self.hysteresis)
        )

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

    def _find_known_columns(self) -> None:
        """Find the columns that are read, but not scored."""
        n_columns = self.n_features_in_
        self._known_columns = check_columns(
            "known_future", self.known_future, self._column_labels, n_columns
        )
        self._scored_columns = np.setdiff1d(np.arange(n_columns), self._known_columns)
        if not len(self._scored_columns):
            raise ValueError(
                f"known_future={self.known_future!r} names all columns of X, so that "
                "none is left to score. Name only those that are known in advance, "
                "such as the hour of the day."
            )

    def _check_known_columns(self, rows: np.ndarray) -> None:
        if np.isnan(rows[:, self._known_columns]).any():
            names = [self._column_names()[i] for i in self._known_columns.tolist()]
            raise ValueError(
                f"X has missing values in {names}, but the columns of known_future "
                "must be known in all rows. Fill them, or leave them out of "
                "known_future and fit again."
            )

    def _check_missing(
        self, series: list[np.ndarray], training_rows: list[np.ndarray]
    ) -> np.ndarray:
        """Return which columns have missing values to train on; check the others."""
        missing = np.isnan(np.concatenate(training_rows))
        scored = self._scored_columns
        n_held_out = sum(
            np.isfinite(rows[len(part) :, scored]).sum()
            for rows, part in zip(series, training_rows, strict=True)
        )
        is_empty = missing[:, scored].all()
        if is_empty or not n_held_out:
            place = "rows to train on" if is_empty else "held-out rows"
            raise ValueError(
                f"All values of the {place} are NaN. Rows are held out by "
                f"validation_split={self.validation_split}, the last ones of each "
                "series: leave out rows without values at the ends of X."
            )
        names = self._column_names()
        empty = [names[i] for i in np.flatnonzero(missing.all(axis=0)).tolist()]
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

    def _calibrate(self, series: list[np.ndarray], n_training_rows: list[int]) -> None:
        """Fit the error model to held-out rows, and set the threshold."""
        errors = [self._errors(self._scaling.encode(rows)) for rows in series]
        held_out = [rows[n:] for rows, n in zip(errors, n_training_rows, strict=True)]
        self._error_model = ErrorModel.fit(
            np.concatenate(held_out)[:, self._scored_columns], self._ridge
        )
        self._boundary_correction = BoundaryCorrection.fit(
            self._boundary_profiles(series),
            self._window_span - 1,
            # A forecast is based on as many rows at the end as anywhere.
            0 if self._output_rows.start else self._window_span - 1,
        )
        contamination = self.contamination
        if contamination == "auto":
            contamination = _AUTO_CONTAMINATION

        def threshold(scores: list[np.ndarray]) -> float:
            # Rows without any value do not count.
            counted = [
                each.sum(axis=1)[_has_value(rows)]
                for each, rows in zip(scores, errors, strict=True)
            ]
            return find_offset(contamination, np.concatenate(counted))

        self.offset_ = threshold(
            [
                -smooth(self._distances(rows), self._smoothing, _has_value(rows))
                for rows in errors
            ]
        )
        self.live_offset_ = threshold(
            [self._score_arrivals(self._scaling.encode(rows))[0] for rows in series]
        )
        # The unit of distances is 1, which bounds thresholds near zero.
        offset = min(self.offset_, self.live_offset_, -1.0)
        self._silence_distance = -_SILENCE_WEIGHT * offset

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
        distances = [self._contributions(rows).sum(axis=1) for rows in errors]
        return np.where([_has_value(rows) for rows in errors], distances, np.nan)

    def _find_segments(self, rows: np.ndarray, X: Any) -> pd.DataFrame:
        contributions, distances = self._score_rows(rows)
        segments = AnomalySegments.find(
            contributions.sum(axis=1),
            self.offset_,
            contributions,
            self._alarm_rule,
            distances.sum(axis=1),
        )
        index = index_of(X)
        return segments.to_frame(
            pd.RangeIndex(len(rows)) if index is None else index,
            getattr(X, "columns", range(rows.shape[1])),
        )

    def _feature_scores(
        self, rows: np.ndarray, n_before: np.ndarray | int = 0
    ) -> np.ndarray:
        """Compute the contributions to the scores."""
        return self._score_rows(rows, n_before)[0]

    def _score_rows(
        self, rows: np.ndarray, n_before: np.ndarray | int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what is known of each row of a complete recording.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_columns)
        n_before : ndarray of shape (n_columns,) or int, default=0
            Number of values missing in succession just before the rows.

        Returns
        -------
        scores : ndarray of shape (n_rows, n_columns)
            Contributions to the score of each row.
        distances : ndarray of shape (n_rows, n_columns)
            Contributions to the distance of each row by itself.
        """
        errors = self._errors(self._scaling.encode(rows))
        distances = self._distances(errors)
        scores = -smooth(distances, self._smoothing, _has_value(errors))
        if self.missing_values == "ignore":
            return scores, distances
        silences = self._silences(rows, n_before)
        return scores - smooth(silences, self._smoothing), distances + silences

    def _running_scores(
        self,
        rows: np.ndarray,
        n_before: np.ndarray | int = 0,
        n_history: int = 0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what is known of each row when it arrives.

        Parameters
        ----------
        rows : ndarray of shape (n_history + n_rows, n_columns)
        n_before : ndarray of shape (n_columns,) or int, default=0
            Number of values missing in succession just before the rows.
        n_history : int, default=0
            Number of first rows that are not scored.

        Returns
        -------
        scores : ndarray of shape (n_rows, n_columns)
            Contributions to the score of each row, the last one of those so far.
        distances : ndarray of shape (n_rows, n_columns)
            Contributions to the distance of each row by itself.
        """
        scores, distances = self._score_arrivals(self._scaling.encode(rows), n_history)
        if self.missing_values == "ignore":
            return scores, distances
        silences = self._silences(rows, n_before)
        all_rows = np.ones(len(rows), bool)
        averaged = [(silences, all_rows)] * (self._smoothing // 2 + 1)
        smoothed = smooth_arrivals(averaged)[n_history:]
        return scores - smoothed, distances + silences[n_history:]

    def _silences(self, rows: np.ndarray, n_before: np.ndarray | int) -> np.ndarray:
        """Compute what is added to the distances for columns that stopped reporting."""
        has_stopped = count_missing(rows, n_before) > self._longest_gaps
        return self._silence_distance * has_stopped

    def _score_arrivals(
        self, scaled: np.ndarray, n_history: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Score standardised rows after the history as they arrive.

        The rows are scored in blocks, each after the rows that it depends on: for each
        row, up to ``smoothing // 2 + 1`` predictions are compared with it.

        Returns
        -------
        scores, distances : ndarray of shape (n_rows, n_columns)
        """
        n_context = self._history_length
        values_per_row = (self._smoothing // 2 + 1) * scaled.shape[1]
        n_per_block = max(_MAX_VALUES_PER_RUN // values_per_row, n_context)
        scores, distances = np.empty(scaled.shape), np.empty(scaled.shape)
        for first in range(n_history, len(scaled), n_per_block):
            begin = max(first - n_context, 0)
            block = slice(first, first + n_per_block)
            part = self._score_arrivals_of_block(
                scaled[begin : block.stop], is_start=first < n_context
            )
            scores[block], distances[block] = (each[first - begin :] for each in part)
        return scores[n_history:], distances[n_history:]

    def _score_arrivals_of_block(
        self, scaled: np.ndarray, *, is_start: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Score the rows of a block.

        Unless it is the start of a series, the scores of its first rows, on which those
        of the others depend, are not used.
        """
        n_rows = len(scaled)
        distances: list[np.ndarray] = []

        def by_delay() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            errors = contributions = np.zeros(0)
            expectations = self._delayed_expectations(scaled, is_start=is_start)
            for delay in range(self._smoothing // 2 + 1):
                # What is expected of a row changes while windows reach back to it.
                if (expected := next(expectations, None)) is not None:
                    errors = scaled - expected
                    contributions = self._contributions(errors)
                elif delay == 1 and self._output_rows.start and n_rows > 1:
                    errors[0] = _first_error(scaled, errors)
                    contributions = contributions.copy()
                    contributions[0] = self._contributions(errors[:1])[0]
                ratios = self._boundary_correction.ratios_after(n_rows, delay)
                corrected = contributions / ratios[:, None]
                if not delay:
                    distances.append(corrected)
                yield corrected, _has_value(errors)

        return -smooth_arrivals(by_delay()), distances[0]

    def _delayed_expectations(
        self, scaled: np.ndarray, *, is_start: bool
    ) -> Iterator[np.ndarray]:
        """Yield the expected value of each row when it arrives, one row later, etc.

        The later, the more windows have covered the row, until all have. What is
        expected more rows later than there are is not used.
        """
        span, n_rows = self._window_span, len(scaled)
        n_padding = span - 1 if is_start else 0
        padded = np.concatenate([np.repeat(scaled[:1], n_padding, axis=0), scaled])
        n_delays = self._smoothing // 2 + 1
        # The number of rows in a window after the row that it predicts.
        at_delay = {span - 1 - row: k for k, row in enumerate(self._output_rows)}
        predictions = np.zeros((min(n_delays, len(at_delay)), *scaled.shape))
        for first, part in self._predict_windows(padded):
            last_rows = np.arange(first, first + len(part)) + span - 1 - n_padding
            for delay, predicted in enumerate(predictions):
                rows = last_rows - delay
                predicted[rows[rows >= 0]] = part[rows >= 0, at_delay[delay]]
        total, counts = np.zeros(scaled.shape), np.zeros((n_rows, 1))
        # A window that had to be padded is the only one of its time.
        n_padded = span - 1 - self._output_rows.start
        for delay, predicted in enumerate(predictions):
            is_padded = (np.arange(n_rows) + delay < n_padded)[:, None]
            total += np.where(is_padded, 0.0, predicted)
            counts += ~is_padded
            yield np.where(is_padded, predicted, total / np.maximum(counts, 1))

    def _distances(self, errors: np.ndarray) -> np.ndarray:
        """Compute the contributions to the distance of each row by itself."""
        return self._boundary_correction.apply(self._contributions(errors))

    def _contributions(self, errors: np.ndarray) -> np.ndarray:
        """Compute the contributions to the distance; 0 for columns not scored."""
        if not len(self._known_columns):
            return self._error_model.contributions(errors)
        contributions = np.zeros(errors.shape)
        contributions[:, self._scored_columns] = self._error_model.contributions(
            errors[:, self._scored_columns]
        )
        return contributions

    def _errors(self, scaled: np.ndarray) -> np.ndarray:
        """Compute the errors of standardised rows; NaN for missing values."""
        errors = scaled - self._expected_values(scaled)
        if self._output_rows.start and len(errors) > 1:
            errors[0] = _first_error(scaled, errors)
        return errors

    def _expected_values(self, scaled: np.ndarray) -> np.ndarray:
        """Compute the mean prediction of each row over all windows that cover it."""
        padded = self._pad_start(scaled)
        sums, counts = np.zeros(padded.shape), np.zeros((len(padded), 1))
        for first, predictions in self._predict_windows(padded):
            for k, row in enumerate(self._output_rows):
                rows = slice(first + row, first + row + len(predictions))
                sums[rows] += predictions[:, k]
                counts[rows] += 1
        n_padding = len(padded) - len(scaled)
        return sums[n_padding:] / counts[n_padding:]

    def _predict_windows(self, scaled: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield what all windows of a series predict, run by run.

        Yields
        ------
        first : int
            Number of the first window.
        predictions : ndarray of shape (n_windows, n_output_rows, n_columns)
            NaN in known columns.
        """
        self._check_known_columns(scaled)
        n_windows = len(scaled) - self._window_span + 1
        values_per_window = len(self._output_rows) * scaled.shape[1]
        n_per_run = max(_MAX_VALUES_PER_RUN // values_per_window, 1)
        for first in range(0, n_windows, n_per_run):
            starts = np.arange(min(n_per_run, n_windows - first))
            part = scaled[first : first + len(starts) + self._window_span - 1]
            outputs = self._predict_rows(part, starts)
            predictions = np.full((*outputs.shape[:2], scaled.shape[1]), np.nan)
            predictions[:, :, self._scored_columns] = outputs
            yield first, predictions

    def _pad_start(self, scaled: np.ndarray) -> np.ndarray:
        """Repeat the first row before a series, so that every row is predicted."""
        n_padding = max(self._output_rows.start, self._window_span - len(scaled))
        return np.concatenate([np.repeat(scaled[:1], n_padding, axis=0), scaled])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _first_error(scaled: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the error of the first row: that of the second one, where observed.

    It is forecast from copies of itself, which is no forecast.
    """
    return np.where(np.isnan(scaled[0]), np.nan, errors[1])


def _has_value(errors: np.ndarray) -> np.ndarray:
    """Return which rows have any error, which is NaN for missing values."""
    return ~np.isnan(errors).all(axis=1)
