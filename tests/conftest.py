"""Data of the tests: tiny series made here, and real data where it is at hand."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

# Workers side by side share the cores: TensorFlow's threads would only wait in turn.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

# What TensorFlow keeps of thousands of graphs would be gone through again and again.
gc.set_threshold(50_000, 20, 50)


def pytest_addoption(parser):
    parser.addoption(
        "--data",
        default=os.environ.get("SKLSTM_DATA"),
        help="folder of the real data sets; without it their tests are skipped",
    )


@pytest.fixture(scope="session")
def data_folder(request):
    """The folder of real data sets."""
    folder = request.config.getoption("--data")
    if folder is None:
        pytest.skip("real data: pass --data or set SKLSTM_DATA")
    if not Path(folder).is_dir():
        pytest.skip(f"real data: {folder} is no folder")
    return Path(folder)


@pytest.fixture
def series():
    """A random walk of 80 rows with a second column that follows it."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=80)) + 50
    return np.column_stack([walk, np.roll(walk, 1) + rng.normal(size=80)])
