"""Plot of what inputs contribute to an output."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from sklstm.inspection import Attribution, attribute
from sklstm.plotting._panels import check_matplotlib, make_panels, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure, SubFigure

KINDS = ("heatmap", "series", "text")

# Red raises the output, blue lowers it; magnitudes are shades of one colour.
_SIGNED, _MAGNITUDE = "RdBu_r", "Blues"

# Columns that a heat map and a plot of series show at most by default.
_MAX_COLUMNS = {"heatmap": 20, "series": 4}

# Thinner bars are too pale in the colours of the map.
_MAX_COLOURED_BARS = 80

# Width of a figure of text in inches, the size of its font in points, and the width of
# a column of characters as a fraction of that.
_TEXT_WIDTH, _FONT_SIZE, _COLUMN_WIDTH = 9, 12, 0.66

# How much further the colours reach than the contributions to tokens, and how opaque
# the strongest one is in HTML.
_TEXT_MARGIN, _STRONGEST_ALPHA = 1.6, 0.7


class AttributionDisplay:
    """Plot of what inputs contribute to an output, or to several outputs on average.

    It is recommended to create a display with `from_estimator` or `from_attribution`.
    All parameters are stored as attributes. Red inputs raise the output above that of
    the baseline, blue ones lower it.

    Parameters
    ----------
    attribution : Attribution
        Result of `sklstm.inspection.attribute`.
    output : int, optional
        Number of the output to plot, in ``attribution.outputs``. By default the only
        one; of several outputs, the mean magnitude of the contributions is plotted.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The panels.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure
        The figure of the panels.
    colors_ : matplotlib ScalarMappable
        The mapping from contributions to colours.
    columns_ : list
        The columns that are shown.

    See Also
    --------
    sklstm.inspection.attribute : Compute an attribution.
    ImportanceDisplay : Plot of the importance of columns or lags for the error.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import AttributionDisplay, LSTMForecaster
    >>> y = np.sin(np.arange(120) / 5)
    >>> forecaster = LSTMForecaster(window_length=20, epochs=2, random_state=0)
    >>> forecaster = forecaster.fit(y[:, None], y)
    >>> display = AttributionDisplay.from_estimator(forecaster)  # of the next row
    >>> display.ax_.get_xlabel()
    'lag'
    """

    axes_: list[Axes]
    ax_: Axes
    figure_: Figure | SubFigure
    colors_: ScalarMappable
    columns_: list

    def __init__(self, *, attribution: Attribution, output: int | None = None) -> None:
        self.attribution = attribution
        self.output = output

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        kind: str | None = None,
        max_columns: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the contributions.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on: one for each panel, or a single one to divide among them.
            By default a new figure.
        kind : {"heatmap", "series", "text"}, default=None
            "heatmap" shows the contributions by position and column, and their sums by
            position below. "series" draws the values of each column, coloured by their
            contributions. "text" highlights tokens. By default "text" for tokens,
            "series" for a single column, and "heatmap" for others.
        max_columns : int, optional
            Number of columns to show, those with the largest contributions; by default
            20 in a heat map, which adds up the others, and 4 as series.
        **kwargs : dict
            Keyword arguments of matplotlib's ``pcolormesh`` ("heatmap"), ``scatter``
            ("series") or ``text`` ("text").

        Returns
        -------
        self : AttributionDisplay
            The display.

        Raises
        ------
        ValueError
            If the attribution has no such output, or not of the kind to plot.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        has_tokens = list(self.attribution.inputs) == ["token"]
        one = self._select_one()
        if kind is None:
            is_single = one is not None and len(self.attribution.inputs.columns) == 1
            kind = ("text" if has_tokens else "series") if is_single else "heatmap"
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
        if kind == "text" and not has_tokens:
            raise ValueError(
                'kind="text" needs an attribution to tokens, but this one is to the '
                f'columns {list(self.attribution.inputs)}. Use "heatmap" or "series".'
            )
        if kind == "series" and has_tokens:
            raise ValueError(
                'kind="series" draws numbers, but the attribution is to tokens. Use '
                '"text".'
            )
        if one is None and kind != "heatmap":
            raise ValueError(
                f'kind="{kind}" shows a single output, but the attribution has '
                f"{len(self.attribution.outputs)}. Pass output, the number of one."
            )
        if kind == "text":
            assert one is not None
            self._draw_text(one, ax, kwargs)
        else:
            table = self._table(one)
            if max_columns is None:
                max_columns = _MAX_COLUMNS[kind]
            if kind == "heatmap":
                self._draw_heatmap(one, table, ax, max_columns, kwargs)
            else:
                assert one is not None
                self._draw_series(one, table, ax, max_columns, kwargs)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        X_future: Any = None,
        target: Any = None,
        steps: Any = None,
        output: int | None = None,
        kind: str | None = None,
        max_columns: int | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Attribute outputs of a fitted network to its inputs, and plot that.

        Parameters
        ----------
        estimator : estimator
            A fitted network of this package, or a pipeline or search that ends in one.
        X : array-like, optional
            Inputs, as for `sklstm.inspection.attribute`.
        X_future : array-like, optional
            Future covariates of the forecast after the last row seen.
        target : label, int or array-like, optional
            What to explain, as for `sklstm.inspection.attribute`.
        steps : int or array-like of int, optional
            Steps to explain, as for `sklstm.inspection.attribute`.
        output : int, optional
            Number of the output to plot; by default the only one, or the mean magnitude
            of the contributions to several.
        kind : {"heatmap", "series", "text"}, default=None
            Kind of plot, as for `plot`.
        max_columns : int, optional
            Number of columns to show.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib, as for `plot`.

        Returns
        -------
        display : AttributionDisplay
            The display, plotted.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        attribution = attribute(
            estimator, X, X_future=X_future, target=target, steps=steps
        )
        return cls.from_attribution(
            attribution,
            output=output,
            kind=kind,
            max_columns=max_columns,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_attribution(
        cls,
        attribution: Attribution,
        *,
        output: int | None = None,
        kind: str | None = None,
        max_columns: int | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot an attribution.

        Parameters
        ----------
        attribution : Attribution
            Result of `sklstm.inspection.attribute`.
        output : int, optional
            Number of the output to plot; by default the only one, or the mean magnitude
            of the contributions to several.
        kind : {"heatmap", "series", "text"}, default=None
            Kind of plot, as for `plot`.
        max_columns : int, optional
            Number of columns to show.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib, as for `plot`.

        Returns
        -------
        display : AttributionDisplay
            The display, plotted.
        """
        display = cls(attribution=attribution, output=output)
        return display.plot(ax=ax, kind=kind, max_columns=max_columns, **kwargs)

    def to_html(self) -> str:
        """Return the tokens as HTML, highlighted by their contributions.

        Returns
        -------
        html : str
            A fragment without any reference to other files. The contribution of a token
            is its tooltip.

        Raises
        ------
        ValueError
            If the attribution is not to tokens, or has several outputs and none of them
            is selected.
        """
        one = self._select_one()
        if one is None or list(one.inputs) != ["token"]:
            raise ValueError(
                "to_html() needs an attribution of one output to tokens. Pass output, "
                "the number of one, or plot the attribution instead."
            )
        tokens, values = _tokens_and_values(one)
        largest = max(np.abs(values).max(initial=0.0), np.finfo(float).tiny)
        joint = "" if all(len(token) <= 1 for token in tokens) else " "
        spans = []
        for token, value in zip(tokens, values, strict=True):
            color = "178, 24, 43" if value > 0 else "33, 102, 172"
            alpha = _STRONGEST_ALPHA * abs(value) / largest
            spans.append(
                f'<span style="background-color: rgba({color}, {alpha:.2f})" '
                f'title="{value:+.4g}">{escape(token)}</span>'
            )
        return (
            f'<div style="font-family: monospace; line-height: 1.6">'
            f"<div>{escape(_describe(one))}</div>"
            f'<div style="white-space: pre-wrap">{joint.join(spans)}</div></div>'
        )

    def _select_one(self) -> Attribution | None:
        """Return the attribution of one output; None for the mean of several."""
        if self.output is not None:
            return self.attribution.select(self.output)
        return self.attribution if len(self.attribution.outputs) == 1 else None

    def _table(self, one: Attribution | None) -> pd.DataFrame:
        """Return the contributions by position; of several outputs mean magnitudes."""
        if one is not None:
            table = one.contributions
            return table.set_axis(table.index.get_level_values(-1))
        magnitudes = self.attribution.contributions.abs()
        return magnitudes.groupby(level=self.attribution.position).mean()

    def _draw_heatmap(
        self,
        one: Attribution | None,
        table: pd.DataFrame,
        ax: Axes | Sequence[Axes] | None,
        max_columns: int,
        kwargs: dict[str, Any],
    ) -> None:
        from matplotlib.ticker import MaxNLocator

        shown = _strongest_first(table, max_columns)
        names = [str(column) for column in shown.columns]
        positions = shown.index.to_numpy()
        height = 1.0 + 0.28 * len(names)
        self.axes_ = make_panels(ax, heights=[height, 1.2], size=(9, 2.4 + height))
        panel, below = self.axes_
        largest = np.nanmax(np.abs(shown.to_numpy()), initial=np.finfo(float).tiny)
        colors = {"cmap": _MAGNITUDE, "vmin": 0, "vmax": largest}
        if one is not None:
            colors = {"cmap": _SIGNED, "vmin": -largest, "vmax": largest}
        # By their edges, since a single row or column has no neighbour.
        self.colors_ = panel.pcolormesh(
            np.arange(positions[0], positions[-1] + 2) - 0.5,
            np.arange(len(names) + 1) - 0.5,
            np.ma.masked_invalid(shown.to_numpy().T),
            **{**colors, **kwargs},
        )
        panel.set_facecolor("0.93")  # columns that are not read
        panel.set_yticks(np.arange(len(names)), names)
        panel.invert_yaxis()
        label = "contribution" if one is not None else "mean magnitude"
        panel.figure.colorbar(self.colors_, ax=panel, label=label, pad=0.01)
        if one is None:
            title = f"{len(self.attribution.outputs)} outputs on average"
            panel.set_title(title, loc="left", fontsize="medium")
        else:
            _put_title(panel, one)
        total = shown.sum(axis=1, min_count=1).to_numpy()
        color: Any = "0.45"
        if one is not None and len(positions) <= _MAX_COLOURED_BARS:
            color = self.colors_.to_rgba(total)
        below.bar(positions, total, 0.9, color=color, edgecolor="0.4", linewidth=0.4)
        below.axhline(0, color="0.2", linewidth=0.8)
        below.set(xlabel=self.attribution.position, ylabel="sum")
        for each in self.axes_:
            each.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        style_axes(below)
        self.columns_ = list(shown.columns)
        for each in self.axes_:
            self._mark_last_row(each, positions)

    def _mark_last_row(self, panel: Axes, positions: np.ndarray) -> None:
        """Separate the rows to forecast, of which future covariates are known."""
        has_future = "step" in self.attribution.outputs.index.names
        if has_future and self.attribution.position == "lag" and (positions > 0).any():
            panel.axvline(0.5, color="0.2", linewidth=0.8, linestyle="--")

    def _draw_series(
        self,
        one: Attribution,
        table: pd.DataFrame,
        ax: Axes | Sequence[Axes] | None,
        max_columns: int,
        kwargs: dict[str, Any],
    ) -> None:
        from matplotlib.ticker import MaxNLocator

        columns = list(_strongest_first(table, max_columns, with_others=False))
        # The column of which detectors expect a value in the row at lag 0.
        explained = []
        if "feature" in one.outputs.index.names:
            explained = [one.outputs.index.get_level_values("feature")[0]]
            columns = [*explained, *(each for each in columns if each != explained[0])]
            columns = columns[:max_columns]
        inputs = one.inputs.set_axis(one.inputs.index.get_level_values(-1))
        self.axes_ = make_panels(
            ax, heights=[1] * len(columns), size=(9, 1.0 + 1.6 * len(columns))
        )
        values = table[columns].to_numpy()
        largest = np.nanmax(np.abs(values), initial=np.finfo(float).tiny)
        for panel, column in zip(self.axes_, columns, strict=True):
            x = inputs.index.to_numpy()
            y: Any = pd.to_numeric(inputs[column], errors="coerce")
            if y.isna().all():
                y, names = pd.factorize(inputs[column])
                panel.set_yticks(np.arange(len(names)), [str(each) for each in names])
            else:
                panel.plot(x, y, color="0.75", linewidth=1, zorder=1)
            style = {"cmap": _SIGNED, "s": 26, "edgecolor": "0.35", "linewidth": 0.4}
            self.colors_ = panel.scatter(
                x,
                y,
                c=table[column].reindex(x),
                vmin=-largest,
                vmax=largest,
                zorder=2,
                **{**style, **kwargs},
            )
            panel.set_ylabel(str(column))
            panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            style_axes(panel)
            self._mark_last_row(panel, x)
            if column in explained:
                expected = one.outputs["output"].iloc[0]
                panel.plot(0, expected, "x", color="k", label="expected", zorder=3)
                panel.legend(frameon=False)
        _put_title(self.axes_[0], one)
        self.axes_[-1].set_xlabel(self.attribution.position)
        self.axes_[0].figure.colorbar(
            self.colors_, ax=self.axes_, label="contribution", pad=0.01
        )
        self.columns_ = columns

    def _draw_text(
        self,
        one: Attribution,
        ax: Axes | Sequence[Axes] | None,
        kwargs: dict[str, Any],
    ) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.patches import Rectangle

        tokens, values = _tokens_and_values(one)
        n_columns = _n_columns(ax)
        places = _lay_out(tokens, n_columns)
        n_lines = 1 + max((line for line, _ in places), default=0)
        size = (_TEXT_WIDTH, 0.7 + 0.32 * n_lines)
        self.axes_ = make_panels(ax, heights=[1], size=size)
        (panel,) = self.axes_
        largest = np.abs(values).max(initial=np.finfo(float).tiny)
        # The darkest colours would hide the text.
        limit = _TEXT_MARGIN * largest
        self.colors_ = ScalarMappable(Normalize(-limit, limit), _SIGNED)
        panel.set(xlim=(0, n_columns), ylim=(n_lines, 0))
        panel.set_axis_off()
        _put_title(panel, one)
        style = {"family": "monospace", "fontsize": _FONT_SIZE, "va": "center"}
        for token, value, (line, column) in zip(tokens, values, places, strict=True):
            shown = token if token.strip() else "·" * max(len(token), 1)
            panel.add_patch(
                Rectangle(
                    (column - 0.1, line + 0.08),
                    len(shown) + 0.2,
                    0.84,
                    facecolor=self.colors_.to_rgba(value),
                    linewidth=0,
                )
            )
            # In the middle, so that another font's width does not shift the token.
            middle = column + len(shown) / 2
            panel.text(middle, line + 0.5, shown, **{"ha": "center", **style, **kwargs})
        self.columns_ = ["token"]


def _describe(one: Attribution) -> str:
    """Describe an output: its labels, its value, and that of the baseline."""
    (key,) = one.outputs.index
    keys = key if isinstance(key, tuple) else (key,)
    names = one.outputs.index.names
    labels = ", ".join(f"{n} {_text(k)}" for n, k in zip(names, keys, strict=True))
    output, baseline = one.outputs[["output", "baseline"]].iloc[0]
    name = "output"
    if "actual" in one.outputs:
        name = f"{one.outputs['actual'].iloc[0]:.4g}, expected"
    change = output - baseline
    return f"{labels}: {name} {output:.4g} (baseline {baseline:.4g}, {change:+.3g})"


def _text(label: Any) -> str:
    """Return a label as text; times without a time of day as dates."""
    return str(label).removesuffix(" 00:00:00") if label != "" else "(end)"


def _strongest_first(
    table: pd.DataFrame, max_columns: int, *, with_others: bool = True
) -> pd.DataFrame:
    """Select the columns with the largest contributions, and add up the others."""
    if max_columns < 1:
        raise ValueError(f"max_columns must be at least 1, got {max_columns!r}.")
    order = np.argsort(-table.abs().sum().to_numpy(), kind="stable")
    chosen = table.iloc[:, order[:max_columns]]
    rest = table.iloc[:, order[max_columns:]]
    if not with_others or not rest.shape[1]:
        return chosen
    name = f"{rest.shape[1]} others"
    return chosen.assign(**{name: rest.sum(axis=1, min_count=1)})


def _tokens_and_values(one: Attribution) -> tuple[list[str], np.ndarray]:
    tokens = [str(token) for token in one.inputs["token"]]
    return tokens, one.contributions["token"].to_numpy()


def _put_title(panel: Axes, one: Attribution) -> None:
    """Describe an output above a panel, in two lines if it is narrow."""
    text = _describe(one)
    width = panel.get_window_extent().width * 72 / panel.figure.dpi
    if len(text) * 5.4 > width:
        text = text.replace(": ", "\n", 1)
    panel.set_title(text, loc="left", fontsize="medium")


def _n_columns(ax: Axes | Sequence[Axes] | None) -> int:
    """Return the number of characters in a line of text."""
    width = 0.95 * 72.0 * _TEXT_WIDTH
    if ax is not None:
        panel = np.ravel(np.asarray(ax, dtype=object))[0]
        width = panel.get_window_extent().width * 72 / panel.figure.dpi
    return max(int(width / (_FONT_SIZE * _COLUMN_WIDTH)), 8)


def _lay_out(tokens: list[str], n_columns: int) -> list[tuple[int, int]]:
    """Return the line and the column at which each token begins."""
    gap = 0 if all(len(token) <= 1 for token in tokens) else 1
    places, line, column = [], 0, 0
    for token in tokens:
        length = max(len(token), 1)
        if column and column + length > n_columns:
            line, column = line + 1, 0
        places.append((line, column))
        column += length + gap
        if token == "\n":
            line, column = line + 1, 0
    return places
