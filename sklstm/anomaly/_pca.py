"""Detection of anomalous rows by principal component analysis."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from sklstm._core.callbacks import FitData
from sklstm._data.missing import interpolate
from sklstm._sklearn import Interval
from sklstm.anomaly._base import SeriesDetector

# Number of values of the windows that are copied at once: bounds the memory.
_MAX_VALUES_PER_BLOCK = 2**22


class PCADetector(SeriesDetector):
    """Detect anomalous rows of a time series by principal component analysis.

    Windows of the series are projected on the principal components of the windows in
    fit [1]_. A row is an outlier if its reconstruction errors are unlike those of
    normal rows. It is the linear counterpart of `LSTMAutoencoderDetector`: a baseline
    to compare it with, and often enough. It has the same methods, without training a
    network.

    Parameters
    ----------
    window_length : int, default=20
        Number of rows in a window. A shorter series is padded at its start by
        repeating its first row. With 1, rows are compared with the correlations between
        columns only.
    n_components : float or int, default=0.9
        Number of principal components; a fraction below 1 takes as many as explain this
        fraction of the variance.
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
        the day: they are part of the windows, but they are
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
    validation_split : float, default=0.1
        Fraction of the rows, the last ones in time, to hold out from the principal
        components to estimate the errors of normal rows.

    Attributes
    ----------
    offset_ : float
        Threshold of the scores of complete recordings (`score_samples`): rows with a
        lower score are outliers.
    live_offset_ : float
        Threshold of rows as they arrive (`running_scores`, `update`, `stream`), whose
        scores are averages of fewer rows.
    components_ : ndarray of shape (n_components, window_length, n_features)
        Principal components of standardised windows.
    mean_ : ndarray of shape (window_length, n_features)
        Mean of the standardised windows.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Fraction of the variance of the windows that each component explains.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.

    See Also
    --------
    LSTMAutoencoderDetector : Detection by a recurrent network.
    sklearn.decomposition.PCA : The method, for rows without an order.

    References
    ----------
    .. [1] Jackson and Mudholkar (1979), "Control procedures for residuals associated
       with principal component analysis", Technometrics 21(3).

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import PCADetector
    >>> t = np.arange(900)
    >>> X = np.column_stack([np.sin(t / 9), np.cos(t / 9)])
    >>> X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    >>> detector = PCADetector(smoothing=5).fit(X[:600])
    >>> X[750:760, 1] += 1.5
    >>> segments = detector.anomaly_segments(X[600:])
    >>> worst = segments.loc[segments["score"].idxmin()]
    >>> bool(worst["start"] <= 150 <= worst["end"]), int(worst["feature"])
    (True, 1)
    """

    _ridge = 0.1

    _parameter_constraints: dict = {
        **SeriesDetector._parameter_constraints,
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
        ],
    }

    # Fitted state.
    components_: np.ndarray
    mean_: np.ndarray
    explained_variance_ratio_: np.ndarray

    def __init__(
        self,
        window_length: int = 20,
        *,
        n_components: float = 0.9,
        contamination: float | Literal["auto"] = "auto",
        smoothing: int = 31,
        min_deviation: float = 0.01,
        missing_values: Literal["ignore", "score"] = "ignore",
        known_future: Any = None,
        min_duration: int = 1,
        merge_gap: int = 15,
        hysteresis: float = 0.8,
        validation_split: float = 0.1,
    ):
        self.window_length = window_length
        self.n_components = n_components
        self.contamination = contamination
        self.smoothing = smoothing
        self.min_deviation = min_deviation
        self.missing_values = missing_values
        self.known_future = known_future
        self.min_duration = min_duration
        self.merge_gap = merge_gap
        self.hysteresis = hysteresis
        self.validation_split = validation_split

    @property
    def _output_rows(self) -> range:
        return range(self._window_length)

    def _fit_model(self, scaled: list[np.ndarray], fit_data: FitData) -> None:
        n_values = self._window_length * scaled[0].shape[1]
        total, products = np.zeros(n_values), np.zeros((n_values, n_values))
        n_windows = 0
        for rows in scaled:
            padded = self._pad_start(rows)
            starts = np.arange(len(padded) - self._window_length + 1)
            for windows in self._cut_windows(padded, starts):
                flat = windows.reshape(len(windows), -1)
                total += flat.sum(axis=0)
                products += flat.T @ flat
                n_windows += len(flat)
        mean = total / n_windows
        covariance = products / n_windows - np.outer(mean, mean)
        variances, vectors = np.linalg.eigh(covariance)
        variances = np.maximum(variances[::-1], 0)
        ratios = variances / max(variances.sum(), np.finfo(float).tiny)
        n_components = self._count_components(ratios)
        shape = (self._window_length, -1)
        self.mean_ = mean.reshape(shape)
        self.components_ = vectors.T[::-1][:n_components].reshape(n_components, *shape)
        self.explained_variance_ratio_ = ratios[:n_components]

    def _count_components(self, ratios: np.ndarray) -> int:
        """Return the number of components, given what each explains."""
        if isinstance(self.n_components, Integral):
            if self.n_components > len(ratios):
                raise ValueError(
                    f"n_components={self.n_components} must be at most {len(ratios)}, "
                    "the number of values in a window (window_length times columns)."
                )
            return int(self.n_components)
        # Constant columns explain nothing, and rounding may leave the sum below 1.
        enough = np.cumsum(ratios) >= float(self.n_components) - 1e-9
        return int(enough.argmax()) + 1 if enough.any() else 1

    def _predict_rows(self, scaled: np.ndarray, starts: np.ndarray) -> np.ndarray:
        mean = self.mean_.ravel()
        components = self.components_.reshape(len(self.components_), -1)
        parts = []
        for windows in self._cut_windows(scaled, starts):
            centred = windows.reshape(len(windows), -1) - mean
            expected = centred @ components.T @ components + mean
            parts.append(expected.reshape(windows.shape)[:, :, self._scored_columns])
        return np.concatenate(parts)

    def _cut_windows(
        self, scaled: np.ndarray, starts: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Yield blocks of windows, whose missing values are filled.

        Yields
        ------
        windows : ndarray of shape (n_windows, window_length, n_columns)
        """
        views = np.lib.stride_tricks.sliding_window_view(
            scaled, self._window_length, axis=0
        )
        values_per_window = self._window_length * scaled.shape[1]
        n_per_block = max(_MAX_VALUES_PER_BLOCK // values_per_window, 1)
        for first in range(0, len(starts), n_per_block):
            block = views[starts[first : first + n_per_block]].transpose(0, 2, 1)
            windows = block.astype(np.float64)
            for number in np.flatnonzero(np.isnan(windows).any(axis=(1, 2))):
                windows[number] = interpolate(windows[number])
            yield windows
