"""Response of a forecast to a future covariate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

# Name of the forecast with the covariates as they were passed.
AS_GIVEN = "as given"


def what_if(
    forecaster: Any,
    X_future: Any,
    column: Any,
    values: Mapping[Any, Any] | Sequence[Any],
    *,
    steps: int | None = None,
) -> pd.DataFrame:
    """Forecast with other values of a future covariate.

    What would sales be if the price were 10 % lower? The answer is the model's: it is
    that of the world only if the covariate causes what it goes along with in the
    training rows, and if they hold values like those that are asked for.

    Parameters
    ----------
    forecaster : forecaster
        A fitted forecaster with ``known_future``, or a pipeline with ``forecast``.
    X_future : DataFrame or ndarray of shape (n_rows, n_features or n_future)
        Future covariates as for ``forecast``; of several series a list or a frame.
    column : hashable
        Column of X_future that is changed: a label of a frame, an index of an array.
    values : dict or sequence
        The values to try: a number or category for all rows, an array with one for each
        row, or a function from the column to a new one. A dict gives them names.
    steps : int, optional
        Number of steps ahead; by default as for ``forecast``.

    Returns
    -------
    forecasts : DataFrame
        A row for each step ahead, a column for each value; the first column, "as
        given", holds the forecast with X_future unchanged. Of several targets, columns
        of (value, target).

    Raises
    ------
    ValueError
        If X_future has no such column, the forecaster does not read it, or new values
        do not fit its rows or are no categories of it.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklstm import LSTMForecaster
    >>> from sklstm.inspection import what_if
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"sales": 0.0, "price": rng.uniform(1, 2, 400)})
    >>> X["sales"] = 5 - 2 * X["price"]
    >>> forecaster = LSTMForecaster(
    ...     8, 2, known_future=["price"], target="sales", epochs=20, random_state=0
    ... ).fit(X, X["sales"])
    >>> future = pd.DataFrame({"price": [1.5, 1.5]}, index=[400, 401])
    >>> answers = what_if(
    ...     forecaster, future, "price", {"10 % lower": lambda price: 0.9 * price}
    ... )
    >>> (answers["10 % lower"] - answers["as given"]).round(1).tolist()
    [0.3, 0.3]
    """
    if not hasattr(forecaster, "forecast"):
        raise TypeError(
            "forecaster must have the method forecast, got "
            f"{type(forecaster).__name__}."
        )
    if X_future is None:
        raise ValueError(
            "X_future must hold the future covariates of the rows to forecast, got "
            "None."
        )
    if isinstance(X_future, list | tuple):
        X_future = list(X_future)
        tables = X_future
    else:
        tables = [X_future]
    tables = [
        each if isinstance(each, pd.DataFrame) else np.asarray(each) for each in tables
    ]
    for each in tables:
        _check_column(each, column)
    categories = _find_categories(forecaster, tables[0], column)
    if not isinstance(values, Mapping):
        if isinstance(values, str) or not np.iterable(values):
            raise ValueError(
                "values must be a dict from names to values, or a sequence of values, "
                f"got {values!r}. For a single value pass [{values!r}]."
            )
        values = {_name_of(value, i): value for i, value in enumerate(values)}
    if AS_GIVEN in values:
        raise ValueError(
            f"values must not be named {AS_GIVEN!r}, the name of the forecast with "
            "X_future unchanged."
        )
    answers = {AS_GIVEN: forecaster.forecast(steps, X_future)}
    for name, value in values.items():
        changed = [
            _replace_column(each, column, value, name, categories) for each in tables
        ]
        answers[name] = forecaster.forecast(
            steps, changed if isinstance(X_future, list) else changed[0]
        )
    frames = {name: _as_frame(answer) for name, answer in answers.items()}
    if all(frame.shape[1] == 1 for frame in frames.values()):
        return pd.DataFrame({name: frame.iloc[:, 0] for name, frame in frames.items()})
    return pd.concat(frames, axis=1)


def _name_of(value: Any, number: int) -> Any:
    is_name = np.ndim(value) == 0 and not callable(value)
    return value if is_name else f"values[{number}]"


def _check_column(X_future: Any, column: Any) -> None:
    """Raise an error if a table of future covariates does not have a column."""
    if isinstance(X_future, pd.DataFrame):
        if column not in X_future.columns:
            raise ValueError(
                f"column must be a column of X_future, which has "
                f"{list(X_future.columns)}, got {column!r}."
            )
        return
    if X_future.ndim != 2:
        raise ValueError(
            "X_future must be a DataFrame or an array of shape (n_rows, n_columns), or "
            f"a list of them for several series, got shape {X_future.shape}."
        )
    if not isinstance(column, int | np.integer) or not (
        0 <= column < X_future.shape[1]
    ):
        raise ValueError(
            f"column must be an index from 0 to {X_future.shape[1] - 1}, because "
            f"X_future is an array, got {column!r}."
        )


def _find_categories(forecaster: Any, X_future: Any, column: Any) -> list | None:
    """Return the categories of a column in fit; None for numbers and pipelines.

    Raises an error if the forecaster does not read the column in the rows to forecast.
    """
    if not hasattr(forecaster, "_column_names"):
        return None
    check_is_fitted(forecaster)
    names, future = list(forecaster._column_names), forecaster._future_columns
    if isinstance(X_future, pd.DataFrame):
        place = names.index(column) if column in names else None
    elif X_future.shape[1] == len(names):
        place = int(column)
    else:
        place = int(future[column]) if column < len(future) else None
    if place is None or place not in future:
        known = [names[i] for i in future]
        raise ValueError(
            "column must be a future covariate of the forecaster, which it reads in "
            f"the rows to forecast: one of {known} (known_future), got {column!r}."
        )
    encoding = forecaster._categories
    ids = dict(zip(encoding.columns, encoding.ids, strict=True)).get(place)
    return None if ids is None else list(ids)


def _replace_column(
    X_future: Any, column: Any, value: Any, name: Any, categories: list | None
) -> Any:
    is_frame = isinstance(X_future, pd.DataFrame)
    before = X_future[column] if is_frame else X_future[:, column]
    after = value(before) if callable(value) else value
    if np.ndim(after) > 0 and np.shape(after) != (len(X_future),):
        raise ValueError(
            f"values[{name!r}] must hold one value for each of the {len(X_future)} "
            f"rows of X_future, got shape {np.shape(after)}."
        )
    if categories is not None:
        unknown = [each for each in np.ravel(after) if each not in categories]
        if unknown:
            raise ValueError(
                f"values[{name!r}] must hold categories of the column in fit, "
                f"{categories}, got {str(unknown[0])!r}."
            )
    if is_frame:
        filled: Any = np.broadcast_to(np.asarray(after), len(X_future))
        changed = X_future.copy()
        if isinstance(before.dtype, pd.CategoricalDtype):
            labels = pd.unique(np.append(before.cat.categories.astype(object), filled))
            filled = pd.Categorical(filled, labels)
        changed[column] = filled
        return changed
    is_number = X_future.dtype.kind in "biuf"
    changed = X_future.astype(float if is_number else object)
    changed[:, column] = after
    return changed


def _as_frame(forecast: Any) -> pd.DataFrame:
    if isinstance(forecast, pd.DataFrame):
        return forecast
    if isinstance(forecast, pd.Series):
        return forecast.to_frame()
    if isinstance(forecast, list):
        return pd.concat(
            [_as_frame(each) for each in forecast],
            keys=range(len(forecast)),
            names=["series"],
        )
    values = np.asarray(forecast)
    values = values.reshape(len(values), -1)
    index = pd.RangeIndex(1, len(values) + 1, name="step")
    return pd.DataFrame(values, index)
