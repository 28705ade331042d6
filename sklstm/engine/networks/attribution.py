"""Networks whose outputs are attributed to their inputs."""

from __future__ import annotations

from dataclasses import dataclass

from sklstm.engine.backend import keras
from sklstm.engine.networks.base import NetworkSpec, SampleNetwork
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
    """

    network: SampleNetwork

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        built = self.network.for_attribution()._build(fast=fast)
        for layer in flatten_layers(built):
            if hasattr(layer, "with_gradient"):
                layer.with_gradient = True
        return built
