"""The pool of compiled programs: one for each architecture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias, overload
from weakref import WeakValueDictionary

from sklstm.engine.attribution_program import AttributionProgram
from sklstm.engine.backend import check_process
from sklstm.engine.data import TrainingSpec
from sklstm.engine.language_program import LanguageProgram
from sklstm.engine.networks import (
    AttributionNetwork,
    LanguageNetwork,
    NetworkSpec,
    SampleNetwork,
    StreamNetwork,
)
from sklstm.engine.program import Program
from sklstm.engine.sample_program import SampleProgram
from sklstm.engine.stream_program import StreamProgram

# Programs kept while nobody uses them. One holds a small network and its graphs, some
# megabytes; a search over more architectures than this compiles some of them again.
MAX_IDLE_PROGRAMS = 32

Key: TypeAlias = tuple[NetworkSpec, TrainingSpec]
AnyProgram: TypeAlias = Program | StreamProgram | AttributionProgram


class _ProgramPool:
    """Idle programs by specification; the least recently used are dropped first."""

    def __init__(self, size: int):
        self._size = size
        self._lock = threading.Lock()
        self._idle: OrderedDict[Key, list[AnyProgram]] = OrderedDict()
        # The program of each key that owns the graphs, as long as anybody uses them.
        self._templates: WeakValueDictionary[Key, AnyProgram] = WeakValueDictionary()

    def take(self, key: Key) -> AnyProgram:
        """Remove an idle program from the pool, or build one."""
        with self._lock:
            programs = self._idle.get(key)
            if programs:
                program = programs.pop()
                if not programs:
                    del self._idle[key]
                return program
            # Built under the lock, because Keras' building is not thread-safe.
            network, training = key
            program = _make_program(network, training, self._templates.get(key))
            self._templates.setdefault(key, program)
            return program

    def put(self, key: Key, program: AnyProgram) -> None:
        """Return a program to the pool."""
        with self._lock:
            self._idle.setdefault(key, []).append(program)
            self._idle.move_to_end(key)
            while sum(map(len, self._idle.values())) > self._size:
                oldest = next(iter(self._idle))
                self._idle[oldest].pop()
                if not self._idle[oldest]:
                    del self._idle[oldest]


def _make_program(
    network: NetworkSpec, training: TrainingSpec, template: Any
) -> AnyProgram:
    if isinstance(network, SampleNetwork):
        return SampleProgram(network, training, template)
    if isinstance(network, LanguageNetwork):
        return LanguageProgram(network, training, template)
    if isinstance(network, StreamNetwork):
        return StreamProgram(network, template)
    if isinstance(network, AttributionNetwork):
        return AttributionProgram(network, template)
    raise TypeError(f"no program trains a {type(network).__name__}")


_pool = _ProgramPool(MAX_IDLE_PROGRAMS)


@overload
def borrow_program(
    network: SampleNetwork, training: TrainingSpec
) -> AbstractContextManager[SampleProgram]: ...


@overload
def borrow_program(
    network: LanguageNetwork, training: TrainingSpec
) -> AbstractContextManager[LanguageProgram]: ...


@overload
def borrow_program(
    network: StreamNetwork, training: TrainingSpec
) -> AbstractContextManager[StreamProgram]: ...


@overload
def borrow_program(
    network: AttributionNetwork, training: TrainingSpec
) -> AbstractContextManager[AttributionProgram]: ...


@overload
def borrow_program(
    network: NetworkSpec, training: TrainingSpec
) -> AbstractContextManager[Any]: ...


@contextmanager
def borrow_program(network: NetworkSpec, training: TrainingSpec) -> Iterator[Any]:
    """Borrow a program for one thread: an idle one, or a newly built one.

    Parameters
    ----------
    network : NetworkSpec
    training : TrainingSpec

    Yields
    ------
    program : Program
        A `SampleProgram` for a `SampleNetwork`, a `LanguageProgram` for a
        `LanguageNetwork`, a `StreamProgram` for a `StreamNetwork`, an
        `AttributionProgram` for an `AttributionNetwork`.

    Raises
    ------
    RuntimeError
        If the process was forked after TensorFlow had started.
    """
    check_process()
    key = (network, training)
    program = _pool.take(key)
    try:
        yield program
    finally:
        _pool.put(key, program)
