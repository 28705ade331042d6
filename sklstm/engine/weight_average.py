"""The mean of a network's weights over optimizer steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sklstm.engine.backend import keras, tf


class WeightAverage:
    """Means of variables over the optimizer steps since they were started.

    Parameters
    ----------
    averaged : sequence of keras.Variable
        The variables of a network that training changes.
    """

    def __init__(self, averaged: Sequence[keras.Variable]):
        self._averaged = averaged
        self._means = [_zeros(each.shape) for each in averaged]
        self._n_steps = _zeros(())
        # The number to count a step with: 0 before averaging starts.
        self._step = _zeros(())

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables of the means."""
        return [*self._means, self._n_steps, self._step]

    def reset(self) -> None:
        """Forget all steps, and count no further ones."""
        for variable in self.variables:
            variable.assign(tf.zeros(variable.shape))

    def start(self) -> None:
        """Count the steps from now on."""
        self._step.assign(1.0)

    def add_step(self) -> None:
        """Add the values after an optimizer step; part of a graph."""
        self._n_steps.assign_add(self._step)
        share = self._step / tf.maximum(self._n_steps, 1.0)
        for mean, variable in zip(self._means, self._averaged, strict=True):
            mean.assign_add(share * (variable - mean))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Set the variables to their means, if any step was counted, for a while."""
        if not float(self._n_steps):
            yield
            return
        values = [variable.numpy() for variable in self._averaged]
        self._assign([mean.numpy() for mean in self._means])
        try:
            yield
        finally:
            self._assign(values)

    def _assign(self, values: Sequence) -> None:
        for variable, value in zip(self._averaged, values, strict=True):
            variable.assign(value)


def _zeros(shape: tuple[int, ...]) -> keras.Variable:
    # In single precision, whatever Keras is set to.
    return keras.Variable(tf.zeros(shape), dtype="float32", trainable=False)
