"""A compiled function of a program, which other programs can run too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from sklstm.engine.backend import tf
from sklstm.engine.private_api import rebind_variables, variable_handles

if TYPE_CHECKING:
    import keras
    from tensorflow.types.experimental import ConcreteFunction


class Graph:
    """A function as a TensorFlow graph, traced at its first call.

    Parameters
    ----------
    function : callable
        Reads and writes variables.
    signature : sequence
        Tensor specifications of its arguments.
    variables : sequence of keras.Variable
        The variables that it uses.
    template : Graph, optional
        A graph of the same function on other variables, in the same order. It is run
        on this graph's variables, so nothing is traced.
    """

    def __init__(
        self,
        function: Callable,
        signature: Sequence[Any],
        variables: Sequence[keras.Variable],
        template: Graph | None = None,
    ):
        self.n_traces = 0
        # TensorFlow counts the traces of a method over all its objects, and would warn
        # after a handful of architectures; partial functions it counts separately.
        self._function = tf.function(
            partial(self._count_trace, function),
            input_signature=signature,
            autograph=False,
        )
        self._handles = variable_handles(variables)
        self._template = template
        self._lock = Lock()
        self._concrete: ConcreteFunction | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Run the function."""
        return self._trace()(*arguments)

    def _count_trace(self, function: Callable, *arguments: Any) -> Any:
        self.n_traces += 1
        return function(*arguments)

    def _trace(self) -> ConcreteFunction:
        with self._lock:
            if self._concrete is None and self._template is not None:
                self._concrete = self._template._rebind(self._handles)
            if self._concrete is None:
                self._concrete = self._function.get_concrete_function()
        return self._concrete

    def _rebind(self, handles: list[tf.Tensor] | None) -> ConcreteFunction | None:
        """Return the traced function bound to other variables, if possible."""
        if self._handles is None or handles is None:
            return None
        pairs = zip(self._handles, handles, strict=True)
        return rebind_variables(self._trace(), {id(own): new for own, new in pairs})
