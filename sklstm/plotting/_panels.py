"""Styles, panels, lines and time axes shared by the displays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.gridspec import GridSpecBase
    from matplotlib.lines import Line2D

STYLES: dict[str, dict[str, Any]] = {
    "past": {"color": "0.65", "linewidth": 1.2},
    "actual": {"color": "0.2", "linewidth": 1.2},
    "naive": {"color": "#e6820e", "linewidth": 1.2, "linestyle": "--"},
    "seasonal_naive": {"color": "#2b9348", "linewidth": 1.2, "linestyle": ":"},
    "forecast": {"color": "#1769aa", "linewidth": 1.6},
    "loss": {"color": "0.2", "linewidth": 1.6},
    "val_loss": {"color": "#1769aa", "linewidth": 1.6},
    "value": {"color": "0.2", "linewidth": 0.8},
    "score": {"color": "#1769aa", "linewidth": 1.0},
}
# Columns of forecasts in the result of walk_forward, in the order of the legend.
FORECASTERS = ("forecast", "naive", "seasonal_naive")
LABELS = {
    "seasonal_naive": "seasonal naive",
    "loss": "training loss",
    "val_loss": "validation loss",
}


def check_matplotlib(caller: str) -> None:
    """Raise an ImportError that names the caller if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib. Install it with `pip install matplotlib`."
        ) from error


def axis_values(index: pd.Index) -> np.ndarray:
    """Return the dates or numbers of an index, or numbers in place of other labels."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        return index.tz_localize(None).to_numpy()
    if pd.api.types.is_numeric_dtype(index.dtype):
        return index.to_numpy()
    return pd.factorize(index)[0]


def target_label(names: Sequence, target: int) -> str:
    """Return the axis label of a target; none for a single target without a name."""
    name = names[target]
    if isinstance(name, str):
        return name
    return "" if len(names) == 1 else f"target {name}"


def make_panels(
    ax: Axes | Sequence[Axes] | None,
    *,
    heights: Sequence[float],
    size: tuple[float, float],
    n_shared: int | None = None,
) -> list[Axes]:
    """Create panels, one below the other.

    Parameters
    ----------
    ax : matplotlib Axes, sequence of them or None
        One Axes for each panel, one to divide among the panels, or None for a new
        figure.
    heights : sequence of float
        Relative height of each panel.
    size : tuple of float
        Width and height of a new figure in inches.
    n_shared : int, optional
        Number of panels, the first ones, that share an x axis; by default all.

    Returns
    -------
    panels : list of matplotlib Axes
    """
    import matplotlib.pyplot as plt

    n_panels = len(heights)
    if isinstance(ax, Sequence | np.ndarray):
        panels = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(panels) != n_panels:
            raise ValueError(
                f"ax must hold {n_panels} Axes, one for each panel, got {len(panels)}. "
                "Pass that number, a single Axes to divide among the panels, or None."
            )
        return panels
    cell = None if ax is None else ax.get_subplotspec()
    figure: Figure | SubFigure
    grid: GridSpecBase
    if ax is None:
        figure = plt.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(n_panels, 1, height_ratios=heights)
    elif n_panels == 1:
        return [ax]
    elif cell is None:
        raise ValueError(
            f"ax must be part of a grid of subplots to be divided among {n_panels} "
            f"panels, got {ax!r}. Pass one Axes for each panel, or None."
        )
    else:
        ax.set_axis_off()
        figure = ax.figure
        grid = cell.subgridspec(n_panels, 1, height_ratios=heights)
    panels = []
    n_shared = n_panels if n_shared is None else n_shared
    for number in range(n_panels):
        shared = panels[0] if 0 < number < n_shared else None
        panels.append(figure.add_subplot(grid[number], sharex=shared))
        if number < n_shared - 1:
            panels[-1].tick_params(labelbottom=False)
    return panels


def draw_lines(
    ax: Axes,
    series: Mapping[str, tuple[Any, Any]],
    kwargs: Mapping[str, Any],
    *,
    every: bool = False,
    name: str | None = None,
) -> dict[str, Line2D]:
    """Draw lines, each in the style of its kind.

    Parameters
    ----------
    ax : matplotlib Axes
    series : dict of str to (x, y)
        The lines by kind, a key of `STYLES`; later ones cover earlier ones.
    kwargs : dict
        The user's keyword arguments for matplotlib's ``plot``.
    every : bool, default=False
        Whether ``kwargs`` apply to every line, and not to the forecast alone.
    name : str, optional
        Name to put before each label in the legend.

    Returns
    -------
    lines : dict of str to matplotlib Line2D
    """
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    user_style = normalize_kwargs(dict(kwargs), Line2D)
    lines = {}
    for kind, (x, y) in series.items():
        style = STYLES[kind] | {"label": prefix_label(name, LABELS.get(kind, kind))}
        if _has_isolated_value(y):
            style["marker"] = "."
        if every or kind == "forecast":
            style |= user_style
        (lines[kind],) = ax.plot(x, y, **style)
    return lines


def _has_isolated_value(values: Any) -> bool:
    """Return whether some value has no neighbour, so that a line would not show it."""
    finite = np.concatenate([[False], np.isfinite(values), [False]])
    return bool((finite[1:-1] & ~finite[:-2] & ~finite[2:]).any())


def prefix_label(name: str | None, text: str) -> str:
    """Return a label in the legend, preceded by a name if there is one."""
    return text if name is None else f"{name}: {text}"


def finish_time_panel(ax: Axes, x: Any, label: str) -> None:
    """Format the axes, grid and legend of a panel over time."""
    finish_time_axis(ax, x)
    ax.set_ylabel(label)
    put_legend_above(ax, room=0.16)


def finish_time_axis(ax: Axes, x: Any) -> None:
    """Format the axes and grid of a panel over time."""
    if np.issubdtype(np.asarray(x).dtype, np.datetime64):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.margins(x=0.01)
    style_axes(ax)


def put_legend_above(ax: Axes, room: float) -> None:
    """Put the legend in one row inside the axes, above the data.

    Parameters
    ----------
    ax : matplotlib Axes
    room : float
        Height to add for it, as a fraction of the height of the data.
    """
    leave_room_above(ax, room)
    n_entries = len(ax.get_legend_handles_labels()[0])
    ax.legend(
        loc="upper left",
        ncols=n_entries,
        frameon=False,
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.2,
    )


def leave_room_above(ax: Axes, room: float) -> None:
    """Leave a fraction of the data's height free above the data."""
    low, high = ax.dataLim.intervaly
    if low < high:
        # Data limits, not axis limits: lines drawn later can still extend them.
        ax.update_datalim([(0, high + room * (high - low))], updatex=False)
        ax.autoscale_view()


def style_axes(ax: Axes) -> None:
    """Draw a light grid below the data, and no spines at the top and right."""
    ax.grid(color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
