"""Mean and scale of covariates that are scaled alike in all series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklstm._data.scaling import mean_and_scale
from sklstm._data.user_warnings import warn_user


class CovariateScaling(NamedTuple):
    """How numeric covariates are scaled in the series of a panel.

    Columns that are constant within each series are static: they are scaled over the
    series, one value each.
    """

    mean: np.ndarray  # (n_columns,): NaN where each series has its own
    scale: np.ndarray
    static: np.ndarray  # columns that are static covariates

    @classmethod
    def fit(
        cls, Xs: Sequence[np.ndarray], covariates: np.ndarray, covariate_scaling: str
    ) -> CovariateScaling:
        """Find static covariates, and compute means and scales.

        Parameters
        ----------
        Xs : sequence of ndarray of shape (n_rows, n_columns)
            Training rows of each series.
        covariates : ndarray of int
            Columns that are numeric covariates.
        covariate_scaling : {"series", "panel"}

        Returns
        -------
        scaling : CovariateScaling
        """
        n_columns = Xs[0].shape[1]
        mean, scale = np.full(n_columns, np.nan), np.full(n_columns, np.nan)
        values = np.array([_constant_values(X) for X in Xs])
        static = [
            column
            for column in covariates
            if len(Xs) > 1
            and not np.isinf(values[:, column]).any()
            and np.unique(values[:, column][~np.isnan(values[:, column])]).size > 1
        ]
        if covariate_scaling == "panel":
            mean[covariates], scale[covariates] = mean_and_scale(
                np.concatenate([X[:, covariates] for X in Xs])
            )
        mean[static], scale[static] = mean_and_scale(values[:, static])
        return cls(mean, scale, np.array(static, dtype=int))


def warn_of_useless_covariates(
    Xs: Sequence[np.ndarray],
    covariates: np.ndarray,
    scaling: CovariateScaling,
    labels: pd.Index | None,
) -> None:
    """Warn of covariates whose effect cannot be learned.

    Parameters
    ----------
    Xs : sequence of ndarray of shape (n_rows, n_columns)
        Training rows of each series.
    covariates : ndarray of int
        Columns that are covariates, categories included.
    scaling : CovariateScaling
    labels : pandas.Index or None
        Labels of the columns.
    """
    values = np.array([_constant_values(X) for X in Xs])
    names = np.arange(values.shape[1]) if labels is None else labels
    for column in covariates:
        constant = ~np.isinf(values[:, column])
        if column in scaling.static:
            continue
        if constant.all() and len(np.unique(values[:, column])) == 1:
            warn_user(
                f"Column {names[column]!r} of X has the same value in all training "
                "rows, so it has no effect on forecasts. Leave it out."
            )
        elif constant.any() and np.isnan(scaling.mean[column]):
            warn_user(
                f"Column {names[column]!r} of X has not changed yet in "
                f"{constant.sum()} of {len(Xs)} series, so its scale there is unknown. "
                'Set covariate_scaling="panel", which takes the scale from all series.'
            )


def _constant_values(X: np.ndarray) -> np.ndarray:
    """Return the value of each column, infinity if it has several, NaN if none."""
    known = ~np.isnan(X)
    least = np.where(known, X, np.inf).min(axis=0)
    most = np.where(known, X, -np.inf).max(axis=0)
    return np.where(known.any(axis=0), np.where(least == most, least, np.inf), np.nan)
