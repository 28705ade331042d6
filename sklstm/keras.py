"""Keras networks of one's own as scikit-learn estimators that read sequences.

The estimators are scikeras' wrapper, made current. Importing this module loads Keras
and TensorFlow; ``import sklstm`` does not.
"""

from __future__ import annotations

import copy
import threading
from abc import abstractmethod
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklstm import engine
from sklstm._core.estimator import restore_on_error
from sklstm._core.seeds import draw_seeds
from sklstm._data.panel import is_list_of_tables
from sklstm._data.sequences import check_list_of_sequences
from sklstm._data.targets import check_labels, check_targets
from sklstm._data.weights import check_weights
from sklstm._sklearn import Interval, Options, StrOptions, fit_context

engine.prepare_keras()  # scikeras loads Keras

from scikeras.utils import loss_name  # noqa: E402
from scikeras.utils import random_state as tensorflow_seeds  # noqa: E402
from scikeras.wrappers import BaseWrapper  # noqa: E402

__all__ = ["KerasSequenceClassifier", "KerasSequenceRegressor"]

# Whole numbers stay: they may be tokens.
_READ = [np.float32, np.int64, np.int32]


class _AsTheyAre:
    """What scikeras puts X through before a network reads it: nothing."""

    def transform(self, X):
        return X


class _KerasSequences(BaseWrapper):
    """What both estimators share: from X and a function to a trained network."""

    X_shape_: tuple
    _longest: int

    feature_encoder_ = _AsTheyAre()
    build_fn = None  # scikeras' old name of model

    _fit_kwargs = BaseWrapper._fit_kwargs - {"class_weight", "sample_weight"}

    _parameter_constraints: dict = {
        "model": [callable],
        "optimizer": "no_validation",
        "loss": "no_validation",
        "metrics": "no_validation",
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            Options(Integral, {-1}),
        ],
        "validation_split": [Interval(Real, 0, 1, closed="left")],
        "shuffle": ["boolean"],
        "padding": [Interval(Real, None, None, closed="neither")],
        "callbacks": "no_validation",
        "warm_start": ["boolean"],
        "run_eagerly": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _take(self, parameters, routed):
        """Keep the parameters, and those for the network and its like."""
        parameters = {
            name: value
            for name, value in parameters.items()
            if name not in ("self", "routed", "__class__")
        }
        vars(self).update(parameters, **routed)
        if routed:
            self._user_params = set(routed)

    @abstractmethod
    def _check_y(self, y, n_samples: int, *, reset: bool) -> np.ndarray:
        """The targets of so many samples, checked."""

    def _weigh(self, y, sample_weight):
        """Weights of the samples, or None."""
        return None if sample_weight is None else check_weights(sample_weight, y)[0]

    @abstractmethod
    def _targets(self, y, output_shape: tuple) -> np.ndarray:
        """What the network is to give, in the shape of its output."""

    @abstractmethod
    def _usual_loss(self) -> str:
        """The loss where the user names none."""

    def _train(self, X, y, sample_weight, *, go_on: bool, epochs: int, epoch: int):
        """Train the network, a new one unless training is to go on."""
        reset = not (go_on and self.initialized_)
        X = self._check_samples(X, reset=reset)
        y = self._check_y(y, len(X), reset=reset)
        weight = self._weigh(y, sample_weight)
        self._random_state = draw_seeds(self.random_state, epoch).weights
        with _one_at_a_time, engine.preserve_random_state():
            if reset:
                self.model_ = self._build_keras_model()
                if not hasattr(self.model_, "get_weights"):
                    raise ValueError(
                        "model must be a function that returns a keras.Model, but it "
                        f"returned {self.model_!r}."
                    )
                self._initialize_callbacks()
            self._check_reads(X)
            y = self._targets(y, self._output_shape(X))
            self._ensure_compiled_model()
            self._check_model_compatibility(y)
            try:
                self._fit_keras_model(
                    X,
                    y,
                    sample_weight=weight,
                    warm_start=not reset,
                    epochs=epochs,
                    initial_epoch=epoch,
                )
            finally:
                self._let_go()
        if not np.isfinite(self.history_["loss"]).all():
            raise FloatingPointError(
                f"training diverged: the loss of the epochs is {self.history_['loss']}."
                " Lower the optimizer's learning rate, or scale the columns of X and y."
            )
        return self

    def _predict_raw(self, X):
        check_is_fitted(self, "model_")
        outputs = super()._predict_raw(X)
        self._let_go()
        return np.asarray(outputs, dtype=np.float64)

    def _let_go(self):
        """Free the callbacks of the network, which each would pickle again."""
        for callback in [*self._fit_callbacks, *self._predict_callbacks]:
            for each in callback if isinstance(callback, list) else [callback]:
                each.set_model(None)

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        """What scikeras asks before it predicts."""
        X = self._check_samples(X, reset=reset)
        self._check_reads(X)
        return X, y

    def _check_samples(self, X, *, reset: bool) -> np.ndarray:
        """X as an array that a network can read, the shorter sequences filled up."""
        if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object:
            X = list(X)
        listed = is_list_of_tables(X) or (
            isinstance(X, list | tuple)
            and len({len(x) for x in X if hasattr(x, "__len__")}) > 1
        )
        if reset:
            self.__dict__.pop("feature_names_in_", None)
        if listed:
            X = self._fill_up(check_list_of_sequences(X), 0 if reset else self._longest)
        elif getattr(X, "ndim", 2) > 2:
            X = check_array(
                X, dtype=_READ, allow_nd=True, input_name="X", estimator=self
            )
            if X.ndim > 3 or not X.shape[1] or not X.shape[2]:
                raise ValueError(
                    "X must have shape (n_samples, n_features) or (n_samples, n_steps, "
                    f"n_channels), none of them 0, got {X.shape}."
                )
        elif reset or len(self.X_shape_) == 2:
            X = validate_data(self, X, dtype=_READ, reset=reset)
        else:
            X = check_array(X, dtype=_READ, input_name="X", estimator=self)
        if reset:
            self.n_features_in_ = X.shape[-1]
            self._longest = X.shape[1]
            self.X_shape_ = (len(X), None, X.shape[2]) if listed else X.shape
            self.X_dtype_ = X.dtype
        elif X.ndim != len(self.X_shape_) or X.shape[-1] != self.n_features_in_:
            raise ValueError(
                f"X has shape {X.shape}, but {type(self).__name__} was fitted with "
                f"X of shape {self.X_shape_}: only the number of samples"
                f"{' and of steps' if len(self.X_shape_) == 3 else ''} may differ."
            )
        return X

    def _fill_up(self, sequences, n_steps: int) -> np.ndarray:
        """Sequences in one array, the shorter ones filled up behind."""
        n_steps = max(n_steps, int(sequences.lengths.max()))
        shape = len(sequences), n_steps, sequences.rows.shape[1]
        X = np.full(shape, self.padding, dtype=np.float32)
        X[np.arange(n_steps) < sequences.lengths[:, None]] = sequences.rows
        return check_array(X, dtype=None, allow_nd=True, input_name="X", estimator=self)

    def _check_reads(self, X) -> None:
        """Refuse X of which the network cannot read the samples."""
        inputs = self._ends("inputs")
        if inputs is None:
            return
        if len(inputs) != 1:
            raise ValueError(
                f"model must build a network with one input, which reads X, got "
                f"{len(inputs)} inputs. Split X inside the network."
            )
        expected, shape = tuple(inputs[0].shape[1:]), X.shape[1:]
        # Keras itself adds or drops a last axis of one.
        if len(shape) == len(expected) - 1 and expected[-1] == 1:
            shape = (*shape, 1)
        elif len(shape) == len(expected) + 1 and shape[-1] == 1:
            shape = shape[:-1]
        if len(shape) != len(expected) or any(
            m not in (None, n) for m, n in zip(expected, shape, strict=True)
        ):
            raise ValueError(
                f"model must build a network that reads X, of shape {X.shape}, but the "
                f"network reads shape {inputs[0].shape}. Begin it with "
                "keras.Input(meta['X_shape_'][1:]), meta being an argument of model."
            )

    def _output_shape(self, X) -> tuple:
        """Shape of the network's output without the axis of samples."""
        outputs = self._ends("outputs")
        if outputs is None:  # not built before it reads something
            with tensorflow_seeds.tensorflow_random_state(self._random_state):
                outputs = self.model_(X[:1])
            outputs = outputs if isinstance(outputs, list | tuple | dict) else [outputs]
        if len(outputs) != 1 or isinstance(outputs, dict):
            raise ValueError(
                "model must build a network with one output, got "
                f"{len(outputs)} output(s). Join them by keras.layers.Concatenate."
            )
        return tuple(outputs[0].shape[1:])

    def _ends(self, name: str):
        """The network's inputs or outputs, or None while it has none."""
        try:
            return getattr(self.model_, name) or None
        except (AttributeError, ValueError):
            return None

    def _check_model_param(self):
        """The function that builds the network; of one already built a copy."""
        if hasattr(self.model, "get_weights"):
            return lambda: copy.deepcopy(self.model)
        return self.model

    def _get_compile_kwargs(self):
        kwargs = super()._get_compile_kwargs()
        if kwargs["loss"] is None:
            kwargs["loss"] = self._usual_loss()
        # An optimizer or metric belongs to one network: the user's stays as it is.
        return copy.deepcopy(kwargs)

    __repr__ = BaseEstimator.__repr__

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags


# scikeras seeds the process for the time of a fit, so that fits in other threads would
# draw from the same numbers.
_one_at_a_time = threading.RLock()


class KerasSequenceRegressor(RegressorMixin, _KerasSequences):
    """Tell one or several numbers of a sample by a Keras network of one's own.

    scikeras' regressor [1]_ made current: it has the tags of today's scikit-learn, and
    reads sequences, too. In `sklstm.WindowForecaster` it forecasts series.

    Parameters
    ----------
    model : callable or keras.Model
        Builds the network, compiled or not. Of its arguments, ``meta`` is given what
        fit has seen, among it ``meta["X_shape_"]``, ``meta["n_features_in_"]`` and
        ``meta["n_outputs_"]``; ``compile_kwargs`` what to compile with; all others are
        parameters of the estimator named ``model__<argument>``. The network gives as
        many values as there are targets. Of a network already built, each fit trains
        a copy. To pickle the estimator, define the function in a module.
    optimizer : str, class or keras.optimizers.Optimizer, default="adam"
        Compiles a network that is not compiled. ``optimizer__learning_rate`` and its
        like go to an optimizer given by name or class.
    loss : str, class, keras.losses.Loss, callable or None, default=None
        None is "mse".
    metrics : list, dict or None, default=None
        What ``history_`` holds besides the loss.
    epochs : int, default=10
        Passes over the samples.
    batch_size : int, default=32
        Samples in one step of the optimizer; -1 is all of them.
    validation_split : float, default=0.0
        Share of the samples, the last ones, that are not trained on, but looked at
        after each epoch ("val_loss").
    shuffle : bool, default=True
        Whether each epoch takes the samples in another order.
    padding : float, default=0.0
        What sequences of unequal lengths are filled up with, behind. A network that
        begins with ``keras.layers.Masking(padding)`` skips it, as it does any step
        of which all channels have this value: choose one that is no step of yours.
    callbacks : keras.callbacks.Callback, class, list, dict or None, default=None
        Called in training.
    warm_start : bool, default=False
        Whether `fit` goes on with the network of the last fit.
    run_eagerly : bool, default=False
        Whether Keras runs step by step and compiles no graph: quicker for a few steps.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer gives the same
        weights; None draws fresh entropy. No global seed is changed; fits in several
        threads wait for each other.
    verbose : int, default=0
        What Keras prints.
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
        Shape of X in fit; a list of sequences has None steps.
    n_features_in_ : int
        Length of X's last axis.
    feature_names_in_ : ndarray of str
        Names of X's columns, if they are all strings.
    n_outputs_ : int
        Number of targets.

    See Also
    --------
    sklstm.WindowForecaster : Forecast a series by any regressor on windows.
    sklstm.RNNRegressor : A recurrent network of this package.

    Notes
    -----
    X may have shape (n_samples, n_features) or (n_samples, n_steps, n_channels), or be
    a list of arrays of shape (n_steps_i, n_channels). A list is filled up to its
    longest sequence, or to the longest in fit; the network is built for any number of
    steps (``meta["X_shape_"][1]`` is None).

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

    def __init__(
        self,
        model=None,
        *,
        optimizer="adam",
        loss=None,
        metrics=None,
        epochs=10,
        batch_size=32,
        validation_split=0.0,
        shuffle=True,
        padding=0.0,
        callbacks=None,
        warm_start=False,
        run_eagerly=False,
        random_state=None,
        verbose=0,
        **routed,
    ):
        self._take(locals(), routed)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of (n_steps_i, n_channels)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : KerasSequenceRegressor

        Raises
        ------
        ValueError
            If the network does not read X, or its output does not fit y.
        FloatingPointError
            If training diverges.
        """
        epochs = getattr(self, "fit__epochs", self.epochs)
        return self._train(
            X, y, sample_weight, go_on=self.warm_start, epochs=epochs, epoch=0
        )

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train the network, a new one the first time, for one epoch.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        self : KerasSequenceRegressor
        """
        return self._train(
            X, y, sample_weight, go_on=True, epochs=1, epoch=self.current_epoch
        )

    def predict(self, X):
        """Tell the targets.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Like y in fit.
        """
        outputs = self._predict_raw(X)
        return outputs.reshape(len(outputs), *self._target_shape)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        # How good it is, is up to the network.
        tags.regressor_tags.poor_score = True
        return tags

    def _check_y(self, y, n_samples, *, reset):
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

    def _targets(self, y, output_shape):
        if None in output_shape or np.prod(output_shape) != self.n_outputs_:
            raise ValueError(
                f"model must build a network that gives {self.n_outputs_} value(s) for "
                f"each sample, one for each target in y, but its output has shape "
                f"{(None, *output_shape)}. Give its last layer meta['n_outputs_'] "
                "units, meta being an argument of model, and return_sequences=False "
                "to the last recurrent layer before it."
            )
        return y.reshape(len(y), *output_shape)

    def _usual_loss(self):
        return "mse"


class KerasSequenceClassifier(ClassifierMixin, _KerasSequences):
    """Tell classes by a Keras network of one's own.

    scikeras' classifier [1]_ made current: scikit-learn knows it as a classifier, so
    that cross-validation is stratified, and it reads sequences, too.

    Parameters
    ----------
    model : callable or keras.Model
        Builds the network, compiled or not. Of its arguments, ``meta`` is given what
        fit has seen, among it ``meta["X_shape_"]``, ``meta["n_features_in_"]`` and
        ``meta["n_classes_"]``; ``compile_kwargs`` what to compile with; all others are
        parameters of the estimator named ``model__<argument>``. The network gives the
        probability of each class (its last layer a softmax), or of two classes that
        of the second (a sigmoid). Of a network already built, each fit trains a copy.
        To pickle the estimator, define the function in a module.
    optimizer : str, class or keras.optimizers.Optimizer, default="adam"
        Compiles a network that is not compiled. ``optimizer__learning_rate`` and its
        like go to an optimizer given by name or class.
    loss : str, class, keras.losses.Loss, callable or None, default=None
        None is the cross entropy. A loss with "sparse" in its name is given the number
        of each sample's class, any other a column for each class. With
        ``from_logits=True`` the network may give logits.
    metrics : list, dict or None, default=None
        What ``history_`` holds besides the loss, as ["accuracy"].
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss; "balanced" gives every class the same sum.
    epochs : int, default=10
        Passes over the samples.
    batch_size : int, default=32
        Samples in one step of the optimizer; -1 is all of them.
    validation_split : float, default=0.0
        Share of the samples, the last ones, that are not trained on, but looked at
        after each epoch ("val_loss").
    shuffle : bool, default=True
        Whether each epoch takes the samples in another order.
    padding : float, default=0.0
        What sequences of unequal lengths are filled up with, behind. A network that
        begins with ``keras.layers.Masking(padding)`` skips it, as it does any step
        of which all channels have this value: choose one that is no step of yours.
    callbacks : keras.callbacks.Callback, class, list, dict or None, default=None
        Called in training.
    warm_start : bool, default=False
        Whether `fit` goes on with the network of the last fit.
    run_eagerly : bool, default=False
        Whether Keras runs step by step and compiles no graph: quicker for a few steps.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer gives the same
        weights; None draws fresh entropy. No global seed is changed; fits in several
        threads wait for each other.
    verbose : int, default=0
        What Keras prints.
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
        The classes, in the order of the columns of `predict_proba`.
    n_classes_ : int
        How many there are.
    X_shape_ : tuple
        Shape of X in fit; a list of sequences has None steps.
    n_features_in_ : int
        Length of X's last axis.
    feature_names_in_ : ndarray of str
        Names of X's columns, if they are all strings.

    See Also
    --------
    sklstm.RNNClassifier : A recurrent network of this package.

    Notes
    -----
    X may have shape (n_samples, n_features) or (n_samples, n_steps, n_channels), or be
    a list of arrays of shape (n_steps_i, n_channels). A list is filled up to its
    longest sequence, or to the longest in fit; the network is built for any number of
    steps (``meta["X_shape_"][1]`` is None).

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

    _parameter_constraints: dict = {
        **_KerasSequences._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        model=None,
        *,
        optimizer="adam",
        loss=None,
        metrics=None,
        class_weight=None,
        epochs=10,
        batch_size=32,
        validation_split=0.0,
        shuffle=True,
        padding=0.0,
        callbacks=None,
        warm_start=False,
        run_eagerly=False,
        random_state=None,
        verbose=0,
        **routed,
    ):
        self._take(locals(), routed)

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_steps, \
                n_channels), or list of (n_steps_i, n_channels)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : KerasSequenceClassifier

        Raises
        ------
        ValueError
            If the network does not read X, or its output does not fit y.
        FloatingPointError
            If training diverges.
        """
        if not self.warm_start:
            vars(self).pop("classes_", None)
        epochs = getattr(self, "fit__epochs", self.epochs)
        return self._train(
            X, y, sample_weight, go_on=self.warm_start, epochs=epochs, epoch=0
        )

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train the network, a new one the first time, for one epoch.

        Parameters
        ----------
        X, y : as in `fit`
        classes : array-like of shape (n_classes,), optional
            All classes, where the first y does not hold them all.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : KerasSequenceClassifier
        """
        if classes is not None and not self.initialized_:
            self.classes_ = np.unique(classes)
        return self._train(
            X, y, sample_weight, go_on=True, epochs=1, epoch=self.current_epoch
        )

    def predict_proba(self, X):
        """Tell the probability of each class.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
        """
        outputs = self._predict_raw(X).reshape(-1, self._n_columns)
        config = getattr(self.model_.loss, "get_config", dict)()
        logits = config.get("from_logits", False)
        if self._n_columns == 1:
            second = expit(outputs) if logits else outputs
            return np.hstack([1 - second, second])
        probability = softmax(outputs, axis=1) if logits else outputs
        total = probability.sum(axis=1, keepdims=True)
        # Single precision does not sum to one in double precision.
        whole = (probability >= 0).all() and (total > 0).all()
        return probability / total if whole else probability

    def predict(self, X):
        """Tell the most probable class.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # How good it is, is up to the network.
        tags.classifier_tags.poor_score = True
        return tags

    def _check_y(self, y, n_samples, *, reset):
        labels = check_labels(self, y, n_samples)
        if reset:
            if not hasattr(self, "classes_"):
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

    def _weigh(self, y, sample_weight):
        if self.class_weight is None:
            return super()._weigh(y, sample_weight)
        of_class = self.class_weight
        if isinstance(of_class, Mapping):
            of_class = {label: of_class.get(label, 1.0) for label in np.unique(y)}
        weight, _ = check_weights(sample_weight, y)
        weight = weight * compute_sample_weight(of_class, y)
        return check_weights(weight, y)[0]

    def _targets(self, y, output_shape):
        widths = (1, 2) if self.n_classes_ == 2 else (self.n_classes_,)
        if None in output_shape or np.prod(output_shape) not in widths:
            raise ValueError(
                f"model must build a network that gives {self.n_classes_} values for "
                f"each sample, one for each class in y{' (or one)' * (len(widths) - 1)}"
                f", but its output has shape {(None, *output_shape)}. Give its last "
                "layer meta['n_classes_'] units and a softmax, meta being an argument "
                "of model, and return_sequences=False to the last recurrent layer "
                "before it."
            )
        self._n_columns = int(np.prod(output_shape))
        codes = np.searchsorted(self.classes_, y)
        if self._n_columns == 1:
            return codes.reshape(-1, *output_shape).astype(np.float32)
        if self._is_sparse():
            return codes
        columns = np.eye(self.n_classes_, dtype=np.float32)[codes]
        return columns.reshape(-1, *output_shape)

    def _is_sparse(self) -> bool:
        """Whether the loss is told the numbers of classes, not a column for each."""
        loss = self.model_.loss if self.model_.compiled else self.loss
        if loss is None:
            loss = self._usual_loss()
        return "sparse" in loss_name(loss)

    def _usual_loss(self):
        if self.n_classes_ == 2:
            return "binary_crossentropy"
        return "sparse_categorical_crossentropy"
