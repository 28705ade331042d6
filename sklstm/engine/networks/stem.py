"""Convolutional layers in front of the recurrent ones."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from sklstm.engine.backend import keras
from sklstm.engine.networks.initial_weights import glorot_uniform

if TYPE_CHECKING:
    from keras import KerasTensor

# Weight of the past in the moving averages of batch normalization. Keras' 0.99 would
# need several hundred optimizer steps before predictions use sensible averages.
_MOMENTUM = 0.9


@dataclass(frozen=True)
class ConvStem:
    """Convolutions over time, each with batch normalization, ReLU and max pooling.

    Padding is zero before and after each convolution and counts in no average, so it
    has no effect on the valid steps.

    Parameters
    ----------
    filters : tuple of int
        Number of filters of each layer; none for an empty tuple.
    kernel_sizes : tuple of int
        Number of time steps that the filters of each layer span.
    causal : bool
        Whether outputs depend on earlier steps only.
    """

    filters: tuple[int, ...] = ()
    kernel_sizes: tuple[int, ...] = ()
    causal: bool = False

    def __bool__(self) -> bool:
        return bool(self.filters)

    def pool_sizes(self, pool_length: int) -> list[int]:
        """Return the number of steps that are pooled after each layer.

        Their product is ``pool_length``. Each layer but the last takes the largest
        factor up to 4, so that later layers, with more filters, have fewer steps.
        """
        sizes = []
        for _ in self.filters[:-1]:
            sizes.append(max(n for n in (1, 2, 3, 4) if pool_length % n == 0))
            pool_length //= sizes[-1]
        return [*sizes, pool_length]

    def round_pool_length(self, pool_length: int) -> int:
        """Return the next pool length with factors that all layers can share.

        Parameters
        ----------
        pool_length : int
            Minimum number of steps to pool.

        Returns
        -------
        pool_length : int
            1, 2, or a multiple of 4; unchanged if there is a single layer.
        """
        if len(self.filters) == 1 or pool_length <= 2:
            return pool_length
        return -(-pool_length // 4) * 4

    def apply(
        self, x: KerasTensor, valid: KerasTensor, pool_length: int, *, fast: bool
    ) -> tuple[KerasTensor, KerasTensor]:
        """Apply the layers to the input of a network under construction.

        Parameters
        ----------
        x : KerasTensor of shape (n_samples, n_steps, n_features)
            The number of steps is a multiple of ``pool_length``.
        valid : KerasTensor of shape (n_samples, n_steps)
            False for padding, which must come after the valid steps.
        pool_length : int
            Number of steps that are pooled into one.
        fast : bool
            As for `NetworkSpec.build`.

        Returns
        -------
        outputs : KerasTensor of shape (n_samples, n_steps / pool_length, n_filters)
        valid : KerasTensor of shape (n_samples, n_steps / pool_length)
        """
        layers = keras.layers
        sizes = self.pool_sizes(pool_length)
        assert prod(sizes) == pool_length
        x = _clear_padding(x, valid)
        for i, (filters, kernel_size) in enumerate(
            zip(self.filters, self.kernel_sizes, strict=True)
        ):
            x = layers.Conv1D(
                filters,
                kernel_size,
                padding="causal" if self.causal else "same",
                use_bias=False,  # batch normalization has one
                kernel_initializer=glorot_uniform(),
                name=f"conv_{i}",
            )(x)
            normalization = _normalization_class(fast)(
                momentum=_MOMENTUM, name=f"batch_normalization_{i}"
            )
            x = normalization(x, mask=valid)
            if not fast:
                x = layers.ReLU(name=f"relu_{i}")(x)
                x = _clear_padding(x, valid)
            if sizes[i] > 1:
                # No value is below zero, so padding is never the maximum.
                x = layers.MaxPooling1D(sizes[i], name=f"max_pooling_{i}")(x)
                valid = valid[:, :: sizes[i]]
        return x, valid


def _clear_padding(x: KerasTensor, valid: KerasTensor) -> KerasTensor:
    return keras.ops.where(keras.ops.expand_dims(valid, 2), x, 0.0)


def _normalization_class(fast: bool) -> type[keras.layers.BatchNormalization]:
    if fast:
        # Imported here, because defining a layer loads Keras.
        from sklstm.engine.layers.batch_norm_relu import BatchNormReLU

        return BatchNormReLU
    return keras.layers.BatchNormalization
