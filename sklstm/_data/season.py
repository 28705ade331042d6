"""Length of the season of a series, from its autocorrelation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

# Probability of finding a season in noise, over all periods together.
_SIGNIFICANCE = 0.05
# Of a random walk of n rows with its trend subtracted and autocorrelation r at lag 1,
# n * (1 - r) exceeds this value in 1 % of cases (Fuller 1976, table 8.5.1).
_UNIT_ROOT = 29.5
# Multiples of a season show it as well, so the shortest period is taken whose contrast
# is at least this fraction of the largest one.
_FRACTION_OF_LARGEST = 0.7
# Smallest contrast, as a fraction of the autocorrelation. A peak by chance on the slope
# of a longer season does not return at its multiples.
_MIN_CONTRAST = 0.2
# Fewer repetitions could as well be a coincidence.
_MIN_CYCLES = 3
# Fraction of the series of a panel that have to show the common season.
_MIN_SHARE = 1 / 3


def find_season(values: Any, max_period: int | None = None) -> int | None:
    """Find the length of the season (or cycle) of a series.

    The season is the shortest of the clear peaks of the autocorrelation of the
    differences between adjacent rows, or of the distances from a straight line,
    whichever shows a peak more clearly. Differences have no trend, but hide a slow
    season in their noise; a line leaves spurious cycles in a random walk, so it is used
    only if the series is unlikely to be one.

    A peak counts if it returns at the multiples of the period, and exceeds the bound of
    Bartlett [1]_ for a series with no autocorrelation beyond a quarter of the period,
    with a Bonferroni correction for the number of periods.

    Parameters
    ----------
    values : array-like of shape (n_timesteps,)
        Rows in time order. NaN and infinity are missing values.
    max_period : int, default=None
        Longest season to look for, at most a third of the rows; by default a third.

    Returns
    -------
    season_length : int or None
        Number of rows in a season, from 2. None if there is no season, or if the
        series is too short or constant.

    References
    ----------
    .. [1] Bartlett (1946), "On the theoretical specification and sampling properties of
       autocorrelated time-series", Supplement to the Journal of the Royal Statistical
       Society 8(1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm._data.season import find_season
    >>> rng = np.random.default_rng(0)
    >>> day = np.arange(200)
    >>> find_season(0.1 * day + (day % 7 == 5) + rng.normal(0, 0.2, 200))
    7
    >>> find_season(rng.normal(size=200).cumsum()) is None
    True
    """
    values = np.asarray(values, dtype=float).ravel()
    longest = len(values) // _MIN_CYCLES
    if max_period is not None:
        longest = min(longest, max_period)
    if longest < 2:
        return None
    is_known = np.isfinite(values)
    differences = np.diff(np.where(is_known, values, 0.0))
    differences[~(is_known[1:] & is_known[:-1])] = np.nan
    peaks = []
    for detrended in (differences, _subtract_line(values)):
        correlations = _autocorrelations(detrended, 2 * longest + 2, values)
        if correlations is None:
            return None
        could_be_walk = len(values) * (1 - correlations[1]) < _UNIT_ROOT
        if detrended is differences or not could_be_walk:
            peaks.append(_find_peak(correlations, longest, len(detrended)))
    return max(peaks, key=lambda peak: peak.clarity).period


class _Peak(NamedTuple):
    """Peak of the autocorrelation."""

    period: int | None = None
    clarity: float = 0.0  # largest ratio of an autocorrelation and its bound


def find_common_season(
    series: Iterable[Any], max_period: int | None = None
) -> int | None:
    """Find the season that most series of a panel share.

    Parameters
    ----------
    series : iterable of array-like of shape (n_timesteps,)
        Values of each series, as in `find_season`.
    max_period : int, default=None
        Longest season to look for, as in `find_season`.

    Returns
    -------
    season_length : int or None
        The season of more series than any other one, the shortest of several. None if
        fewer than a third of the series have it.
    """
    seasons = [find_season(values, max_period) for values in series]
    counts = Counter(season for season in seasons if season is not None)
    if not counts:
        return None
    season, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return season if count >= _MIN_SHARE * len(seasons) else None


def _find_peak(correlations: np.ndarray, longest: int, n_values: int) -> _Peak:
    """Find the first clear peak of autocorrelations, which begin at lag 0."""
    periods = np.arange(2, longest + 1)
    at = correlations[periods]
    # Sums of squares up to a quarter of the period, so that a smooth season does not
    # raise the bound that it has to exceed.
    sums = np.cumsum(correlations**2)[periods // 4] - 1
    quantile = NormalDist().inv_cdf(1 - _SIGNIFICANCE / (2 * len(periods)))
    bound = quantile * np.sqrt((1 + 2 * sums) / n_values)
    contrast = _contrast(correlations, periods)
    is_peak = (
        (at > correlations[periods - 1])
        & (at >= correlations[periods + 1])
        & (at > bound)
        & (contrast > _MIN_CONTRAST * at)
    )
    if not is_peak.any():
        return _Peak()
    clarity = (at / bound)[is_peak].max()
    least = _FRACTION_OF_LARGEST * contrast[is_peak].max()
    period = int(periods[is_peak & (contrast >= least)][0])
    # The double period shows more exactly the length of a season that is long, or no
    # whole number of rows.
    margin = max(period // 10, 1)
    near = np.arange(max(period - margin, 2), min(period + margin, longest) + 1)
    period = int(near[np.argmax(correlations[near] + correlations[2 * near])])
    return _Peak(period, float(clarity))


def _contrast(correlations: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Compare up to three multiples of each period with the lags halfway before them.

    Returns
    -------
    contrast : ndarray of shape (n_periods,)
        Smallest difference of the autocorrelations.
    """
    multiples = periods * np.arange(1, 4)[:, None]
    is_known = multiples < len(correlations)
    multiples = np.where(is_known, multiples, 0)
    halfway = np.maximum(multiples - periods / 2, 0)
    between = correlations[np.floor(halfway).astype(int)]
    between = (between + correlations[np.ceil(halfway).astype(int)]) / 2
    return np.where(is_known, correlations[multiples] - between, np.inf).min(axis=0)


def _subtract_line(values: np.ndarray) -> np.ndarray:
    """Subtract the straight line that fits the known values best."""
    is_known = np.isfinite(values)
    times = np.arange(len(values)) - len(values) / 2
    if is_known.sum() < 2:
        return values
    scale = np.abs(values[is_known]).max() or 1.0
    line = np.polyfit(times[is_known], values[is_known] / scale, 1)
    return np.where(is_known, values - scale * np.polyval(line, times), np.nan)


def _autocorrelations(
    values: np.ndarray, n_lags: int, original: np.ndarray
) -> np.ndarray | None:
    """Return the autocorrelations from lag 0, which are 0 beyond the series.

    None if the values are constant, but for rounding errors of the original values,
    or missing.
    """
    is_known = np.isfinite(values)
    if not is_known.any():
        return None
    # A missing value counts as the mean.
    centred = np.where(is_known, values - values[is_known].mean(), 0.0)
    largest = np.abs(centred).max()
    if largest <= 1e-9 * np.abs(original[np.isfinite(original)]).max():
        return None
    n_values = len(centred)
    spectrum = np.abs(np.fft.rfft(centred / largest, 2 * n_values)) ** 2
    products = np.fft.irfft(spectrum)[:n_values]
    correlations = np.zeros(max(n_lags, n_values))
    correlations[:n_values] = products / products[0]
    return correlations[:n_lags]
