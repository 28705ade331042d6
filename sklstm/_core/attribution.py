"""Result of attributing outputs of an estimator to its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# Names of the index levels that number the rows of a sample.
POSITIONS = ("lag", "step")


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
        A row for each output, with the columns "output" and "baseline".
    inputs : DataFrame
        The values that the estimator read, with the positions and columns of the
        contributions; tokens as texts.

    See Also
    --------
    sklstm.AttributionDisplay : Plots of an attribution.
    """

    contributions: pd.DataFrame
    outputs: pd.DataFrame
    inputs: pd.DataFrame

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
        levels = list(self.outputs.index.names)
        return self.contributions.groupby(level=levels, sort=False).sum()

    def by_position(self) -> pd.DataFrame:
        """Add up the contributions to each output over the columns.

        Returns
        -------
        contributions : DataFrame
            A row for each output, a column for each position; NaN beyond the end of a
            sequence.
        """
        totals = self.contributions.sum(axis=1, min_count=1)
        wide = totals.unstack(self.position)
        return wide.reindex(self.outputs.index)

    def select(self, output: int) -> Attribution:
        """Select one output by its number in ``outputs``.

        Parameters
        ----------
        output : int

        Returns
        -------
        attribution : Attribution
        """
        if not 0 <= output < len(self.outputs):
            raise ValueError(
                f"output must be from 0 to {len(self.outputs) - 1}, got {output!r}."
            )
        row = self.outputs.iloc[[output]]
        (key,) = row.index
        sample = key[0] if isinstance(key, tuple) else key
        n_levels = self.outputs.index.nlevels
        index = self.contributions.index
        codes = [index.get_level_values(i) for i in range(n_levels)]
        keys = key if isinstance(key, tuple) else (key,)
        chosen = np.all(
            [level == value for level, value in zip(codes, keys, strict=True)], axis=0
        )
        inputs = self.inputs[self.inputs.index.get_level_values(0) == sample]
        return Attribution(self.contributions[chosen], row, inputs)

    def __repr__(self) -> str:
        rows, columns = self.contributions.shape
        return (
            f"Attribution of {len(self.outputs)} output(s) to {rows} row(s) of "
            f"{columns} column(s)\n{self.outputs}"
        )
