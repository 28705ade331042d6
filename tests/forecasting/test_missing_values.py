"""Series with missing values: what is learned, forecast and remembered."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.utils import get_tags

from sklstm import LSTMForecaster, WindowForecaster
from sklstm._data.missing import Gaps, carry_forward, interpolate

NAN = np.nan


def series(n_rows=60, n_columns=2, seed=0):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(size=(n_rows, n_columns)), axis=0) + 20


def with_gaps(X, fraction=0.2, seed=1):
    X = X.copy()
    X[np.random.default_rng(seed).random(X.shape) < fraction] = NAN
    return X


def lstm(**parameters):
    defaults = {"window_length": 6, "units": 2, "epochs": 1, "random_state": 0}
    return LSTMForecaster(**(defaults | parameters))


def ridge(**parameters):
    return WindowForecaster(Ridge(), **({"window_length": 6} | parameters))


def either(test):
    return pytest.mark.parametrize("make", [lstm, ridge])(test)


@settings(deadline=None)
@given(
    observed=st.lists(st.booleans(), min_size=1, max_size=12), seed=st.integers(0, 9)
)
def test_filling_agrees_with_pandas(observed, seed):
    values = np.random.default_rng(seed).normal(size=len(observed))
    values = np.where(observed, values, NAN)
    frame = pd.DataFrame({"a": values})
    np.testing.assert_allclose(
        interpolate(values[:, None]),
        frame.interpolate(limit_direction="both").fillna(0.0),
        atol=1e-12,
    )
    np.testing.assert_array_equal(
        carry_forward(values[:, None]), frame.ffill().fillna(0.0)
    )
    since, until = Gaps.find(values[:, None])
    np.testing.assert_array_equal(since[:, 0] == 0, observed)
    np.testing.assert_array_equal(until[:, 0] == 0, observed)


@either
def test_the_tag_says_that_missing_values_are_accepted(make):
    assert get_tags(make()).input_tags.allow_nan


@either
@pytest.mark.parametrize("normalize", ["window", "last", "standard", None])
def test_forecasts_are_finite(make, normalize):
    X = with_gaps(series(), 0.1)
    model = make(horizon=2, normalize=normalize).fit(X[:50])
    assert np.isfinite(model.predict(X[50:])).all()
    assert np.isfinite(model.forecast(7)).all()
    assert np.isfinite(model.update(X[50:]).forecast()).all()
    assert np.isfinite(model.fitted_values(X[6:])).all()


@either
def test_missing_values_of_later_rows_in_columns_that_were_complete(make):
    X = series()
    model = make(horizon=2).fit(X[:50])
    complete = model.predict(X[50:])
    rows = X[50:].copy()
    rows[3, 0] = NAN
    forecast = model.predict(rows)
    assert np.isfinite(forecast).all()
    # Row 3 is read for the first time by the forecast of rows 4 and 5.
    np.testing.assert_array_equal(forecast[:4], complete[:4])
    assert (forecast[4:] != complete[4:]).any()


@either
@settings(deadline=None, max_examples=10)
@given(row=st.integers(0, 19), seed=st.integers(0, 99))
def test_no_row_has_an_effect_on_forecasts_of_earlier_rows(make, row, seed):
    X = with_gaps(series(80), 0.3, seed)
    if not hasattr(make, "model"):
        make.model = make(horizon=3).fit(with_gaps(series()))
    model = make.model
    model.update(X[:60], replace=True)
    before = model.predict(X[60:])
    changed = X[60:].copy()
    changed[row] = NAN if row % 2 else 1000.0
    after = model.predict(changed)
    end = row // 3 * 3 + 3
    np.testing.assert_array_equal(before[:end], after[:end])


@either
@settings(deadline=None, max_examples=10)
@given(cutoff=st.integers(20, 70), seed=st.integers(0, 99))
def test_the_history_is_as_good_as_all_rows(make, cutoff, seed):
    """Rows that an update appends are forecast as if they had been passed at once."""
    X = with_gaps(series(80), 0.6, seed)
    if not hasattr(make, "history_model"):
        make.history_model = make(horizon=2, known_future=1).fit(
            with_gaps(series()), with_gaps(series())[:, 0]
        )
    model = make.history_model
    future = np.arange(2.0)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.update(X, replace=True)
        at_once = model.forecast(X_future=future)
        model.update(X[:cutoff], replace=True)
        for start in range(cutoff, 80, 7):
            model.update(X[start : start + 7])
        np.testing.assert_array_equal(model.forecast(X_future=future), at_once)


@either
def test_a_window_without_values_has_the_naive_forecast(make):
    X = with_gaps(series(60, 1), 0.1)
    model = make(horizon=2).fit(X)
    rows = np.vstack([X, np.full((10, 1), NAN)])
    model.update(rows, replace=True)
    last = rows[~np.isnan(rows)][-1]
    with pytest.warns(UserWarning, match="windows of 6 row.s. without any known value"):
        forecast = model.forecast()
    np.testing.assert_allclose(forecast, last, rtol=1e-5)


def test_unknown_targets_are_not_learned():
    """A missing target is like one of weight zero, whatever its value."""
    X = series()
    y = X[:, 0].copy()
    known = np.ones(60)
    known[20:30] = 0
    y[known == 0] = NAN
    # One batch per epoch, so that windows without a known target change no step.
    model = lstm(
        horizon=3, target=0, linear_skip="zero", batch_size=64, optimizer="sgd"
    )
    of_missing = clone(model).fit(X, y)
    of_weights = clone(model).fit(X, X[:, 0], sample_weight=known)
    # A loss is the mean over the windows that are trained on, and weights have the
    # mean 1: both change the size of the step only.
    for start, step, other in zip(
        clone(model).set_params(epochs=0).fit(X, y).weights_,
        of_missing.weights_,
        of_weights.weights_,
        strict=True,
    ):
        step, other = step - start, other - start
        size = np.linalg.norm(step) * np.linalg.norm(other)
        assert np.sum(step * other) >= 0.999 * size


def test_a_target_without_values_is_not_trained():
    """The weights of its own outputs stay as they were, and the others are finite."""
    X = series(40)
    Y = X.copy()
    Y[:, 1] = NAN
    model = lstm(linear_skip=False, target=[0, 1]).fit(X, Y)
    names = [variable.path for variable in model.network_.weights]
    bias = model.weights_[names.index("forecast/bias")]
    assert bias[0] != 0
    assert bias[1] == 0


def test_incomplete_columns_have_indicators():
    X = series(60, 3)
    X[10:15, 0] = X[30, 2] = NAN
    model = lstm().fit(X)
    complete = lstm().fit(series(60, 3))
    assert model.network_.input_shape[-1] == complete.network_.input_shape[-1] + 2


def test_missing_rows_have_an_effect_through_their_indicators():
    rng = np.random.default_rng(0)
    # The next value is known from whether the covariate is missing.
    flag = rng.random(600) < 0.5
    y = np.append(0.0, np.where(flag, 1.0, -1.0)[:-1]) + rng.normal(0, 0.1, 600)
    X = np.column_stack([y, np.where(flag, NAN, 0.0)])
    model = LSTMForecaster(
        2, units=8, epochs=30, learning_rate=0.02, normalize="standard", random_state=0
    )
    model.fit(X[:500], y[:500])
    error = np.abs(model.predict(X[500:]) - y[500:]).mean()
    assert error < 0.3


@either
def test_series_that_begin_late(make):
    X = series(60)
    late = series(60, seed=5)
    late[:40, 0] = NAN
    never = series(60, seed=6)
    never[:, 0] = NAN
    targets = [x[:, 0] for x in (X, late, never)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = make(target=0).fit([X, late, never], targets)
        forecasts = model.forecast()
    assert all(np.isfinite(forecast).all() for forecast in forecasts)
    assert abs(forecasts[1][0] - late[-1, 0]) < 10


@either
def test_future_covariates_may_be_missing(make):
    X = series()
    X[5:9, 1] = NAN
    model = make(horizon=3, known_future=1).fit(X, X[:, 0])
    carried = model.forecast(X_future=[[20.0], [20.0], [21.0]])
    missing = model.forecast(X_future=[[20.0], [NAN], [21.0]])
    assert np.isfinite(missing).all()
    assert np.isfinite(carried).all()


@either
def test_intervals_know_of_missing_values(make):
    X = with_gaps(series(200, 1), 0.2)
    model = make(horizon=3, calibration_split=0.3).fit(X)
    interval = model.forecast_interval(coverage=0.8)
    assert np.isfinite(interval).all()
    assert (interval[:, 0, 0] < interval[:, 0, 1]).all()
    narrower = model.update(X[100:], replace=True).predict_interval(X[:9], 0.5)
    assert np.isfinite(narrower).all()


def test_calibration_scores_are_of_known_targets():
    X = series(100, 1)
    y = X[:, 0].copy()
    y[80:90] = NAN
    model = lstm(calibration_split=0.3, target=0).fit(X, y)
    scores = model._calibration.joint_scores
    assert np.isfinite(scores).all()
    assert len(scores) < 0.3 * 94


def test_partial_fit_and_early_stopping():
    X = with_gaps(series(120, 1), 0.2)
    model = lstm(epochs=3, early_stopping=True, validation_split=0.2).fit(X)
    assert np.isfinite(model.history_["val_loss"]).all()
    model = lstm().partial_fit(X[:60]).partial_fit(X[60:62]).partial_fit(X[62:])
    assert np.isfinite(model.forecast()).all()


def test_quantiles_and_ensembles():
    X = with_gaps(series(80, 1), 0.2)
    model = lstm(quantiles=(0.1, 0.5, 0.9), n_members=2).fit(X)
    quantiles = model.forecast_quantiles()
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()


@pytest.mark.parametrize("decoder", ["dense", "segments"])
def test_channels_of_their_own(decoder):
    X = with_gaps(series(80, 3), 0.2)
    model = lstm(channel_independent=True, decoder=decoder, horizon=4).fit(X)
    assert np.isfinite(model.forecast()).all()


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_any_pattern_of_missing_values(data):
    """Either a clear error or finite forecasts."""
    n_rows = data.draw(st.integers(9, 30))
    X = series(n_rows, 2, seed=3)
    pattern = data.draw(
        st.lists(
            st.sampled_from([0, 0, 0, 1]), min_size=2 * n_rows, max_size=2 * n_rows
        )
    )
    X[np.array(pattern, bool).reshape(n_rows, 2)] = NAN
    model = WindowForecaster(Ridge(), window_length=4, target="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(X)
        except ValueError as error:
            assume("Pass rows with fewer" in str(error) or "all known" in str(error))
        assert np.isfinite(model.forecast()).all()
        assert np.isfinite(model.predict(X)).all()


def test_the_column_of_a_target_is_found_in_spite_of_gaps():
    X = with_gaps(series(80), 0.3)
    y = 3 * series(80)[:, 1] + 5
    y[::7] = NAN
    model = lstm().fit(X, y)
    assert model.target_columns_ == [1]
    model.update(X[:10], y[:10], replace=True)
    with pytest.raises(ValueError, match="y must match column 1"):
        model.update(X[10:20], y[10:20] + 50)


def test_the_network_is_the_plain_one():
    """`network_` reads windows that are filled, as the engine gathers them."""
    X = with_gaps(series(60, 1), 0.3)
    model = lstm(normalize=None, linear_skip="zero", epochs=2).fit(X)
    assert not model._network.missing_values
    forecast = model.predict(X[:1])
    window = model._histories[0].rows.X[-6:]
    filled = interpolate(window)
    inputs = np.column_stack([filled, 0.2 * np.isnan(window)]).astype(np.float32)
    expected = np.asarray(model.network_(inputs[None]))[0]
    np.testing.assert_allclose(forecast, expected, rtol=1e-4)


@either
def test_the_score_is_that_of_known_targets(make):
    X = series(80)
    model = make(horizon=5).fit(X[:60], X[:60, 0])
    y = X[60:, 0].copy()
    y[::3] = NAN
    known = ~np.isnan(y)
    expected = r2_score(y[known], model.predict(X[60:])[known])
    assert model.score(X[60:], y) == pytest.approx(expected)
