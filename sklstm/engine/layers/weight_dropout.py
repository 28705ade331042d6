"""Dropout of the recurrent weights, before any loop over time reads them.

Importing this module loads Keras.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sklstm.engine.backend import keras, tf
from sklstm.engine.networks.initial_weights import PLACEHOLDER_SEED


class WeightDropout:
    """Mixin of recurrent layers: drops recurrent weights in training [1]_.

    The entries are drawn once for a batch, and the others are scaled up, so that the
    loop over time, whichever the layer chooses, runs with another matrix only.

    References
    ----------
    .. [1] Merity, Keskar and Socher (2018), "Regularizing and optimizing LSTM language
       models", ICLR.
    """

    cell: Any

    def __init__(self, *args: Any, weight_dropout: float, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.weight_dropout = weight_dropout
        self.seed_generator = keras.random.SeedGenerator(PLACEHOLDER_SEED)

    def inner_loop(
        self,
        sequences: tf.Tensor,
        initial_state: Any,
        mask: tf.Tensor | None,
        training: bool = False,
    ) -> Any:
        """Run the loop over time; Keras calls it from `call`."""
        run_loop = super().inner_loop  # type: ignore[misc]
        if not training:
            return run_loop(sequences, initial_state, mask, training)
        kernel = self.cell.recurrent_kernel
        self.cell.recurrent_kernel = keras.random.dropout(
            tf.convert_to_tensor(kernel), self.weight_dropout, seed=self.seed_generator
        )
        try:
            return run_loop(sequences, initial_state, mask, training)
        finally:
            self.cell.recurrent_kernel = kernel

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        config = super().get_config()  # type: ignore[misc]
        return {**config, "weight_dropout": self.weight_dropout}


@lru_cache
def with_weight_dropout(layer_class: type[keras.layers.RNN]) -> type[keras.layers.RNN]:
    """Return a recurrent layer's class with dropout of its recurrent kernel."""
    name = f"WeightDropped{layer_class.__name__}"
    return type(name, (WeightDropout, layer_class), {})
