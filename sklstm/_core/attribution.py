"""Result of attributing outputs of an estimator to its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Attribution:
    """What each input contributes to an output, compared with a baseline.

    Created by `sklstm.inspection.attribute`. The contributions to an output add up to
    its difference from the baseline's.

    Parameters
    ----------
    contributions : DataFrame
        A row for each position (the lag of a row, a step of a sequence) of each output,
        a column for each column of X; in the units of the outputs. NaN where a column
        is not read: past covariates in the rows to forecast.
    outputs : DataFrame
        A row for each output, with the columns "output" and "baseline"; of detectors,
        which explain what they expect, also "actual".
    inputs : DataFrame
        The values that the estimator read, with the positions and columns of the
        contributions; tokens as texts.
    sizes : ndarray of int of shape (n_outputs,)
        Number of rows of ``contributions`` that belong to each output, one after
        another.
    samples : ndarray of int of shape (n_outputs,)
        Number of the sample, among those in ``inputs``, of each output.

    See Also
    --------
    sklstm.AttributionDisplay : Plots of an attribution.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import RNNClassifier
    >>> from sklstm.inspection import attribute
    >>> X = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> classifier = RNNClassifier(
    ...     units=4, conv_filters=None, epochs=2, random_state=0
    ... ).fit(X, X[:, 0, 0] > 0)
    >>> attribution = attribute(classifier, X[:3], target=True)
    >>> attribution.contributions.shape, attribution.by_position().shape
    ((15, 2), (3, 5))
    >>> outputs = attribution.outputs
    >>> change = outputs["output"] - outputs["baseline"]
    >>> bool(np.allclose(attribution.by_column().sum(axis=1), change, atol=1e-4))
    True
    """

    contributions: pd.DataFrame
    outputs: pd.DataFrame
    inputs: pd.DataFrame
    sizes: np.ndarray
    samples: np.ndarray

    @classmethod
    def of_sequences(
        cls,
        values: np.ndarray,
        outputs: np.ndarray,
        inputs: np.ndarray,
        *,
        lengths: np.ndarray,
        levels: Mapping[str, np.ndarray],
        columns: Sequence,
    ) -> Attribution:
        """Label the contributions to one output for each sequence.

        Parameters
        ----------
        values : ndarray of shape (n_steps of all sequences, n_columns)
            Contributions.
        outputs : ndarray of shape (n_sequences, 2)
            Outputs, and those for the baseline.
        inputs : ndarray of shape (n_steps of all sequences, n_columns)
        lengths : ndarray of int of shape (n_sequences,)
        levels : mapping of str to ndarray of shape (n_sequences,)
            Names and labels of the index levels of the outputs, the sequence first.
        columns : sequence
            Names of the columns.

        Returns
        -------
        attribution : Attribution
        """
        import pandas as pd

        steps = np.arange(lengths.sum()) - np.repeat(
            np.cumsum(lengths) - lengths, lengths
        )
        repeated = {name: np.repeat(each, lengths) for name, each in levels.items()}
        first = next(iter(levels))

        def make_index(levels: Mapping[str, np.ndarray]) -> pd.Index:
            if len(levels) == 1:
                return pd.Index(levels[first], name=first)
            return pd.MultiIndex.from_arrays(list(levels.values()), names=list(levels))

        names = pd.Index(columns, tupleize_cols=False)
        return cls(
            pd.DataFrame(values, make_index({**repeated, "step": steps}), names),
            pd.DataFrame(outputs, make_index(levels), ["output", "baseline"]),
            pd.DataFrame(
                inputs, make_index({first: repeated[first], "step": steps}), names
            ),
            lengths,
            np.arange(len(lengths)),
        )

    @property
    def position(self) -> str:
        """Name of the index level that holds the positions: "lag" or "step"."""
        return str(self.contributions.index.names[-1])

    def by_column(self) -> pd.DataFrame:
        """Add up the contributions to each output over the positions.

        Returns
        -------
        contributions : DataFrame
            A row for each output, a column for each column of X.
        """
        # By number, because several outputs may have the same labels.
        totals = self.contributions.groupby(self._numbers).sum()
        return totals.reindex(range(len(self.outputs)), fill_value=0.0).set_axis(
            self.outputs.index
        )

    def by_position(self) -> pd.DataFrame:
        """Add up the contributions to each output over the columns.

        Returns
        -------
        contributions : DataFrame
            A row for each output, a column for each position; NaN beyond the end of a
            sequence.
        """
        import pandas as pd

        positions = self.contributions.index.get_level_values(-1)
        totals = pd.Series(
            self.contributions.sum(axis=1, min_count=1).to_numpy(),
            pd.MultiIndex.from_arrays(
                [self._numbers, positions], names=[None, self.position]
            ),
        )
        wide = totals.unstack(self.position).reindex(range(len(self.outputs)))
        return wide.set_axis(self.outputs.index)

    def select(self, output: int) -> Attribution:
        """Select one output by its number in ``outputs``.

        Parameters
        ----------
        output : int
            Negative numbers count from the end.

        Returns
        -------
        attribution : Attribution
        """
        n_outputs = len(self.outputs)
        if not isinstance(output, int | np.integer) or not (
            -n_outputs <= output < n_outputs
        ):
            raise ValueError(
                f"output must be the number of a row of outputs, from 0 to "
                f"{n_outputs - 1}, got {output!r}."
            )
        output = int(output) % n_outputs
        sample = self.samples[output]
        _, first = np.unique(self.samples, return_index=True)
        lengths = self.sizes[first]
        begin = int(lengths[:sample].sum())
        return Attribution(
            self.contributions[self._numbers == output],
            self.outputs.iloc[[output]],
            self.inputs.iloc[begin : begin + int(lengths[sample])],
            self.sizes[[output]],
            np.zeros(1, int),
        )

    @property
    def _numbers(self) -> np.ndarray:
        """Number of the output of each row of the contributions."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def __repr__(self) -> str:
        rows, columns = self.contributions.shape
        return (
            f"Attribution of {len(self.outputs)} output(s) to {rows} row(s) of "
            f"{columns} column(s)\n{self.outputs}"
        )


def check_places(steps: Any, lengths: np.ndarray) -> np.ndarray:
    """Check the numbers of steps, one for all sequences or one for each.

    Parameters
    ----------
    steps : int or array-like of int
        Negative numbers count from the end.
    lengths : ndarray of int of shape (n_sequences,)

    Returns
    -------
    places : ndarray of int of shape (n_sequences,)
        Counted from the first step.
    """
    places = np.asarray(steps)
    if places.dtype.kind not in "iu" or places.ndim > 1:
        raise ValueError(
            "steps must be an integer, or one for each sequence, got "
            f"{type(steps).__name__}: {steps!r}."
        )
    if places.ndim == 1 and len(places) != len(lengths):
        raise ValueError(
            f"steps must hold one step for each of the {len(lengths)} sequences, got "
            f"{len(places)}."
        )
    places = np.broadcast_to(places, lengths.shape)
    outside = (places < -lengths) | (places >= lengths)
    if outside.any():
        i = int(np.argmax(outside))
        raise ValueError(
            f"steps must lie within the sequences, but X[{i}] has {lengths[i]} step(s) "
            f"and steps is {places[i]} there."
        )
    return np.where(places < 0, places + lengths, places)


def product_index(levels: Mapping[str, Any]) -> pd.MultiIndex:
    """Return the product of levels whose labels may occur twice."""
    import pandas as pd

    sizes = [len(labels) for labels in levels.values()]
    numbers = np.indices(sizes).reshape(len(sizes), -1)
    arrays = [
        pd.Index(list(labels), tupleize_cols=False).take(taken)
        for labels, taken in zip(levels.values(), numbers, strict=True)
    ]
    return pd.MultiIndex.from_arrays(arrays, names=list(levels))
