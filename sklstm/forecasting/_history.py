"""What a forecaster remembers of a series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from sklstm._data.labels import Labels
from sklstm._data.scaling import is_constant
from sklstm._data.windows import count_windows
from sklstm.engine import WindowData
from sklstm.forecasting._windows import SeriesScaling, WindowShape

# How far y may be from what its column tells, as a share of its spread and size: far
# enough for the noise that is let pass where a column is named, and no other unit.
_UNIT_TOLERANCE = 0.1


@dataclass(frozen=True)
class History:
    """Rows of a series, in order, and its scales."""

    scaling: SeriesScaling
    X: np.ndarray  # (n_rows, n_features)
    Y: np.ndarray  # (n_rows, n_targets); NaN where nobody gave them
    weight: np.ndarray  # (n_rows,)
    labels: Labels

    def append(self, X, Y, weight, labels: Labels) -> History:
        """With further rows behind."""
        return replace(
            self,
            X=np.vstack([self.X, X]),
            Y=np.vstack([self.Y, Y]),
            weight=np.append(self.weight, weight),
            labels=labels,
        )

    def first(self, n_rows: int) -> History:
        """Of the first rows only."""
        return replace(
            self, X=self.X[:n_rows], Y=self.Y[:n_rows], weight=self.weight[:n_rows]
        )

    def with_step_from(self, others: Iterable[History]) -> History:
        """With the step from label to label of others, if its own is not known."""
        times = self.labels.times
        steps = (past.labels.times.step for past in others)
        step = next((step for step in steps if step is not None), None)
        if not times.has_index or times.step is not None:
            return self
        labels = replace(self.labels, times=replace(times, step=step))
        return replace(self, labels=labels)

    def last(self, n_rows: int) -> History:
        """Of the last rows only, which are copied."""
        return replace(
            self,
            X=self.X[-n_rows:].copy(),
            Y=self.Y[-n_rows:].copy(),
            weight=self.weight[-n_rows:].copy(),
        )

    def check_target_columns(self, X: np.ndarray, Y: np.ndarray) -> None:
        """Refuse targets that are not to their columns of X as those before were.

        Of a series that has not moved nobody knows how they are to them.
        """
        expected, own = (
            self.scaling.targets_from_columns(X),
            self.scaling.column_of_each_target(),
        )
        spread = self.Y.std(axis=0)
        off = np.abs(Y - expected)
        allowed = _UNIT_TOLERANCE * (spread + np.abs(expected))
        for i in np.flatnonzero((off > allowed).any(axis=0)):
            if is_constant(spread[i], self.Y[:, i].mean()):
                continue
            row = int(np.argmax(off[:, i] - allowed[:, i]))
            raise ValueError(
                f"y must be to column {own[i].column} of X as in fit, which held the "
                f"own past of the target, but in row {row} it is {Y[row, i]:.6g} where "
                f"{expected[row, i]:.6g} was to be expected. Pass both in the units of "
                "fit."
            )

    def windows(self, shape: WindowShape) -> WindowData:
        """All windows that have rows to be told behind them, with those as targets."""
        series = self.scaling.encode(self.X)
        n_windows = count_windows(len(series), shape.window_length, shape.horizon)
        starts = np.arange(n_windows)
        return WindowData(
            series,
            starts,
            *self.scaling.level_and_spread(series, shape.window_length, starts),
            self.scaling.encode_targets(self.Y),
            self.weight,
        )


def pad_left(X, Y, weight, n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows with the first one repeated before it, of no weight, if they are too few."""
    n_lacking = max(n_rows - len(X), 0)
    return (
        np.vstack([np.repeat(X[:1], n_lacking, axis=0), X]),
        np.vstack([np.repeat(Y[:1], n_lacking, axis=0), Y]),
        np.append(np.zeros(n_lacking), weight),
    )
