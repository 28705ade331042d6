"""Data in: what is accepted, and the errors for what is not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_array,
    column_or_1d,
    validate_data,
)

from sklstm._panel import Given, Panel, split_series
from sklstm._sequences import Sequences
from sklstm._times import (
    check_rows_in_order,
    index_of,
    is_time,
    warn_of_uneven_rows,
)


def check_series(estimator, X, y=None, *, reset: bool):
    """Check a series and, if given, its targets.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and ``feature_names_in_`` are set, or compared.
    X : array-like of shape (n_timesteps, n_features)
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
    reset : bool
        Whether to set the features or to compare with those set before.

    Returns
    -------
    X : ndarray of shape (n_timesteps, n_features)
    y : ndarray of the shape given, or None
    """
    if getattr(X, "ndim", 2) == 3:
        raise ValueError(
            f"X must be 2-D, (n_timesteps, n_features), got shape {tuple(X.shape)}. "
            f"{type(estimator).__name__} takes the series itself and cuts windows from "
            "it: pass the rows in time order, without windowing them."
        )
    if getattr(X, "ndim", 2) == 1 and getattr(X.dtype, "kind", "O") != "O":
        n_features = None if reset else getattr(estimator, "n_features_in_", None)
        if n_features not in (None, 1) and len(X) == n_features:
            remedy = "one row is x.reshape(1, -1), or frame.iloc[[i]] in pandas."
        else:
            remedy = (
                "a series of one column is x.reshape(-1, 1), or x.to_frame() in pandas."
            )
        raise ValueError(
            "X must be 2-D, (n_timesteps, n_features), got shape "
            f"{tuple(X.shape)}. Reshape your data: {remedy}"
        )
    check_rows_in_order(index_of(X), index_of(y))
    names = getattr(X, "columns", None)
    if y is None:
        X = validate_data(
            estimator, X, dtype=np.float64, reset=reset, ensure_all_finite=False
        )
        check_finite(X, "X", names)
        return X, None
    if np.asarray(y).dtype.kind == "f":
        check_finite(np.asarray(y), "y", getattr(y, "columns", None))
    X, y = validate_data(
        estimator,
        X,
        y,
        dtype=np.float64,
        multi_output=True,
        y_numeric=True,
        reset=reset,
        ensure_all_finite=False,
    )
    check_finite(X, "X", names)
    return X, y.astype(np.float64, copy=False)


def check_finite(values, name: str, columns) -> None:
    """Refuse NaN and infinity, and say where they are."""
    if np.isfinite(values).all():
        return
    row, *column = np.argwhere(~np.isfinite(values))[0]
    place = f"row {row}"
    for number in column:
        called = number if columns is None else repr(columns[number])
        place += f", column {called}"
    value = values[row, *column]
    kind = "NaN" if np.isnan(value) else "infinity"
    raise ValueError(
        f"Input {name} contains {kind}, first in {place}. A network reads every row: "
        f"fill the gaps, as by {name}.interpolate() in pandas."
    )


def check_several_series(
    estimator, X, y=None, weight=None, *, reset: bool
) -> tuple[Panel | None, list[Given], list[tuple]]:
    """Check a series, or several: in a list, or in one frame.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and ``feature_names_in_`` are set, or compared.
    X : array-like of shape (n_timesteps, n_features), list of them, or a frame with an
            index of (series, time)
    y, weight : as X, optional
    reset : bool
        Whether to set the features or to compare with those set before.

    Returns
    -------
    panel : Panel or None
        How they were passed; None if X is one series.
    given : list of Given
    checked : list of (X, y)
        Of each series, as `check_series` gives them.
    """
    if isinstance(X, list | tuple) and not len(X):
        raise ValueError(
            "X holds no series: pass an array of shape (n_timesteps, n_features), or a "
            "list of one or more."
        )
    lines = [i for i, x in enumerate(X) if _is_line(x)] if isinstance(X, list) else []
    if lines and (reset or len({np.shape(x) for x in X}) > 1):
        raise ValueError(
            f"X[{lines[0]}] is 1-D, but a series has shape (n_timesteps, n_features). "
            "Pass each of several series of one feature as x.reshape(-1, 1), or the "
            "rows of one series as an array."
        )
    panel, given = split_series(X, y, weight)
    checked = []
    for i, each in enumerate(given):
        with naming(each.place):
            checked.append(
                check_series(estimator, each.X, each.y, reset=reset and i == 0)
            )
        if reset:
            warn_of_uneven_rows(
                index_of(each.X, each.y),
                name=each.place or ("y" if index_of(each.X) is None else "X"),
            )
    return panel, given, checked


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Name the place, one of several series, in errors about it."""
    try:
        yield
    except ValueError as error:
        if not place:
            raise
        raise ValueError(f"{place}: {error}") from error


def _is_line(x) -> bool:
    """Whether something in a list is a one-dimensional array or Series."""
    return getattr(x, "ndim", None) == 1


def check_weights(
    sample_weight, samples: np.ndarray, unit: float | None = None
) -> tuple[np.ndarray, float]:
    """Check the weights of samples.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    samples : ndarray of shape (n_samples, ...)
    unit : float, optional
        The weight that counts as 1; by default the samples' mean.

    Returns
    -------
    weight : ndarray of shape (n_samples,)
        In that unit; ones if none are given.
    unit : float
    """
    if sample_weight is None:
        return np.ones(len(samples)), 1.0 if unit is None else unit
    weight = _check_sample_weight(
        sample_weight,
        samples,
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=unit is not None,
    )
    unit = float(weight.mean()) if unit is None else unit
    return weight / unit, unit


def check_enough_rows(X: np.ndarray, window_length: int, horizon: int) -> None:
    """Refuse a series without one whole window and its targets."""
    n_rows, n_features = X.shape
    needed = window_length + horizon
    if n_rows < needed:
        raise ValueError(
            f"X has too few rows: window_length={window_length} and horizon={horizon} "
            f"need at least {needed}, got n_samples={n_rows}, n_features={n_features}. "
            "Give more rows, or a smaller window_length or horizon."
        )


def check_columns(name: str, columns, names: Sequence[str] | None, n_columns: int):
    """Column indices from names or indices.

    Parameters
    ----------
    name : str
        The parameter they come from, for the error.
    columns : int, str, sequence of them, or None
    names : sequence of str or None
        The columns' names, if they have any.
    n_columns : int

    Returns
    -------
    indices : ndarray of int
    """
    if columns is None:
        return np.array([], dtype=int)
    if isinstance(columns, str | Integral):
        columns = [columns]
    indices = []
    for column in columns:
        if isinstance(column, str):
            if names is None:
                raise ValueError(
                    f"{name}={column!r} is a column's name, but X has no column names. "
                    "Pass X as a DataFrame, or the column's index."
                )
            if column not in names:
                raise ValueError(
                    f"{name}={column!r} is not a column of X, which has {list(names)}."
                )
            indices.append(list(names).index(column))
        elif isinstance(column, Integral) and not isinstance(column, bool):
            if not -n_columns <= int(column) < n_columns:
                raise ValueError(
                    f"{name}={column} is out of range: X has {n_columns} columns."
                )
            indices.append(int(column) % n_columns)
        else:
            raise ValueError(
                f"{name} must hold columns' names or indices, got {column!r}."
            )
    if len(set(indices)) < len(indices):
        raise ValueError(f"{name} names a column twice: {columns!r}.")
    return np.array(indices, dtype=int)


def check_quantiles(quantiles) -> tuple[float, ...]:
    """Quantiles in rising order, the median among them; only that of None."""
    if quantiles is None:
        return (0.5,)
    values = tuple(quantiles)
    if not (
        all(isinstance(q, Real) and 0 < float(q) < 1 for q in values)
        and len(set(values)) == len(values) > 1
        and 0.5 in values
    ):
        raise ValueError(
            "quantiles must be different numbers between 0 and 1, 0.5 among them, as "
            f"(0.1, 0.5, 0.9), got {quantiles!r}."
        )
    return tuple(sorted(float(q) for q in values))


def check_units(units) -> tuple[int, ...]:
    """Units of each layer as a tuple."""
    layers = (units,) if isinstance(units, Integral) else tuple(units)
    if not layers or not all(isinstance(n, Integral) and int(n) >= 1 for n in layers):
        raise ValueError(
            "units must be an integer, or one integer from 1 for each recurrent layer "
            f"as a tuple, got {units!r}."
        )
    return tuple(int(n) for n in layers)


def check_sequences(estimator, X, *, tokens: bool, reset: bool) -> Sequences:
    """Check sequences, of equal or of unequal lengths.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_``, ``n_channels_`` and, for a frame,
        ``feature_names_in_`` are set, or compared.
    X : array-like of shape (n, T) or (n, T, C), or list of (T_i,) or (T_i, C)
    tokens : bool
        Whether the sequences hold token ids, of which 0 pads.
    reset : bool
        Whether to set the features or to compare with those set before.

    Returns
    -------
    sequences : Sequences
        Of numbers; or of tokens, the padding taken out.
    """
    if hasattr(X, "to_numpy") and getattr(X, "ndim", 2) == 1:
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "OUS":
        X = list(X)
    if reset:
        # Only a frame names its steps; those of an earlier fit are gone.
        vars(estimator).pop("feature_names_in_", None)
    if isinstance(X, list | tuple) and not len(X):
        raise ValueError(
            "X holds no sequence (0 sample(s)): pass a list with an array of shape "
            "(n_steps, n_channels) for each, or an array."
        )
    _check_levels(estimator, X)
    _refuse_cells(estimator, X)
    _check_channel_names(estimator, X, reset)
    if isinstance(X, list | tuple) and any(np.iterable(x) for x in X):
        sequences = check_listed(X)
        n_features = _count_features(sequences, tokens)
    else:
        sequences, n_features = _check_stacked(estimator, X, tokens, reset)
    n_channels = sequences.rows.shape[1]
    if tokens and n_channels > 1:
        raise ValueError(
            "X must hold one token a step where embedding_dim is set, got "
            f"{n_channels} values a step."
        )
    if reset:
        estimator.n_features_in_ = n_features
        estimator.n_channels_ = n_channels
    elif n_channels != estimator.n_channels_:
        raise ValueError(
            f"X has {n_channels} channel(s), but {type(estimator).__name__} was fitted "
            f"with {estimator.n_channels_}. A 2-D X holds one channel: several need "
            "shape (n_sequences, n_steps, n_channels)."
        )
    return _as_tokens(sequences) if tokens else sequences


def _refuse_cells(estimator, X) -> None:
    """Refuse texts, and frames with a whole series in each cell."""
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
            f"X holds text, and {name} reads numbers. Put a tokenizer in front of it, "
            "and give it a list or one column of texts: "
            f"make_pipeline(SequenceTokenizer(), {name}(embedding_dim=32))."
        )
    if nested and any(
        np.iterable(cell) and not isinstance(cell, Mapping) for cell in cells
    ):
        raise ValueError(
            "X holds a series in each cell. Make each row an array of shape (n_steps, "
            "n_channels): [np.column_stack(row) for row in X.to_numpy()]."
        )


def _check_levels(estimator, X) -> None:
    """Refuse a frame of steps in time, and warn of one that may hold steps in rows."""
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
    warnings.warn(
        f"X has an index of {index.nlevels} levels, and each of its {len(X)} rows is a "
        f"sequence of its own to {name}. If they are steps of "
        "longer sequences, make a list: [rows.to_numpy() for _, rows in "
        "X.groupby(level=0)]; if not, X.reset_index(drop=True) says so.",
        UserWarning,
        stacklevel=2,
    )


def _check_channel_names(estimator, X, reset: bool) -> None:
    """Refuse frames of a list whose columns are others than in fit, or elsewhere."""
    frames = X if isinstance(X, list | tuple) else []
    named = [
        (i, list(x.columns)) for i, x in enumerate(frames) if hasattr(x, "columns")
    ]
    if reset:
        estimator._channel_names = named[0][1] if named else None
    if not named or estimator._channel_names is None:
        return
    for i, names in named:
        if names != estimator._channel_names:
            raise ValueError(
                f"X[{i}] must have the columns {estimator._channel_names}, as in fit "
                f"and in this order, got {names}. Pass X[{i}][columns]."
            )


def _count_features(sequences, tokens):
    """Columns of the 2-D array that the sequences would fill, or else channels."""
    n_channels, lengths = sequences.rows.shape[1], sequences.lengths
    if tokens or n_channels > 1 or (lengths != lengths[0]).any():
        return n_channels
    return int(lengths[0])


def check_listed(X) -> Sequences:
    """Check a list of sequences of any lengths."""
    arrays = []
    for i, x in enumerate(X):
        try:
            array = np.asarray(x)
            if array.dtype.kind in "cUS":
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
    finite = np.isfinite(sequences.rows).all(axis=1)
    if not finite.all():
        i, row = sequences.locate(~finite)
        raise ValueError(
            f"Input X contains NaN or infinity: X[{i}], step "
            f"{row - sequences.starts[i]}. Fill it, or leave the step out."
        )
    return sequences


def _check_stacked(estimator, X, tokens, reset) -> tuple[Sequences, int]:
    """Check an array of sequences of one length; also the number of its features."""
    if getattr(X, "ndim", 2) > 2:
        X = check_array(
            X, dtype=np.float64, allow_nd=True, input_name="X", estimator=estimator
        )
        if X.ndim > 3:
            raise ValueError(
                "X must have shape (n_sequences, n_steps) or (n_sequences, n_steps, "
                f"n_channels), got {X.shape}."
            )
        n_features = X.shape[2]
    elif not tokens and (
        reset or estimator.n_channels_ == 1 < estimator.n_features_in_
    ):
        X = validate_data(estimator, X, dtype=np.float64, reset=reset)
        n_features = X.shape[1]
    else:
        X = check_array(X, dtype=np.float64, input_name="X", estimator=estimator)
        n_features = 1
    n_sequences, n_steps = X.shape[:2]
    if not n_steps or not n_features:
        raise ValueError(
            f"X[0] is empty: X has shape {X.shape}, and every sequence needs at least "
            "one step of one channel."
        )
    rows = X.reshape(n_sequences * n_steps, -1)
    return Sequences(rows, np.full(n_sequences, n_steps)), n_features


def _as_tokens(sequences: Sequences) -> Sequences:
    """Token ids without the zeros that pad them."""
    tokens = sequences.rows[:, 0]
    largest = np.iinfo(np.int32).max
    wrong = (tokens < 0) | (tokens > largest) | (tokens != np.floor(tokens))
    if wrong.any():
        i, row = sequences.locate(wrong)
        raise ValueError(
            "X must hold token ids, integers from 0 (which pads) to "
            f"{largest}, where embedding_dim is set, got {tokens[row]:g} in X[{i}]."
        )
    kept = tokens > 0
    lengths = np.add.reduceat(kept.astype(int), sequences.starts)
    if not lengths.all():
        raise ValueError(
            f"X[{int(np.argmin(lengths))}] is empty: it holds nothing but 0, which "
            "pads. Every sequence needs at least one token."
        )
    return Sequences(tokens[kept].astype(np.int32), lengths)


def check_vocabulary(sequences: Sequences, n_tokens: int) -> None:
    """Refuse tokens that the network has no vector for."""
    unknown = sequences.rows >= n_tokens
    if unknown.any():
        i, row = sequences.locate(unknown)
        raise ValueError(
            f"X[{i}] holds the token id {sequences.rows[row]}, but ids must be below "
            f"{n_tokens}, the "
            "size of the vocabulary (by default one more than the largest id in fit). "
            "Map rare tokens to one id for the unknown, as SequenceTokenizer does, or "
            "set vocabulary_size."
        )


def check_texts(texts, name: str) -> list[str]:
    """Check texts.

    Parameters
    ----------
    texts : iterable of str
    name : str
        Of the parameter, for the error.

    Returns
    -------
    texts : list of str
    """
    wrong_kind = isinstance(texts, Mapping | bytes) or getattr(texts, "ndim", 1) != 1
    if not np.iterable(texts) or wrong_kind:
        raise ValueError(
            f"{name} must be an iterable of texts, as a list or one column of a frame, "
            f"got {type(texts).__name__}."
        )
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"{name} must hold texts (str), got {text!r} of type "
                f"{type(text).__name__} in {name}[{i}]. Decode bytes, and fill or "
                "leave out what is missing."
            )
    return texts


def check_token_sequences(X) -> list[list]:
    """Check sequences of tokens, each an integer or a text.

    Parameters
    ----------
    X : iterable of sequences of int or str

    Returns
    -------
    sequences : list of lists
        Of Python's own int, or of str.
    """
    if isinstance(X, str | bytes | Mapping) or not np.iterable(X):
        raise ValueError(
            "X must be a list of sequences of tokens, got "
            f"{type(X).__name__}. Pass several, each a list of int or str: "
            "[[3, 5, 5], [3, 6]]."
        )
    sequences = [_check_tokens(tokens, i) for i, tokens in enumerate(X)]
    if not sequences:
        raise ValueError("X must hold at least one sequence, got none.")
    return sequences


def _check_tokens(tokens, i: int) -> list:
    if isinstance(tokens, str | bytes) or np.ndim(tokens) != 1:
        raise ValueError(
            f"X[{i}] must be a sequence of tokens, each an int or a str, got "
            f"{tokens!r}. Split text into tokens; one sequence alone goes in a list."
        )
    if not len(tokens):
        raise ValueError(
            f"X[{i}] is empty: every sequence needs at least one token. Leave it out."
        )
    tokens = np.asarray(tokens, dtype=object).tolist()
    for k, token in enumerate(tokens):
        if not isinstance(token, Integral | str) or isinstance(token, bool):
            raise ValueError(
                f"X[{i}][{k}] must be a token, an int or a str, got {token!r}."
            )
    return [token if isinstance(token, str) else int(token) for token in tokens]


def check_labels(estimator, y, n_sequences: int) -> np.ndarray:
    """Check the classes of sequences.

    Parameters
    ----------
    estimator : estimator
    y : array-like of shape (n_sequences,)
    n_sequences : int

    Returns
    -------
    y : ndarray of shape (n_sequences,)
    """
    _require(estimator, y)
    labels = y if isinstance(y, list | tuple) else np.asarray(y).ravel()
    if len({isinstance(label, str) for label in labels}) > 1:
        kinds = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"y holds labels of mixed types: {', '.join(kinds)}. Make all of them "
            "text, or all of them numbers."
        )
    y = column_or_1d(y, warn=True)
    if y.dtype.kind in "fc" or y.dtype == object:
        assert_all_finite(y, input_name="y", estimator_name=type(estimator).__name__)
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}. y must hold one class for each sequence; for "
            "continuous targets take RNNRegressor."
        )
    _check_as_many(y, n_sequences)
    return y


def check_targets(estimator, y, n_sequences: int) -> np.ndarray:
    """Check the continuous targets of sequences: (n_sequences,) or (n_sequences, k)."""
    _require(estimator, y)
    y = check_array(
        y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=estimator
    )
    if y.ndim > 2:
        raise ValueError(
            "y must have shape (n_sequences,) or (n_sequences, n_targets), got "
            f"{y.shape}."
        )
    _check_as_many(y, n_sequences)
    return y


def _require(estimator, y):
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )


def _check_as_many(y, n_sequences):
    if len(y) != n_sequences:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[n_sequences, len(y)]} (sequences in X, targets in y). Each row of a "
            "frame or 2-D array is a sequence; of one with a row for each step make a "
            "list: [rows.to_numpy() for _, rows in X.groupby(...)]."
        )
