"""The loop over time inside a function that XLA compiles, and its building blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from sklstm.engine.backend import tf

if TYPE_CHECKING:
    # From the number of the step, the states and the lists to new states and lists.
    Step: TypeAlias = Callable[
        [tf.Tensor, list[tf.Tensor], list["StepList"]],
        tuple[list[tf.Tensor], list["StepList"]],
    ]


class StepList:
    """A list of tensors of shape (n_samples, size), one for each step.

    `tf.TensorArray` does the same, but needs the number of samples when it is traced.
    """

    def __init__(self, shape: tf.Tensor, handle: tf.Tensor):
        self.shape = shape
        self.handle = handle

    @classmethod
    def from_tensor(cls, tensor: tf.Tensor) -> StepList:
        """Make a list of the rows of a tensor."""
        shape = tf.shape(tensor)[1:]
        handle = tf.raw_ops.TensorListFromTensor(tensor=tensor, element_shape=shape)
        return cls(shape, handle)

    @classmethod
    def zeros(
        cls, n_steps: tf.Tensor | int, n_samples: tf.Tensor, size: tf.Tensor | int
    ) -> StepList:
        """Make a list of zeros."""
        shape = tf.stack([n_samples, size])
        handle = tf.raw_ops.TensorListReserve(
            element_shape=shape, num_elements=n_steps, element_dtype=tf.float32
        )
        return cls(shape, handle)

    def write(self, t: tf.Tensor | int, value: tf.Tensor) -> StepList:
        """Return the list with another value at one step."""
        handle = tf.raw_ops.TensorListSetItem(
            input_handle=self.handle, index=t, item=value
        )
        return StepList(self.shape, handle)

    def read(self, t: tf.Tensor | int) -> tf.Tensor:
        """Return the value at one step."""
        return tf.raw_ops.TensorListGetItem(
            input_handle=self.handle,
            index=t,
            element_shape=self.shape,
            element_dtype=tf.float32,
        )

    def stack(self) -> tf.Tensor:
        """Return all values as a tensor of shape (n_steps, n_samples, size)."""
        return tf.raw_ops.TensorListStack(
            input_handle=self.handle,
            element_shape=self.shape,
            element_dtype=tf.float32,
        )


def run_loop(
    step: Step,
    states: Sequence[tf.Tensor],
    lists: Sequence[StepList],
    n_steps: tf.Tensor | int,
    *,
    backwards: bool = False,
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Run a function for each step, from the first to the last or backwards.

    Parameters
    ----------
    step : callable
        From (number of the step, states, lists) to new states and lists.
    states : sequence of tensors of shape (n_samples, size)
    lists : sequence of StepList
    n_steps : int or tensor
    backwards : bool, default=False

    Returns
    -------
    states : list of tensors
    lists : list of tensors of shape (length, n_samples, size)
    """
    shapes = [steps.shape for steps in lists]

    def as_lists(handles: Sequence[tf.Tensor]) -> list[StepList]:
        return [StepList(*pair) for pair in zip(shapes, handles, strict=True)]

    def body(
        t: tf.Tensor, states: list[tf.Tensor], handles: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
        before = states
        states, lists = step(t, states, as_lists(handles))
        for old, new in zip(before, states, strict=True):
            # A number of samples that is known stays known.
            new.set_shape(old.shape)
        return t + (-1 if backwards else 1), states, [steps.handle for steps in lists]

    def unfinished(
        t: tf.Tensor, states: list[tf.Tensor], handles: list[tf.Tensor]
    ) -> tf.Tensor:
        return t >= 0 if backwards else t < n_steps

    start = n_steps - 1 if backwards else 0
    handles = [steps.handle for steps in lists]
    _, last_states, handles = tf.while_loop(unfinished, body, (start, states, handles))
    return last_states, [steps.stack() for steps in as_lists(handles)]


def compute_once(
    buffer: StepList, t: tf.Tensor, value: tf.Tensor
) -> tuple[StepList, tf.Tensor]:
    """Make XLA compute a value once instead of again in each of its uses.

    It is written into a list of two tensors, and read from there.
    """
    position = tf.bitwise.bitwise_and(t, 1)
    buffer = buffer.write(position, value)
    return buffer, buffer.read(position)


def project(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Multiply the inputs of all steps by a kernel, as one matrix product."""
    n_rows, n_samples, n_columns = tf.unstack(tf.shape(x))
    flat = tf.matmul(tf.reshape(x, [-1, n_columns]), kernel)
    return tf.reshape(flat, [n_rows, n_samples, kernel.shape[1]])


def sum_outer_products(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Sum the outer products over steps and samples, as one matrix product."""
    a = tf.reshape(a, [-1, a.shape[2]])
    return tf.matmul(a, tf.reshape(b, [-1, b.shape[2]]), transpose_a=True)
