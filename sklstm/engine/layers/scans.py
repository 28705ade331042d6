"""Run a recurrent cell over time: batching, compilation by XLA and the gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from sklstm.engine.backend import tf
from sklstm.engine.layers.scan_cells import ForwardPass, ScanCell, ScanInputs

# Samples that a scan runs at once without a gradient: the number is always the same, so
# there is one function to compile. Several such batches run side by side.
_SAMPLES_AT_ONCE = 32
_PARALLEL_BATCHES = 4

# XLA compiles a function for each number of samples and steps. So half a training batch
# is filled up to one of few sizes, and so are sequences of unknown length.
_SAMPLE_SIZES = [16, 32, 48, 64, 96, *range(128, 8192 + 1, 128)]
_STEP_SIZES = [2**i for i in range(4, 24)]

# Compiled functions that are kept. Layers of the same sizes share them.
_MAX_COMPILED = 256


class ScanResult(NamedTuple):
    """Outputs of a scan."""

    hidden: tf.Tensor | None  # (n_samples, n_steps, units), if wanted
    last_states: list[tf.Tensor]  # (n_samples, units)


class _Scan(NamedTuple):
    """What a function is compiled for."""

    cell: ScanCell
    fixed_steps: int | None  # None for sequences of unknown length
    return_sequences: bool


def run_training_scan(
    cell: ScanCell,
    x: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: Sequence[tf.Tensor],
    *,
    return_sequences: bool,
    mask: tf.Tensor | None = None,
) -> ScanResult:
    """Run a cell over whole sequences, with a gradient.

    Parameters
    ----------
    cell : ScanCell
    x : tensor of shape (n_samples, n_steps, n_features)
    states : sequence of tensors of shape (n_samples, units)
        Initial states, the output first.
    weights : sequence of tensors
        Kernel, recurrent kernel and bias of the Keras layer.
    return_sequences : bool
        Whether the outputs at all steps are wanted.
    mask : tensor of shape (n_samples, units), optional
        Recurrent dropout: the factors on the output where the recurrent products read
        it.

    Returns
    -------
    result : ScanResult
    """
    n_samples, n_steps, _ = tf.unstack(tf.shape(x))
    # A loop keeps one core busy, so two halves of the batch run side by side.
    half = _fill((n_samples + 1) // 2, _SAMPLE_SIZES)
    n_missing = 2 * half - n_samples
    scan = _Scan(cell, x.shape[1], return_sequences)
    x = _fill_inputs(x, n_steps, n_missing)
    states = [_fill_samples(state, n_missing) for state in states]
    masks = [] if mask is None else [_fill_samples(mask, n_missing)]
    cell_weights = _split_bias(*weights)
    run_half = _differentiable(scan)
    halves = [
        run_half(
            n_steps,
            [mask[part] for mask in masks],
            x[part],
            *(state[part] for state in states),
            *cell_weights,
        )
        for part in (slice(None, half), slice(half, None))
    ]
    outputs = [tf.concat(both, axis=0) for both in zip(*halves, strict=True)]
    return _without_filling(scan, outputs, n_samples, n_steps)


def run_prediction_scan(
    cell: ScanCell,
    x: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: Sequence[tf.Tensor],
    *,
    return_sequences: bool,
) -> ScanResult:
    """Run a cell over whole sequences, without a gradient.

    Parameters and result are those of `run_training_scan`.
    """
    n_samples, n_steps, _ = tf.unstack(tf.shape(x))
    n_missing = -(-n_samples // _SAMPLES_AT_ONCE) * _SAMPLES_AT_ONCE - n_samples
    scan = _Scan(cell, x.shape[1], return_sequences)
    x = _fill_inputs(x, n_steps, n_missing)
    states = [_fill_samples(state, n_missing) for state in states]
    outputs = _run_batches(scan, n_steps, x, states, _split_bias(*weights))
    return _without_filling(scan, outputs, n_samples, n_steps)


def _fill_inputs(x: tf.Tensor, n_steps: tf.Tensor, n_missing: tf.Tensor) -> tf.Tensor:
    """Fill up samples and steps, add a row after the last and a column of ones."""
    n_rows = n_steps if x.shape[1] else _fill(n_steps, _STEP_SIZES)
    x = tf.pad(x, [[0, n_missing], [0, n_rows + 1 - n_steps], [0, 0]])
    return tf.pad(x, [[0, 0], [0, 0], [0, 1]], constant_values=1.0)


def _fill_samples(state: tf.Tensor, n_missing: tf.Tensor) -> tf.Tensor:
    return tf.pad(state, [[0, n_missing], [0, 0]])


def _without_filling(
    scan: _Scan, outputs: list[tf.Tensor], n_samples: tf.Tensor, n_steps: tf.Tensor
) -> ScanResult:
    hidden = outputs.pop(0)[:n_samples, :n_steps] if scan.return_sequences else None
    return ScanResult(hidden, [state[:n_samples] for state in outputs])


def _fill(number: tf.Tensor, sizes: list[int]) -> tf.Tensor:
    """Return the first of the sizes that is no smaller than the number.

    Beyond them it is the next multiple of 128.
    """
    place = tf.searchsorted(sizes, number[None])[0]
    listed = tf.constant(sizes)[tf.minimum(place, len(sizes) - 1)]
    return tf.where(number > sizes[-1], -(-number // 128) * 128, listed)


def _split_bias(
    kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Convert a Keras layer's weights to those of a scan.

    The bias becomes the last row of the kernel; a GRU's bias of the candidate's
    recurrent product remains.
    """
    if len(bias.shape) == 1:
        return tf.concat([kernel, bias[None]], axis=0), recurrent_kernel
    # Keras adds a GRU's second bias to the recurrent product. For the two gates that is
    # the same as adding it to the projected inputs.
    n_gates = 2 * recurrent_kernel.shape[0]
    input_bias = bias[0] + tf.pad(bias[1, :n_gates], [[0, bias.shape[1] - n_gates]])
    kernel = tf.concat([kernel, input_bias[None]], axis=0)
    return kernel, recurrent_kernel, bias[1, n_gates:]


def _differentiable(scan: _Scan) -> Callable:
    """Make the scan a function with a gradient, from inputs to outputs and states."""

    @tf.custom_gradient
    def run_part(
        n_steps: tf.Tensor,
        masks: list[tf.Tensor],
        x: tf.Tensor,
        *states_and_weights: tf.Tensor,
    ) -> tuple[list[tf.Tensor], Callable]:
        # The hand-written gradient is the only one. Without this the gradient tape
        # would look for another one within the compiled function.
        x, *others = map(tf.stop_gradient, (x, *states_and_weights))
        states, weights = others[: scan.cell.n_states], others[scan.cell.n_states :]
        kernel, recurrent_kernel = weights[:2]
        run_forward = _compiled_forward(scan, saving=True)
        outputs, saved = run_forward(n_steps, x, states, masks, weights)

        def gradient(*d_outputs: tf.Tensor) -> tuple:
            run_backward = _compiled_backward(scan)
            d_states, d_weights, d_sums = run_backward(
                n_steps, x, saved, masks, recurrent_kernel, d_outputs
            )
            # Outside of the compiled function: a first layer does not need it.
            d_x = tf.transpose(scan.cell.input_gradient(d_sums, kernel), (1, 0, 2))
            d_masks = [None for _ in masks]
            return None, d_masks, d_x, *d_states, *d_weights

        return outputs, gradient

    return run_part


def _run_batches(
    scan: _Scan,
    n_steps: tf.Tensor,
    x: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: Sequence[tf.Tensor],
) -> list[tf.Tensor]:
    """Run the scan without a gradient: the outputs, if wanted, and the last states."""
    n_batches = tf.shape(x)[0] // _SAMPLES_AT_ONCE
    run_forward = _compiled_forward(scan, saving=False)

    def step(
        i: tf.Tensor, results: list[tf.TensorArray]
    ) -> tuple[tf.Tensor, list[tf.TensorArray]]:
        batch = slice(i * _SAMPLES_AT_ONCE, (i + 1) * _SAMPLES_AT_ONCE)
        batch_states = [state[batch] for state in states]
        outputs, _ = run_forward(n_steps, x[batch], batch_states, [], weights)
        results = [
            array.write(i, value) for array, value in zip(results, outputs, strict=True)
        ]
        return i + 1, results

    def unfinished(i: tf.Tensor, results: list[tf.TensorArray]) -> tf.Tensor:
        return i < n_batches

    n_results = len(states) + scan.return_sequences
    results = [tf.TensorArray(tf.float32, n_batches) for _ in range(n_results)]
    _, results = tf.while_loop(
        unfinished, step, (0, results), parallel_iterations=_PARALLEL_BATCHES
    )
    return [array.concat() for array in results]


@lru_cache(_MAX_COMPILED)
def _compiled_forward(scan: _Scan, *, saving: bool) -> Callable:
    """Compile the forward pass, with what the backward pass needs if ``saving``."""

    def run(
        n_steps: tf.Tensor,
        x: tf.Tensor,
        states: list[tf.Tensor],
        masks: list[tf.Tensor],
        weights: list[tf.Tensor],
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        inputs = _time_major(scan, n_steps, x, masks)
        last_states, hidden, saved = scan.cell.forward(inputs, states, weights)
        outputs = []
        if scan.return_sequences:
            outputs = [tf.transpose(hidden[1:], (1, 0, 2))]
        return outputs + last_states, [hidden, *saved] if saving else []

    return tf.function(run, jit_compile=True, autograph=False)


@lru_cache(_MAX_COMPILED)
def _compiled_backward(scan: _Scan) -> Callable:
    """Compile the backward pass."""

    def run(
        n_steps: tf.Tensor,
        x: tf.Tensor,
        saved: list[tf.Tensor],
        masks: list[tf.Tensor],
        recurrent_kernel: tf.Tensor,
        d_outputs: tuple[tf.Tensor, ...],
    ) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
        d_hidden = None
        d_states = list(d_outputs)
        if scan.return_sequences:
            d_hidden = tf.transpose(d_states.pop(0), (1, 0, 2))
        inputs = _time_major(scan, n_steps, x, masks)
        outputs = ForwardPass(last_states=[], hidden=saved[0], saved=saved[1:])
        result = scan.cell.backward(
            inputs, outputs, recurrent_kernel, d_hidden, d_states
        )
        return result.d_states, result.d_weights, result.d_sums

    return tf.function(run, jit_compile=True, autograph=False)


def _time_major(
    scan: _Scan, n_steps: tf.Tensor, x: tf.Tensor, masks: list[tf.Tensor]
) -> ScanInputs:
    return ScanInputs(
        n_steps=scan.fixed_steps or n_steps,
        x=tf.transpose(x, (1, 0, 2)),
        mask=masks[0] if masks else None,
    )
