"""The engine: specifications in, numpy weight arrays out.

This package is the only place that imports Keras and TensorFlow. Specifications
are plain values and load neither; the rest is loaded on first use, so that
``import sklstm`` and unpickling a fitted estimator stay light.
"""

from importlib import import_module

from sklstm.engine.specs import RecurrentStack, TrainingSpec, WindowData, WindowNetwork

_LAZY = {
    "borrow_program": "programs",
    "build_network": "networks",
    "is_keras_object": "training",
    "training_spec": "training",
}

__all__ = [
    "RecurrentStack",
    "TrainingSpec",
    "WindowData",
    "WindowNetwork",
    *_LAZY,
]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
