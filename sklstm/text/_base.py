"""Base of the text generators."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.language_model import LanguageModel, some
from sklstm._core.seeds import seed_sequence
from sklstm._core.vocabulary import Vocabulary
from sklstm._data.tokens import check_texts
from sklstm._sklearn import Interval, fit_context, validate_parameter_constraints
from sklstm.engine import PADDING, UNKNOWN

# Tokens written in one call of the engine: few at first, so that a stream begins at
# once, then more.
_FIRST_BLOCK, _LARGEST_BLOCK = 16, 256


_GENERATION = {
    "max_new_tokens": [Interval(Integral, 1, None, closed="left")],
    "temperature": [Interval(Real, 0, np.inf, closed="left")],
    "top_k": [Interval(Integral, 1, None, closed="left"), None],
    "top_p": [Interval(Real, 0, 1, closed="right"), None],
    "stop": [str, list, tuple, None],
    "random_state": ["random_state"],
}


class TextGenerator(DensityMixin, LanguageModel):
    """Base of the generators: documents are texts, by character or by word."""

    _token_name: str  # in messages
    _epoch_metric_name: str  # of `_epoch_metric`, in what the terminal is told
    _knows_unknown: bool

    @property
    def vocabulary_(self) -> dict[str, int]:
        """The column of each token."""
        check_is_fitted(self)
        return {"": PADDING, **self._vocabulary.ids}

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, docs, y=None):
        """Learn how documents go on.

        Parameters
        ----------
        docs : str or iterable of str
            Texts; one text alone is one document.
        y : None
            Ignored.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If docs hold something else than texts, or less than two tokens.
        FloatingPointError
            If training diverges.
        """
        return self._fit(docs, incremental=False)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, docs, y=None):
        """Train on further documents for one epoch.

        The vocabulary stays that of the first ones.

        Parameters
        ----------
        docs : str or iterable of str
            Texts; one text alone is one document.
        y : None
            Ignored.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If docs hold something else than texts, less than two tokens, or, with
            ``handle_unknown="error"``, unknown ones.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit(docs, incremental=True)
        texts = self._check_texts(docs, "docs")
        documents = self._encode(self._split(texts), "docs")
        self._check_enough(documents)
        return self._continue_training(
            documents, fit_data=FitData(texts, None), format_logs=self._format_logs
        )

    def generate(
        self,
        prompts=None,
        *,
        max_new_tokens=100,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        random_state=None,
    ):
        """Write on from the beginnings of documents.

        Token after token is drawn from what the network holds for probable after all
        that stands before it, until it writes the end of the document.

        Parameters
        ----------
        prompts : str, iterable of str or None, default=None
            The beginnings. None, as an empty text, begins a new document.
        max_new_tokens : int, default=100
            The most tokens to write.
        temperature : float, default=1.0
            Divides the logarithms of the probabilities: below 1 the text keeps to what
            is most probable, above it strays. 0 always takes the most probable token.
        top_k : int, default=None
            Draw from so many most probable tokens only [1]_; by default from all.
        top_p : float, default=None
            Draw from the fewest most probable tokens only that together have at least
            this share of the probability [2]_, among the ``top_k`` if both are given;
            by default from all.
        stop : str or list of str, default=None
            Texts after which a document ends, which are kept.
        random_state : int, RandomState or None, default=None
            The same integer gives the same texts: the first, second, ... prompt has
            the same luck whatever other prompts there are. None draws fresh entropy.

        Returns
        -------
        texts : str or list of str
            What follows each prompt, without the prompt. The unknown token is never
            written.

        Raises
        ------
        ValueError
            If a parameter is not as described, or, with ``handle_unknown="error"``, a
            prompt holds unknown tokens.

        References
        ----------
        .. [1] Fan, Lewis and Dauphin (2018), "Hierarchical neural story generation",
           ACL.
        .. [2] Holtzman et al. (2020), "The curious case of neural text degeneration",
           ICLR.
        """
        one = prompts is None or isinstance(prompts, str)
        beginnings = self._beginnings([""] if prompts is None else prompts)
        written: list[list[int]] = [[] for _ in beginnings]
        for i, tokens in self._write(
            beginnings,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
            random_state=random_state,
        ):
            written[i] += tokens
        texts = [self._join(self._vocabulary.decode(ids)) for ids in written]
        return texts[0] if one else texts

    def stream(
        self,
        prompt=None,
        *,
        max_new_tokens=100,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        random_state=None,
    ) -> Iterator[str]:
        """Write on from the beginning of a document, token by token.

        Parameters
        ----------
        prompt : str or None, default=None
            The beginning. None, as an empty text, begins a new document.
        max_new_tokens, temperature, top_k, top_p, stop, random_state
            As in `generate`, which gives the same tokens joined.

        Returns
        -------
        tokens : iterator of str
        """
        if prompt is not None and not isinstance(prompt, str):
            raise ValueError(
                f"prompt must be one text (str) or None, got {prompt!r}. Several go to "
                "generate()."
            )
        blocks = self._write(
            self._beginnings([prompt or ""]),
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            stop=stop,
            random_state=random_state,
        )
        known = self._vocabulary.tokens
        return (known[token] for _, tokens in blocks for token in tokens)

    def predict_proba(self, prompts):
        """Tell the probability of each token to come next.

        Parameters
        ----------
        prompts : str or iterable of str
            Beginnings of documents.

        Returns
        -------
        probability : ndarray of shape (n_prompts, n_tokens)
            In the order of ``vocabulary_``; each row sums to 1. The first column is the
            end of the document, the second an unknown token.
        """
        reading = self._read(self._beginnings(prompts))
        known = reading.logits[:, : len(self._vocabulary.tokens)]
        return softmax(known.astype(np.float64), axis=1)

    def predict(self, prompts):
        """Tell the most probable next token.

        Parameters
        ----------
        prompts : str or iterable of str
            Beginnings of documents.

        Returns
        -------
        tokens : ndarray of shape (n_prompts,) of str objects
            Empty where the end of the document is most probable.
        """
        most_probable = self.predict_proba(prompts).argmax(axis=1)
        return np.array(self._vocabulary.tokens, dtype=object)[most_probable]

    def token_scores(self, docs):
        """Score each token of documents under all that stands before it.

        Parameters
        ----------
        docs : str or iterable of str

        Returns
        -------
        log_likelihood : list of ndarray of shape (n_tokens + 1,)
            Natural logarithms; the last one is that of the document's end.
        """
        check_is_fitted(self)
        return self._score_tokens(self._split(self._check_texts(docs, "docs")))

    def score_samples(self, docs):
        """Score documents: the mean log-likelihood of a token.

        The end of a document counts as one of its tokens.

        Parameters
        ----------
        docs : str or iterable of str

        Returns
        -------
        log_likelihood : ndarray of shape (n_documents,)
            Natural logarithm; higher is more probable.
        """
        return np.array([scores.mean() for scores in self.token_scores(docs)])

    def score(self, docs, y=None):
        """Score documents together: the mean log-likelihood over all their tokens.

        Parameters
        ----------
        docs : str or iterable of str
        y : None
            Ignored.

        Returns
        -------
        log_likelihood : float
            Natural logarithm; higher is better.
        """
        return float(np.concatenate(self.token_scores(docs)).mean())

    def perplexity(self, docs):
        """How many equally probable tokens there seem to be at each place.

        Parameters
        ----------
        docs : str or iterable of str

        Returns
        -------
        perplexity : float
            ``exp(-score(docs))``; lower is better.
        """
        return float(np.exp(-self.score(docs)))

    def bits_per_char(self, docs):
        """How many bits a character of the documents takes, in the mean.

        Their ends are counted among the bits. Unknown tokens that are left out are not
        counted among the characters. A generator of words is given blanks and line
        breaks between words for nothing.

        Parameters
        ----------
        docs : str or iterable of str

        Returns
        -------
        bits : float
            Lower is better.

        Raises
        ------
        ValueError
            If docs hold no characters.
        """
        check_is_fitted(self)
        texts = self._check_texts(docs, "docs")
        documents = self._split(texts)
        n_characters = sum(map(len, texts))
        if self.handle_unknown == "ignore":
            known = self._vocabulary.ids
            left_out = (t for tokens in documents for t in tokens if t not in known)
            n_characters -= sum(map(len, left_out))
        if not n_characters:
            raise ValueError(
                f"docs must hold characters to count, got none in {len(texts)} text(s)."
            )
        nats = -np.concatenate(self._score_tokens(documents)).sum()
        return float(nats / np.log(2) / n_characters)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    @abstractmethod
    def _split_text(self, text: str) -> list[str]:
        """The tokens of a text."""

    @abstractmethod
    def _join(self, tokens: Sequence[str]) -> str:
        """The text of tokens."""

    @staticmethod
    @abstractmethod
    def _epoch_metric(loss: float) -> float:
        """A measure of the mean loss of a token that people know."""

    def _format_logs(self, logs: Mapping[str, float]) -> dict[str, float]:
        """What the terminal is told of an epoch: of what is held out, if anything."""
        name = "val_loss" if "val_loss" in logs else "loss"
        measure = self._epoch_metric(logs[name])
        return {**logs, name.replace("loss", self._epoch_metric_name): measure}

    def _fit(self, docs, *, incremental):
        """Learn the vocabulary and the weights."""
        last_fit = self._previous_fit()
        texts = self._check_texts(docs, "docs")
        documents = self._split(texts)
        vocabulary = Vocabulary.learn(
            documents,
            unknown_token=self.unknown_token,
            min_count=int(self.min_count),
            max_tokens=self.max_tokens,
        )
        if last_fit:
            vocabulary = self._same_vocabulary(vocabulary)
        self._vocabulary = vocabulary
        self._knows_unknown = self.handle_unknown == "unk"
        encoded = self._encode(documents, "docs")
        self._check_enough(encoded)
        return self._fit_network(
            encoded,
            len(vocabulary.tokens),
            learn_unknown=self._knows_unknown,
            start=last_fit,
            fit_data=FitData(texts, None),
            incremental=incremental,
            format_logs=self._format_logs,
        )

    def _check_texts(self, docs, name) -> list[str]:
        """Texts as they are read; one alone is a list of one."""
        texts = check_texts([docs] if isinstance(docs, str) else docs, name)
        return [text.lower() for text in texts] if self.lowercase else texts

    def _split(self, texts) -> list[list[str]]:
        return [self._split_text(text) for text in texts]

    def _check_enough(self, documents) -> None:
        n_tokens = sum(map(len, documents))
        if n_tokens < 2:
            raise ValueError(
                f"docs must hold at least 2 {self._token_name}s to learn from, got "
                f"{n_tokens} in {len(documents)} document(s)."
            )

    def _encode(self, documents, name) -> list[np.ndarray]:
        """Ids of tokenized documents, unknown tokens dealt with."""
        encoded = [self._vocabulary.encode(tokens) for tokens in documents]
        if self.handle_unknown == "ignore":
            return [ids[ids != UNKNOWN] for ids in encoded]
        if self.handle_unknown == "unk" and self._knows_unknown:
            return encoded
        places = [i for i, ids in enumerate(encoded) if (ids == UNKNOWN).any()]
        if not places:
            return encoded
        if self.handle_unknown == "unk":
            raise ValueError(
                "handle_unknown was set to 'unk' after fit, which has not learnt the "
                f"unknown {self._token_name}. Fit again."
            )
        ids_of = self._vocabulary.ids
        met = {token for i in places for token in documents[i]}
        unknown = sorted(t for t in met if ids_of.get(t, UNKNOWN) == UNKNOWN)
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        raise ValueError(
            f"{name}[{places[0]}]{more} hold {self._token_name}s that are not in the "
            f"vocabulary: {some(unknown)}. Fit on text that holds them, without "
            "min_count and max_tokens, or set handle_unknown to 'ignore' or 'unk'."
        )

    def _beginnings(self, prompts) -> list[np.ndarray]:
        """Ids of prompts."""
        check_is_fitted(self)
        documents = self._split(self._check_texts(prompts, "prompts"))
        if not documents:
            raise ValueError("prompts must hold at least one text, got none.")
        return self._encode(documents, "prompts")

    def _score_tokens(self, documents) -> list[np.ndarray]:
        """Log-likelihood of each token of tokenized documents, and of their ends."""
        if not documents:
            raise ValueError("docs must hold at least one document, got none.")
        return self._log_likelihood(self._encode(documents, "docs"))

    def _write(
        self, beginnings, *, max_new_tokens, stop, random_state, **sampling
    ) -> Iterator[tuple[int, list[int]]]:
        """Blocks of new tokens, each with the index of its document."""
        validate_parameter_constraints(
            _GENERATION,
            {
                "max_new_tokens": max_new_tokens,
                "stop": stop,
                "random_state": random_state,
                **sampling,
            },
            caller_name=f"{type(self).__name__}.generate",
        )
        # The copy is as it is now, whatever is made of the estimator while it writes.
        return copy(self)._write_blocks(
            beginnings,
            int(max_new_tokens),
            self._check_stops(stop),
            _random_streams(random_state, len(beginnings)),
            _sampling(**sampling),
        )

    def _write_blocks(self, beginnings, n_tokens, stops, random_streams, sampling):
        reading = self._read(beginnings)
        going = np.arange(len(beginnings))
        tails: list[list[int]] = [[] for _ in beginnings]
        block, longest_stop = _FIRST_BLOCK, max(map(len, stops), default=1)
        while n_tokens and len(going):
            n_steps = min(block, n_tokens)
            chance = np.column_stack([random_streams[i].random(n_steps) for i in going])
            # Borrowed for each block: who reads a stream may leave it.
            with engine.borrow_program(self._network, self._training_spec) as program:
                tokens, reading = program.generate(
                    reading, self.weights_, chance, engine.Sampling(**sampling)
                )
            goes_on = np.ones(len(going), bool)
            for row, i in enumerate(going):
                written = tokens[row].tolist()
                kept = _until_end(written, tails[i], stops)
                goes_on[row] = len(kept) == n_steps and not _ends(
                    tails[i] + kept, stops
                )
                tails[i] = (tails[i] + kept)[-longest_stop:]
                yield int(i), kept
            going, reading = going[goes_on], reading.take(goes_on)
            n_tokens -= n_steps
            block = min(2 * block, _LARGEST_BLOCK)

    def _check_stops(self, stop) -> list[list[int]]:
        """Token ids of the texts after which a document ends."""
        if stop is None:
            return []
        stops = []
        for text in self._check_texts(stop, "stop"):
            tokens = self._split_text(text)
            ids = self._vocabulary.encode(tokens)
            if not tokens or (ids == UNKNOWN).any():
                raise ValueError(
                    f"stop must hold {self._token_name}s of the vocabulary, got "
                    f"{text!r}, which would never be written."
                )
            stops.append(ids.tolist())
        return stops


def _sampling(temperature, top_k, top_p) -> dict:
    """Settings of the engine's sampling from those of the user."""
    everything = np.iinfo(np.int32).max
    if temperature == 0:
        return {"temperature": 1.0, "top_k": 1, "top_p": 1.0}
    return {
        "temperature": float(temperature),
        "top_k": everything if top_k is None else min(int(top_k), everything),
        "top_p": 1.0 if top_p is None else float(top_p),
    }


def _random_streams(random_state, n_documents: int) -> list[np.random.Generator]:
    """A generator of random numbers for each document."""
    seeds = seed_sequence(random_state).spawn(n_documents)
    return [np.random.default_rng(seed) for seed in seeds]


def _until_end(tokens, before, stops) -> list[int]:
    """New tokens up to the document's end, or to the first stop with it."""
    if PADDING in tokens:
        tokens = tokens[: tokens.index(PADDING)]
    if stops:
        for end in range(1, len(tokens) + 1):
            if _ends(before + tokens[:end], stops):
                return tokens[:end]
    return tokens


def _ends(tokens, stops) -> bool:
    return any(tokens[-len(stop) :] == stop for stop in stops)
