"""Categorical columns: which columns they are, and their encoding as numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sklstm._data.series import check_columns
from sklstm._data.user_warnings import warn_user

# Id of a category that did not occur in fit.
UNKNOWN_CATEGORY = 0

# More distinct values than this, and than half of the values, are no categories but
# dates, names or other identifiers.
_MAX_RARE_CATEGORIES = 50


@dataclass(frozen=True)
class CategoryEncoding:
    """Ids of the categories of some columns of a table. Created by `fit`.

    Ids count from 1 for the categories in fit; 0 stands for all others. Missing values
    are a category of their own.
    """

    columns: tuple[int, ...]  # indices of the categorical columns, ascending
    ids: tuple[dict[Hashable, int], ...]  # of each column; None for missing values

    @classmethod
    def fit(cls, tables: Sequence[Any], categorical_features: Any) -> CategoryEncoding:
        """Find the categorical columns and their categories.

        Parameters
        ----------
        tables : sequence of DataFrame or ndarray of shape (n_rows, n_columns)
            Tables with the same columns.
        categorical_features : "from_dtype", sequence of int, str or bool, or None
            As the parameter of that name.

        Returns
        -------
        encoding : CategoryEncoding
        """
        # Tables with another number of columns are refused later, by their place.
        n_columns = np.shape(tables[0])[1]
        tables = [table for table in tables if np.shape(table)[1] == n_columns]
        columns = _select_columns(tables, categorical_features)
        names = _column_names(tables[0])
        ids = []
        for column in columns:
            parts = [_observed_or_none(table, column) for table in tables]
            ids.append(_number_categories(parts, _describe(names, column)))
        return cls(columns, tuple(ids))

    @property
    def n_ids(self) -> tuple[tuple[int, int], ...]:
        """Pairs of a column's index and its number of ids, including 0."""
        return tuple(
            (column, len(ids) + 1)
            for column, ids in zip(self.columns, self.ids, strict=True)
        )

    def select(self, columns: np.ndarray) -> CategoryEncoding:
        """Return the encoding of a table that has only these columns, in this order."""
        ids = dict(zip(self.columns, self.ids, strict=True))
        kept = [i for i, column in enumerate(columns) if column in ids]
        return CategoryEncoding(tuple(kept), tuple(ids[columns[i]] for i in kept))

    def encode(self, table: Any) -> np.ndarray:
        """Return a table as numbers, with the ids of the categories.

        Parameters
        ----------
        table : DataFrame or ndarray of shape (n_rows, n_columns)

        Returns
        -------
        numbers : ndarray of shape (n_rows, n_columns), float64
            NaN for missing values of the other columns.
        """
        if not self.columns and (values := np.asarray(table)).dtype.kind in "biuf":
            return values.astype(np.float64)
        names, n_columns = _column_names(table), np.shape(table)[1]
        numbers = np.empty(np.shape(table))
        categorical = dict(zip(self.columns, self.ids, strict=True))
        for column in range(n_columns):
            if column not in categorical:
                numbers[:, column] = _as_numbers(table, column, names)
                continue
            ids = categorical[column]
            with _NameUnhashable(_describe(names, column)):
                numbers[:, column] = [
                    ids.get(value, UNKNOWN_CATEGORY)
                    for value in _observed_or_none(table, column)
                ]
        return numbers

    def decode(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """Replace ids by the categories; None for missing and unknown ones."""
        decoded = {}
        for column, ids in zip(self.columns, self.ids, strict=True):
            names = {number: name for name, number in ids.items()}
            values = numbers.iloc[:, column]
            decoded[column] = [
                None if np.isnan(value) else names.get(int(value)) for value in values
            ]
        columns = [
            pd.Series(decoded[i], numbers.index, dtype=object)
            if i in decoded
            else numbers.iloc[:, i]
            for i in range(numbers.shape[1])
        ]
        return pd.concat(columns, axis=1, keys=numbers.columns)


NO_CATEGORIES = CategoryEncoding((), ())


def is_categorical(values: Any) -> bool:
    """Return whether a column is categorical by its type.

    Parameters
    ----------
    values : Series or ndarray of shape (n_rows,)

    Returns
    -------
    categorical : bool
        Whether the type is that of categories or texts; truth values are the numbers 0
        and 1. Objects count as their values do.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    if not pd.api.types.is_object_dtype(dtype):
        return pd.api.types.is_string_dtype(dtype)
    return any(isinstance(value, str) for value in values)


def _select_columns(tables: Sequence[Any], selected: Any) -> tuple[int, ...]:
    """Return the indices of the categorical columns, ascending."""
    n_columns, names = np.shape(tables[0])[1], _column_names(tables[0])
    if selected is None:
        return ()
    if isinstance(selected, str) and selected == "from_dtype":
        frames = [table for table in tables if _column_names(table) is not None]
        return tuple(
            column
            for column in range(n_columns)
            if any(is_categorical(_column(frame, column)) for frame in frames)
        )
    if not isinstance(selected, str) and np.iterable(selected):
        selected = list(selected)
        if selected and all(isinstance(each, bool | np.bool_) for each in selected):
            if len(selected) != n_columns:
                raise ValueError(
                    f"categorical_features is a mask of {len(selected)} columns, but X "
                    f"has {n_columns}."
                )
            return tuple(np.flatnonzero(selected).tolist())
    labels = None if names is None else pd.Index(names)
    indices = check_columns("categorical_features", selected, labels, n_columns)
    return tuple(sorted(indices.tolist()))


def _number_categories(parts: Iterable[np.ndarray], name: str) -> dict[Hashable, int]:
    """Number the categories of a column: a missing value first, then in order."""
    n_values, found = 0, set()
    with _NameUnhashable(name):
        for values in parts:
            found.update(values.tolist())
            n_values += len(values)
    missing = [None] if None in found else []
    found.discard(None)
    try:
        ordered = sorted(found)
    except TypeError:
        ordered = sorted(found, key=lambda value: (type(value).__name__, str(value)))
    if len(ordered) > max(_MAX_RARE_CATEGORIES, n_values / 2):
        warn_user(
            f"{name} has {len(ordered)} categories in {n_values} values: nothing can "
            "be learned of categories that do not recur. Leave the column out, or "
            "derive numbers or fewer categories from it."
        )
    return {value: i for i, value in enumerate([*missing, *ordered], start=1)}


def _as_numbers(table: Any, column: int, names: Sequence[Hashable] | None) -> Any:
    """Return a column of numbers, with NaN for missing values."""
    values = _column(table, column)
    try:
        if getattr(values.dtype, "kind", "O") in "mMc":
            raise TypeError(f"got {values.dtype}")
        if isinstance(values, pd.Series):
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(pd.isna(values), np.nan, values).astype(np.float64)
    except (TypeError, ValueError):
        kept = [x for x in values if not isinstance(x, Real) and not pd.isna(x)]
        example = f"{kept[0]!r}" if kept else f"{values.dtype}"
    raise ValueError(
        f"{_describe(names, column)} holds {example}, which is no number. If the "
        "column holds categories, name it in categorical_features; otherwise convert "
        "it to numbers, or leave it out."
    )


def _observed_or_none(table: Any, column: int) -> np.ndarray:
    """Return the values of a column as objects, with None for missing values."""
    values = np.array(_column(table, column), dtype=object)
    values[pd.isna(values)] = None
    return values


def _column(table: Any, column: int) -> Any:
    """Return one column of a table: a pandas Series or an array."""
    if hasattr(table, "iloc"):
        return table.iloc[:, column]
    if hasattr(table, "columns"):
        return table[table.columns[column]].to_numpy()
    return table[:, column]


def _column_names(table: Any) -> list[Any] | None:
    names = getattr(table, "columns", None)
    return None if names is None else list(names)


def _describe(names: Sequence[Hashable] | None, column: int) -> str:
    return f"Column {column if names is None else repr(names[column])} of X"


class _NameUnhashable:
    """Context that turns the error about an unhashable category into a clear one."""

    def __init__(self, name: str):
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, TypeError):
            raise ValueError(
                f"{self._name} holds values that are no categories, since they cannot "
                f"be hashed: {error}. Categories are texts, numbers or truth values."
            ) from None
