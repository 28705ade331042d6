"""Missing values in series: filling window by window, runs of them, scaling."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklstm import engine
from sklstm._data.missing import FilledSeries, count_missing
from sklstm._data.scaling import ColumnScaling
from sklstm.engine.backend import tf

SERIES = arrays(
    np.float64,
    st.tuples(st.integers(3, 25), st.just(2)),
    elements=st.one_of(st.just(np.nan), st.floats(-10, 10, width=16)),
)


def fill_window(window):
    """Fill one window, with no other rows than its own."""
    filled = np.zeros_like(window)
    rows = np.arange(len(window))
    for j, column in enumerate(window.T):
        observed = ~np.isnan(column)
        if observed.any():
            filled[:, j] = np.interp(rows, rows[observed], column[observed])
    return filled


class TestFilledSeries:
    @settings(deadline=None)
    @given(SERIES, st.integers(1, 3))
    def test_windows_are_filled_from_their_own_rows(self, series, window_length):
        filled = FilledSeries.fill(series, window_length)
        n_windows = len(series) - window_length + 1
        network = engine.AutoencoderNetwork(
            engine.RecurrentStack("rnn", (1,)), window_length, 2, missing_values=True
        )
        starts = np.arange(1, n_windows + 1, dtype=np.int32)
        tensors = {
            "series": tf.constant(filled.values, tf.float32),
            "starts": tf.constant(starts),
            "since": tf.constant(filled.since, tf.int32),
            "until": tf.constant(filled.until, tf.int32),
        }
        windows = network.gather_inputs(tensors, tf.range(n_windows)).numpy()
        expected = [
            fill_window(series[first : first + window_length])
            for first in range(n_windows)
        ]
        np.testing.assert_allclose(windows, expected, rtol=1e-5, atol=1e-5)


class TestCountMissing:
    @given(SERIES, st.integers(0, 24), st.integers(0, 3))
    def test_counts_on_from_row_to_row(self, series, cut, before):
        runs, last = [], np.full(2, before)
        for row in series:
            last = np.where(np.isnan(row), last + 1, 0)
            runs.append(last)
        counted = count_missing(series, before)
        np.testing.assert_array_equal(counted, runs)
        cut = min(cut, len(series) - 1)
        before = counted[cut - 1] if cut else before
        np.testing.assert_array_equal(
            count_missing(series[cut:], before), counted[cut:]
        )


class TestColumnScaling:
    @given(SERIES, st.sampled_from([0.0, 0.01]))
    def test_is_that_of_the_observed_values(self, series, min_deviation):
        scaling = ColumnScaling.fit(series, min_deviation=min_deviation)
        for j, column in enumerate(series.T):
            observed = column[~np.isnan(column), None]
            if len(observed):
                alone = ColumnScaling.fit(observed, min_deviation=min_deviation)
                np.testing.assert_allclose(scaling.mean[j], alone.mean[0], rtol=1e-12)
                np.testing.assert_allclose(scaling.scale[j], alone.scale[0], rtol=1e-9)
            else:
                assert np.isnan(scaling.scale[j])

    def test_missing_values_stay_missing(self):
        series = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
        scaling = ColumnScaling.fit(series, min_deviation=0)
        encoded = scaling.encode(np.array([[np.nan, 5.0], [3.0, np.nan]]))
        np.testing.assert_array_equal(encoded, [[np.nan, np.nan], [1, np.nan]])


def test_a_column_without_gaps_is_returned_as_it_is():
    series = np.random.default_rng(0).normal(size=(9, 2))
    filled = FilledSeries.fill(series, 4)
    np.testing.assert_array_equal(filled.values[1:], series)
    assert not filled.since.any()
    assert not filled.until.any()
