"""What a network specification must provide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy as np

from sklstm.engine.backend import check_process, tf
from sklstm.engine.private_api import single_precision

if TYPE_CHECKING:
    import keras

    from sklstm.engine.data import SampleData

# Tensors by the names of the fields of the data.
Tensors: TypeAlias = "Mapping[str, tf.Tensor]"


class NetworkSpec(ABC):
    """A network as a plain value: a frozen dataclass that builds a Keras model.

    It is hashable, because it is part of the key under which a compiled program is
    kept, and it holds no Keras objects, so a fitted estimator can be pickled with it.
    """

    @property
    def bias_paths(self) -> tuple[str, ...]:
        """Paths of variables that are biases but not called so."""
        return ()

    def build(self, *, fast: bool = False) -> keras.Model:
        """Build the network, in single precision whatever Keras is set to.

        Parameters
        ----------
        fast : bool, default=False
            Whether to use this package's recurrent layers where they are faster than
            the standard ones; the weights are the same.

        Returns
        -------
        network : keras.Model
        """
        check_process()
        with single_precision():
            network = self._build(fast=fast)
            if not fast:
                # Keras exports a network only after it has been called.
                network(network.inputs)
            return network

    @abstractmethod
    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network; every `keras.Input` of floats is given its type."""


class DataSignature(NamedTuple):
    """Names, shapes and types of the tensors that a network's samples are cut from.

    The names are those of the fields of the data. Shapes are left open, so another
    number of rows needs no new trace.
    """

    inputs: dict[str, tf.TensorSpec]
    targets: dict[str, tf.TensorSpec]  # needed in addition for training


class SampleNetwork(NetworkSpec):
    """A network that maps each sample, a window or a whole sequence, to one output."""

    # Whether the samples have missing values, and targets that are NaN, which do not
    # count in the loss. It changes how samples are gathered, but no weights.
    missing_values: bool = False

    def adapted_to(self, data: SampleData) -> Self:
        """Return the network that gathers the samples of the data; by default this."""
        return self

    @abstractmethod
    def data_signature(self) -> DataSignature:
        """Describe the tensors that the methods below take."""

    @abstractmethod
    def gather_inputs(self, tensors: Tensors, index: tf.Tensor) -> Any:
        """Gather the network's inputs for the samples of the given indices."""

    @abstractmethod
    def gather_targets(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Gather the targets and weights of the samples of the given indices."""

    def output_rows(self, data: Any) -> np.ndarray:
        """Return where the outputs for samples in the order of the data belong.

        By default, each sample has one output.
        """
        return data.order

    def select_outputs(
        self, tensors: Tensors, index: tf.Tensor, outputs: tf.Tensor
    ) -> tf.Tensor:
        """Return those outputs of the network that count; by default, all."""
        return outputs

    def shuffle(
        self, tensors: Tensors, index: tf.Tensor, batch_size: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """Return the samples of an epoch in the order in which to train on them."""
        return tf.random.experimental.stateless_shuffle(index, seed)

    # Whether ids are read through gates, further inputs (see `AttributionNetwork`).
    gated: bool = False

    @property
    def gated_columns(self) -> list[tuple[int, list[int] | None]]:
        """Return which inputs hold ids: their positions and columns; None for all."""
        return []

    def for_attribution(self) -> Self:
        """Return the network with gates for its ids (see `AttributionNetwork`)."""
        network: Any = self
        # Dropout of states is part of the recurrent layers' training loop.
        stack = network.stack.without_state_dropout()
        gates = {"gated": True} if self.gated_columns else {}
        return replace(network, stack=stack, **gates)

    def baseline_inputs(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return inputs without information, to which given ones are compared."""
        raise NotImplementedError(f"{type(self).__name__} has no baseline")

    def augment(self, tensors: Tensors, seed: tf.Tensor) -> Tensors:
        """Change the samples at random for one epoch; by default, change nothing."""
        return tensors


def keep_columns(
    baseline: Sequence[tf.Tensor],
    inputs: Sequence[tf.Tensor],
    columns: Sequence[tuple[int, list[int] | None]],
) -> list[tf.Tensor]:
    """Return a baseline in which columns of some inputs, such as ids, are kept."""
    baseline = list(baseline)
    for position, kept in columns:
        each = inputs[position]
        if kept is None:
            baseline[position] = each
        else:
            is_kept = np.isin(np.arange(each.shape[-1]), kept)
            baseline[position] = tf.where(is_kept, each, baseline[position])
    return baseline
