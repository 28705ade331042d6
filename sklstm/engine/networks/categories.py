"""Embeddings of categorical columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklstm.engine.backend import keras
from sklstm.engine.networks.initial_weights import PLACEHOLDER_SEED, standard_normal

if TYPE_CHECKING:
    from keras import KerasTensor

# Fraction of the samples in training in which a column's categories are replaced by the
# unknown one, whose vector is learned so.
_UNKNOWN_RATE = 0.05

# Pairs of a categorical column's index and its number of ids.
CategoryCounts = tuple[tuple[int, int], ...]


def embedding_size(n_ids: int) -> int:
    """Return the length of the vectors of a column with this number of ids."""
    return min(16, n_ids // 2)


class ColumnEmbeddings:
    """Layers that replace the ids in categorical columns by learned vectors.

    They are shared by all tensors to which they are applied. Id 0 stands for categories
    that are unknown, and its vector is learned by replacing categories at random during
    training: a column of a whole sample at once.

    Parameters
    ----------
    n_ids : tuple of tuple of int
        Index of each categorical column, and its number of ids; at least one pair.
    """

    def __init__(self, n_ids: CategoryCounts):
        layers = keras.layers
        self._embeddings = {
            column: layers.Embedding(
                n,
                embedding_size(n),
                embeddings_initializer=standard_normal(),
                name=f"category_{column}",
            )
            for column, n in n_ids
        }
        self._replace = layers.Dropout(
            _UNKNOWN_RATE,
            noise_shape=(None, 1, None),
            seed=PLACEHOLDER_SEED,
            name="unknown_categories",
        )

    def apply(
        self,
        x: KerasTensor,
        first_column: int = 0,
        gates: KerasTensor | None = None,
    ) -> KerasTensor:
        """Replace ids by vectors, which come after the other columns.

        Parameters
        ----------
        x : KerasTensor of shape (n_samples, n_steps, n_columns)
        first_column : int, default=0
            Index of the first column of x.
        gates : KerasTensor of shape (n_samples, n_steps, n_categorical), optional
            Where a gate is 0, the vector is that of an unknown category.

        Returns
        -------
        embedded : KerasTensor of shape (n_samples, n_steps, n_values)
        """
        parts = [self.numbers(x, first_column), self.vectors(x, first_column, gates)]
        present = [part for part in parts if part is not None]
        return present[0] if len(present) == 1 else keras.ops.concatenate(present, 2)

    def numbers(self, x: KerasTensor, first_column: int = 0) -> KerasTensor | None:
        """Return the columns that are not categorical; None if there are none."""
        n_columns = x.shape[2]
        kept = [i for i in range(n_columns) if first_column + i not in self._embeddings]
        if len(kept) == n_columns:
            return x
        return keras.ops.take(x, kept, axis=2) if kept else None

    def vectors(
        self,
        x: KerasTensor,
        first_column: int = 0,
        gates: KerasTensor | None = None,
    ) -> KerasTensor | None:
        """Return the vectors of the categories; None if no column is categorical."""
        ops = keras.ops
        columns = [i for i in range(x.shape[2]) if first_column + i in self._embeddings]
        if not columns:
            return None
        ids = ops.take(x, columns, axis=2)
        # Dropout scales what it keeps, so it is applied to ones rather than to ids.
        ids = ids * ops.sign(self._replace(ops.ones_like(ids)))
        ids = ops.cast(ids, "int32")
        vectors = []
        for i, column in enumerate(columns):
            embedding = self._embeddings[first_column + column]
            vector = embedding(ids[:, :, i])
            if gates is not None:
                unknown = embedding(ops.zeros_like(ids[:, :, i]))
                vector = unknown + gates[:, :, i : i + 1] * (vector - unknown)
            vectors.append(vector)
        return vectors[0] if len(vectors) == 1 else ops.concatenate(vectors, 2)
