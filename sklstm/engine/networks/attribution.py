"""Networks whose outputs are attributed to their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sklstm.engine.backend import keras, tf
from sklstm.engine.networks.base import NetworkSpec, SampleNetwork, keep_columns
from sklstm.engine.private_api import flatten_layers


@dataclass(frozen=True)
class AttributionNetwork(NetworkSpec):
    """A network with gates as further inputs, through which its ids are read.

    Outputs can be differentiated by numbers, but not by the ids of tokens and of
    categories. Their vectors are those of unknown ids where a gate is 0, and their own
    where it is 1; in between they are interpolated. The weights are those of the
    network.

    Parameters
    ----------
    network : SampleNetwork
    zero_baseline : bool
        Whether outputs are compared with those for inputs of zeros, the mean of the
        training rows, whatever the network's own baseline is.
    """

    network: SampleNetwork
    zero_baseline: bool = False

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        built = self.network.for_attribution()._build(fast=fast)
        for layer in flatten_layers(built):
            if hasattr(layer, "with_gradient"):
                layer.with_gradient = True
        return built

    def baseline_inputs(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return inputs without information, to which given ones are compared."""
        if not self.zero_baseline:
            return self.network.baseline_inputs(inputs)
        zeros = [tf.zeros_like(each) for each in inputs]
        return keep_columns(zeros, inputs, self.network.gated_columns)
