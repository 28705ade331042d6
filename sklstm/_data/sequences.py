"""Sequences of equal or unequal length: checks and ragged storage."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import (
    check_array,
    validate_data,
)

from sklstm._data.time_index import (
    index_of,
    is_time,
)


@dataclass(frozen=True)
class Sequences:
    """Sequences of any lengths, one after the other in one array."""

    rows: np.ndarray  # (n_rows, n_channels), or (n_rows,) tokens
    lengths: np.ndarray  # (n_sequences,), each at least 1

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def starts(self) -> np.ndarray:
        """The first row of each sequence."""
        return np.cumsum(self.lengths) - self.lengths

    def locate(self, marked: np.ndarray) -> tuple[int, int]:
        """The first marked row, and before it the index of its sequence."""
        row = int(np.argmax(marked))
        return int(np.searchsorted(np.cumsum(self.lengths), row, side="right")), row


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
        sequences = check_list_of_sequences(X)
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


def check_list_of_sequences(X) -> Sequences:
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
