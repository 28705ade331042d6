"""Base of the estimators that predict the next token of a document."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklstm import engine
from sklstm._core.attribution import Attribution
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import RecurrentEstimator, TrainedNetwork, TrainingTask
from sklstm._core.vocabulary import Vocabulary, round_up_size
from sklstm._data.user_warnings import warn_user
from sklstm.engine import PADDING, UNKNOWN

# Fraction of the tokens that training replaces by the unknown token if the documents
# contain none, so that its embedding and its probability are trained.
_UNKNOWN_RATE = 0.01

# Token ids of each document, without the padding before and after it.
Documents = Sequence[np.ndarray]

FormatLogs = Callable[[Mapping[str, float]], Mapping[str, float]]


@dataclass(frozen=True)
class Corpus:
    """Documents to train on.

    Parameters
    ----------
    documents : sequence of ndarray of shape (n_tokens,)
        Token ids of each document.
    n_tokens : int
        Size of the vocabulary.
    learn_unknown : bool
        Whether the unknown token is trained and has a probability.
    """

    documents: Documents
    n_tokens: int
    learn_unknown: bool


class LanguageModel(RecurrentEstimator):
    """Base of the estimators with a network that predicts the next token.

    A document is a sequence of tokens. `sklstm.engine.PADDING` is the token before
    its first and after its last one, so the network predicts its end, too.
    """

    # Hyperparameters.
    embedding_dim: int
    window_length: int
    # Not all language models have these.
    locked_dropout: bool = False
    weight_dropout: float = 0.0
    embedding_dropout: float = 0.0
    token_dropout: float = 0.0
    tie_weights: bool = False

    # Fitted state.
    window_length_: int
    _vocabulary: Vocabulary
    _network: engine.LanguageNetwork

    @property
    @abstractmethod
    def vocabulary_(self) -> dict[Any, int]:
        """Id of each token."""

    def _fit_network(
        self,
        corpus: Corpus,
        *,
        start: tuple[engine.NetworkSpec, TrainedNetwork] | None,
        fit_data: FitData,
        incremental: bool,
        format_logs: FormatLogs = dict,
        context: Any = None,
        name: str = "",
    ) -> None:
        """Train a network on documents.

        Parameters
        ----------
        corpus : Corpus
        start : tuple of NetworkSpec and TrainedNetwork, or None
            Network and weights of the last fit for a warm start.
        fit_data : FitData
            Data as the user passed them, for callbacks.
        incremental : bool
            Whether training may be continued by `partial_fit`. It then takes one
            epoch on all documents, without early stopping.
        format_logs : callable, optional
            Converts the logs of an epoch to what is printed.
        context : callable, optional
            From the number of epochs to the task of scikit-learn's callbacks to report
            on, for one of several networks.
        name : str, default=""
            Name of the network in printed lines.
        """
        data = pack_documents(corpus.documents)
        self.window_length_ = self._choose_window_length(data.lengths)
        samples = train = np.arange(len(corpus.documents))
        validation: np.ndarray | None = None
        if self.early_stopping and not incremental:
            data, train, validation = hold_out_tail(data, self.validation_split)
        epochs = (
            1 if incremental else self._count_epochs(self._count_steps(data, train))
        )
        counts = count_targets(data, train, corpus.n_tokens)
        unknown_rate = 0.0
        if corpus.learn_unknown and not counts[UNKNOWN]:
            unknown_rate = _UNKNOWN_RATE
        self._network = engine.LanguageNetwork(
            stack=self._recurrent_stack(
                weight_dropout=self.weight_dropout,
                locked_dropout=self.locked_dropout,
            ),
            n_tokens=round_up_size(corpus.n_tokens),
            embedding_dim=int(self.embedding_dim),
            window_length=self.window_length_,
            unknown_rate=unknown_rate,
            embedding_dropout=float(self.embedding_dropout),
            token_dropout=float(self.token_dropout),
            tied=bool(self.tie_weights),
        )
        self._training_spec = self._describe_training("sparse_categorical_crossentropy")
        log_frequencies = compute_log_frequencies(
            counts, self._network.n_tokens, corpus.learn_unknown, unknown_rate
        )
        bias_path, bias_shape = self._network.output_bias
        trained = self._train(
            TrainingTask(
                self._network,
                data,
                samples,
                epochs,
                start=self._warm_start_from(start),
                # Training would take many optimizer steps to learn them.
                initialize=lambda _: {bias_path: log_frequencies.reshape(bias_shape)},
                hold_out=None if validation is None else lambda _: (train, validation),
                average=not incremental,
            ),
            EpochReporter(
                self,
                epochs,
                fit_data,
                format_logs=format_logs,
                context=None if context is None else context(epochs),
                name=name,
            ),
        )
        self._store_training(trained, keep_optimizer_state=incremental)

    def _continue_training(
        self,
        documents: Documents,
        *,
        fit_data: FitData,
        format_logs: FormatLogs = dict,
    ) -> None:
        """Train the fitted network for one more epoch."""
        self._train_one_more_epoch(
            pack_documents(documents),
            np.arange(len(documents)),
            EpochReporter(self, 1, fit_data, format_logs=format_logs),
        )

    def _reuse_vocabulary(self, vocabulary: Vocabulary) -> Vocabulary:
        """Return the vocabulary of the last fit for a warm start.

        It must hold the same tokens as the new one; their order, by frequency, may
        differ.
        """
        differing = set(vocabulary.tokens) ^ set(self._vocabulary.tokens)
        if differing:
            raise ValueError(
                "warm_start=True needs the tokens of the last fit, but these occur in "
                f"only one of the two fits: {format_tokens(sorted(differing, key=str))}"
                ". Set warm_start=False."
            )
        return self._vocabulary

    def _token_log_likelihoods(self, documents: Documents) -> list[np.ndarray]:
        """Compute the log-likelihood of each token and of the end of each document."""
        data = pack_documents(documents)
        with engine.borrow_program(self._network, self._training_spec) as program:
            flat = program.log_likelihood(data, self.weights_).astype(np.float64)
        return np.split(flat, np.cumsum(data.lengths)[:-1])

    def _process_prompts(self, prompts: Documents) -> engine.DecoderState:
        """Return the decoder state after each prompt, the beginning of a document."""
        lengths = np.array([len(ids) for ids in prompts])
        order, states = [], []
        # Prompts of equal length make one batch without padding.
        for length in np.unique(lengths):
            group = np.flatnonzero(lengths == length)
            tokens = np.full((len(group), length + 1), PADDING)
            tokens[:, 1:] = [prompts[i] for i in group.tolist()]
            order.append(group)
            states.append(self._advance(tokens))
        return engine.DecoderState.join(states).take(np.argsort(np.concatenate(order)))

    def _advance(
        self, tokens: np.ndarray, state: engine.DecoderState | None = None
    ) -> engine.DecoderState:
        """Advance the decoder state by tokens.

        Parameters
        ----------
        tokens : ndarray of shape (n_documents, n_steps)
        state : DecoderState, optional
            By default the state before a document; ``tokens`` then start with
            `sklstm.engine.PADDING`.

        Returns
        -------
        state : DecoderState
        """
        with engine.borrow_program(self._network, self._training_spec) as program:
            return program.advance(tokens, self.weights_, state)

    def _attribute_next_tokens(
        self, prompts: Documents, targets: np.ndarray, levels: Mapping[str, np.ndarray]
    ) -> Attribution:
        """Attribute the log-probability of the token after each prompt to its tokens.

        Parameters
        ----------
        prompts : sequence of ndarray of shape (n_tokens,)
            Token ids.
        targets : ndarray of int of shape (n_prompts,)
            Ids of the tokens whose probability is attributed.
        levels : mapping of str to ndarray of shape (n_prompts,)
            Names and labels of the index levels of the outputs.

        Returns
        -------
        attribution : Attribution
        """
        packed = pack_documents(prompts)
        data = engine.SequenceData(packed.tokens, packed.starts, packed.lengths)
        network = engine.AttributionNetwork(engine.NextTokenNetwork(self._network))
        with engine.borrow_program(network, self._training_spec) as program:
            found = program.attribute(data, self.weights_, targets)
        tokens = [self._vocabulary.tokens[i] for ids in prompts for i in ids]
        return Attribution.of_sequences(
            # The first one is the token before the document.
            np.concatenate([each.inputs[0][1:, None] for each in found]).astype(float),
            np.array([(each.output, each.baseline) for each in found]),
            np.array(tokens, dtype=object)[:, None],
            lengths=packed.lengths - 1,
            levels=levels,
            columns=["token"],
        )

    def _choose_window_length(self, lengths: np.ndarray) -> int:
        """Return ``window_length``, or less if the documents are shorter together."""
        window_length, longest = int(self.window_length), int(lengths.max())
        if lengths.sum() >= window_length:
            return window_length
        warn_user(
            f"The documents hold {lengths.sum()} tokens together, including the end of "
            f"each, fewer than window_length={window_length}. The window length is set "
            f"to {longest}, the length of the longest document. Pass more text, or a "
            "smaller window_length.",
        )
        return longest

    def _count_steps(self, data: engine.TokenData, train: np.ndarray) -> int:
        """Count the optimizer steps per epoch."""
        n_windows = int((-(-data.lengths[train] // self.window_length_)).sum())
        n_streams = min(
            n_windows // engine.MIN_WINDOWS_PER_STREAM, int(self.batch_size)
        )
        return -(-n_windows // max(n_streams, 1))


def format_tokens(tokens: Sequence[Any], max_listed: int = 20) -> str:
    """Format tokens for a message: the first ones, and the number of the others."""
    listed = ", ".join(map(repr, tokens[:max_listed]))
    n_more = len(tokens) - max_listed
    return listed + (f" and {n_more} more" if n_more > 0 else "")


def pack_documents(documents: Documents) -> engine.TokenData:
    """Concatenate documents, with one `PADDING` before and after each."""
    boundary = np.array([PADDING], np.int32)
    parts = [part for ids in documents for part in (boundary, ids)]
    lengths = np.array([len(ids) + 1 for ids in documents])
    tokens = np.concatenate([*parts, boundary])
    return engine.TokenData(tokens, np.cumsum(lengths) - lengths, lengths)


def hold_out_tail(
    data: engine.TokenData, fraction: float
) -> tuple[engine.TokenData, np.ndarray, np.ndarray]:
    """Split the tail of the documents off, for early stopping.

    Parameters
    ----------
    data : TokenData
    fraction : float
        Fraction of the tokens to hold out.

    Returns
    -------
    data : TokenData
        With two more samples: both parts of the document that is cut.
    train, validation : ndarray of int
        Indices of samples.
    """
    stops = np.cumsum(data.lengths)
    n_tokens = stops[-1]
    cut = n_tokens - round(fraction * n_tokens)
    if not 0 < cut < n_tokens:
        raise ValueError(
            f"early_stopping holds out validation_split={fraction} of the {n_tokens} "
            "tokens, which leaves one of the two parts empty. Pass more text, another "
            "validation_split, or early_stopping=False."
        )
    n_documents = len(stops)
    # The document that is cut, and the number of its tokens before the cut.
    i = int(np.searchsorted(stops, cut, side="right"))
    n_before = cut - (stops[i] - data.lengths[i])
    head, tail = n_documents, n_documents + 1
    data = data._replace(
        starts=np.append(data.starts, [data.starts[i], data.starts[i] + n_before]),
        lengths=np.append(data.lengths, [n_before, data.lengths[i] - n_before]),
    )
    # A cut between two documents leaves no head.
    train = np.append(np.arange(i), [head] if n_before else []).astype(int)
    return data, train, np.append(tail, np.arange(i + 1, n_documents))


def count_targets(
    data: engine.TokenData, samples: np.ndarray, n_tokens: int
) -> np.ndarray:
    """Count how often each token is to be predicted in the samples."""
    targets = [data.tokens[data.starts[i] + 1 :][: data.lengths[i]] for i in samples]
    return np.bincount(np.concatenate(targets), minlength=n_tokens).astype(float)


def compute_log_frequencies(
    counts: np.ndarray, size: int, learn_unknown: bool, unknown_rate: float
) -> np.ndarray:
    """Compute the logarithm of the relative frequency of each token.

    Parameters
    ----------
    counts : ndarray of shape (n_tokens,)
        Number of times that each token is to be predicted.
    size : int
        Number of outputs of the network, some of them beyond the vocabulary.
    learn_unknown : bool
        Whether the unknown token is trained. It is impossible otherwise, as are the
        outputs beyond the vocabulary.
    unknown_rate : float
        Fraction of the tokens that training replaces by the unknown token.

    Returns
    -------
    log_frequencies : ndarray of shape (size,)
    """
    # A token that occurs only in the hold-out set counts half.
    counts = np.maximum(counts, 0.5)
    counts[UNKNOWN] += unknown_rate * counts.sum()
    possible = np.flatnonzero((np.arange(len(counts)) != UNKNOWN) | learn_unknown)
    log_frequencies = np.full(size, engine.IMPOSSIBLE_LOGIT)
    log_frequencies[possible] = np.log(counts[possible] / counts[possible].sum())
    return log_frequencies
