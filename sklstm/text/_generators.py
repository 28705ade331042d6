"""Text generators by character and by word."""

from __future__ import annotations

import re

import numpy as np

from sklstm._core import params
from sklstm._core.vocabulary import WORD, word_splitter
from sklstm.text._base import TextGenerator

# In a text of words: marks that stand right behind a word, and those right before one.
_NO_BLANK_BEFORE = re.compile(r" (?=[.,;:!?)\]}%\u2026])")


_NO_BLANK_BEHIND = re.compile(r"(?<=[(\[{]) ")


class CharLSTMGenerator(TextGenerator):
    """Learn texts character by character, and go on writing them.

    A recurrent network reads a text and tells, at each character, the next one [6]_.
    It scores other texts by how probable they are under what it has learnt, and writes
    new ones. Where a text ends is learnt too.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell: long short-term memory [1]_, gated recurrent unit
        [2]_, or the simple (Elman) cell [3]_.
    units : int or tuple of int, default=256
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    embedding_dim : int, default=64
        Length of the vector that is learnt for each character.
    dropout : float, default=0.1
        Share of each recurrent layer's outputs dropped in training [4]_. Against
        learning a text by heart: raise it where the held-out loss rises again.
    window_length : int, default=128
        Characters through which training goes back in time [5]_. The state is carried
        on from window to window of a document.
    lowercase : bool, default=False
        Whether texts are made lower case first.
    min_count : int, default=1
        The least number of times that a character occurs in the documents; others are
        unknown.
    max_tokens : int or None, default=None
        The most characters to know, the most frequent; by default all.
    handle_unknown : {"error", "ignore", "unk"}, default="error"
        What is made of characters that are not in the vocabulary. "error": an error
        that lists them. "ignore": they are left out. "unk": all of them are one token,
        which is learnt; where fit meets none, it takes one character in a hundred for
        it.
    unknown_token : str, default="<unk>"
        The name of that token.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=4e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int or "auto", default="auto"
        Passes over the documents. "auto" takes as many as make at least 1000 steps of
        the optimizer, one at the least.
    batch_size : int, default=64
        Streams of text that are read side by side, at most: a step of the optimizer
        reads a window of each. A short text is read in fewer, so that each has at least
        eight windows.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the tail of the documents, set aside, has not
        fallen for ``patience`` epochs, and keep the best epoch's weights. "refit" then
        trains again on all documents for the best number of epochs.
    validation_split : float, default=0.1
        Share of the characters, with the end of each document, that early stopping
        looks at: the last of the documents in their order. A document may be cut. The
        vocabulary is that of all.
    patience : int, default=3
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit; the vocabulary must be
        the same.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer on the same machine
        gives the same weights, bit for bit; None draws fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch: the loss and "bits_per_char", of the
        held-out tail if there is one.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The column of each character in `predict_proba`, the most frequent first.
        Before them stand the end of a document, an empty text at 0, and the unknown
        token at 1. ``list(vocabulary_)`` is the tokens in the order of the columns.
    history_ : dict of list of float
        "loss" (nats a character) and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Epochs trained.
    window_length_ : int
        The window length; that of the longest document if the documents together are
        shorter than ``window_length``.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``.
    network_ : keras.Model
        The network, built from the weights at each access. It reads tokens, of shape
        (n_documents, n_steps), and the states of its layers, and gives the logits of
        the next token at each step and the states behind the last. A document begins
        with token 0. The logits have some columns more than there are characters.

    See Also
    --------
    sklstm.WordLSTMGenerator : The same by word.
    sklstm.SequenceTokenizer : Texts for `RNNClassifier`.

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

    _parameter_constraints: dict = {
        **params.LANGUAGE,
        **params.TEXTS,
    }
    _token_name = "character"
    _epoch_metric_name = "bits_per_char"

    def __init__(
        self,
        *,
        cell="lstm",
        units=256,
        embedding_dim=64,
        dropout=0.1,
        window_length=128,
        lowercase=False,
        min_count=1,
        max_tokens=None,
        handle_unknown="error",
        unknown_token="<unk>",
        optimizer="adam",
        learning_rate=4e-3,
        learning_rate_schedule="cosine",
        epochs="auto",
        batch_size=64,
        early_stopping=False,
        validation_split=0.1,
        patience=3,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.cell = cell
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.window_length = window_length
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_tokens = max_tokens
        self.handle_unknown = handle_unknown
        self.unknown_token = unknown_token
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

    def _split_text(self, text):
        return list(text)

    def _join(self, tokens):
        return "".join(tokens)

    @staticmethod
    def _epoch_metric(loss):
        return float(loss / np.log(2))


class WordLSTMGenerator(TextGenerator):
    r"""Learn texts word by word, and go on writing them.

    A recurrent network reads a text and tells, at each word or punctuation mark, the
    next one. It scores other texts by how probable they are under what it has learnt,
    and writes new ones, whose words are joined by blanks. Where a text ends is learnt
    too.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell: long short-term memory [1]_, gated recurrent unit
        [2]_, or the simple (Elman) cell [3]_.
    units : int or tuple of int, default=128
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    embedding_dim : int, default=128
        Length of the vector that is learnt for each word.
    dropout : float, default=0.2
        Share of each recurrent layer's outputs dropped in training [4]_. Against
        learning a text by heart: raise it where the held-out loss rises again.
    window_length : int, default=32
        Words through which training goes back in time [5]_. The state is carried
        on from window to window of a document.
    lowercase : bool, default=False
        Whether texts are made lower case first.
    token_pattern : str, default=r"\w+(?:['\u2019]\w+)*|[^\w\s]"
        Regular expression of a word. By default words, with their inner apostrophes,
        and each punctuation mark by itself.
    min_count : int, default=1
        The least number of times that a word occurs in the documents; others are
        unknown.
    max_tokens : int or None, default=None
        The most words to know, the most frequent; by default all.
    handle_unknown : {"error", "ignore", "unk"}, default="error"
        What is made of words that are not in the vocabulary. "error": an error
        that lists them. "ignore": they are left out. "unk": all of them are one token,
        which is learnt; where fit meets none, it takes one word in a hundred for
        it.
    unknown_token : str, default="<unk>"
        The name of that token.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=4e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int or "auto", default="auto"
        Passes over the documents. "auto" takes as many as make at least 1000 steps of
        the optimizer, one at the least.
    batch_size : int, default=32
        Streams of text that are read side by side, at most: a step of the optimizer
        reads a window of each. A short text is read in fewer, so that each has at least
        eight windows.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the tail of the documents, set aside, has not
        fallen for ``patience`` epochs, and keep the best epoch's weights. "refit" then
        trains again on all documents for the best number of epochs.
    validation_split : float, default=0.1
        Share of the words, with the end of each document, that early stopping looks
        at: the last of the documents in their order. A document may be cut. The
        vocabulary is that of all.
    patience : int, default=3
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit; the vocabulary must be
        the same.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer on the same machine
        gives the same weights, bit for bit; None draws fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch: the loss and "perplexity", of the
        held-out tail if there is one.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The column of each word in `predict_proba`, the most frequent first.
        Before them stand the end of a document, an empty text at 0, and the unknown
        token at 1. ``list(vocabulary_)`` is the tokens in the order of the columns.
    history_ : dict of list of float
        "loss" (nats a word) and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Epochs trained.
    window_length_ : int
        The window length; that of the longest document if the documents together are
        shorter than ``window_length``.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``.
    network_ : keras.Model
        The network, built from the weights at each access. It reads tokens, of shape
        (n_documents, n_steps), and the states of its layers, and gives the logits of
        the next token at each step and the states behind the last. A document begins
        with token 0. The logits have some columns more than there are words.

    See Also
    --------
    sklstm.CharLSTMGenerator : The same by character.
    sklstm.SequenceTokenizer : Texts for `RNNClassifier`.

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

    Examples
    --------
    >>> from sklstm import WordLSTMGenerator
    >>> sentences = ["hello how are you", "i am fine thank you", "how about you"]
    >>> generator = WordLSTMGenerator(units=16, window_length=5, random_state=0)
    >>> generator.fit(sentences).predict(["hello how", "i am"])
    array(['are', 'fine'], dtype=object)
    >>> generator.generate("how about", temperature=0)
    'you'
    """

    _parameter_constraints: dict = {
        **params.LANGUAGE,
        **params.TEXTS,
        "token_pattern": [str],
    }
    _token_name = "word"
    _epoch_metric_name = "perplexity"

    def __init__(
        self,
        *,
        cell="lstm",
        units=128,
        embedding_dim=128,
        dropout=0.2,
        window_length=32,
        lowercase=False,
        token_pattern=WORD,
        min_count=1,
        max_tokens=None,
        handle_unknown="error",
        unknown_token="<unk>",
        optimizer="adam",
        learning_rate=4e-3,
        learning_rate_schedule="cosine",
        epochs="auto",
        batch_size=32,
        early_stopping=False,
        validation_split=0.1,
        patience=3,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.cell = cell
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.window_length = window_length
        self.lowercase = lowercase
        self.token_pattern = token_pattern
        self.min_count = min_count
        self.max_tokens = max_tokens
        self.handle_unknown = handle_unknown
        self.unknown_token = unknown_token
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

    def _split_text(self, text):
        return word_splitter(self.token_pattern)(text)

    def _join(self, tokens):
        text = _NO_BLANK_BEFORE.sub("", " ".join(tokens))
        return _NO_BLANK_BEHIND.sub("", text)

    @staticmethod
    def _epoch_metric(loss):
        return float(np.exp(loss))
