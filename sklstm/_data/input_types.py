"""Inputs that are no numbers: dates, texts, generators and tensors."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from numbers import Number
from typing import Any

import numpy as np
from scipy.sparse import issparse

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
    _refuse_no_rows(data, name)
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
    if getattr(getattr(data, "dtype", None), "kind", "") == "c":
        raise ValueError(
            f"Complex data not supported: {name} must hold real numbers, got "
            f"{data.dtype}. Pass the real and the imaginary parts as two columns, or "
            f"np.abs({name})."
        )


def _refuse_no_rows(data: Any, name: str) -> None:
    """Raise an error for a text, a single number, or a collection without an order."""
    if data is None and name == "X":
        raise ValueError(
            "X must hold data, got None. Pass an array, a frame or a list."
        )
    if isinstance(data, str | bytes):
        remedy = "Read a file first, for example with pandas.read_csv."
        if name == "y":
            remedy = f"Pass the values of the column, such as frame[{data!r}]."
        raise TypeError(f"{name} must hold data, got the text {data!r}. {remedy}")
    # One of SciPy's formats is a mapping, too.
    if isinstance(data, Mapping) and not issparse(data):
        raise TypeError(
            f"{name} must be an array, a frame or a list of them, got a "
            f"{type(data).__name__}. Pass pandas.DataFrame({name}) if its entries are "
            f"columns, and list({name}.values()) if they are series or sequences."
        )
    if isinstance(data, set | frozenset):
        raise TypeError(
            f"{name} must have an order, got a {type(data).__name__}. Pass a list."
        )
    if isinstance(data, Number) or getattr(data, "ndim", None) == 0:
        raise TypeError(
            f"{name} must hold data, got the single value {data!r}. Pass an array or a "
            "list."
        )
    if type(data).__name__.endswith("GroupBy"):
        raise TypeError(
            f"{name} must be an array, a frame or a list of them, got a "
            f"{type(data).__name__}. Pass a list of the groups: [rows for _, rows in "
            f"{name}]."
        )


def refuse_unequal_rows(data: Any, name: str) -> None:
    """Raise an error if the rows of a list have unequal lengths.

    Parameters
    ----------
    data : object
    name : str
        "X" or "y", for messages.
    """
    is_array = isinstance(data, np.ndarray) and data.ndim == 1 and data.dtype == object
    if not is_array and not isinstance(data, list | tuple):
        return
    sizes = {len(row) if _has_length(row) else 1 for row in data}
    if len(sizes) > 1:
        raise ValueError(
            f"{name} must have rows of equal lengths, got rows of {min(sizes)} to "
            f"{max(sizes)} values. Fill the shorter ones with NaN."
        )


def _has_length(row: Any) -> bool:
    return isinstance(row, list | tuple) or getattr(row, "ndim", 0) > 0


def refuse_columns(data: Any, name: str) -> None:
    """Raise an error if a frame has no columns, or two of the same name.

    Parameters
    ----------
    data : object
    name : str
        "X" or "y", for messages.
    """
    if not hasattr(data, "columns"):
        return
    labels = list(data.columns)
    if not labels:
        raise ValueError(
            f"{name} must have at least one column, got 0 feature(s) "
            f"(shape={tuple(data.shape)})."
        )
    names = [label for label in labels if isinstance(label, str)]
    if len(set(names)) < len(names):
        repeated = next(label for label in names if names.count(label) > 1)
        raise ValueError(
            f"{name} must have columns of different names, got "
            f"{names.count(repeated)} columns {repeated!r}. Rename them, or keep one "
            f"of each: {name}.loc[:, ~{name}.columns.duplicated()]."
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
    refuse_unequal_rows(data, name)
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
        remedy = "Convert it to numbers"
        remedy += "; for class labels use a classifier." if name == "y" else "."
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
    """Raise an error if data hold dates, and name the first such column of a frame.

    Parameters
    ----------
    data : object
    name : str
        "X" or "y", for messages.
    """
    columns = _columns(data) if hasattr(data, "columns") else {}
    if isinstance(data, np.ndarray) and data.dtype.kind in "Mm":
        columns = {None: data}
    for label, values in columns.items():
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
