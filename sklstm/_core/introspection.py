"""Estimators inside pipelines, searches and other meta-estimators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sklstm._sklearn import BaseSearchCV

# Attributes that hold the estimator inside a meta-estimator, fitted ones first.
_INNER_ATTRIBUTES = (
    "best_estimator_",
    "regressor_",
    "estimator_",
    "estimator",
    "regressor",
)


def iter_nested_estimators(estimator: Any) -> Iterator[Any]:
    """Yield an estimator, the one inside it, and so on to the innermost one.

    Of a pipeline the last step is followed, of a search the best estimator if it has
    been fitted.
    """
    while estimator is not None:
        yield estimator
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        else:
            inner = (getattr(estimator, name, None) for name in _INNER_ATTRIBUTES)
            estimator = next((each for each in inner if each is not None), None)


def find_forecaster(estimator: Any) -> Any:
    """Return the forecaster inside an estimator.

    That is the outermost estimator with a ``horizon``; without one, the innermost
    estimator.
    """
    nested = list(iter_nested_estimators(estimator))
    return next((each for each in nested if hasattr(each, "horizon")), nested[-1])


def unwrap_final_estimator(
    estimator: Any, X: Any, *, having: str | None = None
) -> tuple[Any, Any]:
    """Return the final estimator of fitted pipelines and searches, and its input.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline or search, nested or not, or any other estimator.
    X : array-like of shape (n_samples, n_features)
        Input of ``estimator``.
    having : str, optional
        Stop at the first estimator that has this method.

    Returns
    -------
    final : estimator
        The last step of the (best) pipeline, or ``estimator`` itself.
    X : array-like of shape (n_samples, n_features_out)
        X, transformed by the steps before it.
    """
    if having is not None and hasattr(estimator, having):
        return estimator, X
    if hasattr(estimator, "best_estimator_"):
        return unwrap_final_estimator(estimator.best_estimator_, X, having=having)
    if isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return unwrap_final_estimator(estimator[-1], X, having=having)
    return estimator, X


def find_reachable(estimator: Any, having: str) -> Any:
    """Return the first estimator that has a method, in pipelines and searches alone.

    Those are the ones that `unwrap_final_estimator` can unwrap. Of a search that is not
    fitted, the estimator that it will fit is followed.

    Returns
    -------
    found : estimator or None

    Raises
    ------
    ValueError
        If a search does not keep its best estimator.
    """
    while not hasattr(estimator, having):
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        elif isinstance(estimator, BaseSearchCV):
            if not estimator.refit:
                raise ValueError(
                    f"{type(estimator).__name__} has refit=False, so it keeps no best "
                    "estimator. Set refit=True, or pass one of its candidates."
                )
            estimator = getattr(estimator, "best_estimator_", estimator.estimator)
        else:
            return None
    return estimator


def target_names(y: Any) -> list:
    """Return the names of the targets in y, or else their numbers from 0."""
    if hasattr(y, "columns"):
        return list(y.columns)
    name = getattr(y, "name", None)
    if name is not None:
        return [name]
    return list(range(np.asarray(y).reshape(len(y), -1).shape[1]))
