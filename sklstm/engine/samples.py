"""Compiled programs for samples that stand alone: windows and whole sequences."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import tensorflow as tf

from sklstm.engine.losses import make_loss
from sklstm.engine.program import Program, as_tensors
from sklstm.engine.specs import (
    AutoencoderNetwork,
    ReconstructionData,
    SequenceData,
    SequenceNetwork,
    TrainingSpec,
    Weights,
    WindowData,
    WindowNetwork,
)

# Samples that an evaluation takes at once: bounds its memory.
_EVALUATION_BATCH = 512

# Samples that a forward pass takes at once. Always as many, so that an answer is the
# same to the last bit whatever samples of its length are asked for with it: a product
# of matrices of another shape may add up in another order. Several passes run side by
# side, so few samples lose no speed, and little is lost on a single one.
_FORWARD_BATCH = 32
_FORWARD_PASSES = 4


class SampleProgram(Program):
    """A program for a network that gives one answer to each sample.

    Parameters
    ----------
    network : WindowNetwork, AutoencoderNetwork or SequenceNetwork
    training : TrainingSpec
    like : SampleProgram, optional
        As for `Program`.
    """

    def __init__(
        self,
        network: WindowNetwork | AutoencoderNetwork | SequenceNetwork,
        training: TrainingSpec,
        template: Program | None = None,
    ):
        inputs, targets = data_signature(network)
        super().__init__(network, training, inputs | targets, template)
        self._forward_data = inputs
        self._loss = make_loss(training)
        index = tf.TensorSpec([None], tf.int32)
        self._forward = self._compile(self._run_forward, inputs, index)

    def forward(
        self, data: WindowData | ReconstructionData | SequenceData, weights: Weights
    ) -> np.ndarray:
        """The network's outputs for all samples of the data."""
        self._load(weights)
        tensors = as_tensors(data, self._forward_data)
        order = data.order.astype(np.int32)
        filled = np.pad(order, (0, -len(order) % _FORWARD_BATCH), mode="edge")
        outputs = self._forward(tensors, tf.constant(filled)).numpy()
        in_place = np.empty((len(order), *outputs.shape[1:]), outputs.dtype)
        in_place[order] = outputs[: len(order)]
        return in_place

    def _run_epoch(self, tensors, index, batch_size, seed):
        self.n_traces += 1
        index = tf.random.experimental.stateless_shuffle(index, seed)
        tensors = augment(self.spec, tensors, seed)

        def train_on(batch):
            with tf.GradientTape() as tape:
                loss = self._batch_loss(tensors, batch, training=True)
            self._apply_gradients(tape, loss)
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
def augment(spec, tensors, seed):
    """The samples as one epoch trains on them: varied at random, if at all."""
    return tensors


@augment.register
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
    window = _gather_window(spec, tensors, index)
    if spec.n_target_columns:
        level = tf.gather(tensors["level"], index)[:, None, : spec.n_target_columns]
        spread = tf.gather(tensors["spread"], index)[:, None, : spec.n_target_columns]
        own = (window[:, :, : spec.n_target_columns] - level) / spread
        window = tf.concat([own, window[:, :, spec.n_target_columns :]], axis=2)
    if not spec.n_future_columns:
        return window
    future = tf.gather(tensors["series"], _forecast_rows(spec, tensors, index))
    return [window, future[:, :, spec.n_columns - spec.n_future_columns :]]


@gather_targets.register
def _(spec: WindowNetwork, tensors, index):
    rows = _forecast_rows(spec, tensors, index)
    level = tf.gather(tensors["level"], index)[:, None]
    spread = tf.gather(tensors["spread"], index)[:, None]
    targets = (tf.gather(tensors["targets"], rows) - level) / spread
    return targets, tf.gather(tensors["weight"], rows)


def _gather_window(spec, tensors, index):
    starts = tf.gather(tensors["starts"], index)
    return tf.gather(tensors["series"], starts[:, None] + tf.range(spec.window_length))


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
def _(spec: AutoencoderNetwork, tensors, index):
    return _gather_window(spec, tensors, index)


@gather_targets.register
def _(spec: AutoencoderNetwork, tensors, index):
    return _gather_window(spec, tensors, index), 1.0


@data_signature.register
def _(spec: AutoencoderNetwork):
    inputs = {
        "series": tf.TensorSpec([None, spec.n_columns]),
        "starts": tf.TensorSpec([None], tf.int32),
    }
    return inputs, {}


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
