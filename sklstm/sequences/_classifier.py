"""Classification of sequences by recurrent networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight

from sklstm._core import params
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.seeds import RandomState
from sklstm._data.sequences import Sequences
from sklstm._data.targets import (
    check_class_weight,
    check_label_matrix,
    check_labels,
    is_label_matrix,
    shape_of,
    warn_about_label_matrix,
)
from sklstm._data.weights import check_weights
from sklstm._sklearn import StrOptions, fit_context
from sklstm.sequences._base import TrainingTargets
from sklstm.sequences._states import PooledStatesMixin

if TYPE_CHECKING:
    from sklearn.utils import Tags

# loss="auto", for one class and for several labels per sequence.
_LOSSES = ("categorical_crossentropy", "binary_crossentropy")


class RNNClassifier(ClassifierMixin, PooledStatesMixin):
    """Classify sequences by a recurrent network.

    A sample is a sequence of numbers, of one or several channels, or of tokens. A
    recurrent network, bidirectional by default [3]_, reads the sequence, and a dense
    layer on its pooled hidden states predicts the class probabilities. Sequences of
    unequal length are padded and masked batch by batch; padding never changes a
    prediction. Missing values are interpolated within each sequence, after scaling, and
    marked.

    If y is an indicator matrix, a sequence may have any number of labels (multi-label
    classification): the last layer is a sigmoid, with one output for each label.
    ``class_weight`` is not supported then. `transform` returns the pooled states, as
    features for other estimators.

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
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss. "balanced" gives all classes the same total
        weight.
    loss : str, keras.losses.Loss or callable, default="auto"
        Loss. "auto" is "categorical_crossentropy", and for indicator matrices of labels
        "binary_crossentropy". A callable takes (y_true, y_pred) of shape (n_sequences,
        n_classes), the one-hot classes or the indicator matrix and the predicted
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
        best number of epochs. The hold-out set is not stratified for indicator
        matrices of labels.
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
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted; for an indicator matrix the label of each column: the
        names of the columns of a data frame, or else their numbers.
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
    sklstm.RNNRegressor : Predict numbers for sequences.
    sklstm.SequenceTokenizer : Convert texts to sequences of token ids.

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
    >>> from sklstm import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> lengths = rng.integers(20, 40, size=60)
    >>> slow = [np.sin(np.arange(n) / 5 + rng.normal()) for n in lengths[:30]]
    >>> fast = [np.sin(np.arange(n) / 3 + rng.normal()) for n in lengths[30:]]
    >>> classifier = RNNClassifier(units=8, epochs=60, random_state=0)
    >>> classifier.fit(slow + fast, ["slow"] * 30 + ["fast"] * 30).classes_
    array(['fast', 'slow'], dtype='<U4')
    >>> classifier.predict([np.sin(np.arange(50) / 5)])
    array(['slow'], dtype='<U4')

    Several labels for a sequence, as an indicator matrix:

    >>> noisy = [x + rng.normal(size=len(x)) for x in slow + fast]
    >>> labels = np.zeros((120, 2), dtype=int)  # is it slow, is it noisy
    >>> labels[:30, 0] = labels[60:90, 0] = labels[60:, 1] = 1
    >>> classifier.fit(slow + fast + noisy, labels).predict([slow[0], noisy[0]])
    array([[1, 0],
           [1, 1]])
    """

    _parameter_constraints: dict[str, Any] = {
        **params.NETWORK,
        **params.TRAINING,
        **params.SEQUENCES,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    classes_: np.ndarray
    _is_multilabel: bool  # whether y was an indicator matrix of labels

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
        class_weight: Mapping[Any, float] | str | None = None,
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _activation(self) -> str:
        return "sigmoid" if self._is_multilabel else "softmax"

    @property
    def _training_loss(self) -> Any:
        loss = self.loss
        if isinstance(loss, str) and loss == "auto":
            return _LOSSES[self._is_multilabel]
        if self._is_multilabel and _is_categorical(loss):
            raise ValueError(
                f"loss={loss!r} is for classes that exclude each other, but y is an "
                'indicator matrix of labels. Pass loss="auto" or '
                '"binary_crossentropy".'
            )
        return loss

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the classifier to labelled sequences.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.
        y : array-like of shape (n_sequences,) or (n_sequences, n_labels)
            Class label of each sequence, of any type; or an indicator matrix, dense or
            sparse, 1 where a sequence has a label and 0 elsewhere.
        sample_weight : array-like of shape (n_sequences,), optional
            Weight of each sequence in the loss.

        Returns
        -------
        self : RNNClassifier

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
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train on further sequences for one epoch.

        The scaling and the patch length stay those of the first call.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.
        y : array-like of shape (n_sequences,) or (n_sequences, n_labels)
            Class label of each sequence; or an indicator matrix of labels, always with
            the same columns.
        classes : array-like of shape (n_classes,), optional
            All classes that may occur; required in the first call. For an indicator
            matrix, the labels of its columns, by default as in `fit`.
        sample_weight : array-like of shape (n_sequences,), optional
            Weight of each sequence in the loss, in the unit of the first call.

        Returns
        -------
        self : RNNClassifier

        Raises
        ------
        ValueError
            If y has other classes or X other channels than in the first call, or if
            ``class_weight`` is "balanced", which needs all sequences at once.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" needs all sequences at once, but partial_fit '
                "sees only a part of them. Pass a dict of class weights."
            )
        if not self.__sklearn_is_fitted__():
            return self._fit(X, y, sample_weight, classes=classes, incremental=True)
        sequences = self._check_sequences(X, reset=False)
        if self._is_multilabel:
            targets = self._check_more_label_columns(y, len(sequences), classes)
            weight, _ = self._weight_label_rows(
                targets, sample_weight, self._weight_unit
            )
        else:
            labels = check_labels(self, y, len(sequences))
            if classes is not None and not np.array_equal(
                np.unique(classes), self.classes_
            ):
                raise ValueError(
                    f"classes={classes!r} are not those of the first call, "
                    f"{self.classes_.tolist()}."
                )
            targets = self._one_hot(labels)
            weight, _ = self._weight_samples(labels, sample_weight, self._weight_unit)
        self._continue_training(
            sequences, TrainingTargets(targets, weight), fit_data=FitData(X, y)
        )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.

        Returns
        -------
        probability : ndarray of shape (n_sequences, n_classes)
            In single precision, with the classes in the order of ``classes_``. Each
            row sums to 1, unless y in fit was an indicator matrix: the probability of
            each label, whatever the others.
        """
        return self._network_outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.

        Returns
        -------
        y : ndarray of shape (n_sequences,) or (n_sequences, n_labels)
            Most probable class of each sequence; or an indicator matrix, 1 for each
            label with a probability above 0.5.
        """
        probability = self.predict_proba(X)
        if self._is_multilabel:
            return (probability > 0.5).astype(int)
        return self.classes_[probability.argmax(axis=1)]

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        classes: Any = None,
        incremental: bool,
    ) -> Self:
        """Fit a new network, to all classes or to those that occur in y."""
        sequences = self._check_sequences(X, reset=True)
        previous = self._previous_fit()
        last_classes = self.classes_ if previous else None
        self._is_multilabel = is_label_matrix(y)
        strata = None
        if self._is_multilabel:
            targets = self._check_label_columns(y, sequences, classes)
            weight, self._weight_unit = self._weight_label_rows(targets, sample_weight)
        else:
            strata = check_labels(self, y, len(sequences))
            self._set_classes(strata, classes, incremental=incremental)
            targets = self._one_hot(strata)
            weight, self._weight_unit = self._weight_samples(strata, sample_weight)
        if last_classes is not None and not np.array_equal(self.classes_, last_classes):
            raise ValueError(
                "warm_start=True needs the classes of the last fit, which were "
                f"{last_classes.tolist()}, got {self.classes_.tolist()}. Set "
                "warm_start=False."
            )
        self._fit_network(
            sequences,
            TrainingTargets(targets, weight, strata=strata),
            start=previous,
            fit_data=FitData(X, y),
            incremental=incremental,
        )
        return self

    def _set_classes(
        self, labels: np.ndarray, classes: Any, *, incremental: bool
    ) -> None:
        """Set the classes to those given, or to those that occur."""
        if classes is not None:
            classes = np.unique(check_labels(self, classes, np.size(classes)))
        elif incremental:
            raise ValueError(
                "The first call of partial_fit needs classes: all classes that may "
                "occur."
            )
        else:
            classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes, got 1 class: "
                f"{classes.tolist()[0]!r}."
            )
        self.classes_ = classes

    def _check_label_columns(
        self, y: Any, sequences: Sequences, classes: Any
    ) -> np.ndarray:
        """Check an indicator matrix in fit, and set the labels of its columns."""
        labels = check_label_matrix(self, y, len(sequences))
        warn_about_label_matrix(labels.values, sequences.lengths)
        n_labels = labels.values.shape[1]
        if classes is not None:
            self.classes_ = np.asarray(classes)
            if self.classes_.shape != (n_labels,):
                raise ValueError(
                    f"classes must name the {n_labels} columns of y, an indicator "
                    f"matrix of labels, got {classes!r}. Leave it out to number them."
                )
            if len(np.unique(self.classes_)) < n_labels:
                raise ValueError(
                    f"classes must name each column of y differently, got {classes!r}."
                )
            self._compare_label_names(labels.names)
        elif labels.names is not None:
            self.classes_ = labels.names
        else:
            self.classes_ = np.arange(n_labels)
        return labels.values

    def _check_more_label_columns(
        self, y: Any, n_sequences: int, classes: Any
    ) -> np.ndarray:
        """Check an indicator matrix that continues training."""
        n_labels = len(self.classes_)
        shape = shape_of(y) if is_label_matrix(y) else None
        if shape is None or shape[1] != n_labels:
            got = "no matrix" if shape is None else f"shape {shape}"
            raise ValueError(
                f"y must be an indicator matrix of the {n_labels} labels of the first "
                f"call, {self.classes_.tolist()}, got {got}."
            )
        labels = check_label_matrix(self, y, n_sequences)
        if classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes!r} are not the labels of the first call, "
                f"{self.classes_.tolist()}."
            )
        self._compare_label_names(labels.names)
        return labels.values

    def _compare_label_names(self, names: np.ndarray | None) -> None:
        """Raise an error if the columns of y are named otherwise than the labels."""
        if names is None or self.classes_.dtype.kind not in "OU":
            return
        if not np.array_equal(names, self.classes_):
            raise ValueError(
                f"y must have the columns {self.classes_.tolist()}, in this order, got "
                f"{names.tolist()}."
            )

    def _one_hot(self, labels: np.ndarray) -> np.ndarray:
        """Encode labels with one column per class: (n_sequences, n_classes)."""
        codes = np.searchsorted(self.classes_, labels)
        codes = np.minimum(codes, len(self.classes_) - 1)
        unknown = self.classes_[codes] != labels
        if unknown.any():
            raise ValueError(
                f"y holds the class {labels[unknown].tolist()[0]!r}, which is not "
                f"among the classes {self.classes_.tolist()}."
            )
        return np.eye(len(self.classes_), dtype=np.float32)[codes]

    def _weight_label_rows(
        self, targets: np.ndarray, sample_weight: Any, unit: float | None = None
    ) -> tuple[np.ndarray, float]:
        """Return the weights of sequences with several labels, in units of ``unit``."""
        if self.class_weight is not None:
            raise ValueError(
                f"class_weight={self.class_weight!r} weights classes that exclude each "
                "other, but y is an indicator matrix, of which a sequence may have "
                "several labels. Pass sample_weight to weight sequences, or a loss "
                "that weights labels."
            )
        return check_weights(sample_weight, targets, unit)

    def _weight_samples(
        self, labels: np.ndarray, sample_weight: Any, unit: float | None = None
    ) -> tuple[np.ndarray, float]:
        """Combine sample and class weights, in units of their mean or of ``unit``."""
        weight, _ = check_weights(sample_weight, labels, 1.0)
        check_class_weight(self.class_weight, self.classes_)
        if isinstance(self.class_weight, Mapping | str):
            class_weight = compute_class_weight(
                self.class_weight, classes=self.classes_, y=labels
            )
            weight = weight * class_weight[np.searchsorted(self.classes_, labels)]
        return check_weights(weight, labels, unit)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _is_categorical(loss: Any) -> bool:
    """Return whether a loss of Keras compares distributions over classes."""
    if isinstance(loss, str):
        return "categorical" in loss.lower()
    named = loss if hasattr(loss, "__name__") else type(loss)
    of_keras = str(named.__module__).partition(".")[0] == "keras"
    return of_keras and "categorical" in named.__name__.lower()
