"""Forked processes, and the types that a process has set in Keras."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from sklstm import (
    CharLSTMGenerator,
    LSTMAutoencoderDetector,
    LSTMForecaster,
    RNNClassifier,
    engine,
)
from sklstm.engine import pool as pool_module
from sklstm.engine import private_api

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
WALK = np.cumsum(RNG.normal(size=(60, 2)), axis=0)
SEQUENCES = [RNG.normal(size=(n, 2)) for n in (4, 7, 5, 6)] * 4
TINY = {"units": 2, "epochs": 2, "random_state": 0}

FORK = """
import os, sys
import numpy as np
{imports}
X = np.sin(np.arange(60.0))[:, None]
{before}
child = os.fork()
if child == 0:
    try:
        {action}
    except RuntimeError as error:
        print(error, flush=True)
    else:
        print("done", flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""

FORECASTER = "from sklstm import LSTMForecaster\nmodel = LSTMForecaster(5, units=2, "
FORECASTER += "epochs=1)"
KERAS = """
import keras
from sklstm.keras import KerasSequenceRegressor
def build(meta):
    layers = [keras.Input(meta["X_shape_"][1:]), keras.layers.Dense(1)]
    return keras.Sequential(layers)
model = KerasSequenceRegressor(build, epochs=1)
"""


def run_forked(**parts):
    code = FORK.format(**{name: textwrap.dedent(part) for name, part in parts.items()})
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize(
    "action", ["model.forecast()", "model.fit(X)", "model.network_"]
)
def test_a_fork_after_the_first_answer_raises(action):
    """It would wait for ever."""
    printed = run_forked(imports=FORECASTER, before="model.fit(X)", action=action)
    assert "forked after TensorFlow had started" in printed
    assert '"spawn"' in printed
    assert "--preload" in printed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_after_other_use_of_tensorflow_raises():
    printed = run_forked(
        imports=FORECASTER + "\nimport keras",
        before="keras.ops.ones(3)",
        action="model.fit(X)",
    )
    assert "forked after TensorFlow had started" in printed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_of_a_users_network_raises():
    printed = run_forked(
        imports=KERAS, before="model.fit(X, X[:, 0])", action="model.predict(X)"
    )
    assert "forked after TensorFlow had started" in printed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_before_tensorflow_starts_works():
    printed = run_forked(imports=FORECASTER, before="", action="model.fit(X)")
    assert printed == "done"


# Types

ESTIMATORS = {
    "lstm": lambda: (LSTMForecaster(6, horizon=2, known_future=1, **TINY), (WALK,)),
    "segments": lambda: (
        LSTMForecaster(
            6,
            horizon=4,
            decoder="segments",
            patch_length=2,
            channel_independent=True,
            cell="gru",
            dropout=0.1,
            **TINY,
        ),
        (WALK,),
    ),
    "quantiles": lambda: (
        LSTMForecaster(
            6, quantiles=(0.1, 0.5, 0.9), cell="rnn", recurrent_dropout=0.1, **TINY
        ),
        (WALK,),
    ),
    "classifier": lambda: (RNNClassifier(**TINY), (SEQUENCES, np.arange(16) % 3)),
    "tokens": lambda: (
        RNNClassifier(embedding_dim=2, **TINY),
        (RNG.integers(1, 9, size=(20, 6)), np.arange(20) % 2),
    ),
    "detector": lambda: (LSTMAutoencoderDetector(5, **TINY), (WALK,)),
    "text": lambda: (
        CharLSTMGenerator(window_length=8, **TINY),
        (["some text, and some more of it"] * 3,),
    ),
    "optimizer": lambda: (
        LSTMForecaster(
            6,
            loss=keras.losses.Huber(0.1),
            optimizer=keras.optimizers.Adam(0.01, clipnorm=1.0),
            **TINY,
        ),
        (WALK,),
    ),
}


@pytest.fixture
def restored_types():
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("policy", ["float64", "mixed_float16", "mixed_bfloat16"])
def test_types_of_the_process_change_nothing(
    estimator, policy, monkeypatch, restored_types
):
    expected, data = ESTIMATORS[estimator]()
    expected.fit(*data)
    # Programs are built and traced anew.
    pool = pool_module._ProgramPool(pool_module.MAX_IDLE_PROGRAMS)
    monkeypatch.setattr(pool_module, "_pool", pool)
    keras.config.set_dtype_policy(policy)
    if policy == "float64":
        keras.config.set_floatx("float64")
    model, _ = ESTIMATORS[estimator]()
    model.set_params(random_state=0).fit(*data)
    for a, b in zip(model.weights_, expected.weights_, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b)
    assert model.history_ == expected.history_
    assert keras.config.dtype_policy().name == policy
    assert keras.config.floatx() == ("float64" if policy == "float64" else "float32")
    network = model.network_
    assert {tensor.dtype for tensor in network.outputs} == {"float32"}
    assert {variable.dtype for variable in network.weights} == {"float32"}


def test_schedules_under_other_types(restored_types):
    """A schedule computes in the type of the process, so it may round otherwise."""

    def fit():
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        model = LSTMForecaster(6, optimizer=keras.optimizers.SGD(rate), **TINY)
        return model.fit(WALK).weights_

    expected = fit()
    keras.config.set_floatx("float64")
    for a, b in zip(fit(), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_policy_that_is_not_set_stays_unset(restored_types):
    """So that one set in other ways takes effect."""
    seen = []

    def work():
        LSTMForecaster(5, **TINY).fit(WALK).network_  # noqa: B018
        keras.config.set_floatx("float64")
        seen.append(keras.layers.Dense(1).compute_dtype)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["float64"]


def test_types_are_pinned_without_the_state_of_keras(monkeypatch, restored_types):
    monkeypatch.setattr(private_api, "_global_state", lambda: None)
    keras.config.set_dtype_policy("mixed_float16")
    network = engine.AutoencoderNetwork(engine.RecurrentStack("lstm", (2,)), 3, 1)
    assert network.build().compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "mixed_float16"
