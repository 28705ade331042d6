"""The documentation's code runs as it stands, and every public name has an example."""

import importlib
import re
from pathlib import Path

import pytest

import sklstm

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/user_guide").glob("*.md")]
)
FENCE = re.compile(r"^```(python|text)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def read(page):
    """The python blocks of a page, each with the text that it is said to print."""
    text = page.read_text()
    blocks: list[list] = []
    end = -1
    for match in FENCE.finditer(text):
        kind, body = match.groups()
        if kind == "python":
            line = text[: match.start(2)].count("\n")
            blocks.append(["\n" * line + body, None])
        elif blocks and not text[end : match.start()].strip():
            blocks[-1][1] = body
        end = match.end()
    return blocks


def without_numbers(text):
    """What does not change from machine to machine."""
    return re.sub(r"[-+]?\d[-+.:,\d]*(e[-+]?\d+)?%?", "#", text).split()


WITH_CODE = [page for page in PAGES if read(page)]


def test_pages_have_code():
    assert len(WITH_CODE) >= 12


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_page_runs(page, tmp_path, monkeypatch, capsys):
    """One page is one session, and prints what stands behind its blocks."""
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code, printed in read(page):
        exec(compile(code, str(page), "exec"), names)
        out = capsys.readouterr().out
        if printed is not None:
            assert without_numbers(out) == without_numbers(printed)


PUBLIC = [
    *(f"sklstm.{name}" for name in sklstm.__all__ if name != "__version__"),
    "sklstm.anomaly.AlarmStream",
    "sklstm.anomaly.ThresholdReport",
    "sklstm.anomaly.TokenStream",
    "sklstm.inspection.Attribution",
    "sklstm.inspection.PermutationImportance",
    "sklstm.inspection.attribute",
    "sklstm.inspection.permutation_importance",
    "sklstm.inspection.what_if",
    "sklstm.keras.KerasSequenceClassifier",
    "sklstm.keras.KerasSequenceRegressor",
    "sklstm.metrics.EventMatches",
    "sklstm.metrics.event_report",
    "sklstm.metrics.labels_to_events",
    "sklstm.metrics.match_events",
    "sklstm.metrics.merge_events",
    "sklstm.model_selection.WalkForwardResult",
    "sklstm.model_selection.naive_scores",
    "sklstm.model_selection.search_space",
    "sklstm.sequences.StepStream",
    "sklstm.sktime.SktimeLSTMAutoencoderDetector",
    "sklstm.sktime.SktimeLSTMForecastDetector",
    "sklstm.sktime.SktimeLSTMForecaster",
    "sklstm.sktime.SktimeRNNClassifier",
    "sklstm.sktime.SktimeRNNRegressor",
    "sklstm.text.DynamicEvaluation",
    "sklstm.text.NeuralCache",
]


@pytest.mark.parametrize("path", PUBLIC)
def test_every_public_name_has_an_example(path):
    module, name = path.rsplit(".", 1)
    doc = getattr(importlib.import_module(module), name).__doc__
    assert re.search(r"Examples\n\s+-{8}\n\s+>>> ", doc)


def test_every_public_name_is_in_the_reference():
    reference = (ROOT / "docs" / "api.md").read_text().split()
    missing = [
        path
        for path in PUBLIC
        if not {path.removeprefix("sklstm."), path.rsplit(".", 1)[1]} & {*reference}
    ]
    assert not missing
