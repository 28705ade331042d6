"""Whether a forecast is significantly better than the naive forecasts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from sklstm.model_selection._scores import FORECAST, SKILLS, is_scored, relative_skill

# Loss of one value, and the function of its mean that is the metric.
_Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]
_LOSSES: dict[str, tuple[_Loss, Callable]] = {
    "mean_absolute_error": (lambda error, actual: np.abs(error), np.asarray),
    "mean_squared_error": (lambda error, actual: error**2, np.asarray),
    "root_mean_squared_error": (lambda error, actual: error**2, np.sqrt),
    "mean_absolute_percentage_error": (
        # As in scikit-learn, so that no actual value is a divisor of zero.
        lambda error, actual: (
            np.abs(error) / np.maximum(np.abs(actual), np.finfo(float).eps)
        ),
        np.asarray,
    ),
}

_SIGNIFICANCE_LEVEL = 0.05


def choose_metric(metrics: list[str]) -> str | None:
    """Return the first metric that is a mean over rows, or None."""
    return next((metric for metric in metrics if metric in _LOSSES), None)


def check_metric(metric: str | None, metrics: list[str]) -> str:
    """Check that a metric is in the result and a mean over rows."""
    tested = [name for name in metrics if name in _LOSSES]
    chosen = choose_metric(metrics) if metric is None else metric
    if chosen not in tested:
        raise ValueError(
            "metric must be a mean of the errors of single rows, one of "
            f"{list(_LOSSES)}, that is in the result, which has {tested}; got "
            f"{metric!r}. Pass it in walk_forward's scoring."
        )
    return chosen


def significance_table(forecasts: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Test whether the forecast's errors differ from those of the naive forecasts.

    Parameters
    ----------
    forecasts : DataFrame
        As in `WalkForwardResult`, with or without a column ``series``.
    metric : str

    Returns
    -------
    table : DataFrame
        As by `WalkForwardResult.significance`.
    """
    loss, from_mean = _LOSSES[metric]
    origin = _number_origins(forecasts)
    n_lags = _count_overlaps(forecasts, origin)
    scored = is_scored(forecasts)
    forecasts, origin = forecasts[scored], origin[scored]
    actual = forecasts["actual"].to_numpy()
    losses = {
        name: loss(forecasts[name].to_numpy() - actual, actual)
        for name in (FORECAST, *SKILLS)
        if name in forecasts
    }
    rows = {}
    for name, naive in losses.items():
        if name == FORECAST:
            continue
        skill, error = _jackknife_skill(losses[FORECAST], naive, forecasts, from_mean)
        difference = pd.Series(losses[FORECAST] - naive).groupby(origin).mean()
        statistic, p_value = diebold_mariano(difference.to_numpy(), n_lags)
        rows[name] = [skill, error, statistic, p_value, len(difference), n_lags]
    columns = ["skill", "std_error", "statistic", "p_value", "n_origins", "n_lags"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis(index="reference")


def diebold_mariano(difference: np.ndarray, n_lags: int) -> tuple[float, float]:
    """Test whether the mean of loss differences is zero.

    The variance of the mean is the largest of the estimates with 0, 1, ..., ``n_lags``
    autocovariances of equal weight (a rectangular kernel). The one with all of them can
    be negative, and is too small on average in short series.

    Parameters
    ----------
    difference : ndarray of shape (n_origins,)
        Loss of the forecast minus that of the other one, at each forecast origin.
    n_lags : int
        Number of later origins whose target rows overlap with those of an origin.

    Returns
    -------
    statistic : float
        Statistic of Diebold and Mariano, with the correction of Harvey, Leybourne and
        Newbold. NaN if there are too few origins.
    p_value : float
        Of the two-sided test, by Student's t distribution.
    """
    from scipy.stats import t

    n_origins, horizon = len(difference), n_lags + 1
    if n_origins <= max(horizon, 1):
        return np.nan, np.nan
    mean = difference.mean()
    centred = difference - mean
    products = [centred[lag:] @ centred[: n_origins - lag] for lag in range(horizon)]
    weights = np.where(np.arange(horizon) > 0, 2, 1)
    variance = np.cumsum(weights * products).max() / n_origins**2
    # (n + 1 - 2h + h (h - 1) / n) / n, in factors
    correction = (n_origins - horizon) * (n_origins - horizon + 1) / n_origins**2
    if variance <= 0:
        statistic = np.sign(mean) * np.inf if mean else 0.0
    else:
        statistic = mean / np.sqrt(variance) * np.sqrt(correction)
    return float(statistic), float(2 * t.sf(abs(statistic), n_origins - 1))


def describe_significance(table: pd.DataFrame) -> str:
    """Say in a line whether the skill against each naive forecast is significant."""
    parts = []
    for name, row in table.iterrows():
        if np.isnan(row["p_value"]):
            verdict = "not testable"
        else:
            if row["p_value"] >= _SIGNIFICANCE_LEVEL:
                verdict = "not significant"
            else:
                is_worse = row["statistic"] > 0
                verdict = "significantly negative" if is_worse else "significant"
            verdict += f" (p = {row['p_value']:.2g})"
        parts.append(f"{name} {verdict}")
    n_origins = int(table["n_origins"].iloc[0])
    return f"skill against {', '.join(parts)}, {n_origins} origin(s)"


def _number_origins(forecasts: pd.DataFrame) -> np.ndarray:
    """Number the forecast origins: in each fold, one for each block of steps."""
    groups = [forecasts["fold"].to_numpy(), forecasts["target"].to_numpy()]
    if "series" in forecasts:
        groups.append(forecasts["series"].to_numpy())
    is_first = pd.Series(forecasts["step"].to_numpy() == 1)
    block = is_first.groupby(groups).cumsum().to_numpy()
    pairs = pd.MultiIndex.from_arrays([groups[0], block])
    # Ordered, because the blocks of a young series come before others in the table.
    return pairs.sort_values().unique().get_indexer(pairs)


def _count_overlaps(forecasts: pd.DataFrame, origin: np.ndarray) -> int:
    """Count the later origins that forecast some of the same rows as one of them."""
    groups: list = [forecasts.index]
    if "series" in forecasts:
        groups.append(forecasts["series"].to_numpy())
    by_row = pd.Series(origin, index=forecasts.index).groupby(groups)
    return int((by_row.max() - by_row.min()).max())


def _jackknife_skill(
    losses: np.ndarray,
    reference: np.ndarray,
    forecasts: pd.DataFrame,
    from_mean: Callable,
) -> tuple[float, float]:
    """Return the skill, and its standard error from leaving out one fold at a time."""
    fold, target = (pd.factorize(forecasts[name])[0] for name in ("fold", "target"))
    n_folds = fold.max() + 1
    sums = np.zeros((3, n_folds, target.max() + 1))
    for each, values in zip(sums, (losses, reference, np.ones(len(fold))), strict=True):
        np.add.at(each, (fold, target), values)

    def skill(sums: np.ndarray) -> float:
        loss, other, n_values = sums
        return relative_skill(
            from_mean(loss / n_values).mean(), from_mean(other / n_values).mean(), 0.0
        )

    total = sums.sum(axis=1)
    left_out = np.array([skill(total - sums[:, i]) for i in range(n_folds)])
    error = np.nan
    if n_folds > 1:
        error = np.sqrt((n_folds - 1) * np.mean((left_out - left_out.mean()) ** 2))
    return skill(total), float(error)
