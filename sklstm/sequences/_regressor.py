"""Regression of sequences by recurrent networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from sklstm._core import params
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.seeds import RandomState
from sklstm._data.scaling import mean_and_scale
from sklstm._data.targets import check_targets
from sklstm._data.weights import check_weights
from sklstm._sklearn import fit_context
from sklstm.sequences._base import TrainingTargets
from sklstm.sequences._states import PooledStatesMixin

if TYPE_CHECKING:
    from sklearn.utils import Tags


class RNNRegressor(RegressorMixin, PooledStatesMixin):
    """Predict one or several numbers per sequence by a recurrent network.

    A sample is a sequence of numbers, of one or several channels, or of tokens. A
    recurrent network, bidirectional by default [3]_, reads the sequence, and a dense
    layer on its pooled hidden states predicts the targets. Sequences of unequal length
    are padded and masked batch by batch; padding never changes a prediction. Missing
    values are interpolated within each sequence, after scaling, and marked. To forecast
    the next values of a time series, use `LSTMForecaster` instead.

    Several targets are standardised one by one and learned by one network. `transform`
    returns the pooled states, as features for other estimators.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Recurrent cell: long short-term memory [1]_, gated recurrent unit [2]_, or the
        simple (Elman) RNN cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=True
        Whether each layer reads the sequence in both directions.
    conv_filters : int, tuple of int, "auto" or None, default="auto"
        Number of filters of the convolutional layer in front of the recurrent ones, as
        in [8]_; a tuple stacks one layer for each entry, None uses none. Each is
        followed by batch normalization, ReLU and max pooling. "auto" is (32, 64, 64),
        and None for tokens.
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
        weighted by a learned attention [9]_.
    differences : bool, default=True
        Whether to append the first differences of the channels as further channels.
        Ignored for tokens.
    patch_length : int or "auto", default="auto"
        Number of time steps per recurrent step. The convolutional layers pool so many;
        without them, they are folded into patches as in [4]_, of which an incomplete
        last one is filled by repeating the last row. "auto" is about the smallest
        length that leaves at most 48 recurrent steps for the longest sequence in fit,
        and 1 for tokens. In a search, pass an integer, so that folds whose longest
        sequences differ share one compiled network.
    positional_encoding : int, default=8
        Number of sine and cosine pairs that encode the relative position of each step
        in its sequence [5]_; 0 for none. A positional encoding helps if the relevant
        pattern occurs at about the same place in all sequences. Ignored for tokens.
    noise : float, default=0.1
        Standard deviation of Gaussian noise added to the scaled channels during
        training [6]_, a regularisation against overfitting. Ignored for tokens.
    crop : float, default=0.2
        Maximum fraction of the time steps cropped from the beginning and the end of a
        sequence during training, drawn at random in each epoch (window slicing [7]_),
        a data augmentation against overfitting. Ignored for tokens.
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
        Size of the embedding vector learned for each token. If set, X holds token
        ids, integers from 1; zeros are padding and are removed wherever they occur.
        Tune the learning rate for tokens: in our benchmarks, 0.01 was best for names
        read by character, 0.001 for sentences read by word.
    embedding_dropout : float, default=0.0
        Fraction of the values of the embedding vectors to drop during training. Ignored
        without ``embedding_dim``.
    token_dropout : float, default=0.0
        Fraction of the tokens to drop during training, as whole vectors. Ignored
        without ``embedding_dim``.
    vocabulary_size : int or None, default=None
        One more than the largest token id allowed. None uses one more than the
        largest id in fit.
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
        Whether to stop when the loss on a hold-out set of the training sequences
        has not improved for ``patience`` epochs, and keep the weights of the best
        epoch. "refit" then trains again on all sequences for the best number of
        epochs.
    validation_split : float, default=0.1
        Fraction of the training sequences to hold out for early stopping.
    patience : int, default=5
        Number of epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Keras callbacks, called at the beginning and end of training and of each
        epoch.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    history_ : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Number of epochs trained.
    n_channels_ : int
        Number of values per time step.
    is_categorical_ : ndarray of bool of shape (n_channels,)
        Which channels hold categories.
    normalize_ : {"standard", "sequence"} or None
        Scaling of the channels; None for tokens, too.
    patch_length_ : int
        Number of time steps folded into one recurrent step.
    n_features_in_ : int
        Number of columns of X. Sequences of one channel and equal length count as a
        2-D X, with one column per time step; otherwise ``n_channels_``, or 1 for
        tokens.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.
    weights_ : tuple of ndarray
        Weights of the network, in the order of ``network_.weights``.
    network_ : keras.Model
        Fitted network of standard Keras layers, built at each access. Its inputs are
        the scaled channels (followed by their differences, by the levels and scales of
        the sequence if ``normalize="auto"`` took it by itself, by masks, 1 where a
        value is missing, of the channels that had missing values in fit, and by ids of
        categories), padded to whole patches, and a boolean mask of the valid time
        steps; or token ids, with 0 as padding.

    See Also
    --------
    sklstm.RNNClassifier : Predict class labels of sequences.
    sklstm.LSTMForecaster : Forecast the next values of a time series.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural
       Computation 9(8).
    .. [2] Cho et al. (2014), "Learning phrase representations using RNN
       encoder-decoder for statistical machine translation", EMNLP.
    .. [3] Schuster and Paliwal (1997), "Bidirectional recurrent neural networks", IEEE
       Transactions on Signal Processing 45(11).
    .. [4] Nie et al. (2023), "A time series is worth 64 words", ICLR.
    .. [5] Vaswani et al. (2017), "Attention is all you need", NeurIPS.
    .. [6] Bishop (1995), "Training with noise is equivalent to Tikhonov
       regularization", Neural Computation 7(1).
    .. [7] Le Guennec et al. (2016), "Data augmentation for time series classification
       using convolutional neural networks", ECML/PKDD workshop AALTD.
    .. [8] Ordóñez and Roggen (2016), "Deep convolutional and LSTM recurrent neural
       networks for multimodal wearable activity recognition", Sensors 16(1).
    .. [9] Yang et al. (2016), "Hierarchical attention networks for document
       classification", NAACL.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import RNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> period = rng.uniform(10, 30, size=80)
    >>> lengths = rng.integers(30, 50, size=80)
    >>> waves = [np.sin(2 * np.pi * np.arange(n) / p) for n, p in zip(lengths, period)]
    >>> regressor = RNNRegressor(units=8, random_state=0).fit(waves[:60], period[:60])
    >>> bool(regressor.score(waves[60:], period[60:]) > 0.8)
    True
    """

    _parameter_constraints: dict[str, Any] = {
        **params.NETWORK,
        **params.TRAINING,
        **params.SEQUENCES,
    }
    _activation = "linear"

    _target_shape: tuple[int, ...]
    _target_mean: np.ndarray
    _target_scale: np.ndarray

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
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ):
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the regressor to sequences and their targets.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.
        y : array-like of shape (n_sequences,) or (n_sequences, n_targets)
            Targets of each sequence, in their own units.
        sample_weight : array-like of shape (n_sequences,), optional
            Weight of each sequence in the loss.

        Returns
        -------
        self : RNNRegressor

        Raises
        ------
        ValueError
            If X, y or a parameter is invalid.
        FloatingPointError
            If training diverges.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on further sequences for one epoch.

        The scaling and the patch length stay those of the first call.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.
        y : array-like of shape (n_sequences,) or (n_sequences, n_targets)
            Targets of each sequence.
        sample_weight : array-like of shape (n_sequences,), optional
            Weight of each sequence in the loss, in the unit of the first call.

        Returns
        -------
        self : RNNRegressor

        Raises
        ------
        ValueError
            If X has other channels or y other targets than in the first call.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit(X, y, sample_weight, incremental=True)
        sequences = self._check_sequences(X, reset=False)
        targets = check_targets(self, y, len(sequences))
        if targets.shape[1:] != self._target_shape:
            fitted_shape = ", ".join(map(str, ("n_sequences", *self._target_shape)))
            raise ValueError(
                f"y has shape {targets.shape}, but {type(self).__name__} was fitted "
                f"with ({fitted_shape})."
            )
        weight, _ = check_weights(sample_weight, targets, self._weight_unit)
        self._continue_training(
            sequences,
            TrainingTargets(self._scale_targets(targets), weight),
            fit_data=FitData(X, y),
        )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets of sequences.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.

        Returns
        -------
        y : ndarray of shape (n_sequences,) or (n_sequences, n_targets)
            Predicted targets, with the shape and units of y in fit.
        """
        outputs = self._network_outputs(X)
        y = outputs * self._target_scale + self._target_mean
        return y.reshape(len(y), *self._target_shape)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Self:
        """Fit a new network."""
        sequences = self._check_sequences(X, reset=True)
        targets = check_targets(self, y, len(sequences))
        previous = self._previous_fit()
        weight, self._weight_unit = check_weights(sample_weight, targets)
        self._target_shape = targets.shape[1:]
        self._target_mean, self._target_scale = mean_and_scale(
            targets.reshape(len(targets), -1)
        )
        self._fit_network(
            sequences,
            TrainingTargets(self._scale_targets(targets), weight),
            start=previous,
            fit_data=FitData(X, y),
            incremental=incremental,
        )
        return self

    def _scale_targets(self, targets: np.ndarray) -> np.ndarray:
        """Standardise targets: (n_sequences, n_targets), single precision."""
        targets = targets.reshape(len(targets), -1)
        return ((targets - self._target_mean) / self._target_scale).astype(np.float32)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
