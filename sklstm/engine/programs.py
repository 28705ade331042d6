"""Compiled training and prediction: one program per architecture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, singledispatch
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from sklstm.engine.networks import build_network, draw_weights
from sklstm.engine.specs import (
    NetworkSpec,
    SampleData,
    SequenceNetwork,
    TrainingSpec,
    WindowNetwork,
)
from sklstm.engine.training import make_loss, make_optimizer

Weights = tuple[np.ndarray, ...]

# Programs kept while nobody uses them. One holds a small network and its graphs,
# some megabytes; a search over more architectures than this compiles anew.
MAX_IDLE_PROGRAMS = 32

# Samples that an evaluation takes at once: bounds its memory.
_EVALUATION_BATCH = 512

# Samples that a forward pass takes at once. Always as many, so that an answer is the
# same to the last bit whatever samples of its length are asked for with it: a product
# of matrices of another shape may add up in another order. Several passes run side by
# side, so few samples lose no speed, and little is lost on a single one.
_FORWARD_BATCH = 32
_FORWARD_PASSES = 4


class EpochHooks(Protocol):
    """Who wants to know of each epoch."""

    def epoch_begins(self) -> None:
        """Before an epoch."""

    def epoch_ends(self, epoch: int, logs: Mapping[str, float], weights) -> bool:
        """After an epoch; ``weights()`` are the present ones; true asks to stop."""


class Program:
    """A network with its optimizer and its compiled functions.

    Get one from `borrow_program`. A program keeps no result between uses: whoever
    borrows it starts it from weights and takes weights out.

    Parameters
    ----------
    network : NetworkSpec
        What to build.
    training : TrainingSpec
        How to train it.
    """

    def __init__(self, network: NetworkSpec, training: TrainingSpec):
        self.spec = network
        self.n_traces = 0
        self.network = build_network(network, fast=True)
        self.optimizer = make_optimizer(training)
        self.optimizer.build(self.network.trainable_variables)
        # Keras' callbacks look for the optimizer on the model.
        self.network.compile(optimizer=self.optimizer, loss="mse")
        self._loss = make_loss(training)
        self._first_weights = self.network.get_weights()
        self._first_optimizer = [v.numpy() for v in self.optimizer.variables]
        self._seed_states = [
            layer.seed_generator.state
            for layer in self.network._flatten_layers()
            if isinstance(
                getattr(layer, "seed_generator", None), keras.random.SeedGenerator
            )
        ]
        self._loaded: Weights | None = None
        # Shapes are left open, so that no other number of rows is traced anew.
        self._forward_data, targets = data_signature(network)
        self._training_data = self._forward_data | targets
        index = tf.TensorSpec([None], tf.int32)
        batch_size, seed = tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)
        self._epoch = _compile(
            self._run_epoch, self._training_data, index, batch_size, seed
        )
        self._evaluate = _compile(self._run_evaluate, self._training_data, index)
        self._forward = _compile(self._run_forward, self._forward_data, index)

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
        tensors = _tensors(data, self._training_data)
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

    def forward(self, data: SampleData, weights: Weights) -> np.ndarray:
        """The network's outputs for all samples of the data."""
        if self._loaded is not weights:
            self.network.set_weights(weights)
            self._loaded = weights
        tensors = _tensors(data, self._forward_data)
        order = data.order.astype(np.int32)
        filled = np.pad(order, (0, -len(order) % _FORWARD_BATCH), mode="edge")
        outputs = self._forward(tensors, tf.constant(filled)).numpy()
        in_place = np.empty((len(order), *outputs.shape[1:]), outputs.dtype)
        in_place[order] = outputs[: len(order)]
        return in_place

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

    # The functions below are traced: what Python does in them, as counting, it does
    # once a trace. Loops are spelled out, because converting Python's own takes
    # longer than tracing.

    def _run_epoch(self, tensors, index, batch_size, seed):
        self.n_traces += 1
        index = tf.random.experimental.stateless_shuffle(index, seed)
        tensors = vary(self.spec, tensors, seed)
        variables = self.network.trainable_variables

        def train_on(batch):
            with tf.GradientTape() as tape:
                loss = self._batch_loss(tensors, batch, training=True)
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return loss

        return _mean_over_batches(train_on, index, batch_size)

    def _run_evaluate(self, tensors, index):
        self.n_traces += 1

        def loss_on(batch):
            return self._batch_loss(tensors, batch, training=False)

        return _mean_over_batches(loss_on, index, _EVALUATION_BATCH)

    def _run_forward(self, tensors, index):
        self.n_traces += 1
        batches = tf.reshape(index, [-1, _FORWARD_BATCH])
        n_batches = tf.shape(batches)[0]

        def step(i, outputs):
            inputs = gather_inputs(self.spec, tensors, batches[i])
            return i + 1, outputs.write(i, self.network(inputs, training=False))

        def unfinished(i, outputs):
            return i < n_batches

        outputs = tf.TensorArray(tf.float32, n_batches)
        _, outputs = tf.while_loop(
            unfinished, step, (0, outputs), parallel_iterations=_FORWARD_PASSES
        )
        return outputs.concat()

    def _batch_loss(self, tensors, index, *, training):
        inputs = gather_inputs(self.spec, tensors, index)
        targets, weight = gather_targets(self.spec, tensors, index)
        outputs = self.network(inputs, training=training)
        return tf.reduce_mean(self._loss(targets, outputs) * weight)


def _compile(function, *signature):
    # TensorFlow counts the traces of a method over all its objects, and would warn of
    # a handful of architectures; it tells partial functions apart.
    function = partial(function)
    return tf.function(function, input_signature=signature, autograph=False)


def _mean_over_batches(function, index, batch_size):
    """Apply a function to batches one after the other; the mean of its values."""
    n_samples = tf.shape(index)[0]

    def step(start, total):
        batch = index[start : start + batch_size]
        share = tf.cast(tf.shape(batch)[0], tf.float32)
        return start + batch_size, total + share * function(batch)

    def unfinished(start, total):
        return start < n_samples

    _, total = tf.while_loop(unfinished, step, (0, 0.0))
    return total / tf.cast(n_samples, tf.float32)


@singledispatch
def vary(spec, tensors, seed):
    """The samples as one epoch trains on them: varied at random, if at all."""
    return tensors


@vary.register
def _(spec: SequenceNetwork, tensors, seed):
    if not spec.crop:
        return tensors
    lengths = tensors["lengths"]
    chance = tf.random.stateless_uniform([2, tf.shape(lengths)[0]], seed)
    # From none to the largest share is cut off, of which so much in front.
    cut = tf.cast(chance[0] * spec.crop * tf.cast(lengths, tf.float32), tf.int32)
    in_front = tf.cast(chance[1] * tf.cast(cut + 1, tf.float32), tf.int32)
    return tensors | {
        "starts": tensors["starts"] + in_front,
        "lengths": lengths - cut,
    }


@singledispatch
def gather_inputs(spec, tensors, index):
    """What the network reads for the samples of the given indices."""
    raise TypeError(f"no inputs are known for {type(spec).__name__}")


@singledispatch
def gather_targets(spec, tensors, index):
    """The targets and weights of the samples of the given indices."""
    raise TypeError(f"no targets are known for {type(spec).__name__}")


@singledispatch
def data_signature(spec):
    """Names, shapes and types of the tensors: inputs, and what training adds."""
    raise TypeError(f"no data are known for {type(spec).__name__}")


@gather_inputs.register
def _(spec: WindowNetwork, tensors, index):
    starts = tf.gather(tensors["starts"], index)
    rows = starts[:, None] + tf.range(spec.window_length)
    window = tf.gather(tensors["series"], rows)
    if spec.n_own:
        level = tf.gather(tensors["level"], index)[:, None, : spec.n_own]
        spread = tf.gather(tensors["spread"], index)[:, None, : spec.n_own]
        own = (window[:, :, : spec.n_own] - level) / spread
        window = tf.concat([own, window[:, :, spec.n_own :]], axis=2)
    if not spec.n_known:
        return window
    future = tf.gather(tensors["series"], _forecast_rows(spec, tensors, index))
    return [window, future[:, :, spec.n_columns - spec.n_known :]]


@gather_targets.register
def _(spec: WindowNetwork, tensors, index):
    rows = _forecast_rows(spec, tensors, index)
    level = tf.gather(tensors["level"], index)[:, None]
    spread = tf.gather(tensors["spread"], index)[:, None]
    targets = (tf.gather(tensors["targets"], rows) - level) / spread
    return targets, tf.gather(tensors["weight"], rows)


def _forecast_rows(spec, tensors, index):
    first = tf.gather(tensors["starts"], index) + spec.window_length
    return first[:, None] + tf.range(spec.horizon)


@data_signature.register
def _(spec: WindowNetwork):
    inputs = {
        "series": tf.TensorSpec([None, spec.n_columns]),
        "starts": tf.TensorSpec([None], tf.int32),
        "level": tf.TensorSpec([None, spec.n_targets]),
        "spread": tf.TensorSpec([None, spec.n_targets]),
    }
    targets = {
        "targets": tf.TensorSpec([None, spec.n_targets]),
        "weight": tf.TensorSpec([None]),
    }
    return inputs, targets


@gather_inputs.register
def _(spec: SequenceNetwork, tensors, index):
    lengths = tf.gather(tensors["lengths"], index)[:, None]
    # Padded to the longest of the batch, in whole patches.
    n_patches = (tf.reduce_max(lengths) - 1) // spec.patch_length + 1
    steps = tf.range(n_patches * spec.patch_length)
    valid = steps < lengths
    # The last row stands for those that a patch lacks.
    rows = tf.gather(tensors["starts"], index)[:, None] + tf.minimum(steps, lengths - 1)
    values = tf.gather(tensors["rows"], rows)
    if spec.n_tokens:
        return tf.where(valid, values, 0)
    return [values, valid]


@gather_targets.register
def _(spec: SequenceNetwork, tensors, index):
    return tf.gather(tensors["targets"], index), tf.gather(tensors["weight"], index)


@data_signature.register
def _(spec: SequenceNetwork):
    inputs = {
        "rows": (
            tf.TensorSpec([None], tf.int32)
            if spec.n_tokens
            else tf.TensorSpec([None, spec.n_columns])
        ),
        "starts": tf.TensorSpec([None], tf.int32),
        "lengths": tf.TensorSpec([None], tf.int32),
    }
    targets = {
        "targets": tf.TensorSpec([None, spec.n_outputs]),
        "weight": tf.TensorSpec([None]),
    }
    return inputs, targets


def _tensors(data: SampleData, signature: dict) -> dict[str, tf.Tensor]:
    """The arrays that a signature names, each put in once."""
    return {
        name: tf.constant(getattr(data, name), spec.dtype)
        for name, spec in signature.items()
    }


class _ProgramPool:
    """Idle programs by specification; the least recently used leave first."""

    def __init__(self, size: int):
        self._size = size
        self._lock = threading.Lock()
        self._idle: OrderedDict = OrderedDict()  # key -> list of programs

    def take(self, key) -> Program:
        with self._lock:
            programs = self._idle.get(key)
            if programs:
                program = programs.pop()
                if not programs:
                    del self._idle[key]
                return program
            # Built under the lock: Keras' building is not made for several threads.
            return Program(*key)

    def put(self, key, program: Program) -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(program)
            self._idle.move_to_end(key)
            while sum(map(len, self._idle.values())) > self._size:
                oldest = next(iter(self._idle))
                self._idle[oldest].pop()
                if not self._idle[oldest]:
                    del self._idle[oldest]


_pool = _ProgramPool(MAX_IDLE_PROGRAMS)


@contextmanager
def borrow_program(network: NetworkSpec, training: TrainingSpec) -> Iterator[Program]:
    """A program for one thread, built if none is idle, and kept afterwards."""
    key = (network, training)
    program = _pool.take(key)
    try:
        yield program
    finally:
        _pool.put(key, program)
