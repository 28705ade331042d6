"""Base of the language models of texts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np
from scipy.special import softmax
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core.attribution import Attribution
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.language_model import Corpus, LanguageModel, format_tokens
from sklstm._core.seeds import RandomState
from sklstm._core.vocabulary import Vocabulary
from sklstm._data.tokens import check_texts
from sklstm._sklearn import fit_context
from sklstm.engine import PADDING, UNKNOWN
from sklstm.text._adaptation import (
    CacheMemory,
    DynamicEvaluation,
    NeuralCache,
    check_adaptation,
)
from sklstm.text._sampling import (
    GenerationOptions,
    TokenWriter,
    Writer,
    random_streams,
)

if TYPE_CHECKING:
    from sklearn.utils import Tags

# Number of tokens generated per call of the engine: few at first, so that a stream
# starts without delay, then twice as many each time.
_FIRST_BLOCK, _LARGEST_BLOCK = 16, 256


# From a state, uniform numbers and, if restricted, the tokens allowed to tokens and the
# state after them.
Draw: TypeAlias = Callable[..., tuple[np.ndarray, engine.DecoderState]]


class Prompt(NamedTuple):
    """The beginning of a text that is to be continued."""

    tokens: np.ndarray
    rest: bytes = b""  # spelled by tokens that are still to be drawn


class TextGenerator(DensityMixin, LanguageModel):
    """Base of the language models whose documents are texts."""

    # Name of `_epoch_metric` in printed lines.
    _epoch_metric_name: ClassVar[str]

    # Hyperparameters.
    lowercase: bool
    min_count: int
    max_tokens: int | None
    handle_unknown: str
    unknown_token: str

    # Fitted state.
    _unknown_learned: bool

    @property
    def vocabulary_(self) -> dict[str, int]:
        """Column of each token in `predict_proba`."""
        check_is_fitted(self)
        return {"": PADDING, **self._vocabulary.ids}

    @property
    @abstractmethod
    def _token_name(self) -> str:
        """Name of a token in messages."""

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, docs: str | Iterable[str], y: Any = None) -> Self:
        """Fit the vocabulary and the network to documents.

        Parameters
        ----------
        docs : str or iterable of str
            Texts. A single string is one document.
        y : None
            Ignored.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If docs hold anything but texts, or fewer than two tokens.
        FloatingPointError
            If training diverges.
        """
        return self._fit(docs, incremental=False)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, docs: str | Iterable[str], y: Any = None) -> Self:
        """Train on further documents for one epoch.

        The vocabulary stays that of the first call.

        Parameters
        ----------
        docs : str or iterable of str
            Texts. A single string is one document.
        y : None
            Ignored.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If docs hold anything but texts, fewer than two tokens, or, with
            ``handle_unknown="error"``, unknown tokens.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit(docs, incremental=True)
        texts = self._prepare_texts(docs, "docs")
        documents = self._encode(self._tokenize(texts), "docs")
        self._check_enough_tokens(documents)
        self._continue_training(
            documents, fit_data=FitData(texts, None), format_logs=self._format_logs
        )
        return self

    def generate(
        self,
        prompts: str | Iterable[str] | None = None,
        *,
        max_new_tokens: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        random_state: RandomState = None,
        dynamic: bool | DynamicEvaluation = False,
        cache: bool | NeuralCache = False,
    ) -> str | list[str]:
        """Generate the continuation of each prompt.

        Each token is sampled from the distribution that the network predicts given
        all tokens before it, until the end of the document is sampled.

        Parameters
        ----------
        prompts : str, iterable of str or None, default=None
            Beginnings of documents. None, like an empty text, starts a new document.
        max_new_tokens : int, default=100
            Maximum number of tokens to generate per prompt.
        temperature : float, default=1.0
            Divisor of the logits. Values below 1 favour probable tokens, values above
            1 improbable ones; 0 always selects the most probable token.
        top_k : int or None, default=None
            Number of most probable tokens to sample from [1]_. None samples from all.
        top_p : float or None, default=None
            Sample from the smallest set of most probable tokens whose total
            probability is at least ``top_p`` (nucleus sampling [2]_), among the
            ``top_k`` if both are set. None samples from all.
        stop : str, list of str or None, default=None
            Stop sequences. Generation of a text stops after the first one, which is
            part of the text.
        random_state : int, RandomState or None, default=None
            Seed of the sampling. The same integer generates the same texts. Each
            prompt has its own random stream, by its position, so its text does not
            depend on the other prompts. None uses fresh entropy.
        dynamic : bool or DynamicEvaluation, default=False
            Whether to train on each prompt before it is continued.
        cache : bool or NeuralCache, default=False
            Whether to mix the predictions with the tokens that followed similar states
            of the network before in the same text. Slow: tokens are drawn one by one.

        Returns
        -------
        texts : str or list of str
            Continuation of each prompt, without the prompt. The unknown token is
            never generated.

        Raises
        ------
        ValueError
            If a parameter is invalid, or, with ``handle_unknown="error"``, a prompt
            has unknown tokens.

        References
        ----------
        .. [1] Fan, Lewis and Dauphin (2018), "Hierarchical neural story generation",
           ACL.
        .. [2] Holtzman et al. (2020), "The curious case of neural text degeneration",
           ICLR.
        """
        single = prompts is None or isinstance(prompts, str)
        opened = self._open_prompts([""] if prompts is None else prompts)
        options = GenerationOptions(
            max_new_tokens, temperature, top_k, top_p, stop, random_state
        )
        generated: list[list] = [[] for _ in opened]
        for i, pieces in self._generate_blocks(opened, options, dynamic, cache):
            generated[i] += pieces
        texts = list(map(self._join_pieces, generated))
        return texts[0] if single else texts

    def stream(
        self,
        prompt: str | None = None,
        *,
        max_new_tokens: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        random_state: RandomState = None,
        dynamic: bool | DynamicEvaluation = False,
        cache: bool | NeuralCache = False,
    ) -> Iterator[str]:
        """Generate the continuation of a prompt token by token.

        Parameters
        ----------
        prompt : str or None, default=None
            Beginning of a document. None, like an empty text, starts a new document.
        max_new_tokens, temperature, top_k, top_p, stop, random_state, dynamic, cache
            As in `generate`, which generates the same tokens.

        Returns
        -------
        tokens : iterator of str
        """
        if prompt is not None and not isinstance(prompt, str):
            raise ValueError(
                f"prompt must be one text (str) or None, got {prompt!r}. Pass several "
                "prompts to generate()."
            )
        options = GenerationOptions(
            max_new_tokens, temperature, top_k, top_p, stop, random_state
        )
        opened = self._open_prompts([prompt or ""])
        blocks = self._generate_blocks(opened, options, dynamic, cache)
        return self._iterate_texts(piece for _, pieces in blocks for piece in pieces)

    def predict_proba(self, prompts: str | Iterable[str]) -> np.ndarray:
        """Predict the probability of each token to come next.

        Parameters
        ----------
        prompts : str or iterable of str
            Beginnings of documents.

        Returns
        -------
        probability : ndarray of shape (n_prompts, n_tokens)
            With the tokens in the order of ``vocabulary_``: the end of the document,
            the unknown token, then the known tokens. Each row sums to 1.
        """
        state = self._process_prompts(self._encode_prompts(prompts))
        logits = state.logits[:, : len(self._vocabulary.tokens)]
        return softmax(logits.astype(np.float64), axis=1)

    def predict(self, prompts: str | Iterable[str]) -> np.ndarray:
        """Predict the most probable next token.

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

    def token_scores(
        self,
        docs: str | Iterable[str],
        *,
        dynamic: bool | DynamicEvaluation = False,
        cache: bool | NeuralCache = False,
    ) -> list[np.ndarray]:
        """Compute the log-likelihood of each token given the tokens before it.

        Parameters
        ----------
        docs : str or iterable of str
        dynamic : bool or DynamicEvaluation, default=False
            Whether to train on each part of a document after scoring it, to predict the
            rest of this document better.
        cache : bool or NeuralCache, default=False
            Whether to mix the predictions with the tokens that followed similar states
            of the network before in the same document.

        Returns
        -------
        log_likelihood : list of ndarray of shape (n_tokens + 1,)
            Natural logarithms, of each document. The last one is of the document's
            end.
        """
        check_is_fitted(self)
        documents = self._tokenize(self._prepare_texts(docs, "docs"))
        return self._score_tokens(documents, dynamic, cache)

    def score_samples(
        self,
        docs: str | Iterable[str],
        *,
        dynamic: bool | DynamicEvaluation = False,
        cache: bool | NeuralCache = False,
    ) -> np.ndarray:
        """Compute the mean log-likelihood per token of each document.

        The end of a document counts as one of its tokens.

        Parameters
        ----------
        docs : str or iterable of str
        dynamic : bool or DynamicEvaluation, default=False
            Whether to train on each part of a document after scoring it, to predict the
            rest of this document better.
        cache : bool or NeuralCache, default=False
            Whether to mix the predictions with the tokens that followed similar states
            of the network before in the same document.

        Returns
        -------
        log_likelihood : ndarray of shape (n_documents,)
            Natural logarithms; higher is more probable.
        """
        by_token = self.token_scores(docs, dynamic=dynamic, cache=cache)
        return np.array([scores.mean() for scores in by_token])

    def score(
        self,
        docs: str | Iterable[str],
        y: Any = None,
        *,
        dynamic: bool | DynamicEvaluation = False,
        cache: bool | NeuralCache = False,
    ) -> float:
        """Compute the mean log-likelihood per token of all documents together.

        Parameters
        ----------
        docs : str or iterable of str
        y : None
            Ignored.
        dynamic : bool or DynamicEvaluation, default=False
            Whether to train on each part of a document after scoring it, to predict the
            rest of this document better.
        cache : bool or NeuralCache, default=False
            Whether to mix the predictions with the tokens that followed similar states
            of the network before in the same document.

        Returns
        -------
        log_likelihood : float
            Natural logarithm; higher is better.
        """
        by_token = self.token_scores(docs, dynamic=dynamic, cache=cache)
        return float(np.concatenate(by_token).mean())

    def perplexity(
        self,
        docs: str | Iterable[str],
        *,
        dynamic: bool | DynamicEvaluation = False,
        cache: bool | NeuralCache = False,
    ) -> float:
        """Compute the perplexity of documents.

        It is the effective number of equally probable tokens that the model chooses
        from at each position.

        Parameters
        ----------
        docs : str or iterable of str
        dynamic : bool or DynamicEvaluation, default=False
            Whether to train on each part of a document after scoring it, to predict the
            rest of this document better.
        cache : bool or NeuralCache, default=False
            Whether to mix the predictions with the tokens that followed similar states
            of the network before in the same document.

        Returns
        -------
        perplexity : float
            ``exp(-score(docs))``; lower is better.
        """
        return float(np.exp(-self.score(docs, dynamic=dynamic, cache=cache)))

    def bits_per_char(
        self,
        docs: str | Iterable[str],
        *,
        dynamic: bool | DynamicEvaluation = False,
        cache: bool | NeuralCache = False,
    ) -> float:
        """Compute the mean number of bits per character of documents.

        The bits include the ends of the documents. The characters exclude unknown
        tokens that ``handle_unknown="ignore"`` drops. For a word-level model, they
        include the whitespace between words, which it does not predict.

        Parameters
        ----------
        docs : str or iterable of str
        dynamic : bool or DynamicEvaluation, default=False
            Whether to train on each part of a document after scoring it, to predict the
            rest of this document better.
        cache : bool or NeuralCache, default=False
            Whether to mix the predictions with the tokens that followed similar states
            of the network before in the same document.

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
        texts = self._prepare_texts(docs, "docs")
        documents = self._tokenize(texts)
        n_characters = sum(map(len, texts))
        if self.handle_unknown == "ignore":
            known = self._vocabulary.ids
            dropped = (t for tokens in documents for t in tokens if t not in known)
            n_characters -= sum(map(len, dropped))
        if not n_characters:
            raise ValueError(
                f"docs must hold characters to count, got none in {len(texts)} text(s)."
            )
        nats = -np.concatenate(self._score_tokens(documents, dynamic, cache)).sum()
        return float(nats / np.log(2) / n_characters)

    def _attribute(self, prompts: Any, target: Any, steps: Any) -> Attribution:
        """Attribute the next token; called by `sklstm.inspection.attribute`."""
        if steps is not None:
            raise ValueError(
                "steps is not used, because the next token after each whole prompt is "
                f"explained, got {steps!r}. Pass shorter prompts."
            )
        encoded = self._encode_prompts(
            [prompts] if isinstance(prompts, str) else prompts
        )
        if target is None:
            tokens = self._process_prompts(encoded).logits.argmax(axis=1)
        else:
            several = not isinstance(target, str) and np.iterable(target)
            names = list(target) if several else [target] * len(encoded)
            if len(names) != len(encoded):
                raise ValueError(
                    f"target must be one {self._token_name} or one for each of the "
                    f"{len(encoded)} prompts, got {len(names)}."
                )
            ids = self.vocabulary_
            unknown = [name for name in names if name not in ids]
            if unknown:
                raise ValueError(
                    f"target must be a {self._token_name} of the vocabulary, or '' for "
                    f"the end of the document, got {unknown[0]!r}."
                )
            tokens = np.array([ids[name] for name in names])
        labels = np.array(self._vocabulary.tokens, dtype=object)[tokens]
        levels = {"sequence": np.arange(len(encoded)), "next": labels}
        return self._attribute_next_tokens(encoded, tokens, levels)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    @abstractmethod
    def _tokenize_text(self, text: str) -> list[str]:
        """Split a text into tokens."""

    @abstractmethod
    def _detokenize(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text."""

    def _learn_tokens(self, texts: list[str]) -> None:
        """Learn how to split texts into tokens; by default nothing is learned."""

    def _learn_vocabulary(self, documents: list[list[str]]) -> Vocabulary:
        """Learn the vocabulary of documents."""
        return Vocabulary.learn(
            documents,
            unknown_token=self.unknown_token,
            min_count=int(self.min_count),
            max_tokens=self.max_tokens,
        )

    def _open_prompts(self, prompts: str | Iterable[str]) -> list[Prompt]:
        """Check prompts, and prepare them to be continued."""
        return [Prompt(ids) for ids in self._encode_prompts(prompts)]

    def _make_writers(self, options: GenerationOptions, n: int) -> list[Writer]:
        """Check stop sequences, and make a writer for each of several prompts."""
        stops = self._encode_stop_sequences(options.stop)
        return [TokenWriter(stops) for _ in range(n)]

    def _join_pieces(self, pieces: list) -> str:
        """Join the pieces of a writer to a text."""
        return self._detokenize(self._vocabulary.decode(pieces))

    def _iterate_texts(self, pieces: Iterable) -> Iterator[str]:
        """Turn the pieces of a writer into texts, one by one."""
        token_of_id = self._vocabulary.tokens
        return (token_of_id[token] for token in pieces)

    @staticmethod
    @abstractmethod
    def _epoch_metric(loss: float) -> float:
        """Convert the mean loss per token to a metric for printed lines."""

    def _format_logs(self, logs: Mapping[str, float]) -> dict[str, float]:
        """Add the metric to an epoch's logs, of the hold-out set if there is one."""
        name = "val_loss" if "val_loss" in logs else "loss"
        metric = self._epoch_metric(logs[name])
        return {**logs, name.replace("loss", self._epoch_metric_name): metric}

    def _fit(self, docs: str | Iterable[str], *, incremental: bool) -> Self:
        """Learn a vocabulary, and fit a new network."""
        previous = self._previous_fit()
        texts = self._prepare_texts(docs, "docs")
        self._learn_tokens(texts)
        documents = self._tokenize(texts)
        vocabulary = self._learn_vocabulary(documents)
        if previous:
            vocabulary = self._reuse_vocabulary(vocabulary)
        self._vocabulary = vocabulary
        self._unknown_learned = self._learns_unknown
        encoded = self._encode(documents, "docs")
        self._check_enough_tokens(encoded)
        self._fit_network(
            Corpus(
                encoded,
                len(vocabulary.tokens),
                learn_unknown=self._unknown_learned,
            ),
            start=previous,
            fit_data=FitData(texts, None),
            incremental=incremental,
            format_logs=self._format_logs,
        )
        return self

    @property
    def _learns_unknown(self) -> bool:
        """Whether `fit` trains the unknown token."""
        return self.handle_unknown == "unk"

    def _prepare_texts(self, docs: str | Iterable[str], name: str) -> list[str]:
        """Check texts, put a single one in a list, and apply ``lowercase``."""
        texts = check_texts([docs] if isinstance(docs, str) else docs, name)
        return [text.lower() for text in texts] if self.lowercase else texts

    def _tokenize(self, texts: list[str]) -> list[list[str]]:
        return [self._tokenize_text(text) for text in texts]

    def _check_enough_tokens(self, documents: list[np.ndarray]) -> None:
        n_tokens = sum(map(len, documents))
        if n_tokens < 2:
            raise ValueError(
                f"docs must hold at least 2 {self._token_name}s to learn from, got "
                f"{n_tokens} in {len(documents)} document(s)."
            )

    def _encode(self, documents: list[list[str]], name: str) -> list[np.ndarray]:
        """Convert tokens to ids, and apply ``handle_unknown``.

        Parameters
        ----------
        documents : list of list of str
        name : str
            Name of the documents' parameter, for messages.

        Returns
        -------
        documents : list of ndarray of int
        """
        encoded = [self._vocabulary.encode(tokens) for tokens in documents]
        if self.handle_unknown == "ignore":
            return [ids[ids != UNKNOWN] for ids in encoded]
        if self.handle_unknown == "unk" and self._unknown_learned:
            return encoded
        affected = [i for i, ids in enumerate(encoded) if (ids == UNKNOWN).any()]
        if not affected:
            return encoded
        if self.handle_unknown == "unk":
            raise ValueError(
                "handle_unknown was set to 'unk' after fit, which did not train the "
                f"unknown {self._token_name}. Fit again."
            )
        ids_of = self._vocabulary.ids
        tokens = {token for i in affected for token in documents[i]}
        unknown = sorted(t for t in tokens if ids_of.get(t, UNKNOWN) == UNKNOWN)
        more = f" and {len(affected) - 1} more" if len(affected) > 1 else ""
        raise ValueError(
            f"{name}[{affected[0]}]{more} hold {self._token_name}s outside the "
            f"vocabulary: {format_tokens(unknown)}. Fit on texts that contain them, "
            "without min_count and max_tokens, or set handle_unknown to 'ignore' or "
            "'unk'."
        )

    def _encode_prompts(self, prompts: str | Iterable[str]) -> list[np.ndarray]:
        """Check prompts, and convert them to token ids."""
        documents = self._tokenize(self._prepare_prompts(prompts))
        return self._encode(documents, "prompts")

    def _prepare_prompts(self, prompts: str | Iterable[str]) -> list[str]:
        """Check prompts, and prepare their texts."""
        check_is_fitted(self)
        texts = self._prepare_texts(prompts, "prompts")
        if not texts:
            raise ValueError("prompts must hold at least one text, got none.")
        return texts

    def _encode_stop_sequences(
        self, stop: str | Sequence[str] | None
    ) -> list[list[int]]:
        """Check stop sequences, and convert them to token ids."""
        if stop is None:
            return []
        encoded = []
        for text in self._prepare_texts(stop, "stop"):
            tokens = self._tokenize_text(text)
            ids = self._vocabulary.encode(tokens)
            if not tokens or (ids == UNKNOWN).any():
                raise ValueError(
                    f"stop must hold {self._token_name}s of the vocabulary, got "
                    f"{text!r}, which can never be generated."
                )
            encoded.append(ids.tolist())
        return encoded

    def _score_tokens(
        self, documents: list[list[str]], dynamic: Any, cache: Any
    ) -> list[np.ndarray]:
        """Compute the log-likelihood of each token and of each document's end."""
        dynamic, cache = check_adaptation(
            dynamic, cache, caller_name=type(self).__name__
        )
        if not documents:
            raise ValueError("docs must hold at least one document, got none.")
        encoded = self._encode(documents, "docs")
        if dynamic is None and cache is None:
            return self._token_log_likelihoods(encoded)
        results = []
        for ids in encoded:
            tokens = np.append(ids, PADDING)
            read = self._read_document(tokens, dynamic)
            scores = read.log_likelihood.astype(float)
            if cache is not None:
                scores = cache.log_likelihood(scores, read.hidden, tokens)
            results.append(scores)
        return results

    def _read_document(
        self, tokens: np.ndarray, dynamic: DynamicEvaluation | None
    ) -> engine.ReadDocument:
        """Read a document from its beginning, and adapt to it if wanted."""
        padded = np.insert(tokens, 0, PADDING)
        with engine.borrow_program(self._network, self._training_spec) as program:
            if dynamic is None:
                return program.read(padded, self.weights_)
            return program.read_adaptively(padded, self.weights_, dynamic.settings())

    def _generate_blocks(
        self,
        prompts: list[Prompt],
        options: GenerationOptions,
        dynamic: Any,
        cache: Any,
    ) -> Iterator[tuple[int, list]]:
        """Check options, and generate tokens block by block.

        Parameters
        ----------
        prompts : list of Prompt
        options : GenerationOptions

        Returns
        -------
        blocks : iterator of (int, list)
            Index of a prompt, and the next pieces of its writer.
        """
        caller_name = f"{type(self).__name__}.generate"
        options.check(caller_name=caller_name)
        dynamic, cache = check_adaptation(dynamic, cache, caller_name=caller_name)
        # A copy keeps generating from this fit if the estimator is fitted again before
        # the iterator is exhausted.
        fitted, writers = copy(self), self._make_writers(options, len(prompts))
        streams = random_streams(options.random_state, len(prompts))
        if dynamic is None and cache is None:
            return fitted._iterate_blocks(prompts, options, writers, streams)
        return (
            (i, pieces)
            for i, (prompt, writer, stream) in enumerate(
                zip(prompts, writers, streams, strict=True)
            )
            for _, pieces in fitted._adapted_to(prompt.tokens, dynamic)._iterate_blocks(
                [prompt], options, [writer], [stream], cache
            )
        )

    def _adapted_to(
        self, prompt: np.ndarray, dynamic: DynamicEvaluation | None
    ) -> Self:
        """Return a copy that was trained on a prompt."""
        if dynamic is None or not len(prompt):
            return self
        adapted = copy(self)
        adapted.weights_ = self._read_document(prompt, dynamic).weights
        return adapted

    def _iterate_blocks(
        self,
        prompts: list[Prompt],
        options: GenerationOptions,
        writers: Sequence[Writer],
        streams: list[np.random.Generator],
        cache: NeuralCache | None = None,
    ) -> Iterator[tuple[int, list]]:
        """Yield what `_generate_blocks` describes; its arguments are checked."""
        state = self._process_prompts([prompt.tokens for prompt in prompts])
        draw = partial(self._draw, options=options)
        if cache is not None:
            (prompt,) = prompts
            memory = self._remember(prompt.tokens)
            draw = partial(
                self._draw_with_cache, options=options, cache=cache, memory=memory
            )
        if any(prompt.rest for prompt in prompts):
            states = []
            for i, prompt in enumerate(prompts):
                pieces, last = self._complete(
                    prompt.rest, state.take(np.array([i])), writers[i], streams[i], draw
                )
                states.append(last)
                yield i, pieces
            state = engine.DecoderState.join(states)
        continues = np.array([not writer.ended for writer in writers])
        unfinished, state = np.flatnonzero(continues), state.take(continues)
        n_left, block_size = int(options.max_new_tokens), _FIRST_BLOCK
        while n_left and len(unfinished):
            n_steps = min(block_size, n_left)
            uniforms = np.column_stack([streams[i].random(n_steps) for i in unfinished])
            tokens, state = draw(state, uniforms)
            continues = np.ones(len(unfinished), bool)
            for row, i in enumerate(unfinished.tolist()):
                pieces = writers[i].write(tokens[row].tolist())
                continues[row] = not writers[i].ended
                yield i, pieces
            unfinished, state = unfinished[continues], state.take(continues)
            n_left -= n_steps
            block_size = min(2 * block_size, _LARGEST_BLOCK)

    def _complete(
        self,
        rest: bytes,
        state: engine.DecoderState,
        writer: Writer,
        stream: np.random.Generator,
        draw: Draw,
    ) -> tuple[list, engine.DecoderState]:
        """Draw the tokens of the rest of a prompt, which may go on in the last of them.

        Parameters
        ----------
        rest : bytes
        state : DecoderState
            After the tokens before it.
        writer : Writer
            Of what comes after the rest.
        stream : Generator
        draw : callable

        Returns
        -------
        pieces : list
        state : DecoderState
        """
        assert not rest
        return [], state

    def _draw(
        self,
        state: engine.DecoderState,
        uniforms: np.ndarray,
        allowed: np.ndarray | None = None,
        *,
        options: GenerationOptions,
    ) -> tuple[np.ndarray, engine.DecoderState]:
        """Draw the next tokens of texts, the first of them among those allowed."""
        if allowed is not None:
            logits = np.where(allowed, state.logits, engine.IMPOSSIBLE_LOGIT)
            state = replace(state, logits=logits.astype(np.float32))
        with engine.borrow_program(self._network, self._training_spec) as program:
            return program.generate(state, self.weights_, uniforms, options.sampling())

    def _remember(self, prompt: np.ndarray) -> CacheMemory:
        """Return the states of a prompt, and the tokens that followed them."""
        if not len(prompt):
            units = self._network.stack.units[-1]
            return CacheMemory(np.zeros((0, units)), prompt)
        return CacheMemory(self._read_document(prompt, None).hidden, prompt)

    def _draw_with_cache(
        self,
        state: engine.DecoderState,
        uniforms: np.ndarray,
        allowed: np.ndarray | None = None,
        *,
        options: GenerationOptions,
        cache: NeuralCache,
        memory: CacheMemory,
    ) -> tuple[np.ndarray, engine.DecoderState]:
        """Draw the next tokens of a single text one by one, and remember them."""
        drawn = []
        # The output of the last layer is the first of its states.
        place = -self._network.stack.n_layer_states
        for uniform in uniforms:
            hidden = state.states[place][0]
            mixed = cache.mix(state.logits[0], hidden, memory)
            state = replace(state, logits=mixed[None].astype(np.float32))
            tokens, state = self._draw(state, uniform[None], allowed, options=options)
            token = int(tokens[0, 0])
            drawn.append(token)
            if token == PADDING:
                break
            memory.append(hidden, token)
        padding = [PADDING] * (len(uniforms) - len(drawn))
        return np.array([drawn + padding]), state
