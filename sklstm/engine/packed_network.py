"""Copies and pickles of users' networks, with what they were compiled with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from sklstm.engine.backend import check_process, keras
from sklstm.engine.keras_objects import enable_copying
from sklstm.engine.private_api import compile_arguments, flatten_layers


class PackedNetwork:
    """A network as a value that can be copied and pickled.

    A file of Keras holds the configurations of the loss and the optimizer, which may be
    incomplete or cannot be read back (see `sklstm.engine.keras_objects`). Here both are
    kept as they are.

    Parameters
    ----------
    network : keras.Model
    """

    def __init__(self, network: keras.Model):
        enable_copying()
        self._compiled_with: dict[str, Any] | None = None
        self._optimizer_state: list[np.ndarray] = []
        compiled = bool(network.compiled)
        if compiled:
            self._compiled_with = compile_arguments(network)
            self._optimizer_state = [
                variable.numpy() for variable in network.optimizer.variables
            ]
        layers = [type(layer) for layer in flatten_layers(network)]
        self._classes = {cls.__name__: cls for cls in layers}
        network.compiled = False  # leaves the configurations out
        try:
            self._restore, self._content = network.__reduce__()
        finally:
            network.compiled = compiled

    def unpack(self) -> keras.Model:
        """Make a copy of the network."""
        check_process()
        with keras.saving.custom_object_scope(self._classes):
            network = self._restore(*self._content)
        if self._compiled_with is None:
            return network
        arguments = copy.deepcopy(self._compiled_with)
        network.compile(**arguments)
        optimizer = arguments["optimizer"]
        if self._optimizer_state:
            optimizer.build(network.trainable_variables)
            for variable, value in zip(
                optimizer.variables, self._optimizer_state, strict=True
            ):
                variable.assign(value)
        return network

    @classmethod
    def pack_all(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Pack all networks among values."""
        return {
            name: cls(value) if isinstance(value, keras.Model) else value
            for name, value in values.items()
        }

    @classmethod
    def unpack_all(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Unpack all networks among values."""
        return {
            name: value.unpack() if isinstance(value, cls) else value
            for name, value in values.items()
        }
