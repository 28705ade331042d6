"""The layers of the package, and what importing it must not load."""

import ast
import copy
import pickle
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

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

# What each part of the package may import of the others. A part is a package or a
# module directly beneath sklstm.
SHARED = {"_core", "_data", "_sklearn", "engine"}
DOMAINS = {"anomaly", "forecasting", "sequences", "text"}
ALLOWED = {
    "__init__": set(),
    "_sklearn": set(),
    "engine": set(),
    "_data": {"_sklearn"},
    "_core": {"_data", "_sklearn", "engine"},
    "metrics": {"_data"},
    **dict.fromkeys(DOMAINS, SHARED),
    # These build on the public names of the others and on what all share.
    "keras": SHARED,
    "model_selection": SHARED - {"engine"},
    "inspection": {"_core", "_data", "_sklearn", "model_selection"},
    "plotting": {"_core", "_data", "_sklearn", "model_selection", "inspection"},
    "sktime": {"_core", "_data", "sklstm"},
}


class Import(NamedTuple):
    """One imported name."""

    module: str
    name: str | None  # None for "import module"
    on_load: bool  # whether it happens when the importing module is loaded


def name_of(path):
    """Return the dotted name of a module."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def part_of(module):
    """Return the part of the package that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def read_imports(path):
    """List the imports of a file; those for type checkers alone do not count."""
    found = []

    def visit(node, on_load):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend(Import(a.name, None, on_load) for a in child.names)
            elif isinstance(child, ast.ImportFrom):
                found.extend(Import(child.module, a.name, on_load) for a in child.names)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            visit(child, on_load and not function)

    visit(ast.parse(path.read_text()), on_load=True)
    return found


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
IMPORTS = {module: read_imports(path) for module, path in FILES.items()}


def modules_imported(module):
    """List the modules of this package that a module imports, with the names."""
    for each in IMPORTS[module]:
        if each.module.split(".")[0] == "sklstm":
            submodule = f"{each.module}.{each.name}"
            yield (submodule if submodule in FILES else each.module), each


# Imported when a method is called: a result draws itself by its display.
ALLOWED_LATER = {"model_selection": {"plotting"}}


def test_every_part_has_its_place():
    assert {part_of(module) for module in FILES} == set(ALLOWED)
    assert len(FILES) > 40


@pytest.mark.parametrize("module", FILES)
def test_keras_and_tensorflow_are_imported_by_the_engine_alone(module):
    roots = {each.module.split(".")[0] for each in IMPORTS[module]}
    if part_of(module) != "engine":
        assert not roots & {"keras", "tensorflow"}
    # The one exception wraps scikeras, which imports Keras.
    assert "scikeras" not in roots or part_of(module) == "keras"


@pytest.mark.parametrize("module", FILES)
def test_matplotlib_is_imported_inside_functions_of_plotting(module):
    used = [each for each in IMPORTS[module] if each.module.startswith("matplotlib")]
    assert not used or part_of(module) == "plotting"
    assert not any(each.on_load for each in used)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_downwards(module):
    part = part_of(module)
    for imported, each in modules_imported(module):
        if imported == "sklstm":
            # The root package: a public name, or a part of the package.
            used = each.name if each.name in ALLOWED else "sklstm"
        else:
            used = part_of(imported)
        allowed = {part, *ALLOWED[part]}
        if not each.on_load:
            allowed |= ALLOWED_LATER.get(part, set())
        assert used in allowed, f"{module} imports {imported}"


@pytest.mark.parametrize("module", FILES)
def test_private_names_stay_in_their_package(module):
    """A name with an underscore is used in the package that holds it, and below."""
    is_package = FILES[module].name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    for imported, each in modules_imported(module):
        path = imported.split(".")
        if each.name is not None and path[-1] != each.name:
            path.append(each.name)
        for depth, name in enumerate(path):
            holder = ".".join(path[:depth])
            if name.startswith("_") and holder != "sklstm":
                assert f"{package}.".startswith(f"{holder}."), ".".join(path)


def test_no_import_cycle():
    graph = {
        module: {
            imported
            for imported, each in modules_imported(module)
            if each.on_load and imported in FILES and imported != module
        }
        for module in FILES
    }
    # A package is loaded before its modules, and lists their names: no cycle.
    for module, imported in graph.items():
        graph[module] = {name for name in imported if not module.startswith(f"{name}.")}
    tuple(TopologicalSorter(graph).static_order())


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
    "import sklstm; sklstm.metrics.event_report",
    "import sklstm; sklstm.walk_forward",
    "from sklstm.sktime import SktimeLSTMForecaster; SktimeLSTMForecaster()",
    "import sklstm; sklstm.WalkForwardDisplay",
    "import sklstm; sklstm.AnomalyDisplay",
    "from sklearn.base import clone; import sklstm; clone(sklstm.LSTMForecaster())",
]


def test_importing_loads_neither_keras_nor_matplotlib():
    """In one process: a module that is not loaded at the end never was."""
    printed = run("\n".join(f"{code}; {LOADED}" for code in CODES))
    loaded = dict(zip(CODES, printed.splitlines(), strict=True))
    assert loaded == dict.fromkeys(CODES, "[]")


def test_another_backend_raises():
    code = (
        "import os, sys, types; os.environ['KERAS_BACKEND'] = 'jax';"
        "keras = types.ModuleType('keras'); sys.modules['keras'] = keras;"
        "keras.backend = types.SimpleNamespace(backend=lambda: 'jax');"
        "from sklstm.engine.backend import keras;"
        "keras.layers"
    )
    with pytest.raises(AssertionError, match="Keras runs on 'jax'.*KERAS_BACKEND"):
        run(code)


def test_a_worker_limits_its_threads():
    code = (
        "import os; os.environ['OMP_NUM_THREADS'] = '3';"
        "from sklstm.engine.backend import tf; tf.constant;"
        "from tensorflow.config import threading;"
        "print(threading.get_intra_op_parallelism_threads(),"
        " threading.get_inter_op_parallelism_threads())"
    )
    assert run(code) == "3 3"


@pytest.mark.parametrize("share", ["", "many", "0"])
def test_invalid_shares_of_the_cores_are_ignored(monkeypatch, share):
    threading = import_module("tensorflow").config.threading
    limits = []
    for name in ("intra", "inter"):
        get, put = (f"{do}_{name}_op_parallelism_threads" for do in ("get", "set"))
        monkeypatch.setattr(threading, get, lambda: 0)
        monkeypatch.setattr(threading, put, limits.append)
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    backend.limit_threads()
    assert not limits
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    backend.limit_threads()
    assert limits == [3, 3]


def test_thread_limits_of_the_user_are_kept():
    code = (
        "import os; os.environ['OMP_NUM_THREADS'] = '1';"
        "from tensorflow.config import threading;"
        "threading.set_intra_op_parallelism_threads(4);"
        "from sklstm.engine.backend import tf; tf.constant;"
        "print(threading.get_intra_op_parallelism_threads(),"
        " threading.get_inter_op_parallelism_threads())"
    )
    assert run(code) == "4 1"


def test_loky_workers_limit_their_threads():
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
    # TensorFlow may report a missing GPU, but nothing that a user could change.
    assert "BlockLSTM" not in result.stderr
    assert "Warning" not in result.stderr


def test_public_names_are_listed_and_importable():
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


def test_training_continues_alike_after_pickling(pipeline):
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


def test_parameters_follow_the_conventions():
    model = LSTMForecaster(7, horizon=2, units=(4, 3), known_future=["a"])
    parameters = model.get_params()
    assert clone(model).get_params() == parameters
    assert LSTMForecaster().set_params(**parameters).get_params() == parameters
    assert repr(model) == (
        "LSTMForecaster(horizon=2, known_future=['a'], units=(4, 3), window_length=7)"
    )
    with pytest.raises(ValueError, match="Invalid parameter 'unit'"):
        model.set_params(unit=3)
