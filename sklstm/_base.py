"""What all estimators share: from parameters through the engine to weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        seeds: Sequence[int] | None = None,
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
        seeds : sequence of int, optional
            As `draw_seeds` gives them; by default those of ``random_state``.

        Returns
        -------
        trained : Trained
        """
        callbacks = self._keras_callbacks()
        train, validation, patience = samples, None, None
        if seeds is None:
            n_before = 0 if start is None else start.n_iter
            seeds = draw_seeds(self.random_state, n_before)
        weights_seed, order_seed, split_seed = seeds
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

    def _run(self, data: engine.SampleData, weights=None) -> np.ndarray:
        """The network's outputs for all samples, with the fitted weights or others."""
        weights = self.weights_ if weights is None else weights
        with engine.borrow_program(self._network, self._training_spec) as program:
            return program.forward(data, weights)

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

    @classmethod
    def join(cls, members: Sequence[Trained]) -> Trained:
        """Several networks as one: their arrays one after the other, their mean loss.

        Those that stopped early count up to their last epoch.
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

    def split(self, n_members: int) -> list[Trained]:
        """The networks that were joined; of the joint history nothing is theirs."""
        return [
            Trained(weights, state, n_iter=self.n_iter)
            for weights, state in zip(
                split_evenly(self.weights, n_members),
                split_evenly(self.optimizer_state, n_members),
                strict=True,
            )
        ]


def split_evenly(arrays: tuple | None, n_parts: int) -> list:
    """Parts of as many arrays each; of nothing, nothing for each."""
    if arrays is None:
        return [None] * n_parts
    size = len(arrays) // n_parts
    return [arrays[i * size : (i + 1) * size] for i in range(n_parts)]


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
    context : sklearn.callback.CallbackContext, optional
        The task that it reports; by default a fit.
    name : str, default=""
        What the terminal calls the network.
    """

    def __init__(
        self,
        estimator,
        epochs: int,
        X,
        y,
        *,
        describe: Callable[[Mapping[str, float]], Mapping[str, float]] = dict,
        context=None,
        name: str = "",
    ):
        self._estimator = estimator
        self._name = name
        self._describe = describe
        self._epochs = epochs
        self._data = {"X": X, "y": y}
        if context is None:
            context = estimator._init_callback_context(max_subtasks=epochs)
        self._fit = context
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
            print(f"{self._name}Epoch {epoch + 1}/{self._epochs} - {values}")
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


def member_states(random_state, n_members: int) -> list:
    """A random state for each of several networks: integers count up."""
    if isinstance(random_state, Integral):
        return [int(random_state) + number for number in range(n_members)]
    if isinstance(random_state, np.random.RandomState):
        return list(random_state.randint(np.iinfo(np.int32).max, size=n_members))
    return [None] * n_members


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
