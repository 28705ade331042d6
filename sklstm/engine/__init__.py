"""The engine: specifications in, numpy weight arrays out.

This package is the only place that imports Keras and TensorFlow. Specifications
are plain values and load neither; the rest is loaded on first use, so that
``import sklstm`` and unpickling a fitted estimator stay light.
"""

import os
from importlib import import_module

from sklstm.engine.specs import (
    NEVER,
    PADDING,
    UNKNOWN,
    WINDOWS_A_STREAM,
    AutoencoderNetwork,
    EnsembleNetwork,
    LanguageNetwork,
    NetworkSpec,
    Reading,
    RecurrentStack,
    SampleData,
    SequenceData,
    SequenceNetwork,
    StretchData,
    TokenData,
    TrainingSpec,
    Weights,
    WindowData,
    WindowNetwork,
)

_LAZY = {
    "borrow_program": "programs",
    "build_network": "networks",
    "is_keras_object": "training",
    "training_spec": "training",
}

__all__ = [
    "NEVER",
    "PADDING",
    "UNKNOWN",
    "WINDOWS_A_STREAM",
    "AutoencoderNetwork",
    "EnsembleNetwork",
    "LanguageNetwork",
    "NetworkSpec",
    "Reading",
    "RecurrentStack",
    "SampleData",
    "SequenceData",
    "SequenceNetwork",
    "StretchData",
    "TokenData",
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
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


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
