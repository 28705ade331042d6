"""Compiled programs that attribute outputs of a network to its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklstm.engine.backend import tf
from sklstm.engine.data import SequenceData, Weights, WindowData
from sklstm.engine.graph import Graph
from sklstm.engine.program import as_tensors

if TYPE_CHECKING:
    from sklstm.engine.networks.attribution import AttributionNetwork

# Samples times points of the path that are run at once, which bounds the memory.
_BATCH = 512

# Numbers of points at which the path is sampled, until the contributions add up to the
# change of the output: smooth networks need few, networks with kinks more.
_N_POINTS = (8, 32, 128, 512, 2048)

# Largest error of the sum, as a fraction of the change of the output, and of the sum of
# the magnitudes of the contributions where these cancel.
_TOLERANCE, _TOLERANCE_OF_CANCELLED = 1e-3, 1e-5


class Contributions(NamedTuple):
    """What a network's inputs contribute to one output of a sample.

    Parameters
    ----------
    inputs : list of ndarray of shape (n_steps, [n_columns])
        For each input of the network that holds numbers or ids. Together they add up
        to the difference between the two outputs.
    output, baseline : float
        The output for the sample, and for its baseline.
    """

    inputs: list[np.ndarray]
    output: float
    baseline: float

    @property
    def error(self) -> float:
        """How far the contributions are from adding up."""
        total = sum(float(values.sum(dtype=float)) for values in self.inputs)
        return abs(self.output - self.baseline - total)

    @property
    def is_complete(self) -> bool:
        """Whether the contributions add up, to the tolerance."""
        size = sum(float(np.abs(values).sum(dtype=float)) for values in self.inputs)
        change = abs(self.output - self.baseline)
        return self.error <= max(_TOLERANCE * change, _TOLERANCE_OF_CANCELLED * size)


class AttributionProgram:
    """A program that computes integrated gradients [1]_.

    The inputs of a sample are moved along a straight line from its baseline to their
    values; the contribution of an input is its change times the mean gradient of the
    output on the way.

    Parameters
    ----------
    spec : AttributionNetwork
    template : AttributionProgram, optional
        A program of the same network, whose graph is run on this program's weights.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan (2017), "Axiomatic attribution for deep networks",
       ICML.
    """

    def __init__(
        self, spec: AttributionNetwork, template: AttributionProgram | None = None
    ):
        self.spec = spec.network
        self.network = spec.build(fast=True)
        self._positions = self._find_positions()
        self._loaded: Weights | None = None
        self._data, _ = self.spec.data_signature()
        index = tf.TensorSpec([None], tf.int32)
        points = tf.TensorSpec([None], tf.float32)
        self._graph: Graph = Graph(
            self._run,
            [self._data, index, index, points, points],
            self.network.variables,
            None if template is None else template._graph,
        )

    @property
    def n_traces(self) -> int:
        """Number of functions traced so far."""
        return self._graph.n_traces

    def _find_positions(self) -> list[int]:
        """Return where the weights of this network are among those of a fitted one.

        Keras lists layers by their depth, which gates change.
        """
        if not self.spec.gated_columns:
            return list(range(len(self.network.weights)))
        paths = [weight.path for weight in self.spec.build(fast=True).weights]
        return [paths.index(weight.path) for weight in self.network.weights]

    def attribute(
        self, data: WindowData | SequenceData, weights: Weights, which: np.ndarray
    ) -> list[Contributions]:
        """Attribute one output of each sample.

        Parameters
        ----------
        data : WindowData or SequenceData
        weights : Weights
            Of the fitted network.
        which : ndarray of int of shape (n_samples,)
            Index of the output among all outputs for the sample.

        Returns
        -------
        contributions : list of Contributions
        """
        if self._loaded is not weights:
            self.network.set_weights([weights[i] for i in self._positions])
            self._loaded = weights
        tensors = as_tensors(data, self._data)
        found: dict[int, Contributions] = {}
        left = np.asarray(data.order, np.int32)
        for n_points in _N_POINTS:
            # Gauss-Legendre quadrature on the path from 0 to 1.
            nodes, widths = np.polynomial.legendre.leggauss(n_points)
            points, widths = tf.constant((nodes + 1) / 2, tf.float32), widths / 2
            size = max(_BATCH // n_points, 1)
            for start in range(0, len(left), size):
                batch = left[start : start + size]
                results = self._graph(
                    tensors,
                    tf.constant(batch),
                    tf.constant(which[batch], tf.int32),
                    points,
                    tf.constant(widths, tf.float32),
                )
                unpacked = self._unpack(batch, data, results)
                found |= zip(batch.tolist(), unpacked, strict=True)
            left = np.array([i for i in left if not found[i].is_complete], np.int32)
            if not len(left):
                break
        return [found[i] for i in range(len(found))]

    def _unpack(
        self, batch: np.ndarray, data: Any, results: tuple
    ) -> Iterator[Contributions]:
        outputs, baselines, *inputs = (result.numpy() for result in results)
        lengths = getattr(data, "lengths", None)
        for i, sample in enumerate(batch):
            parts = [values[i] for values in inputs]
            if lengths is not None:
                # An incomplete patch is filled with the last row.
                length = lengths[sample]
                rests = [part[length:].sum(axis=0) for part in parts]
                parts = [part[:length].copy() for part in parts]
                for part, rest in zip(parts, rests, strict=True):
                    part[-1] += rest
            yield Contributions(parts, float(outputs[i]), float(baselines[i]))

    def _run(
        self,
        tensors: dict[str, tf.Tensor],
        index: tf.Tensor,
        which: tf.Tensor,
        points: tf.Tensor,
        widths: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        inputs = self.spec.gather_inputs(tensors, index)
        inputs = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        start = self.spec.baseline_inputs(inputs)
        gated = self.spec.gated_columns
        # Gates follow the inputs, as in the network.
        for position, columns in gated:
            shape = tf.shape(inputs[position])
            if columns is not None:
                shape = tf.concat([shape[:-1], [len(columns)]], 0)
            inputs.append(tf.ones(shape))
            start.append(tf.zeros(shape))
        moved = [i for i, each in enumerate(inputs) if each.dtype == tf.float32]

        def outputs_of(inputs: list[tf.Tensor], which: tf.Tensor) -> tf.Tensor:
            outputs = self.network(inputs, training=False)
            n_samples = tf.shape(which)[0]
            return tf.gather(
                tf.reshape(outputs, [n_samples, -1]), which, axis=1, batch_dims=1
            )

        n_points, n_samples = tf.shape(points)[0], tf.shape(index)[0]

        def on_path(end: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
            share = tf.reshape(points, [-1] + [1] * end.shape.rank)
            path = start + share * (end - start)
            return tf.reshape(path, tf.concat([[-1], tf.shape(end)[1:]], 0))

        def repeat(each: tf.Tensor) -> tf.Tensor:
            tiles = [n_points] + [1] * (each.shape.rank - 1)
            return tf.tile(each, tiles)

        path = [
            on_path(end, begin) if i in moved else repeat(end)
            for i, (end, begin) in enumerate(zip(inputs, start, strict=True))
        ]
        watched = [path[i] for i in moved]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            total = tf.reduce_sum(outputs_of(path, repeat(which)))
        gradients = tape.gradient(
            total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        contributions = {}
        for i, gradient in zip(moved, gradients, strict=True):
            shape = tf.concat([[n_points, n_samples], tf.shape(gradient)[1:]], 0)
            mean = tf.tensordot(widths, tf.reshape(gradient, shape), 1)
            contributions[i] = mean * (inputs[i] - start[i])
        n_inputs = len(inputs) - len(gated)
        for number, (position, columns) in enumerate(gated, start=n_inputs):
            of_gates = contributions.pop(number)
            if columns is None:
                contributions[position] = of_gates
                continue
            # Ids do not move, so there is nothing in their columns yet.
            depth = contributions[position].shape[-1]
            spread = tf.one_hot(columns, depth)
            contributions[position] += tf.tensordot(of_gates, spread, 1)
        return (
            outputs_of(inputs, which),
            outputs_of(start, which),
            *(contributions[i] for i in sorted(contributions)),
        )
