"""PCADetector: the linear counterpart of the autoencoder."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA

from sklstm import PCADetector
from sklstm._data.missing import interpolate
from sklstm.anomaly import _pca


def waves(n, seed=0):
    """Two noisy waves, one that follows both, and a constant column."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) + rng.uniform(0, 100)
    a, b = np.sin(t / 4), np.cos(t / 3)
    X = np.column_stack([a, 50 + 20 * b, a + b, np.full(n, 7.0)])
    X[:, :3] += rng.normal(0, [0.05, 1.0, 0.1], (n, 3))
    return X


def windows_of(model, X):
    scaled = model._scaling.encode(X).astype(float)
    length = model.window_length
    views = np.lib.stride_tricks.sliding_window_view(scaled, length, axis=0)
    return views.transpose(0, 2, 1).reshape(len(views), -1)


@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize("n_components", [0.8, 3])
def test_equals_scikit_learns_pca_of_windows(length, n_components):
    X = waves(200)
    model = PCADetector(length, n_components=n_components, smoothing=1).fit(X)
    pca = PCA(n_components, svd_solver="full").fit(windows_of(model, X[:180]))
    shape = (-1, length, X.shape[1])
    np.testing.assert_allclose(model.mean_, pca.mean_.reshape(shape)[0], atol=1e-6)
    np.testing.assert_allclose(
        model.explained_variance_ratio_, pca.explained_variance_ratio_, atol=1e-6
    )
    new = waves(60, seed=1)
    flat = windows_of(model, new)
    expected = pca.inverse_transform(pca.transform(flat)).reshape(shape)
    sums, counts = np.zeros(new.shape), np.zeros((len(new), 1))
    for start, rows in enumerate(expected):
        sums[start : start + length] += rows
        counts[start : start + length] += 1
    np.testing.assert_allclose(
        model.expected_values(new),
        sums / counts * model._scaling.scale + model._scaling.mean,
        rtol=1e-5,
        atol=1e-5,
    )


def test_held_out_rows_do_not_affect_the_components():
    X, other = waves(200), waves(200)
    other[180:] += 5
    one, two = PCADetector(4).fit(X), PCADetector(4).fit(other)
    np.testing.assert_array_equal(one.components_, two.components_)
    assert one.offset_ > two.offset_


def test_finds_a_broken_correlation():
    model = PCADetector(1, smoothing=1, contamination=0.005).fit(waves(1000))
    X = waves(100, seed=1)
    X[40, 2] = X[60, 2] + 1.5
    scores = model.score_samples(X)
    assert scores.argmin() == 40
    assert model.feature_scores(X)[40].argmin() == 2


def test_does_not_depend_on_the_size_of_blocks(monkeypatch):
    X = waves(150)
    expected = PCADetector(5).fit(X)
    monkeypatch.setattr(_pca, "_MAX_VALUES_PER_BLOCK", 50)
    found = PCADetector(5).fit(X)
    np.testing.assert_allclose(found.score_samples(X), expected.score_samples(X))


def test_missing_values_are_filled_within_the_window():
    X = waves(200)
    model = PCADetector(6, smoothing=1).fit(X)
    new = waves(6, seed=1)
    new[2:4, 0] = np.nan
    new[4:, 1] = np.nan
    filled = interpolate(model._scaling.encode(new)).astype(float)
    flat = filled.ravel() - model.mean_.ravel()
    components = model.components_.reshape(len(model.components_), -1)
    expected = (flat @ components.T @ components + model.mean_.ravel()).reshape(6, -1)
    np.testing.assert_allclose(
        model.expected_values(new),
        expected * model._scaling.scale + model._scaling.mean,
        rtol=1e-5,
        atol=1e-5,
    )
    X[::5, 1] = np.nan
    assert np.isfinite(PCADetector(6).fit(X).score_samples(X)).all()


def test_known_columns_are_read_but_not_scored():
    hour = np.arange(600) % 24
    at_work = (hour > 7) & (hour < 20)
    X = np.column_stack([np.where(at_work, 10.0, 2.0), at_work])
    X[:, 0] += np.random.default_rng(0).normal(0, 0.3, len(X))
    found = {}
    for known in (None, 1):
        columns = X if known else X[:, :1]
        model = PCADetector(3, smoothing=1, n_components=2, known_future=known)
        model.fit(columns[:480])
        new = columns[480:].copy()
        new[50, 0] = 10.0  # at two in the morning
        contributions = model.feature_scores(new)
        found[known] = contributions.sum(axis=1)[50] / model.offset_
        if known:
            assert (contributions[:, 1] == 0).all()
            assert np.isnan(model.expected_values(new)[:, 1]).all()
    assert found[1] > 1


def test_streams_and_running_scores():
    X = waves(300)
    model = PCADetector(6, smoothing=5).fit(X[:200])
    expected = [model.score_samples(X[200 : 201 + i])[-1] for i in range(40)]
    np.testing.assert_allclose(model.running_scores(X[200:240]), expected)
    new = X[200:].copy()
    new[50:60, 0] += 4
    stream = model.stream()
    stream.push(new)
    assert (stream.alarms["start"] == 50).any()
    again = pickle.loads(pickle.dumps(model)).stream()
    for row in new:
        again.push(row[None])
    pd.testing.assert_frame_equal(again.alarms, stream.alarms)


def test_several_series_and_clone():
    series = [waves(100), waves(80, seed=1)]
    model = PCADetector(4).fit(series)
    one, two = model.score_samples(series)
    np.testing.assert_allclose(one, model.score_samples(series[0]))
    assert len(two) == 80
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n_components": 0}, "'n_components' parameter"),
        ({"n_components": 1.0}, "'n_components' parameter"),
        ({"n_components": 30}, "n_components=30 must be at most 16"),
        ({"window_length": 0}, "'window_length' parameter"),
        ({"smoothing": 4}, "smoothing must be an odd number"),
        ({"window_length": 200}, "too few rows"),
    ],
)
def test_invalid_parameters(kwargs, message):
    with pytest.raises(ValueError, match=message):
        PCADetector(**({"window_length": 4} | kwargs)).fit(waves(100))


def test_a_failed_fit_leaves_the_detector_unchanged():
    model = PCADetector(4).fit(waves(100))
    before = model.score_samples(waves(20))
    with pytest.raises(ValueError, match="too few rows"):
        model.fit(waves(4))
    np.testing.assert_array_equal(model.score_samples(waves(20)), before)
