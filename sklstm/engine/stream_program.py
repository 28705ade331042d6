"""Compiled programs that read a sequence piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sklstm.engine.backend import tf
from sklstm.engine.data import Weights
from sklstm.engine.graph import Graph

if TYPE_CHECKING:
    from sklstm.engine.networks import StreamNetwork


class StreamProgram:
    """A program for a network that carries its states from piece to piece.

    Parameters
    ----------
    spec : StreamNetwork
    template : StreamProgram, optional
        A program of the same network, whose graph is run on this program's weights.
    """

    def __init__(self, spec: StreamNetwork, template: StreamProgram | None = None):
        self.network = spec.build(fast=True)
        self._loaded: Weights | None = None
        signature = [
            tf.TensorSpec([None, *each.shape[1:]], each.dtype)
            for each in self.network.inputs
        ]
        self._graph: Graph = Graph(
            self._run,
            signature,
            self.network.variables,
            None if template is None else template._graph,
        )

    @property
    def n_traces(self) -> int:
        """Number of functions traced so far."""
        return self._graph.n_traces

    def _run(self, *inputs: tf.Tensor) -> list[tf.Tensor]:
        return self.network(list(inputs), training=False)

    def advance(
        self,
        inputs: Sequence[np.ndarray],
        states: Sequence[np.ndarray],
        weights: Weights,
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Read the next steps.

        Parameters
        ----------
        inputs : sequence of ndarray
            Of the network, with the context in front.
        states : sequence of ndarray of shape (n_sequences, size)
        weights : Weights
            Of the tagging network.

        Returns
        -------
        outputs : ndarray of shape (n_sequences, n_steps, n_outputs)
        states : list of ndarray of shape (n_sequences, size)
        """
        if self._loaded is not weights:
            self.network.set_weights(weights)
            self._loaded = weights
        tensors = [tf.constant(each) for each in (*inputs, *states)]
        outputs, *after = self._graph(*tensors)
        return outputs.numpy(), [state.numpy() for state in after]
