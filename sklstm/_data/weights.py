"""Checks of sample weights."""

from __future__ import annotations

from collections.abc import Sequence
from reprlib import repr as shorten
from typing import Any

import numpy as np

from sklstm._data.panel import SeriesInput
from sklstm._data.series import CheckedSeries
from sklstm._sklearn import check_sample_weight


def check_weights(
    sample_weight: Any, samples: np.ndarray, unit: float | None = None
) -> tuple[np.ndarray, float]:
    """Check the weights of samples.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    samples : ndarray of shape (n_samples, ...)
    unit : float, optional
        The weight to divide by; by default the mean of the weights.

    Returns
    -------
    weight : ndarray of shape (n_samples,)
        The weights divided by the unit; ones if there are none.
    unit : float
    """
    if sample_weight is None:
        return np.ones(len(samples)), 1.0 if unit is None else unit
    _refuse_non_weights(sample_weight)
    weight = check_sample_weight(
        sample_weight,
        samples,
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=unit is not None,
    )
    unit = float(weight.mean()) if unit is None else unit
    return weight / unit, unit


def _refuse_non_weights(sample_weight: Any) -> None:
    """Raise an error if weights are no real numbers."""
    try:
        weight = np.asarray(sample_weight)
        is_real = weight.dtype.kind != "c"
        if weight.dtype.kind not in "biuf":
            np.asarray(sample_weight, dtype=float)
    except (TypeError, ValueError):
        is_real = False
    if not is_real:
        raise ValueError(
            "sample_weight must hold a number from 0 for each sample, got "
            f"{shorten(sample_weight)}. sklearn.utils.class_weight."
            "compute_sample_weight computes weights of classes."
        )


def check_panel_weights(
    inputs: Sequence[SeriesInput], checked: Sequence[CheckedSeries]
) -> tuple[list[np.ndarray], float]:
    """Check the weights of the rows of several series.

    Parameters
    ----------
    inputs : sequence of SeriesInput
    checked : sequence of CheckedSeries

    Returns
    -------
    weights : list of ndarray of shape (n_timesteps,)
        The weights of each series divided by the unit; ones if there are none.
    unit : float
        Mean of the weights of all rows.
    """
    Xs = [series.X for series in checked]
    if all(series.weight is None for series in inputs):
        return [np.ones(len(X)) for X in Xs], 1.0
    weights = [np.asarray(series.weight) for series in inputs]
    for series, weight, X in zip(inputs, weights, Xs, strict=True):
        if weight.shape != (len(X),):
            raise ValueError(
                f"sample_weight must hold a weight for each of the {len(X)} row(s) of "
                f"{series.name}, sample_weight.shape is {weight.shape}."
            )
    joint, unit = check_weights(np.concatenate(weights), np.concatenate(Xs))
    return np.split(joint, np.cumsum([len(X) for X in Xs])[:-1]), unit
