"""What a forecaster remembers of a series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from sklstm._frames import Labels
from sklstm._windows import SeriesScaling, WindowShape, count_windows
from sklstm.engine import WindowData


@dataclass(frozen=True)
class Past:
    """Rows of a series, in order, and its scales."""

    scaling: SeriesScaling
    X: np.ndarray  # (n_rows, n_features)
    Y: np.ndarray  # (n_rows, n_targets); NaN where nobody gave them
    weight: np.ndarray  # (n_rows,)
    labels: Labels

    def followed_by(self, X, Y, weight, labels: Labels) -> Past:
        """With further rows behind."""
        return replace(
            self,
            X=np.vstack([self.X, X]),
            Y=np.vstack([self.Y, Y]),
            weight=np.append(self.weight, weight),
            labels=labels,
        )

    def first(self, n_rows: int) -> Past:
        """Of the first rows only."""
        return replace(
            self, X=self.X[:n_rows], Y=self.Y[:n_rows], weight=self.weight[:n_rows]
        )

    def with_step_of(self, others: Iterable[Past]) -> Past:
        """With the step from label to label of others, if its own is not known."""
        steps = (past.labels.step for past in others)
        step = next((step for step in steps if step is not None), None)
        if not self.labels.has_index or self.labels.step is not None:
            return self
        return replace(self, labels=replace(self.labels, step=step))

    def last(self, n_rows: int) -> Past:
        """Of the last rows only, which are copied."""
        return replace(
            self,
            X=self.X[-n_rows:].copy(),
            Y=self.Y[-n_rows:].copy(),
            weight=self.weight[-n_rows:].copy(),
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


def fill_up(X, Y, weight, n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows with the first one repeated before it, of no weight, if they are too few."""
    n_lacking = max(n_rows - len(X), 0)
    return (
        np.vstack([np.repeat(X[:1], n_lacking, axis=0), X]),
        np.vstack([np.repeat(Y[:1], n_lacking, axis=0), Y]),
        np.append(np.zeros(n_lacking), weight),
    )
