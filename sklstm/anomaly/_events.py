"""Anomaly detection in sequences of events (tokens)."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from sklearn.utils.validation import check_is_fitted

from sklstm._core import params
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.language_model import Corpus, LanguageModel
from sklstm._core.seeds import draw_seeds
from sklstm._core.vocabulary import Vocabulary
from sklstm._data.tokens import check_token_sequences
from sklstm._sklearn import Interval, StrOptions, fit_context
from sklstm.anomaly._threshold import CONTAMINATION, ThresholdMixin, find_offset


class SequenceAnomalyDetector(ThresholdMixin, LanguageModel):
    """Tell sequences of tokens that are not like those in fit.

    A recurrent network learns how sequences of tokens (system calls, keys of log lines,
    clicks) go on: at each token, which one comes next [1]_. A sequence whose tokens it
    would not have expected is an outlier.

    Parameters
    ----------
    contamination : "auto" or float, default="auto"
        Where the threshold lies. "auto": a part of the sequences, drawn at random, is
        not learnt, and the lowest of their scores is the threshold. A share, at most
        0.5: so many of the sequences in fit lie below it.
    aggregate : {"mean", "median", "worst_window", "min"}, default="mean"
        How the scores of the tokens become one of the sequence. "worst_window" is the
        lowest mean of ``aggregate_length`` tokens in a row.
    aggregate_length : int, default=50
        Tokens in a window of "worst_window".
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell.
    units : int or tuple of int, default=128
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    embedding_dim : int, default=32
        Length of the vector that is learnt for each token.
    dropout : float, default=0.5
        Share of each recurrent layer's outputs dropped in training. Sequences learnt
        by heart leave others that are normal too unexpected.
    window_length : int, default=100
        Tokens through which training goes back in time. The state is carried on from
        window to window of a sequence.
    min_count : int, default=1
        The least number of times that a token occurs in training; others are unknown.
        Where none is, one in a hundred is taken for unknown in training, so that a
        token that fit has not met has a probability.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=3e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int or "auto", default="auto"
        Passes over the sequences. "auto" takes as many as make at least 3000 steps of
        the optimizer, one at the least.
    batch_size : int, default=16
        Streams of sequences that are read side by side, at most: a step of the
        optimizer reads a window of each.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the tail of the sequences that are trained on,
        set aside, has not fallen for ``patience`` epochs, and keep the best epoch's
        weights. "refit" then trains again on all of them for the best number of epochs.
    validation_split : float, default=0.1
        Share of the sequences that the threshold "auto" is taken from, and share of
        the tokens of the others that early stopping looks at.
    patience : int, default=3
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit; the vocabulary must be
        the same.
    random_state : int, RandomState or None, default=None
        Decides which sequences are held out, initial weights, order and dropout. The
        same integer on the same machine gives the same weights, bit for bit; None draws
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    offset_ : float
        The threshold: what scores below it, by the ``aggregate`` that fit was given, is
        an outlier.
    vocabulary_ : dict of int or str to int
        The number of each token, from 2; 1 is that of the unknown ones.
    history_ : dict of list of float
        "loss" (nats a token) and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Epochs trained.
    window_length_ : int
        The window length; that of the longest sequence if the sequences together are
        shorter than ``window_length``.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``.
    network_ : keras.Model
        The network, built from the weights at each access, as that of
        `CharLSTMGenerator`.

    See Also
    --------
    sklstm.CharLSTMGenerator : Texts, scored and written on.

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

    def __init__(
        self,
        *,
        contamination="auto",
        aggregate="mean",
        aggregate_length=50,
        cell="lstm",
        units=128,
        embedding_dim=32,
        dropout=0.5,
        window_length=100,
        min_count=1,
        optimizer="adam",
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        epochs="auto",
        batch_size=16,
        early_stopping=False,
        validation_split=0.1,
        patience=3,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
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
    def vocabulary_(self) -> dict:
        """The number of each token."""
        check_is_fitted(self)
        known = self._vocabulary.ids
        return {token: i for token, i in known.items() if token is not None}

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn how sequences go on.

        Parameters
        ----------
        X : list of sequences of int or str
            Of any lengths, each of one token at least.
        y : None
            Ignored.

        Returns
        -------
        self : SequenceAnomalyDetector

        Raises
        ------
        ValueError
            If X or a parameter is not as described, or there are too few sequences to
            hold some out.
        FloatingPointError
            If training diverges.
        """
        sequences = check_token_sequences(X)
        last_fit = self._previous_fit()
        train, held_out = self._hold_out(len(sequences))
        learnt = [sequences[i] for i in train]
        vocabulary = Vocabulary.learn(
            learnt, unknown_token=None, min_count=int(self.min_count)
        )
        if last_fit:
            vocabulary = self._reuse_vocabulary(vocabulary)
        self._vocabulary = vocabulary
        self._fit_network(
            Corpus(
                [vocabulary.encode(tokens) for tokens in learnt],
                len(vocabulary.tokens),
                learn_unknown=True,
            ),
            start=last_fit,
            fit_data=FitData(sequences, None),
            incremental=False,
        )
        if held_out is not None:
            sequences = [sequences[i] for i in held_out]
        scores = self._aggregated(sequences)
        self.offset_ = find_offset(self.contamination, scores)
        return self

    def score_samples(self, X):
        """Score sequences: how expected their tokens are.

        Parameters
        ----------
        X : list of sequences of int or str

        Returns
        -------
        scores : ndarray of shape (n_sequences,)
            What ``aggregate`` makes of `token_scores`; high is normal.
        """
        check_is_fitted(self)
        return self._aggregated(check_token_sequences(X))

    def token_scores(self, X):
        """Score each token of sequences under all that stands before it.

        Parameters
        ----------
        X : list of sequences of int or str

        Returns
        -------
        log_likelihood : list of ndarray of shape (n_tokens,)
            Natural logarithms; low where a sequence is not as expected.
        """
        check_is_fitted(self)
        return self._token_scores(check_token_sequences(X))

    def running_scores(self, X):
        """Score sequences as far as each of their tokens: how soon one would know.

        Parameters
        ----------
        X : list of sequences of int or str

        Returns
        -------
        scores : list of ndarray of shape (n_tokens,)
            What `score_samples` would have given when a token had just come, as
            `stream` gives it then. Minus ``offset_``, it is below zero for an outlier.
        """
        check_is_fitted(self)
        return self._running_scores(check_token_sequences(X))

    def stream(self) -> TokenStream:
        """Score a sequence while it comes, token by token.

        Returns
        -------
        stream : TokenStream
        """
        check_is_fitted(self)
        return TokenStream(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _hold_out(self, n_sequences: int):
        """Indices of the sequences to learn, and of those for the threshold."""
        everything = np.arange(n_sequences)
        if self.contamination != "auto":
            return everything, None
        n_held_out = max(1, round(self.validation_split * n_sequences))
        if n_held_out >= n_sequences:
            raise ValueError(
                f'contamination="auto" holds {n_held_out} of the sequences out for the '
                f"threshold, but X has {n_sequences}. Give more sequences, a smaller "
                "validation_split, or a share as contamination."
            )
        seed = draw_seeds(self.random_state).split
        order = np.random.default_rng(seed).permutation(n_sequences)
        return np.sort(order[n_held_out:]), order[:n_held_out]

    def _token_scores(self, sequences) -> list[np.ndarray]:
        documents = [self._vocabulary.encode(tokens) for tokens in sequences]
        # A sequence may still be going on: its end is not scored.
        return [scores[:-1] for scores in self._token_log_likelihoods(documents)]

    def _aggregated(self, sequences) -> np.ndarray:
        return np.array([scores[-1] for scores in self._running_scores(sequences)])

    def _running_scores(self, sequences) -> list[np.ndarray]:
        aggregate = _aggregation(self.aggregate, self.aggregate_length)
        return [aggregate(scores) for scores in self._token_scores(sequences)]


class TokenStream:
    """A sequence that is scored while it comes. Get one from ``stream()``.

    Scores are those of `sklstm.SequenceAnomalyDetector.score_samples` for what has
    come.

    Examples
    --------
    >>> from sklstm import SequenceAnomalyDetector
    >>> normal = [[3, *[1, 2] * n, 4] for n in range(1, 9)] * 5
    >>> detector = SequenceAnomalyDetector(units=16, epochs=60, random_state=0)
    >>> stream = detector.fit(normal).stream()
    >>> for token in [3, 1, 2, 7, 7, 7]:
    ...     expected = stream.push(token)
    >>> stream.decision < 0
    True
    """

    def __init__(self, detector: SequenceAnomalyDetector):
        # As it is now, whatever is made of the detector while the sequence comes.
        self._detector = copy(detector)
        self._reading = self._detector._process_prompts([np.array([], int)])
        self._aggregate = _aggregation(detector.aggregate, detector.aggregate_length)
        self._scores: list[float] = []

    def push(self, token) -> float:
        """Take in the next token.

        Parameters
        ----------
        token : int or str

        Returns
        -------
        log_likelihood : float
            Of the token, under all that came before it.
        """
        detector = self._detector
        (tokens,) = check_token_sequences([[token]])
        ids = detector._vocabulary.encode(tokens)
        log_p = log_softmax(self._reading.logits[0].astype(np.float64))
        self._reading = detector._advance(ids[None], self._reading)
        self._scores.append(float(log_p[ids[0]]))
        return self._scores[-1]

    @property
    def score(self) -> float:
        """The score of the tokens that have come; high is normal."""
        if not self._scores:
            raise ValueError("No token has come yet: push() one.")
        return float(self._aggregate(np.array(self._scores))[-1])

    @property
    def decision(self) -> float:
        """The score minus the detector's threshold; below zero for an outlier.

        The threshold is that of whole sequences. With "worst_window" it holds from
        ``aggregate_length`` tokens on, when the score can only fall; with the others
        the beginning of a sequence has scores that vary more than those of whole ones.
        """
        return self.score - self._detector.offset_


def _aggregation(name: str, length: int) -> Callable[[np.ndarray], np.ndarray]:
    """From scores of tokens to those of the sequence as far as each token."""
    by_name: dict = {
        "worst_window": partial(_worst_window, length=int(length)),
        "mean": _mean,
        "median": lambda scores: pd.Series(scores).expanding().median().to_numpy(),
        "min": np.minimum.accumulate,
    }
    return by_name[name]


def _mean(scores: np.ndarray) -> np.ndarray:
    return np.cumsum(scores, dtype=np.float64) / np.arange(1, len(scores) + 1)


def _worst_window(scores: np.ndarray, length: int) -> np.ndarray:
    """The lowest mean of so many scores in a row, or that of all if they are fewer."""
    summed = np.cumsum(np.append(0.0, scores))
    worst = np.minimum.accumulate((summed[length:] - summed[:-length]) / length)
    return np.append(_mean(scores[: length - 1]), worst)
