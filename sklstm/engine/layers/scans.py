"""Time loops of recurrent cells, compiled by XLA, with gradients written by hand.

A loop keeps what it finds at each step in lists, and reads some of it back from there
at once. That is on purpose: XLA would otherwise fuse the computation of an activation
into each of its uses. Products with the inputs' weights, and the gradients of all
weights, are products over all steps, outside the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import tensorflow as tf


class _Steps:
    """A list of tensors of shape (n_samples, size), one for each step.

    `tf.TensorArray` is the same, but for a number of samples known when traced.
    """

    def __init__(self, shape, handle):
        self.shape = shape
        self.handle = handle

    @classmethod
    def of(cls, tensor):
        """A list that holds the rows of a tensor."""
        shape = tf.shape(tensor)[1:]
        handle = tf.raw_ops.TensorListFromTensor(tensor=tensor, element_shape=shape)
        return cls(shape, handle)

    @classmethod
    def zeros(cls, n_steps, n_samples, size):
        shape = tf.stack([n_samples, size])
        handle = tf.raw_ops.TensorListReserve(
            element_shape=shape, num_elements=n_steps, element_dtype=tf.float32
        )
        return cls(shape, handle)

    def write(self, t, value):
        handle = tf.raw_ops.TensorListSetItem(
            input_handle=self.handle, index=t, item=value
        )
        return _Steps(self.shape, handle)

    def read(self, t):
        return tf.raw_ops.TensorListGetItem(
            input_handle=self.handle,
            index=t,
            element_shape=self.shape,
            element_dtype=tf.float32,
        )

    def stack(self):
        return tf.raw_ops.TensorListStack(
            input_handle=self.handle,
            element_shape=self.shape,
            element_dtype=tf.float32,
        )


def _scan(step, states, lists, n_steps, *, back=False):
    """Run a loop over the steps, or back from the last one.

    Parameters
    ----------
    step : callable
        From (number of the step, states, lists) to new states and lists.
    states : list of tensors of shape (n_samples, size)
    lists : list of _Steps
    n_steps : int or tensor
    back : bool

    Returns
    -------
    states : list of tensors
    lists : list of tensors of shape (length, n_samples, size)
    """
    shapes = [each.shape for each in lists]

    def as_lists(handles):
        return [_Steps(*pair) for pair in zip(shapes, handles, strict=True)]

    def body(t, states, handles):
        states, lists = step(t, states, as_lists(handles))
        return t + (-1 if back else 1), states, [each.handle for each in lists]

    def unfinished(t, states, handles):
        return t >= 0 if back else t < n_steps

    start = n_steps - 1 if back else 0
    handles = [each.handle for each in lists]
    _, states, handles = tf.while_loop(unfinished, body, (start, states, handles))
    return states, [each.stack() for each in as_lists(handles)]


def _computed_once(buffer, t, value):
    """A value that XLA is to compute once, and not anew in each of its uses.

    It is written into a list of two tensors, and read from there.
    """
    place = tf.bitwise.bitwise_and(t, 1)
    buffer = buffer.write(place, value)
    return buffer, buffer.read(place)


def _project(x, weights):
    """The products of all steps with weights."""
    n_rows, n_samples, n_columns = tf.unstack(tf.shape(x))
    flat = tf.matmul(tf.reshape(x, [-1, n_columns]), weights)
    return tf.reshape(flat, [n_rows, n_samples, weights.shape[1]])


def _sum_over_steps(a, b):
    """The sum over steps and samples of the outer products."""
    a = tf.reshape(a, [-1, a.shape[2]])
    return tf.matmul(a, tf.reshape(b, [-1, b.shape[2]]), transpose_a=True)


def _masked(h, mask):
    """A state as the recurrent product reads it; its gradient is masked alike."""
    return h if mask is None else h * mask


def _with_output_gradient(d_h, d_hidden, t):
    """The gradient by an output from later steps, and by the outputs if wanted."""
    return d_h if d_hidden is None else d_h + d_hidden[t]


@dataclass(frozen=True)
class Loop:
    """The time loop of a kind of cell.

    All that has a time axis has it first, and one row more than there are steps:
    states before each step and after the last one, zero gradients behind the last
    step. So a product over all rows needs nothing cut off.

    Parameters
    ----------
    n_states : int
        Number of states, of which the output is the first.
    forward : callable
        From (n_steps, x, states, mask, *weights) to the last states, the outputs, and a
        list of what else the gradient needs. ``x`` ends with a column of ones, and the
        first of the weights with a row that is the bias. The recurrent products read
        the output times ``mask``, of its shape, unless that is None.
    backward : callable
        From (n_steps, x, saved, hidden, mask, recurrent kernel, d_hidden, d_states) to
        the gradients by the first states and by the weights, and a list of what the
        gradient by the inputs needs. ``d_hidden`` is None where only the last states
        are wanted.
    input_gradient : callable
        From (that list, kernel) to the gradient by the inputs.
    """

    n_states: int
    forward: Callable
    backward: Callable
    input_gradient: Callable


def _product_with_kernel(d_lists, kernel):
    (d_projected,) = d_lists
    return _project(d_projected, tf.transpose(kernel))


def _lstm_forward(n_steps, x, states, mask, kernel, recurrent):
    n_rows, n_samples, _ = tf.unstack(tf.shape(x))
    units = recurrent.shape[0]
    # As tanh(z) = 2 sigmoid(2 z) - 1, one sigmoid serves all four gates.
    double = tf.repeat(tf.constant([1.0, 1.0, 2.0, 1.0]), units)
    recurrent *= double

    def step(t, states, lists):
        h, c = states
        gates, cells, hidden = lists
        product = tf.matmul(_masked(h, mask), recurrent)
        gates = gates.write(t, tf.sigmoid(gates.read(t) + product))
        i, f, g, o = tf.split(gates.read(t), 4, axis=1)
        c = f * c + i * (2 * g - 1)
        h = o * tf.tanh(c)
        return [h, c], [gates, cells.write(t + 1, c), hidden.write(t + 1, h)]

    h, c = states
    lists = [
        _Steps.of(_project(x, kernel * double)),
        _Steps.zeros(n_rows, n_samples, units).write(0, c),
        _Steps.zeros(n_rows, n_samples, units).write(0, h),
    ]
    last, (gates, cells, hidden) = _scan(step, states, lists, n_steps)
    return last, hidden, [gates, cells]


def _lstm_backward(n_steps, x, saved, hidden, mask, recurrent, d_hidden, d_states):
    gates, cells = saved
    n_rows, n_samples, units = tf.unstack(tf.shape(hidden))
    back = tf.transpose(recurrent)

    def step(t, states, lists):
        d_h, d_c = states
        d_gates, d_cell, tanh_cell = lists
        s = gates[t]
        i, f, g, o = tf.split(s, 4, axis=1)
        tanh_cell, tanh = _computed_once(tanh_cell, t, tf.tanh(cells[t + 1]))
        d_h = _with_output_gradient(d_h, d_hidden, t)
        d_c += d_h * o * (1 - tanh * tanh)
        d_cell, d_c = _computed_once(d_cell, t, d_c)
        by = [d_c * (2 * g - 1), d_c * cells[t], d_c * 4 * i, d_h * tanh]
        d_gate = s * (1 - s) * tf.concat(by, axis=1)
        lists = [d_gates.write(t, d_gate), d_cell, tanh_cell]
        return [_masked(tf.matmul(d_gate, back), mask), d_c * f], lists

    lists = [
        _Steps.zeros(n_rows, n_samples, 4 * units),
        _Steps.zeros(2, n_samples, units),
        _Steps.zeros(2, n_samples, units),
    ]
    d_states, (d_gates, *_) = _scan(step, d_states, lists, n_steps, back=True)
    d_recurrent = _sum_over_steps(_masked(hidden, mask), d_gates)
    return d_states, [_sum_over_steps(x, d_gates), d_recurrent], [d_gates]


# The time loop of `keras.layers.LSTM`.
LSTM = Loop(2, _lstm_forward, _lstm_backward, _product_with_kernel)


def _gru_forward(n_steps, x, states, mask, kernel, recurrent, candidate_bias):
    n_rows, n_samples, _ = tf.unstack(tf.shape(x))
    units = recurrent.shape[0]
    two = 2 * units

    def step(t, states, lists):
        (h,) = states
        gates, candidates, products, hidden = lists
        product = tf.matmul(_masked(h, mask), recurrent)
        gates = gates.write(t, tf.sigmoid(gates.read(t) + product[:, :two]))
        z, r = tf.split(gates.read(t), 2, axis=1)
        product = product[:, two:] + candidate_bias
        candidate = tf.tanh(candidates.read(t) + r * product)
        candidates = candidates.write(t, candidate)
        candidate = candidates.read(t)
        h = candidate + z * (h - candidate)
        products, hidden = products.write(t, product), hidden.write(t + 1, h)
        return [h], [gates, candidates, products, hidden]

    lists = [
        _Steps.of(_project(x, kernel[:, :two])),
        _Steps.of(_project(x, kernel[:, two:])),
        _Steps.zeros(n_rows, n_samples, units),
        _Steps.zeros(n_rows, n_samples, units).write(0, states[0]),
    ]
    last, (*saved, hidden) = _scan(step, states, lists, n_steps)
    return last, hidden, saved


def _gru_backward(n_steps, x, saved, hidden, mask, recurrent, d_hidden, d_states):
    gates, candidates, products = saved
    n_rows, n_samples, units = tf.unstack(tf.shape(hidden))
    two = 2 * recurrent.shape[0]
    back = tf.transpose(recurrent)

    def step(t, states, lists):
        (d_h,) = states
        d_products, d_candidates, d_output = lists
        d_h = _with_output_gradient(d_h, d_hidden, t)
        d_output, d_h = _computed_once(d_output, t, d_h)
        z, r = tf.split(gates[t], 2, axis=1)
        n = candidates[t]
        d_candidates = d_candidates.write(t, d_h * (1 - z) * (1 - n * n))
        d_n = d_candidates.read(t)
        d_z = d_h * (hidden[t] - n) * z * (1 - z)
        d_r = d_n * products[t] * r * (1 - r)
        d_product = tf.concat([d_z, d_r, d_n * r], axis=1)
        lists = [d_products.write(t, d_product), d_candidates, d_output]
        return [d_h * z + _masked(tf.matmul(d_product, back), mask)], lists

    lists = [
        _Steps.zeros(n_rows, n_samples, 3 * units),
        _Steps.zeros(n_rows, n_samples, units),
        _Steps.zeros(2, n_samples, units),
    ]
    d_states, lists = _scan(step, d_states, lists, n_steps, back=True)
    d_products, d_candidates, _ = lists
    # Right for the two gates, and for the bias of the candidate's product.
    d_kernel = _sum_over_steps(x, d_products)
    candidate_kernel = _sum_over_steps(x, d_candidates)
    d_weights = [
        tf.concat([d_kernel[:, :two], candidate_kernel], axis=1),
        _sum_over_steps(_masked(hidden, mask), d_products),
        d_kernel[-1, two:],
    ]
    return d_states, d_weights, [d_products, d_candidates]


def _gru_input_gradient(d_lists, kernel):
    d_products, d_candidates = d_lists
    two = 2 * d_candidates.shape[2]
    d_projected = tf.concat([d_products[:, :, :two], d_candidates], axis=2)
    return _project(d_projected, tf.transpose(kernel))


# The time loop of `keras.layers.GRU` with `reset_after`.
GRU = Loop(1, _gru_forward, _gru_backward, _gru_input_gradient)


def _simple_rnn_forward(n_steps, x, states, mask, kernel, recurrent):
    n_rows, n_samples, _ = tf.unstack(tf.shape(x))
    projected = _project(x, kernel)

    def step(t, states, lists):
        (h,), (hidden,) = states, lists
        h = tf.tanh(projected[t] + tf.matmul(_masked(h, mask), recurrent))
        hidden = hidden.write(t + 1, h)
        return [hidden.read(t + 1)], [hidden]

    hidden = _Steps.zeros(n_rows, n_samples, recurrent.shape[0]).write(0, states[0])
    last, (hidden,) = _scan(step, states, [hidden], n_steps)
    return last, hidden, []


def _simple_rnn_backward(
    n_steps, x, saved, hidden, mask, recurrent, d_hidden, d_states
):
    back = tf.transpose(recurrent)

    def step(t, states, lists):
        (d_h,), (d_sums,) = states, lists
        h = hidden[t + 1]
        d_h = _with_output_gradient(d_h, d_hidden, t)
        d_sums = d_sums.write(t, d_h * (1 - h * h))
        return [_masked(tf.matmul(d_sums.read(t), back), mask)], [d_sums]

    d_sums = _Steps.zeros(*tf.unstack(tf.shape(hidden)))
    d_states, (d_sums,) = _scan(step, d_states, [d_sums], n_steps, back=True)
    d_recurrent = _sum_over_steps(_masked(hidden, mask), d_sums)
    return d_states, [_sum_over_steps(x, d_sums), d_recurrent], [d_sums]


# The time loop of `keras.layers.SimpleRNN`.
SIMPLE_RNN = Loop(1, _simple_rnn_forward, _simple_rnn_backward, _product_with_kernel)


# Samples that a loop runs at once without a gradient: always as many, so that there is
# one function to compile. Several such batches run side by side.
_SAMPLES_AT_ONCE = 32
_SIDE_BY_SIDE = 4

# XLA compiles a function for each number of samples, and of steps. So a part of a
# batch is filled up to one of few sizes; and so are sequences, in an open network.
_SAMPLE_SIZES = [16, 32, 48, 64, 96, *range(128, 8192 + 1, 128)]
_STEP_SIZES = [2**i for i in range(4, 24)]

# Compiled functions that are kept. Layers of the same sizes share them.
_MAX_COMPILED = 256


def run(loop, x, states, weights, *, training, sequences, mask=None):
    """Run a loop over whole sequences.

    Parameters
    ----------
    loop : Loop
    x : tensor of shape (n_samples, n_steps, n_features)
    states : list of tensors of shape (n_samples, units)
        Initial states, the output first.
    weights : list of tensors
        Kernel, recurrent kernel and bias of the Keras layer.
    training : bool
        Whether a gradient is wanted.
    sequences : bool
        Whether the outputs at all steps are wanted.
    mask : tensor of shape (n_samples, units), optional
        In training, what the output is multiplied by where the recurrent products read
        it: recurrent dropout.

    Returns
    -------
    hidden : tensor of shape (n_samples, n_steps, units) or None
    states : list of tensors of shape (n_samples, units)
        The last ones.
    """
    fixed_steps = x.shape[1]
    n_samples, n_steps, _ = tf.unstack(tf.shape(x))
    n_rows = n_steps if fixed_steps else _fill(n_steps, _STEP_SIZES)
    if training:
        half = _fill((n_samples + 1) // 2, _SAMPLE_SIZES)
        n_filled = 2 * half
    else:
        n_filled = -(-n_samples // _SAMPLES_AT_ONCE) * _SAMPLES_AT_ONCE
    beyond = n_filled - n_samples
    x = tf.pad(x, [[0, beyond], [0, n_rows + 1 - n_steps], [0, 0]])
    x = tf.pad(x, [[0, 0], [0, 0], [0, 1]], constant_values=1.0)
    states = [tf.pad(state, [[0, beyond], [0, 0]]) for state in states]
    weights = _weights_of_loop(*weights)
    if training:
        run_part = _differentiable(loop, fixed_steps, sequences)
        masks = [] if mask is None else [tf.pad(mask, [[0, beyond], [0, 0]])]
        parts = [
            run_part(
                n_steps,
                [each[part] for each in masks],
                x[part],
                *(state[part] for state in states),
                *weights,
            )
            for part in (slice(None, half), slice(half, None))
        ]
        found = [tf.concat(both, axis=0) for both in zip(*parts, strict=True)]
    else:
        found = _run_batches(loop, fixed_steps, sequences, n_steps, x, states, weights)
    hidden = found.pop(0)[:n_samples, :n_steps] if sequences else None
    return hidden, [state[:n_samples] for state in found]


def _weights_of_loop(kernel, recurrent, bias):
    """The kernel with the bias as its last row, and what else a loop takes."""
    if len(bias.shape) == 1:
        return tf.concat([kernel, bias[None]], axis=0), recurrent
    # The second bias is added to the recurrent product: for the two gates that is as
    # well as to the projected inputs.
    two = 2 * recurrent.shape[0]
    both = bias[0] + tf.pad(bias[1, :two], [[0, bias.shape[1] - two]])
    return tf.concat([kernel, both[None]], axis=0), recurrent, bias[1, two:]


def _fill(number, sizes):
    """The first of the sizes that is no smaller than the number.

    Beyond them it is the next multiple of 128.
    """
    place = tf.searchsorted(sizes, number[None])[0]
    listed = tf.constant(sizes)[tf.minimum(place, len(sizes) - 1)]
    return tf.where(number > sizes[-1], -(-number // 128) * 128, listed)


def _differentiable(loop, fixed_steps, sequences):
    """A loop as a function with a gradient: to the outputs, if wanted, and states."""

    @tf.custom_gradient
    def run_part(n_steps, masks, x, *states_and_weights):
        # The hand-written gradient is the only one: what follows is no matter for
        # the tape, which would otherwise look for one within the compiled function.
        x, *others = map(tf.stop_gradient, (x, *states_and_weights))
        states, weights = others[: loop.n_states], others[loop.n_states :]
        kernel, recurrent = weights[:2]
        run_forward = _compiled_forward(loop, fixed_steps, sequences, saving=True)
        found, saved = run_forward(n_steps, x, states, masks, weights)

        def gradient(*d_found):
            run_backward = _compiled_backward(loop, fixed_steps, sequences)
            d_states, d_weights, d_lists = run_backward(
                n_steps, x, saved, masks, recurrent, d_found
            )
            # Not in the compiled function: a first layer does without.
            d_x = tf.transpose(loop.input_gradient(d_lists, kernel), (1, 0, 2))
            d_masks = [None for _ in masks]
            return None, d_masks, d_x, *d_states, *d_weights

        return found, gradient

    return run_part


def _run_batches(loop, fixed_steps, sequences, n_steps, x, states, weights):
    """A loop without a gradient: the outputs, if wanted, and the last states."""
    n_batches = tf.shape(x)[0] // _SAMPLES_AT_ONCE
    run_forward = _compiled_forward(loop, fixed_steps, sequences, saving=False)

    def step(i, lists):
        own = slice(i * _SAMPLES_AT_ONCE, (i + 1) * _SAMPLES_AT_ONCE)
        own_states = [state[own] for state in states]
        found, _ = run_forward(n_steps, x[own], own_states, [], weights)
        lists = [each.write(i, value) for each, value in zip(lists, found, strict=True)]
        return i + 1, lists

    def unfinished(i, lists):
        return i < n_batches

    n_lists = len(states) + sequences
    lists = [tf.TensorArray(tf.float32, n_batches) for _ in range(n_lists)]
    _, lists = tf.while_loop(
        unfinished, step, (0, lists), parallel_iterations=_SIDE_BY_SIDE
    )
    return [each.concat() for each in lists]


@lru_cache(_MAX_COMPILED)
def _compiled_forward(loop, fixed_steps, sequences, *, saving):
    """The loop, compiled for a fixed number of steps or for any."""

    def run(n_steps, x, states, masks, weights):
        n_steps, mask = fixed_steps or n_steps, masks[0] if masks else None
        last, hidden, saved = loop.forward(
            n_steps, tf.transpose(x, (1, 0, 2)), states, mask, *weights
        )
        outputs = [tf.transpose(hidden[1:], (1, 0, 2))] if sequences else []
        return outputs + last, [hidden, *saved] if saving else []

    return tf.function(run, jit_compile=True, autograph=False)


@lru_cache(_MAX_COMPILED)
def _compiled_backward(loop, fixed_steps, sequences):
    """The loop's gradient, compiled for a fixed number of steps or for any."""

    def run(n_steps, x, saved, masks, recurrent, d_found):
        n_steps, mask = fixed_steps or n_steps, masks[0] if masks else None
        hidden, *saved = saved
        d_hidden, *d_states = d_found if sequences else (None, *d_found)
        if sequences:
            d_hidden = tf.transpose(d_hidden, (1, 0, 2))
        x = tf.transpose(x, (1, 0, 2))
        return loop.backward(
            n_steps, x, saved, hidden, mask, recurrent, d_hidden, d_states
        )

    return tf.function(run, jit_compile=True, autograph=False)
