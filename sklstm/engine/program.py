"""What all compiled programs share: a network, its optimizer and the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import (
    InitialValues,
    NetworkState,
    SampleData,
    SampleSplit,
    TrainingSettings,
    TrainingSpec,
    Weights,
)
from sklstm.engine.graph import Graph
from sklstm.engine.losses import make_optimizer
from sklstm.engine.networks.initial_weights import draw_weights
from sklstm.engine.private_api import seed_states, single_precision
from sklstm.engine.weight_average import WeightAverage

if TYPE_CHECKING:
    from sklstm.engine.networks import NetworkSpec
    from sklstm.engine.networks.base import Tensors


class EpochHooks(Protocol):
    """Methods that `Program.train` calls before and after each epoch."""

    def on_epoch_begin(self) -> None:
        """Handle the beginning of an epoch."""

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float], weights: Callable[[], Weights]
    ) -> bool:
        """Handle the end of an epoch.

        ``weights()`` returns the current weights. Return whether to stop training.
        """


class Program(ABC):
    """A network with its optimizer and its compiled functions.

    Get one from `borrow_program`. A program keeps no results between uses:
    the borrower passes the weights to start from and receives those at the end.

    Parameters
    ----------
    network : NetworkSpec
        The network to build.
    training : TrainingSpec
        The loss and the optimizer.
    data : dict of str to tf.TensorSpec
        The tensors that training takes. Shapes are left open, so another number of
        rows needs no new trace.
    template : Program, optional
        A program of the same specifications. Its graphs are run on this program's own
        variables, so a second thread has nothing to trace.
    """

    def __init__(
        self,
        network: NetworkSpec,
        training: TrainingSpec,
        data: dict[str, tf.TensorSpec],
        template: Program | None = None,
    ):
        self.spec = network
        self.network = network.build(fast=True)
        with single_precision():
            self.optimizer = make_optimizer(training)
            if training.weight_decay is not None:
                self._exclude_biases_from_decay()
            self.optimizer.build(self.network.trainable_variables)
            self._average = None
            if training.average_weights:
                self._average = WeightAverage(self.network.trainable_variables)
        self._initial_weights = self.network.get_weights()
        self._initial_optimizer_state = self._optimizer_state()
        self._seed_states = seed_states(self.network)
        self._template = template
        self._graphs: dict[str, Graph] = {}
        self._loaded: Weights | None = None
        self._shown: keras.Model | None = None  # to callbacks
        self._training_data = data
        index = tf.TensorSpec([None], tf.int32)
        batch_size, seed = tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)
        self._epoch = self._compile(self._run_epoch, data, index, batch_size, seed)
        self._evaluate = self._compile(self._run_evaluation, data, index)

    def _compile(self, function: Callable, *signature: Any) -> Graph:
        """Turn a method into a graph on this program's variables."""
        variables = [*self.network.variables, *self.optimizer.variables]
        if self._average is not None:
            variables += self._average.variables
        name = function.__name__
        template = None if self._template is None else self._template._graphs[name]
        self._graphs[name] = Graph(function, signature, variables, template)
        return self._graphs[name]

    @property
    def n_traces(self) -> int:
        """Number of functions traced so far."""
        return sum(graph.n_traces for graph in self._graphs.values())

    # The functions below are traced. Loops in them are written with tf.while_loop,
    # because converting Python's own takes longer than tracing.

    @abstractmethod
    def _run_epoch(
        self,
        tensors: Tensors,
        index: tf.Tensor,
        batch_size: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """Train on the samples of the given indices and return the mean loss."""

    @abstractmethod
    def _run_evaluation(self, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
        """Return the mean loss on the samples of the given indices."""

    def draw_weights(
        self, seed: int, initial_values: InitialValues | None = None
    ) -> Weights:
        """Draw initial weights for a fit.

        Parameters
        ----------
        seed : int
        initial_values : mapping of str to ndarray, optional
            Values of some variables, by their paths, in place of those drawn.

        Returns
        -------
        weights : Weights
        """
        drawn = draw_weights(self.network, self._initial_weights, seed)
        positions = {v.path: i for i, v in enumerate(self.network.weights)}
        for path, value in (initial_values or {}).items():
            i = positions[path]
            assert value.shape == drawn[i].shape, (path, value.shape, drawn[i].shape)
            drawn[i] = value.astype(drawn[i].dtype)
        return tuple(drawn)

    def _check_loss(self, data: SampleData, tensors: Mapping[str, tf.Tensor]) -> None:
        """Raise an error if the loss does not suit the data; override if it may not."""
        return

    def train(
        self,
        data: SampleData,
        samples: SampleSplit,
        start: NetworkState,
        settings: TrainingSettings,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        hooks: EpochHooks | None = None,
    ) -> tuple[NetworkState, dict[str, list[float]]]:
        """Train the network.

        Parameters
        ----------
        data : SampleData
        samples : SampleSplit
            Samples to train on and to validate with.
        start : NetworkState
            Weights to start from. With an optimizer state, as returned earlier,
            training continues; otherwise the optimizer starts from its initial state.
        settings : TrainingSettings
        callbacks : sequence of keras.callbacks.Callback
            Called at the beginning and end of training and of each epoch.
        hooks : EpochHooks, optional
            Called at the beginning and end of each epoch; may stop training.

        Returns
        -------
        state : NetworkState
        history : dict of lists
            Losses of each epoch.

        Raises
        ------
        FloatingPointError
            If the loss is not finite.
        """
        patience = settings.patience
        self._initialize(start, settings)
        tensors = as_tensors(data, self._training_data)
        self._check_loss(data, tensors)
        train = tf.constant(samples.train, tf.int32)
        validation = None
        if samples.validation is not None:
            validation = tf.constant(samples.validation, tf.int32)
        keras_callbacks, shown = self._prepare_callbacks(callbacks, settings.epochs)
        shown.stop_training = False
        history: dict[str, list[float]] = {"loss": []}
        best_loss, best_epoch, best_weights = np.inf, 0, start.weights
        keras_callbacks.on_train_begin()
        schedule = _LearningRateSchedule(self.optimizer, settings.learning_rate_factors)
        for epoch in range(settings.epochs):
            schedule.begin_epoch(epoch)
            if self._average is not None and epoch == settings.average_from:
                self._average.start()
            keras_callbacks.on_epoch_begin(epoch)
            if hooks is not None:
                hooks.on_epoch_begin()
            batch_size = tf.constant(settings.batch_size, tf.int32)
            seed = tf.constant([settings.seed, epoch], tf.int32)
            loss = self._train_epoch(tensors, train, batch_size, seed)
            logs = {"loss": loss}
            if validation is not None:
                with self._averaged():
                    logs["val_loss"] = float(self._evaluate(tensors, validation))
            if not np.isfinite(list(logs.values())).all():
                raise FloatingPointError(
                    f"training diverged: {logs} in epoch {epoch + 1}. Lower "
                    "learning_rate, or scale the columns of X and y."
                )
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
            if patience is not None and logs["val_loss"] < best_loss:
                best_loss, best_epoch = logs["val_loss"], epoch
                best_weights = self._trained_weights()
            keras_callbacks.on_epoch_end(epoch, logs)
            stop = hooks is not None and hooks.on_epoch_end(
                epoch, logs, self._trained_weights
            )
            out_of_patience = patience is not None and epoch - best_epoch >= patience
            if stop or out_of_patience or shown.stop_training:
                break
        # Before the weights are read: some callbacks restore weights at the end.
        keras_callbacks.on_train_end()
        weights = self._trained_weights() if patience is None else best_weights
        return NetworkState(weights, self._optimizer_state()), history

    def _train_epoch(self, *arguments: Any) -> float:
        """Train for an epoch and return the mean loss."""
        try:
            return float(self._epoch(*arguments))
        except tf.errors.InvalidArgumentError as error:
            reason = " ".join(str(error).strip().splitlines()[-2:]).strip()
            raise ValueError(
                f"loss cannot be computed for these targets: {reason!r}. Pass a loss "
                "for targets of this kind."
            ) from error

    def _prepare_callbacks(
        self, callbacks: Sequence[keras.callbacks.Callback], epochs: int
    ) -> tuple[keras.callbacks.CallbackList, keras.Model]:
        """Return the callbacks as Keras calls them, and the network that they see."""
        shown, called = self.network, list(callbacks)
        if called:
            # Imported here, because defining a callback loads Keras.
            from sklstm.engine.callbacks import KeepInStep

            if self._shown is None:
                self._shown = self.spec.build()
                # Not compiled: a saved network would name a loss that it was not
                # trained with.
                self._shown.optimizer = self.optimizer
            shown = self._shown
            called = KeepInStep(self.network, shown).between(called)
        called_list = keras.callbacks.CallbackList(
            called, model=shown, epochs=epochs, verbose=0, steps=1
        )
        return called_list, shown

    def _load(self, weights: Weights) -> None:
        """Put weights into the network, unless they are there already."""
        if self._loaded is not weights:
            self.network.set_weights(weights)
            self._loaded = weights

    def _apply_gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        """Take an optimizer step."""
        variables = self.network.trainable_variables
        gradients = tape.gradient(loss, variables)
        if all(gradient is None for gradient in gradients):
            raise ValueError(
                "loss does not depend on y_pred, the output of the network, so there "
                "is nothing to learn. Pass a function of (y_true, y_pred), made of "
                "operations of keras.ops, or a keras.losses.Loss."
            )
        gradients = self._clip_gradients(gradients)
        self.optimizer.apply(gradients, variables)
        if self._average is not None:
            self._average.add_step()

    def _clip_gradients(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Limit the gradients before an optimizer step; by default unchanged."""
        return gradients

    def _initialize(self, start: NetworkState, settings: TrainingSettings) -> None:
        """Load the weights and the optimizer state, and seed the random layers."""
        self._loaded = None
        self.network.set_weights(start.weights)
        state = self._initial_optimizer_state
        if start.optimizer_state is not None:
            state = start.optimizer_state
        for variable, value in zip(self.optimizer.variables, state, strict=True):
            variable.assign(value)
        if settings.learning_rate is not None:
            _set_learning_rate(self.optimizer, settings.learning_rate)
        for number, variable in enumerate(self._seed_states):
            variable.assign(np.array([settings.seed, number << 16], np.uint32))
        if self._average is not None:
            self._average.reset()

    def _exclude_biases_from_decay(self) -> None:
        biases = [
            variable
            for variable in self.network.trainable_variables
            if variable.name == "bias" or variable.path in self.spec.bias_paths
        ]
        self.optimizer.exclude_from_weight_decay(var_list=biases)

    def _averaged(self) -> AbstractContextManager[None]:
        """Give the network the mean of its weights, if it is taken, for a while."""
        return nullcontext() if self._average is None else self._average.applied()

    def _trained_weights(self) -> Weights:
        """Return what training would return now: current weights, or their mean."""
        with self._averaged():
            return self._current_weights()

    def _current_weights(self) -> Weights:
        return tuple(self.network.get_weights())

    def _optimizer_state(self) -> Weights:
        return tuple(variable.numpy() for variable in self.optimizer.variables)


class _LearningRateSchedule:
    """Multiplies the learning rate by a factor in each epoch, if there are any."""

    def __init__(
        self, optimizer: keras.optimizers.Optimizer, factors: Sequence[float] | None
    ):
        self._optimizer = optimizer
        self._factors = factors
        self._full_rate = self._scheduled = float(optimizer.learning_rate)

    def begin_epoch(self, epoch: int) -> None:
        """Set the learning rate of an epoch."""
        if self._factors is None:
            return
        # A callback may have changed the rate since; its change is kept.
        self._full_rate *= float(self._optimizer.learning_rate) / self._scheduled
        self._scheduled = max(self._full_rate * self._factors[epoch], 1e-30)
        _set_learning_rate(self._optimizer, self._scheduled)


def _set_learning_rate(optimizer: keras.optimizers.Optimizer, rate: float) -> None:
    # Keras keeps it in the type that it is set to, which must not make a difference.
    optimizer.learning_rate = float(np.float32(rate))


def as_tensors(
    data: SampleData, signature: Mapping[str, tf.TensorSpec]
) -> dict[str, tf.Tensor]:
    """Convert the arrays that a signature names to tensors."""
    return {
        name: tf.constant(getattr(data, name), spec.dtype)
        for name, spec in signature.items()
    }
