"""Recurrent cells as scans over time: the equations, forward and backward.

Why the gradients are written by hand
-------------------------------------
On a CPU Keras' layers run some ten small operations for each step. XLA compiles the
loop over the steps, but the gradient that TensorFlow derives for a loop keeps the
states in lists, and no such list can leave a compiled function. So the forward and the
backward pass are compiled separately, with tensors in between, and joined by
`tf.custom_gradient` (`sklstm.engine.layers.scans`). Written by hand, the backward pass
also adds up no weights' gradient step by step: the loops hold the recurrent product
alone, while the inputs' products are computed before and the gradients by weights and
inputs after it, each as one matrix product over all steps. With 60 steps, 64 units and
a batch of 32 a training step takes 5.5 ms (LSTM) and 6.5 ms (GRU) in place of Keras' 13
to 16 ms.

A loop keeps what it computes at each step in lists, and reads some of it back at once.
That is on purpose: XLA would otherwise fuse the computation of an activation into each
of its uses.

Notation
--------
``x[t]`` is the input of step t with a last column of ones, ``h[t]`` the state that is
the output of the step. ``W`` is the kernel with the bias as its last row, ``U`` the
recurrent kernel; ``W_k`` and ``U_k`` are their columns of gate k. ``m`` is the mask of
recurrent dropout, 1 where there is none. ``*`` multiplies element by element, ``@`` is
the matrix product, and ``d(v)`` the derivative of the loss by v. The backward pass runs
from the last step to the first; ``d(h[t])`` is the sum of the derivative by the output
of step t and that by the state, from step t + 1.

LSTM (Hochreiter and Schmidhuber 1997, Gers et al. 2000)
--------------------------------------------------------
Gates in Keras' order i, f, c, o. As tanh(a) = 2 sigmoid(2 a) - 1, one sigmoid serves
all four: the columns of gate c are doubled.

Forward::

    a_k = x[t] @ W_k + (m * h[t-1]) @ U_k        for k in i, f, c, o
    i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)
    s = sigmoid(2 a_c)                           so that tanh(a_c) = 2 s - 1
    c[t] = f * c[t-1] + i * (2 s - 1)
    h[t] = o * tanh(c[t])

Backward::

    d(c[t]) += d(h[t]) * o * (1 - tanh(c[t])^2)
    d(a_i) = d(c[t]) * (2 s - 1) * i * (1 - i)
    d(a_f) = d(c[t]) * c[t-1] * f * (1 - f)
    d(a_c) = d(c[t]) * 4 i * s * (1 - s)         as 1 - (2 s - 1)^2 = 4 s (1 - s)
    d(a_o) = d(h[t]) * tanh(c[t]) * o * (1 - o)
    d(h[t-1]) = m * (d(a) @ U^T)
    d(c[t-1]) = d(c[t]) * f

After the loop, with sums over steps and samples::

    d(W) = sum x[t]^T @ d(a)
    d(U) = sum (m * h[t-1])^T @ d(a)
    d(x[t]) = d(a) @ W^T

GRU (Cho et al. 2014), with Keras' ``reset_after``
--------------------------------------------------
Gates in Keras' order z, r, n. The reset gate acts on the recurrent product q, which has
a bias of its own, b_q.

Forward::

    a_k = x[t] @ W_k + (m * h[t-1]) @ U_k        for k in z, r
    z, r = sigmoid(a_z), sigmoid(a_r)
    q = (m * h[t-1]) @ U_n + b_q
    n = tanh(x[t] @ W_n + r * q)
    h[t] = n + z * (h[t-1] - n)                  which is z * h[t-1] + (1 - z) * n

Backward, with a_n the argument of the tanh::

    d(a_n) = d(h[t]) * (1 - z) * (1 - n^2)
    d(a_z) = d(h[t]) * (h[t-1] - n) * z * (1 - z)
    d(a_r) = d(a_n) * q * r * (1 - r)
    d(q) = d(a_n) * r
    d(h[t-1]) = d(h[t]) * z + m * ([d(a_z), d(a_r), d(q)] @ U^T)

After the loop::

    d(W) = sum x[t]^T @ [d(a_z), d(a_r), d(a_n)]
    d(U) = sum (m * h[t-1])^T @ [d(a_z), d(a_r), d(q)]
    d(b_q) = sum d(q)
    d(x[t]) = [d(a_z), d(a_r), d(a_n)] @ W^T

Simple RNN (Elman 1990)
-----------------------
Forward::

    h[t] = tanh(a)                               a = x[t] @ W + (m * h[t-1]) @ U

Backward::

    d(a) = d(h[t]) * (1 - h[t]^2)
    d(h[t-1]) = m * (d(a) @ U^T)

After the loop as for the LSTM.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from sklstm.engine.backend import tf
from sklstm.engine.layers.scan_loop import (
    StepList,
    compute_once,
    project,
    run_loop,
    sum_outer_products,
)


class ScanInputs(NamedTuple):
    """What a cell reads over time, beside its states."""

    n_steps: int | tf.Tensor
    x: tf.Tensor  # (n_steps + 1 or more, n_samples, n_features + 1), ones at the end
    mask: tf.Tensor | None  # (n_samples, units): recurrent dropout

    def apply_mask(self, h: tf.Tensor) -> tf.Tensor:
        """Apply recurrent dropout to a state, or to the gradient by it."""
        return h if self.mask is None else h * self.mask


class ForwardPass(NamedTuple):
    """Results of a cell's forward pass."""

    last_states: list[tf.Tensor]
    hidden: tf.Tensor  # h before the first and after each step
    saved: list[tf.Tensor]  # what else the backward pass needs


class BackwardPass(NamedTuple):
    """Results of a cell's backward pass."""

    d_states: list[tf.Tensor]  # by the first states
    d_weights: list[tf.Tensor]
    d_sums: list[tf.Tensor]  # by the arguments of the activations, at all steps


class ScanCell(ABC):
    """A recurrent cell with the equations of its forward and backward pass.

    All tensors with a time axis have it first, and at least one row more than there are
    steps: the states before each step and after the last one, zero gradients after the
    last step. So products over all rows need no slicing.
    """

    n_states: int

    @abstractmethod
    def forward(
        self,
        inputs: ScanInputs,
        states: Sequence[tf.Tensor],
        weights: Sequence[tf.Tensor],
    ) -> ForwardPass:
        """Run the cell over time.

        Parameters
        ----------
        inputs : ScanInputs
        states : sequence of tensors of shape (n_samples, units)
            First states; h is the first of them.
        weights : sequence of tensors
            W, U, and for a GRU b_q.
        """

    @abstractmethod
    def backward(
        self,
        inputs: ScanInputs,
        outputs: ForwardPass,
        recurrent_kernel: tf.Tensor,
        d_hidden: tf.Tensor | None,
        d_states: Sequence[tf.Tensor],
    ) -> BackwardPass:
        """Compute the gradients by the first states and by the weights.

        Parameters
        ----------
        inputs : ScanInputs
        outputs : ForwardPass
            Its last states are not needed.
        recurrent_kernel : tensor
            U.
        d_hidden : tensor or None
            Gradient by the outputs of all steps; None if only the last states are used.
        d_states : sequence of tensors
            Gradients by the last states.
        """

    @abstractmethod
    def input_gradient(
        self, d_sums: Sequence[tf.Tensor], kernel: tf.Tensor
    ) -> tf.Tensor:
        """Compute the gradient by x from the last result of `backward` and W."""


def _add_output_gradient(
    d_h: tf.Tensor, d_hidden: tf.Tensor | None, t: tf.Tensor
) -> tf.Tensor:
    """Add the gradient by the output of a step to that from the next step."""
    return d_h if d_hidden is None else d_h + d_hidden[t]


class _LSTMCell(ScanCell):
    n_states = 2

    def forward(
        self,
        inputs: ScanInputs,
        states: Sequence[tf.Tensor],
        weights: Sequence[tf.Tensor],
    ) -> ForwardPass:
        kernel, recurrent_kernel = weights
        n_rows, n_samples, _ = tf.unstack(tf.shape(inputs.x))
        units = recurrent_kernel.shape[0]
        doubled = tf.repeat(tf.constant([1.0, 1.0, 2.0, 1.0]), units)
        recurrent_kernel *= doubled

        def step(
            t: tf.Tensor, states: list[tf.Tensor], lists: list[StepList]
        ) -> tuple[list[tf.Tensor], list[StepList]]:
            h, c = states
            gates, cells, hidden = lists
            product = tf.matmul(inputs.apply_mask(h), recurrent_kernel)
            gates = gates.write(t, tf.sigmoid(gates.read(t) + product))
            i, f, s, o = tf.split(gates.read(t), 4, axis=1)
            c = f * c + i * (2 * s - 1)
            h = o * tf.tanh(c)
            return [h, c], [gates, cells.write(t + 1, c), hidden.write(t + 1, h)]

        h, c = states
        lists = [
            StepList.from_tensor(project(inputs.x, kernel * doubled)),
            StepList.zeros(n_rows, n_samples, units).write(0, c),
            StepList.zeros(n_rows, n_samples, units).write(0, h),
        ]
        last_states, (gates, cells, hidden) = run_loop(
            step, states, lists, inputs.n_steps
        )
        return ForwardPass(last_states, hidden, [gates, cells])

    def backward(
        self,
        inputs: ScanInputs,
        outputs: ForwardPass,
        recurrent_kernel: tf.Tensor,
        d_hidden: tf.Tensor | None,
        d_states: Sequence[tf.Tensor],
    ) -> BackwardPass:
        hidden, (gates, cells) = outputs.hidden, outputs.saved
        n_rows, n_samples, units = tf.unstack(tf.shape(hidden))
        transposed = tf.transpose(recurrent_kernel)

        def step(
            t: tf.Tensor, states: list[tf.Tensor], lists: list[StepList]
        ) -> tuple[list[tf.Tensor], list[StepList]]:
            d_h, d_c = states
            d_sums, d_cell, tanh_cell = lists
            activations = gates[t]
            i, f, s, o = tf.split(activations, 4, axis=1)
            tanh_cell, tanh_c = compute_once(tanh_cell, t, tf.tanh(cells[t + 1]))
            d_h = _add_output_gradient(d_h, d_hidden, t)
            d_c += d_h * o * (1 - tanh_c * tanh_c)
            d_cell, d_c = compute_once(d_cell, t, d_c)
            factors = [d_c * (2 * s - 1), d_c * cells[t], d_c * 4 * i, d_h * tanh_c]
            d_a = activations * (1 - activations) * tf.concat(factors, axis=1)
            lists = [d_sums.write(t, d_a), d_cell, tanh_cell]
            return [inputs.apply_mask(tf.matmul(d_a, transposed)), d_c * f], lists

        lists = [
            StepList.zeros(n_rows, n_samples, 4 * units),
            StepList.zeros(2, n_samples, units),
            StepList.zeros(2, n_samples, units),
        ]
        d_first, (d_sums, *_) = run_loop(
            step, d_states, lists, inputs.n_steps, backwards=True
        )
        d_recurrent = sum_outer_products(inputs.apply_mask(hidden), d_sums)
        d_kernel = sum_outer_products(inputs.x, d_sums)
        return BackwardPass(d_first, [d_kernel, d_recurrent], [d_sums])

    def input_gradient(
        self, d_sums: Sequence[tf.Tensor], kernel: tf.Tensor
    ) -> tf.Tensor:
        return project(d_sums[0], tf.transpose(kernel))


class _GRUCell(ScanCell):
    n_states = 1

    def forward(
        self,
        inputs: ScanInputs,
        states: Sequence[tf.Tensor],
        weights: Sequence[tf.Tensor],
    ) -> ForwardPass:
        kernel, recurrent_kernel, product_bias = weights
        n_rows, n_samples, _ = tf.unstack(tf.shape(inputs.x))
        units = recurrent_kernel.shape[0]
        n_gates = 2 * units  # columns of z and r

        def step(
            t: tf.Tensor, states: list[tf.Tensor], lists: list[StepList]
        ) -> tuple[list[tf.Tensor], list[StepList]]:
            (h,) = states
            gates, candidates, products, hidden = lists
            product = tf.matmul(inputs.apply_mask(h), recurrent_kernel)
            gates = gates.write(t, tf.sigmoid(gates.read(t) + product[:, :n_gates]))
            z, r = tf.split(gates.read(t), 2, axis=1)
            q = product[:, n_gates:] + product_bias
            n = tf.tanh(candidates.read(t) + r * q)
            candidates = candidates.write(t, n)
            n = candidates.read(t)
            h = n + z * (h - n)
            products, hidden = products.write(t, q), hidden.write(t + 1, h)
            return [h], [gates, candidates, products, hidden]

        lists = [
            StepList.from_tensor(project(inputs.x, kernel[:, :n_gates])),
            StepList.from_tensor(project(inputs.x, kernel[:, n_gates:])),
            StepList.zeros(n_rows, n_samples, units),
            StepList.zeros(n_rows, n_samples, units).write(0, states[0]),
        ]
        last_states, (*saved, hidden) = run_loop(step, states, lists, inputs.n_steps)
        return ForwardPass(last_states, hidden, saved)

    def backward(
        self,
        inputs: ScanInputs,
        outputs: ForwardPass,
        recurrent_kernel: tf.Tensor,
        d_hidden: tf.Tensor | None,
        d_states: Sequence[tf.Tensor],
    ) -> BackwardPass:
        hidden, (gates, candidates, products) = outputs.hidden, outputs.saved
        n_rows, n_samples, units = tf.unstack(tf.shape(hidden))
        n_gates = 2 * recurrent_kernel.shape[0]
        transposed = tf.transpose(recurrent_kernel)

        def step(
            t: tf.Tensor, states: list[tf.Tensor], lists: list[StepList]
        ) -> tuple[list[tf.Tensor], list[StepList]]:
            (d_h,) = states
            d_products, d_candidates, d_output = lists
            d_h = _add_output_gradient(d_h, d_hidden, t)
            d_output, d_h = compute_once(d_output, t, d_h)
            z, r = tf.split(gates[t], 2, axis=1)
            n = candidates[t]
            d_candidates = d_candidates.write(t, d_h * (1 - z) * (1 - n * n))
            d_n = d_candidates.read(t)
            d_z = d_h * (hidden[t] - n) * z * (1 - z)
            d_r = d_n * products[t] * r * (1 - r)
            d_product = tf.concat([d_z, d_r, d_n * r], axis=1)
            lists = [d_products.write(t, d_product), d_candidates, d_output]
            d_h = d_h * z + inputs.apply_mask(tf.matmul(d_product, transposed))
            return [d_h], lists

        lists = [
            StepList.zeros(n_rows, n_samples, 3 * units),
            StepList.zeros(n_rows, n_samples, units),
            StepList.zeros(2, n_samples, units),
        ]
        d_first, (d_products, d_candidates, _) = run_loop(
            step, d_states, lists, inputs.n_steps, backwards=True
        )
        # Its columns of z and r are those of d(W); of its columns of q the last row,
        # from the ones in x, is d(b_q).
        d_kernel = sum_outer_products(inputs.x, d_products)
        d_candidate_kernel = sum_outer_products(inputs.x, d_candidates)
        d_weights = [
            tf.concat([d_kernel[:, :n_gates], d_candidate_kernel], axis=1),
            sum_outer_products(inputs.apply_mask(hidden), d_products),
            d_kernel[-1, n_gates:],
        ]
        return BackwardPass(d_first, d_weights, [d_products, d_candidates])

    def input_gradient(
        self, d_sums: Sequence[tf.Tensor], kernel: tf.Tensor
    ) -> tf.Tensor:
        d_products, d_candidates = d_sums
        n_gates = 2 * d_candidates.shape[2]
        d_projected = tf.concat([d_products[:, :, :n_gates], d_candidates], axis=2)
        return project(d_projected, tf.transpose(kernel))


class _SimpleRNNCell(ScanCell):
    n_states = 1

    def forward(
        self,
        inputs: ScanInputs,
        states: Sequence[tf.Tensor],
        weights: Sequence[tf.Tensor],
    ) -> ForwardPass:
        kernel, recurrent_kernel = weights
        n_rows, n_samples, _ = tf.unstack(tf.shape(inputs.x))
        projected = project(inputs.x, kernel)

        def step(
            t: tf.Tensor, states: list[tf.Tensor], lists: list[StepList]
        ) -> tuple[list[tf.Tensor], list[StepList]]:
            (h,), (hidden,) = states, lists
            product = tf.matmul(inputs.apply_mask(h), recurrent_kernel)
            hidden = hidden.write(t + 1, tf.tanh(projected[t] + product))
            return [hidden.read(t + 1)], [hidden]

        units = recurrent_kernel.shape[0]
        hidden = StepList.zeros(n_rows, n_samples, units).write(0, states[0])
        last_states, (stacked,) = run_loop(step, states, [hidden], inputs.n_steps)
        return ForwardPass(last_states, stacked, [])

    def backward(
        self,
        inputs: ScanInputs,
        outputs: ForwardPass,
        recurrent_kernel: tf.Tensor,
        d_hidden: tf.Tensor | None,
        d_states: Sequence[tf.Tensor],
    ) -> BackwardPass:
        hidden = outputs.hidden
        transposed = tf.transpose(recurrent_kernel)

        def step(
            t: tf.Tensor, states: list[tf.Tensor], lists: list[StepList]
        ) -> tuple[list[tf.Tensor], list[StepList]]:
            (d_h,), (d_sums,) = states, lists
            h = hidden[t + 1]
            d_h = _add_output_gradient(d_h, d_hidden, t)
            d_sums = d_sums.write(t, d_h * (1 - h * h))
            d_h = inputs.apply_mask(tf.matmul(d_sums.read(t), transposed))
            return [d_h], [d_sums]

        lists = [StepList.zeros(*tf.unstack(tf.shape(hidden)))]
        d_first, (d_sums,) = run_loop(
            step, d_states, lists, inputs.n_steps, backwards=True
        )
        d_recurrent = sum_outer_products(inputs.apply_mask(hidden), d_sums)
        d_kernel = sum_outer_products(inputs.x, d_sums)
        return BackwardPass(d_first, [d_kernel, d_recurrent], [d_sums])

    def input_gradient(
        self, d_sums: Sequence[tf.Tensor], kernel: tf.Tensor
    ) -> tf.Tensor:
        return project(d_sums[0], tf.transpose(kernel))


# The cells of `keras.layers.LSTM`, `GRU` (with ``reset_after``) and `SimpleRNN`.
LSTM, GRU, SIMPLE_RNN = _LSTMCell(), _GRUCell(), _SimpleRNNCell()
