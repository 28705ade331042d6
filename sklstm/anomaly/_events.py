"""Anomaly detection in sequences of events, by a language model of their tokens."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklstm._core import params
from sklstm._core.attribution import Attribution, check_places
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.language_model import Corpus, LanguageModel
from sklstm._core.seeds import RandomState, draw_seeds
from sklstm._core.vocabulary import Vocabulary
from sklstm._data.tokens import check_token_sequences
from sklstm._sklearn import Interval, StrOptions, fit_context
from sklstm.anomaly._threshold import CONTAMINATION, ThresholdMixin, find_offset


class SequenceAnomalyDetector(ThresholdMixin, LanguageModel):
    """Detect anomalous sequences of events by a language model.

    A recurrent language model is trained on normal sequences of tokens (system calls,
    keys of log lines, clicks): it predicts the probability of each token given all
    tokens before it [1]_. The score of a sequence aggregates the log-likelihoods of its
    tokens; a sequence with a low score is an outlier.

    Parameters
    ----------
    contamination : "auto" or float, default="auto"
        How to set the threshold. "auto": a fraction ``validation_split`` of the
        sequences, drawn at random by ``random_state``, is held out from training, and
        the lowest of their scores is the threshold. A float, at most 0.5: fraction of
        the sequences in fit that score below the threshold.
    aggregate : {"mean", "median", "worst_window", "min"}, default="mean"
        How the log-likelihoods of the tokens are aggregated to the score of a sequence.
        "worst_window" is the lowest mean over ``aggregate_length`` consecutive tokens.
    aggregate_length : int, default=50
        Number of tokens in a window of "worst_window".
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory, gated recurrent unit, or the simple
        (Elman) RNN cell.
    units : int or tuple of int, default=128
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    embedding_dim : int, default=32
        Size of the learned embedding of a token.
    dropout : float, default=0.5
        Fraction of each recurrent layer's outputs to drop during training.
    window_length : int, default=100
        Number of tokens through which training backpropagates (truncated
        backpropagation through time). The hidden state is carried over from window to
        window of a sequence.
    min_count : int, default=1
        Minimum number of occurrences of a token in training. Rarer tokens are replaced
        by the unknown token. If training has none, one token in a hundred is replaced
        at random, so that unseen tokens have a probability.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=3e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    epochs : int or "auto", default="auto"
        Number of passes over the sequences. "auto" chooses the smallest number that
        takes at least 3000 optimizer steps.
    batch_size : int, default=16
        Maximum number of streams of sequences that are read in parallel; an optimizer
        step reads one window of each.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on held-out tokens, the tail of the training
        sequences, has not decreased for ``patience`` epochs, and to restore the weights
        of the best epoch. "refit" then trains again on all training sequences for the
        best number of epochs.
    validation_split : float, default=0.1
        Fraction of the sequences to hold out for the threshold "auto"; also the
        fraction of the tokens of the training sequences to hold out for early stopping.
    patience : int, default=3
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each epoch.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit; the vocabulary must be
        the same.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    offset_ : float
        Threshold: sequences with a lower score are outliers. It belongs to the
        ``aggregate`` with which the detector was fitted.
    vocabulary_ : dict of int or str to int
        Id of each known token, from 2; unknown tokens have the id 1.
    history_ : dict of list of float
        Training loss of each epoch in nats per token, "loss", and with early stopping
        the validation loss, "val_loss".
    n_iter_ : int
        Number of epochs trained.
    window_length_ : int
        Window length used in training: that of the longest sequence if all sequences
        together have fewer than ``window_length`` tokens, else ``window_length``.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``.
    network_ : keras.Model
        Network, built from the weights at each access, with the same inputs and outputs
        as that of `CharLSTMGenerator`.

    See Also
    --------
    sklstm.CharLSTMGenerator : Language model of text, to score and to generate it.

    Notes
    -----
    The default ``dropout`` is high because an overfitted model assigns a low likelihood
    to normal sequences that were not in the training data.

    References
    ----------
    .. [1] Kim et al. (2016), "LSTM-based system-call language modeling and robust
       ensemble method for designing host-based intrusion detection systems",
       arXiv:1611.01726.

    Examples
    --------
    >>> from sklstm import SequenceAnomalyDetector
    >>> normal = [["open", *["read", "write"] * n, "close"] for n in range(1, 9)] * 5
    >>> detector = SequenceAnomalyDetector(units=16, epochs=60, random_state=0)
    >>> detector = detector.fit(normal)
    >>> attack = ["open", "read", "unlink", "read", "unlink", "close"]
    >>> detector.predict([normal[2], attack])
    array([ 1, -1])
    """

    _auto_steps = 3000

    _parameter_constraints: dict = {
        "contamination": CONTAMINATION,
        "aggregate": [StrOptions({"mean", "median", "worst_window", "min"})],
        "aggregate_length": [Interval(Integral, 1, None, closed="left")],
        **params.LANGUAGE,
    }

    # Hyperparameters.
    contamination: float | Literal["auto"]
    aggregate: str
    aggregate_length: int
    embedding_dim: int
    window_length: int
    min_count: int

    def __init__(
        self,
        *,
        contamination: float | Literal["auto"] = "auto",
        aggregate: str = "mean",
        aggregate_length: int = 50,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 128,
        embedding_dim: int = 32,
        dropout: float = 0.5,
        window_length: int = 100,
        min_count: int = 1,
        optimizer: Any = "adam",
        learning_rate: float | None = 3e-3,
        learning_rate_schedule: str = "cosine",
        epochs: int | str = "auto",
        batch_size: int = 16,
        early_stopping: bool | str = False,
        validation_split: float = 0.1,
        patience: int = 3,
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ):
        self.contamination = contamination
        self.aggregate = aggregate
        self.aggregate_length = aggregate_length
        self.cell = cell
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.window_length = window_length
        self.min_count = min_count
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @property
    def vocabulary_(self) -> dict[int | str, int]:
        """Id of each known token."""
        check_is_fitted(self)
        ids = self._vocabulary.ids
        return {token: i for token, i in ids.items() if token is not None}

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the language model to normal sequences, and set the threshold.

        Parameters
        ----------
        X : list of sequences of int or str
            Sequences of tokens, of any lengths from 1.
        y : None
            Ignored.

        Returns
        -------
        self : SequenceAnomalyDetector
            Fitted detector.

        Raises
        ------
        ValueError
            If X or a parameter is not as described, or there are too few sequences to
            hold some out.
        FloatingPointError
            If training diverges.
        """
        sequences = check_token_sequences(X)
        previous = self._previous_fit()
        train, held_out = self._split_sequences(len(sequences))
        training_sequences = [sequences[i] for i in train]
        vocabulary = Vocabulary.learn(
            training_sequences, unknown_token=None, min_count=int(self.min_count)
        )
        if previous:
            vocabulary = self._reuse_vocabulary(vocabulary)
        self._vocabulary = vocabulary
        self._fit_network(
            Corpus(
                [vocabulary.encode(tokens) for tokens in training_sequences],
                len(vocabulary.tokens),
                learn_unknown=True,
            ),
            start=previous,
            fit_data=FitData(sequences, None),
            incremental=False,
        )
        if held_out is not None:
            sequences = [sequences[i] for i in held_out]
        scores = self._sequence_scores(sequences)
        self.offset_ = find_offset(self.contamination, scores)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Score sequences by the log-likelihood of their tokens; higher is more normal.

        Parameters
        ----------
        X : list of sequences of int or str
            Sequences of tokens.

        Returns
        -------
        scores : ndarray of shape (n_sequences,)
            ``aggregate`` of `token_scores`.
        """
        check_is_fitted(self)
        return self._sequence_scores(check_token_sequences(X))

    def token_scores(self, X: Any) -> list[np.ndarray]:
        """Compute the log-likelihood of each token given the tokens before it.

        Parameters
        ----------
        X : list of sequences of int or str
            Sequences of tokens.

        Returns
        -------
        log_likelihood : list of ndarray of shape (n_tokens,)
            Natural logarithms; low where a sequence is anomalous.
        """
        check_is_fitted(self)
        return self._token_scores(check_token_sequences(X))

    def running_scores(self, X: Any) -> list[np.ndarray]:
        """Score every beginning of the sequences, to see how early one is detected.

        Parameters
        ----------
        X : list of sequences of int or str
            Sequences of tokens.

        Returns
        -------
        scores : list of ndarray of shape (n_tokens,)
            For each token the score of the sequence up to and including it, as
            `score_samples` and `stream` compute it. The score minus ``offset_`` is
            negative for an outlier.
        """
        check_is_fitted(self)
        return self._running_scores(check_token_sequences(X))

    def stream(self) -> TokenStream:
        """Start a stream that scores one sequence token by token.

        Returns
        -------
        stream : TokenStream
            Empty stream, with the detector as it is now.
        """
        check_is_fitted(self)
        return TokenStream(self)

    def _attribute(self, X: Any, target: Any, steps: Any) -> Attribution:
        """Attribute the likelihood of tokens; called by `inspection.attribute`."""
        check_is_fitted(self)
        if target is not None:
            raise ValueError(
                "target is not used, because the likelihood of the token that occurs "
                f"is explained, got {target!r}. Choose it by steps."
            )
        sequences = check_token_sequences(X)
        lengths = np.array([len(tokens) for tokens in sequences])
        if steps is None:
            places = np.array([each.argmin() for each in self._token_scores(sequences)])
        else:
            places = check_places(steps, lengths)
        documents = [self._vocabulary.encode(tokens) for tokens in sequences]
        chosen = list(zip(documents, places, strict=True))
        tokens = np.empty(len(sequences), dtype=object)
        tokens[:] = [each[i] for each, i in zip(sequences, places, strict=True)]
        return self._attribute_next_tokens(
            [ids[:i] for ids, i in chosen],
            np.array([ids[i] for ids, i in chosen]),
            {"sequence": np.arange(len(sequences)), "at": places, "next": tokens},
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _split_sequences(
        self, n_sequences: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the indices of the sequences to train on and of those held out."""
        everything = np.arange(n_sequences)
        if self.contamination != "auto":
            return everything, None
        n_held_out = max(1, round(self.validation_split * n_sequences))
        if n_held_out >= n_sequences:
            raise ValueError(
                f'contamination="auto" holds {n_held_out} of the sequences out for the '
                f"threshold, but X has {n_sequences}. Pass more sequences, reduce "
                "validation_split, or set contamination to a fraction."
            )
        seed = draw_seeds(self.random_state).split
        order = np.random.default_rng(seed).permutation(n_sequences)
        return np.sort(order[n_held_out:]), order[:n_held_out]

    def _token_scores(self, sequences: list[list]) -> list[np.ndarray]:
        documents = [self._vocabulary.encode(tokens) for tokens in sequences]
        # The end is not scored, because a sequence may be incomplete.
        return [scores[:-1] for scores in self._token_log_likelihoods(documents)]

    def _sequence_scores(self, sequences: list[list]) -> np.ndarray:
        return np.array([scores[-1] for scores in self._running_scores(sequences)])

    def _running_scores(self, sequences: list[list]) -> list[np.ndarray]:
        aggregate = _running_aggregate(self.aggregate, self.aggregate_length)
        return [aggregate(scores) for scores in self._token_scores(sequences)]


class TokenStream:
    """Score of one sequence, updated token by token.

    Created by `sklstm.SequenceAnomalyDetector.stream`. Scores are those of
    `sklstm.SequenceAnomalyDetector.score_samples` for the tokens pushed so far. Later
    changes of the detector do not affect the stream.

    Parameters
    ----------
    detector : SequenceAnomalyDetector
        Fitted detector.

    Examples
    --------
    >>> from sklstm import SequenceAnomalyDetector
    >>> normal = [[3, *[1, 2] * n, 4] for n in range(1, 9)] * 5
    >>> detector = SequenceAnomalyDetector(units=16, epochs=60, random_state=0)
    >>> stream = detector.fit(normal).stream()
    >>> for token in [3, 1, 2, 7, 7, 7]:
    ...     log_likelihood = stream.push(token)
    >>> stream.decision < 0
    True
    """

    def __init__(self, detector: SequenceAnomalyDetector):
        # A copy, so that refitting the detector does not change a running stream.
        self._detector = copy(detector)
        self._state = self._detector._process_prompts([np.array([], int)])
        self._aggregate = _running_aggregate(
            detector.aggregate, detector.aggregate_length
        )
        self._scores: list[float] = []

    def push(self, token: int | str) -> float:
        """Score the next token and append it to the sequence.

        Parameters
        ----------
        token : int or str
            Next token.

        Returns
        -------
        log_likelihood : float
            Log-likelihood of the token given all tokens before it.
        """
        detector = self._detector
        (tokens,) = check_token_sequences([[token]])
        ids = detector._vocabulary.encode(tokens)
        log_p = log_softmax(self._state.logits[0].astype(np.float64))
        self._state = detector._advance(ids[None], self._state)
        self._scores.append(float(log_p[ids[0]]))
        return self._scores[-1]

    @property
    def score(self) -> float:
        """Score of the tokens pushed so far; higher is more normal."""
        if not self._scores:
            raise ValueError(
                "The stream has no score before its first token: call push() first."
            )
        return float(self._aggregate(np.array(self._scores))[-1])

    @property
    def decision(self) -> float:
        """Score minus the threshold of the detector; negative for an outlier.

        The threshold is that of complete sequences. With "worst_window" it holds from
        ``aggregate_length`` tokens on, from where the score can only decrease. With the
        other aggregates, the scores of short beginnings vary more than those of
        complete sequences.
        """
        return self.score - self._detector.offset_


def _running_aggregate(name: str, length: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from token scores to the scores of all beginnings."""
    by_name: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "worst_window": partial(_running_worst_window, length=int(length)),
        "mean": _running_mean,
        "median": lambda scores: pd.Series(scores).expanding().median().to_numpy(),
        "min": np.minimum.accumulate,
    }
    return by_name[name]


def _running_mean(scores: np.ndarray) -> np.ndarray:
    return np.cumsum(scores, dtype=np.float64) / np.arange(1, len(scores) + 1)


def _running_worst_window(scores: np.ndarray, length: int) -> np.ndarray:
    """Return the lowest mean of ``length`` consecutive scores up to each score.

    Before there are ``length`` scores, it is the mean of all.
    """
    sums = np.cumsum(np.append(0.0, scores))
    worst = np.minimum.accumulate((sums[length:] - sums[:-length]) / length)
    return np.append(_running_mean(scores[: length - 1]), worst)
