"""Report of a walk-forward validation: one self-contained HTML page."""

from __future__ import annotations

import platform
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from html import escape
from importlib.metadata import version
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklstm.inspection import PermutationImportance
from sklstm.model_selection import WalkForwardResult
from sklstm.plotting._panels import (
    FORECASTERS,
    LABELS,
    STYLES,
    check_matplotlib,
    style_axes,
)
from sklstm.plotting.importance import ImportanceDisplay
from sklstm.plotting.walk_forward import WalkForwardDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PACKAGES = ("sklstm", "keras", "tensorflow", "scikit-learn", "pandas", "numpy")

# Targets whose forecasts are drawn, and rows in the table of the worst forecasts.
_MAX_TARGETS, _N_WORST = 4, 10

# Beyond this number of forecast rows a plot of them is a bitmap, which is smaller.
_MAX_VECTOR_ROWS = 3000

# Groups that have bars and labels of their own.
_MAX_GROUPS = 12

_LEVELS = ["lowest fifth", "second", "third", "fourth", "highest fifth"]
_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #f6f7f9;
  margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0.5rem 0 0; }
h2 { font-size: 1.15rem; margin: 0 0 0.6rem; }
section { background: #fff; border: 1px solid #e3e6ea; border-radius: 8px;
  padding: 1.1rem 1.3rem; margin: 1rem 0; }
p { margin: 0.4rem 0; }
.facts { color: #555; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.8rem; text-align: right; border-bottom: 1px solid #eee;
  white-space: nowrap; }
th { font-weight: 600; }
tbody th, td.text { text-align: left; font-weight: normal; }
td.better { color: #17703c; font-weight: 600; }
td.worse { color: #b3261e; font-weight: 600; }
figure { margin: 0.6rem 0 0; }
figure svg, figure img { max-width: 100%; height: auto; }
details summary { cursor: pointer; color: #1769aa; }
code { background: #f0f2f5; padding: 0.05rem 0.3rem; border-radius: 3px; }
"""


def write_report(
    result: WalkForwardResult,
    path: str | Path,
    *,
    importance: PermutationImportance | None = None,
    title: str | None = None,
) -> Path:
    """Write a report of a walk-forward validation; see `WalkForwardResult.report`.

    Parameters
    ----------
    result : WalkForwardResult
    path : str or Path
        File to write.
    importance : PermutationImportance, optional
    title : str, optional

    Returns
    -------
    path : Path
    """
    check_matplotlib("WalkForwardResult.report")
    if importance is not None and not isinstance(importance, PermutationImportance):
        raise TypeError(
            "importance must be the result of "
            "sklstm.inspection.permutation_importance, got "
            f"{type(importance).__name__}."
        )
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path={str(path)!r} lies in a folder that does not exist. Create "
            f"{str(path.parent)!r} first."
        )
    estimator = result.estimator
    name = "Forecasts" if estimator is None else type(estimator).__name__
    title = f"Walk-forward validation of {name}" if title is None else title
    sections = [
        _scores_section(result),
        _forecasts_section(result),
        _errors_section(result),
        _intervals_section(result),
        _importance_section(importance),
        _worst_section(result),
        _parameters_section(result),
    ]
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="facts">{escape(_describe(result))}</p>'
        f"{''.join(sections)}</main></body></html>\n"
    )
    path.write_text(page, encoding="utf-8")
    return path


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _describe(result: WalkForwardResult) -> str:
    """Describe how many forecasts of what were made."""
    table = result.forecasts
    facts = [f"{len(table)} forecasts in {len(result.scores)} folds"]
    if result.series_scores is not None:
        facts.append(f"{len(result.series_scores)} series")
    n_targets = table["target"].nunique()
    if n_targets > 1:
        facts.append(f"{n_targets} targets")
    facts.append(f"up to {table['step'].max()} steps ahead")
    facts.append(f"rows {table.index[0]} to {table.index[-1]}")
    return ", ".join(facts) + f". Written on {datetime.now():%Y-%m-%d %H:%M}."


def _scores_section(result: WalkForwardResult) -> str:
    skills = [name for name in ("skill", "seasonal_skill") if name in result.summary]
    text = (
        "<p>The skill is the fraction of the naive forecast's error that the forecast "
        "avoids: 0 is no better than naive.</p>"
    )
    parts = [_table(_readable(result.summary), signed=skills)]
    try:
        test = result.significance()
    except ValueError:
        pass  # of no metric that is a mean over rows
    else:
        rows = [
            f"{LABELS.get(str(name), name)}: {row['skill']:.1%} &plusmn; "
            f"{row['std_error']:.1%}, p = {row['p_value']:.2g} over "
            f"{row['n_origins']:.0f} origins"
            for name, row in test.iterrows()
        ]
        text += f"<p>Skill against each naive forecast: {'; '.join(rows)}.</p>"
    if result.series_scores is not None:
        first = result.summary.index[0]
        scores = result.series_scores[first].sort_values("skill")
        parts.append(
            f"<details><summary>{escape(_words(first))} by series</summary>"
            f"{_table(_readable(scores), signed=skills)}</details>"
        )
    return _section("Scores", *parts, text)


def _forecasts_section(result: WalkForwardResult) -> str:
    table = result.forecasts
    targets = list(table["target"].unique())
    parts = []
    for target in targets[:_MAX_TARGETS]:
        display = WalkForwardDisplay.from_results(
            result, target=target if len(targets) > 1 else None, naive=False
        )
        is_large = len(table) > _MAX_VECTOR_ROWS
        parts.append(_figure(display.figure_, "forecasts by fold", is_bitmap=is_large))
    notes = []
    if len(targets) > _MAX_TARGETS:
        notes.append(f"the first {_MAX_TARGETS} of {len(targets)} targets")
    if result.series_scores is not None:
        notes.append("the first series")
    if notes:
        parts.append(f'<p class="facts">Shown: {" of ".join(notes)}.</p>')
    return _section("Forecasts", *parts)


def _errors_section(result: WalkForwardResult) -> str:
    """Draw the errors by step, time and level."""
    errors, unit = _absolute_errors(result.forecasts)
    groups = dict(_groupings(result.forecasts))
    figure, panels = _new_figure(len(groups))
    names = [name for name in FORECASTERS if name in errors]
    for panel, (label, group) in zip(panels, groups.items(), strict=True):
        _draw_groups(panel, errors[names].groupby(group, observed=True).mean(), label)
    panels[0].set_ylabel(unit)
    panels[0].legend(frameon=False, fontsize="small")
    return _section("Where the errors are", _figure(figure, "errors by group"))


def _absolute_errors(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the absolute errors of all forecasts, and their unit.

    Those of several targets or series are divided by the mean error of the naive
    forecast.
    """
    names = [name for name in FORECASTERS if name in table]
    errors = table[names].sub(table["actual"], axis=0).abs().reset_index(drop=True)
    by = [
        name for name in ("series", "target") if name in table and table[name].nunique()
    ]
    keys = [table[name].map(str).to_numpy() for name in by]
    if max(table[name].nunique() for name in by) == 1:
        return errors, "mean absolute error"
    scale = errors["naive"].groupby(keys).transform("mean")
    return errors.div(scale.where(scale > 0), axis=0), "error relative to naive"


def _groupings(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Yield how to group the forecasts, by name."""
    table = table.copy()
    index = table.index
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    table = table.reset_index(drop=True)
    yield "fold", table["fold"]
    if table["step"].nunique() > 1:
        yield "step", table["step"]
    if isinstance(index, pd.DatetimeIndex):
        days = pd.Series(_categories(index.dayofweek.to_numpy(), _WEEKDAYS))
        if days.nunique() > 1:
            yield "weekday", days
        hours = pd.Series(index.hour)
        if hours.nunique() > 1:
            yield "hour", hours
    rank = table.groupby(table["target"].map(str))["actual"].rank(pct=True)
    fifth = np.ceil(rank.fillna(0).to_numpy() * 5).clip(1, 5).astype(int) - 1
    fifth[rank.isna()] = -1
    yield "level of the actual value", pd.Series(_categories(fifth, _LEVELS))


def _categories(codes: np.ndarray, labels: list[str]) -> Any:
    """Return labels that keep their order."""
    return pd.Categorical.from_codes(codes, pd.Index(labels))


def _draw_groups(panel: Axes, means: pd.DataFrame, label: str) -> None:
    """Draw the mean error of each forecaster in each group, as bars or as lines."""
    places = np.arange(len(means))
    width = 0.8 / means.shape[1]
    for number, name in enumerate(map(str, means)):
        style: dict[str, Any] = {"color": STYLES[name]["color"]}
        style["label"] = LABELS.get(name, name)
        if len(means) > _MAX_GROUPS:
            panel.plot(places, means[name], marker=".", **style)
            panel.set_ylim(bottom=0)
            continue
        offset = (number - (means.shape[1] - 1) / 2) * width
        panel.bar(places + offset, means[name], width * 0.95, **style)
    every = -(-len(means) // _MAX_GROUPS)
    panel.set_xticks(
        places[::every], [str(each).replace(" ", "\n") for each in means.index[::every]]
    )
    panel.tick_params(axis="x", labelsize="small")
    panel.set_xlabel(label)
    style_axes(panel)
    panel.grid(visible=False, axis="x")


def _intervals_section(result: WalkForwardResult) -> str:
    if result.interval_scores is None:
        return ""
    table = result.forecasts.reset_index(drop=True)
    known = table["actual"].notna()
    inside = table["actual"].between(table["lower"], table["upper"])[known]
    figure, panels = _new_figure(2)
    for panel, label in zip(panels, ("fold", "step"), strict=True):
        by_group = inside.groupby(table[label][known]).mean()
        panel.bar(np.arange(len(by_group)), by_group, color=STYLES["forecast"]["color"])
        every = -(-len(by_group) // _MAX_GROUPS)
        panel.set_xticks(
            np.arange(len(by_group))[::every], [str(i) for i in by_group.index[::every]]
        )
        panel.set(xlabel=label, ylim=(0, 1.02))
        if result.coverage is not None:
            panel.axhline(result.coverage, color="#c1121f", linestyle="--")
        style_axes(panel)
    panels[0].set_ylabel("coverage")
    nominal = ""
    if result.coverage is not None:
        nominal = f" (nominal coverage {result.coverage:.0%}, dashed line)"
    text = (
        f"<p>{inside.mean():.1%} of the rows lie inside their prediction interval"
        f"{nominal}; mean width {(table['upper'] - table['lower']).mean():.4g}.</p>"
    )
    return _section("Prediction intervals", text, _figure(figure, "coverage"))


def _importance_section(importance: PermutationImportance | None) -> str:
    if importance is None:
        return ""
    display = ImportanceDisplay.from_results(importance)
    text = (
        "<p>By how much the error on the test rows grows if values are replaced by "
        "those of other windows; dots are folds.</p>"
    )
    return _section("Importance", text, _figure(display.figure_, "importance"))


def _worst_section(result: WalkForwardResult) -> str:
    table = result.forecasts
    errors, unit = _absolute_errors(table)
    worst = np.argsort(-errors["forecast"].fillna(-1).to_numpy())[:_N_WORST]
    columns = [
        name
        for name in ("series", "target", "fold", "step", "actual", "forecast", "naive")
        if name in table
    ]
    if table["target"].nunique() == 1:
        columns.remove("target")
    rows = table.iloc[worst][columns]
    label = "error" if unit == "mean absolute error" else "error / mean naive error"
    rows = rows.assign(**{label: errors["forecast"].to_numpy()[worst]})
    return _section("Worst forecasts", _table(rows))


def _parameters_section(result: WalkForwardResult) -> str:
    parts = []
    if result.estimator is not None:
        parts.append(f"<p><code>{escape(repr(result.estimator))}</code></p>")
        parameters = result.estimator.get_params()
        rows = "".join(
            f'<tr><th>{escape(str(name))}</th><td class="text">'
            f"{escape(repr(value))}</td></tr>"
            for name, value in sorted(parameters.items())
            if not hasattr(value, "get_params")
        )
        parts.append(
            "<details><summary>All parameters</summary>"
            f'<div class="scroll"><table><tbody>{rows}</tbody></table></div></details>'
        )
    seconds = result.times.mean()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    parts.append(
        f'<p class="facts">{seconds["fit_time"]:.3g} s to fit and '
        f"{seconds['predict_time']:.3g} s to forecast a fold, on average. "
        f"Python {platform.python_version()}, {escape(versions)}.</p>"
    )
    return _section("Parameters and versions", *parts)


def _new_figure(n_panels: int) -> tuple[Figure, list[Axes]]:
    """Create a figure with panels in rows of three that is not pyplot's."""
    from matplotlib.figure import Figure

    n_columns = min(n_panels, 3)
    n_rows = -(-n_panels // n_columns)
    figure = Figure(figsize=(9.6, 2.7 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    panels = list(axes.ravel())
    for panel in panels[n_panels:]:
        figure.delaxes(panel)
    return figure, panels[:n_panels]


def _figure(figure: Any, description: str, *, is_bitmap: bool = False) -> str:
    """Return a figure as part of the page: a drawing, or a bitmap."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    if is_bitmap:
        binary = BytesIO()
        figure.savefig(binary, format="png", dpi=130)
        data = b64encode(binary.getvalue()).decode("ascii")
        drawn = f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'
    else:
        text = StringIO()
        # Equal figures have equal ids.
        with mpl.rc_context({"svg.hashsalt": description}):
            figure.savefig(text, format="svg", metadata={"Date": None})
        drawing = text.getvalue()
        drawn = drawing[drawing.index("<svg") :]
    plt.close(figure)
    return f'<figure role="img" aria-label="{escape(description)}">{drawn}</figure>'


def _readable(scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores with words in place of the names of metrics and forecasters."""
    return scores.rename(columns=_words, index=_words)


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


def _table(frame: pd.DataFrame, signed: Any = ()) -> str:
    """Return a table; skills are green where they are positive, red where negative."""
    marked = [_words(name) for name in signed]
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    rows = []
    for label, row in zip(frame.index, frame.to_dict("records"), strict=True):
        cells = []
        for name, value in row.items():
            kind = ""
            if name in marked and value == value:
                kind = ' class="better"' if value > 0 else ' class="worse"'
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            if name in marked:
                shown = f"{value:.1%}"
            cells.append(f"<td{kind}>{escape(shown)}</td>")
        rows.append(f"<tr><th>{escape(str(label))}</th>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
