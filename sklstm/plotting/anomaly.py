"""Display of anomalies in a time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklstm._data.segments import AnomalySegments
from sklstm._data.time_index import index_of
from sklstm.plotting._panels import (
    axis_values,
    check_matplotlib,
    draw_lines,
    finish_time_axis,
    leave_room_above,
    make_panels,
)

# matplotlib's Axes; matplotlib itself is imported only where something is drawn.
Axes: TypeAlias = Any

# Maximum number of features drawn by default: with more, panels are too low to read.
_MAX_PANELS = 6

# The score axis becomes logarithmic if scores lie further below zero than this multiple
# of the linear range: on a linear axis, normal scores would be a flat line.
_MAX_LINEAR_DEPTH = 20

_COLORS = {
    "flagged": "#fde3df",
    "top_feature": "#f4978e",
    "threshold": "#c1121f",
    "incident": "#7b2d8b",
}
_LEGEND_LABELS = {
    "flagged": "flagged",
    "top_feature": "top feature",
    "incident": "true incident",
}
_FONT_SIZE = 8.0  # points
_LINE_HEIGHT = 1.5 * _FONT_SIZE  # of text, in points


class AnomalyDisplay:
    """Visualise the anomalies of a time series, their scores and the top features.

    Create a display with `from_estimator` or `from_predictions`. The upper panels show
    the features of the series, one panel each; the last panel shows the score (higher
    is more normal) and the threshold. Anomaly segments are shaded, darker in the panel
    of the top feature: the feature with the lowest contribution to the score of the
    segment. The x axis is the pandas index of the rows, if they have one.

    If the lowest scores are far below the others, the axis of the score is linear down
    to the threshold and logarithmic below it.

    Parameters
    ----------
    X : array-like of shape (n_timesteps, n_features)
        Series to draw.
    scores : array-like of shape (n_timesteps,)
        Score of each row; higher is more normal.
    threshold : float
        Rows with a lower score are flagged.
    feature_scores : array-like of shape (n_timesteps, n_features), default=None
        Contribution of each feature to the scores; the feature with the lowest is the
        top feature. NaN for features that were not scored.
    segments : DataFrame, default=None
        Anomaly segments to shade, with the labels of their first and last row as
        "start" and "end", as `anomaly_segments` of a detector returns them. By default
        the runs of consecutive rows whose score is below the threshold.
    features : str, int or list of them, default=None
        Features to draw, by name or by index. By default those that are the top feature
        of the most flagged rows (without ``feature_scores`` the first ones), at most
        six.
    incidents : iterable of (start, end) or (start, end, name), default=None
        True anomalies, to mark above the panels, by the labels of their first and last
        row, or by row numbers if X has no pandas index.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Panel of each feature drawn, then that of the score.
    ax_ : matplotlib Axes
        First panel.
    figure_ : matplotlib Figure
        Figure that contains the panels.
    features_ : list of str or int
        Features drawn.
    lines_ : list of dict of matplotlib Line2D
        Lines of each panel: "value", or in the last panel "score" and "threshold".
    spans_ : list of dict of matplotlib PolyCollection
        Shaded segments of each panel, where there are any: "top_feature", those whose
        top feature is that of the panel, and "flagged", the others.
    segments_ : DataFrame
        Anomaly segments: "start" and "end", labels of their first and last row; the
        lowest "score"; and "feature", the top feature (None without
        ``feature_scores``).

    See Also
    --------
    LSTMAutoencoderDetector : Detection by reconstruction error.
    LSTMForecastDetector : Detection by forecast error.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import AnomalyDisplay, LSTMForecastDetector
    >>> X = np.sin(np.arange(300) / 5)[:, None]
    >>> X[250] += 8
    >>> detector = LSTMForecastDetector(window_length=10, epochs=2, random_state=0)
    >>> detector = detector.fit(X[:200])
    >>> display = AnomalyDisplay.from_estimator(
    ...     detector, X[200:], incidents=[(50, 50, "spike")]
    ... )
    >>> display.features_, len(display.axes_)
    ([0], 2)
    """

    # Set by `plot`.
    axes_: list[Axes]
    ax_: Axes
    figure_: Any
    features_: list[Any]
    lines_: list[dict[str, Any]]
    spans_: list[dict[str, Any]]
    segments_: pd.DataFrame

    def __init__(
        self,
        *,
        X: Any,
        scores: Any,
        threshold: float,
        feature_scores: Any = None,
        segments: Any = None,
        features: Any = None,
        incidents: Any = None,
    ):
        self.X = X
        self.scores = scores
        self.threshold = threshold
        self.feature_scores = feature_scores
        self.segments = segments
        self.features = features
        self.incidents = incidents

    def plot(self, ax: Any = None, **kwargs: Any) -> AnomalyDisplay:
        """Draw the series, its anomaly segments and its scores.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Axes to draw on: one for each feature and one for the score, or a single one
            that is divided among them. By default a new figure is created.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the score.

        Returns
        -------
        self : AnomalyDisplay
            Display with its attributes set.

        Raises
        ------
        ValueError
            If the shapes of the arrays are inconsistent, the rows are not in time
            order, or X has no such features or incidents.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.dates import date2num

        frame = _as_frame(self.X)
        scores = _check_scores(self.scores, len(frame))
        contributions = _check_contributions(self.feature_scores, frame.shape)
        x, x_name = _x_values(frame, self.X)
        incidents = _locate_incidents(self.incidents, frame.index)
        if self.segments is None:
            segments = AnomalySegments.find(scores, self.threshold, contributions)
        else:
            rows = _locate_segments(self.segments, frame.index)
            segments = AnomalySegments.between(
                rows[:, 0], rows[:, 1], scores, contributions
            )
        top_features = segments.top_features
        drawn = _check_features(self.features, frame)
        if drawn is None:
            drawn = _choose_features(contributions, segments, frame.shape[1])
        values = [_column_values(frame, number) for number in drawn]

        self.features_ = [frame.columns[number] for number in drawn]
        self.segments_ = segments.to_frame(frame.index, frame.columns)

        n_panels = len(drawn)
        self.axes_ = make_panels(
            ax, heights=[1] * n_panels + [1.5], size=(9, 2.6 + 1.15 * n_panels)
        )
        left, right = _row_bounds(date2num(x) if x.dtype.kind == "M" else x)
        begins, ends = left[segments.first_rows], right[segments.last_rows]
        self.lines_, self.spans_ = [], []
        for panel, number, column in zip(self.axes_, drawn, values, strict=False):
            self.lines_.append(draw_lines(panel, {"value": (x, column)}, {}))
            finish_time_axis(panel, x)
            _name_panel(panel, _feature_label(frame.columns[number]))
            is_top = np.zeros(len(begins), bool)
            if top_features is not None:
                is_top = top_features == number
            masks = {"flagged": ~is_top, "top_feature": is_top}
            self.spans_.append(
                {
                    kind: _shade(panel, begins[mask], ends[mask], kind)
                    for kind, mask in masks.items()
                    if mask.any()
                }
            )
        panel = self.axes_[-1]
        self.lines_.append(_draw_scores(panel, x, scores, self.threshold, kwargs))
        panel.set_xlabel(x_name)
        self.spans_.append({})
        if len(begins):
            self.spans_[-1]["flagged"] = _shade(panel, begins, ends, "flagged")
        if top_features is not None:
            labels = [_feature_label(frame.columns[top]) for top in top_features]
            order = np.argsort(segments.scores, kind="stable")
            _label_segments(panel, begins, ends, labels, order)
        _mark_incidents(self.axes_[0], left, right, incidents)
        kinds = {kind for spans in self.spans_ for kind in spans}
        _put_legend_on_top(panel, kinds | ({"incident"} if incidents else set()))
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        features: Any = None,
        incidents: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> AnomalyDisplay:
        """Score the rows of X with a fitted detector and draw them.

        Parameters
        ----------
        estimator : estimator
            Fitted detector with ``score_samples`` and ``offset_``, or a fitted Pipeline
            that ends in one. Top features are drawn if it has ``feature_scores``.
        X : array-like of shape (n_timesteps, n_features)
            Series to score. It is drawn as passed, before the transformers of a
            Pipeline. If these create other columns than those of X, there are no top
            features; transformers without names of their output columns are assumed to
            keep the columns, if they keep their number.
        features : str, int or list of them, default=None
            Features to draw, by name or by index. By default those that are the top
            feature of the most flagged rows (without ``feature_scores`` the first
            ones), at most six.
        incidents : iterable of (start, end) or (start, end, name), default=None
            True anomalies, to mark above the panels, by the labels of their first and
            last row, or by row numbers if X has no pandas index.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to draw on: one for each feature and one for the score, or a single one
            that is divided among them. By default a new figure is created.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the score.

        Returns
        -------
        display : AnomalyDisplay
            Display of the scored series.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the estimator is no detector with a threshold, the rows are not in time
            order, or X has no such features or incidents.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        frame = _as_frame(X)
        detector, rows = estimator, X
        columns: np.ndarray | None = np.arange(frame.shape[1])
        if isinstance(estimator, Pipeline):
            detector = estimator[-1]
            if len(estimator) > 1:
                rows = estimator[:-1].transform(X)
                columns = _scored_columns(estimator[:-1], rows, frame)
        if not (hasattr(detector, "score_samples") and hasattr(detector, "offset_")):
            raise ValueError(
                "estimator must be a detector with score_samples and offset_, or a "
                f"Pipeline that ends in one, got {estimator!r}. Pass scores computed "
                f"otherwise to {cls.__name__}.from_predictions."
            )
        feature_scores = None
        if hasattr(detector, "feature_scores") and columns is not None:
            feature_scores = np.full(frame.shape, np.nan)
            feature_scores[:, columns] = detector.feature_scores(rows)
            scores = np.nansum(feature_scores, axis=1)
        else:
            scores = detector.score_samples(rows)
        segments = None
        if hasattr(detector, "anomaly_segments"):
            segments = detector.anomaly_segments(rows)
            if not hasattr(rows, "index"):
                # Rows that a transformer returns as an array are those of X.
                ends = segments[["start", "end"]].to_numpy(int)
                segments[["start", "end"]] = frame.index.to_numpy()[ends]
        return cls.from_predictions(
            X,
            scores,
            threshold=detector.offset_,
            feature_scores=feature_scores,
            segments=segments,
            features=features,
            incidents=incidents,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        scores: Any,
        *,
        threshold: float,
        feature_scores: Any = None,
        segments: Any = None,
        features: Any = None,
        incidents: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> AnomalyDisplay:
        """Draw a series with scores computed before.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Series to draw.
        scores : array-like of shape (n_timesteps,)
            Score of each row; higher is more normal.
        threshold : float
            Rows with a lower score are flagged.
        feature_scores : array-like of shape (n_timesteps, n_features), default=None
            Contribution of each feature to the scores; the feature with the lowest is
            the top feature. NaN for features that were not scored.
        segments : DataFrame, default=None
            Anomaly segments to shade, with the labels of their first and last row as
            "start" and "end", as `anomaly_segments` of a detector returns them. By
            default the runs of consecutive rows whose score is below the threshold.
        features : str, int or list of them, default=None
            Features to draw, by name or by index. By default those that are the top
            feature of the most flagged rows (without ``feature_scores`` the first
            ones), at most six.
        incidents : iterable of (start, end) or (start, end, name), default=None
            True anomalies, to mark above the panels, by the labels of their first and
            last row, or by row numbers if X has no pandas index.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to draw on: one for each feature and one for the score, or a single one
            that is divided among them. By default a new figure is created.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the score.

        Returns
        -------
        display : AnomalyDisplay
            Display of the series and its scores.

        Raises
        ------
        ValueError
            If the shapes of the arrays are inconsistent, the rows are not in time
            order, or X has no such features or incidents.
        """
        display = cls(
            X=X,
            scores=scores,
            threshold=threshold,
            feature_scores=feature_scores,
            segments=segments,
            features=features,
            incidents=incidents,
        )
        return display.plot(ax=ax, **kwargs)


def _as_frame(X: Any) -> pd.DataFrame:
    """Return the series as a DataFrame, with column numbers for missing names."""
    shape: tuple[Any, ...]
    try:
        shape = np.shape(X)
    except ValueError:  # several series of different lengths
        shape = (len(X), "different lengths")
    if len(shape) != 2 or "different lengths" in shape or 0 in shape:
        raise ValueError(
            "X must be one series of shape (n_timesteps, n_features), got "
            f"{type(X).__name__} of shape {shape}. Reshape a single feature with "
            "X.reshape(-1, 1) or X.to_frame(); draw several series one by one."
        )
    if isinstance(X, pd.DataFrame):
        return X
    return pd.DataFrame(np.asarray(X), columns=getattr(X, "columns", None))


def _check_scores(scores: Any, n_rows: int) -> np.ndarray:
    array = np.asarray(scores, dtype=float)
    if array.shape != (n_rows,):
        raise ValueError(
            f"scores must have shape ({n_rows},), one for each row of X, got "
            f"{array.shape}. Pass the same rows that were scored."
        )
    return array


def _check_contributions(
    feature_scores: Any, shape: tuple[int, int]
) -> np.ndarray | None:
    if feature_scores is None:
        return None
    contributions = np.asarray(feature_scores, dtype=float)
    if contributions.shape != shape:
        raise ValueError(
            f"feature_scores must have the shape of X, {shape}, got "
            f"{contributions.shape}. Pass NaN for features that were not scored."
        )
    if np.isnan(contributions).all():
        return None
    # Infinite, so that a feature that was not scored is never the lowest.
    return np.where(np.isnan(contributions), np.inf, contributions)


def _x_values(frame: pd.DataFrame, X: Any) -> tuple[np.ndarray, Any]:
    """Return the positions of the rows on the x axis, and the name of the axis."""
    if index_of(X) is None:
        return np.arange(len(frame)), "row"
    x = axis_values(frame.index)
    descents = np.flatnonzero(x[1:] < x[:-1])
    if len(descents):
        row = int(descents[0])
        raise ValueError(
            f"X must be in time order, but row {frame.index[row + 1]} comes after row "
            f"{frame.index[row]}. Sort it, as by X.sort_index()."
        )
    return x, frame.index.name


def _locate_incidents(incidents: Any, index: pd.Index) -> list[tuple[int, int, str]]:
    """Return the first row, the last row and the name of each incident."""
    located = []
    for incident in () if incidents is None else incidents:
        rows = _incident_rows(incident, index)
        if rows is None or rows.start >= rows.stop:
            raise ValueError(
                "incidents must be (start, end) or (start, end, name), with start and "
                f"end labels of rows from {index[0]!r} to {index[-1]!r}, got "
                f"{incident!r}. Leave out incidents without a row in X."
            )
        name = "" if len(incident) == 2 or incident[2] is None else str(incident[2])
        located.append((rows.start, rows.stop - 1, name))
    return located


def _locate_segments(segments: Any, index: pd.Index) -> np.ndarray:
    """Return the first and the last row of each segment, of shape (n_segments, 2)."""
    columns = getattr(segments, "columns", ())
    if not {"start", "end"} <= set(columns):
        raise ValueError(
            'segments must be a DataFrame with the columns "start" and "end", got '
            f"{segments!r}. Pass what anomaly_segments returns."
        )
    # An alarm without an end is still open.
    last = segments["end"].astype(object).where(segments["end"].notna(), index[-1])
    ends = zip(segments["start"], last, strict=True)
    rows = [_incident_rows(tuple(each), index) for each in ends]
    if any(each is None or each.start >= each.stop for each in rows):
        raise ValueError(
            "segments must start and end at labels of rows of X, from "
            f"{index[0]!r} to {index[-1]!r}, got\n{segments}\nPass the X that they "
            "were found in."
        )
    located = [(each.start, each.stop - 1) for each in rows if each is not None]
    return np.array(located, int).reshape(-1, 2)


def _incident_rows(incident: Any, index: pd.Index) -> slice | None:
    """Return the rows of an incident, or None if it is not a valid one."""
    try:
        if isinstance(incident, str) or len(incident) not in (2, 3):
            return None
        return slice(*index.slice_locs(incident[0], incident[1]))
    except (KeyError, TypeError, ValueError):
        return None


def _check_features(features: Any, frame: pd.DataFrame) -> list[int] | None:
    """Return the column numbers of the features asked for."""
    if features is None:
        return None
    if isinstance(features, str | int | np.integer):
        features = [features]
    by_number: dict[Any, int] = {number: number for number in range(frame.shape[1])}
    by_name = {name: number for number, name in enumerate(frame.columns)}
    known = by_number | by_name
    for feature in features:
        if feature not in known:
            names = list(frame.columns)
            listed = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10)
            raise ValueError(
                f"features must be names of features of X ({listed}) or numbers from 0 "
                f"to {len(names) - 1}, got {feature!r}."
            )
    return [known[feature] for feature in features]


def _choose_features(
    contributions: np.ndarray | None, segments: AnomalySegments, n_features: int
) -> list[int]:
    """Return the column numbers of the features to draw by default."""
    top_features, sums = segments.top_features, segments.contributions
    if contributions is None or top_features is None or sums is None:
        return list(range(min(n_features, _MAX_PANELS)))
    if n_features <= _MAX_PANELS:
        return list(range(n_features))
    # Rows are counted rather than contributions summed: a single large incident would
    # outweigh all others.
    n_rows = segments.last_rows - segments.first_rows + 1
    n_top_rows = np.bincount(top_features, weights=n_rows, minlength=n_features)
    total = (sums if len(n_rows) else contributions).sum(axis=0)
    order = np.lexsort((total, -n_top_rows))
    return sorted(int(number) for number in order[:_MAX_PANELS])


def _scored_columns(
    transformers: Pipeline, rows: Any, frame: pd.DataFrame
) -> np.ndarray | None:
    """Return the column numbers in X of the columns of transformed rows.

    None if there are columns that X does not have.
    """
    names = getattr(rows, "columns", None)
    if names is None:
        try:
            names = transformers.get_feature_names_out()
        except (AttributeError, ValueError):  # a transformer without output names
            return np.arange(frame.shape[1]) if rows.shape == frame.shape else None
    # Names that transformers fitted on an array generate.
    generated = [f"x{number}" for number in range(frame.shape[1])]
    for candidates in (list(frame.columns), generated):
        if set(names) <= set(candidates):
            return np.array([candidates.index(name) for name in names], dtype=int)
    return None


def _column_values(frame: pd.DataFrame, number: int) -> np.ndarray:
    column = frame.iloc[:, number]
    try:
        return column.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"features must be numbers to be drawn, but {frame.columns[number]!r} is "
            f"of dtype {column.dtype}. Name others in features."
        ) from error


def _row_bounds(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the left and right bound of each row: halfway to its neighbours."""
    steps = np.diff(x)
    usual = float(np.median(steps)) if len(steps) else 1.0
    # Half a usual step at most, so that shading does not extend into gaps.
    half = np.minimum(steps, usual) / 2
    outer = [usual / 2]
    return x - np.concatenate([outer, half]), x + np.concatenate([half, outer])


def _feature_label(name: Any) -> str:
    return name if isinstance(name, str) else f"feature {name}"


def _name_panel(ax: Axes, name: str) -> None:
    """Write the name inside the panel, where there is room for a long one."""
    leave_room_above(ax, room=0.3)
    ax.text(
        0.006, 0.95, name, transform=ax.transAxes, va="top", fontsize=_FONT_SIZE + 1
    )


def _shade(ax: Axes, begins: np.ndarray, ends: np.ndarray, kind: str) -> Any:
    """Shade segments over the whole height of a panel."""
    return ax.broken_barh(
        list(zip(begins, ends - begins, strict=True)),
        (0, 1),
        transform=ax.get_xaxis_transform(),  # x in data, y from 0 to 1
        color=_COLORS[kind],
        # An edge keeps segments narrower than a pixel visible.
        linewidth=0.6,
        zorder=0.3 if kind == "flagged" else 0.4,
    )


def _draw_scores(
    ax: Axes,
    x: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    line_kwargs: dict[str, Any],
) -> dict[str, Any]:
    """Draw the scores and the threshold; return their lines."""
    lines = draw_lines(ax, {"score": (x, scores)}, line_kwargs, every=True)
    lines["threshold"] = ax.axhline(
        threshold,
        color=_COLORS["threshold"],
        linewidth=1.2,
        linestyle="--",
        label="threshold",
    )
    finish_time_axis(ax, x)
    _scale_score_axis(ax, scores, threshold)
    ax.set_ylabel("score")
    return lines


def _scale_score_axis(ax: Axes, scores: np.ndarray, threshold: float) -> None:
    """Make the axis logarithmic below normal scores if others are far below."""
    finite = scores[np.isfinite(scores)]
    normal = np.abs(finite[finite >= threshold])
    linear = max(abs(float(threshold)), float(normal.max(initial=0.0)))
    if linear > 0 and finite.min(initial=0.0) < -_MAX_LINEAR_DEPTH * linear:
        from matplotlib.ticker import SymmetricalLogLocator

        ax.set_yscale("symlog", linthresh=linear)
        # Labels of powers of ten would overlap in the linear range.
        power = 10.0 ** np.ceil(np.log10(linear))
        ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=power))


def _text_widths(ax: Axes, texts: Sequence[str]) -> tuple[np.ndarray, float, float]:
    """Estimate the widths of texts in units of the x axis; return its limits, too."""
    low, high = ax.get_xlim()
    points = ax.get_window_extent().width / ax.figure.dpi * 72
    n_letters = np.array([len(text) + 1 for text in texts])
    return n_letters * 0.6 * _FONT_SIZE * (high - low) / points, low, high


def _label_segments(
    ax: Axes, begins: np.ndarray, ends: np.ndarray, labels: list[str], order: np.ndarray
) -> None:
    """Write labels beside segments where there is room, in the given order.

    A label is not written inside its segment, where the line of the score drops.
    """
    widths, low, high = _text_widths(ax, labels)
    right_limits = np.append(begins[1:], high)  # how far labels may extend
    left_limits = np.insert(ends[:-1], 0, low)
    for number in order:
        begin, end, width = begins[number], ends[number], widths[number]
        if right_limits[number] - end > width:
            x, side = end, "left"
            if number + 1 < len(left_limits):
                left_limits[number + 1] = end + width
        elif begin - left_limits[number] > width:
            x, side = begin, "right"
            if number:
                right_limits[number - 1] = begin - width
        else:
            continue
        ax.annotate(
            labels[number],
            (x, 0.04),
            xycoords=ax.get_xaxis_transform(),
            xytext=(2 if side == "left" else -2, 0),
            textcoords="offset points",
            ha=side,
            fontsize=_FONT_SIZE,
            color=_COLORS["threshold"],
            annotation_clip=True,
        )


def _mark_incidents(
    ax: Axes,
    left: np.ndarray,
    right: np.ndarray,
    incidents: list[tuple[int, int, str]],
) -> None:
    """Draw bars for incidents above a panel, with names where there is room."""
    if not incidents:
        return
    bars = sorted((left[first], right[last], name) for first, last, name in incidents)
    widths, low, high = _text_widths(ax, [name for *_, name in bars])
    filled_to = [low, low]  # of two lines of names
    names = []
    for (begin, end, name), width in zip(bars, widths, strict=True):
        middle = (max(begin, low) + min(end, high)) / 2
        start = min(max(middle - width / 2, low), high - width)
        free = [line for line, end_x in enumerate(filled_to) if start >= end_x]
        if name and free:
            names.append((start + width / 2, free[0], name))
            filled_to[free[0]] = start + width
    n_lines = 1 + max((line for _, line, _ in names), default=-1)
    points = _LINE_HEIGHT * (0.7 + n_lines)
    height = ax.get_window_extent().height / ax.figure.dpi * 72
    strip = ax.inset_axes((0, 1.01, 1, points / height), sharex=ax)
    strip.set_axis_off()
    strip.set_ylim(0, points)
    strip.broken_barh(
        [(begin, end - begin) for begin, end, _ in bars],
        (0.1 * _LINE_HEIGHT, 0.4 * _LINE_HEIGHT),
        color=_COLORS["incident"],
        linewidth=0.8,
    )
    for middle, line, name in names:
        strip.text(
            middle,
            _LINE_HEIGHT * (0.7 + line),
            name,
            ha="center",
            fontsize=_FONT_SIZE,
            color=_COLORS["incident"],
            clip_on=True,
        )


def _put_legend_on_top(ax: Axes, kinds: set[str]) -> None:
    """Put the legend above the axes, where it covers no score."""
    from matplotlib.patches import Patch

    handles, labels = ax.get_legend_handles_labels()
    for kind, label in _LEGEND_LABELS.items():
        if kind in kinds:
            handles.append(Patch(color=_COLORS[kind]))
            labels.append(label)
    widths, low, high = _text_widths(ax, ["symbol " + label for label in labels])
    fits_in_one_row = widths.sum() < high - low
    ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        borderpad=0,
        ncols=len(handles) if fits_in_one_row else 3,
        frameon=False,
        fontsize=_FONT_SIZE + 1,
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.2,
    )
