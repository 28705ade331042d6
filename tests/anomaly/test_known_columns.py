"""Detectors with columns that are known in advance: read, but not scored."""

import pickle

import numpy as np
import pandas as pd
import pytest

from sklstm import LSTMAutoencoderDetector, LSTMForecastDetector
from sklstm.inspection import attribute

DETECTORS = [LSTMAutoencoderDetector, LSTMForecastDetector]
TINY = {"window_length": 6, "units": 4, "smoothing": 5, "random_state": 0}


def days(n_days, seed=0):
    """Two metrics that follow the hour of the day, and the hour as an angle."""
    rng = np.random.default_rng(seed)
    hour = np.arange(24 * n_days) % 24
    load = np.where((hour > 7) & (hour < 20), 10.0, 2.0)
    angle = 2 * np.pi * hour / 24
    X = np.column_stack([load, np.sin(angle), 3 * load, np.cos(angle)])
    X[:, ::2] += rng.normal(0, 0.2, (len(X), 2))
    return X


@pytest.fixture(scope="module", params=DETECTORS, ids=lambda kind: kind.__name__)
def fitted(request):
    model = request.param(**TINY, epochs=1, known_future=[1, 3]).fit(days(5))
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.3, w.shape).astype("float32") for w in model.weights_
    )
    return model


def plain_expected_values(model, X):
    """Expected values of the scored columns, with the plain Keras network."""
    scaled = model._scaling.encode(X)
    network, length = model.network_, model.window_length
    scored, known = scaled[:, ::2], scaled[:, 1::2]
    if isinstance(model, LSTMForecastDetector):
        padded = np.vstack([np.repeat(scaled[:1], length, axis=0), scaled])
        columns = np.hstack([padded[:, ::2], padded[:, 1::2]])
        windows = np.stack([columns[i : i + length] for i in range(len(X))])
        return network([windows, known[:, None]]).numpy()[:, 0]
    columns = np.hstack([scored, known])
    sums, counts = np.zeros(scored.shape), np.zeros((len(X), 1))
    for i in range(len(X) - length + 1):
        sums[i : i + length] += network(columns[None, i : i + length]).numpy()[0]
        counts[i : i + length] += 1
    return sums / counts


def test_equal_the_plain_keras_network(fitted):
    X = days(2, seed=1)
    expected = fitted.expected_values(X)
    assert np.isnan(expected[:, 1::2]).all()
    scale, mean = fitted._scaling.scale[::2], fitted._scaling.mean[::2]
    np.testing.assert_allclose(
        expected[:, ::2], plain_expected_values(fitted, X) * scale + mean, rtol=1e-4
    )


def test_are_read_in_the_row_that_is_predicted(fitted):
    X = days(2, seed=1)
    other = X.copy()
    other[20, 1] += 0.5
    same = fitted.expected_values(X) == fitted.expected_values(other)
    assert not same[20, ::2].any()
    first = 20 - 5 * isinstance(fitted, LSTMAutoencoderDetector)
    assert same[:first, ::2].all()


def test_do_not_contribute_to_scores(fitted):
    X = days(2, seed=1)
    X[30, 0] += 50
    contributions = fitted.feature_scores(X)
    assert (contributions[:, 1::2] == 0).all()
    np.testing.assert_allclose(contributions.sum(axis=1), fitted.score_samples(X))
    errors = fitted._errors(fitted._scaling.encode(X))
    centred = errors[:, ::2] - fitted._error_model.mean
    precision = fitted._error_model.precision
    np.testing.assert_allclose(
        fitted._contributions(errors).sum(axis=1),
        np.einsum("ij,jk,ik->i", centred, precision, centred) / 2,
    )
    assert fitted.anomaly_segments(X)["feature"].isin([0, 2]).all()


def test_stream_equals_scores_of_all_rows(fitted):
    X = days(2, seed=1)
    expected = [fitted.score_samples(X[: i + 1])[-1] for i in range(len(X))]
    np.testing.assert_allclose(fitted.running_scores(X), expected, atol=1e-6)
    model = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(
        model.update(X, new_stream=True), fitted.score_samples(X), atol=1e-6
    )


def test_missing_values_in_other_columns(fitted):
    X = days(6)
    X[::7, 0] = np.nan
    model = type(fitted)(**TINY, epochs=1, known_future=[1, 3]).fit(X)
    assert model._masked_columns.tolist() == [0]
    assert np.isfinite(model.score_samples(X)).all()
    expected = model.expected_values(X)
    assert np.isfinite(expected[:, ::2]).all()
    parts = [model.running_scores(X)[-1], model.score_samples(X)[-1]]
    assert parts[0] == pytest.approx(parts[1], abs=1e-6)


def test_the_usual_load_at_the_wrong_hour_is_an_anomaly():
    names = ["cpu", "sin", "requests", "cos"]
    normal = pd.DataFrame(days(40), columns=names)
    test = pd.DataFrame(days(6, seed=1), columns=names)
    test.iloc[98:105, [0, 2]] = test.iloc[84:91, [0, 2]]  # noon's load at night
    shifts = {}
    for known in (None, ["sin", "cos"]):
        columns = names if known else ["cpu", "requests"]
        model = LSTMForecastDetector(
            window_length=3, units=8, smoothing=1, known_future=known, random_state=0
        ).fit(normal[columns])
        scores = model.score_samples(test[columns])
        # Rows after the first one of the change, relative to the threshold.
        shifts[known is None] = np.mean(scores[99:104] < model.offset_)
    assert shifts[False] == 1 > shifts[True]


def test_attribution_is_complete_and_includes_known_columns(fitted):
    names = ["cpu", "sin", "requests", "cos"]
    model = type(fitted)(**TINY, epochs=1, known_future=["sin", "cos"])
    model.fit(pd.DataFrame(days(5), columns=names))
    model.weights_ = fitted.weights_
    X = pd.DataFrame(days(2, seed=1), columns=names)
    found = attribute(model, X, target="requests", steps=20)
    change = found.outputs["output"] - found.outputs["baseline"]
    total = np.nansum(found.contributions.to_numpy())
    np.testing.assert_allclose(total, change.sum(), rtol=0.02)
    lag_0 = found.contributions.xs(0, level="lag")
    assert (lag_0[["sin", "cos"]] != 0).all(axis=None)
    with pytest.raises(ValueError, match="column of X that is scored.*'sin'"):
        attribute(model, X, target="sin", steps=20)


def test_needs_values_in_scored_columns():
    X = days(3)
    X[:, ::2] = np.nan
    with pytest.raises(ValueError, match="rows to train on are NaN"):
        LSTMForecastDetector(**TINY, epochs=1, known_future=[1, 3]).fit(X)


@pytest.mark.parametrize("Detector", DETECTORS)
@pytest.mark.parametrize(
    ("known", "X", "message"),
    [
        ([0, 1, 2, 3], days(3), "names all columns of X"),
        ("hour", days(3), "known_future='hour' is a column's name"),
        ([7], days(3), "known_future=7 is out of range"),
        ([1, 1], days(3), "known_future names a column twice"),
    ],
)
def test_invalid_columns(Detector, known, X, message):
    with pytest.raises(ValueError, match=message):
        Detector(**TINY, epochs=1, known_future=known).fit(X)


def test_known_columns_have_no_missing_values(fitted):
    X = days(3)
    X[10, 1] = np.nan
    with pytest.raises(ValueError, match=r"missing values in \[1, 3\].*known_future"):
        type(fitted)(**TINY, epochs=1, known_future=[1, 3]).fit(X)
    for method in ("score_samples", "running_scores", "expected_values", "update"):
        with pytest.raises(ValueError, match="known_future"):
            getattr(pickle.loads(pickle.dumps(fitted)), method)(X)
