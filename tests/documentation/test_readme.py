"""The README's code runs as it stands and shows what it says."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


def run(code):
    names: dict = {}
    exec(compile(code, str(README), "exec"), names)


def test_every_block_is_run_here():
    assert len(BLOCKS) == 4


def test_the_forecast(capsys):
    run(BLOCKS[0])
    printed = capsys.readouterr().out
    assert "seasonal_naive" in printed
    assert "1961-12" in printed


def test_the_classes(capsys):
    run(BLOCKS[1])
    assert float(capsys.readouterr().out) > 0.95


def test_the_text(capsys):
    run(BLOCKS[2])
    first, written = capsys.readouterr().out.split("\n", 1)
    assert 1 < float(first) < 2.3
    assert len(written) > 20


def test_the_anomaly(capsys):
    run(BLOCKS[3])
    first, *others = capsys.readouterr().out.splitlines()[1:]
    _, start, end, score, feature = first.split()
    assert int(start) < 1800 < 1839 < int(end)
    assert feature == "memory"
    assert all(float(line.split()[3]) > float(score) / 2 for line in others)
