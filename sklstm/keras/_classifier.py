"""Classification of sequences by a user-defined Keras network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.class_weight import compute_sample_weight

from sklstm._core.estimator import restore_on_error
from sklstm._core.seeds import RandomState
from sklstm._data.targets import check_class_weight, check_labels
from sklstm._data.weights import check_weights
from sklstm._sklearn import StrOptions, fit_context
from sklstm.keras._base import KerasSequenceEstimator, has_size, is_sparse


class KerasSequenceClassifier(ClassifierMixin, KerasSequenceEstimator):
    """Classify samples by a user-defined Keras network.

    An extension of the classifier of scikeras [1]_ that supports current versions of
    scikit-learn, which stratifies its cross-validation, and sequences.

    Parameters
    ----------
    model : callable or keras.Model
        Function that builds the network, compiled or not. Its argument ``meta``, if it
        has one, receives a dict that describes the data in fit, among others
        ``meta["X_shape_"]``, ``meta["n_features_in_"]`` and ``meta["n_classes_"]``; its
        argument ``compile_kwargs`` receives the arguments of ``compile``. All other
        arguments are parameters of the estimator, named ``model__<argument>``. The
        network's output has the probability of each class (its last layer is a
        softmax), or, for two classes, that of the second one (a sigmoid). Of a network
        that is already built, each fit trains a copy. To pickle the estimator, define
        the function in a module that can be imported.
    optimizer : str, class or keras.optimizers.Optimizer, default="adam"
        Optimizer of a network that is not compiled. An instance is copied. Arguments of
        an optimizer given by name or class are parameters named
        ``optimizer__<argument>``, such as ``optimizer__learning_rate``.
    loss : str, class, keras.losses.Loss, callable or None, default=None
        Loss of a network that is not compiled; None is the cross-entropy. A loss with
        "sparse" in its name receives the index of each sample's class, any other a
        one-hot encoding. With ``from_logits=True`` the network may return logits.
    metrics : list, dict or None, default=None
        Metrics to record in ``history_`` besides the loss, such as ["accuracy"].
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss. "balanced" gives all classes the same total
        weight.
    epochs : int, default=10
        Number of passes over the samples.
    batch_size : int, default=32
        Number of samples in each optimizer step; -1 uses all samples.
    validation_split : float, default=0.0
        Fraction of the samples, the last ones, that are not trained on: the loss on
        them is computed after each epoch ("val_loss").
    shuffle : bool, default=True
        Whether to shuffle the samples before each epoch.
    padding : float, default=0.0
        Value that is appended to sequences of unequal lengths to make them equally
        long. A network that begins with ``keras.layers.Masking(padding)`` skips the
        padding, and every other step in which all channels have this value: choose one
        that does not occur in the data.
    callbacks : keras.callbacks.Callback, class, list, dict or None, default=None
        Keras callbacks, called during training.
    warm_start : bool, default=False
        Whether `fit` continues to train the network of the last fit.
    run_eagerly : bool, default=False
        Whether Keras runs step by step without compiling a graph, which is faster for a
        small number of steps.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples and dropout. The same
        integer gives the same weights, bit for bit, on the same machine; None uses
        fresh entropy. Global seeds stay unchanged; fits in several threads run one
        after the other.
    verbose : int, default=0
        Verbosity of Keras.
    **routed : dict
        Parameters named ``model__<argument>``, ``optimizer__<argument>``,
        ``fit__<argument>``, ``predict__<argument>`` and so on, as in scikeras.

    Attributes
    ----------
    model_ : keras.Model
        The trained network.
    history_ : dict of list of float
        "loss" and other values of each epoch.
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`.
    n_classes_ : int
        Number of classes.
    X_shape_ : tuple
        Shape of X in fit; the number of steps is None for a list of sequences.
    n_features_in_ : int
        Length of the last axis of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.

    See Also
    --------
    sklstm.RNNClassifier : Recurrent network for sequence classification.

    Notes
    -----
    X has shape (n_samples, n_features) or (n_samples, n_steps, n_channels), or is a
    list of arrays of shape (n_steps_i, n_channels). The sequences of a list are padded
    to the length of the longest one, here or in fit; the network is then built for any
    number of steps (``meta["X_shape_"][1]`` is None).

    References
    ----------
    .. [1] https://adriangb.com/scikeras

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from sklstm.keras import KerasSequenceClassifier
    >>> def build(meta, units=8):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input(meta["X_shape_"][1:]),
    ...             keras.layers.Masking(),
    ...             keras.layers.GRU(units),
    ...             keras.layers.Dense(meta["n_classes_"], activation="softmax"),
    ...         ]
    ...     )
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 9), 2)) for _ in range(40)]
    >>> y = ["up" if x[-1, 0] > 0 else "down" for x in X]
    >>> classifier = KerasSequenceClassifier(build, model__units=4, random_state=0)
    >>> classifier.fit(X, y).predict_proba(X[:3]).shape
    (3, 2)
    """

    class_weight: Any
    classes_: np.ndarray
    n_classes_: int
    _n_columns: int  # values in the network's output for each sample

    _parameter_constraints: dict = {
        **KerasSequenceEstimator._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        model: Any = None,
        *,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        class_weight: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        validation_split: float = 0.0,
        shuffle: bool = True,
        padding: float = 0.0,
        callbacks: Any = None,
        warm_start: bool = False,
        run_eagerly: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
        **routed: Any,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.class_weight = class_weight
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.shuffle = shuffle
        self.padding = padding
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.run_eagerly = run_eagerly
        self.random_state = random_state
        self.verbose = verbose
        self._store_routed(routed)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of array-like of shape (n_steps_i, n_channels)
            Samples; a list may hold sequences of unequal lengths.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples in the loss; by default all are equal.

        Returns
        -------
        self : KerasSequenceClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If the network cannot read X, or its output does not match y.
        FloatingPointError
            If training diverges.
        """
        if not self.warm_start:
            self.__dict__.pop("classes_", None)
        epochs = getattr(self, "fit__epochs", self.epochs)
        if self.warm_start and self.initialized_:
            self._continue_training(X, y, sample_weight, epochs=epochs, initial_epoch=0)
        else:
            self._fit_network(X, y, sample_weight, epochs=epochs)
        return self

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train the network for one epoch.

        The first call builds the network, later ones continue to train it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of array-like of shape (n_steps_i, n_channels)
            Samples; a list may hold sequences of unequal lengths.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), optional
            All classes that can occur in later calls; by default those in the first y.
            Ignored after the first call.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples in the loss; by default all are equal.

        Returns
        -------
        self : KerasSequenceClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If the network cannot read X, or its output does not match y.
        FloatingPointError
            If training diverges.
        """
        if not self.initialized_:
            if classes is not None:
                self.classes_ = np.unique(classes)
            self._fit_network(X, y, sample_weight, epochs=1)
        else:
            self._continue_training(
                X, y, sample_weight, epochs=1, initial_epoch=self.current_epoch
            )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of array-like of shape (n_steps_i, n_channels)
            Samples; a list may hold sequences of unequal lengths.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Probability of each class, in the order of ``classes_``.
        """
        outputs = self._predict_raw(X).reshape(-1, self._n_columns)
        config: dict = getattr(self.model_.loss, "get_config", dict)()
        logits = config.get("from_logits", False)
        if self._n_columns == 1:
            second = expit(outputs) if logits else outputs
            return np.hstack([1 - second, second])
        probability = softmax(outputs, axis=1) if logits else outputs
        total = probability.sum(axis=1, keepdims=True)
        # Probabilities in single precision do not sum to one in double precision.
        can_normalise = (probability >= 0).all() and (total > 0).all()
        return probability / total if can_normalise else probability

    def predict(self, X: Any) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of array-like of shape (n_steps_i, n_channels)
            Samples; a list may hold sequences of unequal lengths.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable class of each sample.
        """
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(axis=1)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # The accuracy depends on the user's network.
        tags.classifier_tags.poor_score = True
        return tags

    def _validate_y(self, y: Any, n_samples: int, *, reset: bool) -> np.ndarray:
        labels = check_labels(self, y, n_samples)
        if reset:
            if not hasattr(self, "classes_"):  # partial_fit may have set them
                self.classes_ = np.unique(labels)
            self.n_classes_ = len(self.classes_)
            self.n_outputs_ = 1
            self.target_type_ = "binary" if self.n_classes_ == 2 else "multiclass"
            if self.n_classes_ < 2:
                raise ValueError(
                    "y must hold at least two classes, got one class: "
                    f"{self.classes_.tolist()}."
                )
        unknown = ~np.isin(labels, self.classes_)
        if unknown.any():
            raise ValueError(
                f"y holds the class {labels[unknown].tolist()[0]!r}, which is not "
                f"among the classes {self.classes_.tolist()}."
            )
        return labels

    def _sample_weights(self, y: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        if self.class_weight is None:
            return super()._sample_weights(y, sample_weight)
        class_weight = self.class_weight
        check_class_weight(class_weight, self.classes_)
        if isinstance(class_weight, Mapping):
            class_weight = {
                label: class_weight.get(label, 1.0) for label in np.unique(y)
            }
        weight, _ = check_weights(sample_weight, y)
        weight = weight * compute_sample_weight(class_weight, y)
        return check_weights(weight, y)[0]

    def _encode_targets(self, y: np.ndarray, output_shape: tuple) -> np.ndarray:
        sizes = (1, 2) if self.n_classes_ == 2 else (self.n_classes_,)
        if not has_size(output_shape, sizes):
            raise ValueError(
                f"model must build a network whose output has {self.n_classes_} values "
                "for each sample, one for each class in y"
                f"{' (or one)' if 1 in sizes else ''}, but its output has shape "
                f"{(None, *output_shape)}. Give its last layer meta['n_classes_'] "
                "units and a softmax, where meta is an argument of model, and set "
                "return_sequences=False in the last recurrent layer before it."
            )
        self._n_columns = int(np.prod(output_shape))
        codes = np.searchsorted(self.classes_, y)
        if self._n_columns == 1:
            return codes.reshape(-1, *output_shape).astype(np.float32)
        if is_sparse(self._loss()):
            return codes
        columns = np.eye(self.n_classes_, dtype=np.float32)[codes]
        return columns.reshape(-1, *output_shape)

    def _loss(self) -> Any:
        """Return the loss that the network is, or will be, compiled with."""
        loss = self.model_.loss if self.model_.compiled else self.loss
        return self._default_loss() if loss is None else loss

    def _default_loss(self) -> str:
        if self.n_classes_ == 2:
            return "binary_crossentropy"
        return "sparse_categorical_crossentropy"
