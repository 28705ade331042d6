"""Windows: NumPy and the engine gather the same inputs and targets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm.engine import RecurrentStack, WindowData, WindowNetwork
from sklstm.forecasting._windows import (
    WindowShape,
    cut_windows,
    fill_gaps,
    gather_targets,
    gather_weights,
    gather_windows,
)


@st.composite
def shapes(draw):
    n_target_columns = draw(st.integers(0, 2))
    n_future_columns = draw(st.integers(0, 2))
    n_past_columns = draw(st.integers(0, 2))
    return WindowShape(
        window_length=draw(st.integers(1, 6)),
        horizon=draw(st.integers(1, 4)),
        n_columns=max(n_target_columns + n_past_columns + n_future_columns, 1),
        n_targets=max(n_target_columns + draw(st.integers(0, 1)), 1),
        n_target_columns=n_target_columns,
        n_future_columns=n_future_columns,
    )


def random_data(shape, n_windows, seed, missing=0.0):
    """Windows at random places of a random series, in any order.

    A fraction of the values of target columns and past covariates, and of the targets,
    may be missing.
    """
    rng = np.random.default_rng(seed)
    n_rows = shape.span + 10
    data = WindowData(
        series=rng.normal(size=(n_rows, shape.n_columns)).astype(np.float32),
        starts=rng.integers(0, n_rows - shape.span + 1, n_windows),
        level=rng.normal(size=(n_windows, shape.n_targets)).astype(np.float32),
        spread=rng.uniform(0.1, 9, (n_windows, shape.n_targets)).astype(np.float32),
        targets=rng.normal(size=(n_rows, shape.n_targets)).astype(np.float32),
        weight=rng.uniform(size=n_rows).astype(np.float32),
    )
    if not missing:
        return data
    n_past = shape.n_columns - shape.n_future_columns
    data.series[:, :n_past][rng.random((n_rows, n_past)) < missing] = np.nan
    data.targets[rng.random(data.targets.shape) < missing] = np.nan
    series = fill_gaps(data.series, n_past)
    if series.gaps is None:
        return data._replace(targets=np.nan_to_num(data.targets))
    return data._replace(
        series=series.values, since=series.gaps.since, until=series.gaps.until
    )


def gather_by_engine(data, shape):
    """Gather all windows by the engine: inputs, targets and weights as NumPy arrays."""
    tf = pytest.importorskip("tensorflow")

    network = WindowNetwork(stack=RecurrentStack("lstm", (1,)), **shape._asdict())
    network = network.adapted_to(data)
    tensors = {
        name: tf.constant(values)
        for name, values in data._asdict().items()
        if values is not None
    }
    tensors["starts"] = tf.cast(tensors["starts"], tf.int32)
    index = tf.range(len(data.starts))
    inputs = network.gather_inputs(tensors, index)
    targets, weights = network.gather_targets(tensors, index)
    windows, future = inputs if shape.n_future_columns else (inputs, None)
    return (
        windows.numpy(),
        None if future is None else future.numpy(),
        targets.numpy(),
        weights.numpy(),
    )


@settings(deadline=None, max_examples=50)
@given(
    shape=shapes(),
    n_windows=st.integers(1, 7),
    seed=st.integers(0, 999),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
)
def test_numpy_and_the_engine_gather_the_same_samples(shape, n_windows, seed, missing):
    data = random_data(shape, n_windows, seed, missing)
    windows, future, targets, weights = gather_by_engine(data, shape)
    np.testing.assert_array_equal(gather_targets(data, shape), targets)
    np.testing.assert_array_equal(gather_weights(data, shape), weights)
    flat = gather_windows(data, shape, flat=True)
    three_d = gather_windows(data, shape, flat=False)
    expected = windows.reshape(n_windows, -1)
    if future is not None:
        future = future.reshape(n_windows, -1)
        expected = np.hstack([expected, future])
        for step in range(shape.window_length):
            np.testing.assert_array_equal(three_d[:, step, shape.n_columns :], future)
    np.testing.assert_array_equal(flat, expected)
    np.testing.assert_array_equal(three_d[:, :, : shape.n_columns], windows)


@settings(deadline=None, max_examples=50)
@given(shape=shapes(), seed=st.integers(0, 999))
def test_a_window_depends_on_its_own_rows_and_future_covariates_only(shape, seed):
    data = random_data(shape, 1, seed)
    before = gather_windows(data, shape, flat=True)
    begin, end = data.starts[0], data.starts[0] + shape.window_length
    is_future = np.arange(shape.n_columns) >= shape.n_columns - shape.n_future_columns
    changed = data.series.copy()
    changed[:begin] += 1
    changed[end:, ~is_future] += 1
    changed[end + shape.horizon :] += 1
    after = gather_windows(data._replace(series=changed), shape, flat=True)
    np.testing.assert_array_equal(before, after)


@settings(deadline=None, max_examples=100)
@given(
    observed=st.lists(st.booleans(), min_size=3, max_size=20),
    window_length=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_gaps_are_filled_from_the_window_alone(observed, window_length, seed):
    values = np.random.default_rng(seed).normal(size=len(observed))
    values = np.where(observed, values, np.nan).astype(np.float32)
    series, gaps = fill_gaps(values[:, None], 1)
    starts = np.arange(len(values) - window_length + 1)
    nothing = np.empty((len(starts), 0))
    data = WindowData(series, starts, nothing, nothing)
    if gaps is not None:
        data = data._replace(since=gaps.since, until=gaps.until)
    windows = cut_windows(data, window_length, slice(1))[:, :, 0]
    for start, window in zip(starts, windows, strict=True):
        own = pd.Series(values[start : start + window_length])
        if own.isna().all():
            # The last value before the window, or zero.
            before = values[: start + window_length]
            before = before[~np.isnan(before)]
            expected = np.full(window_length, before[-1] if len(before) else 0.0)
        else:
            expected = own.interpolate(limit_direction="both").to_numpy()
        np.testing.assert_allclose(window, expected, rtol=1e-5, atol=1e-6)
