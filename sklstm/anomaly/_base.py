"""What the detectors of anomalies in series share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import ceil

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core import params
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import (
    HoldOut,
    RecurrentEstimator,
    TrainingTask,
    restore_on_error,
)
from sklstm._data.scaling import ColumnScaling
from sklstm._data.segments import AnomalySegments
from sklstm._data.series import check_series, check_several_series
from sklstm._data.time_index import TimeIndex, index_of, warn_of_irregular_rows
from sklstm._data.windows import number_windows, split_off_tails
from sklstm._sklearn import fit_context
from sklstm.anomaly._error_model import BoundaryCorrection, ErrorModel, smooth
from sklstm.anomaly._threshold import CONTAMINATION, ThresholdMixin, find_offset

# Values that the network tells at once: bounds the memory.
_CHUNK = 2**22

# The share of the rows in fit that contamination="auto" lets be flagged.
_AUTO = 0.001

# AnomalySegments of a few windows' length from which the ends of series are learnt.
_N_STRETCHES = 30


class SeriesDetector(ThresholdMixin, RecurrentEstimator):
    """Base of the detectors that read a series through windows.

    A network tells rows from a window of the series; a row's errors, the means over
    all windows that tell it, are scored by how unlike those of ordinary rows they are.
    What differs from detector to detector is the network and which rows it tells.
    """

    _auto_steps = 1500

    _parameter_constraints: dict = {
        **params.NETWORK,
        **params.TRAINING,
        **params.DETECTORS,
        "contamination": CONTAMINATION,
    }

    _network: engine.WindowNetwork | engine.AutoencoderNetwork
    _scaling: ColumnScaling
    _error_model: ErrorModel
    _edge_model: BoundaryCorrection
    _smoothing: int
    _past: np.ndarray
    _times: TimeIndex

    @abstractmethod
    def _describe_network(
        self, n_columns: int
    ) -> engine.WindowNetwork | engine.AutoencoderNetwork:
        """The network that the parameters describe."""

    @abstractmethod
    def _data(self, series: np.ndarray, starts: np.ndarray) -> engine.SampleData:
        """The windows of a scaled series that start at the given rows."""

    @property
    @abstractmethod
    def _output_rows(self) -> range:
        """The rows that a window tells, counted from its first."""

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn what ordinary rows are like.

        The last ``validation_split`` of the rows (of each series) is not trained on:
        it tells what errors are to be expected.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order. Or several series with the same columns, learnt
            together: a list of them, or a frame with an index of (series, time).
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The fitted detector.

        Raises
        ------
        ValueError
            If a series has too few rows, or X or a parameter is not as described.
        FloatingPointError
            If training diverges.
        """
        self._smoothing = self._check_smoothing()
        _, given, checked = check_several_series(self, X, reset=True)
        series = [rows for rows, _ in checked]
        last_fit = self._previous_fit()
        self._network = self._describe_network(series[0].shape[1])
        n_heads = [
            self._count_head(len(rows), each.place or "X")
            for rows, each in zip(series, given, strict=True)
        ]
        heads = [rows[:n] for rows, n in zip(series, n_heads, strict=True)]
        self._scaling = ColumnScaling.fit(
            np.concatenate(heads), min_deviation=self.min_deviation
        )
        self._training_spec = self._describe_training(self.loss)
        scaled = [self._scaling.encode(rows) for rows in heads]
        data, n_windows = self._lay_out(scaled)
        n_samples = sum(n_windows)
        epochs = self._count_epochs(ceil(n_samples / self.batch_size))

        trained = self._train(
            TrainingTask(
                self._network,
                data,
                np.arange(n_samples),
                epochs,
                start=self._warm_start_from(last_fit),
                hold_out=self._hold_out(n_windows) if self.early_stopping else None,
            ),
            EpochReporter(self, epochs, FitData(X, y)),
        )
        self._store_training(trained)
        self._learn_errors(series, n_heads)
        # Of several series nobody knows which one goes on.
        alone = len(series) == 1
        self._past = (series[0][-self._reach :] if alone else series[0][:0]).copy()
        self._times = TimeIndex.from_index(index_of(given[0].X))
        return self

    def score_samples(self, X):
        """Score each row: how ordinary it is.

        Rows are scored as a series that begins with X's first row. A row's score
        depends on later ones, but on none further away than
        ``window_length - 1 + smoothing // 2`` rows (`LSTMAutoencoderDetector`) or
        ``smoothing // 2`` rows (`LSTMForecastDetector`, whose very first row depends on
        one more). Near the ends of a series, where rows are told from less, scores are
        put on the scale of the others.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Any number of rows in time order; or several series, as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_timesteps,)
            High is normal. Minus the squared Mahalanobis distance of a row's errors (by
            the covariance in rows held out, and a ridge of 1 on the scale of
            standardised rows), over the number of columns, averaged over ``smoothing``
            rows. For a list of series a list of them.
        """
        return self._map(X, lambda rows, _: self._feature_scores(rows).sum(axis=1))

    def feature_scores(self, X):
        """Score each value: which feature is to blame.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `score_samples`.

        Returns
        -------
        scores : ndarray of shape (n_timesteps, n_features)
            Parts that add up to `score_samples`; the lowest is to blame. For a list of
            series a list of them.
        """
        return self._map(X, lambda rows, _: self._feature_scores(rows))

    def expected_values(self, X):
        """Tell what the network takes each row to be.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `score_samples`.

        Returns
        -------
        rows : ndarray of shape (n_timesteps, n_features)
            In X's units: the mean over all windows that tell a row. For a list of
            series a list of them.
        """

        def reconstructed(rows, _):
            return self._scaling.decode(self._expect(self._scaling.encode(rows)))

        return self._map(X, reconstructed)

    def anomaly_segments(self, X):
        """List the stretches of rows that are flagged.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            As in `score_samples`.

        Returns
        -------
        stretches : DataFrame
            One row for each stretch: "start" and "end", its first and last row, as
            X's index labels them (counted from 0 where X has none); "score", the
            lowest; and "feature", the one most to blame, as X's columns are called.
            For a list of series a list of them; for a frame of several the index tells
            which one.
        """
        return self._map(X, self._anomaly_segments)

    def update(self, X, *, new_stream=False):
        """Score the next rows of a stream, and remember them.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those last given to `fit` or `update`; with an index
            of times, rows that were seen are refused, and a gap is warned of. After a
            fit on several series they begin a new one.
        new_stream : bool, default=False
            Whether the rows begin a new stream, and those before are forgotten.

        Returns
        -------
        scores : ndarray of shape (n_timesteps,)
            Those that `score_samples` gives the new rows at the end of all rows seen
            so far. Rows that come later may still change them.
        """
        check_is_fitted(self)
        new, _ = check_series(self, X, reset=False)
        begins, index = new_stream or not len(self._past), index_of(X)
        past = self._past[:0] if begins else self._past
        if begins:
            warn_of_irregular_rows(index, name="X")
        else:
            self._times.check_continued(
                index,
                name="X",
                rewind_hint="update(..., new_stream=True) would begin another stream",
                gap_remedy="begin a new stream by update(..., new_stream=True)",
            )
        rows = np.concatenate([past, new])
        scores = self._feature_scores(rows)[-len(new) :].sum(axis=1)
        self._past = rows[-self._reach :].copy()
        self._times = (self._times.restarted_at if begins else self._times.extended_by)(
            index
        )
        return scores

    def _map(self, X, function: Callable):
        """What a function of rows, and of them as given, gives for each series."""
        check_is_fitted(self)
        panel, given, checked = check_several_series(self, X, reset=False)
        results = [
            function(rows, each.X)
            for (rows, _), each in zip(checked, given, strict=True)
        ]
        if panel is None:
            return results[0]
        if isinstance(results[0], pd.DataFrame):
            return panel.concat(results)
        return panel.join(results, given)

    def _check_smoothing(self) -> int:
        if self.smoothing % 2 == 0:
            raise ValueError(
                "smoothing must be an odd number of rows, as many before as behind the "
                f"one scored, got {self.smoothing}. 1 leaves the scores as they are."
            )
        return int(self.smoothing)

    def _count_head(self, n_rows: int, name: str) -> int:
        """How many rows of a series are trained on."""
        n_head = n_rows - max(1, round(self.validation_split * n_rows))
        needed = self._span
        if n_head < needed:
            raise ValueError(
                f"{name} has too few rows, n_samples={n_rows}: validation_split="
                f"{self.validation_split} of them, but one at the least, are not "
                f"trained on, and window_length={self.window_length} needs {needed} of "
                "the others. Give more rows, or a smaller window_length."
            )
        return n_head

    def _hold_out(self, n_windows: list[int]) -> HoldOut:
        """The split into windows to train on, and the last of each series."""

        def split(seed):
            windows = number_windows(n_windows)
            parts = split_off_tails(
                windows, self.validation_split, len(self._output_rows)
            )
            return tuple(np.concatenate(part) for part in parts)

        return split

    @property
    def _span(self) -> int:
        """Rows that a window and the rows it tells take together."""
        return max(self._network.window_length, self._output_rows.stop)

    @property
    def _reach(self) -> int:
        """Rows before a row that its score depends on."""
        return self._span - 1 + self._smoothing // 2

    def _learn_errors(self, series: list[np.ndarray], n_heads: list[int]) -> None:
        """Learn what errors are ordinary, from rows held out, and what scores."""
        errors = [self._errors(self._scaling.encode(rows)) for rows in series]
        held_out = [each[n:] for each, n in zip(errors, n_heads, strict=True)]
        self._error_model = ErrorModel.fit(np.concatenate(held_out))
        self._edge_model = BoundaryCorrection.fit(
            self._boundary_profiles(series), self._span - 1
        )
        scores = [self._score_errors(each).sum(axis=1) for each in errors]
        share = _AUTO if self.contamination == "auto" else self.contamination
        self.offset_ = find_offset(share, np.concatenate(scores))

    def _boundary_profiles(self, series: list[np.ndarray]) -> np.ndarray:
        """Distances of the rows of stretches, each told as a series of its own.

        What matters is how they differ along a stretch, so rows that were trained on
        will do.
        """
        longest = max(series, key=len)
        n_rows = min(3 * self._span, len(longest))
        n_begins = min(_N_STRETCHES, len(longest) - n_rows + 1)
        begins = np.linspace(0, len(longest) - n_rows, n_begins).astype(int)
        scaled = self._scaling.encode(longest)
        errors = [self._errors(scaled[begin : begin + n_rows]) for begin in begins]
        return np.array([self._error_model.parts(each).sum(axis=1) for each in errors])

    def _feature_scores(self, rows: np.ndarray) -> np.ndarray:
        return self._score_errors(self._errors(self._scaling.encode(rows)))

    def _score_errors(self, errors: np.ndarray) -> np.ndarray:
        parts = self._edge_model.level(self._error_model.parts(errors))
        return -smooth(parts, self._smoothing)

    def _errors(self, scaled: np.ndarray) -> np.ndarray:
        errors = scaled - self._expect(scaled)
        if self._output_rows.start and len(errors) > 1:
            # The first row has nothing before it to be told from: its own repetition.
            errors[0] = errors[1]
        return errors

    def _expect(self, scaled: np.ndarray) -> np.ndarray:
        """What the network takes each row to be, the mean over all windows."""
        led = self._lead(scaled)
        n_windows = len(led) - self._span + 1
        n_at_once = max(_CHUNK // (len(self._output_rows) * led.shape[1]), 1)
        total, times = np.zeros(led.shape), np.zeros((len(led), 1))
        for begin in range(0, n_windows, n_at_once):
            starts = np.arange(min(n_at_once, n_windows - begin))
            part = led[begin : begin + len(starts) + self._span - 1]
            told = self._run(self._data(part, starts))
            for k, row in enumerate(self._output_rows):
                rows = slice(begin + row, begin + row + len(starts))
                total[rows] += told[:, k]
                times[rows] += 1
        n_lead = len(led) - len(scaled)
        return total[n_lead:] / times[n_lead:]

    def _lead(self, scaled: np.ndarray) -> np.ndarray:
        """A series with its first row repeated before it, so that all rows are told."""
        n_lead = max(self._output_rows.start, self._span - len(scaled))
        return np.concatenate([np.repeat(scaled[:1], n_lead, axis=0), scaled])

    def _lay_out(self, series: list[np.ndarray]) -> tuple[engine.SampleData, list[int]]:
        """All windows of the series, and how many each has."""
        led = [self._lead(scaled) for scaled in series]
        n_windows = [len(rows) - self._span + 1 for rows in led]
        begins = np.cumsum([0] + [len(rows) for rows in led[:-1]])
        starts = [
            begin + np.arange(n) for begin, n in zip(begins, n_windows, strict=True)
        ]
        return self._data(np.concatenate(led), np.concatenate(starts)), n_windows

    def _anomaly_segments(self, rows: np.ndarray, given) -> pd.DataFrame:
        parts = self._feature_scores(rows)
        stretches = AnomalySegments.find(parts.sum(axis=1), self.offset_, parts)
        index = index_of(given)
        return stretches.to_frame(
            pd.RangeIndex(len(rows)) if index is None else index,
            getattr(given, "columns", np.arange(rows.shape[1])),
        )
