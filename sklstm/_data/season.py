"""Length of the season of a series, from its autocorrelation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import NormalDist
from typing import Any

import numpy as np

# Probability of finding a season in noise, over all periods together.
_SIGNIFICANCE = 0.05
# A season is also seen at its multiples, so the shortest peak is taken that has at
# least this fraction of the highest one.
_FRACTION_OF_HIGHEST = 0.7
# Fewer repetitions could as well be a coincidence.
_MIN_CYCLES = 3
# Fraction of the series of a panel that have to show the common season.
_MIN_SHARE = 1 / 3


def find_season(values: Any, max_period: int | None = None) -> int | None:
    """Find the length of the season (or cycle) of a series.

    The season is the shortest of the high peaks of the autocorrelation of the
    differences between adjacent rows. A peak counts if it exceeds the bound of Bartlett
    (1946) [1]_ for a series whose autocorrelations end before it, with a Bonferroni
    correction for the number of periods. Differences have no trend, and those of a
    random walk are noise, whereas a fitted line would leave a spurious cycle in it.

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
    correlations = _autocorrelations(values, 2 * longest + 2)
    if correlations is None:
        return None
    periods = np.arange(2, longest + 1)
    at = correlations[periods]
    # 1 + 2 * (sum of squares over the lags from 1 to period - 1)
    inflation = 2 * np.cumsum(correlations[:longest] ** 2)[periods - 1] - 1
    quantile = NormalDist().inv_cdf(1 - _SIGNIFICANCE / (2 * len(periods)))
    is_peak = (
        (at > correlations[periods - 1])
        & (at >= correlations[periods + 1])
        & (at > quantile * np.sqrt(inflation / (len(values) - 1)))
    )
    if not is_peak.any():
        return None
    highest = at[is_peak].max()
    period = int(periods[is_peak & (at >= _FRACTION_OF_HIGHEST * highest)][0])
    # A cycle that is no whole number of rows shows its length better at the double.
    near = np.arange(max(period - 1, 2), min(period + 1, longest) + 1)
    return int(near[np.argmax(correlations[near] + correlations[2 * near])])


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


def _autocorrelations(values: np.ndarray, n_lags: int) -> np.ndarray | None:
    """Return the autocorrelations of the differences from lag 0; 0 beyond the series.

    None if the differences are constant or missing.
    """
    is_known = np.isfinite(values)
    # Differences to and from a missing value are unknown: zero counts as the mean.
    known = is_known[1:] & is_known[:-1]
    if not known.any():
        return None
    differences = np.diff(np.where(is_known, values, 0.0))
    differences = np.where(known, differences - differences[known].mean(), 0.0)
    largest = np.abs(differences).max()
    # Differences of a straight line are constant but for rounding.
    if largest <= 1e-9 * np.abs(values[is_known]).max():
        return None
    n_values = len(differences)
    spectrum = np.abs(np.fft.rfft(differences / largest, 2 * n_values)) ** 2
    products = np.fft.irfft(spectrum)[:n_values]
    correlations = np.zeros(max(n_lags, n_values))
    correlations[:n_values] = products / products[0]
    return correlations[:n_lags]
