"""The walls: who may import whom, and what importing must not load."""

import ast
import copy
import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sktime.split import ExpandingWindowSplitter

import sklstm
from sklstm import LSTMForecaster, WalkForwardCV
from sklstm.engine import backend

PACKAGE = Path(sklstm.__file__).parent
ESTIMATORS = {
    "anomaly",
    "classification",
    "forecasting",
    "generation",
    "keras",
    "regression",
    "text",
}
# These stand on the estimators' public face.
FACES = {"model_selection", "plotting", "sktime"}


def imports(path):
    """Modules that a file imports, wherever in the file it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_imports(path):
    """The modules of this package among them, by their first name."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("sklstm.")}
    return names & ({module.stem for module in MODULES} | {"engine", "plotting"})


def imports_on_import(path):
    """Modules that a file imports outside of its functions."""
    tree = ast.parse(path.read_text())
    found, open_nodes = set(), [tree]
    while open_nodes:
        for node in ast.iter_child_nodes(open_nodes.pop()):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                open_nodes.append(node)
    return found


MODULES = sorted(PACKAGE.glob("*.py"))
PLOTTING = sorted((PACKAGE / "plotting").glob("*.py"))
ENGINE = sorted((PACKAGE / "engine").glob("*.py"))


def test_there_is_something_to_look_at():
    assert len(MODULES) > 5
    assert len(ENGINE) > 3
    assert len(PLOTTING) > 4


@pytest.mark.parametrize(
    "path", MODULES + PLOTTING, ids=lambda path: f"{path.parent.name}.{path.stem}"
)
def test_keras_lives_behind_the_engine(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"keras", "tensorflow"}
    # The one exception reaches them by scikeras' wrapper, and by nothing else.
    assert "scikeras" not in roots or path == PACKAGE / "keras.py"


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: path.stem)
def test_the_engine_knows_no_estimator(path):
    used = {name for name in imports(path) if name.startswith("sklstm")}
    assert all(name.startswith("sklstm.engine") for name in used)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_point_one_way(path):
    used = own_imports(path)
    name = path.stem
    if name.startswith("_") and name != "__init__":
        assert not used & (ESTIMATORS | FACES)
    if name in ESTIMATORS:
        assert not used & ((ESTIMATORS - {name}) | FACES)
    if name in FACES:
        assert not used & {"_base", "engine"}


@pytest.mark.parametrize("path", PLOTTING, ids=lambda path: path.stem)
def test_pictures_stand_on_the_public_face(path):
    used = {name for name in imports(path) if name.startswith("sklstm.")}
    assert not {name.split(".")[1] for name in used} & {"_base", "engine"}
    roots = {name.split(".")[0] for name in imports_on_import(path)}
    assert "matplotlib" not in roots


def run(code):
    """Run code in a fresh process; what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


LOADED = (
    "import sys; print(sorted({name.split('.')[0] for name in sys.modules}"
    " & {'keras', 'tensorflow', 'scikeras', 'matplotlib', 'torch'}))"
)


CODES = [
    "import sklstm",
    "import sklstm; sklstm.LSTMForecaster(5, units=(3, 2))",
    "import sklstm; sklstm.RNNClassifier(); sklstm.RNNRegressor(embedding_dim=3)",
    "import sklstm; sklstm.SequenceTokenizer().fit_transform(['a text'])",
    "import sklstm; sklstm.CharLSTMGenerator(); sklstm.WordLSTMGenerator(units=3)",
    "import sklstm; sklstm.SequenceAnomalyDetector()",
    "from sklstm import LSTMForecastDetector; LSTMForecastDetector()",
    "import sklstm; sklstm.walk_forward",
    "from sklstm.sktime import SktimeLSTMForecaster; SktimeLSTMForecaster()",
    "import sklstm; sklstm.WalkForwardDisplay",
    "import sklstm; sklstm.AnomalyDisplay",
    "from sklearn.base import clone; import sklstm; clone(sklstm.LSTMForecaster())",
]


def test_importing_loads_neither_keras_nor_matplotlib():
    """One after the other in one process: what is not loaded last never was."""
    printed = run("\n".join(f"{code}; {LOADED}" for code in CODES))
    loaded = dict(zip(CODES, printed.splitlines(), strict=True))
    assert loaded == dict.fromkeys(CODES, "[]")


def test_another_backend_is_refused():
    code = (
        "import os, sys, types; os.environ['KERAS_BACKEND'] = 'jax';"
        "keras = types.ModuleType('keras'); sys.modules['keras'] = keras;"
        "keras.backend = types.SimpleNamespace(backend=lambda: 'jax');"
        "from sklstm.engine.backend import keras;"
        "keras.layers"
    )
    with pytest.raises(AssertionError, match="Keras runs on 'jax'.*KERAS_BACKEND"):
        run(code)


def test_a_worker_keeps_to_its_share_of_the_cores():
    code = (
        "import os; os.environ['OMP_NUM_THREADS'] = '3';"
        "from sklstm.engine.backend import tf; tf.constant;"
        "from tensorflow.config import threading;"
        "print(threading.get_intra_op_parallelism_threads(),"
        " threading.get_inter_op_parallelism_threads())"
    )
    assert run(code) == "3 3"


@pytest.mark.parametrize("share", ["", "many", "0"])
def test_what_is_no_share_changes_nothing(monkeypatch, share):
    threading = import_module("tensorflow").config.threading
    told = []
    for name in ("intra", "inter"):
        get, put = (f"{do}_{name}_op_parallelism_threads" for do in ("get", "set"))
        monkeypatch.setattr(threading, get, lambda: 0)
        monkeypatch.setattr(threading, put, told.append)
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    backend.limit_threads()
    assert not told
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    backend.limit_threads()
    assert told == [3, 3]


def test_what_a_user_has_told_tensorflow_stays():
    code = (
        "import os; os.environ['OMP_NUM_THREADS'] = '1';"
        "from tensorflow.config import threading;"
        "threading.set_intra_op_parallelism_threads(4);"
        "from sklstm.engine.backend import tf; tf.constant;"
        "print(threading.get_intra_op_parallelism_threads(),"
        " threading.get_inter_op_parallelism_threads())"
    )
    assert run(code) == "4 1"


def test_workers_of_loky_keep_to_their_share():
    code = (
        "import os; os.environ.pop('OMP_NUM_THREADS', None)\n"
        "from joblib import Parallel, delayed, cpu_count\n"
        "def threads():\n"
        "    from sklstm.engine.backend import tf; tf.constant\n"
        "    from tensorflow.config import threading\n"
        "    return threading.get_intra_op_parallelism_threads()\n"
        "got = Parallel(n_jobs=2)(delayed(threads)() for _ in range(2))\n"
        "print(got == [max(cpu_count() // 2, 1)] * 2)"
    )
    assert run(code) == "True"


def test_a_fit_is_silent():
    code = (
        "import sys, numpy as np; from sklstm import LSTMForecaster;"
        "X = np.arange(30.0)[:, None];"
        "LSTMForecaster(5, units=2, epochs=1, batch_size=7).fit(X).predict(X)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == ""
    # TensorFlow may tell of a missing GPU, but of nothing that a user could change.
    assert "BlockLSTM" not in result.stderr
    assert "Warning" not in result.stderr


def test_public_names_are_listed_and_there():
    assert set(sklstm.__all__) <= set(dir(sklstm))
    for name in sklstm.__all__:
        assert getattr(sklstm, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sklstm.nonsense  # noqa: B018


@pytest.fixture(scope="module")
def pipeline():
    X = np.cumsum(np.random.default_rng(0).normal(size=(60, 2)), axis=0)
    model = make_pipeline(
        MinMaxScaler(), LSTMForecaster(5, units=3, epochs=1, random_state=0)
    )
    return model.fit(X[:50], X[:50, 0]), X[50:]


def test_a_fitted_pipeline_in_a_fresh_process(pipeline, tmp_path):
    model, X = pipeline
    pickled, dumped = tmp_path / "model.pickle", tmp_path / "model.joblib"
    pickled.write_bytes(pickle.dumps(model))
    joblib.dump(model, dumped)
    assert max(path.stat().st_size for path in (pickled, dumped)) < 20_000
    code = (
        "import pickle, joblib, numpy as np;"
        f"one = pickle.load(open({str(pickled)!r}, 'rb'));"
        f"other = joblib.load({str(dumped)!r});"
        f"{LOADED};"
        f"X = np.array({X.tolist()});"
        "print([model.predict(X).tolist() for model in (one, other)])"
    )
    loaded, forecasts = run(code).splitlines()
    assert loaded == "[]"
    for forecast in ast.literal_eval(forecasts):
        np.testing.assert_allclose(forecast, model.predict(X), rtol=1e-6)


def test_going_on_after_a_round_trip_is_going_on(pipeline):
    model, X = pipeline
    one, other = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.predict(X), one.predict(X))
    rows = one[:-1].transform(X)
    for each in (one, other):
        each[-1].partial_fit(rows, X[:, 0])
    np.testing.assert_array_equal(other[-1].forecast(), one[-1].forecast())


def test_a_search_in_worker_processes(pipeline):
    _, X = pipeline
    X = pd.DataFrame(np.vstack([X] * 6), columns=["a", "b"])
    splitter = ExpandingWindowSplitter(fh=[1, 2, 3], initial_window=40, step_length=10)
    grid = {"lstmforecaster__units": [2, 3]}
    base = make_pipeline(MinMaxScaler(), LSTMForecaster(5, epochs=1, random_state=0))
    results = [
        GridSearchCV(
            base,
            grid,
            cv=WalkForwardCV(splitter),
            scoring="neg_mean_absolute_error",
            n_jobs=n_jobs,
        ).fit(X, X["a"])
        for n_jobs in (1, 2)
    ]
    one, two = (search.cv_results_["mean_test_score"] for search in results)
    np.testing.assert_allclose(one, two, rtol=1e-4)
    assert results[0].best_params_ == results[1].best_params_


def test_parameters_by_the_book():
    model = LSTMForecaster(7, horizon=2, units=(4, 3), known_future=["a"])
    parameters = model.get_params()
    assert clone(model).get_params() == parameters
    assert LSTMForecaster().set_params(**parameters).get_params() == parameters
    assert repr(model) == (
        "LSTMForecaster(horizon=2, known_future=['a'], units=(4, 3), window_length=7)"
    )
    with pytest.raises(ValueError, match="Invalid parameter 'unit'"):
        model.set_params(unit=3)
