"""Anomaly detection in sequences of events, by a language model of their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from scipy.special import log_softmax, logsumexp
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklstm._core import params
from sklstm._core.attribution import Attribution, check_places
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import TrainedNetwork, restore_on_error, split_evenly
from sklstm._core.language_model import Corpus, Documents, LanguageModel
from sklstm._core.seeds import RandomState, draw_seeds, spawn_random_states
from sklstm._core.vocabulary import Vocabulary
from sklstm._data.tokens import check_token_sequences
from sklstm._sklearn import Interval, StrOptions, fit_context
from sklstm.anomaly._ngrams import NgramModel, learn_weight, mix
from sklstm.anomaly._sequence_scores import (
    AGGREGATES,
    LengthCorrection,
    find_surprisal_limit,
    running_aggregate,
)
from sklstm.anomaly._threshold import CONTAMINATION, ThresholdMixin, find_offset


class SequenceAnomalyDetector(ThresholdMixin, LanguageModel):
    """Detect anomalous sequences of events by a language model.

    A recurrent language model is trained on normal sequences of tokens (system calls,
    keys of log lines, clicks): it predicts the probability of each token given all
    tokens before it [1]_. Its probabilities are mixed with those of an n-gram model,
    which remembers the sequences of tokens that occur in training. The score of a
    sequence aggregates the log-likelihoods of its tokens; a sequence with a low score
    is an outlier.

    Parameters
    ----------
    contamination : "auto" or float, default="auto"
        How to set the threshold. A fraction ``validation_split`` of the distinct
        sequences, drawn at random by ``random_state``, is held out from training.
        "auto": the lowest of their scores is the threshold. A float, at most 0.5:
        fraction of them that score below the threshold.
    aggregate : {"excess", "mean", "median", "worst_window", "min"}, default="excess"
        How the log-likelihoods of the tokens are aggregated to the score of a sequence.
        "excess" is minus the mean amount by which the surprisals, which are minus the
        log-likelihoods, exceed the 0.85 quantile of those in held-out sequences.
        "worst_window" is the lowest mean over ``aggregate_length`` consecutive tokens.
    aggregate_length : int, default=50
        Number of tokens in a window of "worst_window".
    length_correction : bool, default=True
        Whether the aggregate is standardised by the mean and the standard deviation
        that held-out sequences have at the same length. Aggregates of few tokens vary
        more. Fewer than ten held-out sequences are not enough, and then it is not.
    ngram_order : int or None, default=10
        Number of tokens in the n-grams with which the network is mixed. None uses the
        network alone.
    bidirectional : bool, default=False
        Whether a second network and n-gram model read the sequences backwards. The
        score of a token is then the mean of its log-likelihoods given all tokens before
        it and given all tokens after it, which needs whole sequences: there are no
        `stream` and `running_scores`.
    n_members : int, default=1
        Number of networks in the ensemble, trained on the same sequences from different
        seeds; their probabilities are averaged. An integer ``random_state`` counts up:
        member ``i``, from 0, is the network of ``random_state + i``.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory, gated recurrent unit, or the simple
        (Elman) RNN cell.
    units : int or tuple of int, default=128
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    embedding_dim : int, default=32
        Size of the learned embedding of a token.
    dropout : float, default=0.2
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
        Fraction of the distinct sequences to hold out for the threshold, the weight of
        the n-grams and the correction for the length; also the fraction of the tokens
        of the training sequences to hold out for early stopping.
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
        ``aggregate`` and ``length_correction`` with which the detector was fitted.
    mixture_weights_ : ndarray of shape (n_directions, 2)
        Weights of the network and of the n-gram model, with which the held-out
        sequences are most likely, for each direction of reading.
    vocabulary_ : dict of int or str to int
        Id of each known token, from 2; unknown tokens have the id 1.
    history_ : dict of list of float
        Training loss of each epoch in nats per token, "loss", and with early stopping
        the validation loss, "val_loss"; of several networks the mean.
    n_iter_ : int
        Number of epochs trained; of several networks the highest.
    window_length_ : int
        Window length used in training: that of the longest sequence if all sequences
        together have fewer than ``window_length`` tokens, else ``window_length``.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``; of one network
        after the other, first those that read forwards.
    network_ : keras.Model
        Network, built from the weights at each access, with the same inputs and outputs
        as that of `CharLSTMGenerator`; the first of several.

    See Also
    --------
    sklstm.CharLSTMGenerator : Language model of text, to score and to generate it.

    Notes
    -----
    Equal sequences count once, in training and for the threshold, as the n-grams of
    STIDE do [2]_: processes repeat, and a held-out sequence that equals a training
    sequence would say nothing about new ones.

    The mixture is a linear interpolation, and its weight is learned by the EM algorithm
    on the held-out sequences. The n-gram model has interpolated Kneser-Ney smoothing
    [3]_.

    References
    ----------
    .. [1] Kim et al. (2016), "LSTM-based system-call language modeling and robust
       ensemble method for designing host-based intrusion detection systems",
       arXiv:1611.01726.
    .. [2] Forrest et al. (1996), "A sense of self for Unix processes", IEEE Symposium
       on Security and Privacy.
    .. [3] Chen and Goodman (1999), "An empirical study of smoothing techniques for
       language modeling", Computer Speech & Language 13.

    Examples
    --------
    >>> from sklstm import SequenceAnomalyDetector
    >>> normal = [
    ...     ["open", *["read"] * n, *["write"] * m, "close"]
    ...     for n in range(1, 11)
    ...     for m in range(1, 11)
    ... ]
    >>> detector = SequenceAnomalyDetector(units=16, epochs=20, random_state=0)
    >>> detector = detector.fit(normal)
    >>> attack = ["open", "read", "unlink", "read", "unlink", "close"]
    >>> detector.predict([normal[25], attack])
    array([ 1, -1])
    """

    _auto_steps = 3000

    _parameter_constraints: dict = {
        "contamination": CONTAMINATION,
        "aggregate": [StrOptions(set(AGGREGATES))],
        "aggregate_length": [Interval(Integral, 1, None, closed="left")],
        "length_correction": ["boolean"],
        "ngram_order": [Interval(Integral, 1, None, closed="left"), None],
        "bidirectional": ["boolean"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        **params.LANGUAGE,
    }

    # Hyperparameters.
    contamination: float | Literal["auto"]
    aggregate: str
    aggregate_length: int
    length_correction: bool
    ngram_order: int | None
    bidirectional: bool
    n_members: int
    embedding_dim: int
    window_length: int
    min_count: int

    # Fitted state.
    mixture_weights_: np.ndarray
    _n_networks: int = 1
    _ngrams: tuple[NgramModel | None, ...]  # of each direction
    _surprisal_limit: float
    _length_corrections: dict[str, LengthCorrection]  # by aggregate

    def __init__(
        self,
        *,
        contamination: float | Literal["auto"] = "auto",
        aggregate: str = "excess",
        aggregate_length: int = 50,
        length_correction: bool = True,
        ngram_order: int | None = 10,
        bidirectional: bool = False,
        n_members: int = 1,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 128,
        embedding_dim: int = 32,
        dropout: float = 0.2,
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
        self.length_correction = length_correction
        self.ngram_order = ngram_order
        self.bidirectional = bidirectional
        self.n_members = n_members
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

    @property
    def network_(self) -> Any:
        """The fitted network as a plain `keras.Model`; the first of several."""
        check_is_fitted(self)
        network = self._network.build()
        network.set_weights(split_evenly(self.weights_, self._n_networks)[0])
        return network

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
            If X or a parameter is not as described, or there are too few distinct
            sequences to hold some out.
        FloatingPointError
            If training diverges.
        """
        sequences = check_token_sequences(X)
        fit_data = FitData(sequences, None)
        previous = self._previous_fit()
        distinct = list(dict.fromkeys(map(tuple, sequences)))
        train, held_out = self._split_sequences(len(distinct), len(sequences))
        vocabulary = Vocabulary.learn(
            [distinct[i] for i in train],
            unknown_token=None,
            min_count=int(self.min_count),
        )
        if previous:
            vocabulary = self._reuse_vocabulary(vocabulary)
        self._vocabulary = vocabulary
        documents = [vocabulary.encode(tokens) for tokens in distinct]
        training = [documents[i] for i in train]
        self._train_networks(training, previous, fit_data)
        self._calibrate(training, [documents[i] for i in held_out])
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
            ``aggregate`` of `token_scores`, with ``length_correction`` in standard
            deviations from the mean of normal sequences of the same length.
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
            Natural logarithms; low where a sequence is anomalous. With
            ``bidirectional``, the mean of that given the tokens before and of that
            given the tokens after it.
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

        Raises
        ------
        ValueError
            If the detector is bidirectional.
        """
        check_is_fitted(self)
        self._check_causal("running_scores")
        return self._running_scores(check_token_sequences(X))

    def stream(self) -> TokenStream:
        """Start a stream that scores one sequence token by token.

        Returns
        -------
        stream : TokenStream
            Empty stream, with the detector as it is now.

        Raises
        ------
        ValueError
            If the detector is bidirectional.
        """
        check_is_fitted(self)
        self._check_causal("stream")
        return TokenStream(self)

    def _attribute(self, X: Any, target: Any, steps: Any) -> Attribution:
        """Attribute the likelihood of tokens; called by `inspection.attribute`.

        It is that in the first network that reads forwards.
        """
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
        return self._networks(0)[0]._attribute_next_tokens(
            [ids[:i] for ids, i in chosen],
            np.array([ids[i] for ids, i in chosen]),
            {"sequence": np.arange(len(sequences)), "at": places, "next": tokens},
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _split_sequences(
        self, n_distinct: int, n_sequences: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the sequences to train on and of those held out."""
        n_held_out = max(1, round(self.validation_split * n_distinct))
        if n_held_out >= n_distinct:
            equal = f", {n_sequences} with equal ones" if n_sequences > 1 else ""
            raise ValueError(
                f"{n_held_out} of the distinct sequences must be held out for the "
                f"threshold, but X has {n_distinct}{equal}. Pass more sequences, cut a "
                "long one into several, or reduce validation_split."
            )
        seed = draw_seeds(self.random_state).split
        order = np.random.default_rng(seed).permutation(n_distinct)
        return np.sort(order[n_held_out:]), order[:n_held_out]

    def _train_networks(
        self,
        documents: Documents,
        previous: tuple[Any, TrainedNetwork] | None,
        fit_data: FitData,
    ) -> None:
        """Train the members of each direction, one after the other."""
        n_members = int(self.n_members)
        n_directions = 1 + bool(self.bidirectional)
        n_networks = n_directions * n_members
        if previous is not None:
            before = self._n_networks // len(self._ngrams), len(self._ngrams)
            if before != (n_members, n_directions):
                raise ValueError(
                    "warm_start=True needs the networks of the last fit, which had "
                    f"n_members={before[0]} and bidirectional={before[1] == 2}, got "
                    f"n_members={n_members} and bidirectional={self.bidirectional}. "
                    "Leave both as they were, or set warm_start=False."
                )

        def train(network: Self, number: int, start: Any, **reporting: Any) -> None:
            network._fit_network(
                Corpus(
                    _read(documents, direction=number // n_members),
                    len(self._vocabulary.tokens),
                    learn_unknown=True,
                ),
                start=start,
                fit_data=fit_data,
                incremental=False,
                **reporting,
            )

        # A callback that reads the network during training sees a single one, and
        # scores by it alone.
        self._n_networks = 1
        self._ngrams = (None,)
        self._surprisal_limit = 0.0
        self._length_corrections = dict.fromkeys(AGGREGATES, LengthCorrection.fit([]))
        if n_networks == 1:
            train(self, 0, previous)
            return
        context = self._init_callback_context(max_subtasks=n_networks)
        context.call_on_fit_task_begin(estimator=self, **fit_data._asdict())
        starts: list[Any] = [None] * n_networks
        if previous is not None:
            parts = previous[1].split(n_networks)
            starts = [(previous[0], part) for part in parts]
        states = spawn_random_states(self.random_state, n_networks)
        networks = [copy(self) for _ in range(n_networks)]
        for number, network in enumerate(networks):
            network.random_state = states[number]
            train(
                network,
                number,
                starts[number],
                context=lambda epochs: context.subcontext(
                    task_name="member", max_subtasks=epochs
                ),
                name=f"Network {number + 1}/{n_networks} - ",
            )
        trained = TrainedNetwork.join(
            [
                TrainedNetwork(each.weights_, None, each.history_, each.n_iter_)
                for each in networks
            ]
        )
        for name in ("_network", "_training_spec", "window_length_"):
            setattr(self, name, getattr(networks[0], name))
        self._store_training(trained)
        self._n_networks = n_networks
        self._ngrams = (None,) * n_directions
        context.call_on_fit_task_end(
            estimator=self,
            **fit_data._asdict(),
            reconstruction_attributes=lambda: {"weights_": trained.weights},
        )

    def _calibrate(self, training: Documents, held_out: Documents) -> None:
        """Fit what is mixed with the networks, and set the threshold."""
        ngrams: list[NgramModel | None] = []
        weights = []
        n_tokens = len(self._vocabulary.tokens)
        for direction in range(len(self._ngrams)):
            if self.ngram_order is None:
                ngrams.append(None)
                weights.append(1.0)
                continue
            model = NgramModel.fit(
                _read(training, direction), int(self.ngram_order), n_tokens
            )
            of_ngrams = model.log_likelihood(_read(held_out, direction))
            of_networks = self._network_scores(held_out, direction)
            ngrams.append(model)
            weights.append(learn_weight(of_networks, np.concatenate(of_ngrams)))
        self._ngrams = tuple(ngrams)
        self.mixture_weights_ = np.column_stack([weights, np.subtract(1, weights)])
        token_scores = self._document_scores(held_out)
        self._surprisal_limit = find_surprisal_limit(token_scores)
        self._length_corrections = {
            name: LengthCorrection.fit([aggregate(scores) for scores in token_scores])
            for name in AGGREGATES
            for aggregate in [self._aggregate_by(name)]
        }
        aggregate = self._running_aggregate()
        scores = np.array([aggregate(scores)[-1] for scores in token_scores])
        self.offset_ = find_offset(self.contamination, scores)

    def _networks(self, direction: int) -> list[Self]:
        """Return the members that read in a direction, each as a detector of its own.

        Parameters
        ----------
        direction : int
            0 forwards, 1 backwards.
        """
        weights = split_evenly(self.weights_, self._n_networks)
        n_members = self._n_networks // len(self._ngrams)
        networks = [copy(self) for _ in range(n_members)]
        for number, network in enumerate(networks, start=direction * n_members):
            network.weights_ = weights[number]
        return networks

    def _network_scores(self, documents: Documents, direction: int) -> np.ndarray:
        """Compute the log-likelihoods of all tokens of all documents, concatenated.

        They are in the order of reading. The end of a document is not scored, because a
        sequence may be incomplete.
        """
        read = _read(documents, direction)
        return _average_log_probabilities(
            [
                np.concatenate([scores[:-1] for scores in likelihoods])
                for network in self._networks(direction)
                for likelihoods in [network._token_log_likelihoods(read)]
            ]
        )

    def _document_scores(self, documents: Documents) -> list[np.ndarray]:
        """Compute the scores of the tokens of each document."""
        stops = np.cumsum([len(ids) for ids in documents])[:-1]
        by_direction = []
        for direction, ngrams in enumerate(self._ngrams):
            flat = self._network_scores(documents, direction)
            if ngrams is not None:
                of_ngrams = ngrams.log_likelihood(_read(documents, direction))
                weight = self.mixture_weights_[direction, 0]
                flat = mix(flat, np.concatenate(of_ngrams), weight)
            by_direction.append(_read(np.split(flat, stops), direction))
        if len(by_direction) == 1:
            return by_direction[0]
        return [np.mean(scores, axis=0) for scores in zip(*by_direction, strict=True)]

    def _token_scores(self, sequences: list[list]) -> list[np.ndarray]:
        documents = [self._vocabulary.encode(tokens) for tokens in sequences]
        return self._document_scores(documents)

    def _sequence_scores(self, sequences: list[list]) -> np.ndarray:
        return np.array([scores[-1] for scores in self._running_scores(sequences)])

    def _running_scores(self, sequences: list[list]) -> list[np.ndarray]:
        aggregate = self._running_aggregate()
        return [aggregate(scores) for scores in self._token_scores(sequences)]

    def _running_aggregate(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function from token scores to the scores of all beginnings."""
        aggregate = self._aggregate_by(self.aggregate)
        if not self.length_correction:
            return aggregate
        correction = self._length_corrections[self.aggregate]
        return lambda scores: correction.apply(aggregate(scores))

    def _aggregate_by(self, name: str) -> Callable[[np.ndarray], np.ndarray]:
        return running_aggregate(name, self.aggregate_length, self._surprisal_limit)

    def _check_causal(self, method: str) -> None:
        """Raise an error if tokens are scored by what comes after them."""
        if len(self._ngrams) > 1:
            raise ValueError(
                f"{method} scores the beginnings of sequences, but the detector was "
                "fitted with bidirectional=True and reads whole sequences backwards, "
                "too. Fit it with bidirectional=False."
            )


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
    >>> counts = range(1, 11)
    >>> normal = [[3, *[1] * n, *[2] * m, 4] for n in counts for m in counts]
    >>> detector = SequenceAnomalyDetector(units=16, epochs=20, random_state=0)
    >>> stream = detector.fit(normal).stream()
    >>> for token in [3, 1, 7, 1, 7, 4]:
    ...     log_likelihood = stream.push(token)
    >>> stream.decision < 0
    True
    """

    def __init__(self, detector: SequenceAnomalyDetector):
        # Copies, so that refitting the detector does not change a running stream.
        self._detector = copy(detector)
        self._networks = detector._networks(0)
        start = [np.array([], int)]
        self._states = [each._process_prompts(start) for each in self._networks]
        self._aggregate = detector._running_aggregate()
        self._ids = np.array([], int)
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
        log_p = _average_log_probabilities(
            [
                log_softmax(state.logits[0].astype(np.float64))[ids]
                for state in self._states
            ]
        )
        (ngrams,) = detector._ngrams
        if ngrams is not None:
            of_ngrams = ngrams.log_likelihood_after(self._ids, ids[0])
            log_p = mix(log_p, np.array([of_ngrams]), detector.mixture_weights_[0, 0])
            self._ids = np.append(self._ids, ids)[-ngrams.order :]
        self._states = [
            network._advance(ids[None], state)
            for network, state in zip(self._networks, self._states, strict=True)
        ]
        self._scores.append(float(log_p[0]))
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

        The threshold is that of complete sequences. With ``length_correction`` it holds
        for beginnings, too. Without it, the scores of short beginnings vary more than
        those of complete sequences; with "worst_window" it then holds from
        ``aggregate_length`` tokens on, from where the score can only decrease.
        """
        return self.score - self._detector.offset_


def _average_log_probabilities(log_probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Return the logarithm of the mean probability over the members of an ensemble."""
    if len(log_probabilities) == 1:
        return log_probabilities[0]
    return logsumexp(log_probabilities, axis=0) - np.log(len(log_probabilities))


def _read(parts: Sequence[np.ndarray], direction: int) -> list[np.ndarray]:
    """Return documents, or the scores of their tokens, in the order of reading."""
    return [part[::-1] for part in parts] if direction else list(parts)
