"""The README's code runs as it stands and shows what it says."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_code_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    names: dict = {}
    exec(compile(code, str(README), "exec"), names)
    printed = capsys.readouterr().out
    assert "seasonal_naive" in printed
    assert "1961-12" in printed
