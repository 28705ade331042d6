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
        self._shape = shape
        self.handle = handle

    def write(self, t, value):
        handle = tf.raw_ops.TensorListSetItem(
            input_handle=self.handle, index=t, item=value
        )
        return _Steps(self._shape, handle)

    def read(self, t):
        return tf.raw_ops.TensorListGetItem(
            input_handle=self.handle,
            index=t,
            element_shape=self._shape,
            element_dtype=tf.float32,
        )

    def stack(self):
        return tf.raw_ops.TensorListStack(
            input_handle=self.handle,
            element_shape=self._shape,
            element_dtype=tf.float32,
        )


def _scan(step, states, sizes, n_steps, n_padded, *, back=False):
    """Run a loop over the steps.

    Parameters
    ----------
    step : callable
        From (step number, states, lists) to new states and lists.
    states : list of tensors of shape (n_samples, size)
    sizes : list of int
        Size of what each list holds for a sample.
    n_steps, n_padded : tensors
        Number of steps to run, and length of the lists.
    back : bool
        Whether to run from the last step to the first.

    Returns
    -------
    states : list of tensors
    lists : list of tensors of shape (n_padded, n_samples, size)
    """
    n_samples = tf.shape(states[0])[0]
    shapes = [tf.stack([n_samples, size]) for size in sizes]
    handles = [
        tf.raw_ops.TensorListReserve(
            element_shape=shape, num_elements=n_padded, element_dtype=tf.float32
        )
        for shape in shapes
    ]

    def body(t, states, handles):
        lists = [_Steps(*pair) for pair in zip(shapes, handles, strict=True)]
        states, lists = step(t, states, lists)
        return t + (-1 if back else 1), states, [each.handle for each in lists]

    def unfinished(t, states, handles):
        return t >= 0 if back else t < n_steps

    start = n_steps - 1 if back else tf.constant(0)
    _, states, handles = tf.while_loop(unfinished, body, (start, states, handles))
    lists = [_Steps(*pair).stack() for pair in zip(shapes, handles, strict=True)]
    return states, lists


def _project(x, weights, bias):
    """All steps' products with weights."""
    flat = tf.matmul(tf.reshape(x, [-1, x.shape[2]]), weights) + bias
    n_steps, n_samples, _ = tf.unstack(tf.shape(x))
    return tf.reshape(flat, [n_steps, n_samples, weights.shape[1]])


def _product_over_steps(a, b):
    """The sum over steps and samples of the outer products."""
    a = tf.reshape(a, [-1, a.shape[2]])
    return tf.matmul(a, tf.reshape(b, [-1, b.shape[2]]), transpose_a=True)


def _input_gradients(x, d_projected):
    """Gradients of the weights of the inputs and of the bias."""
    # One product, because XLA sums slowly over the samples.
    with_one = tf.concat([x, tf.ones_like(x[:, :, :1])], axis=2)
    both = _product_over_steps(with_one, d_projected)
    return both[:-1], both[-1]


def _before(first, steps):
    """What was the state before each step."""
    return tf.concat([first[None], steps[:-1]], axis=0)


def _at_each_step(gradient, t):
    """The gradient by an output, where outputs are wanted at all."""
    return 0.0 if gradient is None else gradient[t]


@dataclass(frozen=True)
class Loop:
    """The time loop of a kind of cell.

    Parameters
    ----------
    forward : callable
        From (n_steps, x, states, kernel, recurrent, bias) to the outputs at all steps,
        the last states, and a list of what the gradient needs.
    backward : callable
        From (n_steps, x, states, kernel, recurrent, saved, hidden, d_hidden, d_states)
        to the gradients by the projected inputs, by the first states, and by the three
        weights. ``d_hidden`` is None if only the last states are wanted.
    """

    forward: Callable
    backward: Callable


def _lstm_forward(n_steps, x, states, kernel, recurrent, bias):
    units = recurrent.shape[0]
    # As tanh(z) = 2 sigmoid(2 z) - 1, one sigmoid serves all four gates.
    double = tf.repeat(tf.constant([1.0, 1.0, 2.0, 1.0]), units)
    projected = _project(x, kernel * double, bias * double)
    recurrent *= double

    def step(t, states, lists):
        h, c = states
        gates, cells, hidden = lists
        gates = gates.write(t, tf.sigmoid(projected[t] + tf.matmul(h, recurrent)))
        i, f, g, o = tf.split(gates.read(t), 4, axis=1)
        c = f * c + i * (2 * g - 1)
        h = o * tf.tanh(c)
        return [h, c], [gates, cells.write(t, c), hidden.write(t, h)]

    sizes = [4 * units, units, units]
    states, lists = _scan(step, states, sizes, n_steps, tf.shape(x)[0])
    return lists[-1], states, lists[:-1]


def _lstm_backward(
    n_steps, x, states, kernel, recurrent, saved, hidden, d_hidden, d_states
):
    gates, cells = saved
    units = recurrent.shape[0]
    back = tf.transpose(recurrent)
    cells_before = _before(states[1], cells)

    def step(t, states, lists):
        d_h, d_c = states
        d_gates, d_cells, tanhs = lists
        s = gates[t]
        i, f, g, o = tf.split(s, 4, axis=1)
        tanhs = tanhs.write(t, tf.tanh(cells[t]))
        tanh = tanhs.read(t)
        d_h += _at_each_step(d_hidden, t)
        d_cells = d_cells.write(t, d_c + d_h * o * (1 - tanh * tanh))
        d_c = d_cells.read(t)
        by = [d_c * (2 * g - 1), d_c * cells_before[t], d_c * 4 * i, d_h * tanh]
        d_gate = s * (1 - s) * tf.concat(by, axis=1)
        lists = [d_gates.write(t, d_gate), d_cells, tanhs]
        return [tf.matmul(d_gate, back), d_c * f], lists

    sizes = [4 * units, units, units]
    d_states, lists = _scan(step, d_states, sizes, n_steps, tf.shape(x)[0], back=True)
    d_gates = lists[0]
    d_kernel, d_bias = _input_gradients(x, d_gates)
    d_recurrent = _product_over_steps(_before(states[0], hidden), d_gates)
    return d_gates, d_states, d_kernel, d_recurrent, d_bias


# The time loop of `keras.layers.LSTM`.
LSTM = Loop(_lstm_forward, _lstm_backward)


def _gru_forward(n_steps, x, states, kernel, recurrent, bias):
    units = recurrent.shape[0]
    # The recurrent bias of the first two gates may as well be the input's.
    in_gates = tf.constant([1.0, 1.0, 0.0])
    projected = _project(x, kernel, bias[0] + bias[1] * tf.repeat(in_gates, units))
    candidate_bias = bias[1, 2 * units :]

    def step(t, states, lists):
        (h,) = states
        gates, candidates, products, hidden = lists
        read, product = projected[t], tf.matmul(h, recurrent)
        two = 2 * units
        gates = gates.write(t, tf.sigmoid(read[:, :two] + product[:, :two]))
        z, r = tf.split(gates.read(t), 2, axis=1)
        product = product[:, two:] + candidate_bias
        products = products.write(t, product)
        candidates = candidates.write(t, tf.tanh(read[:, two:] + r * product))
        candidate = candidates.read(t)
        h = candidate + z * (h - candidate)
        return [h], [gates, candidates, products, hidden.write(t, h)]

    sizes = [2 * units, units, units, units]
    states, lists = _scan(step, states, sizes, n_steps, tf.shape(x)[0])
    return lists[-1], states, lists[:-1]


def _gru_backward(
    n_steps, x, states, kernel, recurrent, saved, hidden, d_hidden, d_states
):
    gates, candidates, products = saved
    units = recurrent.shape[0]
    back = tf.transpose(recurrent)
    hidden_before = _before(states[0], hidden)

    def step(t, states, lists):
        (d_h,) = states
        d_products, d_candidates, d_alls = lists
        d_alls = d_alls.write(t, d_h + _at_each_step(d_hidden, t))
        d_h = d_alls.read(t)
        z, r = tf.split(gates[t], 2, axis=1)
        n = candidates[t]
        d_candidates = d_candidates.write(t, d_h * (1 - z) * (1 - n * n))
        d_n = d_candidates.read(t)
        d_z = d_h * (hidden_before[t] - n) * z * (1 - z)
        d_r = d_n * products[t] * r * (1 - r)
        d_product = tf.concat([d_z, d_r, d_n * r], axis=1)
        lists = [d_products.write(t, d_product), d_candidates, d_alls]
        return [d_h * z + tf.matmul(d_product, back)], lists

    sizes = [3 * units, units, units]
    d_states, (d_products, d_candidates, _) = _scan(
        step, d_states, sizes, n_steps, tf.shape(x)[0], back=True
    )
    d_projected = tf.concat([d_products[:, :, : 2 * units], d_candidates], axis=2)
    d_kernel, d_bias = _input_gradients(x, d_projected)
    d_recurrent = _product_over_steps(hidden_before, d_products)
    d_recurrent_bias = tf.concat(
        [d_bias[: 2 * units], tf.reduce_sum(d_products[:, :, 2 * units :], (0, 1))],
        axis=0,
    )
    d_bias = tf.stack([d_bias, d_recurrent_bias])
    return d_projected, d_states, d_kernel, d_recurrent, d_bias


# The time loop of `keras.layers.GRU` with `reset_after`.
GRU = Loop(_gru_forward, _gru_backward)


def _simple_rnn_forward(n_steps, x, states, kernel, recurrent, bias):
    projected = _project(x, kernel, bias)

    def step(t, states, lists):
        (h,) = states
        h = tf.tanh(projected[t] + tf.matmul(h, recurrent))
        hidden = lists[0].write(t, h)
        return [hidden.read(t)], [hidden]

    sizes = [recurrent.shape[0]]
    states, lists = _scan(step, states, sizes, n_steps, tf.shape(x)[0])
    return lists[0], states, []


def _simple_rnn_backward(
    n_steps, x, states, kernel, recurrent, saved, hidden, d_hidden, d_states
):
    back = tf.transpose(recurrent)

    def step(t, states, lists):
        (d_h,) = states
        h = hidden[t]
        d_h += _at_each_step(d_hidden, t)
        d_sums = lists[0].write(t, d_h * (1 - h * h))
        return [tf.matmul(d_sums.read(t), back)], [d_sums]

    sizes = [recurrent.shape[0]]
    d_states, (d_sums,) = _scan(
        step, d_states, sizes, n_steps, tf.shape(x)[0], back=True
    )
    d_kernel, d_bias = _input_gradients(x, d_sums)
    d_recurrent = _product_over_steps(_before(states[0], hidden), d_sums)
    return d_sums, d_states, d_kernel, d_recurrent, d_bias


# The time loop of `keras.layers.SimpleRNN`.
SIMPLE_RNN = Loop(_simple_rnn_forward, _simple_rnn_backward)


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


def run(loop, x, states, weights, *, training, sequences):
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

    Returns
    -------
    hidden : tensor of shape (n_samples, n_steps, units) or None
    states : list of tensors of shape (n_samples, units)
        The last ones.
    """
    fixed_steps = x.shape[1]
    x = tf.transpose(x, (1, 0, 2))
    n_steps, n_samples, _ = tf.unstack(tf.shape(x))
    beyond_steps = 0
    if fixed_steps is None:
        beyond_steps = _fill(n_steps, _STEP_SIZES) - n_steps
    if training:
        half = _fill((n_samples + 1) // 2, _SAMPLE_SIZES)
        n_filled = 2 * half
    else:
        n_filled = -(-n_samples // _SAMPLES_AT_ONCE) * _SAMPLES_AT_ONCE
    beyond = n_filled - n_samples
    x = tf.pad(x, [[0, beyond_steps], [0, beyond], [0, 0]])
    states = [tf.pad(state, [[0, beyond], [0, 0]]) for state in states]
    if training:
        parts = []
        for part in (slice(None, half), slice(half, None)):
            run_part = _differentiable(loop, fixed_steps, sequences)
            own = [state[part] for state in states]
            parts.append(run_part(n_steps, x[:, part], *own, *weights))
    else:
        parts = [
            _run_batches(loop, fixed_steps, sequences, n_steps, x, states, weights)
        ]
    hidden, states = None, [list(part) for part in parts]
    if sequences:
        hidden = tf.concat([part.pop(0) for part in states], axis=1)
        hidden = tf.transpose(hidden[:n_steps, :n_samples], (1, 0, 2))
    states = [tf.concat(both, axis=0)[:n_samples] for both in zip(*states, strict=True)]
    return hidden, states


def _fill(number, sizes):
    """The first of the sizes that is no smaller than the number."""
    return tf.constant(sizes)[tf.searchsorted(sizes, number[None])[0]]


def _differentiable(loop, fixed_steps, sequences):
    """A loop as a function with a gradient: to the outputs, if wanted, and states."""

    @tf.custom_gradient
    def run_part(n_steps, x, *states_and_weights):
        # The hand-written gradient is the only one: what follows is no matter for
        # the tape, which would otherwise look for one within the compiled function.
        x, *others = map(tf.stop_gradient, (x, *states_and_weights))
        states, weights = others[:-3], others[-3:]
        kernel, recurrent, _ = weights
        forward = _compiled(loop.forward, fixed_steps)
        hidden, last, saved = forward(n_steps, x, states, *weights)

        def gradient(*d_outputs):
            d_hidden = d_outputs[0] if sequences else None
            d_states = list(d_outputs[1:] if sequences else d_outputs)
            backward = _compiled(loop.backward, fixed_steps)
            d_projected, d_first, *d_weights = backward(
                n_steps, x, states, kernel, recurrent, saved, hidden, d_hidden, d_states
            )
            # Not in the compiled function: a first layer does without.
            d_x = tf.matmul(
                tf.reshape(d_projected, [-1, kernel.shape[1]]), kernel, transpose_b=True
            )
            return None, tf.reshape(d_x, tf.shape(x)), *d_first, *d_weights

        return ([hidden] if sequences else []) + last, gradient

    return run_part


def _run_batches(loop, fixed_steps, sequences, n_steps, x, states, weights):
    """A loop without a gradient: the outputs, if wanted, and the last states."""
    n_batches = tf.shape(x)[1] // _SAMPLES_AT_ONCE
    forward = _compiled(loop.forward, fixed_steps)

    def step(i, lists):
        own = slice(i * _SAMPLES_AT_ONCE, (i + 1) * _SAMPLES_AT_ONCE)
        hidden, last, _ = forward(
            n_steps, x[:, own], [state[own] for state in states], *weights
        )
        found = ([tf.transpose(hidden, (1, 0, 2))] if sequences else []) + last
        return i + 1, [
            each.write(i, value) for each, value in zip(lists, found, strict=True)
        ]

    def unfinished(i, lists):
        return i < n_batches

    lists = [
        tf.TensorArray(tf.float32, n_batches) for _ in range(sequences + len(states))
    ]
    _, lists = tf.while_loop(
        unfinished, step, (0, lists), parallel_iterations=_SIDE_BY_SIDE
    )
    found = [each.concat() for each in lists]
    if sequences:
        found[0] = tf.transpose(found[0], (1, 0, 2))
    return found


@lru_cache(_MAX_COMPILED)
def _compiled(function, fixed_steps):
    """Half of a loop, compiled for a fixed number of steps or for any."""

    def run(n_steps, *args):
        return function(n_steps if fixed_steps is None else fixed_steps, *args)

    return tf.function(run, jit_compile=True, autograph=False)
