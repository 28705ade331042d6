"""Character-level and word-level language models of texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from sklstm import engine
from sklstm._core import params
from sklstm._core.seeds import RandomState
from sklstm._core.vocabulary import WORD_PATTERN, Vocabulary, word_splitter
from sklstm._sklearn import StrOptions
from sklstm.engine import UNKNOWN
from sklstm.text._base import Draw, Prompt, TextGenerator
from sklstm.text._byte_pairs import N_BYTES, BytePairs, check_encodable, token_bytes
from sklstm.text._sampling import ByteWriter, GenerationOptions, Writer, spell

# Blanks to remove when words are joined: before closing and after opening marks.
_BLANK_BEFORE_MARK = re.compile(r" (?=[.,;:!?)\]}%\u2026])")
_BLANK_AFTER_MARK = re.compile(r"(?<=[(\[{]) ")

# Size of the vocabulary of token="bpe" by default.
_BYTE_PAIR_TOKENS = 2000


class CharLSTMGenerator(TextGenerator):
    """Generate and score texts by a character-level language model.

    A recurrent network [3]_ learns to predict each character of a text from the
    characters before it [6]_. It generates new texts character by character, and
    scores texts by their likelihood. It predicts the end of a text, too.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory [1]_, gated recurrent unit [2]_, or the
        simple (Elman) RNN cell.
    units : int or tuple of int, default=256
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    embedding_dim : int, default=64
        Size of the embedding vector learned for each character.
    dropout : float, default=0.1
        Fraction of each recurrent layer's outputs to drop during training.
    weight_dropout : float, default=0.0
        Fraction of the recurrent weights to drop during training, redrawn for each
        optimizer step (weight-dropped LSTM [7]_).
    embedding_dropout : float, default=0.0
        Fraction of the values of the embedding vectors to drop during training.
    token_dropout : float, default=0.0
        Fraction of the tokens to drop during training, as whole vectors.
    locked_dropout : bool, default=False
        Whether ``dropout`` and ``embedding_dropout`` drop the same values at all steps
        of a window (variational dropout [8]_), and ``token_dropout`` the same tokens
        wherever they occur in an optimizer step.
    tie_weights : bool, default=False
        Whether the embedding matrix is the kernel of the output layer, too [9]_. If
        ``embedding_dim`` is not the number of units of the last layer, its outputs are
        projected to that size first.
    window_length : int, default=128
        Number of characters over which gradients are propagated back in time [5]_. The
        hidden state is carried over from window to window of a document.
    lowercase : bool, default=False
        Whether to convert texts to lower case first.
    min_count : int, default=1
        Minimum number of occurrences of a character in the documents; rarer ones are
        unknown.
    max_tokens : int or None, default=None
        Maximum number of known tokens; the most frequent ones are kept. None keeps
        all.
    handle_unknown : {"error", "ignore", "unk"}, default="error"
        Treatment of characters outside the vocabulary. "error" raises an error that
        lists them, "ignore" drops them, and "unk" replaces each of them by the unknown
        token, which is trained, too: if no character in fit is unknown, one percent of
        them are replaced during training.
    unknown_token : str, default="<unk>"
        Name of the unknown token.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=4e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    weight_decay : float or None, default=None
        Decoupled weight decay (AdamW [10]_) of an optimizer given by name: each step
        subtracts this fraction of the weights, times the learning rate. Biases do not
        decay. None uses Keras' default: none, except for "adamw".
    epochs : int or "auto", default="auto"
        Number of passes over the documents. "auto" trains for at least 1000 optimizer
        steps.
    average_weights : float, default=0.0
        Fraction of the epochs, the last ones, over whose optimizer steps the weights
        are averaged [7]_; 0 keeps those after the last step. Has an effect mainly with
        ``learning_rate_schedule="constant"``. `partial_fit` does not average.
    batch_size : int, default=64
        Maximum number of text streams read in parallel; an optimizer step processes
        one window of each. A short text is divided into fewer streams, so that each
        has at least eight windows.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on a hold-out set, the tail of the documents, has
        not improved for ``patience`` epochs, and keep the weights of the best epoch.
        "refit" then trains again on all documents for the best number of epochs.
    validation_split : float, default=0.1
        Fraction of the characters to hold out for early stopping: the last ones in the
        order of the documents, counting the end of a document as one. A document may
        be divided. The vocabulary is learned from all documents.
    patience : int, default=3
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each
        epoch.
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
    vocabulary_ : dict of str to int
        Column of each token in `predict_proba`: 0 is the end of a document, as an
        empty string, 1 the unknown token, then the characters follow, the most frequent
        first.
    history_ : dict of list of float
        "loss" (nats per character) and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Number of epochs trained.
    window_length_ : int
        Window length used: ``window_length``, or the length of the longest document
        if all documents together are shorter than that.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``.
    network_ : keras.Model
        Fitted network of standard Keras layers, built at each access. Its inputs are
        token ids of shape (n_documents, n_steps), starting with 0 for a new document,
        and the initial state of each layer; its outputs are the logits of the next
        token at each step and the final states. It may have more logits than the
        vocabulary has tokens.

    See Also
    --------
    sklstm.WordLSTMGenerator : Word-level language model.
    sklstm.SequenceTokenizer : Tokenizer for `RNNClassifier` and `RNNRegressor`.

    Notes
    -----
    Overfitting: if the validation loss rises again, increase ``dropout``, which drops
    the outputs of the layers but keeps the recurrent state [4]_, and set
    ``weight_dropout``.

    With ``verbose=1``, the line of each epoch includes ``bits_per_char``, computed on
    the hold-out set if there is one.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural
       Computation 9(8).
    .. [2] Cho et al. (2014), "Learning phrase representations using RNN
       encoder-decoder for statistical machine translation", EMNLP.
    .. [3] Mikolov et al. (2010), "Recurrent neural network based language model",
       Interspeech.
    .. [4] Zaremba, Sutskever and Vinyals (2014), "Recurrent neural network
       regularization", arXiv:1409.2329.
    .. [5] Williams and Peng (1990), "An efficient gradient-based algorithm for on-line
       training of recurrent network trajectories", Neural Computation 2(4).
    .. [6] Graves (2013), "Generating sequences with recurrent neural networks",
       arXiv:1308.0850.
    .. [7] Merity, Keskar and Socher (2018), "Regularizing and optimizing LSTM language
       models", ICLR.
    .. [8] Gal and Ghahramani (2016), "A theoretically grounded application of dropout
       in recurrent neural networks", NeurIPS.
    .. [9] Press and Wolf (2017), "Using the output embedding to improve language
       models", EACL.
    .. [10] Loshchilov and Hutter (2019), "Decoupled weight decay regularization",
       ICLR.

    Examples
    --------
    >>> from sklstm import CharLSTMGenerator
    >>> text = "hello world hello tensorflow hello keras"
    >>> generator = CharLSTMGenerator(units=32, window_length=20, random_state=0)
    >>> generator.fit(text).predict(["hello", "hello t"])
    array([' ', 'e'], dtype=object)
    >>> generator.generate("hello te", temperature=0)
    'nsorflow hello keras'
    """

    _parameter_constraints: dict[str, Any] = {**params.LANGUAGE, **params.TEXTS}
    _token_name = "character"
    _epoch_metric_name = "bits_per_char"

    def __init__(
        self,
        *,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 256,
        embedding_dim: int = 64,
        dropout: float = 0.1,
        weight_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        token_dropout: float = 0.0,
        locked_dropout: bool = False,
        tie_weights: bool = False,
        window_length: int = 128,
        lowercase: bool = False,
        min_count: int = 1,
        max_tokens: int | None = None,
        handle_unknown: str = "error",
        unknown_token: str = "<unk>",
        optimizer: Any = "adam",
        learning_rate: float | None = 4e-3,
        learning_rate_schedule: str = "cosine",
        weight_decay: float | None = None,
        epochs: int | str = "auto",
        average_weights: float = 0.0,
        batch_size: int = 64,
        early_stopping: bool | str = False,
        validation_split: float = 0.1,
        patience: int = 3,
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ):
        self.cell = cell
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.weight_dropout = weight_dropout
        self.embedding_dropout = embedding_dropout
        self.token_dropout = token_dropout
        self.locked_dropout = locked_dropout
        self.tie_weights = tie_weights
        self.window_length = window_length
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_tokens = max_tokens
        self.handle_unknown = handle_unknown
        self.unknown_token = unknown_token
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.average_weights = average_weights
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _tokenize_text(self, text: str) -> list[str]:
        return list(text)

    def _detokenize(self, tokens: Sequence[str]) -> str:
        return "".join(tokens)

    @staticmethod
    def _epoch_metric(loss: float) -> float:
        return float(loss / np.log(2))


class WordLSTMGenerator(TextGenerator):
    r"""Generate and score texts by a word-level language model.

    A recurrent network [3]_ learns to predict each word or punctuation mark of a text
    from those before it. It generates new texts word by word, joined by blanks, and
    scores texts by their likelihood. It predicts the end of a text, too. With
    ``token="bpe"``, it reads and writes parts of words instead: every text can be
    scored, and generated texts have their own blanks and line breaks.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory [1]_, gated recurrent unit [2]_, or the
        simple (Elman) RNN cell.
    units : int or tuple of int, default=128
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    embedding_dim : int, default=128
        Size of the embedding vector learned for each word.
    dropout : float, default=0.2
        Fraction of each recurrent layer's outputs to drop during training.
    weight_dropout : float, default=0.0
        Fraction of the recurrent weights to drop during training, redrawn for each
        optimizer step (weight-dropped LSTM [6]_).
    embedding_dropout : float, default=0.0
        Fraction of the values of the embedding vectors to drop during training.
    token_dropout : float, default=0.0
        Fraction of the tokens to drop during training, as whole vectors.
    locked_dropout : bool, default=False
        Whether ``dropout`` and ``embedding_dropout`` drop the same values at all steps
        of a window (variational dropout [7]_), and ``token_dropout`` the same tokens
        wherever they occur in an optimizer step.
    tie_weights : bool, default=False
        Whether the embedding matrix is the kernel of the output layer, too [8]_. If
        ``embedding_dim`` is not the number of units of the last layer, its outputs are
        projected to that size first.
    window_length : int, default=32
        Number of words over which gradients are propagated back in time [5]_. The
        hidden state is carried over from window to window of a document.
    lowercase : bool, default=False
        Whether to convert texts to lower case first.
    token : {"word", "bpe"}, default="word"
        Unit of the tokens: words, or frequent sequences of bytes within words, each
        with the blank before it (byte-pair encoding [10]_, learned by the package
        tokenizers). With "bpe" no text has unknown tokens, and all of a text is
        predicted, its blanks and line breaks too.
    token_pattern : str, default=r"\w+(?:['\u2019]\w+)*|[^\w\s]"
        Regular expression of a word. The default matches words, with their inner
        apostrophes, and single punctuation marks. Ignored with ``token="bpe"``.
    min_count : int, default=1
        Minimum number of occurrences of a word in the documents; rarer ones are
        unknown. With ``token="bpe"``, of a pair of tokens that becomes one; at least 2.
    max_tokens : int or None, default=None
        Maximum number of known tokens; the most frequent ones are kept. None keeps
        all. With ``token="bpe"``, the number of tokens to learn, at least 256; None
        stands for 2000.
    handle_unknown : {"error", "ignore", "unk"}, default="error"
        Treatment of words outside the vocabulary. "error" raises an error that
        lists them, "ignore" drops them, and "unk" replaces each of them by the unknown
        token, which is trained, too: if no word in fit is unknown, one percent of
        them are replaced during training. Ignored with ``token="bpe"``.
    unknown_token : str, default="<unk>"
        Name of the unknown token.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=4e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    weight_decay : float or None, default=None
        Decoupled weight decay (AdamW [9]_) of an optimizer given by name: each step
        subtracts this fraction of the weights, times the learning rate. Biases do not
        decay. None uses Keras' default: none, except for "adamw".
    epochs : int or "auto", default="auto"
        Number of passes over the documents. "auto" trains for at least 1000 optimizer
        steps.
    average_weights : float, default=0.0
        Fraction of the epochs, the last ones, over whose optimizer steps the weights
        are averaged [6]_; 0 keeps those after the last step. Has an effect mainly with
        ``learning_rate_schedule="constant"``. `partial_fit` does not average.
    batch_size : int, default=32
        Maximum number of text streams read in parallel; an optimizer step processes
        one window of each. A short text is divided into fewer streams, so that each
        has at least eight windows.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on a hold-out set, the tail of the documents, has
        not improved for ``patience`` epochs, and keep the weights of the best epoch.
        "refit" then trains again on all documents for the best number of epochs.
    validation_split : float, default=0.1
        Fraction of the words to hold out for early stopping: the last ones in the
        order of the documents, counting the end of a document as one. A document may
        be divided. The vocabulary is learned from all documents.
    patience : int, default=3
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each
        epoch.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit; the vocabulary must be
        the same, which ``token="bpe"`` keeps.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Column of each token in `predict_proba`: 0 is the end of a document, as an
        empty string, 1 the unknown token, then the words follow, the most frequent
        first. With ``token="bpe"``, tokens are written in the byte-level notation of
        GPT-2: "\u0120" stands for a blank, "\u010a" for a line break.
    history_ : dict of list of float
        "loss" (nats per word) and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Number of epochs trained.
    window_length_ : int
        Window length used: ``window_length``, or the length of the longest document
        if all documents together are shorter than that.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``.
    network_ : keras.Model
        Fitted network of standard Keras layers, built at each access. Its inputs are
        token ids of shape (n_documents, n_steps), starting with 0 for a new document,
        and the initial state of each layer; its outputs are the logits of the next
        token at each step and the final states. It may have more logits than the
        vocabulary has tokens.

    See Also
    --------
    sklstm.CharLSTMGenerator : Character-level language model.
    sklstm.SequenceTokenizer : Tokenizer for `RNNClassifier` and `RNNRegressor`.

    Notes
    -----
    Overfitting: if the validation loss rises again, increase ``dropout``, which drops
    the outputs of the layers but keeps the recurrent state [4]_, and set
    ``weight_dropout``.

    With ``token="bpe"``, ``score`` and ``perplexity`` are those of a token, so they
    depend on how many tokens there are. Compare models with different tokens by
    ``bits_per_char``. Models of words do not predict blanks and line breaks, which is
    in their favour. A prompt may end within a word: `generate` and `stream` draw the
    tokens of its last word again, among those that spell it and may go on. `predict`
    and `predict_proba` take the tokens of the prompt as they are.

    With ``verbose=1``, the line of each epoch includes ``perplexity``, computed on
    the hold-out set if there is one.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural
       Computation 9(8).
    .. [2] Cho et al. (2014), "Learning phrase representations using RNN
       encoder-decoder for statistical machine translation", EMNLP.
    .. [3] Mikolov et al. (2010), "Recurrent neural network based language model",
       Interspeech.
    .. [4] Zaremba, Sutskever and Vinyals (2014), "Recurrent neural network
       regularization", arXiv:1409.2329.
    .. [5] Williams and Peng (1990), "An efficient gradient-based algorithm for on-line
       training of recurrent network trajectories", Neural Computation 2(4).
    .. [6] Merity, Keskar and Socher (2018), "Regularizing and optimizing LSTM language
       models", ICLR.
    .. [7] Gal and Ghahramani (2016), "A theoretically grounded application of dropout
       in recurrent neural networks", NeurIPS.
    .. [8] Press and Wolf (2017), "Using the output embedding to improve language
       models", EACL.
    .. [9] Loshchilov and Hutter (2019), "Decoupled weight decay regularization",
       ICLR.
    .. [10] Sennrich, Haddow and Birch (2016), "Neural machine translation of rare words
       with subword units", ACL.

    Examples
    --------
    >>> from sklstm import WordLSTMGenerator
    >>> sentences = ["hello how are you", "i am fine thank you", "how about you"]
    >>> generator = WordLSTMGenerator(units=16, window_length=5, random_state=0)
    >>> generator.fit(sentences).predict(["hello how", "i am"])
    array(['are', 'fine'], dtype=object)
    >>> generator.generate("how about", temperature=0)
    'you'

    With parts of words, every text can be read:

    >>> subwords = WordLSTMGenerator(
    ...     token="bpe", max_tokens=300, units=16, window_length=5, random_state=0
    ... ).fit(sentences)
    >>> subwords.generate("hello h", temperature=0)
    'ow are you'
    >>> subwords.token_scores("hi!")[0].shape
    (4,)
    """

    _parameter_constraints: dict[str, Any] = {
        **params.LANGUAGE,
        **params.TEXTS,
        "token": [StrOptions({"word", "bpe"})],
        "token_pattern": [str],
    }
    _epoch_metric_name = "perplexity"

    # Fitted state.
    _byte_pairs: BytePairs | None = None

    def __init__(
        self,
        *,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 128,
        embedding_dim: int = 128,
        dropout: float = 0.2,
        weight_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        token_dropout: float = 0.0,
        locked_dropout: bool = False,
        tie_weights: bool = False,
        window_length: int = 32,
        lowercase: bool = False,
        token: str = "word",
        token_pattern: str = WORD_PATTERN,
        min_count: int = 1,
        max_tokens: int | None = None,
        handle_unknown: str = "error",
        unknown_token: str = "<unk>",
        optimizer: Any = "adam",
        learning_rate: float | None = 4e-3,
        learning_rate_schedule: str = "cosine",
        weight_decay: float | None = None,
        epochs: int | str = "auto",
        average_weights: float = 0.0,
        batch_size: int = 32,
        early_stopping: bool | str = False,
        validation_split: float = 0.1,
        patience: int = 3,
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ):
        self.cell = cell
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.weight_dropout = weight_dropout
        self.embedding_dropout = embedding_dropout
        self.token_dropout = token_dropout
        self.locked_dropout = locked_dropout
        self.tie_weights = tie_weights
        self.window_length = window_length
        self.lowercase = lowercase
        self.token = token
        self.token_pattern = token_pattern
        self.min_count = min_count
        self.max_tokens = max_tokens
        self.handle_unknown = handle_unknown
        self.unknown_token = unknown_token
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.average_weights = average_weights
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _token_name(self) -> str:
        return "word" if self.token == "word" else "token"

    def _learn_tokens(self, texts: list[str]) -> None:
        if self.token == "word":
            self._byte_pairs = None
            return
        size = _BYTE_PAIR_TOKENS if self.max_tokens is None else int(self.max_tokens)
        if size < N_BYTES:
            raise ValueError(
                f'max_tokens must be at least {N_BYTES} with token="bpe", one for each '
                f"byte, got {size}."
            )
        # A warm start continues with the tokens of the last fit.
        if not (self.warm_start and self._byte_pairs):
            self._byte_pairs = BytePairs.learn(
                texts, size=size, min_count=max(int(self.min_count), 2)
            )

    def _learn_vocabulary(self, documents: list[list[str]]) -> Vocabulary:
        if self._byte_pairs is None:
            return super()._learn_vocabulary(documents)
        tokens = self._byte_pairs.tokens
        if self.unknown_token in tokens:
            raise ValueError(
                f"unknown_token={self.unknown_token!r} is one of the tokens of "
                'token="bpe". Pass another name, such as "<unk>".'
            )
        # Also tokens that do not occur: they may in other texts.
        return Vocabulary.learn([*documents, tokens], unknown_token=self.unknown_token)

    @property
    def _learns_unknown(self) -> bool:
        return self._byte_pairs is None and super()._learns_unknown

    def _prepare_texts(self, docs: str | Iterable[str], name: str) -> list[str]:
        texts = super()._prepare_texts(docs, name)
        if self.token == "bpe":
            check_encodable(texts, name)
        return texts

    def _tokenize_text(self, text: str) -> list[str]:
        if self._byte_pairs is not None:
            return self._byte_pairs.split(text)
        return word_splitter(self.token_pattern)(text)

    def _detokenize(self, tokens: Sequence[str]) -> str:
        text = _BLANK_BEFORE_MARK.sub("", " ".join(tokens))
        return _BLANK_AFTER_MARK.sub("", text)

    def _open_prompts(self, prompts: str | Iterable[str]) -> list[Prompt]:
        if self._byte_pairs is not None:
            # The last word may go on, in a token that spells more of it.
            split = map(
                self._byte_pairs.split_last_word, self._prepare_prompts(prompts)
            )
            return [Prompt(self._vocabulary.encode(ids), rest) for ids, rest in split]
        return super()._open_prompts(prompts)

    def _make_writers(self, options: GenerationOptions, n: int) -> list[Writer]:
        if self._byte_pairs is None:
            return super()._make_writers(options, n)
        stops = (
            [] if options.stop is None else self._prepare_texts(options.stop, "stop")
        )
        if "" in stops:
            raise ValueError("stop must hold characters, got ''.")
        encoded = [text.encode() for text in stops]
        spelled, limit = _spell_tokens(self._vocabulary), int(options.max_new_tokens)
        return [ByteWriter(encoded, spelled, limit) for _ in range(n)]

    def _complete(
        self,
        rest: bytes,
        state: engine.DecoderState,
        writer: Writer,
        stream: np.random.Generator,
        draw: Draw,
    ) -> tuple[list, engine.DecoderState]:
        spelled = _spell_tokens(self._vocabulary)
        while rest:
            allowed = np.zeros(state.logits.shape[1], bool)
            # Each has a byte at least, so the rest gets shorter.
            allowed[: len(spelled)] = [
                bool(each) and (each.startswith(rest) or rest.startswith(each))
                for each in spelled
            ]
            tokens, state = draw(state, stream.random((1, 1)), allowed)
            token = spelled[int(tokens[0, 0])]
            if len(token) > len(rest):
                assert isinstance(writer, ByteWriter)
                return [writer.write_bytes(token[len(rest) :])], state
            rest = rest[len(token) :]
        return [], state

    def _join_pieces(self, pieces: list) -> str:
        if self._byte_pairs is None:
            return super()._join_pieces(pieces)
        return "".join(spell(pieces))

    def _iterate_texts(self, pieces: Iterable) -> Iterator[str]:
        if self._byte_pairs is None:
            return super()._iterate_texts(pieces)
        return spell(pieces)

    @staticmethod
    def _epoch_metric(loss: float) -> float:
        return float(np.exp(loss))


@lru_cache(16)
def _spell_tokens(vocabulary: Vocabulary) -> tuple[bytes, ...]:
    """Return the bytes that each token of a byte-pair encoding spells."""
    return (b"", b"", *map(token_bytes, vocabulary.tokens[UNKNOWN + 1 :]))
