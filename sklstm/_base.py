"""What all estimators share: from parameters through the engine to weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._checks import check_units

# From a seed to the samples to train on, and those that early stopping looks at.
Split = Callable[[int], tuple[np.ndarray, np.ndarray]]


class RecurrentEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of the estimators: the one way from parameters to fitted weights.

    A fitted estimator is its parameters plus numpy arrays, so pickle, deepcopy,
    joblib and clone need no code of their own.
    """

    # epochs="auto" takes as many passes as make so many steps of the optimizer.
    _auto_updates = 1000

    weights_: tuple[np.ndarray, ...]
    history_: dict[str, list[float]]
    n_iter_: int
    _network: engine.NetworkSpec
    _training_spec: engine.TrainingSpec
    _optimizer_state: tuple[np.ndarray, ...] | None

    @property
    def network_(self):
        """The fitted network as a plain `keras.Model` of standard layers.

        Built anew at each access; changing it does not change the estimator.
        """
        check_is_fitted(self)
        network = engine.build_network(self._network)
        network.set_weights(self.weights_)
        return network

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")

    def _stack(
        self, *, bidirectional: bool = False, recurrent_dropout: float = 0.0
    ) -> engine.RecurrentStack:
        """The recurrent layers that the parameters describe."""
        return engine.RecurrentStack(
            cell=self.cell,
            units=check_units(self.units),
            bidirectional=bool(bidirectional),
            dropout=float(self.dropout),
            recurrent_dropout=float(recurrent_dropout),
        )

    def _training(self, loss) -> engine.TrainingSpec:
        """The loss, and the optimizer that the parameters describe."""
        optimizer = self.optimizer
        if not (
            isinstance(optimizer, str) or engine.is_keras_object(optimizer, "optimizer")
        ):
            raise ValueError(
                "optimizer must be a name or a keras.optimizers.Optimizer, got "
                f"{optimizer!r}."
            )
        return engine.training_spec(loss, optimizer)

    def _train(
        self,
        network: engine.NetworkSpec,
        data: engine.SampleData,
        samples: np.ndarray,
        *,
        epochs: int,
        start: Trained | None = None,
        prepare: Callable[[engine.Weights], engine.Weights] | None = None,
        split: Split | None = None,
        hooks: EpochReporter,
    ) -> Trained:
        """Train a network on samples of the data.

        Parameters
        ----------
        network : NetworkSpec
        data : SampleData
        samples : ndarray of int
            Indices of the samples to train on.
        epochs : int
        start : Trained, optional
            Start from here in place of newly drawn weights.
        prepare : callable, optional
            Makes of newly drawn weights those that training starts from.
        split : callable, optional
            Stop early: with a seed it tells which samples to train on, and which to
            look at. With ``early_stopping="refit"`` all are trained on afterwards.
        hooks : EpochReporter

        Returns
        -------
        trained : Trained
        """
        callbacks = self._keras_callbacks()
        train, validation, patience = samples, None, None
        n_before = 0 if start is None else start.n_iter
        weights_seed, order_seed, split_seed = draw_seeds(self.random_state, n_before)
        if split is not None:
            (train, validation), patience = split(split_seed), self.patience
        with engine.borrow_program(network, self._training_spec) as program:
            if start is None:
                drawn = program.draw_weights(weights_seed)
                start = Trained(drawn if prepare is None else prepare(drawn))
            settings = {
                "batch_size": int(self.batch_size),
                "seed": order_seed,
                **self._learning_rates(epochs),
                "optimizer_state": start.optimizer_state,
            }
            try:
                weights, history, state = program.train(
                    data,
                    start.weights,
                    train=train,
                    validation=validation,
                    epochs=epochs,
                    patience=patience,
                    callbacks=callbacks,
                    hooks=hooks,
                    **settings,
                )
            finally:
                # A callback that kept the network would drag it into every pickle.
                for callback in callbacks:
                    callback.set_model(None)
            n_epochs = len(history["loss"])
            if split is not None and self.early_stopping == "refit":
                n_epochs = int(np.argmin(history["val_loss"])) + 1
                weights, _, state = program.train(
                    data, start.weights, train=samples, epochs=n_epochs, **settings
                )
        hooks.training_ends(weights)
        return Trained(weights, state, history, n_epochs)

    def _count_epochs(self, n_steps: int) -> int:
        """The epochs to train for, each of so many steps of the optimizer."""
        if isinstance(self.epochs, Integral):
            return int(self.epochs)
        return -(-self._auto_updates // n_steps)

    def _learning_rates(self, epochs: int) -> dict:
        """The learning rate and the share of it that each epoch takes."""
        if not isinstance(self.optimizer, str):
            # An optimizer that the user made has a learning rate of its own.
            return {}
        rates: dict = {"learning_rate": self.learning_rate}
        if self.learning_rate_schedule == "cosine":
            rates["rate_factors"] = (1 + np.cos(np.pi * np.arange(epochs) / epochs)) / 2
        return rates

    def _run(self, data: engine.SampleData) -> np.ndarray:
        """The fitted network's outputs for all samples of the data."""
        with engine.borrow_program(self._network, self._training_spec) as program:
            return program.forward(data, self.weights_)

    def _last_fit(self) -> tuple[engine.NetworkSpec, Trained] | None:
        """What a warm start goes on from: the last network and its weights."""
        if self.warm_start and self.__sklearn_is_fitted__():
            return self._network, Trained(self.weights_, n_iter=self.n_iter_)
        return None

    def _start_from(self, last_fit) -> Trained | None:
        """Where training begins: at the last fit's weights, if it is a warm start."""
        if last_fit is None:
            return None
        network, trained = last_fit
        if network != self._network:
            raise ValueError(
                "warm_start=True needs the network of the last fit, which was "
                f"{network}, but now it would be {self._network}. Set "
                "warm_start=False, or leave the network's parameters and the data's "
                "columns and classes as they were."
            )
        return trained

    def _trained(self) -> Trained:
        """Where the last training ended."""
        return Trained(self.weights_, self._optimizer_state, n_iter=self.n_iter_)

    def _set_trained(
        self, trained: Trained, *, go_on: bool = False, keep_state: bool = False
    ) -> None:
        """Take over what training gave.

        With ``go_on`` it continued the last training, and its history is added. The
        optimizer's state, twice the weights' size with Adam, is let go unless it is
        kept for training to go on from.
        """
        self.weights_ = trained.weights
        self._optimizer_state = trained.optimizer_state if keep_state else None
        if go_on:
            self.history_ = self.history_ | {
                name: self.history_.get(name, []) + values
                for name, values in trained.history.items()
            }
            self.n_iter_ += trained.n_iter
        else:
            self.history_ = trained.history
            self.n_iter_ = trained.n_iter

    def _keras_callbacks(self) -> list:
        """The Keras callbacks as a list."""
        given = self.callbacks
        if given is None:
            return []
        callbacks = list(given) if isinstance(given, list | tuple) else [given]
        for callback in callbacks:
            if not engine.is_keras_object(callback, "callback"):
                raise ValueError(
                    "callbacks must hold keras.callbacks.Callback instances, got "
                    f"{callback!r}. scikit-learn's callbacks go to set_callbacks()."
                )
        return callbacks


@dataclass(frozen=True)
class Trained:
    """What training leaves behind."""

    weights: tuple[np.ndarray, ...]
    optimizer_state: tuple[np.ndarray, ...] | None = None
    history: dict[str, list[float]] = field(default_factory=dict)
    n_iter: int = 0


class EpochReporter:
    """Tells scikit-learn's callbacks and the terminal about each epoch.

    Parameters
    ----------
    estimator : RecurrentEstimator
    epochs : int
        The most epochs there can be.
    X, y : array-like
        Training data, for callbacks that ask for it.
    describe : callable, optional
        What the terminal is told of the logs of an epoch; by default the logs.
    """

    def __init__(
        self,
        estimator,
        epochs: int,
        X,
        y,
        *,
        describe: Callable[[Mapping[str, float]], Mapping[str, float]] = dict,
    ):
        self._estimator = estimator
        self._describe = describe
        self._epochs = epochs
        self._data = {"X": X, "y": y}
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(estimator=estimator, **self._data)

    def epoch_begins(self) -> None:
        """Before an epoch."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_ends(self, epoch: int, logs: Mapping[str, float], weights) -> bool:
        """After an epoch; a true answer asks to stop.

        Parameters
        ----------
        epoch : int
            From 0.
        logs : mapping of str to float
        weights : callable
            Gives the present weights.
        """
        if self._estimator.verbose:
            values = " - ".join(
                f"{name}: {value:.4g}" for name, value in self._describe(logs).items()
            )
            print(f"Epoch {epoch + 1}/{self._epochs} - {values}")
        return self._epoch.call_on_fit_task_end(
            estimator=self._estimator,
            **self._data,
            reconstruction_attributes=lambda: {"weights_": weights()},
        )

    def training_ends(self, weights) -> None:
        """After the last epoch, with the weights that are kept."""
        self._fit.call_on_fit_task_end(
            estimator=self._estimator,
            **self._data,
            reconstruction_attributes=lambda: {"weights_": weights},
        )


def all_or_nothing(method):
    """Make a method that raises leave the estimator as it was.

    Goes outside scikit-learn's ``_fit_context``. Arrays of a fitted estimator are
    replaced, never written to, so a shallow copy is enough.
    """

    @wraps(method)
    def guarded(estimator, *args, **kwargs):
        before = vars(estimator).copy()
        try:
            return method(estimator, *args, **kwargs)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return guarded


def draw_seeds(random_state, n_before: int = 0) -> list[int]:
    """Seeds of the initial weights, of order and dropout, and of a split.

    Training that goes on after ``n_before`` epochs does not repeat their order. No
    global generator is read: without a random state the seeds are fresh entropy.
    """
    sequence = seed_sequence(random_state, (n_before,) if n_before else ())
    return [int(n) for n in sequence.generate_state(3) >> 1]


def seed_sequence(random_state, spawn_key: tuple[int, ...] = ()):
    """The seeds that a random state stands for; None is fresh entropy."""
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(np.iinfo(np.int32).max)
    entropy = int(random_state) if isinstance(random_state, Integral) else None
    return np.random.SeedSequence(entropy, spawn_key=spawn_key)
