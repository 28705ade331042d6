"""What to build and how to train it, as plain frozen values.

A specification is hashable, so it is the key under which a compiled program is
kept; and it knows neither Keras nor TensorFlow, so it is cheap to make and pickle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class RecurrentStack:
    """Recurrent layers on top of each other.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
        The kind of recurrent cell.
    units : tuple of int
        State size of each layer, from the input upwards.
    bidirectional : bool
        Whether each layer reads the sequence in both directions.
    dropout : float
        Share of each layer's outputs that is dropped in training.
    recurrent_dropout : float
        Share of the recurrent state that is dropped in training.
    """

    cell: str
    units: tuple[int, ...]
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0


@dataclass(frozen=True)
class WindowNetwork:
    """A network from a window of a series to the rows that follow it.

    The columns of the series come in this order: the targets' own pasts, other
    columns, columns whose future is known. Targets that have an own past come
    before those that have none.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers.
    window_length : int
        Rows in a window.
    horizon : int
        Rows forecast at once.
    n_columns : int
        Columns of the series.
    n_targets : int
        Values forecast per row.
    n_own : int
        Number of targets whose own past is among the columns.
    n_known : int
        Number of columns that may be read at the forecast rows.
    patch_length : int
        Rows folded into one recurrent step; divides ``window_length``.
    linear_skip : bool
        Whether a linear map from the own past to the horizon is added.
    """

    stack: RecurrentStack
    window_length: int
    horizon: int
    n_columns: int
    n_targets: int
    n_own: int = 0
    n_known: int = 0
    patch_length: int = 1
    linear_skip: bool = False


@dataclass(frozen=True)
class TrainingSpec:
    """The loss and the optimizer.

    Parameters
    ----------
    loss : str or callable
        A name or serialized configuration that Keras knows, or a function of
        (y_true, y_pred) that keeps the batch and time axes.
    optimizer : str
        A name or serialized configuration that Keras knows.
    """

    loss: str | Callable
    optimizer: str


class WindowData(NamedTuple):
    """A series and the windows to be cut from it.

    A sample is a window: the ``window_length`` rows from its start, and as targets
    the ``horizon`` rows after them. Its own pasts and targets are read minus its
    level and over its spread.
    """

    series: np.ndarray  # (n_rows, n_columns)
    starts: np.ndarray  # (n_windows,): first rows of the windows
    level: np.ndarray  # (n_windows, n_targets)
    spread: np.ndarray  # (n_windows, n_targets)
    targets: np.ndarray | None = None  # (n_rows, n_targets), for training
    weight: np.ndarray | None = None  # (n_rows,), for training
