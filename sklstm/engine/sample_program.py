"""Compiled programs for independent samples: windows and whole sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sklstm.engine.backend import tf
from sklstm.engine.data import (
    ReconstructionData,
    SampleData,
    SequenceData,
    TrainingSpec,
    Weights,
    WindowData,
)
from sklstm.engine.losses import BatchLoss
from sklstm.engine.program import Program, as_tensors

if TYPE_CHECKING:
    from sklstm.engine.networks import SampleNetwork
    from sklstm.engine.networks.base import Tensors

# Samples evaluated at once, which bounds the memory.
_EVALUATION_BATCH = 512

# Samples in a forward pass. The number is always the same, because a matrix product of
# another shape may add up in another order: so an output does not depend on the other
# samples of its length that are predicted with it, to the last bit on CPUs that compute
# all rows of a product alike. Several passes run side by side, so small passes cost no
# speed, and filling up a single one costs little.
_FORWARD_BATCH = 32
_PARALLEL_PASSES = 4


class SampleProgram(Program):
    """A program for a network that maps each sample to one output.

    Parameters
    ----------
    network : SampleNetwork
    training : TrainingSpec
    template : Program, optional
        As for `Program`.
    """

    spec: SampleNetwork

    def __init__(
        self,
        network: SampleNetwork,
        training: TrainingSpec,
        template: Program | None = None,
    ):
        inputs, targets = network.data_signature()
        super().__init__(network, training, inputs | targets, template)
        self._input_data = inputs
        self._loss = BatchLoss(training)
        index = tf.TensorSpec([None], tf.int32)
        self._forward = self._compile(self._run_forward, inputs, index)

    def forward(
        self, data: WindowData | ReconstructionData | SequenceData, weights: Weights
    ) -> np.ndarray:
        """Compute the network's outputs for all samples of the data."""
        self._load(weights)
        tensors = as_tensors(data, self._input_data)
        order = data.order.astype(np.int32)
        filled = np.pad(order, (0, -len(order) % _FORWARD_BATCH), mode="edge")
        outputs = self._forward(tensors, tf.constant(filled)).numpy()
        rows = self.spec.output_rows(data)
        in_order = np.empty((len(rows), *outputs.shape[1:]), outputs.dtype)
        in_order[rows] = outputs[: len(rows)]
        return in_order

    def _check_loss(self, data: SampleData, tensors: Tensors) -> None:
        weight = getattr(data, "weight", None)
        if weight is None or np.ptp(weight) == 0 or self._loss.is_named:
            return
        index = tf.constant([0, 0], tf.int32)
        targets, _ = self.spec.gather_targets(tensors, index)
        self._loss.check_weighted(
            targets, self._outputs(tensors, index, training=False)
        )

    def _run_epoch(
        self,
        tensors: Tensors,
        index: tf.Tensor,
        batch_size: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        index = self.spec.shuffle(tensors, index, batch_size, seed)
        tensors = self.spec.augment(tensors, seed)

        def train_on(batch: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                loss = self._batch_loss(tensors, batch, training=True)
            self._apply_gradients(tape, loss)
            return loss

        return _mean_over_batches(train_on, index, batch_size)

    def _run_evaluation(self, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
        def loss_on(batch: tf.Tensor) -> tf.Tensor:
            return self._batch_loss(tensors, batch, training=False)

        return _mean_over_batches(loss_on, index, _EVALUATION_BATCH)

    def _run_forward(self, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
        batches = tf.reshape(index, [-1, _FORWARD_BATCH])
        n_batches = tf.shape(batches)[0]

        def step(
            i: tf.Tensor, outputs: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.TensorArray]:
            batch = self._outputs(tensors, batches[i], training=False)
            return i + 1, outputs.write(i, batch)

        def unfinished(i: tf.Tensor, outputs: tf.TensorArray) -> tf.Tensor:
            return i < n_batches

        outputs = tf.TensorArray(tf.float32, n_batches)
        _, outputs = tf.while_loop(
            unfinished, step, (0, outputs), parallel_iterations=_PARALLEL_PASSES
        )
        return outputs.concat()

    def _batch_loss(
        self, tensors: Tensors, index: tf.Tensor, *, training: bool
    ) -> tf.Tensor:
        targets, weight = self.spec.gather_targets(tensors, index)
        outputs = self._outputs(tensors, index, training=training)
        if self.spec.missing_values:
            targets, outputs = _leave_out_unknown(targets, outputs)
        return self._loss(targets, outputs, weight)

    def _outputs(
        self, tensors: Tensors, index: tf.Tensor, *, training: bool
    ) -> tf.Tensor:
        """Compute the outputs for the samples of the given indices."""
        inputs = self.spec.gather_inputs(tensors, index)
        outputs = self.network(inputs, training=training)
        return self.spec.select_outputs(tensors, index, outputs)


def _leave_out_unknown(
    targets: tf.Tensor, outputs: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Set unknown targets, and the outputs for them, to zero: they have no error."""
    known = ~tf.math.is_nan(targets)
    targets = tf.where(known, targets, 0.0)
    if outputs.shape.rank > known.shape.rank:
        known = known[..., None]  # quantiles
    return targets, tf.where(known, outputs, 0.0)


def _mean_over_batches(
    function: Callable[[tf.Tensor], tf.Tensor],
    index: tf.Tensor,
    batch_size: tf.Tensor | int,
) -> tf.Tensor:
    """Apply a function to one batch after the other; return its mean over samples."""
    n_samples = tf.shape(index)[0]

    def step(start: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = index[start : start + batch_size]
        size = tf.cast(tf.shape(batch)[0], tf.float32)
        return start + batch_size, total + size * function(batch)

    def unfinished(start: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
        return start < n_samples

    _, total = tf.while_loop(unfinished, step, (0, 0.0))
    return total / tf.cast(n_samples, tf.float32)
