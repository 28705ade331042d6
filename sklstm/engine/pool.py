"""The pool of compiled programs: one for each architecture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from sklstm.engine.language import LanguageProgram
from sklstm.engine.program import Program
from sklstm.engine.samples import SampleProgram
from sklstm.engine.specs import LanguageNetwork, NetworkSpec, TrainingSpec

# Programs kept while nobody uses them. One holds a small network and its graphs,
# some megabytes; a search over more architectures than this compiles anew.
MAX_IDLE_PROGRAMS = 32


class _ProgramPool:
    """Idle programs by specification; the least recently used leave first."""

    def __init__(self, size: int):
        self._size = size
        self._lock = threading.Lock()
        self._idle: OrderedDict = OrderedDict()  # key -> list of programs
        # The one of each key that holds the graphs, while anybody uses them.
        self._first: WeakValueDictionary = WeakValueDictionary()

    def take(self, key) -> Program:
        with self._lock:
            programs = self._idle.get(key)
            if programs:
                program = programs.pop()
                if not programs:
                    del self._idle[key]
                return program
            # Built under the lock: Keras' building is not made for several threads.
            network, training = key
            program = _make_program(network, training, self._first.get(key))
            self._first.setdefault(key, program)
            return program

    def put(self, key, program: Program) -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(program)
            self._idle.move_to_end(key)
            while sum(map(len, self._idle.values())) > self._size:
                oldest = next(iter(self._idle))
                self._idle[oldest].pop()
                if not self._idle[oldest]:
                    del self._idle[oldest]


def _make_program(
    network: NetworkSpec, training: TrainingSpec, template: Program | None
) -> Program:
    if isinstance(network, LanguageNetwork):
        return LanguageProgram(network, training, template)
    return SampleProgram(network, training, template)


_pool = _ProgramPool(MAX_IDLE_PROGRAMS)


@contextmanager
def borrow_program(network: NetworkSpec, training: TrainingSpec) -> Iterator[Program]:
    """A program for one thread, built if none is idle, and kept afterwards."""
    key = (network, training)
    program = _pool.take(key)
    try:
        yield program
    finally:
        _pool.put(key, program)
