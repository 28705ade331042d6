"""What the displays share: styles, panels, lines, axes over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

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
LABELS = {
    "seasonal_naive": "seasonal naive",
    "loss": "training loss",
    "val_loss": "validation loss",
}


def check_matplotlib(caller: str) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib. Install it with `pip install matplotlib`."
        ) from error


def axis_values(index: pd.Index) -> np.ndarray:
    """Numbers or dates of an index, or else the rows' numbers."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        return index.tz_localize(None).to_numpy()
    if pd.api.types.is_numeric_dtype(index.dtype):
        return index.to_numpy()
    return pd.factorize(index)[0]


def target_label(names: Sequence, target: int) -> str:
    """Name a target, if that says more than that there is one."""
    name = names[target]
    if isinstance(name, str):
        return name
    return "" if len(names) == 1 else f"target {name}"


def make_panels(ax, *, heights, size, n_shared=None) -> list:
    """Axes below each other, the first ``n_shared`` of them with a common x axis."""
    import matplotlib.pyplot as plt

    n_panels = len(heights)
    if isinstance(ax, Sequence | np.ndarray):
        panels = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(panels) != n_panels:
            raise ValueError(
                f"ax must hold {n_panels} Axes, one for each panel, got {len(panels)}. "
                "Pass so many, one to be divided among the panels, or None."
            )
        return panels
    if ax is None:
        figure = plt.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(n_panels, 1, height_ratios=heights)
    elif n_panels == 1:
        return [ax]
    elif ax.get_subplotspec() is None:
        raise ValueError(
            f"ax must lie in a grid of subplots to be divided among {n_panels} panels, "
            f"got {ax!r}. Pass one Axes for each panel, or None."
        )
    else:
        ax.set_axis_off()
        figure = ax.figure
        grid = ax.get_subplotspec().subgridspec(n_panels, 1, height_ratios=heights)
    panels = []
    n_shared = n_panels if n_shared is None else n_shared
    for number in range(n_panels):
        shared = panels[0] if 0 < number < n_shared else None
        panels.append(figure.add_subplot(grid[number], sharex=shared))
        if number < n_shared - 1:
            panels[-1].tick_params(labelbottom=False)
    return panels


def draw_lines(ax, series, kwargs, *, every=False, name=None) -> dict[str, Any]:
    """Draw lines in their styles.

    Parameters
    ----------
    ax : matplotlib Axes
    series : dict of str to (x, y)
        From the lowest line to the uppermost.
    kwargs : dict
        What the user wants of the forecast's line, or of every line.
    every : bool
    name : str, optional
        Whose lines they are.
    """
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    wanted = normalize_kwargs(kwargs, Line2D)
    lines = {}
    for kind, (x, y) in series.items():
        style = STYLES[kind] | {"label": named(name, LABELS.get(kind, kind))}
        if _has_isolated(y):
            style["marker"] = "."
        if every or kind == "forecast":
            style |= wanted
        (lines[kind],) = ax.plot(x, y, **style)
    return lines


def _has_isolated(values) -> bool:
    """Whether some value has no neighbour, so that no line would show it."""
    given = np.concatenate([[False], np.isfinite(values), [False]])
    return bool((given[1:-1] & ~given[:-2] & ~given[2:]).any())


def named(name, text) -> str:
    return text if name is None else f"{name}: {text}"


def finish_time_panel(ax, x, label) -> None:
    """Axis, grid and legend of a panel over time."""
    finish_time_axis(ax, x)
    ax.set_ylabel(label)
    put_legend_above(ax, room=0.16)


def finish_time_axis(ax, x) -> None:
    """Axis and grid of a panel over time."""
    if np.issubdtype(np.asarray(x).dtype, np.datetime64):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.margins(x=0.01)
    tidy(ax)


def put_legend_above(ax, room) -> None:
    """Put the legend in one row inside the axes, above all that is drawn."""
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


def leave_room_above(ax, room) -> None:
    """Leave a share of the height free above all that is drawn."""
    low, high = ax.dataLim.intervaly
    if low < high:
        # Data limits rather than axis limits: lines drawn later still widen them.
        ax.update_datalim([(0, high + room * (high - low))], updatex=False)
        ax.autoscale_view()


def tidy(ax) -> None:
    ax.grid(color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
