"""Data, settings and results of the engine: plain values, without Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from sklstm.engine.keras_objects import KerasObject

# Ids of two reserved tokens: the padding of a sequence, which is also the boundary
# before and after a document, and tokens outside the vocabulary.
PADDING, UNKNOWN = 0, 1

# The logit of a token that must never be predicted: its probability is zero in any
# precision.
IMPOSSIBLE_LOGIT = -1e9

# The linear maps of a forecast read the categories of a future covariate if it has at
# most this number of them: each takes as many weights as a covariate.
MAX_LINEAR_CATEGORIES = 16

# Minimum number of windows in a stream of text, so that state is carried along short
# texts too and an epoch is more than one or two optimizer steps.
MIN_WINDOWS_PER_STREAM = 8

Weights = tuple[np.ndarray, ...]

# Initial values of some of a network's variables, by their paths ("forecast/bias").
InitialValues = Mapping[str, np.ndarray]


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
        Seed of the order of the samples, dropout, noise and cropping.
    learning_rate : float, optional
        Replaces the optimizer's own.
    learning_rate_factors : sequence of float, optional
        Factor on the learning rate in each epoch.
    patience : int, optional
        Stop after this number of epochs without a lower validation loss, and return
        the weights of the best epoch.
    average_from : int, optional
        Epoch, counted from 0, from which on the weights are averaged over the optimizer
        steps, if the program averages weights. The result, and what is validated from
        then on, is the mean.
    """

    epochs: int
    batch_size: int
    seed: int
    learning_rate: float | None = None
    learning_rate_factors: Sequence[float] | None = None
    patience: int | None = None
    average_from: int | None = None

    def for_epochs(self, epochs: int) -> TrainingSettings:
        """Return the settings for a fixed number of epochs of the same schedule."""
        return replace(self, epochs=epochs, patience=None)


@dataclass(frozen=True)
class TrainingSpec:
    """The loss and the optimizer of a compiled program.

    Parameters
    ----------
    loss : str, KerasObject, tuple of float or callable
        A name that Keras knows; an object of Keras; the quantiles of a pinball loss; or
        a function of (y_true, y_pred) that keeps the batch and time axes.
    optimizer : str or KerasObject
        A name that Keras knows, or an object of Keras.
    weight_decay : float, optional
        Decoupled weight decay of an optimizer given by name, of all weights but biases;
        by default Keras' own.
    average_weights : bool
        Whether the program can average weights over the steps of training.
    """

    loss: str | KerasObject | tuple[float, ...] | Callable
    optimizer: str | KerasObject
    weight_decay: float | None = None
    average_weights: bool = False


class LinearMaps(NamedTuple):
    """Linear maps and intercepts that a forecasting network can start from.

    Its forecast of a target is then the sum of ``history`` applied to the normalised
    history of the target, ``covariates`` applied to the future covariates in the window
    and in the forecast rows, relative to the last row of the window, and ``intercept``.
    """

    history: np.ndarray  # (horizon, window_length), shared by the target columns
    covariates: np.ndarray  # (horizon, n_targets, n_changes)
    intercept: np.ndarray  # (horizon, n_targets, n_quantiles)


class Sampling(NamedTuple):
    """How the next token is drawn from its predicted distribution.

    Parameters
    ----------
    temperature : float
        Divides the logits.
    top_k : int
        Number of most probable tokens to draw from.
    top_p : float
        Of these, draw from the smallest number of tokens that have this probability
        in total (nucleus sampling).
    """

    temperature: float
    top_k: int
    top_p: float


class Adaptation(NamedTuple):
    """How a language network is adapted to a document while it reads it.

    Parameters
    ----------
    learning_rate : float
    decay : float
        Fraction of the way back to the fitted weights, in each step.
    segment_length : int
        Number of tokens in a step.
    """

    learning_rate: float
    decay: float
    segment_length: int


class ReadDocument(NamedTuple):
    """What a language network returns for each token of a document.

    Parameters
    ----------
    log_likelihood : ndarray of shape (n_tokens,)
        Natural logarithms.
    hidden : ndarray of shape (n_tokens, units)
        Outputs of the last recurrent layer from which each token was predicted.
    weights : Weights
        The network's at the end.
    """

    log_likelihood: np.ndarray
    hidden: np.ndarray
    weights: Weights


class WindowData(NamedTuple):
    """A series and the windows to be cut from it.

    A sample is a window: the ``window_length`` rows from its start, and as targets the
    ``horizon`` rows after them. Target columns and targets are normalised by the
    window's level and spread: ``(value - level) / spread``.
    """

    series: np.ndarray  # (n_rows, n_columns)
    starts: np.ndarray  # (n_windows,): first rows of the windows
    level: np.ndarray  # (n_windows, n_targets)
    spread: np.ndarray  # (n_windows, n_targets)
    targets: np.ndarray | None = None  # (n_rows, n_targets), for training
    weight: np.ndarray | None = None  # (n_rows,), for training
    # If values are missing: rows since the last and until the next observed value of a
    # series, 0 where it is observed or none came before. The series is filled by
    # interpolation, with zero where none came before. Unknown targets are NaN.
    since: np.ndarray | None = None  # (n_rows, n_columns)
    until: np.ndarray | None = None  # (n_rows, n_columns)

    @property
    def order(self) -> np.ndarray:
        """Order in which to run the samples."""
        return np.arange(len(self.starts))

    @classmethod
    def join(cls, parts: Sequence[WindowData]) -> WindowData:
        """Concatenate the windows of several series, with their targets."""
        offsets = np.cumsum([0] + [len(part.series) for part in parts[:-1]])
        targets = [part.targets for part in parts if part.targets is not None]
        weights = [part.weight for part in parts if part.weight is not None]
        since = until = None
        if any(part.since is not None for part in parts):
            complete = [np.zeros(part.series.shape, np.int32) for part in parts]
            since, until = (
                np.concatenate(
                    [
                        zeros if gaps is None else gaps
                        for zeros, gaps in zip(complete, distances, strict=True)
                    ]
                )
                for distances in zip(
                    *((part.since, part.until) for part in parts), strict=True
                )
            )
        return cls(
            np.concatenate([part.series for part in parts]),
            np.concatenate(
                [
                    part.starts + offset
                    for part, offset in zip(parts, offsets, strict=True)
                ]
            ),
            np.concatenate([part.level for part in parts]),
            np.concatenate([part.spread for part in parts]),
            np.concatenate(targets),
            np.concatenate(weights),
            since,
            until,
        )

    def take(self, windows: np.ndarray | slice) -> WindowData:
        """Select windows by index."""
        return self._replace(
            starts=self.starts[windows],
            level=self.level[windows],
            spread=self.spread[windows],
        )


class ReconstructionData(NamedTuple):
    """A series and the windows of it to be reconstructed.

    A sample is a window: the ``window_length`` rows from its start.
    """

    series: np.ndarray  # (n_rows, n_columns), and masks after the columns
    starts: np.ndarray  # (n_windows,): first rows of the windows
    # If values are missing: the columns with NaN, and the gaps as in `WindowData`.
    targets: np.ndarray | None = None  # (n_rows, n_columns)
    since: np.ndarray | None = None  # (n_rows, n_columns), and zeros for masks
    until: np.ndarray | None = None

    @property
    def order(self) -> np.ndarray:
        """Order in which to run the samples."""
        return np.arange(len(self.starts))


class SequenceData(NamedTuple):
    """Sequences of unequal lengths, concatenated.

    A sample is a sequence: the ``lengths[i]`` rows from ``starts[i]``.
    """

    rows: np.ndarray  # (n_rows, n_columns), or (n_rows,) tokens
    starts: np.ndarray  # (n_sequences,)
    lengths: np.ndarray  # (n_sequences,)
    targets: np.ndarray | None = None  # (n_sequences, n_outputs), for training
    weight: np.ndarray | None = None  # (n_sequences,), for training

    @property
    def order(self) -> np.ndarray:
        """Order in which to run the samples: by length, so there is less padding."""
        return np.argsort(self.lengths, kind="stable")


class TokenData(NamedTuple):
    """Documents of tokens, concatenated.

    A sample is a document or a part of one: for each of the ``lengths[i]`` tokens from
    ``starts[i]`` the next token is predicted.
    """

    tokens: np.ndarray  # (n_tokens,)
    starts: np.ndarray  # (n_documents,)
    lengths: np.ndarray  # (n_documents,)


SampleData = WindowData | ReconstructionData | SequenceData | TokenData


@dataclass(frozen=True)
class DecoderState:
    """State of a language network after the tokens read so far of each document.

    Parameters
    ----------
    logits : ndarray of shape (n_documents, n_tokens)
        Unnormalised log-probabilities of the next token.
    states : tuple of ndarray of shape (n_documents, size)
        States of the recurrent layers.
    """

    logits: np.ndarray
    states: tuple[np.ndarray, ...]

    @classmethod
    def join(cls, parts: Sequence[DecoderState]) -> DecoderState:
        """Concatenate the states of several groups of documents."""
        states = zip(*(part.states for part in parts), strict=True)
        return cls(
            np.concatenate([part.logits for part in parts]),
            tuple(np.concatenate(arrays) for arrays in states),
        )

    def take(self, documents: np.ndarray) -> DecoderState:
        """Select documents by index or mask."""
        states = tuple(state[documents] for state in self.states)
        return DecoderState(self.logits[documents], states)
