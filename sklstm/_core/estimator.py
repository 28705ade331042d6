"""Base of all estimators: from parameters through the engine to fitted arrays."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from math import ceil
from numbers import Integral
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core.callbacks import EpochReporter
from sklstm._core.keras_parameters import KerasParameters, refuse_class
from sklstm._core.params import check_units
from sklstm._core.seeds import RandomState, TrainingSeeds, draw_seeds

# From a seed to the samples to train on and the samples held out for early stopping.
HoldOut = Callable[[int], tuple[np.ndarray, np.ndarray]]

# From the samples to train on to initial values of some of the network's variables.
Initializer = Callable[[np.ndarray], engine.InitialValues]

Method = TypeVar("Method", bound=Callable)


class RecurrentEstimator(KerasParameters, CallbackSupportMixin, BaseEstimator, ABC):
    """Base of all estimators of this package that train a network.

    A fitted estimator is its parameters plus NumPy arrays, so pickle, deepcopy,
    joblib and clone need no code of their own.
    """

    # epochs="auto" trains for at least this number of optimizer steps.
    _auto_steps = 1000

    # Hyperparameters that this class reads.
    cell: str
    units: int | tuple[int, ...]
    dropout: float
    optimizer: Any
    learning_rate: float | None
    learning_rate_schedule: str
    epochs: int | str
    batch_size: int
    early_stopping: bool | str
    validation_split: float
    patience: int
    callbacks: Any
    warm_start: bool
    random_state: RandomState
    verbose: int
    # Not all estimators have these.
    weight_decay: float | None = None
    average_weights: float = 0.0

    # Fitted state.
    weights_: engine.Weights
    history_: dict[str, list[float]]
    n_iter_: int
    _network: engine.NetworkSpec
    _training_spec: engine.TrainingSpec
    _optimizer_state: engine.Weights | None

    @property
    def network_(self) -> Any:
        """The fitted network as a plain `keras.Model` of standard layers.

        It is built at each access; changing it does not change the estimator.
        """
        check_is_fitted(self)
        network = self._network.build()
        network.set_weights(self.weights_)
        return network

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")

    def _recurrent_stack(
        self,
        *,
        bidirectional: bool = False,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        locked_dropout: bool = False,
    ) -> engine.RecurrentStack:
        """Describe the recurrent layers set by the parameters."""
        return engine.RecurrentStack(
            cell=self.cell,
            units=check_units(self.units),
            bidirectional=bool(bidirectional),
            dropout=float(self.dropout),
            recurrent_dropout=float(recurrent_dropout),
            weight_dropout=float(weight_dropout),
            locked_dropout=bool(locked_dropout),
        )

    def _describe_training(self, loss: Any) -> engine.TrainingSpec:
        """Describe the loss and the optimizer set by the parameters."""
        optimizer = self.optimizer
        refuse_class("loss", loss)
        refuse_class("optimizer", optimizer)
        if not (
            isinstance(optimizer, str) or engine.is_keras_object(optimizer, "optimizer")
        ):
            raise ValueError(
                "optimizer must be a name or a keras.optimizers.Optimizer, got "
                f"{optimizer!r}."
            )
        if self.weight_decay is not None and not isinstance(optimizer, str):
            raise ValueError(
                "weight_decay is that of an optimizer given by name, got "
                f"weight_decay={self.weight_decay} and optimizer={optimizer!r}. Pass "
                "weight_decay to the optimizer, and leave this parameter at None."
            )
        return engine.training_spec(
            loss,
            optimizer,
            weight_decay=None
            if self.weight_decay is None
            else float(self.weight_decay),
            average_weights=bool(self.average_weights),
        )

    def _train(self, task: TrainingTask, reporter: EpochReporter) -> TrainedNetwork:
        """Train a network.

        Parameters
        ----------
        task : TrainingTask
        reporter : EpochReporter

        Returns
        -------
        trained : TrainedNetwork
        """
        callbacks = self._keras_callbacks()
        start, seeds = task.start, task.seeds
        if seeds is None:
            seeds = draw_seeds(self.random_state, 0 if start is None else start.n_iter)
        samples = engine.SampleSplit(task.samples)
        patience = None
        if task.hold_out is not None:
            samples = engine.SampleSplit(*task.hold_out(seeds.split))
            patience = self.patience
        settings = engine.TrainingSettings(
            epochs=task.epochs,
            batch_size=int(self.batch_size),
            seed=seeds.order,
            patience=patience,
            average_from=self._average_from(task),
            **self._learning_rates(task.epochs),
        )
        network = task.network
        if isinstance(network, engine.SampleNetwork):
            network = network.adapted_to(task.data)
        with engine.borrow_program(network, self._training_spec) as program:

            def initial_state(train: np.ndarray) -> engine.NetworkState:
                if start is not None:
                    return engine.NetworkState(start.weights, start.optimizer_state)
                values = None if task.initialize is None else task.initialize(train)
                return engine.NetworkState(program.draw_weights(seeds.weights, values))

            try:
                state, history = program.train(
                    task.data,
                    samples,
                    initial_state(samples.train),
                    settings,
                    callbacks=callbacks,
                    hooks=reporter,
                )
            finally:
                # A callback that kept the network would pull it into every pickle.
                for callback in callbacks:
                    callback.set_model(None)
            n_epochs = len(history["loss"])
            if task.hold_out is not None and self.early_stopping == "refit":
                n_epochs = int(np.argmin(history["val_loss"])) + 1
                state, _ = program.train(
                    task.data,
                    engine.SampleSplit(task.samples),
                    initial_state(task.samples),
                    settings.for_epochs(n_epochs),
                )
        reporter.on_train_end(state.weights)
        return TrainedNetwork(state.weights, state.optimizer_state, history, n_epochs)

    def _train_one_more_epoch(
        self, data: engine.SampleData, samples: np.ndarray, reporter: EpochReporter
    ) -> None:
        """Continue training for one epoch, and update the fitted attributes.

        Parameters
        ----------
        data : SampleData
        samples : ndarray of int
            Indices of the samples to train on.
        reporter : EpochReporter
        """
        task = TrainingTask(
            self._network,
            data,
            samples,
            epochs=1,
            start=self._last_training(),
            average=False,
        )
        trained = self._train(task, reporter)
        self._store_training(trained, continued=True, keep_optimizer_state=True)

    def _count_epochs(self, steps_per_epoch: int) -> int:
        """Return the number of epochs, each of this number of optimizer steps."""
        if isinstance(self.epochs, Integral):
            return int(self.epochs)
        return -(-self._auto_steps // steps_per_epoch)

    def _average_from(self, task: TrainingTask) -> int | None:
        """Return the epoch from which on weights are averaged, if they are."""
        if not task.average or not self.average_weights:
            return None
        # Less a little, as 0.7 * 10 is more than 7 in floating point.
        return task.epochs - ceil(self.average_weights * task.epochs - 1e-6)

    def _learning_rates(self, epochs: int) -> dict[str, Any]:
        """Return the learning rate and the factor that scales it in each epoch."""
        if not isinstance(self.optimizer, str):
            # An optimizer instance has a learning rate of its own.
            return {}
        rates: dict[str, Any] = {"learning_rate": self.learning_rate}
        if self.learning_rate_schedule == "cosine":
            factors = (1 + np.cos(np.pi * np.arange(epochs) / epochs)) / 2
            rates["learning_rate_factors"] = tuple(factors)
        return rates

    def _run(self, data: Any, weights: engine.Weights | None = None) -> np.ndarray:
        """Compute the network's outputs for all samples, by default as fitted."""
        weights = self.weights_ if weights is None else weights
        network = cast("engine.SampleNetwork", self._network).adapted_to(data)
        with engine.borrow_program(network, self._training_spec) as program:
            return program.forward(data, weights)

    def _previous_fit(self) -> tuple[engine.NetworkSpec, TrainedNetwork] | None:
        """Return the network and weights of the last fit if this is a warm start."""
        if self.warm_start and self.__sklearn_is_fitted__():
            return self._network, TrainedNetwork(self.weights_, n_iter=self.n_iter_)
        return None

    def _warm_start_from(
        self, previous: tuple[engine.NetworkSpec, TrainedNetwork] | None
    ) -> TrainedNetwork | None:
        """Return the weights to start from, checked to belong to the same network."""
        if previous is None:
            return None
        network, trained = previous
        if network != self._network:
            raise ValueError(
                "warm_start=True needs the network of the last fit, which was "
                f"{network}, but now it would be {self._network}. Set "
                "warm_start=False, or leave the network's parameters and the data's "
                "columns and classes as they were."
            )
        return trained

    def _last_training(self) -> TrainedNetwork:
        """Return the state at the end of the last training run, to continue it."""
        return TrainedNetwork(self.weights_, self._optimizer_state, n_iter=self.n_iter_)

    def _store_training(
        self,
        trained: TrainedNetwork,
        *,
        continued: bool = False,
        keep_optimizer_state: bool = False,
    ) -> None:
        """Set the fitted attributes from a training run.

        Parameters
        ----------
        trained : TrainedNetwork
        continued : bool, default=False
            Whether the run continued the last one; its history is then appended.
        keep_optimizer_state : bool, default=False
            Whether training may be continued later. The optimizer's state, twice the
            size of the weights with Adam, is dropped otherwise.
        """
        self.weights_ = trained.weights
        self._optimizer_state = (
            trained.optimizer_state if keep_optimizer_state else None
        )
        if continued:
            self.history_ = self.history_ | {
                name: self.history_.get(name, []) + values
                for name, values in trained.history.items()
            }
            self.n_iter_ += trained.n_iter
        else:
            self.history_ = trained.history
            self.n_iter_ = trained.n_iter

    def _keras_callbacks(self) -> list:
        """Return the Keras callbacks as a list, checked."""
        if self.callbacks is None:
            return []
        several = isinstance(self.callbacks, list | tuple)
        callbacks = list(self.callbacks) if several else [self.callbacks]
        for callback in callbacks:
            refuse_class("callbacks", callback)
            if not engine.is_keras_object(callback, "callback"):
                raise ValueError(
                    "callbacks must hold keras.callbacks.Callback instances, got "
                    f"{callback!r}. scikit-learn's callbacks go to set_callbacks()."
                )
        return callbacks


@dataclass(frozen=True)
class TrainingTask:
    """What to train, on which samples, and from where.

    Parameters
    ----------
    network : NetworkSpec
    data : SampleData
    samples : ndarray of int
        Indices of the samples to train on.
    epochs : int
    start : TrainedNetwork, optional
        Weights, and optimizer state if any, to start from; by default newly drawn
        weights.
    initialize : callable, optional
        From the samples to train on to initial values that replace newly drawn ones.
    hold_out : callable, optional
        Enables early stopping: splits the samples by a seed into those to train on
        and those to validate with. With ``early_stopping="refit"`` the network is
        then trained on all ``samples``.
    seeds : TrainingSeeds, optional
        By default drawn from the estimator's ``random_state``.
    average : bool
        Whether to average weights if the estimator's ``average_weights`` is set. They
        are not if training is to be continued.
    """

    network: engine.NetworkSpec
    data: engine.SampleData
    samples: np.ndarray
    epochs: int
    start: TrainedNetwork | None = None
    initialize: Initializer | None = None
    hold_out: HoldOut | None = None
    seeds: TrainingSeeds | None = None
    average: bool = True


@dataclass(frozen=True)
class TrainedNetwork:
    """Result of a training run; of an ensemble, its members' arrays in sequence."""

    weights: engine.Weights
    optimizer_state: engine.Weights | None = None
    history: dict[str, list[float]] = field(default_factory=dict)
    n_iter: int = 0

    @classmethod
    def join(cls, members: Sequence[TrainedNetwork]) -> TrainedNetwork:
        """Join the members of an ensemble.

        The history is the mean over the members still trained in an epoch.
        """
        if len(members) == 1:
            return members[0]
        states = [member.optimizer_state for member in members]
        kept = [state for state in states if state is not None]
        histories = [member.history for member in members]
        n_epochs = max(len(history["loss"]) for history in histories)
        return cls(
            sum((member.weights for member in members), ()),
            sum(kept, ()) if kept else None,
            {
                name: [
                    float(np.mean([h[name][i] for h in histories if i < len(h[name])]))
                    for i in range(n_epochs)
                ]
                for name in histories[0]
            },
            max(member.n_iter for member in members),
        )

    def split(self, n_members: int) -> list[TrainedNetwork]:
        """Split an ensemble into its members, without the joint history."""
        states: Sequence[engine.Weights | None] = [None] * n_members
        if self.optimizer_state is not None:
            states = split_evenly(self.optimizer_state, n_members)
        return [
            TrainedNetwork(weights, state, n_iter=self.n_iter)
            for weights, state in zip(
                split_evenly(self.weights, n_members), states, strict=True
            )
        ]


def split_evenly(arrays: engine.Weights, n_parts: int) -> list[engine.Weights]:
    """Split a tuple of arrays into parts of equal length."""
    size = len(arrays) // n_parts
    return [arrays[i * size : (i + 1) * size] for i in range(n_parts)]


def restore_on_error(method: Method) -> Method:
    """Make a method that raises leave its estimator unchanged.

    It goes outside scikit-learn's ``_fit_context``. Arrays of a fitted estimator are
    replaced, never written to, so a shallow copy of the attributes is enough.
    """

    @wraps(method)
    def guarded(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        with restored_on_error(estimator):
            return method(estimator, *args, **kwargs)

    return guarded  # type: ignore[return-value]


@contextmanager
def restored_on_error(*estimators: Any) -> Iterator[None]:
    """Leave estimators unchanged if an error is raised."""
    before = [vars(estimator).copy() for estimator in estimators]
    try:
        yield
    except BaseException:
        for estimator, attributes in zip(estimators, before, strict=True):
            vars(estimator).clear()
            vars(estimator).update(attributes)
        raise
