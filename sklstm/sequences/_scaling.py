"""Scaling of the channels of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sklstm._data.missing import NEVER, Gaps, interpolate
from sklstm._data.scaling import is_constant, mean_and_scale
from sklstm._data.sequences import Sequences

# normalize="auto" standardises each sequence by itself if their scales differ by more:
# a common scale would leave most of them near zero, where noise hides them.
_MAX_SCALE_RATIO = 1000.0


@dataclass(frozen=True)
class ChannelScaling:
    """Scaling of the channels and of their differences. Create it with `fit`.

    The network's columns are the channels of numbers; with ``differences``, their first
    differences after them; with ``level_unit``, the level and the scale of the sequence
    in each channel; masks of the channels that had missing values in fit, 1 where one
    is missing; and the ids of the categorical channels.
    """

    normalize: str | None  # "standard", "sequence" or None
    differences: bool
    mean: np.ndarray  # (n_columns,), without masks and ids
    scale: np.ndarray  # (n_columns,)
    numeric: np.ndarray  # channels of numbers
    categorical: np.ndarray  # the other channels
    masked: np.ndarray  # channels of numbers with missing values in fit
    causal: bool = False  # whether missing values repeat the last one observed
    # Unit of the level and scale of sequences, where they are columns: (n_numeric,)
    level_unit: np.ndarray | None = None

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        *,
        normalize: str | None,
        differences: bool,
        categorical: Sequence[int] = (),
        causal: bool = False,
    ) -> ChannelScaling:
        """Learn the scaling from the sequences in fit.

        Parameters
        ----------
        sequences : Sequences
            NaN for missing values, which do not count.
        normalize : {"auto", "standard", "sequence"} or None
        differences : bool
            Whether to append the first differences of the channels.
        categorical : sequence of int, default=()
            Channels that hold ids of categories.
        causal : bool, default=False
            Whether missing values are filled from earlier steps only.

        Returns
        -------
        scaling : ChannelScaling
        """
        n_channels = sequences.rows.shape[1]
        numeric = np.setdiff1d(np.arange(n_channels), categorical)
        level_unit = None
        if normalize == "auto":
            normalize = "standard"
            small, large = small_and_large_scale(
                replace(sequences, rows=sequences.rows[:, numeric])
            )
            # A causal network cannot know the level and scale of a whole sequence.
            if not causal and (large > _MAX_SCALE_RATIO * small).any():
                normalize, level_unit = "sequence", small
        n_columns = len(numeric) * (1 + differences + 2 * (level_unit is not None))
        scaling = cls(
            normalize,
            differences,
            np.zeros(n_columns),
            np.ones(n_columns),
            numeric,
            np.array(categorical, dtype=int),
            np.flatnonzero(np.isnan(sequences.rows).any(axis=0)),
            causal,
            level_unit,
        )
        if normalize is None:
            return scaling
        mean, scale = mean_and_scale(scaling._unscaled_columns(sequences, filled=False))
        return replace(scaling, mean=mean, scale=scale)

    @property
    def read_channels(self) -> np.ndarray:
        """Channel from which each column of the network is made."""
        n_parts = 1 + self.differences + 2 * (self.level_unit is not None)
        parts = [*[self.numeric] * n_parts, self.masked, self.categorical]
        return np.concatenate(parts).astype(int)

    def encode(self, sequences: Sequences) -> np.ndarray:
        """Return the network's columns, in single precision.

        Missing values are interpolated within each sequence, or repeat the last one
        observed. A channel that has no value in a sequence, or none yet, is zero there.
        """
        columns = self._unscaled_columns(sequences, filled=True)
        with np.errstate(over="ignore"):
            rows = ((columns - self.mean) / self.scale).astype(np.float32)
        rows[np.isnan(columns)] = 0.0
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            i, row = sequences.locate(~finite)
            raise ValueError(
                f"X[{i}] holds values too large for single precision when scaled as in "
                f"fit: {sequences.rows[row].tolist()}."
            )
        masks = np.isnan(sequences.rows[:, self.masked])
        ids = sequences.rows[:, self.categorical]
        return np.hstack([rows, masks.astype(np.float32), ids.astype(np.float32)])

    def last_values(self, sequences: Sequences) -> np.ndarray:
        """Return the last row of the last sequence, with the last values observed."""
        last = sequences.rows[-1:].copy()
        filled = interpolate_each_sequence(sequences, causal=True)[-1:]
        last[:, self.numeric] = filled[:, self.numeric]
        return last

    def _unscaled_columns(self, sequences: Sequences, *, filled: bool) -> np.ndarray:
        """Return the columns before mean and scale are applied.

        Parameters
        ----------
        sequences : Sequences
        filled : bool
            Whether missing values of the channels are filled. Differences are always
            those of filled values: the slope of a gap counts, rather than nothing.
        """
        sequences = replace(sequences, rows=sequences.rows[:, self.numeric])
        rows, further = sequences.rows, []
        if self.normalize == "sequence":
            level, scale = level_and_scale(sequences)
            rows = standardise_each_sequence(sequences, level, scale)
            if self.level_unit is not None:
                # On a logarithmic scale, because they span orders of magnitude.
                units = np.hstack([level, scale]) / np.tile(self.level_unit, 2)
                units = np.sign(units) * np.log1p(np.abs(units))
                further.append(np.repeat(units, sequences.lengths, axis=0))
        if filled or self.differences:
            without_gaps = interpolate_each_sequence(
                replace(sequences, rows=rows), causal=self.causal
            )
        if filled:
            rows = without_gaps
        if self.differences:
            steps = np.diff(without_gaps, axis=0, prepend=without_gaps[:1])
            starts = sequences.starts
            steps[starts] = np.where(np.isnan(without_gaps[starts]), np.nan, 0.0)
            further.insert(0, steps)
        return np.hstack([rows, *further]) if further else rows


def level_and_scale(sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each sequence.

    Parameters
    ----------
    sequences : Sequences
        NaN for missing values, which do not count.

    Returns
    -------
    level, scale : ndarray of shape (n_sequences, n_channels)
        Both are zero for a channel without values, and the scale is for one that is
        constant in the sequence.
    """

    def mean_of_each(rows: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(np.where(observed, rows, 0.0), sequences.starts, axis=0)
        return sums / counts

    observed = ~np.isnan(sequences.rows)
    counts = np.add.reduceat(observed.astype(int), sequences.starts, axis=0)
    counts = np.maximum(counts, 1)
    level = mean_of_each(sequences.rows)
    centred = sequences.rows - np.repeat(level, sequences.lengths, axis=0)
    with np.errstate(over="ignore"):
        scale = np.sqrt(mean_of_each(centred**2))
    return level, np.where(is_constant(scale, level), 0.0, scale)


def standardise_each_sequence(
    sequences: Sequences, level: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Standardise each sequence by its own level and scale.

    A channel that is constant in a sequence becomes 0.
    """
    centred = sequences.rows - np.repeat(level, sequences.lengths, axis=0)
    return centred / np.repeat(
        np.where(scale == 0, 1.0, scale), sequences.lengths, axis=0
    )


def small_and_large_scale(sequences: Sequences) -> np.ndarray:
    """Return the 10 % and 90 % quantiles of the sequences' scales in each channel.

    Sequences in which the channel is constant do not count.

    Returns
    -------
    quantiles : ndarray of shape (2, n_channels)
        1 for a channel that is constant in each sequence.
    """
    _, scales = level_and_scale(sequences)
    known = [scale[(scale > 0) & np.isfinite(scale)] for scale in scales.T]
    quantiles = [np.quantile(s, (0.1, 0.9)) if len(s) else np.ones(2) for s in known]
    return np.array(quantiles).reshape(-1, 2).T


def interpolate_each_sequence(
    sequences: Sequences, *, causal: bool = False
) -> np.ndarray:
    """Fill missing values by linear interpolation within each sequence.

    Values before the first and after the last observed one of a channel repeat it.

    Parameters
    ----------
    sequences : Sequences
    causal : bool, default=False
        Whether to repeat the last value observed instead. Values before the first one
        stay NaN.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_channels)
        NaN for channels that have no value in a sequence.
    """
    if not np.isnan(sequences.rows).any():
        return sequences.rows
    gaps = Gaps.find(sequences.rows).within(sequences.lengths)
    if causal:
        # A value that was never observed stays NaN, as it is.
        since = np.where(gaps.since == NEVER, 0, gaps.since)
        rows = np.arange(len(since))[:, None] - since
        return np.take_along_axis(sequences.rows, rows, axis=0)
    filled = interpolate(sequences.rows, gaps)
    filled[(gaps.since == NEVER) & (gaps.until == NEVER)] = np.nan
    return filled
