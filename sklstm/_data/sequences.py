"""Sequences of equal or unequal length: checks and ragged storage."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from sklstm._data.categories import NO_CATEGORIES, CategoryEncoding
from sklstm._data.input_types import refuse_columns, refuse_containers, refuse_dates
from sklstm._data.series import name_in_errors, refuse_huge
from sklstm._data.time_index import index_of
from sklstm._data.time_labels import is_time
from sklstm._data.token_ids import warn_of_token_ids
from sklstm._data.user_warnings import warn_user


@dataclass(frozen=True)
class Sequences:
    """Sequences of any lengths, concatenated."""

    rows: np.ndarray  # (n_rows, n_channels), or (n_rows,) token ids
    lengths: np.ndarray  # (n_sequences,), each at least 1

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def starts(self) -> np.ndarray:
        """First row of each sequence."""
        return np.cumsum(self.lengths) - self.lengths

    def locate(self, mask: np.ndarray) -> tuple[int, int]:
        """Return the sequence and the row of the first True in a mask of the rows."""
        row = int(np.argmax(mask))
        return int(np.searchsorted(np.cumsum(self.lengths), row, side="right")), row


@dataclass(frozen=True)
class SequenceSchema:
    """What later sequences are compared with.

    Parameters
    ----------
    n_features : int
        Number of features as scikit-learn counts them: the columns of a 2-D array, or
        the time steps of listed sequences of one channel and equal length; otherwise
        the channels.
    n_channels : int
        Number of values per time step.
    channel_names : tuple of hashable or None
        Column names of the data frames in a list of sequences.
    categories : CategoryEncoding
        Ids of the categories in categorical channels.
    """

    n_features: int
    n_channels: int
    channel_names: tuple[Hashable, ...] | None = None
    categories: CategoryEncoding = NO_CATEGORIES


def check_sequences(
    estimator: BaseEstimator,
    X: Any,
    *,
    tokens: bool,
    fitted: SequenceSchema | None = None,
    categorical_features: Any = None,
    allow_empty: bool = False,
) -> tuple[Sequences, SequenceSchema]:
    """Check sequences of equal or unequal length.

    Parameters
    ----------
    estimator : estimator
        Named in messages. For a 2-D array, scikit-learn's ``validate_data`` sets or
        compares its ``n_features_in_`` and ``feature_names_in_``.
    X : array-like of shape (n, T) or (n, T, C), or list of (T_i,) or (T_i, C)
    tokens : bool
        Whether the sequences hold token ids, with 0 as padding, rather than numbers,
        which may be NaN.
    fitted : SequenceSchema, optional
        Schema of the sequences in fit, to compare with. None in fit.
    categorical_features : "from_dtype", sequence or None, default=None
        The parameter of that name, in fit. Not for tokens.
    allow_empty : bool, default=False
        Whether all values of a sequence may be missing.

    Returns
    -------
    sequences : Sequences
        Numbers, with ids in categorical channels; or token ids without padding.
    schema : SequenceSchema
    """
    refuse_containers(X, "X")
    if hasattr(X, "to_numpy") and getattr(X, "ndim", 2) == 1:
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "OUS":
        X = list(X)
    if isinstance(X, list | tuple) and not len(X):
        raise ValueError(
            "X holds no sequence (0 sample(s)): pass an array, or a list with one "
            "array of shape (n_steps, n_channels) per sequence."
        )
    _check_index_levels(estimator, X)
    _check_cells(estimator, X)
    refuse_columns(X, "X")
    refuse_dates(X, "X")
    channel_names = _check_channel_names(X, fitted)
    if isinstance(X, np.ndarray) and X.ndim == 3 and X.dtype.kind == "O":
        X = list(X)
    selected = None if tokens else categorical_features
    categories = None if fitted is None else fitted.categories
    if isinstance(X, list | tuple) and any(np.iterable(x) for x in X):
        if not tokens:
            X, categories = _encode_list(X, selected, categories)
        sequences = check_list_of_sequences(X, allow_nan=not tokens)
        n_features = _count_features(sequences, tokens)
    else:
        sequences, n_features = _check_array_of_sequences(estimator, X, tokens, fitted)
        if categories is None:
            categories = CategoryEncoding.fit([sequences.rows], selected)
        if sequences.rows.shape[1] > max(categories.columns, default=-1):
            sequences = replace(sequences, rows=categories.encode(sequences.rows))
    n_channels = sequences.rows.shape[1]
    if fitted is None and not tokens:
        warn_of_token_ids(X, type(estimator).__name__)
    if tokens and n_channels > 1:
        raise ValueError(
            "X must hold one token per time step when embedding_dim is set, got "
            f"{n_channels} values per time step."
        )
    if not allow_empty:
        _check_values(sequences)
    if fitted is None:
        refuse_huge(sequences.rows, "X")
    if fitted is not None and n_channels != fitted.n_channels:
        raise ValueError(
            f"X has {n_channels} channel(s), but {type(estimator).__name__} was fitted "
            f"with {fitted.n_channels}. A 2-D X has one channel; several channels need "
            "shape (n_sequences, n_steps, n_channels)."
        )
    categories = categories or NO_CATEGORIES
    schema = SequenceSchema(n_features, n_channels, channel_names, categories)
    return (_remove_padding(sequences) if tokens else sequences), schema


def _encode_list(
    X: Sequence[Any], selected: Any, categories: CategoryEncoding | None
) -> tuple[list[Any], CategoryEncoding]:
    """Replace the categories in a list of sequences by ids.

    Parameters
    ----------
    X : sequence of DataFrame or array-like
    selected : "from_dtype", sequence or None
        Which channels are categorical, in fit.
    categories : CategoryEncoding or None
        Those of fit. None in fit.

    Returns
    -------
    encoded : list of array-like
        Arrays of numbers in place of the data frames, and of all sequences if there
        are categories.
    categories : CategoryEncoding
    """
    tables = [_as_table(x) for x in X]
    if categories is None:
        # Types are those of data frames; other sequences are checked later.
        by_type = isinstance(selected, str) and selected == "from_dtype"
        relevant = [
            table
            for table in tables
            if getattr(table, "ndim", 0) == 2
            and (not by_type or hasattr(table, "columns"))
        ]
        if relevant:
            categories = CategoryEncoding.fit(relevant, selected)
        else:
            categories = NO_CATEGORIES
    encoded = []
    for i, (x, table) in enumerate(zip(X, tables, strict=True)):
        n_columns = table.shape[1] if getattr(table, "ndim", 0) == 2 else 0
        is_table = hasattr(table, "columns") or len(categories.columns) > 0
        if is_table and n_columns > max(categories.columns, default=-1):
            with name_in_errors(f"X[{i}]"):
                x = categories.encode(table)
        encoded.append(x)
    return encoded, categories


def _as_table(x: Any) -> Any:
    """Return a sequence as a data frame or an array of two axes, if it is one."""
    if hasattr(x, "columns"):
        return x
    try:
        array = np.asarray(x)
        if array.dtype.kind in "US":  # of a list, the numbers among the texts too
            array = np.asarray(x, dtype=object)
    except ValueError:  # ragged
        return None
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _check_cells(estimator: BaseEstimator, X: Any) -> None:
    """Reject texts, and data frames with a whole series in each cell."""
    name = type(estimator).__name__
    values = X.to_numpy() if hasattr(X, "to_numpy") else X
    nested = getattr(values, "ndim", 1) == 2 and values.dtype.kind in "OU"
    if nested and len(values):
        cells = values[0]
    elif isinstance(values, list | tuple):
        cells = values
    else:
        return
    if any(isinstance(cell, str | bytes) for cell in cells):
        raise ValueError(
            f"X holds text, but {name} needs numbers. Put a tokenizer before it, and "
            "pass a list or one column of texts: "
            f"make_pipeline(SequenceTokenizer(), {name}(embedding_dim=32))."
        )
    if nested and any(
        np.iterable(cell) and not isinstance(cell, Mapping) for cell in cells
    ):
        raise ValueError(
            "X holds a series in each cell. Convert each row to an array of shape "
            "(n_steps, n_channels): [np.column_stack(row) for row in X.to_numpy()]."
        )


def _check_index_levels(estimator: BaseEstimator, X: Any) -> None:
    """Reject data frames with one row per time step; warn if X may be one."""
    index, name = index_of(X), type(estimator).__name__
    if index is None or index.nlevels == 1:
        return
    if is_time(index.levels[-1]):
        raise ValueError(
            "X has an index of (sequence, time), but each row of a frame is one "
            f"sequence to {name}. Make a list of the sequences: [rows.to_numpy() for "
            "_, rows in X.groupby(level=0)], with y in that order; or drop the index, "
            "by X.reset_index(drop=True), if each row is a sequence."
        )
    warn_user(
        f"X has an index of {index.nlevels} levels; {name} takes each of its {len(X)} "
        "rows as one sequence. If the rows are time steps of longer sequences, make a "
        "list: [rows.to_numpy() for _, rows in X.groupby(level=0)]. Otherwise, "
        "X.reset_index(drop=True) avoids this warning.",
    )


def _check_channel_names(
    X: Any, fitted: SequenceSchema | None
) -> tuple[Hashable, ...] | None:
    """Return the column names of the data frames in a list, checked to agree."""
    frames = X if isinstance(X, list | tuple) else []
    names_of_frames = {
        i: list(x.columns) for i, x in enumerate(frames) if hasattr(x, "columns")
    }
    if not names_of_frames:
        return None
    first = next(iter(names_of_frames.values()))
    expected = first if fitted is None else fitted.channel_names
    if expected is None:
        return tuple(first)
    for i, names in names_of_frames.items():
        if names != list(expected):
            raise ValueError(
                f"X[{i}] must have the columns {list(expected)}, as in fit and in this "
                f"order, got {names}. Pass X[{i}][columns]."
            )
    return tuple(expected)


def _count_features(sequences: Sequences, tokens: bool) -> int:
    """Count time steps if the sequences would fill a 2-D array, else channels."""
    n_channels, lengths = sequences.rows.shape[1], sequences.lengths
    if tokens or n_channels > 1 or (lengths != lengths[0]).any():
        return n_channels
    return int(lengths[0])


def check_list_of_sequences(X: Iterable[Any], *, allow_nan: bool = False) -> Sequences:
    """Check a list of sequences of any lengths.

    Parameters
    ----------
    X : iterable of array-like of shape (n_steps,) or (n_steps, n_channels)
    allow_nan : bool, default=False
        Whether values may be missing.

    Returns
    -------
    sequences : Sequences
    """
    arrays: list[np.ndarray] = []
    for i, x in enumerate(X):
        try:
            array = np.asarray(x)
            if array.dtype.kind in "cUSMm":
                raise ValueError(f"got type {array.dtype}")
            array = array.astype(np.float64, copy=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"X[{i}] must hold numbers, of shape (n_steps,) or (n_steps, "
                f"n_channels): {error}."
            ) from None
        if array.ndim not in (1, 2):
            raise ValueError(
                f"X[{i}] must have shape (n_steps,) or (n_steps, n_channels), got "
                f"{array.shape}."
            )
        arrays.append(array.reshape(len(array), -1) if len(array) else array)
        if not array.size:
            raise ValueError(
                f"X[{i}] is empty (shape {array.shape}): every sequence needs at least "
                "one step. Leave it out."
            )
        expected = arrays[0].shape[1]
        if arrays[i].shape[1] != expected:
            raise ValueError(
                f"X[{i}] has {arrays[i].shape[1]} channel(s), but X[0] has {expected}: "
                "all sequences must have the same channels."
            )
    lengths = np.array([len(array) for array in arrays])
    sequences = Sequences(np.concatenate(arrays), lengths)
    invalid = np.isinf(sequences.rows) if allow_nan else ~np.isfinite(sequences.rows)
    if invalid.any():
        i, row = sequences.locate(invalid.any(axis=1))
        kind, remedy = (
            ("infinity", "Set it to NaN")
            if allow_nan
            else ("NaN or infinity", "Fill it")
        )
        raise ValueError(
            f"Input X contains {kind}: X[{i}], step {row - sequences.starts[i]}. "
            f"{remedy}, or leave the step out."
        )
    return sequences


def _check_values(sequences: Sequences) -> None:
    """Reject sequences without any value."""
    missing = np.isnan(sequences.rows).all(axis=1)
    empty = np.logical_and.reduceat(missing, sequences.starts)
    if empty.any():
        raise ValueError(
            f"X[{int(np.argmax(empty))}] holds no value: all are NaN. Leave it out."
        )


def refuse_nan_padding(X: np.ndarray) -> None:
    """Raise an error for an array in which shorter sequences are padded with NaN.

    In most arrays with padding, hardly any steps but those of the padding are missing.

    Parameters
    ----------
    X : ndarray of shape (n_sequences, n_steps) or (n_sequences, n_steps, n_channels)
    """
    missing = np.isnan(X) if X.ndim == 2 else np.isnan(X).all(axis=2)
    at_ends = np.logical_and.accumulate(missing, axis=1)
    at_ends |= np.logical_and.accumulate(missing[:, ::-1], axis=1)[:, ::-1]
    n_padding = at_ends.sum(axis=1)
    padded = np.flatnonzero(n_padding)
    lengths = np.unique(n_padding[padded])
    if len(lengths) < 2 or lengths[-1] < 3 or 2 * n_padding.sum() <= missing.sum():
        return
    values = "x[~np.isnan(x)]" if X.ndim == 2 else "x[~np.isnan(x).all(axis=1)]"
    i = padded[0]
    raise ValueError(
        f"X seems to be padded with NaN: {len(padded)} sequences begin or end with "
        f"steps of it, such as X[{i}] with {n_padding[i]}. Sequences of unequal "
        f"lengths are a list without padding: [{values} for x in X]. If the steps are "
        "missing values, pass list(X)."
    )


def _check_array_of_sequences(
    estimator: BaseEstimator, X: Any, tokens: bool, fitted: SequenceSchema | None
) -> tuple[Sequences, int]:
    """Check an array of sequences of equal length, and count its features."""
    finite = True if tokens else "allow-nan"
    if getattr(X, "ndim", 2) > 2:
        X = check_array(
            X,
            dtype=np.float64,
            ensure_all_finite=finite,
            allow_nd=True,
            input_name="X",
            estimator=estimator,
        )
        if X.ndim > 3:
            raise ValueError(
                "X must have shape (n_sequences, n_steps) or (n_sequences, n_steps, "
                f"n_channels), got {X.shape}."
            )
        n_features = X.shape[2]
    elif not tokens and (fitted is None or fitted.n_channels == 1 < fitted.n_features):
        X = validate_data(
            estimator,
            X,
            dtype=np.float64,
            ensure_all_finite=finite,
            reset=fitted is None,
        )
        n_features = X.shape[1]
    else:
        X = check_array(
            X,
            dtype=np.float64,
            ensure_all_finite=finite,
            input_name="X",
            estimator=estimator,
        )
        n_features = 1
    n_sequences, n_steps = X.shape[:2]
    if not n_steps or not n_features:
        raise ValueError(
            f"X[0] is empty: X has shape {X.shape}, and every sequence needs at least "
            "one step of one channel."
        )
    refuse_nan_padding(X)
    rows = X.reshape(n_sequences * n_steps, -1)
    return Sequences(rows, np.full(n_sequences, n_steps)), n_features


def _remove_padding(sequences: Sequences) -> Sequences:
    """Check token ids, and remove the zeros that pad them."""
    tokens = sequences.rows[:, 0]
    largest = np.iinfo(np.int32).max
    invalid = (tokens < 0) | (tokens > largest) | (tokens != np.floor(tokens))
    if invalid.any():
        i, row = sequences.locate(invalid)
        raise ValueError(
            "X must hold token ids, integers from 0 (padding) to "
            f"{largest}, when embedding_dim is set, got {tokens[row]:g} in X[{i}]."
        )
    kept = tokens > 0
    lengths = np.add.reduceat(kept.astype(int), sequences.starts)
    if not lengths.all():
        raise ValueError(
            f"X[{int(np.argmin(lengths))}] is empty: it holds only 0, the padding. "
            "Every sequence needs at least one token."
        )
    return Sequences(tokens[kept].astype(np.int32), lengths)


def check_vocabulary(sequences: Sequences, n_tokens: int) -> None:
    """Reject token ids beyond the vocabulary.

    Parameters
    ----------
    sequences : Sequences
        Token ids.
    n_tokens : int
        Size of the vocabulary; ids must be smaller.
    """
    unknown = sequences.rows >= n_tokens
    if unknown.any():
        i, row = sequences.locate(unknown)
        raise ValueError(
            f"X[{i}] holds the token id {sequences.rows[row]}, but ids must be below "
            f"{n_tokens}, the size of the vocabulary (by default one more than the "
            "largest id in fit). Map rare tokens to one id for unknown tokens, as "
            "SequenceTokenizer does, or set vocabulary_size."
        )
