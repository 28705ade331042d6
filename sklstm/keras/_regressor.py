"""Regression of sequences by a user-defined Keras network."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import type_of_target

from sklstm._core.estimator import restore_on_error
from sklstm._core.seeds import RandomState
from sklstm._data.targets import check_targets
from sklstm._sklearn import fit_context
from sklstm.keras._base import KerasSequenceEstimator, has_size


class KerasSequenceRegressor(RegressorMixin, KerasSequenceEstimator):
    """Predict one or several numbers for each sample by a user-defined Keras network.

    An extension of the regressor of scikeras [1]_ that supports current versions of
    scikit-learn, and sequences. Inside a `sklstm.WindowForecaster` it forecasts series.

    Parameters
    ----------
    model : callable or keras.Model
        Function that builds the network, compiled or not. Its argument ``meta``, if it
        has one, receives a dict that describes the data in fit, among others
        ``meta["X_shape_"]``, ``meta["n_features_in_"]`` and ``meta["n_outputs_"]``; its
        argument ``compile_kwargs`` receives the arguments of ``compile``. All other
        arguments are parameters of the estimator, named ``model__<argument>``. The
        network's output has one value for each target. Of a network that is already
        built, each fit trains a copy. To pickle the estimator, define the function in a
        module that can be imported.
    optimizer : str, class or keras.optimizers.Optimizer, default="adam"
        Optimizer of a network that is not compiled. An instance is copied. Arguments of
        an optimizer given by name or class are parameters named
        ``optimizer__<argument>``, such as ``optimizer__learning_rate``.
    loss : str, class, keras.losses.Loss, callable or None, default=None
        Loss of a network that is not compiled; None is "mse".
    metrics : list, dict or None, default=None
        Metrics to record in ``history_`` besides the loss, such as ["mae"].
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
    X_shape_ : tuple
        Shape of X in fit; the number of steps is None for a list of sequences.
    n_features_in_ : int
        Length of the last axis of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if all are strings.
    n_outputs_ : int
        Number of targets.

    See Also
    --------
    sklstm.WindowForecaster : Forecast a series by any regressor on windows.
    sklstm.RNNRegressor : Recurrent network for sequence regression.

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
    >>> from sklstm import WindowForecaster
    >>> from sklstm.keras import KerasSequenceRegressor
    >>> def build(meta, filters=4):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input(meta["X_shape_"][1:]),
    ...             keras.layers.Conv1D(filters, 3, activation="relu"),
    ...             keras.layers.Flatten(),
    ...             keras.layers.Dense(meta["n_outputs_"]),
    ...         ]
    ...     )
    >>> regressor = KerasSequenceRegressor(build, model__filters=8, random_state=0)
    >>> y = np.sin(np.arange(200) / 5)
    >>> forecaster = WindowForecaster(regressor, window_length=12, horizon=2)
    >>> forecaster.fit(y[:, None], y).forecast().shape
    (2,)
    """

    _target_shape: tuple[int, ...]

    def __init__(
        self,
        model: Any = None,
        *,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
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
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples in the loss; by default all are equal.

        Returns
        -------
        self : KerasSequenceRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the network cannot read X, or its output does not match y.
        FloatingPointError
            If training diverges.
        """
        epochs = getattr(self, "fit__epochs", self.epochs)
        if self.warm_start and self.initialized_:
            self._continue_training(X, y, sample_weight, epochs=epochs, initial_epoch=0)
        else:
            self._fit_network(X, y, sample_weight, epochs=epochs)
        return self

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network for one epoch.

        The first call builds the network, later ones continue to train it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of array-like of shape (n_steps_i, n_channels)
            Samples; a list may hold sequences of unequal lengths.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples in the loss; by default all are equal.

        Returns
        -------
        self : KerasSequenceRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the network cannot read X, or its output does not match y.
        FloatingPointError
            If training diverges.
        """
        if not self.initialized_:
            self._fit_network(X, y, sample_weight, epochs=1)
        else:
            self._continue_training(
                X, y, sample_weight, epochs=1, initial_epoch=self.current_epoch
            )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of array-like of shape (n_steps_i, n_channels)
            Samples; a list may hold sequences of unequal lengths.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predicted targets, in the shape of y in fit.
        """
        outputs = self._predict_raw(X)
        return outputs.reshape(len(outputs), *self._target_shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        # The accuracy depends on the user's network.
        tags.regressor_tags.poor_score = True
        return tags

    def _validate_y(self, y: Any, n_samples: int, *, reset: bool) -> np.ndarray:
        y = check_targets(self, y, n_samples)
        n_outputs = y.shape[1] if y.ndim == 2 else 1
        if reset:
            self.target_type_ = type_of_target(y)
            self.n_outputs_ = n_outputs
            self._target_shape = y.shape[1:]
        elif n_outputs != self.n_outputs_:
            raise ValueError(
                f"y has {n_outputs} target(s), but {type(self).__name__} was fitted "
                f"with {self.n_outputs_}."
            )
        return y

    def _encode_targets(self, y: np.ndarray, output_shape: tuple) -> np.ndarray:
        if isinstance(self.loss, str) and "crossentropy" in self.loss:
            raise ValueError(
                f"loss must measure errors of numbers, got {self.loss!r}, which is for "
                "class labels. Use KerasSequenceClassifier, or a loss such as 'mse'."
            )
        if not has_size(output_shape, (self.n_outputs_,)):
            raise ValueError(
                f"model must build a network whose output has {self.n_outputs_} "
                "value(s) for each sample, one for each target in y, but its output "
                f"has shape {(None, *output_shape)}. Give its last layer "
                "meta['n_outputs_'] units, where meta is an argument of model, and set "
                "return_sequences=False in the last recurrent layer before it."
            )
        return y.reshape(len(y), *output_shape)

    def _default_loss(self) -> str:
        return "mse"
