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


# Whether TensorFlow had started when this process was forked.
_forked_too_late = False


def check_process() -> None:
    """Raise an error where TensorFlow would wait for ever.

    A forked process has no threads of TensorFlow, but believes that it has started
    them.
    """
    if _forked_too_late:
        raise RuntimeError(
            "this process was forked after TensorFlow had started, and TensorFlow "
            'cannot run in such a process. Start processes by the method "spawn" or '
            '"forkserver" of multiprocessing; or load and use models in each worker '
            "process only, not before it is forked (gunicorn: without --preload)."
        )


def _note_fork() -> None:
    global _forked_too_late
    _forked_too_late |= _has_started()


def _has_started() -> bool:
    """Return whether TensorFlow runs.

    Uses ``_context`` of a module of TensorFlow and its ``_initialized``. Without them,
    it counts as running once it is imported.
    """
    if "tensorflow" not in sys.modules:
        return False
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", 0)
    return context is not None and bool(getattr(context, "_initialized", True))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


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
