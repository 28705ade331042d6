"""Result of a walk-forward validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sklstm.model_selection._scores import (
    score_folds,
    score_forecasts,
    score_intervals,
    scorers_of_metrics,
)


@dataclass(frozen=True, repr=False)
class WalkForwardResult:
    """Forecasts and scores computed by `sklstm.walk_forward`.

    Parameters
    ----------
    forecasts : DataFrame
        One row for each forecast value, with the index labels of X. Columns: ``fold``;
        ``step``, the number of steps ahead of the last known row, from 1; ``target``;
        ``actual``; ``forecast``; ``naive``; with ``season_length`` also
        ``seasonal_naive``; with ``coverage`` also ``lower`` and ``upper``, the bounds
        of the prediction interval.
    scores : DataFrame
        One row for each fold. Columns are pairs (metric, forecaster), where the
        forecaster is "forecast", "naive" or "seasonal_naive", and (metric, "skill")
        and (metric, "seasonal_skill"). The skill is the fraction of the naive (or
        seasonal naive) forecast's error that the forecast avoids: 1 is a perfect
        forecast, 0 is no better than the naive one. Several targets have equal weight,
        as in scikit-learn's metrics: use `select_target` where their units differ.
    summary : DataFrame
        The same scores over all folds together, one row for each metric.
    times : DataFrame
        Seconds spent in each fold: ``fit_time`` and ``predict_time``.
    interval_scores : DataFrame or None
        With ``coverage``, one row for each fold (and target, if there are several):
        ``coverage``, the fraction of rows inside their prediction interval, bounds
        included, and ``width``, the mean width of the intervals in the target's units.
    estimators : list of estimators
        The fitted estimators of the folds, with ``return_estimator=True``.

    See Also
    --------
    sklstm.WalkForwardDisplay : Plot the result.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import WindowForecaster, walk_forward
    >>> y = np.sin(np.arange(100) / 5) + np.random.default_rng(0).normal(0, 0.1, 100)
    >>> cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=90, step_length=2)
    >>> result = walk_forward(WindowForecaster(Ridge()), y[:, None], y, cv=cv)
    >>> result.forecasts.columns.tolist()
    ['fold', 'step', 'target', 'actual', 'forecast', 'naive']
    >>> result.scores.shape, result.summary.columns.tolist()
    ((5, 6), ['forecast', 'naive', 'skill'])
    """

    forecasts: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame
    times: pd.DataFrame
    interval_scores: pd.DataFrame | None = None
    estimators: list = field(default_factory=list)

    def select_target(
        self, target: Any, metrics: str | Sequence[str] | None = None
    ) -> WalkForwardResult:
        """Restrict the result to one target.

        The scores are computed again from this target's forecasts alone, in its own
        units.

        Parameters
        ----------
        target : label
            One of the targets in ``forecasts["target"]``.
        metrics : str or sequence of str, default=None
            Metrics to score, named as in ``scores``; by default all of them.

        Returns
        -------
        result : WalkForwardResult
            Forecasts, scores and interval scores of this target.

        Raises
        ------
        ValueError
            If the result does not have the target or a metric, or if a metric is not
            one that scikit-learn knows by name.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn.linear_model import Ridge
        >>> from sktime.split import ExpandingWindowSplitter
        >>> from sklstm import WindowForecaster, walk_forward
        >>> phase = np.arange(100) / 5
        >>> X = pd.DataFrame({"metres": np.sin(phase), "volts": 1000 * np.cos(phase)})
        >>> cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=90, step_length=2)
        >>> result = walk_forward(WindowForecaster(Ridge()), X, cv=cv)
        >>> result.select_target("volts", "mean_absolute_error").summary.shape
        (1, 3)
        """
        targets = list(self.forecasts["target"].unique())
        if target not in targets:
            raise ValueError(
                f"target must be one of those in the result, {targets}, got {target!r}."
            )
        known = list(self.summary.index)
        if metrics is None:
            metrics = known
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        for metric in metrics:
            if metric not in known:
                raise ValueError(
                    f"metrics must be among those in the result, {known}, got "
                    f"{metric!r}. Pass it in walk_forward's scoring."
                )
        if len(targets) == 1:
            return replace(
                self, scores=self.scores[metrics], summary=self.summary.loc[metrics]
            )
        scorers = scorers_of_metrics(metrics, target)
        forecasts = self.forecasts[self.forecasts["target"] == target]
        interval_scores = self.interval_scores
        if interval_scores is not None:
            interval_scores = score_intervals(forecasts, ["fold"])
        return replace(
            self,
            forecasts=forecasts,
            scores=score_folds(forecasts, scorers),
            summary=score_forecasts(forecasts, scorers),
            interval_scores=interval_scores,
        )

    def __repr__(self) -> str:
        n_folds = len(self.scores)
        n_forecasts = len(self.forecasts)
        head = f"{type(self).__name__}: {n_forecasts} forecasts in {n_folds} fold(s)"
        text = f"{head}\n{self.summary.to_string(float_format='{:.4g}'.format)}"
        if self.interval_scores is None:
            return text
        by_target = score_intervals(self.forecasts, ["target"])
        several = len(by_target) > 1
        for target, (coverage, width) in by_target.iterrows():
            text += (
                f"\nintervals{f' of {target}' if several else ''} cover {coverage:.1%} "
                f"of the rows, mean width {width:.4g}"
            )
        return text
