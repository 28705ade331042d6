"""Losses, optimizers and learning rate schedules as plain values.

Keras copies and pickles these objects through configurations, which are incomplete
(that of `keras.losses.Huber` lacks ``delta``) or cannot be read back (those of classes
that are not registered with Keras). Here an object is described by its class and what
it was made from, so that a copy is exactly what the user passed.
"""

from __future__ import annotations

import copy
import copyreg
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sklstm.engine.private_api import optimizer_config

if TYPE_CHECKING:
    import keras


class KerasObject:
    """A loss, optimizer or learning rate schedule as a plain, hashable value.

    Parameters
    ----------
    cls : type
        Class of the object.
    values : mapping of str to object
        Attributes of a loss or schedule; arguments of an optimizer, which has variables
        of its own and is made anew.
    """

    def __init__(self, cls: type[Any], values: Mapping[str, Any]):
        self.cls: type[Any] = cls
        self.values = dict(values)

    @classmethod
    def describe(cls, value: Any) -> KerasObject:
        """Describe an object."""
        if _is_optimizer(type(value)):
            return cls(type(value), _optimizer_arguments(value))
        return cls(type(value), vars(value))

    def copy(self) -> KerasObject:
        """Copy the values, so that later changes of the object have no effect."""
        try:
            return KerasObject(self.cls, copy.deepcopy(self.values))
        except Exception:  # a user's object may hold what cannot be copied
            return KerasObject(self.cls, self.values)

    def make(self) -> Any:
        """Make the object."""
        if _is_optimizer(self.cls):
            return self.cls.from_config(dict(self.values))
        made = object.__new__(self.cls)
        made.__dict__.update(self.values)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KerasObject):
            return NotImplemented
        return self is other or (
            self.cls is other.cls and _equal(self.values, other.values)
        )

    def __hash__(self) -> int:
        return hash((self.cls, frozenset(self.values)))

    def __repr__(self) -> str:
        return f"{self.cls.__name__}({self.values})"


def enable_copying() -> None:
    """Make losses, schedules and optimizers of Keras copy and pickle without loss.

    This concerns `copy.deepcopy`, and so scikit-learn's clone and searches, and pickle.
    It does nothing before Keras is loaded, because there are no such objects then.
    """
    # A copy of an estimator must not load Keras.
    loaded: Any = sys.modules.get("keras")
    if not hasattr(loaded, "optimizers") or not hasattr(loaded, "losses"):
        return
    for base in (
        loaded.losses.Loss,
        loaded.optimizers.Optimizer,
        loaded.optimizers.schedules.LearningRateSchedule,
    ):
        for cls in _with_subclasses(base):
            if cls not in copyreg.dispatch_table and not _copies_itself(cls, base):
                copyreg.pickle(cls, _reduce)


def restore(described: KerasObject) -> Any:
    """Make the object of a copy or a pickle."""
    # In a worker process this may be the first object of its class.
    enable_copying()
    return described.make()


def _reduce(value: Any) -> tuple:
    return restore, (KerasObject.describe(value),)


def _with_subclasses(base: type[Any]) -> Iterator[type[Any]]:
    yield base
    subclass: type[Any]
    for subclass in base.__subclasses__():
        yield from _with_subclasses(subclass)


def _copies_itself(cls: type[Any], base: type[Any]) -> bool:
    """Return whether a class defines how its objects are copied, other than Keras."""
    names = ("__reduce__", "__reduce_ex__", "__getstate__", "__deepcopy__")
    return any(
        getattr(cls, name, None) is not getattr(base, name, None) for name in names
    )


def _is_optimizer(cls: type) -> bool:
    return issubclass(cls, sys.modules["keras"].optimizers.Optimizer)


def _optimizer_arguments(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Return the arguments from which an optimizer's class makes the same one."""
    cls: Any = type(optimizer)
    base = sys.modules["keras"].optimizers.Optimizer
    arguments = optimizer_config(optimizer)
    if cls.from_config.__func__ is not base.from_config.__func__:
        return arguments
    parameters = inspect.signature(cls).parameters.values()
    named = {
        p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    for name in named - set(arguments):
        attributes = [a for a in (name, f"_{name}") if hasattr(optimizer, a)]
        if not attributes:
            raise ValueError(
                f"an optimizer of class {cls.__name__} cannot be copied, as each fit "
                f"needs: its get_config() lacks the argument {name!r}. Add it there, "
                "or keep it in an attribute of that name."
            )
        arguments[name] = getattr(optimizer, attributes[0])
    if all(p.kind is not p.VAR_KEYWORD for p in parameters):
        arguments = {name: arguments[name] for name in named}
    return arguments


def _equal(a: Any, b: Any) -> bool:
    """Return whether two values are equal, and Keras objects made from equal ones."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        # The names of losses and optimizers are numbered, and mean nothing.
        keys = (set(a) | set(b)) - {"name"}
        return all(k in a and k in b and _equal(a[k], b[k]) for k in keys)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if type(a) in copyreg.dispatch_table and copyreg.dispatch_table[type(a)] is _reduce:
        return _equal(KerasObject.describe(a).values, KerasObject.describe(b).values)
    try:
        return bool(a == b)
    except Exception:  # of a tensor, for example
        return False
