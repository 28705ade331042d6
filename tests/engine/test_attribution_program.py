"""Attributions are integrated gradients of the plain Keras network."""

import numpy as np
import pytest

from sklstm.engine import (
    AttributionNetwork,
    ConvStem,
    RecurrentStack,
    SequenceData,
    SequenceNetwork,
    TaggingNetwork,
    TrainingSpec,
    WindowData,
    WindowNetwork,
    borrow_program,
)
from sklstm.engine.private_api import single_precision

TRAINING = TrainingSpec("mse", "adam")
RNG = np.random.default_rng(0)
LENGTHS = np.array([5, 9, 1, 7])
STARTS = np.cumsum(LENGTHS) - LENGTHS


def stack(cell="lstm", units=(4,), **kwargs):
    return RecurrentStack(cell, units, **kwargs)


def numbers(n_columns):
    rows = RNG.normal(size=(LENGTHS.sum(), n_columns)).astype(np.float32)
    return SequenceData(rows, STARTS, LENGTHS)


def windows(n_columns, n_targets=1):
    series = RNG.normal(size=(40, n_columns)).astype(np.float32)
    starts = np.arange(0, 20, 3)
    shape = (len(starts), n_targets)
    return WindowData(series, starts, np.zeros(shape), np.ones(shape))


def with_ids(data, columns, field):
    values = getattr(data, field).copy()
    values[:, columns] = RNG.integers(0, 3, size=(len(values), len(columns)))
    return data._replace(**{field: values})


TOKENS = SequenceData(
    RNG.integers(1, 8, LENGTHS.sum()).astype(np.int32), STARTS, LENGTHS
)

CASES = {
    "window": (WindowNetwork(stack(), 8, 3, 2, 1, 1, linear_skip=True), windows(2)),
    "gru in patches": (
        WindowNetwork(stack("gru", (3, 2)), 8, 3, 2, 1, 1, patch_length=4),
        windows(2),
    ),
    "segments": (
        WindowNetwork(
            stack("gru"), 8, 4, 3, 1, 1, 1, patch_length=2, decoder="segments"
        ),
        windows(3),
    ),
    "categories": (
        WindowNetwork(
            stack(), 8, 3, 4, 1, 1, 2, linear_skip=True, categories=((1, 3), (3, 3))
        ),
        with_ids(windows(4), [1, 3], "series"),
    ),
    "classifier": (
        SequenceNetwork(stack(bidirectional=True), 2, 3, "softmax", "all", 2),
        numbers(2),
    ),
    "masks and ids": (
        SequenceNetwork(stack(), 2, 3, "softmax", n_masks=1, n_ids=(3,)),
        with_ids(numbers(4), [3], "rows"),
    ),
    "stem": (
        SequenceNetwork(stack(), 2, 1, stem=ConvStem((3,), (3,))),
        numbers(2),
    ),
    "tokens": (
        SequenceNetwork(stack(), 1, 3, "softmax", n_tokens=8, embedding_dim=4),
        TOKENS,
    ),
    "tagger": (TaggingNetwork(stack(), 2, 3, "softmax"), numbers(2)),
}


@pytest.fixture(params=CASES)
def case(request):
    network, data = CASES[request.param]
    rng = np.random.default_rng(1)
    weights = []
    for weight in network.build().weights:
        values = rng.normal(0, 0.5, weight.shape).astype(np.float32)
        weights.append(abs(values) if "variance" in weight.path else values)
    weights = tuple(weights)
    which = rng.integers(0, 3, len(data.starts))
    if isinstance(network, SequenceNetwork) and network.n_outputs == 1:
        which[:] = 0
    with borrow_program(AttributionNetwork(network), TRAINING) as program:
        found = program.attribute(data, weights, which)
    return network, data, weights, which, found


def sample_inputs(network, data, i):
    """Inputs of the plain Keras network for a sample, as arrays."""
    if isinstance(network, WindowNetwork):
        end = data.starts[i] + network.window_length
        window = data.series[data.starts[i] : end]
        future = data.series[end : end + network.horizon]
        first = network.n_columns - network.n_future_columns
        return [window, future[:, first:]] if network.n_future_columns else [window]
    rows = data.rows[data.starts[i] : data.starts[i] + data.lengths[i]]
    if network.n_tokens:
        return [rows]
    n_missing = -len(rows) % network.patch_length
    padded = np.pad(rows, [(0, n_missing), (0, 0)], mode="edge")
    return [padded, np.arange(len(padded)) < len(rows)]


class TestContributions:
    def test_add_up_to_the_change_of_the_output(self, case):
        for each in case[-1]:
            total = sum(part.sum(dtype=float) for part in each.inputs)
            change = each.output - each.baseline
            assert abs(total - change) <= 1e-3 * abs(change) + 1e-6
            assert each.is_complete

    def test_output_is_that_of_the_keras_network(self, case):
        network, data, weights, which, found = case
        plain = network.build()
        plain.set_weights(weights)
        for i, each in enumerate(found):
            inputs = [part[None] for part in sample_inputs(network, data, i)]
            outputs = plain(inputs, training=False)
            np.testing.assert_allclose(
                each.output, np.ravel(outputs.numpy())[which[i]], atol=1e-5
            )

    def test_have_the_shapes_of_the_inputs(self, case):
        network, data, *_, found = case
        for i, each in enumerate(found):
            inputs = sample_inputs(network, data, i)
            assert each.inputs[0].shape[1:] == inputs[0].shape[1:]
            if isinstance(network, WindowNetwork):
                assert [x.shape for x in each.inputs] == [x.shape for x in inputs]
            else:
                assert len(each.inputs[0]) == data.lengths[i]


def test_equal_the_integral_of_the_gradients_of_keras():
    import tensorflow as tf

    network, data = CASES["gru in patches"]
    with single_precision():
        plain = network.build()
    weights = tuple(
        np.random.default_rng(2).normal(0, 0.5, weight.shape).astype(np.float32)
        for weight in plain.weights
    )
    plain.set_weights(weights)
    which = np.full(len(data.starts), 1)
    with borrow_program(AttributionNetwork(network), TRAINING) as program:
        found = program.attribute(data, weights, which)
    (window,) = sample_inputs(network, data, 2)
    baseline = np.zeros_like(window)
    baseline[:, 0] = window[-1, 0]
    n = 2000
    shares = (np.arange(n)[:, None, None] + 0.5) / n
    path = tf.constant((baseline + shares * (window - baseline)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(path)
        total = tf.reduce_sum(tf.reshape(plain(path), [n, -1])[:, 1])
    mean = tape.gradient(total, path).numpy().mean(axis=0)
    np.testing.assert_allclose(
        found[2].inputs[0], mean * (window - baseline), atol=1e-4
    )


def test_linear_maps_are_attributed_exactly():
    network = WindowNetwork(stack(), 6, 2, 2, 1, 1, linear_skip=True)
    data = windows(2)
    built = network.build()
    kernel = RNG.normal(size=(6, 2)).astype(np.float32)
    weights = tuple(
        kernel if "linear_skip" in weight.path else np.zeros(weight.shape, np.float32)
        for weight in built.weights
    )
    which = np.ones(len(data.starts), int)  # the second row of the forecast
    with borrow_program(AttributionNetwork(network), TRAINING) as program:
        found = program.attribute(data, weights, which)
    for start, each in zip(data.starts, found, strict=True):
        history = data.series[start : start + 6, 0]
        expected = kernel[:, 1] * (history - history[-1]) * 0.25
        np.testing.assert_allclose(each.inputs[0][:, 0], expected, atol=1e-6)
        np.testing.assert_array_equal(each.inputs[0][:, 1], 0)


def test_other_numbers_of_samples_are_not_traced_again():
    network, data = CASES["window"]
    weights = tuple(network.build(fast=True).get_weights())
    with borrow_program(AttributionNetwork(network), TRAINING) as program:
        program.attribute(data, weights, np.zeros(len(data.starts), int))
        before = program.n_traces
        program.attribute(data.take(slice(2)), weights, np.ones(2, int))
        assert program.n_traces == before == 1
