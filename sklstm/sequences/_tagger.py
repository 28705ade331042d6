"""Labels for the steps of sequences by recurrent networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from sklstm._core import params
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._core.seeds import RandomState
from sklstm._data.sequences import Sequences
from sklstm._data.step_targets import (
    check_step_weights,
    is_missing,
    join_steps,
    split_steps,
)
from sklstm._data.targets import check_class_weight
from sklstm._sklearn import StrOptions, fit_context
from sklstm.sequences._base import TrainingTargets
from sklstm.sequences._steps import StepEstimator


class RNNTagger(StepEstimator):
    """Label each step of sequences by a recurrent network.

    A sample is a sequence of numbers, of one or several channels, or of tokens, with a
    class label for each of its steps: activities in recordings of sensors, phases of a
    process, parts of speech. A recurrent network, bidirectional by default [3]_, reads
    the sequence, and a dense layer on its hidden state predicts the class probabilities
    of each step [4]_. Sequences of unequal length are padded and masked batch by batch;
    padding never changes a prediction. Missing values are filled after scaling, and
    marked: by interpolation within each sequence, or by the last value observed if
    ``bidirectional=False``.

    With ``bidirectional=False`` the network is causal: the output for a step depends on
    this and earlier steps only, and `stream` reads sequences as they are recorded.

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
    differences : bool, default=True
        Whether to append the first differences of the channels as further channels.
        Ignored for tokens.
    noise : float, default=0.1
        Standard deviation of Gaussian noise added to the scaled channels during
        training, a regularisation against overfitting. Ignored for tokens.
    crop : float, default=0.0
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
    missing_label : object, default=None
        Label of steps without a label, besides None and NaN, which always are. Such
        steps are read, but neither trained on nor scored.
    loss : str, keras.losses.Loss or callable, default="categorical_crossentropy"
        Loss. A callable takes (y_true, y_pred) of shape (n_steps, n_classes), the
        one-hot classes and their predicted probabilities of the labelled steps of a
        batch, one after another, and reduces the last axis.
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
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
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
        categories) and a boolean mask of the valid time steps; or token ids, with 0 as
        padding. It has an output for each step.

    See Also
    --------
    sklstm.RNNStepRegressor : Predict numbers for each step.
    sklstm.RNNClassifier : Predict one class for each sequence.
    sklstm.step_scorer : Scores of labels of steps for searches.

    Notes
    -----
    Labels, predictions and probabilities are arrays of objects with an array for each
    sequence, so that scikit-learn's `cross_val_predict` can concatenate them. It takes
    ``method="predict"`` only, because for probabilities it encodes y itself. Splitters
    that stratify by class do not apply; `GroupKFold` keeps the sequences of a person
    together.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural
       Computation 9(8).
    .. [2] Cho et al. (2014), "Learning phrase representations using RNN
       encoder-decoder for statistical machine translation", EMNLP.
    .. [3] Schuster and Paliwal (1997), "Bidirectional recurrent neural networks", IEEE
       Transactions on Signal Processing 45(11).
    .. [4] Graves and Schmidhuber (2005), "Framewise phoneme classification with
       bidirectional LSTM and other neural network architectures", Neural Networks
       18(5-6).

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import RNNTagger
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=rng.integers(20, 40)) for _ in range(40)]
    >>> y = [np.where(np.cumsum(x) > 0, "up", "down") for x in X]
    >>> tagger = RNNTagger(units=8, epochs=30, random_state=0).fit(X, y)
    >>> tagger.predict([[2.0, 1.0, -1.0, -4.0, -1.0]])[0]
    array(['up', 'up', 'up', 'down', 'down'], dtype='<U4')
    """

    _parameter_constraints: dict[str, Any] = {
        **params.NETWORK,
        **params.TRAINING,
        **params.STEPS,
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "missing_label": "no_validation",
    }
    _activation = "softmax"

    classes_: np.ndarray

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
        differences: bool = True,
        noise: float = 0.1,
        crop: float = 0.0,
        normalize: str | None = "auto",
        categorical_features: Any = "from_dtype",
        embedding_dim: int | None = None,
        embedding_dropout: float = 0.0,
        token_dropout: float = 0.0,
        vocabulary_size: int | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        missing_label: Any = None,
        loss: Any = "categorical_crossentropy",
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
        self.differences = differences
        self.noise = noise
        self.crop = crop
        self.normalize = normalize
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.embedding_dropout = embedding_dropout
        self.token_dropout = token_dropout
        self.vocabulary_size = vocabulary_size
        self.class_weight = class_weight
        self.missing_label = missing_label
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
        """Fit the tagger to sequences with labelled steps.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.
        y : list of array-like of shape (n_steps,), or array-like of shape \
                (n_sequences, n_steps)
            Class label of each step, of any type. Labels that are None, NaN or
            ``missing_label`` are missing.
        sample_weight : array-like of shape (n_sequences,) or list of arrays, optional
            Weight in the loss of each sequence, or of each step of each sequence.

        Returns
        -------
        self : RNNTagger

        Raises
        ------
        ValueError
            If X, y or a parameter is invalid.
        FloatingPointError
            If training diverges.
        """
        self._check_causal()
        sequences = self._check_sequences(X, reset=True)
        labels, known = self._check_labels(X, y, sequences)
        classes = np.unique(labels[known])
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes, got 1 class: "
                f"{classes.tolist()[0]!r}."
            )
        previous = self._previous_fit()
        if previous and not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start=True needs the classes of the last fit, which were "
                f"{self.classes_.tolist()}, got {classes.tolist()}. Set "
                "warm_start=False."
            )
        self.classes_ = classes
        one_hot = np.zeros((len(labels), len(classes)), np.float32)
        one_hot[known, np.searchsorted(classes, labels[known])] = 1.0
        weight = self._weight_steps(X, sequences, labels, known, sample_weight)
        self._fit_network(
            sequences,
            TrainingTargets(one_hot, weight / weight.mean()),
            start=previous,
            fit_data=FitData(X, y),
            incremental=False,
        )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the label of each step.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.

        Returns
        -------
        y : ndarray of object of shape (n_sequences,)
            Most probable classes of the steps of each sequence: arrays of shape
            (n_steps,).
        """
        return super().predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the class probabilities of each step.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.

        Returns
        -------
        probability : ndarray of object of shape (n_sequences,)
            Arrays of shape (n_steps, n_classes), in single precision, with the classes
            in the order of ``classes_``. Each row sums to 1.
        """
        outputs, sequences = self._outputs_of_steps(X)
        return split_steps(outputs, sequences.lengths)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the fraction of labelled steps with the right label.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.
        y : list of array-like of shape (n_steps,), or array-like of shape \
                (n_sequences, n_steps)
            Labels of the steps, as in `fit`.
        sample_weight : array-like of shape (n_sequences,) or list of arrays, optional
            Weights of sequences or of steps.

        Returns
        -------
        accuracy : float
        """
        outputs, sequences = self._outputs_of_steps(X)
        labels, known = self._check_labels(X, y, sequences)
        self._check_label_type(labels[known])
        weight = check_step_weights(
            sample_weight, sequences, known, self._padding_of(X)
        )
        if not weight.any():
            raise ValueError(
                "sample_weight must be larger than 0 for at least one labelled step."
            )
        correct = self._from_outputs(outputs)[known] == labels[known]
        return float(np.average(correct, weights=weight[known]))

    def _from_outputs(self, outputs: np.ndarray) -> np.ndarray:
        return self.classes_[outputs.argmax(axis=1)]

    def _known_targets(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return labels of all steps, and which are known."""
        sequences = self._check_sequences(X, reset=False)
        labels, known = self._check_labels(X, y, sequences)
        self._check_label_type(labels[known])
        return labels, known

    def _check_label_type(self, labels: np.ndarray) -> None:
        """Reject labels of another type than in fit, which would all count as wrong."""
        kinds = [
            "text" if y.dtype.kind in "US" else "numbers"
            for y in (labels, self.classes_)
        ]
        if kinds[0] != kinds[1]:
            raise ValueError(
                f"y holds labels of another type than in fit: {kinds[0]}, such as "
                f"{labels.tolist()[0]!r}, instead of {kinds[1]}, such as "
                f"{self.classes_.tolist()[0]!r}. Convert them."
            )

    def _check_labels(
        self, X: Any, y: Any, sequences: Sequences
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of all steps, and which of them are known."""
        joined = join_steps(y, sequences, name="y", padding=self._padding_of(X))
        if joined.ndim != 1:
            raise ValueError(
                "y must hold one label for each step, got arrays with "
                f"{joined.shape[1]} values per step."
            )
        known = ~is_missing(joined, self.missing_label)
        if not known.any():
            raise ValueError(
                "y holds no label: all are missing. Pass labels for some steps, or "
                f"check missing_label={self.missing_label!r}."
            )
        found = joined[known].tolist()
        types = {isinstance(label, str) for label in found}
        if len(types) > 1:
            raise ValueError(
                "y holds labels of mixed types, texts and others. Make all of them "
                "strings, or all of them numbers."
            )
        labels = np.array(found)
        if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
            raise ValueError(
                "Unknown label type: continuous. y must hold class labels; for "
                "continuous targets use RNNStepRegressor."
            )
        every = np.empty(len(joined), labels.dtype)
        every[known] = labels
        return every, known

    def _weight_steps(
        self,
        X: Any,
        sequences: Sequences,
        labels: np.ndarray,
        known: np.ndarray,
        sample_weight: Any,
    ) -> np.ndarray:
        """Combine the weights of sequences, steps and classes."""
        weight = check_step_weights(
            sample_weight, sequences, known, self._padding_of(X)
        )
        check_class_weight(self.class_weight, self.classes_)
        if isinstance(self.class_weight, Mapping | str):
            class_weight = compute_class_weight(
                self.class_weight, classes=self.classes_, y=labels[known]
            )
            codes = np.searchsorted(self.classes_, labels[known])
            weight[known] *= class_weight[codes]
        if not weight.any():
            raise ValueError(
                "sample_weight must be larger than 0 for at least one labelled step."
            )
        return weight
