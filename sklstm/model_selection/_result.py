"""Result of a walk-forward validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sklstm.model_selection._scores import (
    score_forecasts,
    score_groups,
    score_intervals,
    scorers_of_metrics,
)
from sklstm.model_selection._significance import (
    check_metric,
    choose_metric,
    describe_significance,
    significance_table,
)


@dataclass(frozen=True, repr=False)
class WalkForwardResult:
    """Forecasts and scores computed by `sklstm.walk_forward`.

    Parameters
    ----------
    forecasts : DataFrame
        One row for each forecast value, with the index labels of X. Columns: ``fold``;
        for several series ``series``, their name or position; ``step``, the number of
        steps ahead of the last known row, from 1; ``target``; ``actual``; ``forecast``;
        ``naive``; with ``season_length`` also ``seasonal_naive``; with ``coverage``
        also ``lower`` and ``upper``, the bounds of the prediction interval.
    scores : DataFrame
        One row for each fold. Columns are pairs (metric, forecaster), where the
        forecaster is "forecast", "naive" or "seasonal_naive", and (metric, "skill")
        and (metric, "seasonal_skill"). The skill is the fraction of the naive (or
        seasonal naive) forecast's error that the forecast avoids: 1 is a perfect
        forecast, 0 is no better than the naive one. Several targets have equal weight,
        as in scikit-learn's metrics: use `select_target` where their units differ.
        Forecasts of several series are scored together. Rows with a missing target are
        not scored.
    summary : DataFrame
        The same scores over all folds together, one row for each metric.
    times : DataFrame
        Seconds spent in each fold: ``fit_time`` and ``predict_time``.
    interval_scores : DataFrame or None
        With ``coverage``, one row for each fold (and target, if there are several):
        ``coverage``, the fraction of rows inside their prediction interval, bounds
        included, and ``width``, the mean width of the intervals in the target's units.
    series_scores : DataFrame or None
        For several series, the same scores over all folds by series, one row each.
    estimators : list of estimators
        The fitted estimators of the folds, with ``return_estimator=True``.
    estimator : estimator
        A clone of the estimator that was validated, not fitted.
    coverage : float or None
        Nominal coverage of the prediction intervals.

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
    series_scores: pd.DataFrame | None = None
    estimators: list = field(default_factory=list)
    estimator: Any = None
    coverage: float | None = None

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
        return self._select("target", target, metrics)

    def select_series(
        self, name: Any, metrics: str | Sequence[str] | None = None
    ) -> WalkForwardResult:
        """Restrict the result to one series.

        The scores are computed again from this series' forecasts alone, and the result
        is that of a single series.

        Parameters
        ----------
        name : label
            One of the series in ``forecasts["series"]``: its name in a frame, or its
            position in a list.
        metrics : str or sequence of str, default=None
            Metrics to score, named as in ``scores``; by default all of them.

        Returns
        -------
        result : WalkForwardResult
            Forecasts, scores and interval scores of this series.

        Raises
        ------
        ValueError
            If the result holds a single series, or does not have the series or a
            metric, or if a metric is not one that scikit-learn knows by name.
        """
        if self.series_scores is None:
            raise ValueError(
                f"name={name!r} selects one of several series, but the result holds a "
                "single one. Use the result itself."
            )
        return self._select("series", name, metrics)

    def _select(
        self, column: str, label: Any, metrics: str | Sequence[str] | None
    ) -> WalkForwardResult:
        """Restrict the result to the rows with a label in a column."""
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
        # In lists, because labels may be tuples.
        labels = list(self.forecasts[column].unique())
        if label not in labels:
            raise ValueError(
                f"{'name' if column == 'series' else column} must be one of those in "
                f"the result, {labels}, got {label!r}."
            )
        if column == "target" and len(labels) == 1:
            scores = self.series_scores
            return replace(
                self,
                scores=self.scores[metrics],
                summary=self.summary.loc[metrics],
                series_scores=None if scores is None else scores[metrics],
            )
        scorers = scorers_of_metrics(metrics, f"{column}={label!r}")
        is_selected = [each == label for each in self.forecasts[column]]
        forecasts = self.forecasts[is_selected]
        if column == "series":
            forecasts = forecasts.drop(columns=column)
        interval_scores = self.interval_scores
        if interval_scores is not None:
            by = ["fold"]
            if forecasts["target"].nunique() > 1:
                by.append("target")
            interval_scores = score_intervals(forecasts, by)
        return replace(
            self,
            forecasts=forecasts,
            scores=score_groups(forecasts, scorers, "fold"),
            summary=score_forecasts(forecasts, scorers),
            interval_scores=interval_scores,
            series_scores=(
                score_groups(forecasts, scorers, "series")
                if "series" in forecasts
                else None
            ),
        )

    def significance(self, metric: str | None = None) -> pd.DataFrame:
        """Test whether the skill against each naive forecast is significant.

        The test of Diebold and Mariano [1]_ compares the losses of two forecasts,
        with the small-sample correction of Harvey, Leybourne and Newbold [2]_. Each
        forecast origin (each ``step`` 1 of a fold) is one observation: the mean loss
        over its horizon, targets and series. If the horizons of successive origins
        overlap, as with a step length shorter than the horizon, the losses are
        correlated, and the test allows for as many autocovariances as origins overlap.

        Parameters
        ----------
        metric : str, default=None
            "mean_absolute_error", "mean_squared_error", "root_mean_squared_error" (of
            which the squared errors are tested) or "mean_absolute_percentage_error";
            by default the first of them in the result.

        Returns
        -------
        table : DataFrame
            One row for each naive forecast, with the columns ``skill``, as in
            ``summary``; ``std_error``, its standard error, by leaving out one fold at a
            time; ``statistic``, negative if the forecast has the smaller loss;
            ``p_value`` of the two-sided test; ``n_origins``, the number of
            observations; ``n_lags``, the number of autocovariances. Statistic and
            p-value are NaN if there are not at least ``n_lags + 2`` origins.

        Raises
        ------
        ValueError
            If the metric is not in the result, or not a mean over rows.

        Notes
        -----
        A p-value below 0.05 means that a difference as large as this one would be found
        in less than 5 % of the validations of forecasts that are equally good. It
        holds for one comparison that was planned: of twenty candidates, one is expected
        to pass by chance. With fewer than five times as many origins as overlap, the
        test rejects too often (in 7 to 12 % of the simulations instead of 5 %).

        References
        ----------
        .. [1] Diebold and Mariano (1995), "Comparing predictive accuracy", Journal of
           Business and Economic Statistics 13(3).
        .. [2] Harvey, Leybourne and Newbold (1997), "Testing the equality of prediction
           mean squared errors", International Journal of Forecasting 13(2).

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import Ridge
        >>> from sktime.split import ExpandingWindowSplitter
        >>> from sklstm import WindowForecaster, walk_forward
        >>> y = np.sin(np.arange(100))
        >>> y += np.random.default_rng(0).normal(0, 0.1, 100)
        >>> cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=80, step_length=2)
        >>> result = walk_forward(WindowForecaster(Ridge()), y[:, None], y, cv=cv)
        >>> table = result.significance()
        >>> bool(table.loc["naive", "p_value"] < 0.05), int(table["n_origins"].iloc[0])
        (True, 20)
        """
        metric = check_metric(metric, list(self.summary.index))
        return significance_table(self.forecasts, metric)

    def report(
        self, path: str | Path, *, importance: Any = None, title: str | None = None
    ) -> Path:
        """Write a report: one HTML page that needs no other file and no network.

        It shows the scores beside those of the naive forecasts, the forecasts, the
        errors by fold, step, weekday, hour and level, the coverage of the prediction
        intervals, the worst forecasts, and parameters and versions.

        Parameters
        ----------
        path : str or Path
            File to write, such as "report.html".
        importance : PermutationImportance, optional
            Importance of columns or lags to show, from
            `sklstm.inspection.permutation_importance`.
        title : str, optional
            Title of the page.

        Returns
        -------
        path : Path
            The file.

        Raises
        ------
        FileNotFoundError
            If the folder of the file does not exist.
        TypeError
            If the importance is no `PermutationImportance`.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from sklearn.linear_model import Ridge
        >>> from sktime.split import ExpandingWindowSplitter
        >>> from sklstm import WindowForecaster, walk_forward
        >>> y = np.sin(np.arange(100) / 5)
        >>> cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=90, step_length=2)
        >>> result = walk_forward(WindowForecaster(Ridge()), y[:, None], y, cv=cv)
        >>> with TemporaryDirectory() as folder:
        ...     result.report(f"{folder}/report.html").name
        'report.html'
        """
        # Plots are built on results, not the other way round.
        from sklstm.plotting.report import write_report

        return write_report(self, path, importance=importance, title=title)

    def __repr__(self) -> str:
        series = ""
        if self.series_scores is not None:
            series = f" of {len(self.series_scores)} series"
        text = (
            f"{type(self).__name__}: {len(self.forecasts)} forecasts{series} in "
            f"{len(self.scores)} fold(s)\n"
            f"{self.summary.to_string(float_format='{:.4g}'.format)}"
        )
        if choose_metric(list(self.summary.index)) is not None:
            text += f"\n{describe_significance(self.significance())}"
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
