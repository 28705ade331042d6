"""What to build and how to train it, as plain frozen values.

A specification is hashable, so it is the key under which a compiled program is
kept; and it knows neither Keras nor TensorFlow, so it is cheap to make and pickle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

# Token ids: of what pads a sequence, and stands before and behind a document; and of
# tokens that are not known.
PADDING, UNKNOWN = 0, 1

# The logit of a token that cannot come: its probability is zero in any precision.
IMPOSSIBLE_LOGIT = -1e9

# A stream of text has at least so many windows, so that state is carried along a short
# text too, and an epoch is more than a step or two of the optimizer.
MIN_WINDOWS_PER_STREAM = 8


Weights = tuple[np.ndarray, ...]


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
    n_target_columns : int
        Number of targets whose own past is among the columns.
    n_future_columns : int
        Number of columns that may be read at the forecast rows.
    patch_length : int
        Rows folded into one recurrent step; divides ``window_length``.
    linear_skip : bool
        Whether linear maps from the own past, and from what is known ahead, to the
        horizon are added.
    n_quantiles : int
        Quantiles told of each value.
    """

    stack: RecurrentStack
    window_length: int
    horizon: int
    n_columns: int
    n_targets: int
    n_target_columns: int = 0
    n_future_columns: int = 0
    patch_length: int = 1
    linear_skip: bool = False
    n_quantiles: int = 1


@dataclass(frozen=True)
class EnsembleNetwork:
    """Several networks that were trained by themselves, answering together.

    Parameters
    ----------
    member : WindowNetwork
        Each of them.
    n_members : int
        How many.
    aggregate : {"median", "mean"}
        What of their answers is the common one.
    """

    member: WindowNetwork
    n_members: int
    aggregate: str


@dataclass(frozen=True)
class AutoencoderNetwork:
    """A network that writes a window of a series down in one state, and out again.

    The decoder has the encoder's layers in the opposite order, reads the last state
    of the encoder at each step, and gives the last row first.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers of the encoder.
    window_length : int
        Rows in a window.
    n_columns : int
        Columns of the series.
    """

    stack: RecurrentStack
    window_length: int
    n_columns: int


@dataclass(frozen=True)
class SequenceNetwork:
    """A network from a whole sequence to one answer.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers.
    n_columns : int
        Values that are read at each step; 1 for tokens.
    n_outputs : int
        Values of the answer.
    activation : str
        What turns the last layer's values into the answer.
    pooling : {"last", "mean", "max", "all"}
        How the states at all steps become one: "all" is the three of them.
    patch_length : int
        Steps of the sequence folded into one recurrent step.
    positional_encoding : int
        Waves over the sequence that tell each recurrent step where it stands.
    noise : float
        Standard deviation of the noise on the values in training.
    crop : float
        Largest share of the steps that is cut off in training.
    n_tokens : int
        Size of the vocabulary, 0 for padding included; 0 where no tokens are read.
    embedding_dim : int
        Length of the vector that stands for a token.
    """

    stack: RecurrentStack
    n_columns: int
    n_outputs: int
    activation: str = "linear"
    pooling: str = "all"
    patch_length: int = 1
    positional_encoding: int = 0
    noise: float = 0.0
    crop: float = 0.0
    n_tokens: int = 0
    embedding_dim: int = 0


@dataclass(frozen=True)
class LanguageNetwork:
    """A network from each token of a document to the one that follows.

    `PADDING` stands before and behind a document.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers, which read forwards.
    n_tokens : int
        Size of the vocabulary.
    embedding_dim : int
        Length of the vector that stands for a token.
    window_length : int
        Tokens through which training goes back in time.
    unknown_rate : float
        Share of the tokens that training takes for unknown.
    """

    stack: RecurrentStack
    n_tokens: int
    embedding_dim: int
    window_length: int
    unknown_rate: float = 0.0


class SampleSplit(NamedTuple):
    """Indices of the samples to train on, and of those to validate with."""

    train: np.ndarray
    validation: np.ndarray | None = None


@dataclass(frozen=True)
class NetworkState:
    """Weights of a network and, to continue training, the state of its optimizer."""

    weights: Weights
    optimizer_state: Weights | None = None


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training run.

    Parameters
    ----------
    epochs, batch_size : int
    seed : int
        Decides the order of the samples, dropout, noise and cropping.
    learning_rate : float, optional
        Replaces the optimizer's own.
    learning_rate_factors : sequence of float, optional
        Factor on the learning rate in each epoch.
    patience : int, optional
        Stop after this number of epochs without a lower validation loss, and return
        the weights of the best epoch.
    """

    epochs: int
    batch_size: int
    seed: int
    learning_rate: float | None = None
    learning_rate_factors: Sequence[float] | None = None
    patience: int | None = None

    def for_epochs(self, epochs: int) -> TrainingSettings:
        """Return the settings for a fixed number of epochs of the same schedule."""
        return replace(self, epochs=epochs, patience=None)


@dataclass(frozen=True)
class TrainingSpec:
    """The loss and the optimizer.

    Parameters
    ----------
    loss : str, tuple of float or callable
        A name or serialized configuration that Keras knows; the quantiles of a
        pinball loss; or a function of (y_true, y_pred) that keeps the batch and time
        axes.
    optimizer : str
        A name or serialized configuration that Keras knows.
    """

    loss: str | tuple[float, ...] | Callable
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

    @property
    def order(self) -> np.ndarray:
        """The samples in the order in which they are best run."""
        return np.arange(len(self.starts))

    @classmethod
    def join(cls, parts: Sequence[WindowData]) -> WindowData:
        """The windows of several series, with their targets, one after the other."""
        begins = np.cumsum([0] + [len(part.series) for part in parts[:-1]])
        targets = [part.targets for part in parts if part.targets is not None]
        weights = [part.weight for part in parts if part.weight is not None]
        return cls(
            np.concatenate([part.series for part in parts]),
            np.concatenate(
                [part.starts + begin for part, begin in zip(parts, begins, strict=True)]
            ),
            np.concatenate([part.level for part in parts]),
            np.concatenate([part.spread for part in parts]),
            np.concatenate(targets),
            np.concatenate(weights),
        )

    def take(self, windows: np.ndarray) -> WindowData:
        """The windows of the given indices."""
        return self._replace(
            starts=self.starts[windows],
            level=self.level[windows],
            spread=self.spread[windows],
        )


class ReconstructionData(NamedTuple):
    """A series and the windows of it that are to be given back.

    A sample is a window: the ``window_length`` rows from its start.
    """

    series: np.ndarray  # (n_rows, n_columns)
    starts: np.ndarray  # (n_windows,): first rows of the windows

    @property
    def order(self) -> np.ndarray:
        """The samples in the order in which they are best run."""
        return np.arange(len(self.starts))


class SequenceData(NamedTuple):
    """Sequences of any lengths, one after the other.

    A sample is a sequence: the ``lengths[i]`` rows from ``starts[i]``.
    """

    rows: np.ndarray  # (n_rows, n_columns), or (n_rows,) tokens
    starts: np.ndarray  # (n_sequences,)
    lengths: np.ndarray  # (n_sequences,)
    targets: np.ndarray | None = None  # (n_sequences, n_outputs), for training
    weight: np.ndarray | None = None  # (n_sequences,), for training

    @property
    def order(self) -> np.ndarray:
        """The samples by length, so that batches need little padding."""
        return np.argsort(self.lengths, kind="stable")


class TokenData(NamedTuple):
    """Documents of tokens, one after the other.

    A sample is a document, or a part of one: from each of the ``lengths[i]`` tokens
    from ``starts[i]`` the one behind it is told.
    """

    tokens: np.ndarray  # (n_tokens,)
    starts: np.ndarray  # (n_documents,)
    lengths: np.ndarray  # (n_documents,)


@dataclass(frozen=True)
class DecoderState:
    """Where a language network stands after what it has read of documents.

    Parameters
    ----------
    logits : ndarray of shape (n_documents, n_tokens)
        Of the next token, unnormalized.
    states : tuple of ndarray of shape (n_documents, size)
        Of the recurrent layers.
    """

    logits: np.ndarray
    states: tuple[np.ndarray, ...]

    @classmethod
    def join(cls, readings: Sequence[DecoderState]) -> DecoderState:
        """The readings of several groups of documents as one."""
        states = zip(*(reading.states for reading in readings), strict=True)
        return cls(
            np.concatenate([reading.logits for reading in readings]),
            tuple(np.concatenate(parts) for parts in states),
        )

    def take(self, documents) -> DecoderState:
        """The reading of some of the documents, by index or mask."""
        states = tuple(state[documents] for state in self.states)
        return DecoderState(self.logits[documents], states)


# What the engine can build, and what it can be trained on.
NetworkSpec = WindowNetwork | AutoencoderNetwork | SequenceNetwork | LanguageNetwork
SampleData = WindowData | ReconstructionData | SequenceData | TokenData
