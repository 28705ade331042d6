"""Callbacks of Keras during training, which see a network of standard layers.

Importing this module loads Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklstm.engine.backend import keras


class KeepInStep(keras.callbacks.Callback):
    """Keep the network that callbacks see in step with the one that is trained.

    What callbacks save must load without this package, and so without its layers.
    Between two callbacks, what the first has changed is copied to the network in
    training, or otherwise its weights to the network that the next one sees.

    Parameters
    ----------
    trained : keras.Model
        The network in training.
    shown : keras.Model
        A network with weights of the same shapes, which callbacks see and may change.
    """

    def __init__(self, trained: keras.Model, shown: keras.Model):
        super().__init__()
        self._trained = trained
        self._shown = shown
        self._before = shown.get_weights()

    def between(
        self, callbacks: Sequence[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """Return callbacks with this one before, between and after them."""
        return [self, *(each for callback in callbacks for each in (callback, self))]

    def on_train_begin(self, logs: Any = None) -> None:
        """Copy weights."""
        self._copy_weights()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Copy weights."""
        self._copy_weights()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Copy weights."""
        self._copy_weights()

    def on_train_end(self, logs: Any = None) -> None:
        """Copy weights."""
        self._copy_weights()

    def _copy_weights(self) -> None:
        weights = self._shown.get_weights()
        if all(map(np.array_equal, weights, self._before)):
            weights = self._trained.get_weights()
            self._shown.set_weights(weights)
        else:
            self._trained.set_weights(weights)
        self._before = weights
