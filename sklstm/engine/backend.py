"""Keras and TensorFlow, loaded and configured on first use.

The other modules of the engine import both from here::

    from sklstm.engine.backend import keras, tf

These names stand for the modules `keras` and `tensorflow`, which are loaded when an
attribute is first read. Until then importing the package, constructing estimators and
unpickling fitted ones take a fraction of a second instead of several.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _LazyModule(ModuleType):
    """A module that is imported and configured when an attribute is first read."""

    def __getattr__(self, name: str) -> Any:
        # Inspection, such as doctest's search for __wrapped__, must not load Keras.
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        prepare_keras()
        value = getattr(import_module(self.__name__), name)
        # Kept, so that the next read costs no more than that of an ordinary module.
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    keras = _LazyModule("keras")
    tf = _LazyModule("tensorflow")


@cache
def prepare_keras() -> None:
    """Load Keras on TensorFlow and limit TensorFlow's threads.

    TensorFlow's informational log messages are switched off.

    Raises
    ------
    ImportError
        If Keras uses another backend.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    backend = import_module("keras").backend.backend()
    if backend != "tensorflow":
        raise ImportError(
            f"sklstm trains with Keras on TensorFlow, but Keras runs on {backend!r}. "
            'Set the environment variable KERAS_BACKEND to "tensorflow", or leave it '
            "unset, before Keras is imported."
        )
    limit_threads()


def limit_threads() -> None:
    """Limit TensorFlow's threads to this process's share of the cores.

    Libraries that start worker processes (loky, Dask, Ray) set OMP_NUM_THREADS to the
    number of threads that each worker may use. TensorFlow does not read it, so every
    worker would use all cores. Limits that the user has set are kept.
    """
    share = os.environ.get("OMP_NUM_THREADS", "")
    if not share.isdecimal() or not int(share):
        return
    threading = import_module("tensorflow").config.threading
    try:
        if not threading.get_intra_op_parallelism_threads():
            threading.set_intra_op_parallelism_threads(int(share))
        if not threading.get_inter_op_parallelism_threads():
            # A Dask worker may run several tasks at once, each with this share.
            n_tasks = _count_dask_tasks()
            threading.set_inter_op_parallelism_threads(int(share) * n_tasks)
    except RuntimeError:
        pass  # TensorFlow has started already, with the user's settings


def _count_dask_tasks() -> int:
    """Return the number of tasks that this Dask worker runs at once, 1 elsewhere."""
    if "distributed" not in sys.modules:
        return 1
    try:
        return sys.modules["distributed"].get_worker().state.nthreads
    except ValueError:
        return 1


# Keras names layers by counters that threads share.
_building = threading.RLock()


@contextmanager
def single_precision() -> Iterator[None]:
    """Let this thread make networks, losses and optimizers in single precision.

    Data, states and gradients of the engine are float32, whatever policy the process
    has set (`keras.config.set_dtype_policy`, `set_floatx`). The policy belongs to the
    thread, so others are not affected.
    """
    with _building:
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)


def on_gpu() -> bool:
    """Return whether TensorFlow computes on a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def is_keras_object(value: Any, kind: str) -> bool:
    """Return whether a value is a Keras "optimizer" or "callback"."""
    classes = {
        "optimizer": keras.optimizers.Optimizer,
        "callback": keras.callbacks.Callback,
    }
    return isinstance(value, classes[kind])
