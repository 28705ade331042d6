"""Classification and regression of series with sktime's interface."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sktime.classification.base import BaseClassifier
from sktime.regression.base import BaseRegressor

from sklstm import RNNClassifier, RNNRegressor
from sklstm._core.keras_parameters import KerasParameters
from sklstm._core.seeds import RandomState

_AUTHORS = "The sklstm developers"

_TAGS = {
    "authors": _AUTHORS,
    "maintainers": _AUTHORS,
    "X_inner_mtype": ["df-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:missing_values": True,
    "capability:categorical_in_X": False,
    "capability:random_state": True,
    "property:randomness": "derandomized",
}


class _CollectionMixin(KerasParameters):
    """Conversion of sktime's collections of series."""

    embedding_dim: int | None

    def _to_sequences(self, X: Any) -> Any:
        """Return a collection as this package takes it: time steps before channels."""
        if isinstance(X, np.ndarray):
            array = X.transpose(0, 2, 1)
            return array if self.embedding_dim is None else array[..., 0]
        if self.embedding_dim is not None:
            return [frame.to_numpy()[:, 0] for frame in X]
        return list(X)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return small parameter settings for sktime's tests.

        Parameters
        ----------
        parameter_set : str, default="default"
            Ignored: there is one set for all tests.

        Returns
        -------
        parameters : list of dict
            Arguments of the constructor.
        """
        small = {"units": 2, "epochs": 1, "patch_length": 4, "random_state": 0}
        return [small, {**small, "cell": "gru", "bidirectional": False}]


class SktimeRNNClassifier(_CollectionMixin, BaseClassifier):
    """`sklstm.RNNClassifier` with sktime's interface.

    It classifies series of one or several columns, of equal or unequal lengths. If y
    has several columns, sktime fits a classifier to each.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory, gated recurrent unit, or the simple
        (Elman) RNN cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=True
        Whether each layer reads the sequence in both directions.
    conv_filters : int, tuple of int, "auto" or None, default="auto"
        Number of filters of the convolutional layer in front of the recurrent ones; a
        tuple stacks one layer for each entry, None uses none. Each is followed by batch
        normalization, ReLU and max pooling. "auto" is (32, 64, 64), and None for
        tokens.
    conv_kernel_size : int, tuple of int or "auto", default="auto"
        Number of time steps that each convolutional layer spans. "auto" is 8 for the
        first layer, 5 for the second and 3 for others, and 3 for tokens.
    dropout : float, default=0.3
        Fraction of each recurrent layer's outputs to drop during training.
    recurrent_dropout : float, default=0.0
        Fraction of the recurrent state to drop during training. Disables the fused
        kernels, so training is slower.
    pooling : {"last", "mean", "max", "all", "attention"}, default="all"
        Pooling of the hidden states over the time steps: the final state of each
        direction, the mean, the maximum, or all three concatenated; or their mean
        weighted by a learned attention.
    differences : bool, default=True
        Whether to append the first differences of the channels as further channels.
        Ignored for tokens.
    patch_length : int or "auto", default="auto"
        Number of time steps per recurrent step. The convolutional layers pool so many;
        without them, they are folded into patches, of which an incomplete last one
        is filled by repeating the last row. "auto" is about the smallest length that
        leaves at most 48 recurrent steps for the longest sequence in fit, and 1 for
        tokens. In a search, pass an integer, so that folds whose longest sequences
        differ share one compiled network.
    positional_encoding : int, default=8
        Number of sine and cosine pairs that encode the relative position of each step
        in its sequence; 0 for none. A positional encoding helps if the relevant pattern
        occurs at about the same place in all sequences. Ignored for tokens.
    noise : float, default=0.1
        Standard deviation of Gaussian noise added to the scaled channels during
        training, a regularisation against overfitting. Ignored for tokens.
    crop : float, default=0.2
        Maximum fraction of the time steps cropped from the beginning and the end of a
        sequence during training, drawn at random in each epoch (window slicing), a data
        augmentation against overfitting. Ignored for tokens.
    normalize : {"auto", "standard", "sequence"} or None, default="auto"
        Scaling of the channels. "standard" uses the mean and standard deviation over
        all time steps in fit. "sequence" first standardises each sequence by its own
        mean and standard deviation, which removes its level and scale. "auto" is
        "standard", unless the scales of the sequences differ more than a thousandfold;
        it then is "sequence", with the level and scale of the sequence as further
        channels. None disables scaling. Ignored for tokens.
    categorical_features : "from_dtype", int, str, sequence of them or None, \
            default="from_dtype"
        Channels that hold categories, by index or, in a list of data frames, by name;
        or a mask of the channels. "from_dtype" takes the columns of data frames that
        hold texts or pandas categories. A vector is learned for each
        category, of length (n + 1) // 2 for n categories, at most 16. Missing values
        are a category of their own. Categories that did not occur in fit share one
        vector, which is learned by replacing those of 5 % of the sequences, drawn at
        random during training. Ignored for tokens.
    embedding_dim : int or None, default=None
        Size of the embedding vector learned for each token. If set, X holds token ids,
        integers from 1; zeros are padding and are removed wherever they occur. Tune the
        learning rate for tokens: in our benchmarks, 0.01 was best for names read by
        character, 0.001 for sentences read by word.
    embedding_dropout : float, default=0.0
        Fraction of the values of the embedding vectors to drop during training. Ignored
        without ``embedding_dim``.
    token_dropout : float, default=0.0
        Fraction of the tokens to drop during training, as whole vectors. Ignored
        without ``embedding_dim``.
    vocabulary_size : int or None, default=None
        One more than the largest token id allowed. None uses one more than the largest
        id in fit.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss. "balanced" gives all classes the same total
        weight.
    loss : str, keras.losses.Loss or callable, default="auto"
        Loss. "auto" is "categorical_crossentropy". A callable takes (y_true, y_pred) of
        shape (n_sequences, n_classes), the one-hot classes and their predicted
        probabilities, and reduces the last axis.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=3e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    epochs : int or "auto", default="auto"
        Number of passes over the training sequences. "auto" trains for at least 1000
        optimizer steps, whatever the number of sequences.
    batch_size : int, default=16
        Number of sequences per optimizer step.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on a hold-out set of the training sequences,
        stratified by class, has not improved for ``patience`` epochs, and keep the
        weights of the best epoch. "refit" then trains again on all sequences for the
        best number of epochs.
    validation_split : float, default=0.1
        Fraction of the training sequences to hold out for early stopping.
    patience : int, default=5
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each epoch.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    classifier_ : sklstm.RNNClassifier
        The fitted classifier.

    See Also
    --------
    sklstm.RNNClassifier : The classifier with scikit-learn's interface, and the
        references.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.sktime import SktimeRNNClassifier
    >>> phase = np.random.default_rng(0).normal(size=(60, 1))
    >>> slow, fast = (np.sin(np.arange(30) / k + phase) for k in (5, 3))
    >>> X = np.vstack([slow[:30], fast[30:]])[:, None]
    >>> classifier = SktimeRNNClassifier(units=8, epochs=60, random_state=0)
    >>> classifier.fit(X, np.repeat(["slow", "fast"], 30)).predict(X[:2])
    array(['slow', 'slow'], dtype='<U4')
    """

    _tags = {**_TAGS, "capability:predict_proba": True}

    def __init__(
        self,
        *,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 64,
        bidirectional: bool = True,
        conv_filters: Any = "auto",
        conv_kernel_size: Any = "auto",
        dropout: float = 0.3,
        recurrent_dropout: float = 0.0,
        pooling: str = "all",
        differences: bool = True,
        patch_length: int | str = "auto",
        positional_encoding: int = 8,
        noise: float = 0.1,
        crop: float = 0.2,
        normalize: str | None = "auto",
        categorical_features: Any = "from_dtype",
        embedding_dim: int | None = None,
        embedding_dropout: float = 0.0,
        token_dropout: float = 0.0,
        vocabulary_size: int | None = None,
        class_weight: Any = None,
        loss: Any = "auto",
        optimizer: Any = "adam",
        learning_rate: float | None = 3e-3,
        learning_rate_schedule: str = "cosine",
        epochs: int | str = "auto",
        batch_size: int = 16,
        early_stopping: bool | str = False,
        validation_split: float = 0.1,
        patience: int = 5,
        callbacks: Any = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.conv_filters = conv_filters
        self.conv_kernel_size = conv_kernel_size
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.pooling = pooling
        self.differences = differences
        self.patch_length = patch_length
        self.positional_encoding = positional_encoding
        self.noise = noise
        self.crop = crop
        self.normalize = normalize
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.embedding_dropout = embedding_dropout
        self.token_dropout = token_dropout
        self.vocabulary_size = vocabulary_size
        self.class_weight = class_weight
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()

    def _fit(self, X: Any, y: np.ndarray) -> Self:
        self.classifier_ = RNNClassifier(**self.get_params(deep=False))
        self.classifier_.fit(self._to_sequences(X), y)
        return self

    def _predict(self, X: Any) -> np.ndarray:
        return self.classifier_.predict(self._to_sequences(X))

    def _predict_proba(self, X: Any) -> np.ndarray:
        return self.classifier_.predict_proba(self._to_sequences(X))


class SktimeRNNRegressor(_CollectionMixin, BaseRegressor):
    """`sklstm.RNNRegressor` with sktime's interface.

    It predicts one or several numbers for series of one or several columns, of equal or
    unequal lengths. One network learns all targets.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory, gated recurrent unit, or the simple
        (Elman) RNN cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=True
        Whether each layer reads the sequence in both directions.
    conv_filters : int, tuple of int, "auto" or None, default="auto"
        Number of filters of the convolutional layer in front of the recurrent ones; a
        tuple stacks one layer for each entry, None uses none. Each is followed by batch
        normalization, ReLU and max pooling. "auto" is (32, 64, 64), and None for
        tokens.
    conv_kernel_size : int, tuple of int or "auto", default="auto"
        Number of time steps that each convolutional layer spans. "auto" is 8 for the
        first layer, 5 for the second and 3 for others, and 3 for tokens.
    dropout : float, default=0.3
        Fraction of each recurrent layer's outputs to drop during training.
    recurrent_dropout : float, default=0.0
        Fraction of the recurrent state to drop during training. Disables the fused
        kernels, so training is slower.
    pooling : {"last", "mean", "max", "all", "attention"}, default="all"
        Pooling of the hidden states over the time steps: the final state of each
        direction, the mean, the maximum, or all three concatenated; or their mean
        weighted by a learned attention.
    differences : bool, default=True
        Whether to append the first differences of the channels as further channels.
        Ignored for tokens.
    patch_length : int or "auto", default="auto"
        Number of time steps per recurrent step. The convolutional layers pool so many;
        without them, they are folded into patches, of which an incomplete last one
        is filled by repeating the last row. "auto" is about the smallest length that
        leaves at most 48 recurrent steps for the longest sequence in fit, and 1 for
        tokens. In a search, pass an integer, so that folds whose longest sequences
        differ share one compiled network.
    positional_encoding : int, default=8
        Number of sine and cosine pairs that encode the relative position of each step
        in its sequence; 0 for none. A positional encoding helps if the relevant pattern
        occurs at about the same place in all sequences. Ignored for tokens.
    noise : float, default=0.1
        Standard deviation of Gaussian noise added to the scaled channels during
        training, a regularisation against overfitting. Ignored for tokens.
    crop : float, default=0.2
        Maximum fraction of the time steps cropped from the beginning and the end of a
        sequence during training, drawn at random in each epoch (window slicing), a data
        augmentation against overfitting. Ignored for tokens.
    normalize : {"auto", "standard", "sequence"} or None, default="auto"
        Scaling of the channels. "standard" uses the mean and standard deviation over
        all time steps in fit. "sequence" first standardises each sequence by its own
        mean and standard deviation, which removes its level and scale. "auto" is
        "standard", unless the scales of the sequences differ more than a thousandfold;
        it then is "sequence", with the level and scale of the sequence as further
        channels. None disables scaling. Ignored for tokens.
    categorical_features : "from_dtype", int, str, sequence of them or None, \
            default="from_dtype"
        Channels that hold categories, by index or, in a list of data frames, by name;
        or a mask of the channels. "from_dtype" takes the columns of data frames that
        hold texts or pandas categories. A vector is learned for each
        category, of length (n + 1) // 2 for n categories, at most 16. Missing values
        are a category of their own. Categories that did not occur in fit share one
        vector, which is learned by replacing those of 5 % of the sequences, drawn at
        random during training. Ignored for tokens.
    embedding_dim : int or None, default=None
        Size of the embedding vector learned for each token. If set, X holds token ids,
        integers from 1; zeros are padding and are removed wherever they occur. Tune the
        learning rate for tokens: in our benchmarks, 0.01 was best for names read by
        character, 0.001 for sentences read by word.
    embedding_dropout : float, default=0.0
        Fraction of the values of the embedding vectors to drop during training. Ignored
        without ``embedding_dim``.
    token_dropout : float, default=0.0
        Fraction of the tokens to drop during training, as whole vectors. Ignored
        without ``embedding_dim``.
    vocabulary_size : int or None, default=None
        One more than the largest token id allowed. None uses one more than the largest
        id in fit.
    loss : str, keras.losses.Loss or callable, default="mse"
        Loss on the standardised targets. A callable takes (y_true, y_pred) of shape
        (n_sequences, n_targets) and reduces the last axis.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=3e-3
        Learning rate of an optimizer given by name; None uses Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" decreases the learning rate of an optimizer given by name epoch by
        epoch along half a cosine wave to zero; "constant" keeps it.
    epochs : int or "auto", default="auto"
        Number of passes over the training sequences. "auto" trains for at least 1000
        optimizer steps, whatever the number of sequences.
    batch_size : int, default=16
        Number of sequences per optimizer step.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on a hold-out set of the training sequences has
        not improved for ``patience`` epochs, and keep the weights of the best epoch.
        "refit" then trains again on all sequences for the best number of epochs.
    validation_split : float, default=0.1
        Fraction of the training sequences to hold out for early stopping.
    patience : int, default=5
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each epoch.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    regressor_ : sklstm.RNNRegressor
        The fitted regressor.

    See Also
    --------
    sklstm.RNNRegressor : The regressor with scikit-learn's interface, and the
        references.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklstm.sktime import SktimeRNNRegressor
    >>> y = np.random.default_rng(0).uniform(size=60)
    >>> X = [pd.DataFrame({"x": np.full(9 + i, y[i])}) for i in range(60)]
    >>> regressor = SktimeRNNRegressor(units=8, epochs=60, random_state=0)
    >>> bool(regressor.fit(X, y).score(X, y) > 0.9)
    True
    """

    _tags = {
        **_TAGS,
        "capability:multioutput": True,
        "y_inner_mtype": "numpy2D",
    }

    def __init__(
        self,
        *,
        cell: str = "lstm",
        units: int | tuple[int, ...] = 64,
        bidirectional: bool = True,
        conv_filters: Any = "auto",
        conv_kernel_size: Any = "auto",
        dropout: float = 0.3,
        recurrent_dropout: float = 0.0,
        pooling: str = "all",
        differences: bool = True,
        patch_length: int | str = "auto",
        positional_encoding: int = 8,
        noise: float = 0.1,
        crop: float = 0.2,
        normalize: str | None = "auto",
        categorical_features: Any = "from_dtype",
        embedding_dim: int | None = None,
        embedding_dropout: float = 0.0,
        token_dropout: float = 0.0,
        vocabulary_size: int | None = None,
        loss: Any = "mse",
        optimizer: Any = "adam",
        learning_rate: float | None = 3e-3,
        learning_rate_schedule: str = "cosine",
        epochs: int | str = "auto",
        batch_size: int = 16,
        early_stopping: bool | str = False,
        validation_split: float = 0.1,
        patience: int = 5,
        callbacks: Any = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.conv_filters = conv_filters
        self.conv_kernel_size = conv_kernel_size
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.pooling = pooling
        self.differences = differences
        self.patch_length = patch_length
        self.positional_encoding = positional_encoding
        self.noise = noise
        self.crop = crop
        self.normalize = normalize
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.embedding_dropout = embedding_dropout
        self.token_dropout = token_dropout
        self.vocabulary_size = vocabulary_size
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()

    def _fit(self, X: Any, y: np.ndarray) -> Self:
        self.regressor_ = RNNRegressor(**self.get_params(deep=False))
        # One target is passed as a vector, and predicted as one.
        self.regressor_.fit(self._to_sequences(X), y[:, 0] if y.shape[1] == 1 else y)
        return self

    def _predict(self, X: Any) -> np.ndarray:
        return self.regressor_.predict(self._to_sequences(X))
