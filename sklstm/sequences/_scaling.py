"""Scaling of the channels of sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklstm._data.scaling import is_constant, mean_and_scale
from sklstm._data.sequences import Sequences


@dataclass(frozen=True)
class ChannelScaling:
    """Scaling of the channels and of their differences. Create it with `fit`.

    The network's columns are the channels and, with ``differences``, their first
    differences after them.
    """

    normalize: str | None
    differences: bool
    mean: np.ndarray  # (n_columns,)
    scale: np.ndarray  # (n_columns,)

    @classmethod
    def fit(
        cls, sequences: Sequences, *, normalize: str | None, differences: bool
    ) -> ChannelScaling:
        """Learn the scaling from the sequences in fit.

        Parameters
        ----------
        sequences : Sequences
        normalize : {"standard", "sequence"} or None
        differences : bool
            Whether to append the first differences of the channels.

        Returns
        -------
        scaling : ChannelScaling
        """
        n_columns = sequences.rows.shape[1] * (1 + differences)
        identity = cls(normalize, differences, np.zeros(n_columns), np.ones(n_columns))
        if normalize is None:
            return identity
        columns = identity._unscaled_columns(sequences)
        return cls(normalize, differences, *mean_and_scale(columns))

    def encode(self, sequences: Sequences) -> np.ndarray:
        """Return the scaled columns: (n_rows, n_columns), single precision."""
        columns = self._unscaled_columns(sequences)
        with np.errstate(over="ignore"):
            rows = ((columns - self.mean) / self.scale).astype(np.float32)
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            i, row = sequences.locate(~finite)
            raise ValueError(
                f"X[{i}] holds values too large for single precision when scaled as in "
                f"fit: {sequences.rows[row].tolist()}."
            )
        return rows

    def _unscaled_columns(self, sequences: Sequences) -> np.ndarray:
        """Return the columns before mean and scale are applied."""
        rows = sequences.rows
        if self.normalize == "sequence":
            rows = standardise_each_sequence(sequences)
        if not self.differences:
            return rows
        steps = np.diff(rows, axis=0, prepend=rows[:1])
        steps[sequences.starts] = 0.0
        return np.hstack([rows, steps])


def standardise_each_sequence(sequences: Sequences) -> np.ndarray:
    """Standardise each sequence by its own mean and standard deviation.

    A channel that is constant in a sequence becomes 0.

    Parameters
    ----------
    sequences : Sequences

    Returns
    -------
    rows : ndarray of shape (n_rows, n_channels)
    """
    starts, n_steps = sequences.starts, sequences.lengths[:, None]
    mean = np.add.reduceat(sequences.rows, starts, axis=0) / n_steps
    centred = sequences.rows - np.repeat(mean, sequences.lengths, axis=0)
    variance = np.add.reduceat(centred**2, starts, axis=0) / n_steps
    scale = np.sqrt(variance)
    scale = np.where(is_constant(scale, mean), 1.0, scale)
    return centred / np.repeat(scale, sequences.lengths, axis=0)
