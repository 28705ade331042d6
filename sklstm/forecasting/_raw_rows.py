"""Rows before the transformers of a pipeline: the last ones, and those to forecast."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from sklstm._data.panel import (
    Panel,
    SeriesInput,
    match_fitted_series,
    match_future_covariates,
    split_series,
)
from sklstm._data.time_index import TimeIndex, index_of
from sklstm._data.user_warnings import warn_user

Transform = Callable[[Any], Any]

# Numbers of earlier rows that transformers may read, in windows of the forecaster.
_CONTEXTS = (0, 1, 4, 16)
# Number of rows, and of series, on which the context is tested.
_N_TESTED_ROWS = 2
_N_TESTED_SERIES = 4


@dataclass(frozen=True)
class LastRows:
    """The last rows of a series, as they were passed to a pipeline."""

    rows: pd.DataFrame
    times: TimeIndex

    @classmethod
    def from_series(cls, series: SeriesInput, n_rows: int) -> LastRows:
        """Keep the last rows of a series."""
        times = TimeIndex.from_index(series.time_index)
        return cls(as_frame(series.X)[-n_rows:], times)

    def extended_by(self, series: SeriesInput, n_rows: int) -> LastRows:
        """Move on to the last of the rows that follow."""
        rows = _append(self.rows, as_frame(series.X))[-n_rows:]
        return LastRows(rows, self.times.extended_by(series.time_index))

    def next_index(self, X_future: Any, n_rows: int) -> pd.Index | None:
        """Return the labels of the next rows, if X_future has no comparable ones."""
        index = index_of(X_future)
        if self.times.can_compare(index):
            return index
        if not self.times.has_index:
            return None
        if self.times.step is None:
            raise ValueError(
                "the times of the rows to forecast are unknown, because the index of X "
                "is irregular. Pass X_future with the times of these rows as its index."
            )
        return self.times.next_index(n_rows)

    def last_value(self, label: Any) -> Any:
        """Return the last known value of a column; NaN if there is none."""
        known = self.rows[label].dropna()
        return known.iloc[-1] if len(known) else np.nan


@dataclass(frozen=True)
class RawRows:
    """What a pipeline remembers of the rows before its transformers.

    Parameters
    ----------
    panel : Panel or None
        Format of the series; None for a single one.
    series : tuple of LastRows
    examples : dict
        Two values of each column, different ones if possible; of static covariates
        and columns without values an empty tuple.
    is_frame : bool
        Whether the rows were passed as a frame.
    n_context : int
        Number of rows before a row that the transformers read.
    """

    panel: Panel | None
    series: tuple[LastRows, ...]
    examples: dict[Any, tuple]
    is_frame: bool
    n_context: int = 0

    @classmethod
    def from_fit(
        cls, X: Any, transform: Transform, window_length: int, *, has_future: bool
    ) -> RawRows:
        """Remember the rows of fit.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            A series, or a frame with an index of (series, time).
        transform : callable
            The fitted transformers.
        window_length : int
            Number of rows in a window of the forecaster.
        has_future : bool
            Whether the forecaster reads future covariates.
        """
        panel, inputs = split_series(X)
        n_context = _find_context(transform, X, window_length)
        return cls(
            panel,
            tuple(LastRows.from_series(each, max(n_context, 1)) for each in inputs),
            _example_values([as_frame(each.X) for each in inputs])
            if has_future
            else {},
            hasattr(X, "iloc"),
            n_context,
        )

    @property
    def _n_kept(self) -> int:
        """Number of rows of each series to remember."""
        return max(self.n_context, 1)

    def of_other_series(self, X: Any) -> RawRows:
        """Take the rows of other series instead."""
        panel, inputs = split_series(X)
        steps = [each.times for each in self.series]
        series = [LastRows.from_series(each, self._n_kept) for each in inputs]
        return replace(
            self,
            panel=panel,
            series=tuple(
                replace(each, times=each.times.with_step_of(*steps)) for each in series
            ),
        )

    def extended_by(self, X: Any, *, replaced: bool = False) -> RawRows:
        """Move on to the last of the rows that follow, or take others instead."""
        series = list(self.series)
        for position, each in match_fitted_series(X, fitted=self.panel).items():
            if replaced:
                rows = LastRows.from_series(each, self._n_kept)
                times = self.series[position].times.extended_by(each.time_index)
                series[position] = replace(rows, times=times)
            else:
                series[position] = series[position].extended_by(each, self._n_kept)
        return replace(self, series=tuple(series))

    def transform_next(self, transform: Transform, X: Any) -> Any:
        """Transform the rows that follow those remembered."""
        if not self.n_context or np.ndim(X) != 2:
            return transform(X)
        context, new = self._join([each.rows for each in self.series]), as_frame(X)
        if set(new.columns) != set(context.columns):
            raise ValueError(
                f"X must have the columns of fit, {list(context.columns)}, got "
                f"{list(new.columns)}."
            )
        joined = _append(context, new)
        return _last(transform(joined if self.is_frame else joined.to_numpy()), len(X))

    def future_covariates(
        self,
        transform: Transform,
        columns: np.ndarray,
        X_future: Any,
        steps: int,
    ) -> Any:
        """Transform future rows, in which only some columns are known.

        The unknown columns are filled in two ways. Where both give the same future
        covariates, these do not depend on the unknown columns.

        Parameters
        ----------
        transform : callable
            The fitted transformers.
        columns : ndarray of int
            The future covariates among the transformed columns.
        X_future : array-like of shape (n_rows, n_known), frame as X, or None
            Raw rows; a frame may hold some of the columns only. A column without any
            value is unknown.
        steps : int
            Number of rows, if X_future is None.

        Returns
        -------
        future : DataFrame of shape (n_rows, n_future)
            Or an array of this shape, if the rows have no index.
        """
        futures = match_future_covariates(X_future, self.panel)
        known = [self._known_columns(future) for future in futures]
        unknown = [
            label
            for label in self.examples
            if any(each is None or label not in each.columns for each in known)
        ]

        def make(changed: Collection) -> Any:
            parts, lengths = [], []
            for last, each, future in zip(self.series, known, futures, strict=True):
                n_rows = steps if each is None else len(each)
                index = last.next_index(future, n_rows)
                rows = self._fill(last, each, index, n_rows, changed)
                parts.append(_append(last.rows, rows))
                lengths.append(n_rows)
            joined = self._join(parts)
            transformed = transform(joined if self.is_frame else joined.to_numpy())
            ends = np.cumsum([len(part) for part in parts])
            positions = np.concatenate(
                [np.arange(e - n, e) for e, n in zip(ends, lengths, strict=True)]
            )
            if not hasattr(transformed, "iloc"):
                transformed = pd.DataFrame(np.asarray(transformed), joined.index)
            return transformed.iloc[positions, columns]

        future = make(())
        if not _same(future, make(unknown)):
            needed = [label for label in unknown if not _same(future, make([label]))]
            changed = make(unknown)
            names = [
                name
                for i, name in enumerate(future.columns)
                if not _same(future.iloc[:, [i]], changed.iloc[:, [i]])
            ]
            raise ValueError(
                f"the future covariates {names} depend on the columns {needed} of X, "
                "whose values in the rows to forecast are unknown. Pass X_future with "
                "values of these columns, in the units of X; or leave the covariates "
                "out of known_future and fit again."
            )
        has_index = all(each.times.has_index for each in self.series)
        return future if has_index else future.to_numpy()

    def _known_columns(self, X_future: Any) -> pd.DataFrame | None:
        """Return the columns of future rows that hold values."""
        if X_future is None:
            return None
        labels = list(self.examples)
        if hasattr(X_future, "columns"):
            frame = as_frame(X_future)
            if not self.is_frame and len(frame.columns) == len(labels):
                frame = frame.set_axis(labels, axis=1)
        else:
            values = np.asarray(X_future)
            if values.ndim != 2 or values.shape[1] != len(labels):
                raise ValueError(
                    f"X_future must have the {len(labels)} columns of X, because the "
                    f"pipeline transforms them, got shape {values.shape}. Columns "
                    "whose future is unknown may be NaN. A frame may hold the known "
                    "columns only, with the labels of X."
                )
            frame = pd.DataFrame(values, columns=labels)
        known = [
            label
            for label in labels
            if label in frame.columns and frame[label].notna().any()
        ]
        if len(frame.columns) and not len(frame.columns.intersection(labels)):
            raise ValueError(
                "X_future has none of the columns of X before the pipeline, "
                f"{labels}, but {list(frame.columns)}. Pass those whose future is "
                "known, as they were in fit."
            )
        return frame[known]

    def _fill(
        self,
        last: LastRows,
        known: pd.DataFrame | None,
        index: pd.Index | None,
        n_rows: int,
        changed: Collection,
    ) -> pd.DataFrame:
        """Make future rows; the columns that are not known repeat the last value.

        In the columns ``changed`` they repeat another value.
        """
        filled = {}
        for label, examples in self.examples.items():
            if known is not None and label in known.columns:
                filled[label] = known[label].array
                continue
            value = last.last_value(label)
            if examples and label in changed:
                value = examples[1] if value == examples[0] else examples[0]
            dtype = last.rows[label].dtype
            if np.ndim(value) == 0 and pd.isna(value) and dtype.kind in "iub":
                dtype = None
            filled[label] = pd.Series([value] * n_rows, dtype=dtype).array
        return pd.DataFrame(filled, index)

    def _join(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """Join the rows of all series, in the format of X."""
        return frames[0] if self.panel is None else self.panel.concat(frames)


def as_frame(X: Any) -> pd.DataFrame:
    """Return rows as a frame, with numbered columns if they have no labels."""
    if hasattr(X, "iloc"):
        return X
    if hasattr(X, "columns"):
        return pd.DataFrame({name: X[name].to_numpy() for name in X.columns})
    return pd.DataFrame(np.asarray(X))


def _append(rows: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Append rows; categorical columns stay so, with the new categories."""
    for label in rows.columns.intersection(new.columns):
        dtype = rows[label].dtype
        if isinstance(dtype, pd.CategoricalDtype) and new[label].dtype != dtype:
            found = pd.Index(new[label].dropna().unique())
            categories = dtype.categories.append(found.difference(dtype.categories))
            dtype = pd.CategoricalDtype(categories, dtype.ordered)
            rows = rows.assign(**{label: rows[label].astype(dtype)})
            new = new.assign(**{label: new[label].astype(dtype)})
    return pd.concat([rows, new], ignore_index=rows.index.nlevels != new.index.nlevels)


def _example_values(frames: list[pd.DataFrame]) -> dict[Any, tuple]:
    """Return two values of each column of several series; none of static covariates."""
    examples = {}
    for label in frames[0].columns:
        columns = [frame[label] for frame in frames]
        is_static = len(columns) > 1 and all(
            column.nunique(dropna=False) == 1 for column in columns
        )
        # A static covariate stays as it is.
        examples[label] = () if is_static else _two_values(pd.concat(columns))
    return examples


def _two_values(column: pd.Series) -> tuple:
    """Return two values of a column, different ones if possible; none if all miss."""
    known = column.dropna()
    if not len(known):
        return ()
    numeric = is_numeric_dtype(known) and not is_bool_dtype(known)
    if not (numeric or is_datetime64_any_dtype(known)):
        values = list(known.unique()[:2])
        return values[0], values[-1]
    low, high = known.min(), known.max()
    if low == high:
        high = low + (1 if numeric else pd.Timedelta(days=1))
    return low, high


def _last(transformed: Any, n_rows: int) -> Any:
    if hasattr(transformed, "iloc"):
        return transformed.iloc[-n_rows:]
    return transformed[-n_rows:]


def _same(table: Any, other: Any) -> bool:
    """Return whether transformed rows are equal, up to rounding."""
    table, other = as_frame(table), as_frame(other)
    if table.shape != other.shape:
        return False
    for i in range(table.shape[1]):
        a, b = table.iloc[:, i], other.iloc[:, i]
        if is_numeric_dtype(a) and is_numeric_dtype(b):
            x, z = a.to_numpy(float), b.to_numpy(float)
            size = np.nanmax(np.abs(x), initial=0.0)
            if not np.allclose(x, z, atol=1e-6 * size, equal_nan=True):
                return False
        elif not all(
            u == v or (pd.isna(u) and pd.isna(v)) for u, v in zip(a, b, strict=True)
        ):
            return False
    return True


def _find_context(transform: Transform, X: Any, window_length: int) -> int:
    """Find how many earlier rows transformers read, and warn if they read later ones.

    Parameters
    ----------
    transform : callable
    X : array-like of shape (n_rows, n_columns)
        A series, or a frame with an index of (series, time).
    window_length : int
        Number of rows in a window of the forecaster.

    Returns
    -------
    n_context : int
    """
    panel, inputs = split_series(X)
    longest = 2 * _CONTEXTS[-1] * window_length + _N_TESTED_ROWS
    n_series = 1 if panel is None or panel.names is None else _N_TESTED_SERIES
    tails = [series.X[-longest:] for series in inputs[:n_series]]

    def transform_slices(first: int | None, last: int | None) -> list[pd.DataFrame]:
        parts = [tail[first:last] for tail in tails]
        joined = parts[0]
        if panel is not None and panel.names is not None:
            names = panel.names[: len(parts)]
            joined = pd.concat(parts, keys=names, names=panel.levels)
        transformed = as_frame(transform(joined))
        ends = np.cumsum([len(part) for part in parts])
        return [
            transformed[end - len(part) : end]
            for end, part in zip(ends, parts, strict=True)
        ]

    whole = transform_slices(None, None)
    n_half = min(map(len, tails)) // 2
    if n_half:
        halves = transform_slices(None, n_half)
        if not all(_same(a, b[:n_half]) for a, b in zip(halves, whole, strict=True)):
            warn_user(
                "the steps before the forecaster compute rows from later rows, which "
                "are unknown when it forecasts: the history in fit differs from that "
                "in forecasts, and scores of a validation can be too good. Use steps "
                "that read a row and earlier ones only."
            )
    tested = [each[-_N_TESTED_ROWS:] for each in whole]
    for n_windows in _CONTEXTS:
        n_rows = n_windows * window_length
        try:
            found = transform_slices(-(n_rows + _N_TESTED_ROWS), None)
        except Exception:  # of any library: so few rows are refused
            continue
        found = [each[-_N_TESTED_ROWS:] for each in found]
        if all(_same(a, b) for a, b in zip(found, tested, strict=True)):
            return n_rows
    warn_user(
        f"the steps before the forecaster read more than {n_rows} rows before a row: "
        f"new rows are transformed together with the last {2 * n_rows} only. Use steps "
        "with a fixed memory, such as a rolling mean instead of a cumulative one."
    )
    return 2 * n_rows
