"""Pictures of anomalies in a series."""

from __future__ import annotations

from typing import Any

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

# More panels than this are too low to read, unless somebody asks for them.
_MAX_PANELS = 6

# Beyond so many times the ordinary range, a linear axis would flatten it to a line.
_MAX_LINEAR_DEPTH = 20

_COLORS = {
    "flagged": "#fde3df",
    "blamed": "#f4978e",
    "threshold": "#c1121f",
    "incident": "#7b2d8b",
}
_NAMES = {
    "flagged": "flagged",
    "blamed": "metric most to blame",
    "incident": "true incident",
}
_FONT_SIZE = 8.0  # points
_LINE = 1.5 * _FONT_SIZE  # points that a line of text takes


class AnomalyDisplay:
    """A series with its flagged stretches, their scores, and the metrics to blame.

    Make one by `from_estimator` or `from_predictions`. Above are metrics of the series,
    one panel each; beneath them is the score, high where all is as it always was, and
    the threshold. Flagged stretches are shaded, stronger in the panel of the metric
    most to blame. The x axis is the pandas index of the rows, if they have one.

    Where the lowest scores lie far below all others, the axis of the score is linear
    down to the threshold and logarithmic beneath.

    Parameters
    ----------
    X : array-like of shape (n_timesteps, n_features)
        The series.
    scores : array-like of shape (n_timesteps,)
        Score of each row, high where all is as it always was.
    threshold : float
        Rows whose score is lower are flagged.
    feature_scores : array-like of shape (n_timesteps, n_features), default=None
        What each metric adds to the scores; the lowest is to blame. NaN for metrics
        that were not scored.
    features : str, int or list of them, default=None
        Metrics to draw, by name or by number. By default those to blame for the most
        flagged rows (without feature_scores: the first), but at most six.
    incidents : iterable of (start, end) or (start, end, name), default=None
        True anomalies, marked above the panels: labels of their first and last row, or
        the rows' numbers where X has no pandas index.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        A panel for each metric drawn, and last the score.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        The figure they are in.
    features_ : list of str or int
        The metrics drawn.
    lines_ : list of dict of matplotlib Line2D
        For each panel its lines: "value", or in the last "score" and "threshold".
    spans_ : list of dict of matplotlib PolyCollection
        For each panel the stretches shaded in it: "flagged" and "blamed", if any.
    segments_ : DataFrame
        The flagged stretches: "start", "end", the lowest "score", and "feature", the
        metric most to blame (None without feature_scores).

    See Also
    --------
    LSTMAutoencoderDetector : Scores rows by how well windows are rebuilt.
    LSTMForecastDetector : Scores rows by how well they are forecast.

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

    def __init__(
        self,
        *,
        X,
        scores,
        threshold,
        feature_scores=None,
        features=None,
        incidents=None,
    ):
        self.X = X
        self.scores = scores
        self.threshold = threshold
        self.feature_scores = feature_scores
        self.features = features
        self.incidents = incidents

    def plot(self, ax=None, **kwargs):
        """Draw the series, its flagged stretches and their scores.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Where to draw: one Axes for each metric drawn and one for the score, or one
            that is divided among them. By default a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the score.

        Returns
        -------
        self : AnomalyDisplay

        Raises
        ------
        ValueError
            If the shapes of the arrays do not fit together, the rows are not in time
            order, or X has no such features or incidents.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.dates import date2num

        table = _as_table(self.X)
        scores = _check_scores(self.scores, len(table))
        parts = _check_parts(self.feature_scores, table.shape)
        x, x_name = _x_values(table, self.X)
        incidents = _locate_incidents(self.incidents, table.index)
        stretches = AnomalySegments.find(scores, self.threshold, parts)
        firsts, lasts = stretches.firsts, stretches.lasts
        blamed = stretches.blamed
        shown = _check_features(self.features, table)
        if shown is None:
            shown = _choose_features(parts, stretches, table.shape[1])
        values = [_column(table, number) for number in shown]

        self.features_ = [table.columns[number] for number in shown]
        self.segments_ = stretches.to_frame(table.index, table.columns)

        n_panels = len(shown)
        self.axes_ = make_panels(
            ax, heights=[1] * n_panels + [1.5], size=(9, 2.6 + 1.15 * n_panels)
        )
        begins, ends = _row_edges(date2num(x) if x.dtype.kind == "M" else x)
        self.lines_, self.spans_ = [], []
        for panel, number, column in zip(self.axes_, shown, values, strict=False):
            self.lines_.append(draw_lines(panel, {"value": (x, column)}, {}))
            finish_time_axis(panel, x)
            _name_panel(panel, _feature_label(table.columns[number]))
            mine = np.zeros(len(firsts), bool) if blamed is None else blamed == number
            shades = {"flagged": ~mine, "blamed": mine}
            self.spans_.append(
                {
                    kind: _shade(panel, begins[firsts[which]], ends[lasts[which]], kind)
                    for kind, which in shades.items()
                    if which.any()
                }
            )
        panel = self.axes_[-1]
        lines = draw_lines(panel, {"score": (x, scores)}, kwargs, every=True)
        lines["threshold"] = panel.axhline(
            self.threshold,
            color=_COLORS["threshold"],
            linewidth=1.2,
            linestyle="--",
            label="threshold",
        )
        self.lines_.append(lines)
        finish_time_axis(panel, x)
        _scale_score_axis(panel, scores, self.threshold)
        panel.set_ylabel("score")
        panel.set_xlabel(x_name)
        self.spans_.append({})
        if len(firsts):
            spans = _shade(panel, begins[firsts], ends[lasts], "flagged")
            self.spans_[-1]["flagged"] = spans
        if blamed is not None:
            labels = [_feature_label(table.columns[each]) for each in blamed]
            order = np.argsort(self.segments_["score"].to_numpy(), kind="stable")
            _label_stretches(panel, begins[firsts], ends[lasts], labels, order)
        _mark_incidents(self.axes_[0], begins, ends, incidents)
        kinds = {kind for spans in self.spans_ for kind in spans}
        _put_legend_on_top(panel, kinds | ({"incident"} if incidents else set()))
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls, estimator, X, *, features=None, incidents=None, ax=None, **kwargs
    ):
        """Score the rows of X and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted detector with ``score_samples`` and ``offset_``, or a fitted
            Pipeline that ends in one. With its ``feature_scores``, if it has that,
            metrics are blamed.
        X : array-like of shape (n_timesteps, n_features)
            The series. It is drawn as it is given, before any transformation by a
            Pipeline. If that makes other columns of it, none of X's is to blame; steps
            that do not tell the names of columns are taken to keep them, if they keep
            their number.
        features : str, int or list of them, default=None
            Metrics to draw, by name or by number. By default those to blame for the
            most flagged rows, but at most six.
        incidents : iterable of (start, end) or (start, end, name), default=None
            True anomalies, marked above the panels: labels of their first and last
            row, or the rows' numbers where X has no pandas index.
        ax : matplotlib Axes or sequence of them, default=None
            As in `plot`.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the score.

        Returns
        -------
        display : AnomalyDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the estimator gives no scores, the rows are not in time order, or X has
            no such features or incidents.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        table = _as_table(X)
        detector, rows, columns = estimator, X, np.arange(table.shape[1])
        if isinstance(estimator, Pipeline):
            detector = estimator[-1]
            if len(estimator) > 1:
                rows = estimator[:-1].transform(X)
                columns = _columns_scored(estimator[:-1], rows, table)
        if not (hasattr(detector, "score_samples") and hasattr(detector, "offset_")):
            raise ValueError(
                "estimator must be a detector with score_samples and offset_, or a "
                f"Pipeline that ends in one, got {estimator!r}. Pass scores made "
                f"otherwise to {cls.__name__}.from_predictions."
            )
        feature_scores = None
        if hasattr(detector, "feature_scores") and columns is not None:
            feature_scores = np.full(table.shape, np.nan)
            feature_scores[:, columns] = detector.feature_scores(rows)
            scores = np.nansum(feature_scores, axis=1)
        else:
            scores = detector.score_samples(rows)
        return cls.from_predictions(
            X,
            scores,
            threshold=detector.offset_,
            feature_scores=feature_scores,
            features=features,
            incidents=incidents,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        scores,
        *,
        threshold,
        feature_scores=None,
        features=None,
        incidents=None,
        ax=None,
        **kwargs,
    ):
        """Draw scores that were made already.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            The series.
        scores : array-like of shape (n_timesteps,)
            Score of each row, high where all is as it always was.
        threshold : float
            Rows whose score is lower are flagged.
        feature_scores : array-like of shape (n_timesteps, n_features), default=None
            What each metric adds to the scores; the lowest is to blame.
        features : str, int or list of them, default=None
            Metrics to draw, by name or by number. By default those to blame for the
            most flagged rows (without feature_scores: the first), but at most six.
        incidents : iterable of (start, end) or (start, end, name), default=None
            True anomalies, marked above the panels: labels of their first and last
            row, or the rows' numbers where X has no pandas index.
        ax : matplotlib Axes or sequence of them, default=None
            As in `plot`.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the score.

        Returns
        -------
        display : AnomalyDisplay

        Raises
        ------
        ValueError
            If the shapes of the arrays do not fit together, the rows are not in time
            order, or X has no such features or incidents.
        """
        display = cls(
            X=X,
            scores=scores,
            threshold=threshold,
            feature_scores=feature_scores,
            features=features,
            incidents=incidents,
        )
        return display.plot(ax=ax, **kwargs)


def _as_table(X) -> pd.DataFrame:
    """The series as a frame, with numbers for the names that it lacks."""
    try:
        shape = np.shape(X)
    except ValueError:  # several series of different lengths
        shape = (len(X), "different lengths")
    if len(shape) != 2 or "different lengths" in shape or 0 in shape:
        raise ValueError(
            "X must be one series of shape (n_timesteps, n_features), got "
            f"{type(X).__name__} of shape {shape}. Reshape one metric with "
            "X.reshape(-1, 1) or X.to_frame(); draw several series one by one."
        )
    if isinstance(X, pd.DataFrame):
        return X
    return pd.DataFrame(np.asarray(X), columns=getattr(X, "columns", None))


def _check_scores(scores, n_rows) -> np.ndarray:
    array = np.asarray(scores, dtype=float)
    if array.shape != (n_rows,):
        raise ValueError(
            f"scores must have shape ({n_rows},), one for each row of X, got "
            f"{array.shape}. Pass the very rows that were scored."
        )
    return array


def _check_parts(feature_scores, shape) -> np.ndarray | None:
    if feature_scores is None:
        return None
    parts = np.asarray(feature_scores, dtype=float)
    if parts.shape != shape:
        raise ValueError(
            f"feature_scores must have the shape of X, {shape}, got {parts.shape}. "
            "Pass NaN for metrics that were not scored."
        )
    if np.isnan(parts).all():
        return None
    # What was not scored is never the lowest.
    return np.where(np.isnan(parts), np.inf, parts)


def _x_values(table, X) -> tuple[np.ndarray, Any]:
    """Where the rows lie, and what that is called."""
    if index_of(X) is None:
        return np.arange(len(table)), "row"
    x = axis_values(table.index)
    backwards = np.flatnonzero(x[1:] < x[:-1])
    if len(backwards):
        row = int(backwards[0])
        raise ValueError(
            f"X must be in time order, but row {table.index[row + 1]} comes after row "
            f"{table.index[row]}. Sort it, as by X.sort_index()."
        )
    return x, table.index.name


def _locate_incidents(incidents, index) -> list[tuple[int, int, str]]:
    """First and last row of each incident, and its name."""
    located = []
    for incident in () if incidents is None else incidents:
        rows = _rows_of(incident, index)
        if rows is None or rows.start >= rows.stop:
            raise ValueError(
                "incidents must be (start, end) or (start, end, name), with start and "
                f"end labels of rows from {index[0]!r} to {index[-1]!r}, got "
                f"{incident!r}. Leave out those that X has no row of."
            )
        name = "" if len(incident) == 2 or incident[2] is None else str(incident[2])
        located.append((rows.start, rows.stop - 1, name))
    return located


def _rows_of(incident, index) -> slice | None:
    try:
        if isinstance(incident, str) or len(incident) not in (2, 3):
            return None
        return slice(*index.slice_locs(incident[0], incident[1]))
    except (KeyError, TypeError, ValueError):
        return None


def _check_features(features, table) -> list[int] | None:
    """Numbers of the metrics asked for."""
    if features is None:
        return None
    if isinstance(features, str | int | np.integer):
        features = [features]
    numbers = {name: number for number, name in enumerate(table.columns)}
    by_number = {number: number for number in range(table.shape[1])}
    known = by_number | numbers
    for feature in features:
        if feature not in known:
            names = list(table.columns)
            listed = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10)
            raise ValueError(
                f"features must name metrics of X ({listed}) or number them from 0 to "
                f"{len(names) - 1}, got {feature!r}."
            )
    return [known[feature] for feature in features]


def _choose_features(parts, stretches, n_features) -> list[int]:
    """Numbers of the metrics that tell most about what was flagged."""
    if parts is None or n_features <= _MAX_PANELS:
        return list(range(min(n_features, _MAX_PANELS)))
    # Counted rather than summed: one great incident would outweigh all others.
    n_rows = stretches.lasts - stretches.firsts + 1
    blamed = np.bincount(stretches.blamed, weights=n_rows, minlength=n_features)
    total = (stretches.sums if len(n_rows) else parts).sum(axis=0)
    return sorted(int(each) for each in np.lexsort((total, -blamed))[:_MAX_PANELS])


def _columns_scored(steps, rows, table) -> np.ndarray | None:
    """Numbers of X's columns that a detector behind other steps saw, in its order.

    None if it saw columns that are not X's.
    """
    names = getattr(rows, "columns", None)
    if names is None:
        try:
            names = steps.get_feature_names_out()
        except (AttributeError, ValueError):  # steps that do not tell
            return np.arange(table.shape[1]) if rows.shape == table.shape else None
    # Steps fitted on an array call its columns so.
    unnamed = [f"x{number}" for number in range(table.shape[1])]
    for own in (list(table.columns), unnamed):
        if set(names) <= set(own):
            return np.array([own.index(name) for name in names], dtype=int)
    return None


def _column(table, number) -> np.ndarray:
    column = table.iloc[:, number]
    try:
        return column.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"features must be numbers to be drawn, but {table.columns[number]!r} is "
            f"of dtype {column.dtype}. Name others in features."
        ) from error


def _row_edges(x) -> tuple[np.ndarray, np.ndarray]:
    """Where each row begins and ends on the axis: halfway to its neighbours."""
    steps = np.diff(x)
    usual = float(np.median(steps)) if len(steps) else 1.0
    # Over a gap in the index no further than usual.
    half = np.minimum(steps, usual) / 2
    outer = [usual / 2]
    return x - np.concatenate([outer, half]), x + np.concatenate([half, outer])


def _feature_label(name) -> str:
    return name if isinstance(name, str) else f"feature {name}"


def _name_panel(ax, name) -> None:
    """Write the name inside the panel, where a long one has room."""
    leave_room_above(ax, room=0.3)
    ax.text(
        0.006, 0.95, name, transform=ax.transAxes, va="top", fontsize=_FONT_SIZE + 1
    )


def _shade(ax, begins, ends, kind):
    """Shade stretches over the whole height."""
    return ax.broken_barh(
        list(zip(begins, ends - begins, strict=True)),
        (0, 1),
        transform=ax.get_xaxis_transform(),  # x in data, y from 0 to 1
        color=_COLORS[kind],
        # An edge shows what is narrower than a pixel.
        linewidth=0.6,
        zorder=0.3 if kind == "flagged" else 0.4,
    )


def _scale_score_axis(ax, scores, threshold) -> None:
    """Make the axis logarithmic below ordinary scores, if others lie far below."""
    finite = scores[np.isfinite(scores)]
    ordinary = np.abs(finite[finite >= threshold])
    linear = max(abs(float(threshold)), float(ordinary.max(initial=0.0)))
    if linear > 0 and finite.min(initial=0.0) < -_MAX_LINEAR_DEPTH * linear:
        from matplotlib.ticker import SymmetricalLogLocator

        ax.set_yscale("symlog", linthresh=linear)
        # In the linear part, powers of ten would be labelled on top of each other.
        power = 10.0 ** np.ceil(np.log10(linear))
        ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=power))


def _widths(ax, texts) -> tuple[np.ndarray, float, float]:
    """About how wide texts are on the x axis, and from where to where that goes."""
    low, high = ax.get_xlim()
    points = ax.get_window_extent().width / ax.figure.dpi * 72
    letters = np.array([len(text) + 1 for text in texts])
    return letters * 0.6 * _FONT_SIZE * (high - low) / points, low, high


def _label_stretches(ax, begins, ends, labels, order) -> None:
    """Write beside stretches what is to blame, the first of the order first.

    Beside rather than in them, where the line of the score goes down.
    """
    widths, low, high = _widths(ax, labels)
    right = np.append(begins[1:], high)  # as far as there is room
    left = np.insert(ends[:-1], 0, low)
    for number in order:
        begin, end, width = begins[number], ends[number], widths[number]
        if right[number] - end > width:
            x, side = end, "left"
            if number + 1 < len(left):
                left[number + 1] = end + width
        elif begin - left[number] > width:
            x, side = begin, "right"
            if number:
                right[number - 1] = begin - width
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


def _mark_incidents(ax, begins, ends, incidents) -> None:
    """Draw bars above a panel where incidents were, with as many names as fit."""
    if not incidents:
        return
    bars = sorted((begins[a], ends[b], name) for a, b, name in incidents)
    widths, low, high = _widths(ax, [name for *_, name in bars])
    filled = [low, low]  # how far each of two lines of names is filled
    names = []
    for (begin, end, name), width in zip(bars, widths, strict=True):
        middle = (max(begin, low) + min(end, high)) / 2
        start = min(max(middle - width / 2, low), high - width)
        free = [line for line, until in enumerate(filled) if start >= until]
        if name and free:
            names.append((start + width / 2, free[0], name))
            filled[free[0]] = start + width
    n_lines = 1 + max((line for _, line, _ in names), default=-1)
    points = _LINE * (0.7 + n_lines)
    height = ax.get_window_extent().height / ax.figure.dpi * 72
    strip = ax.inset_axes((0, 1.01, 1, points / height), sharex=ax)
    strip.set_axis_off()
    strip.set_ylim(0, points)
    strip.broken_barh(
        [(begin, end - begin) for begin, end, _ in bars],
        (0.1 * _LINE, 0.4 * _LINE),
        color=_COLORS["incident"],
        linewidth=0.8,
    )
    for middle, line, name in names:
        strip.text(
            middle,
            _LINE * (0.7 + line),
            name,
            ha="center",
            fontsize=_FONT_SIZE,
            color=_COLORS["incident"],
            clip_on=True,
        )


def _put_legend_on_top(ax, kinds) -> None:
    """Put the legend above the axes, where no score can go."""
    from matplotlib.patches import Patch

    handles, labels = ax.get_legend_handles_labels()
    for kind, name in _NAMES.items():
        if kind in kinds:
            handles.append(Patch(color=_COLORS[kind]))
            labels.append(name)
    widths, low, high = _widths(ax, ["symbol " + label for label in labels])
    in_one_row = widths.sum() < high - low
    ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        borderpad=0,
        ncols=len(handles) if in_one_row else 3,
        frameon=False,
        fontsize=_FONT_SIZE + 1,
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.2,
    )
