"""Every attribute of Keras and TensorFlow in use that they do not document.

Each function works without the attribute too, with the loss that it names, so that a
new version of either library cannot break this package by renaming one.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sklstm.engine.backend import keras, prepare_keras, tf

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction

# Documented attributes in which layers keep other layers.
_SUBLAYERS = ("layer", "forward_layer", "backward_layer", "cell")


def flatten_layers(network: keras.layers.Layer) -> list[keras.layers.Layer]:
    """List all layers of a network, those within layers included.

    Uses `keras.layers.Layer._flatten_layers`. Without it only layers in the documented
    attributes of Keras' own layers are found, in another order.
    """
    flatten = getattr(network, "_flatten_layers", None)
    if flatten is not None:
        return flatten()
    layers = [network]
    sublayers = [*getattr(network, "layers", [])]
    sublayers += [getattr(network, name, None) for name in _SUBLAYERS]
    for sublayer in sublayers:
        if isinstance(sublayer, keras.layers.Layer):
            layers += flatten_layers(sublayer)
    return layers


def seed_states(network: keras.Model) -> list[keras.Variable]:
    """List the states of the random generators of a network's layers.

    Uses the attribute ``seed_generator`` of layers. Where it does not hold all of them
    they are found among the network's variables, in another order: a seed then gives
    other random numbers.
    """
    generators = [
        getattr(layer, "seed_generator", None) for layer in flatten_layers(network)
    ]
    states = [
        generator.state
        for generator in generators
        if isinstance(generator, keras.random.SeedGenerator)
    ]
    weights = {id(variable) for variable in network.weights}
    documented = {
        id(variable): variable
        for variable in network.variables
        if id(variable) not in weights
    }
    if {id(state) for state in states} != documented.keys():
        return list(documented.values())
    return states


def variable_handles(variables: Sequence[keras.Variable]) -> list[tf.Tensor] | None:
    """Return the tensors by which graphs refer to variables.

    Uses `tf.Variable.handle`. Without it None is returned, and graphs are not shared.
    """
    handles = [getattr(variable.value, "handle", None) for variable in variables]
    return None if any(handle is None for handle in handles) else handles


def rebind_variables(
    function: ConcreteFunction, replacements: dict[int, tf.Tensor]
) -> ConcreteFunction | None:
    """Copy a traced function so that it runs on other variables.

    Uses ``captured_inputs`` and ``set_external_captures`` of a concrete function.
    Without them None is returned, and the function must be traced again.

    Parameters
    ----------
    function : ConcreteFunction
    replacements : dict of int to tensor
        Handles of the other variables, by the ``id`` of the handles in use.

    Returns
    -------
    function : ConcreteFunction or None
        None also if the function uses further variables: two programs must not share
        what they write to, and a user's loss may hold variables of its own.
    """
    captured = getattr(function, "captured_inputs", None)
    if captured is None or not hasattr(function, "set_external_captures"):
        return None
    rebound = [replacements.get(id(tensor), tensor) for tensor in captured]
    for before, after in zip(captured, rebound, strict=True):
        if before is after and before.dtype == tf.resource:
            return None
    copied = copy.copy(function)
    copied.set_external_captures(rebound)
    return copied


def optimizer_config(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Return the configuration of an optimizer, with a schedule as it is.

    Keras asks a learning rate schedule for its configuration, which a user's own one
    need not have. Uses the attribute ``_learning_rate``; without it the schedule is
    returned as its configuration.
    """
    learning_rate = getattr(optimizer, "_learning_rate", None)
    if not callable(learning_rate):
        return optimizer.get_config()
    without_schedule = object.__new__(type(optimizer))
    without_schedule.__dict__.update(vars(optimizer), _learning_rate=None)
    return without_schedule.get_config() | {"learning_rate": learning_rate}


def compile_arguments(network: keras.Model) -> dict[str, Any]:
    """Return the arguments with which a network was compiled, as objects.

    Uses the attribute ``_compile_config``. Without it metrics are made from their
    configurations, and a schedule of the learning rate needs one, too.
    """
    used = getattr(getattr(network, "_compile_config", None), "config", None)
    if used is None:
        used = {
            name: None
            if name in ("optimizer", "loss")
            else keras.saving.deserialize_keras_object(value)
            for name, value in network.get_compile_config().items()
        }
    return {**used, "optimizer": network.optimizer, "loss": network.loss}


# Keras names layers by counters that threads share.
_building = threading.RLock()


@contextmanager
def single_precision() -> Iterator[None]:
    """Make networks and optimizers in single precision, whatever Keras is set to.

    The engine's data and states are float32. The policy belongs to the thread, so no
    other one is affected. Uses Keras' ``global_state`` to restore a policy that is not
    set; without it the policy of `keras.config.floatx` is set.
    """
    with _building:
        state = _global_state()
        policy = keras.config.dtype_policy() if state is None else state.get()
        keras.config.set_dtype_policy("float32")
        try:
            yield
        finally:
            if state is None:
                keras.config.set_dtype_policy(policy)
            else:
                state.set(policy)


class _PolicyState(NamedTuple):
    get: Callable[[], Any]
    set: Callable[[Any], None]


def _global_state() -> _PolicyState | None:
    prepare_keras()
    try:
        from keras.src.backend.common import global_state

        read, write = (
            global_state.get_global_attribute,
            global_state.set_global_attribute,
        )
    except (ImportError, AttributeError):
        return None
    return _PolicyState(partial(read, "dtype_policy"), partial(write, "dtype_policy"))


def pin_loss_type(loss: keras.losses.Loss) -> None:
    """Make a loss compute in single precision.

    Uses its attributes ``_dtype`` and ``_dtype_policy``. Without them a loss that reads
    its ``dtype`` computes in the type that Keras was set to when it was made.
    """
    if hasattr(loss, "_dtype"):
        loss._dtype = "float32"
    if hasattr(loss, "_dtype_policy"):
        loss._dtype_policy = keras.DTypePolicy("float32")


@contextmanager
def preserve_random_state() -> Iterator[None]:
    """Restore the generator from which operations without a seed draw one.

    Setting TensorFlow's global seed restarts this generator, also when the earlier
    seed is set again, as scikeras does. Uses ``_rng`` of TensorFlow's eager context;
    without it nothing is restored.
    """
    context = _eager_context()
    generator = getattr(context, "_rng", None)
    try:
        yield
    finally:
        if generator is not None:
            context._rng = generator


def _eager_context() -> Any:
    prepare_keras()
    try:
        from tensorflow.python.eager import context
    except ImportError:
        return None
    return context.context()
