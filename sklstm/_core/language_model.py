"""What the estimators that tell the next token of a document share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sklstm import engine
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import RecurrentEstimator, TrainedNetwork, TrainingTask
from sklstm._core.vocabulary import Vocabulary, round_up
from sklstm.engine import PADDING, UNKNOWN

# Share of the tokens that training takes for unknown where none is, so that documents
# with unknown tokens can be read and scored.
_UNKNOWN_RATE = 0.01

Documents = Sequence[np.ndarray]  # token ids, without what stands before and behind


class LanguageModel(RecurrentEstimator):
    """Base of the estimators that learn how documents of tokens go on."""

    window_length_: int
    _vocabulary: Vocabulary
    _network: engine.LanguageNetwork

    def _fit_network(
        self,
        documents: Documents,
        n_tokens: int,
        *,
        learn_unknown: bool,
        start: tuple[engine.NetworkSpec, TrainedNetwork] | None,
        fit_data: FitData,
        incremental: bool,
        format_logs: Callable[[Mapping[str, float]], Mapping[str, float]] = dict,
    ):
        """Train a network on documents.

        Parameters
        ----------
        documents : sequence of ndarray of shape (n_tokens,)
            Ids of their tokens.
        n_tokens : int
            Size of the vocabulary.
        learn_unknown : bool
            Whether the unknown token is to have a meaning and a probability.
        start : tuple of NetworkSpec and Trained, or None
            What a warm start goes on from.
        fit_data : FitData
            What the user passed, for callbacks.
        incremental : bool
            Whether training is to go on later: then for one epoch, on all documents.
        format_logs : callable, optional
            Converts the logs of an epoch to what is printed.
        """
        data = _token_data(documents)
        self.window_length_ = self._find_window_length(data.lengths)
        train, held_out = np.arange(len(documents)), None
        if self.early_stopping and not incremental:
            data, *held_out = _hold_out(data, self.validation_split)
            train = held_out[0]
        n_steps = self._count_steps(data.lengths[train])
        epochs = 1 if incremental else self._count_epochs(n_steps)
        counts = _count_tokens(data, train, n_tokens)
        unknown_rate = 0.0
        if learn_unknown and not counts[UNKNOWN]:
            unknown_rate = _UNKNOWN_RATE
        self._network = engine.LanguageNetwork(
            stack=self._recurrent_stack(),
            n_tokens=round_up(n_tokens),
            embedding_dim=int(self.embedding_dim),
            window_length=self.window_length_,
            unknown_rate=unknown_rate,
        )
        self._training_spec = self._describe_training("sparse_categorical_crossentropy")
        # What was not met in training counts half. The unknown token cannot come if it
        # is not to be learnt, nor can the rows that stand for no token.
        counts = np.maximum(counts, 0.5)
        counts[UNKNOWN] += unknown_rate * counts.sum()
        can_come = np.flatnonzero((np.arange(n_tokens) != UNKNOWN) | learn_unknown)
        counts = counts[can_come]

        def initialize(weights):
            # Training begins at the frequency of each token, which then costs no steps
            # to learn.
            bias = np.full_like(weights[-1], engine.IMPOSSIBLE_LOGIT)
            bias[can_come] = np.log(counts / counts.sum())
            return (*weights[:-1], bias)

        def hold_out(seed):
            return held_out

        trained = self._train(
            TrainingTask(
                self._network,
                data,
                np.arange(len(documents)),
                epochs,
                start=self._warm_start_from(start),
                initialize=initialize,
                hold_out=None if held_out is None else hold_out,
            ),
            EpochReporter(self, epochs, fit_data, format_logs=format_logs),
        )
        self._store_training(trained, keep_optimizer_state=incremental)
        return self

    def _same_vocabulary(self, vocabulary: Vocabulary) -> Vocabulary:
        """That of the last fit, which a warm start goes on from."""
        differ = set(vocabulary.tokens) ^ set(self._vocabulary.tokens)
        if differ:
            raise ValueError(
                "warm_start=True needs the tokens of the last fit, but these are met "
                f"in one of the fits only: {some(sorted(differ, key=str))}. Set "
                "warm_start=False."
            )
        return self._vocabulary  # in the order of its frequencies

    def _continue_training(
        self, documents: Documents, *, fit_data: FitData, format_logs
    ):
        """Train the fitted network for one more epoch."""
        trained = self._train(
            TrainingTask(
                self._network,
                _token_data(documents),
                np.arange(len(documents)),
                epochs=1,
                start=self._last_training(),
            ),
            EpochReporter(self, 1, fit_data, format_logs=format_logs),
        )
        self._store_training(trained, continued=True, keep_optimizer_state=True)
        return self

    def _log_likelihood(self, documents: Documents) -> list[np.ndarray]:
        """Log-likelihood of each token of documents, and of each one's end."""
        data = _token_data(documents)
        with engine.borrow_program(self._network, self._training_spec) as program:
            flat = program.log_likelihood(data, self.weights_).astype(np.float64)
        return np.split(flat, np.cumsum(data.lengths)[:-1])

    def _read(self, beginnings: Documents) -> engine.DecoderState:
        """Read the beginnings of documents."""
        lengths = np.array([len(ids) for ids in beginnings])
        order, parts = [], []
        with engine.borrow_program(self._network, self._training_spec) as program:
            for length in np.unique(lengths):
                group = np.flatnonzero(lengths == length)
                tokens = np.full((len(group), length + 1), PADDING)
                tokens[:, 1:] = [beginnings[i] for i in group.tolist()]
                order.append(group)
                parts.append(program.advance(tokens, self.weights_))
        return engine.DecoderState.join(parts).take(np.argsort(np.concatenate(order)))

    def _read_on(
        self, tokens: np.ndarray, reading: engine.DecoderState
    ) -> engine.DecoderState:
        """Read on, tokens of shape (n_documents, n_steps)."""
        with engine.borrow_program(self._network, self._training_spec) as program:
            return program.advance(tokens, self.weights_, reading)

    def _find_window_length(self, lengths) -> int:
        """The window length, or the longest document's if all are shorter together."""
        window_length, longest = int(self.window_length), int(lengths.max())
        if lengths.sum() >= window_length:
            return window_length
        warnings.warn(
            f"The documents hold {lengths.sum()} tokens together, with the end of "
            f"each, fewer than window_length={window_length}. It is taken to be "
            f"{longest}, the longest document's. Give more text, or a smaller "
            "window_length.",
            stacklevel=7,
        )
        return longest

    def _count_steps(self, lengths) -> int:
        """Steps of the optimizer in an epoch."""
        n_windows = int((-(-lengths // self.window_length_)).sum())
        n_streams = min(
            n_windows // engine.MIN_WINDOWS_PER_STREAM, int(self.batch_size)
        )
        return -(-n_windows // max(n_streams, 1))


def some(tokens: Sequence, most: int = 20) -> str:
    """The first of some tokens, and how many more there are, for an error."""
    listed = ", ".join(map(repr, tokens[:most]))
    more = len(tokens) - most
    return listed + (f" and {more} more" if more > 0 else "")


def _token_data(documents: Documents) -> engine.TokenData:
    """Documents as the engine reads them, one boundary between each two."""
    boundary = np.array([PADDING], np.int32)
    parts = [part for ids in documents for part in (boundary, ids)]
    lengths = np.array([len(ids) + 1 for ids in documents])
    tokens = np.concatenate([*parts, boundary])
    return engine.TokenData(tokens, np.cumsum(lengths) - lengths, lengths)


def _hold_out(data: engine.TokenData, share: float):
    """Set the tail of the documents aside.

    Returns
    -------
    data : TokenData
        With two samples more: the head and the tail of the document that is cut.
    train, validation : ndarray of int
    """
    ends = np.cumsum(data.lengths)
    cut_at = ends[-1] - round(share * ends[-1])
    if not 0 < cut_at < ends[-1]:
        raise ValueError(
            f"early_stopping sets validation_split={share} of the {ends[-1]} tokens "
            "aside, and that leaves nothing on one side. Give more text, another "
            "validation_split, or early_stopping=False."
        )
    n_documents = len(ends)
    # The document in which the cut lies, and how much of it lies before the cut.
    i = int(np.searchsorted(ends, cut_at, side="right"))
    in_head = cut_at - (ends[i] - data.lengths[i])
    head, tail = n_documents, n_documents + 1
    data = data._replace(
        starts=np.append(data.starts, [data.starts[i], data.starts[i] + in_head]),
        lengths=np.append(data.lengths, [in_head, data.lengths[i] - in_head]),
    )
    before, behind = np.arange(i), np.arange(i + 1, n_documents)
    # A cut between two documents has no head.
    train = np.append(before, [head] if in_head else []).astype(int)
    return data, train, np.append(tail, behind)


def _count_tokens(data: engine.TokenData, documents, n_tokens: int) -> np.ndarray:
    """How often each token is told in some of the documents."""
    told = [data.tokens[data.starts[i] + 1 :][: data.lengths[i]] for i in documents]
    return np.bincount(np.concatenate(told), minlength=n_tokens).astype(float)
