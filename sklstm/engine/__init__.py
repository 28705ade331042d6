"""The engine: specifications in, numpy weight arrays out.

This package is the only place that imports Keras and TensorFlow. Specifications
are plain values and load neither; the rest is loaded on first use, so that
``import sklstm`` and unpickling a fitted estimator stay light.
"""

import os
import sys
from importlib import import_module

from sklstm.engine.specs import (
    IMPOSSIBLE_LOGIT,
    MIN_WINDOWS_PER_STREAM,
    PADDING,
    UNKNOWN,
    AutoencoderNetwork,
    DecoderState,
    EnsembleNetwork,
    LanguageNetwork,
    NetworkSpec,
    NetworkState,
    ReconstructionData,
    RecurrentStack,
    SampleData,
    SampleSplit,
    SequenceData,
    SequenceNetwork,
    TokenData,
    TrainingSettings,
    TrainingSpec,
    Weights,
    WindowData,
    WindowNetwork,
)

_LAZY = {
    "borrow_program": "pool",
    "build_network": "networks",
    "is_keras_object": "losses",
    "training_spec": "losses",
}

__all__ = [
    "IMPOSSIBLE_LOGIT",
    "PADDING",
    "UNKNOWN",
    "MIN_WINDOWS_PER_STREAM",
    "AutoencoderNetwork",
    "EnsembleNetwork",
    "LanguageNetwork",
    "NetworkSpec",
    "DecoderState",
    "RecurrentStack",
    "SampleData",
    "SequenceData",
    "SequenceNetwork",
    "ReconstructionData",
    "TokenData",
    "NetworkState",
    "SampleSplit",
    "TrainingSettings",
    "TrainingSpec",
    "Weights",
    "WindowData",
    "WindowNetwork",
    "prepare_keras",
    *_LAZY,
]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    prepare_keras()
    found = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    # Kept, so that a forecast does not ask after Keras and the cores again.
    globals()[name] = found
    return found


def prepare_keras():
    """Load Keras on TensorFlow, without TensorFlow's remarks on the machine."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    backend = import_module("keras").backend.backend()
    if backend != "tensorflow":
        raise ImportError(
            f"sklstm trains with Keras on TensorFlow, but Keras runs on {backend!r}. "
            'Set the environment variable KERAS_BACKEND to "tensorflow", or leave it '
            "unset, before Keras is imported."
        )
    _keep_to_share()


def _keep_to_share():
    """Leave the other cores to the processes beside this one.

    Those who start workers (loky, Dask, Ray) tell each by OMP_NUM_THREADS how many
    threads it may keep busy, which TensorFlow does not read: every worker would take
    all cores. What a user has told TensorFlow stays.
    """
    share = os.environ.get("OMP_NUM_THREADS", "")
    if not share.isdecimal() or not int(share):
        return
    threading = import_module("tensorflow").config.threading
    try:
        if not threading.get_intra_op_parallelism_threads():
            threading.set_intra_op_parallelism_threads(int(share))
        if not threading.get_inter_op_parallelism_threads():
            # A worker of Dask may run several tasks, each of which was given the share.
            n_tasks = _tasks_of_dask()
            threading.set_inter_op_parallelism_threads(int(share) * n_tasks)
    except RuntimeError:
        pass  # TensorFlow has started already, as its user set it up


def _tasks_of_dask() -> int:
    """How many tasks the worker of Dask that this is runs at once; else 1."""
    if "distributed" not in sys.modules:
        return 1
    try:
        return sys.modules["distributed"].get_worker().state.nthreads
    except ValueError:
        return 1
