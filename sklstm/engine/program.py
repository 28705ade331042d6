"""What all compiled programs share: a network, its optimizer and the training loop."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from sklstm.engine.losses import make_optimizer
from sklstm.engine.networks import build_network, draw_weights
from sklstm.engine.specs import (
    NetworkSpec,
    NetworkState,
    SampleData,
    SampleSplit,
    TrainingSettings,
    TrainingSpec,
    Weights,
)


class EpochHooks(Protocol):
    """Who wants to know of each epoch."""

    def on_epoch_begin(self) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float], weights) -> bool:
        """After an epoch; ``weights()`` are the present ones; true asks to stop."""


class Program(ABC):
    """A network with its optimizer and its compiled functions.

    Get one from `borrow_program`. A program keeps no result between uses: whoever
    borrows it starts it from weights and takes weights out.

    Parameters
    ----------
    network : NetworkSpec
        What to build.
    training : TrainingSpec
        How to train it.
    data : dict of str to tf.TensorSpec
        The tensors that training takes. Shapes are left open, so that no other number
        of rows is traced anew.
    like : Program, optional
        One of the same specifications, whose graphs it runs on variables of its own:
        so a second thread has nothing to trace.
    """

    def __init__(
        self,
        network: NetworkSpec,
        training: TrainingSpec,
        data: dict,
        template: Program | None = None,
    ):
        self.spec = network
        self.n_traces = 0
        self.network = build_network(network, fast=True)
        self.optimizer = make_optimizer(training)
        self.optimizer.build(self.network.trainable_variables)
        # Keras' callbacks look for the optimizer on the model.
        self.network.compile(optimizer=self.optimizer, loss="mse")
        self._initial_weights = self.network.get_weights()
        self._initial_optimizer_state = [v.numpy() for v in self.optimizer.variables]
        self._seed_states = [
            layer.seed_generator.state
            for layer in self.network._flatten_layers()
            if isinstance(
                getattr(layer, "seed_generator", None), keras.random.SeedGenerator
            )
        ]
        self._template = template
        self._graphs: dict[str, Graph] = {}
        self._loaded: Weights | None = None
        self._training_data = data
        index = tf.TensorSpec([None], tf.int32)
        batch_size, seed = tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)
        self._epoch = self._compile(self._run_epoch, data, index, batch_size, seed)
        self._evaluate = self._compile(self._run_evaluate, data, index)

    def _compile(self, function: Callable, *signature) -> Graph:
        """A method as a graph on this program's variables."""
        variables = [
            *self.network.variables,
            *self.optimizer.variables,
            *self._seed_states,
        ]
        handles = [variable.value.handle for variable in variables]
        name = function.__name__
        template = None if self._template is None else self._template._graphs[name]
        self._graphs[name] = Graph(function, signature, handles, template)
        return self._graphs[name]

    # The functions below are traced: what Python does in them, as counting, it does
    # once a trace. Loops are spelled out, because converting Python's own takes
    # longer than tracing.

    @abstractmethod
    def _run_epoch(self, tensors, index, batch_size, seed):
        """Train on the samples of the given indices; the mean loss."""

    @abstractmethod
    def _run_evaluate(self, tensors, index):
        """The mean loss on the samples of the given indices."""

    def draw_weights(self, seed: int) -> Weights:
        """Initial weights for a fit, decided by the seed alone."""
        return tuple(draw_weights(self.network, self._initial_weights, seed))

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
            Notified of each epoch; may stop training.

        Returns
        -------
        state : NetworkState
        history : dict of lists

        Raises
        ------
        FloatingPointError
            If the loss is not finite.
        """
        patience, factors = settings.patience, settings.learning_rate_factors
        self._start(start, settings)
        tensors = as_tensors(data, self._training_data)
        train = tf.constant(samples.train, tf.int32)
        validation = None
        if samples.validation is not None:
            validation = tf.constant(samples.validation, tf.int32)
        keras_callbacks = keras.callbacks.CallbackList(
            list(callbacks),
            model=self.network,
            epochs=settings.epochs,
            verbose=0,
            steps=1,
        )
        self.network.stop_training = False
        history: dict[str, list[float]] = {}
        best_loss, best_epoch, best_weights = np.inf, 0, start.weights
        keras_callbacks.on_train_begin()
        full_rate = scheduled = float(self.optimizer.learning_rate)
        for epoch in range(settings.epochs):
            if factors is not None:
                # Changes of the learning rate by a callback are kept.
                full_rate *= float(self.optimizer.learning_rate) / scheduled
                scheduled = max(full_rate * factors[epoch], 1e-30)
                self.optimizer.learning_rate = scheduled
            keras_callbacks.on_epoch_begin(epoch)
            if hooks is not None:
                hooks.on_epoch_begin()
            logs = {
                "loss": float(
                    self._epoch(
                        tensors,
                        train,
                        tf.constant(settings.batch_size, tf.int32),
                        tf.constant([settings.seed, epoch], tf.int32),
                    )
                )
            }
            if validation is not None:
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
                best_weights = self._weights()
            keras_callbacks.on_epoch_end(epoch, logs)
            stop = hooks is not None and hooks.on_epoch_end(epoch, logs, self._weights)
            out_of_patience = patience is not None and epoch - best_epoch >= patience
            if stop or out_of_patience or self.network.stop_training:
                break
        # Before the last callbacks: some of them put weights back into the network.
        keras_callbacks.on_train_end()
        weights = self._weights() if patience is None else best_weights
        state = tuple(v.numpy() for v in self.optimizer.variables)
        return NetworkState(weights, state), history

    def _load(self, weights: Weights) -> None:
        """Put weights into the network, unless they are there."""
        if self._loaded is not weights:
            self.network.set_weights(weights)
            self._loaded = weights

    def _apply_gradients(self, tape: tf.GradientTape, loss) -> None:
        """A step of the optimizer."""
        variables = self.network.trainable_variables
        gradients = self._bound(tape.gradient(loss, variables))
        self.optimizer.apply(gradients, variables)

    def _bound(self, gradients: list) -> list:
        """The gradients as the optimizer gets them."""
        return gradients

    def _start(self, start: NetworkState, settings: TrainingSettings) -> None:
        """Load the weights and the optimizer state, and seed the random layers."""
        self._loaded = None
        self.network.set_weights(start.weights)
        state = start.optimizer_state
        state = self._initial_optimizer_state if state is None else state
        for variable, value in zip(self.optimizer.variables, state, strict=True):
            variable.assign(value)
        if settings.learning_rate is not None:
            self.optimizer.learning_rate = settings.learning_rate
        for number, variable in enumerate(self._seed_states):
            variable.assign(np.array([settings.seed, number << 16], np.uint32))

    def _weights(self) -> Weights:
        return tuple(self.network.get_weights())


class Graph:
    """A function as a TensorFlow graph, traced at its first call.

    Parameters
    ----------
    function : callable
        Reads and writes variables.
    signature : sequence
        The specifications of its arguments.
    handles : list of tensor
        The variables that it may touch.
    like : Graph, optional
        The same of other variables, in the same order: nothing is traced again.
    """

    def __init__(self, function, signature, handles, template: Graph | None = None):
        # TensorFlow counts the traces of a method over all its objects, and would warn
        # of a handful of architectures; it tells partial functions apart.
        self._function = tf.function(
            partial(function), input_signature=signature, autograph=False
        )
        self._handles = handles
        self._template = template
        self._lock = Lock()
        self._concrete = None

    def __call__(self, *arguments):
        """What the function gives."""
        return self._trace()(*arguments)

    def _trace(self):
        with self._lock:
            if self._concrete is None and self._template is not None:
                self._concrete = self._template._on(self._handles)
            if self._concrete is None:
                self._concrete = self._function.get_concrete_function()
        return self._concrete

    def _on(self, handles):
        """The traced function on other variables, or None if it has further ones."""
        own = {
            id(mine): other for mine, other in zip(self._handles, handles, strict=True)
        }
        traced = self._trace()
        captured = [own.get(id(each), each) for each in traced.captured_inputs]
        for before, after in zip(traced.captured_inputs, captured, strict=True):
            # Two programs must not share what they write to: a loss of the user's may
            # hold variables of its own.
            if before is after and before.dtype == tf.resource:
                return None
        copied = copy.copy(traced)
        copied.set_external_captures(captured)
        return copied


def as_tensors(data: SampleData, signature: dict) -> dict[str, tf.Tensor]:
    """The arrays that a signature names, each put in once."""
    return {
        name: tf.constant(getattr(data, name), spec.dtype)
        for name, spec in signature.items()
    }
