"""Dask clusters: equal results, small tasks, and one core for each worker thread."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecaster, WalkForwardCV, walk_forward

distributed = pytest.importorskip("distributed")

SPLITTER = ExpandingWindowSplitter(fh=[1, 2], initial_window=60, step_length=10)


@pytest.fixture(scope="module")
def client():
    """A cluster of two worker processes with one thread each."""
    with pytest.MonkeyPatch.context() as environment:
        # Workers would inherit this process's limit.
        environment.delenv("OMP_NUM_THREADS", raising=False)
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


def forecaster(**options):
    parameters = {"units": 3, "epochs": 2, "random_state": 0, "horizon": 2}
    return LSTMForecaster(5, **(parameters | options))


def test_search(client, series):
    search = GridSearchCV(
        forecaster(),
        {"cell": ["lstm", "rnn"]},
        cv=WalkForwardCV(SPLITTER),
        scoring="neg_mean_absolute_error",
    )
    local = search.fit(series, series[:, 0]).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        remote = search.set_params(n_jobs=2).fit(series, series[:, 0])
    np.testing.assert_allclose(remote.cv_results_["mean_test_score"], local, rtol=1e-5)
    workers = client.run(_tensorflow_threads)
    assert len(workers) == 2
    # A worker that ran a task has loaded TensorFlow, limited to one core.
    assert set(workers.values()) <= {None, (1, 1)}
    assert (1, 1) in workers.values()


def test_walk_forward(client, series):
    local = walk_forward(forecaster(), series, series[:, 0], cv=SPLITTER)
    with joblib.parallel_config("dask"):
        remote = walk_forward(forecaster(), series, series[:, 0], cv=SPLITTER, n_jobs=2)
    np.testing.assert_allclose(
        remote.forecasts["forecast"], local.forecasts["forecast"], rtol=1e-5
    )


def test_pickled_size_is_small(series):
    model = forecaster(units=32)
    assert len(pickle.dumps(model)) < 2_000
    fitted = len(pickle.dumps(model.fit(series, series[:, 0])))
    assert fitted < 1.2 * sum(array.nbytes for array in model.weights_) + 5_000


def _tensorflow_threads():
    import sys

    if "tensorflow" not in sys.modules:
        return None
    from tensorflow.config import threading

    return (
        threading.get_intra_op_parallelism_threads(),
        threading.get_inter_op_parallelism_threads(),
    )
