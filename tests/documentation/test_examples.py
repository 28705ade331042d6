"""The examples run, print their tables and save their figures."""

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").rglob("plot_*.py"))

# Texts that each example must print besides "naive".
PRINTED = {
    "plot_exercises": ["boosting", "RNNTagger, causal", "whole recording: True"],
    "plot_export_onnx": ["served by onnxruntime", "kB", "differ by at most", "ms"],
    "plot_flight_calendar": ["no calendar", "(skrub)", "(sktime)"],
    "plot_git_log": ["order of templates", "order or time", "retry", "force"],
    "plot_hello_world": ["hello world hello tensorflow hello keras", "reordered"],
    "plot_next_word": ["bigram", "gru", "thank", "perplexity"],
    "plot_custom_network": ["convolution + LSTM", "LSTMForecaster", "seconds"],
    "plot_place_names": ["LSTM", "GRU", "(chosen)", "n-grams", "Kopenhagen"],
    "plot_python_source": ["5-gram", "LSTM (192)", "temperature 0.7", "streamed"],
    "plot_server_metrics": [
        "LSTM autoencoder",
        "PCA",
        "of 3",
        "runaway loop",
        "alarm",
    ],
    "plot_search_with_dask": ["kB", "two workers", "Best"],
    "plot_shops": ["rows", "without promotions", "with promotions and regions"],
    "plot_sine_cells": ["SimpleRNN", "GRU", "LSTM (64)", "29,345", "seconds"],
    "plot_spoken_vowels": ["SimpleRNN", "GRU", "LSTM", "test", "shortest"],
    "plot_system_calls": ["STIDE", "encrypting", "ROC-AUC", "files lost"],
    "plot_why_this_class": ["Speakers", "kreikka", "What went wrong there"],
    "plot_why_this_forecast": ["is_holiday", "1 to 24", "no holiday"],
    "plot_word_stress": ["logistic", "RNNTagger", "photographic"],
    "plot_stock_walk_forward": ["single (32)", "stacked (64, 32)", "(chosen)"],
}

# Examples that train for long are run with few epochs.
BRIEF = {
    "plot_custom_network",
    "plot_exercises",
    "plot_flight_calendar",
    "plot_git_log",
    "plot_next_word",
    "plot_place_names",
    "plot_python_source",
    "plot_server_metrics",
    "plot_shops",
    "plot_sine_cells",
    "plot_spoken_vowels",
    "plot_stock_walk_forward",
    "plot_system_calls",
    "plot_why_this_class",
    "plot_why_this_forecast",
    "plot_word_stress",
}


def missing_packages(path):
    """Packages that an example imports and that are not installed."""
    needed = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            needed |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            needed.add(node.module.split(".")[0])
    return sorted(name for name in needed if find_spec(name) is None)


def test_every_example_is_known():
    assert {path.stem for path in EXAMPLES} >= set(PRINTED) | BRIEF


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    missing = missing_packages(path)
    if missing:
        pytest.skip(f"{path.name} needs packages not installed: {', '.join(missing)}")
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.getenv("PYTHONPATH")]))
    runner = [str(Path(__file__).with_name("brief_training.py"))]
    result = subprocess.run(
        [
            *(sys.executable, "-W", "error"),
            *(runner if path.stem in BRIEF else []),
            str(path),
        ],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": search_path},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    for text in ["naive", *PRINTED.get(path.stem, [])]:
        assert text in result.stdout

    (name,) = re.findall(r"saved as (\S+\.png)", result.stdout)
    assert {file.name for file in tmp_path.iterdir()} == {name}
    figure = read_figure(tmp_path / name)
    assert min(figure.shape[:2]) >= 400
    # The figure is neither empty nor cut off: no ink touches its edges.
    ink = (figure[..., :3] < 1).any(axis=2)
    assert 0.02 < ink.mean() < 0.9
    assert not ink[[0, -1]].any()
    assert not ink[:, [0, -1]].any()
    assert len(np.unique(figure.reshape(-1, figure.shape[2]), axis=0)) > 50


def read_figure(path):
    from matplotlib.image import imread

    return imread(path)
