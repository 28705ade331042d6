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


@pytest.fixture(scope="session")
def rows_round_alike():
    """Return whether the rows of a matrix product round alike at any position.

    Where they do, as on CPUs with AVX-512, predictions are equal to the last bit
    whatever else is predicted with them. The kernels for other CPUs compute some rows
    of a block in another order than the others.
    """
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    multiply = tf.function(tf.matmul)
    for n_inputs, n_outputs in ((3, 8), (8, 24), (16, 64), (64, 16)):
        rows = rng.normal(size=(32, n_inputs)).astype(np.float32)
        weights = rng.normal(size=(n_inputs, n_outputs)).astype(np.float32)
        product = multiply(rows, weights).numpy()
        for shift in range(1, 32):
            shifted = multiply(np.roll(rows, shift, axis=0), weights).numpy()
            if not np.array_equal(shifted, np.roll(product, shift, axis=0)):
                return False
    return True


@pytest.fixture(scope="session")
def assert_equal_in_any_batch(rows_round_alike):
    """Compare predictions that were computed in different batches.

    They must be equal (or agree to ``rtol``); on CPUs where the rounding of a row
    depends on its position, they must agree to single precision.
    """

    def compare(actual, desired, rtol=0.0):
        atol = 0.0
        if not rows_round_alike:
            rtol, atol = 1e-5, 1e-6 * np.abs(desired).max()
        np.testing.assert_allclose(actual, desired, rtol=rtol, atol=atol)

    return compare
