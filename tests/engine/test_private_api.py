"""Undocumented attributes of Keras and TensorFlow, and what happens without them."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklstm import LSTMForecaster, engine
from sklstm.engine import backend, private_api
from sklstm.engine import pool as pool_module

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

SPECS = [
    engine.WindowNetwork(
        engine.RecurrentStack("lstm", (3, 2), True, 0.1, 0.2), 6, 2, 3, 2
    ),
    engine.SequenceNetwork(
        engine.RecurrentStack("gru", (3, 2), True, 0.1, 0.2), 2, 3, noise=0.1
    ),
    engine.SequenceNetwork(
        engine.RecurrentStack("rnn", (3,)), 1, 3, n_tokens=9, embedding_dim=2
    ),
    engine.LanguageNetwork(engine.RecurrentStack("lstm", (3,), dropout=0.1), 9, 4, 5),
]


@pytest.fixture(params=SPECS, ids=lambda spec: type(spec).__name__)
def network(request):
    return request.param.build(fast=True)


@pytest.fixture
def empty_pool(monkeypatch):
    pool = pool_module._ProgramPool(pool_module.MAX_IDLE_PROGRAMS)
    monkeypatch.setattr(pool_module, "_pool", pool)
    return pool


def identities(objects):
    return sorted(map(id, objects))


def random_weights(layers):
    return {
        id(getattr(layer, name))
        for layer in layers
        for name in ("kernel", "recurrent_kernel", "embeddings")
        if isinstance(getattr(layer, name, None), keras.Variable)
    }


def test_layers_with_random_weights_are_found(network, monkeypatch):
    found = random_weights(private_api.flatten_layers(network))
    assert found
    monkeypatch.delattr(keras.layers.Layer, "_flatten_layers")
    assert random_weights(private_api.flatten_layers(network)) == found


def test_drawn_weights_need_no_undocumented_attribute(network, monkeypatch):
    from sklstm.engine.networks.initial_weights import draw_weights

    start = network.get_weights()
    expected = draw_weights(network, start, seed=3)
    monkeypatch.delattr(keras.layers.Layer, "_flatten_layers")
    for one, other in zip(draw_weights(network, start, seed=3), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_random_generators_are_found(network, monkeypatch):
    states = private_api.seed_states(network)
    expected = identities(states)
    assert len(set(expected)) == len(expected)
    # Without the attribute of layers, among the variables of the network.
    monkeypatch.setattr(private_api, "flatten_layers", lambda network: [])
    assert identities(private_api.seed_states(network)) == expected


def test_variables_without_handles_have_none():
    variable = keras.Variable(np.ones(3, "float32"))
    (handle,) = private_api.variable_handles([variable])
    assert handle.dtype == tf.resource
    other = SimpleNamespace(value=object())
    assert private_api.variable_handles([variable, other]) is None


def traced():
    """Return a traced function of a variable, and the variable's handle."""
    variable = tf.Variable(2.0)
    function = tf.function(lambda x: x * variable, autograph=False)
    concrete = function.get_concrete_function(tf.TensorSpec([]))
    return concrete, variable


def test_a_traced_function_runs_on_other_variables():
    concrete, variable = traced()
    other = tf.Variable(3.0)
    rebound = private_api.rebind_variables(
        concrete, {id(variable.handle): other.handle}
    )
    assert rebound(tf.constant(5.0)) == 15
    assert concrete(tf.constant(5.0)) == 10


def test_a_traced_function_of_further_variables_is_not_shared():
    concrete, _ = traced()
    assert private_api.rebind_variables(concrete, {}) is None


@pytest.mark.parametrize("missing", ["captured_inputs", "set_external_captures"])
def test_a_traced_function_without_the_attributes_is_not_shared(missing):
    concrete, variable = traced()
    names = {"captured_inputs", "set_external_captures"} - {missing}
    function = SimpleNamespace(**{name: getattr(concrete, name) for name in names})
    assert private_api.rebind_variables(function, {id(variable.handle): None}) is None


@pytest.mark.parametrize("missing", ["rebind_variables", "variable_handles"])
def test_programs_that_share_no_graphs_give_the_same(missing, monkeypatch, empty_pool):
    from sklstm.engine import graph

    monkeypatch.setattr(graph, missing, lambda *arguments: None)
    X = np.cumsum(np.random.default_rng(0).normal(size=(60, 1)), axis=0)
    model = LSTMForecaster(5, units=3, epochs=2, dropout=0.2, random_state=0).fit(X)
    expected = model.predict(X[:9])
    key = model._network, model._training_spec
    with engine.borrow_program(*key) as first:
        weights = model.fit(X).weights_
        np.testing.assert_array_equal(model.predict(X[:9]), expected)
        (second,) = empty_pool._idle[key]
    assert second is not first
    assert second.n_traces == 2  # an epoch and a forward pass
    model.fit(X)  # by the first program
    for one, other in zip(model.weights_, weights, strict=True):
        np.testing.assert_array_equal(one, other)


def draw():
    return tf.random.uniform([]).numpy()


def test_the_random_state_is_preserved():
    tf.random.set_seed(0)
    expected = [draw(), draw()]
    tf.random.set_seed(0)
    first = draw()
    with engine.preserve_random_state():
        tf.random.set_seed(5)
        draw()
        tf.random.set_seed(0)
    assert [first, draw()] == expected


@pytest.mark.parametrize("context", [None, SimpleNamespace()])
def test_without_a_random_state_nothing_is_preserved(context, monkeypatch):
    monkeypatch.setattr(private_api, "_eager_context", lambda: context)
    with engine.preserve_random_state():
        draw()


class TestCopies:
    def test_configuration_of_an_optimizer(self):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        optimizer = keras.optimizers.SGD(schedule, momentum=0.5)
        config = private_api.optimizer_config(optimizer)
        assert config["learning_rate"] is schedule
        assert config["momentum"] == 0.5
        assert optimizer.get_config() == config | {
            "learning_rate": keras.optimizers.schedules.serialize(schedule)
        }
        plain = keras.optimizers.SGD(0.5)
        assert private_api.optimizer_config(plain) == plain.get_config()

    @pytest.mark.parametrize("documented", [False, True])
    def test_what_a_network_was_compiled_with(self, documented):
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        loss = keras.losses.Huber(0.5)
        network.compile("sgd", loss, metrics=["mae"], run_eagerly=True)
        if documented:
            config = network.get_compile_config()
            network.get_compile_config = lambda: config
            network._compile_config = None
        arguments = private_api.compile_arguments(network)
        assert arguments["loss"] is loss
        assert arguments["optimizer"] is network.optimizer
        assert arguments["metrics"] == ["mae"]
        assert arguments["run_eagerly"]
        network.compile(**arguments)

    def test_the_type_of_a_loss(self):
        loss = keras.losses.Huber(dtype="float64")
        private_api.pin_loss_type(loss)
        assert loss.dtype == "float32"
        private_api.pin_loss_type(SimpleNamespace())


@pytest.mark.parametrize(
    ("modules", "started"),
    [
        ({}, False),
        ({"tensorflow": tf}, True),
        (
            {
                "tensorflow": tf,
                "tensorflow.python.eager.context": SimpleNamespace(_context=None),
            },
            False,
        ),
        (
            {
                "tensorflow": tf,
                "tensorflow.python.eager.context": SimpleNamespace(
                    _context=SimpleNamespace(_initialized=False)
                ),
            },
            False,
        ),
    ],
    ids=["not loaded", "unknown", "no context", "not initialized"],
)
def test_whether_tensorflow_has_started(modules, started, monkeypatch):
    monkeypatch.setattr(backend, "sys", SimpleNamespace(modules=modules))
    assert backend._has_started() is started
