"""Compiled programs that attribute outputs of a network to its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklstm.engine.backend import tf
from sklstm.engine.data import (
    ReconstructionData,
    SequenceData,
    Weights,
    WindowData,
)
from sklstm.engine.graph import Graph
from sklstm.engine.program import as_tensors

if TYPE_CHECKING:
    from sklstm.engine.networks.attribution import AttributionNetwork

# Parts of paths that are run at once, which bounds the memory.
_BATCH = 128

# A path is first cut into this number of parts. Each part is sampled at a few points
# (Gauss-Legendre quadrature), which is exact enough for smooth networks. Parts with
# kinks, from rectifiers and maxima, are halved again and again.
_N_PARTS, _N_POINTS = 2, 4
_MAX_HALVINGS = 12

# Largest error of the sum, as a fraction of the change of the output, and of the sum of
# the magnitudes of the contributions where these cancel.
_TOLERANCE, _TOLERANCE_OF_CANCELLED = 1e-3, 1e-7

# Rounding errors of an output, as a fraction of it.
_ROUNDING = 1e-6


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
        """What the contributions lack to add up to the change of the output."""
        total = sum(float(values.sum(dtype=float)) for values in self.inputs)
        return self.output - self.baseline - total

    @property
    def largest_error(self) -> float:
        """Error that is tolerated."""
        size = sum(float(np.abs(values).sum(dtype=float)) for values in self.inputs)
        change = abs(self.output - self.baseline)
        return max(
            _TOLERANCE * change, _TOLERANCE_OF_CANCELLED * size, self.rounding_error
        )

    @property
    def rounding_error(self) -> float:
        """Error of the outputs themselves."""
        return _ROUNDING * max(abs(self.output), abs(self.baseline))

    @property
    def is_complete(self) -> bool:
        """Whether the contributions add up, to the tolerance."""
        return abs(self.error) <= self.largest_error


class _Part(NamedTuple):
    """A part of the path of a sample, from the baseline (0) to its values (1)."""

    sample: int
    start: float
    end: float

    def halves(self) -> list[_Part]:
        middle = (self.start + self.end) / 2
        return [self._replace(end=middle), self._replace(start=middle)]


class _Path:
    """The contributions along the path of a sample, part by part."""

    def __init__(self) -> None:
        self._done: list[tuple[_Part, Contributions]] = []
        self.pending: list[tuple[_Part, Contributions]] = []

    def refine(self) -> list[_Part]:
        """Accept the parts that are exact; return the halves of the others."""
        if not self.pending:
            return []
        total = self.total()
        limit = np.inf
        if not total.is_complete:
            n_parts = len(self._done) + len(self.pending)
            limit = max(total.largest_error / (2 * n_parts), total.rounding_error)
        halves: list[_Part] = []
        for part, found in self.pending:
            if abs(found.error) <= limit:
                self._done.append((part, found))
            else:
                halves += part.halves()
        self.pending = []
        return halves

    def total(self) -> Contributions:
        """Add up the parts."""
        parts = sorted([*self._done, *self.pending], key=lambda each: each[0].start)
        first, last = parts[0][1], parts[-1][1]
        inputs = [
            np.sum(values, axis=0)
            for values in zip(*(found.inputs for _, found in parts), strict=True)
        ]
        return Contributions(inputs, last.output, first.baseline)


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
        self._baseline_inputs = spec.baseline_inputs
        self.network = spec.build(fast=True)
        self._positions = self._find_positions()
        self._loaded: Weights | None = None
        self._data, _ = self.spec.data_signature()
        index = tf.TensorSpec([None], tf.int32)
        share = tf.TensorSpec([None], tf.float32)
        self._graph: Graph = Graph(
            self._run,
            [self._data, index, index, share, share],
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
        self,
        data: WindowData | ReconstructionData | SequenceData,
        weights: Weights,
        which: np.ndarray,
    ) -> list[Contributions]:
        """Attribute one output of each sample.

        Parameters
        ----------
        data : WindowData, ReconstructionData or SequenceData
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
        paths = {int(i): _Path() for i in data.order}
        borders = np.linspace(0, 1, _N_PARTS + 1)
        parts = [
            _Part(sample, start, end)
            for sample in paths
            for start, end in pairwise(borders)
        ]
        for n_halvings in range(_MAX_HALVINGS + 1):
            for first in range(0, len(parts), _BATCH):
                batch = parts[first : first + _BATCH]
                for part, found in self._run_parts(batch, data, tensors, which):
                    paths[part.sample].pending.append((part, found))
            if n_halvings < _MAX_HALVINGS:
                parts = [part for path in paths.values() for part in path.refine()]
            if not parts:
                break
        return [paths[i].total() for i in range(len(paths))]

    def _run_parts(
        self,
        parts: Sequence[_Part],
        data: Any,
        tensors: dict[str, tf.Tensor],
        which: np.ndarray,
    ) -> Iterator[tuple[_Part, Contributions]]:
        index = np.array([part.sample for part in parts], np.int32)
        starts, ends = (
            np.array([getattr(part, name) for part in parts], np.float32)
            for name in ("start", "end")
        )
        results = self._graph(
            tensors,
            tf.constant(index),
            tf.constant(which[index], tf.int32),
            tf.constant(starts),
            tf.constant(ends),
        )
        ends_of, starts_of, *inputs = (result.numpy() for result in results)
        lengths = getattr(data, "lengths", None)
        for i, part in enumerate(parts):
            values = [each[i] for each in inputs]
            if lengths is not None:
                # An incomplete patch is filled with the last row.
                length = lengths[part.sample]
                rests = [each[length:].sum(axis=0) for each in values]
                values = [each[:length].copy() for each in values]
                for each, rest in zip(values, rests, strict=True):
                    each[-1] += rest
            found = Contributions(values, float(ends_of[i]), float(starts_of[i]))
            yield part, found

    def _run(
        self,
        tensors: dict[str, tf.Tensor],
        index: tf.Tensor,
        which: tf.Tensor,
        starts: tf.Tensor,
        ends: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        inputs = self.spec.gather_inputs(tensors, index)
        inputs = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        origin = self._baseline_inputs(inputs)
        gated = self.spec.gated_columns
        # Gates follow the inputs, as in the network.
        for position, columns in gated:
            shape = tf.shape(inputs[position])
            if columns is not None:
                shape = tf.concat([shape[:-1], [len(columns)]], 0)
            inputs.append(tf.ones(shape))
            origin.append(tf.zeros(shape))
        moved = [i for i, each in enumerate(inputs) if each.dtype == tf.float32]

        def outputs_of(inputs: list[tf.Tensor], which: tf.Tensor) -> tf.Tensor:
            # Keras warns of a list of one.
            given = inputs if len(inputs) > 1 else inputs[0]
            outputs = self.network(given, training=False)
            n_samples = tf.shape(which)[0]
            return tf.gather(
                tf.reshape(outputs, [n_samples, -1]), which, axis=1, batch_dims=1
            )

        n_samples = tf.shape(index)[0]
        nodes, widths = np.polynomial.legendre.leggauss(_N_POINTS)
        shares = [starts + (ends - starts) * float(node + 1) / 2 for node in nodes]

        def on_path(share: tf.Tensor) -> list[tf.Tensor]:
            points = list(inputs)
            for i in moved:
                by_sample = tf.reshape(share, [-1] + [1] * (inputs[i].shape.rank - 1))
                points[i] = origin[i] + by_sample * (inputs[i] - origin[i])
            return points

        def join(points: Sequence[list[tf.Tensor]]) -> list[tf.Tensor]:
            return [tf.concat(each, 0) for each in zip(*points, strict=True)]

        path = join([on_path(share) for share in shares])
        watched = [path[i] for i in moved]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            outputs = outputs_of(path, tf.tile(which, [_N_POINTS]))
            total = tf.reduce_sum(outputs)
        gradients = tape.gradient(
            total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        contributions = {}
        for i, gradient in zip(moved, gradients, strict=True):
            shape = tf.concat([[_N_POINTS, n_samples], tf.shape(gradient)[1:]], 0)
            by_point = tf.reshape(gradient, shape)
            mean = tf.tensordot(tf.constant(widths / 2, tf.float32), by_point, 1)
            width = tf.reshape(ends - starts, [-1] + [1] * (mean.shape.rank - 1))
            contributions[i] = mean * width * (inputs[i] - origin[i])
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
        borders = outputs_of(
            join([on_path(ends), on_path(starts)]), tf.tile(which, [2])
        )
        return (
            borders[:n_samples],
            borders[n_samples:],
            *(contributions[i] for i in sorted(contributions)),
        )
