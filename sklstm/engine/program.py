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

from sklstm.engine.networks import build_network, draw_weights
from sklstm.engine.specs import NetworkSpec, SampleData, TrainingSpec, Weights
from sklstm.engine.training import make_optimizer


class EpochHooks(Protocol):
    """Who wants to know of each epoch."""

    def epoch_begins(self) -> None:
        """Before an epoch."""

    def epoch_ends(self, epoch: int, logs: Mapping[str, float], weights) -> bool:
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
        like: Program | None = None,
    ):
        self.spec = network
        self.n_traces = 0
        self.network = build_network(network, fast=True)
        self.optimizer = make_optimizer(training)
        self.optimizer.build(self.network.trainable_variables)
        # Keras' callbacks look for the optimizer on the model.
        self.network.compile(optimizer=self.optimizer, loss="mse")
        self._first_weights = self.network.get_weights()
        self._first_optimizer = [v.numpy() for v in self.optimizer.variables]
        self._seed_states = [
            layer.seed_generator.state
            for layer in self.network._flatten_layers()
            if isinstance(
                getattr(layer, "seed_generator", None), keras.random.SeedGenerator
            )
        ]
        self._like = like
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
        like = None if self._like is None else self._like._graphs[name]
        self._graphs[name] = Graph(function, signature, handles, like)
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
        return tuple(draw_weights(self.network, self._first_weights, seed))

    def train(
        self,
        data: SampleData,
        weights: Weights,
        *,
        train: np.ndarray,
        validation: np.ndarray | None = None,
        epochs: int,
        batch_size: int,
        seed: int,
        learning_rate: float | None = None,
        rate_factors: Sequence[float] | None = None,
        patience: int | None = None,
        optimizer_state: Weights | None = None,
        callbacks: Sequence = (),
        hooks: EpochHooks | None = None,
    ) -> tuple[Weights, dict[str, list[float]], Weights]:
        """Train from the given weights.

        Parameters
        ----------
        data : SampleData
        weights : tuple of ndarray
            The weights to start from.
        train, validation : ndarray of int
            Indices of the samples to train on and to validate with.
        epochs, batch_size : int
        seed : int
            Decides order and dropout.
        learning_rate : float, optional
            In place of the optimizer's own.
        rate_factors : sequence of float, optional
            The share of the learning rate that each epoch takes.
        patience : int, optional
            Stop after so many epochs without a lower validation loss, and give the
            weights of the best epoch.
        optimizer_state : tuple of ndarray, optional
            Go on with this state, as returned earlier, in place of a new one.
        callbacks : sequence of keras.callbacks.Callback
            Called when training and its epochs begin and end.
        hooks : EpochHooks, optional
            Told of each epoch; may stop training.

        Returns
        -------
        weights : tuple of ndarray
        history : dict of lists
        optimizer_state : tuple of ndarray

        Raises
        ------
        FloatingPointError
            If the loss is not finite.
        """
        self._start(weights, seed, learning_rate, optimizer_state)
        tensors = as_tensors(data, self._training_data)
        train = tf.constant(train, tf.int32)
        if validation is not None:
            validation = tf.constant(validation, tf.int32)
        keras_callbacks = keras.callbacks.CallbackList(
            list(callbacks), model=self.network, epochs=epochs, verbose=0, steps=1
        )
        self.network.stop_training = False
        history: dict[str, list[float]] = {}
        best_loss, best_epoch, best_weights = np.inf, 0, weights
        keras_callbacks.on_train_begin()
        full_rate = planned = float(self.optimizer.learning_rate)
        for epoch in range(epochs):
            if rate_factors is not None:
                # What a callback made of the rate stays made.
                full_rate *= float(self.optimizer.learning_rate) / planned
                planned = max(full_rate * rate_factors[epoch], 1e-30)
                self.optimizer.learning_rate = planned
            keras_callbacks.on_epoch_begin(epoch)
            if hooks is not None:
                hooks.epoch_begins()
            logs = {
                "loss": float(
                    self._epoch(
                        tensors,
                        train,
                        tf.constant(batch_size, tf.int32),
                        tf.constant([seed, epoch], tf.int32),
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
            stop = hooks is not None and hooks.epoch_ends(epoch, logs, self._weights)
            out_of_patience = patience is not None and epoch - best_epoch >= patience
            if stop or out_of_patience or self.network.stop_training:
                break
        # Before the last callbacks: some of them put weights back into the network.
        keras_callbacks.on_train_end()
        weights = self._weights() if patience is None else best_weights
        state = tuple(v.numpy() for v in self.optimizer.variables)
        return weights, history, state

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

    def _start(self, weights, seed, learning_rate, optimizer_state):
        self._loaded = None
        self.network.set_weights(weights)
        state = self._first_optimizer if optimizer_state is None else optimizer_state
        for variable, value in zip(self.optimizer.variables, state, strict=True):
            variable.assign(value)
        if learning_rate is not None:
            self.optimizer.learning_rate = learning_rate
        for number, variable in enumerate(self._seed_states):
            variable.assign(np.array([seed, number << 16], np.uint32))

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

    def __init__(self, function, signature, handles, like: Graph | None = None):
        # TensorFlow counts the traces of a method over all its objects, and would warn
        # of a handful of architectures; it tells partial functions apart.
        self._function = tf.function(
            partial(function), input_signature=signature, autograph=False
        )
        self._handles = handles
        self._like = like
        self._lock = Lock()
        self._concrete = None

    def __call__(self, *arguments):
        """What the function gives."""
        return self._trace()(*arguments)

    def _trace(self):
        with self._lock:
            if self._concrete is None and self._like is not None:
                self._concrete = self._like._on(self._handles)
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
