"""Inputs that are no numbers: dates, texts, generators and tensors."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

# Texts that begin like a date: 2024-03-01, 1/3/2024, 01.03.24.
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}")


def refuse_containers(data: Any, name: str) -> None:
    """Raise an error if data come in an object that cannot be read by rows.

    Parameters
    ----------
    data : object
    name : str
        "X" or "y", for messages.
    """
    kind = type(data).__name__
    if isinstance(data, Iterator):
        raise TypeError(
            f"{name} must hold data, got {data!r}, whose values can be read only once. "
            f"Pass list({name}), or an array."
        )
    if kind == "RaggedTensor":
        raise TypeError(
            f"{name} must be an array or a list of arrays, got a RaggedTensor. Pass "
            f"[x.numpy() for x in {name}]."
        )
    if kind.endswith("SparseTensor"):
        raise TypeError(
            f"{name} must be a dense array, got a {kind}. Pass "
            f"tf.sparse.to_dense({name}).numpy()."
        )
    if hasattr(data, "element_spec"):
        raise TypeError(
            f"{name} must be an array or a list of arrays, got a tf.data.Dataset. "
            "Collect its elements first, for example with list(dataset.unbatch()"
            ".as_numpy_iterator())."
        )


def refuse_non_numbers(data: Any, name: str, *, allow_text: bool = False) -> None:
    """Raise an error that names the first column of dates or texts.

    Parameters
    ----------
    data : array-like of shape (n_rows,) or (n_rows, n_columns), or None
        Columns of texts that are numbers are accepted, as scikit-learn accepts them.
    name : str
        "X" or "y", for messages.
    allow_text : bool, default=False
        Whether columns may hold text, as categories.
    """
    columns = _columns(data)
    dates = [label for label, values in columns.items() if _holds_dates(values)]
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        _refuse_objects(columns, name)
    texts: dict[Any, str] = {}
    for label, values in columns.items():
        text = None if label in dates else _find_text(values)
        if text is not None:
            texts[label] = text
    if not dates and (allow_text or not texts):
        return
    is_frame = hasattr(data, "iloc") and hasattr(data, "columns")
    if dates and texts and is_frame and _repeats(columns[dates[0]]):
        keys = [next(iter(texts)), dates[0]]
        raise ValueError(
            f"{name} must hold numbers, but column {keys[1]!r} holds dates, more than "
            f"once each, and column {keys[0]!r} text. If these name the times and the "
            f"series of the rows, make them the index: {name} = {name}.set_index("
            f"{keys!r}), and the same for the targets."
        )
    if dates:
        _refuse_date(data, name, dates[0])
    label, text = next(iter(texts.items()))
    remedy = "Leave it out, or encode it as numbers, for example with OneHotEncoder."
    if label is None:
        remedy = "Convert it to numbers; for class labels use a classifier."
    if is_frame:
        remedy = (
            f"Leave it out, {name}.drop(columns={label!r}), or encode it as numbers, "
            "for example with OneHotEncoder or pandas.get_dummies."
        )
    raise ValueError(
        f"{name} must hold numbers, but {_place(label)} holds text, such as "
        f"{text!r}. {remedy}"
    )


def refuse_dates(data: Any, name: str) -> None:
    """Raise an error that names the first column of a frame that holds dates.

    Parameters
    ----------
    data : object
    name : str
        "X" or "y", for messages.
    """
    if not hasattr(data, "columns"):
        return
    for label, values in _columns(data).items():
        if _holds_dates(values):
            raise ValueError(
                f"{name} must hold numbers, but {_place(label)} holds dates. Leave it "
                "out, or convert it to numbers."
            )


def _refuse_date(data: Any, name: str, label: Any) -> None:
    remedy = "Convert it to numbers."
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        remedy = (
            f"Make it the index, {name} = {name}.set_index({label!r}), and replace it "
            "by numbers, such as the day of the week, if it should be read."
        )
    raise ValueError(
        f"{name} must hold numbers, but {_place(label)} holds dates. {remedy}"
    )


def _refuse_objects(columns: dict[Any, Any], name: str) -> None:
    """Raise an error if a column holds lists, intervals or other objects."""
    for label, values in columns.items():
        if _holds_dates(values):
            continue
        for value in values:
            if isinstance(value, str | bytes) or _is_missing(value):
                continue
            try:
                float(value)
            except (TypeError, ValueError):
                raise ValueError(
                    f"{name} must hold numbers, but {_place(label)} holds objects of "
                    f"type {type(value).__name__}. Convert each to a number, or leave "
                    "the column out."
                ) from None


def _columns(data: Any) -> dict[Any, Any]:
    """Return the columns of data that may hold other values than numbers."""
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        columns = {label: data.iloc[:, i] for i, label in enumerate(data.columns)}
    elif hasattr(data, "columns") and hasattr(data, "to_numpy"):
        columns = {label: data[label] for label in data.columns}
    elif data is None:
        return {}
    else:
        try:
            array = data if hasattr(data, "iloc") else np.asarray(data)
        except (TypeError, ValueError):  # rows of unequal lengths
            return {}
        if array.ndim == 1:
            columns = {None: array}
        elif array.ndim == 2 and array.dtype.kind in "OUSMm":
            columns = dict(enumerate(array.T))
        else:
            return {}
    return {
        label: values
        for label, values in columns.items()
        if not _is_numeric(values.dtype)
    }


def _is_numeric(dtype: Any) -> bool:
    is_numeric = getattr(dtype, "is_numeric", None)  # of polars
    if is_numeric is not None:
        return bool(is_numeric())
    return getattr(dtype, "kind", "O") in "fiubc"


def _holds_dates(values: Any) -> bool:
    if getattr(values.dtype, "kind", "O") in "Mm":
        return True
    if str(values.dtype).lower().startswith(("period", "date", "time", "duration")):
        return True
    first = _first_known(values)
    if isinstance(first, str):
        return _DATE.match(first) is not None
    return isinstance(first, datetime.date | np.datetime64) or hasattr(first, "ordinal")


def _find_text(values: Any) -> str | None:
    """Return the first text that is no number."""
    for value in values:
        if isinstance(value, str | bytes):
            try:
                float(value)
            except ValueError:
                return str(value)
    return None


def _first_known(values: Any) -> Any:
    return next((value for value in values if not _is_missing(value)), None)


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and np.isnan(value)


def _repeats(values: Any) -> bool:
    seen = list(values)
    return len(set(seen)) < len(seen)


def _place(label: Any) -> str:
    return "it" if label is None else f"column {label!r}"
