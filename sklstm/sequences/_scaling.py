"""Scaling of sequences per channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklstm._data.scaling import is_constant, mean_and_scale
from sklstm._data.sequences import Sequences


@dataclass(frozen=True)
class ChannelScaling:
    """What a network reads of sequences of numbers. Make one with `fit`."""

    normalize: str | None
    differences: bool
    mean: np.ndarray  # of each column that the network reads
    scale: np.ndarray

    @classmethod
    def fit(
        cls, sequences: Sequences, *, normalize: str | None, differences: bool
    ) -> ChannelScaling:
        """Learn the scales from the sequences to train on.

        Parameters
        ----------
        sequences : Sequences
        normalize : {"standard", "sequence"} or None
        differences : bool
            Whether the first differences of the channels are read, too.

        Returns
        -------
        scaling : ChannelScaling
        """
        n_columns = sequences.rows.shape[1] * (1 + differences)
        unscaled = cls(normalize, differences, np.zeros(n_columns), np.ones(n_columns))
        if normalize is None:
            return unscaled
        columns = unscaled._columns(sequences)
        return cls(normalize, differences, *mean_and_scale(columns))

    def encode(self, sequences: Sequences) -> np.ndarray:
        """The rows as the network reads them: (n_rows, n_columns), single precision."""
        columns = self._columns(sequences)
        with np.errstate(over="ignore"):
            rows = ((columns - self.mean) / self.scale).astype(np.float32)
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            i, row = sequences.locate(~finite)
            raise ValueError(
                f"X[{i}] holds values too large for single precision on the scale of "
                f"those in fit: {sequences.rows[row].tolist()}."
            )
        return rows

    def _columns(self, sequences):
        """The channels, and their differences, before they are standardised."""
        rows = sequences.rows
        if self.normalize == "sequence":
            rows = standardise_each_sequence(sequences)
        if not self.differences:
            return rows
        steps = np.diff(rows, axis=0, prepend=rows[:1])
        steps[sequences.starts] = 0.0
        return np.hstack([rows, steps])


def standardise_each_sequence(sequences: Sequences) -> np.ndarray:
    """Rows minus the mean, and over the standard deviation, of their own sequence.

    A channel that is constant in a sequence becomes 0 there.
    """
    starts, n_steps = sequences.starts, sequences.lengths[:, None]
    mean = np.add.reduceat(sequences.rows, starts, axis=0) / n_steps
    centred = sequences.rows - np.repeat(mean, sequences.lengths, axis=0)
    variance = np.add.reduceat(centred**2, starts, axis=0) / n_steps
    scale = np.sqrt(variance)
    scale = np.where(is_constant(scale, mean), 1.0, scale)
    return centred / np.repeat(scale, sequences.lengths, axis=0)
