"""Wrapper of scikeras, extended to sequences and to current scikit-learn."""

from __future__ import annotations

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import isfunction
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklstm import engine
from sklstm._core.keras_parameters import KerasParameters
from sklstm._core.seeds import RandomState, draw_seeds
from sklstm._data.input_types import (
    refuse_columns,
    refuse_containers,
    refuse_dates,
    refuse_non_numbers,
)
from sklstm._data.panel import is_list_of_tables
from sklstm._data.sequences import (
    Sequences,
    check_list_of_sequences,
    refuse_nan_padding,
)
from sklstm._data.weights import check_weights
from sklstm._sklearn import Interval, Options, clone_parametrized

engine.prepare_keras()  # scikeras loads Keras

from scikeras.utils import loss_name  # noqa: E402
from scikeras.utils import random_state as tensorflow_seeds  # noqa: E402
from scikeras.wrappers import BaseWrapper  # noqa: E402

# Integers are not converted to floats: they may be tokens.
_DTYPES = [np.float32, np.int64, np.int32]


class _IdentityTransformer:
    """Transformer of X that scikeras requires, and that changes nothing."""

    def transform(self, X: Any) -> Any:
        return X


class KerasSequenceEstimator(KerasParameters, BaseWrapper, ABC):
    """Base of the classifier and the regressor.

    It overrides these hooks of scikeras' wrapper: ``_predict_raw``,
    ``_validate_data``, ``_check_model_param`` and ``_get_compile_kwargs``.
    """

    # Hyperparameters that this class reads.
    model: Any
    optimizer: Any
    loss: Any
    metrics: Any
    epochs: int
    batch_size: int
    validation_split: float
    shuffle: bool
    padding: float
    callbacks: Any
    warm_start: bool
    run_eagerly: bool
    random_state: RandomState
    verbose: int

    # Fitted state.
    model_: Any
    history_: dict[str, list[float]]
    X_shape_: tuple[int | None, ...]
    X_dtype_: np.dtype
    n_features_in_: int
    n_outputs_: int
    target_type_: str
    _max_steps: int  # longest sequence in fit
    _random_state: int  # what scikeras seeds with

    # Class attributes of scikeras' wrapper.
    feature_encoder_ = _IdentityTransformer()
    build_fn = None  # old name of ``model``
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

    @abstractmethod
    def _validate_y(self, y: Any, n_samples: int, *, reset: bool) -> np.ndarray:
        """Return the checked targets; with ``reset`` set the attributes about them."""

    @abstractmethod
    def _encode_targets(self, y: np.ndarray, output_shape: tuple) -> np.ndarray:
        """Return the targets in the shape of the network's output."""

    @abstractmethod
    def _default_loss(self) -> str:
        """Return the loss for ``loss=None``."""

    def _sample_weights(self, y: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        """Return the weights of the samples, or None for equal weights."""
        return None if sample_weight is None else check_weights(sample_weight, y)[0]

    def _store_routed(self, routed: Mapping[str, Any]) -> None:
        """Store the parameters with a prefix, such as ``model__units``."""
        self.__dict__.update(routed)
        if routed:
            self._user_params = set(routed)

    def _fit_network(self, X: Any, y: Any, sample_weight: Any, *, epochs: int) -> None:
        """Build a network and train it."""
        engine.check_process()
        self._check_keras_parameters()
        X = self._validate_samples(X, reset=True)
        y = self._validate_y(y, len(X), reset=True)
        weight = self._sample_weights(y, sample_weight)
        self._random_state = draw_seeds(self.random_state).weights
        with _isolated_random_numbers():
            self.model_ = self._build_keras_model()
            if isinstance(self.model_, type) or not hasattr(self.model_, "compile"):
                raise ValueError(
                    "model must be a function that returns a keras.Model, but it "
                    f"returned {self.model_!r}. Put a layer in a network: "
                    "keras.Sequential([...])."
                )
            if type(self.model_).__name__ == "Sequential" and not self.model_.layers:
                raise ValueError(
                    "model must build a network with layers, but it returned a "
                    "Sequential without any. Add them before it is returned."
                )
            if self.optimizer is None and not self.model_.compiled:
                raise ValueError(
                    "optimizer must be a name or a keras.optimizers.Optimizer, got "
                    "None. Pass one, such as 'adam', or let model compile the network."
                )
            self._initialize_callbacks()
            self._train_network(X, y, weight, epochs=epochs, initial_epoch=0)

    def _check_keras_parameters(self) -> None:
        """Raise an error if the loss, optimizer, metrics or callbacks are none."""
        loss, optimizer, callbacks = self.loss, self.optimizer, self.callbacks
        entries = (str, list, tuple, dict)
        if not (loss is None or isinstance(loss, entries) or callable(loss)):
            raise ValueError(
                "loss must be a name, a function of (y_true, y_pred) or a "
                f"keras.losses.Loss, got {loss!r}."
            )
        is_class = isinstance(optimizer, type)
        if not (
            optimizer is None
            or is_class
            or isinstance(optimizer, entries)
            or engine.is_keras_object(optimizer, "optimizer")
        ):
            raise ValueError(
                "optimizer must be a name or a keras.optimizers.Optimizer, got "
                f"{optimizer!r}."
            )
        engine.refuse_unknown_name("loss", loss)
        engine.refuse_unknown_name("optimizer", optimizer)
        several = isinstance(self.metrics, list | tuple)
        for metric in self.metrics if several else [self.metrics]:
            engine.refuse_unknown_name("metrics", metric)
        for callback in _flatten(callbacks):
            # scikeras makes an object of a class.
            if not isinstance(callback, type) and not engine.is_keras_object(
                callback, "callback"
            ):
                raise ValueError(
                    "callbacks must hold keras.callbacks.Callback instances, got "
                    f"{callback!r}. scikit-learn's callbacks are not supported."
                )

    def _continue_training(
        self, X: Any, y: Any, sample_weight: Any, *, epochs: int, initial_epoch: int
    ) -> None:
        """Train the fitted network further.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        epochs : int
        initial_epoch : int
            Number of epochs trained before, whose history is kept.
        """
        engine.check_process()
        X = self._validate_samples(X, reset=False)
        y = self._validate_y(y, len(X), reset=False)
        weight = self._sample_weights(y, sample_weight)
        self._random_state = draw_seeds(self.random_state, initial_epoch).weights
        with _isolated_random_numbers():
            self._train_network(
                X, y, weight, epochs=epochs, initial_epoch=initial_epoch
            )

    def _train_network(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray | None,
        *,
        epochs: int,
        initial_epoch: int,
    ) -> None:
        """Compile the network if necessary, and train it."""
        self._check_network_input(X)
        output_shape = self._output_shape(X)
        targets = self._encode_targets(y, output_shape)
        if isfunction(self.loss) and not self.model_.compiled:
            engine.check_loss_function(
                self.loss, targets[:2], output_shape, weighted=weight is not None
            )
        self._ensure_compiled_model()
        self._check_model_compatibility(targets)
        try:
            self._fit_keras_model(
                X,
                targets,
                sample_weight=weight,
                warm_start=initial_epoch > 0,
                epochs=epochs,
                initial_epoch=initial_epoch,
            )
        finally:
            self._detach_callbacks()
        if not np.isfinite(self.history_["loss"]).all():
            raise FloatingPointError(
                f"training diverged: the loss of the epochs is {self.history_['loss']}."
                " Lower the optimizer's learning rate, or scale the columns of X and y."
            )

    def _predict_raw(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        engine.check_process()
        outputs = super()._predict_raw(X)
        self._detach_callbacks()
        return np.asarray(outputs, dtype=np.float64)

    def _detach_callbacks(self) -> None:
        """Remove the network from the callbacks: each would pickle it once more."""
        for entry in [*self._fit_callbacks, *self._predict_callbacks]:
            for callback in entry if isinstance(entry, list) else [entry]:
                callback.set_model(None)

    def _validate_data(
        self, X: Any = None, y: Any = None, reset: bool = False, y_numeric: bool = False
    ) -> tuple[Any, Any]:
        # scikeras calls it before it predicts.
        X = self._validate_samples(X, reset=reset)
        self._check_network_input(X)
        return X, y

    def _validate_samples(self, X: Any, *, reset: bool) -> np.ndarray:
        """Return X as an array that the network can read.

        Parameters
        ----------
        X : array-like or list
            As in `fit`. Sequences of unequal lengths are padded.
        reset : bool
            Whether to set the attributes that describe X, as scikit-learn's
            ``validate_data`` does, or to compare X with them.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or (n_samples, n_steps, n_channels)
        """
        refuse_containers(X, "X")
        refuse_columns(X, "X")
        refuse_dates(X, "X")
        if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object:
            X = list(X)
        if isinstance(X, np.ndarray) and X.ndim == 3:
            X = _as_numbers(X)
            refuse_nan_padding(X)
        is_list = is_list_of_tables(X) or (
            isinstance(X, list | tuple)
            and len({len(x) for x in X if hasattr(x, "__len__")}) > 1
        )
        if reset:
            self.__dict__.pop("feature_names_in_", None)
        if is_list:
            min_steps = 0 if reset else self._max_steps
            X = self._pad(check_list_of_sequences(X), min_steps)
        elif getattr(X, "ndim", 2) > 2:
            X = check_array(
                X, dtype=_DTYPES, allow_nd=True, input_name="X", estimator=self
            )
            if X.ndim > 3 or not X.shape[1] or not X.shape[2]:
                raise ValueError(
                    "X must have shape (n_samples, n_features) or (n_samples, n_steps, "
                    f"n_channels), none of them 0, got {X.shape}."
                )
        elif reset or len(self.X_shape_) == 2:
            refuse_non_numbers(X, "X")
            X = validate_data(self, X, dtype=_DTYPES, reset=reset)
        else:
            X = check_array(X, dtype=_DTYPES, input_name="X", estimator=self)
        if reset:
            self.n_features_in_ = X.shape[-1]
            self._max_steps = X.shape[1]
            self.X_shape_ = (len(X), None, X.shape[2]) if is_list else X.shape
            self.X_dtype_ = X.dtype
        elif X.ndim != len(self.X_shape_) or X.shape[-1] != self.n_features_in_:
            raise ValueError(
                f"X has shape {X.shape}, but {type(self).__name__} was fitted with "
                f"X of shape {self.X_shape_}: only the number of samples"
                f"{' and of steps' if len(self.X_shape_) == 3 else ''} may differ."
            )
        return X

    def _pad(self, sequences: Sequences, min_steps: int) -> np.ndarray:
        """Return sequences as one array, padded at the end to ``min_steps`` or more."""
        n_steps = max(min_steps, int(sequences.lengths.max()))
        shape = len(sequences), n_steps, sequences.rows.shape[1]
        X = np.full(shape, self.padding, dtype=np.float32)
        X[np.arange(n_steps) < sequences.lengths[:, None]] = sequences.rows
        return check_array(X, dtype=None, allow_nd=True, input_name="X", estimator=self)

    def _check_network_input(self, X: np.ndarray) -> None:
        """Refuse X if its shape is not that of the network's input."""
        inputs = self._symbolic_tensors("inputs")
        if inputs is None:
            return
        if len(inputs) != 1:
            raise ValueError(
                f"model must build a network with one input, which reads X, got "
                f"{len(inputs)} inputs. Split X inside the network."
            )
        expected, shape = tuple(inputs[0].shape[1:]), X.shape[1:]
        # Keras itself adds or drops a last axis of length one.
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
                "keras.Input(meta['X_shape_'][1:]), where meta is an argument of model."
            )

    def _output_shape(self, X: np.ndarray) -> tuple:
        """Return the shape of the network's output without the axis of samples."""
        outputs = self._symbolic_tensors("outputs")
        if outputs is None:  # the network is built when it reads its first batch
            with tensorflow_seeds.tensorflow_random_state(self._random_state):
                outputs = self._build_network(X[:1])
            outputs = outputs if isinstance(outputs, list | tuple | dict) else [outputs]
        if len(outputs) != 1 or isinstance(outputs, dict):
            raise ValueError(
                "model must build a network with one output, got "
                f"{len(outputs)} output(s). Join them with keras.layers.Concatenate."
            )
        return tuple(outputs[0].shape[1:])

    def _build_network(self, X: np.ndarray) -> Any:
        """Build the network by reading samples, and return its output."""
        try:
            return self.model_(X)
        except ValueError as error:
            if "incompatible with the layer" not in str(error):
                raise
            shape = (None, *X.shape[1:])
            raise ValueError(
                f"model must build a network that reads X, of shape {shape}, but "
                f"{str(error).splitlines()[0]} Recurrent layers need X of shape "
                "(n_samples, n_steps, n_channels): one channel is X[:, :, np.newaxis]."
            ) from error

    def _symbolic_tensors(self, name: str) -> Any:
        """Return the network's "inputs" or "outputs", or None if it is not built."""
        try:
            return getattr(self.model_, name) or None
        except (AttributeError, ValueError):
            return None

    def _check_model_param(self) -> Callable:
        # scikeras trains a network that is passed as ``model`` itself, and not a copy.
        if hasattr(self.model, "get_weights"):
            return engine.PackedNetwork(self.model).unpack
        return self.model

    def _get_compile_kwargs(self) -> dict[str, Any]:
        kwargs = super()._get_compile_kwargs()
        if kwargs["loss"] is None:
            kwargs["loss"] = self._default_loss()
        # An optimizer or metric belongs to one network; the user's is not used itself.
        return copy.deepcopy(kwargs)

    def __getstate__(self) -> Any:
        return engine.PackedNetwork.pack_all(super().__getstate__())

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(engine.PackedNetwork.unpack_all(state))

    def __sklearn_clone__(self) -> Self:
        # A network as ``model`` is copied with what it was compiled with.
        stand_in = object.__new__(type(self))
        stand_in.__dict__.update(engine.PackedNetwork.pack_all(vars(self)))
        cloned = clone_parametrized(stand_in)
        cloned.__dict__.update(engine.PackedNetwork.unpack_all(vars(cloned)))
        return cloned

    __repr__ = BaseEstimator.__repr__

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags


def _as_numbers(X: np.ndarray) -> np.ndarray:
    """Return an array with numbers for objects, or for numbers as text."""
    if X.dtype.kind not in "OUS":
        return X
    try:
        return X.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X must hold numbers, but it has type {X.dtype}: {error}. Encode texts as "
            "numbers."
        ) from None


def _flatten(callbacks: Any) -> list[Any]:
    """Return the entries of a parameter that may hold lists and dicts."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Mapping):
        callbacks = list(callbacks.values())
    if isinstance(callbacks, list | tuple):
        return [each for entry in callbacks for each in _flatten(entry)]
    return [callbacks]


_fit_lock = threading.RLock()


@contextmanager
def _isolated_random_numbers() -> Iterator[None]:
    """Let one fit at a time set global seeds, and restore TensorFlow's generator.

    scikeras seeds the generators of the process during a fit, from which fits in other
    threads would draw too. It restores those of Python and NumPy, but resets that of
    TensorFlow.
    """
    with _fit_lock, engine.preserve_random_state():
        yield


def has_size(shape: tuple, sizes: tuple[int, ...]) -> bool:
    """Return whether an array of this shape has one of the sizes; None is unknown."""
    return None not in shape and int(np.prod(shape)) in sizes


def is_sparse(loss: Any) -> bool:
    """Return whether a loss expects class indices, not a one-hot encoding."""
    return "sparse" in loss_name(loss)
