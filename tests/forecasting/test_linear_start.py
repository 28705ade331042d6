"""The linear skip starts at the ridge regression of the training windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from sklstm import LSTMForecaster, WindowForecaster
from sklstm.engine import WindowData
from sklstm.forecasting import _linear_start
from sklstm.forecasting._linear_start import _solve, _sum_moments, fit_linear_maps
from sklstm.forecasting._windows import (
    WindowShape,
    gather_covariate_changes,
    gather_history,
    gather_targets,
    step_weights,
)

UNTRAINED = {"epochs": 0, "units": 2, "random_state": 0}
# So small a step that training leaves all weights but zeros as they were.
STANDING_STILL = {**UNTRAINED, "epochs": 1, "learning_rate": 1e-30}
SIZES = {"window_length": 6, "horizon": 3}


@pytest.fixture
def waves():
    """A noisy wave of 80 rows around a level."""
    rng = np.random.default_rng(0)
    return np.sin(np.arange(80) / 2)[:, None] + rng.normal(0, 0.2, (80, 1)) + 7


@st.composite
def windows(draw):
    """Windows of a random series, with row weights and any kinds of columns.

    Some targets may be missing.
    """
    n_target_columns = draw(st.integers(0, 2))
    n_future_columns = draw(st.integers(0 if n_target_columns else 1, 2))
    shape = WindowShape(
        window_length=draw(st.integers(1, 4)),
        horizon=draw(st.integers(1, 3)),
        n_columns=n_target_columns + 1 + n_future_columns,
        n_targets=max(n_target_columns + draw(st.integers(0, 1)), 1),
        n_target_columns=n_target_columns,
        n_future_columns=n_future_columns,
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    n_windows = draw(st.integers(1, 60))
    n_rows = n_windows + shape.span
    equal_weights = draw(st.booleans())
    data = WindowData(
        series=rng.normal(size=(n_rows, shape.n_columns)).astype(np.float32),
        starts=np.arange(n_windows),
        level=rng.normal(size=(n_windows, shape.n_targets)).astype(np.float32),
        spread=rng.uniform(0.5, 2, (n_windows, shape.n_targets)).astype(np.float32),
        targets=rng.normal(size=(n_rows, shape.n_targets)).astype(np.float32),
        weight=np.ones(n_rows) if equal_weights else rng.uniform(0.1, 2, n_rows),
    )
    if draw(st.booleans()):
        data.targets[rng.random(data.targets.shape) < 0.3] = np.nan
        complete = np.zeros(data.series.shape, np.int32)
        data = data._replace(since=complete, until=complete)
    return data, shape


def stack_targets(data, shape, step, intercept):
    """One design matrix for all targets of a step, built as the regression is defined.

    With an intercept, features and targets are centred for each target.
    """
    x = gather_history(data, shape).swapaxes(1, 2).astype(float)
    c = gather_covariate_changes(data, shape).astype(float)
    y = np.nan_to_num(gather_targets(data, shape)[:, step]).astype(float)
    w = np.ones_like(y) * step_weights(data, shape, step)
    designs = []
    for target in range(shape.n_targets):
        history = np.zeros((len(c), shape.window_length))
        if target < shape.n_target_columns:
            history = x[:, target]
        design = np.zeros((len(c), shape.n_targets, c.shape[1]))
        design[:, target] = c
        design = np.hstack([history, design.reshape(len(c), -1)])
        designs.append(np.hstack([design, y[:, [target]]]))
    if intercept:
        designs = [
            part - np.average(part, axis=0, weights=weight if weight.any() else None)
            for part, weight in zip(designs, w.T, strict=True)
        ]
    stacked = np.concatenate(designs)
    return stacked[:, :-1], stacked[:, -1], w.T


@settings(deadline=None, max_examples=40)
@given(windows(), st.booleans(), st.sampled_from([0.1, 1.0, 100.0]))
def test_the_maps_are_those_of_scikit_learns_ridge(drawn, intercept, penalty):
    data, shape = drawn
    for step in range(shape.horizon):
        moments = _sum_moments(data, shape, slice(step, step + 1), intercept)
        solution = _solve(moments, penalty, intercept)
        X, y, w = stack_targets(data, shape, step, intercept)
        if not w.any():
            continue
        w_of_history = max(w[: shape.n_target_columns].sum(), 1e-9)
        w = w.ravel()
        # Penalties are in multiples of the mean square of a feature of each kind.
        n_history = shape.window_length
        squares = w @ X**2
        history_square = squares[:n_history].mean() / w_of_history
        n_changes = max((X.shape[1] - n_history) // shape.n_targets, 1)
        change_square = squares[n_history:].sum() / max(w.sum(), 1e-9) / n_changes
        unit = np.where(
            np.arange(X.shape[1]) < n_history, history_square, change_square
        )
        # Centred features of a single window are zero, but for rounding.
        unit = np.sqrt(np.where(unit > 1e-20, unit, 1.0))
        ridge = Ridge(penalty, fit_intercept=False).fit(X / unit, y, sample_weight=w)
        coefficients = ridge.coef_ / unit
        np.testing.assert_allclose(
            solution.maps.history[0], coefficients[:n_history], atol=1e-8
        )
        np.testing.assert_allclose(
            solution.maps.covariates[0].ravel(), coefficients[n_history:], atol=1e-8
        )
        # The generalised cross-validation error by its definition.
        weighted = np.sqrt(w)[:, None] * X / unit
        gram = weighted.T @ weighted + penalty * np.eye(X.shape[1])
        n_parameters = np.trace(np.linalg.solve(gram, weighted.T @ weighted))
        n_left = w.sum() - n_parameters - intercept * shape.n_targets
        if n_left > 0.1:
            residuals = w @ (y - X @ coefficients) ** 2
            expected = w.sum() * residuals / n_left**2
            np.testing.assert_allclose(
                solution.error[0], expected, rtol=1e-6, atol=1e-12
            )


@settings(deadline=None, max_examples=20)
@given(windows(), st.booleans(), st.integers(1, 300))
def test_the_maps_do_not_depend_on_the_chunks(drawn, intercept, size):
    data, shape = drawn
    quantiles = (0.1, 0.5, 0.9)
    at_once = fit_linear_maps(data, shape, quantiles, intercept=intercept)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_linear_start, "_CHUNK", size)
        chunk_by_chunk = fit_linear_maps(data, shape, quantiles, intercept=intercept)
    for actual, desired in zip(chunk_by_chunk, at_once, strict=True):
        np.testing.assert_allclose(actual, desired, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(windows(), st.booleans())
def test_rows_without_weight_have_no_effect(drawn, intercept):
    data, shape = drawn
    ignored = np.arange(len(data.weight)) % 3 == 0
    data = data._replace(weight=np.where(ignored, 0.0, data.weight))
    changed = np.where(ignored[:, None], 100.0, data.targets)
    maps, again = (
        fit_linear_maps(part, shape, intercept=intercept)
        for part in (data, data._replace(targets=changed))
    )
    for actual, desired in zip(again, maps, strict=True):
        np.testing.assert_allclose(actual, desired, atol=1e-6)


def test_a_step_without_any_weight_does_not_choose_the_penalty():
    shape = WindowShape(8, 3, 1, 1, 1, 0)
    y = np.sin(np.arange(40) / 2).astype(np.float32)[:, None]
    starts = np.arange(0, 30, 3)
    # The third step of each window always falls on the same rows.
    weight = np.where(np.arange(40) % 3 == 1, 0.0, 1.0)
    data = WindowData(y, starts, y[starts + 7], np.ones((10, 1)), y, weight)
    maps = fit_linear_maps(data, shape)
    assert np.abs(maps.history[:2]).max() > 0.1
    assert np.isfinite(maps.history).all()


def test_an_untrained_network_forecasts_as_the_ridge_regression():
    rng = np.random.default_rng(1)
    t = np.arange(240)
    y = 20 * np.sin(t / 6) + rng.normal(size=240) + t / 10
    X = y[:, None]
    forecaster = LSTMForecaster(**SIZES, **UNTRAINED).fit(X[:200], y[:200])
    forecast = forecaster.predict(X[200:])
    differences = []
    for penalty in np.logspace(-1, 3, 21):
        ridge = WindowForecaster(Ridge(penalty, fit_intercept=False), **SIZES)
        of_ridge = ridge.fit(X[:200], y[:200]).predict(X[200:])
        differences.append(np.abs(of_ridge - forecast).max())
    assert min(differences) < 0.03 * np.abs(np.diff(y)).mean()


def test_linear_series_are_forecast_exactly_from_the_start():
    y = np.sin(np.arange(200) / 5) + 0.3 * np.cos(np.arange(200) / 2)
    X = y[:, None]
    forecaster = LSTMForecaster(24, 5, **UNTRAINED).fit(X[:150], y[:150])
    np.testing.assert_allclose(forecaster.predict(X[150:]), y[150:], atol=1e-3)


def test_future_covariates_have_their_effect_from_the_start():
    rng = np.random.default_rng(2)
    temperature, price = rng.normal(size=(2, 300))
    y = 3 * temperature - 2 * price
    X = np.column_stack([y, temperature, price])
    forecaster = LSTMForecaster(
        **SIZES, **UNTRAINED, known_future=[1, 2], normalize="last"
    )
    forecast = forecaster.fit(X[:250], y[:250]).predict(X[250:])
    np.testing.assert_allclose(forecast, y[250:], atol=0.01)


def test_two_targets_share_the_map_of_their_history(series):
    both = LSTMForecaster(**SIZES, **UNTRAINED).fit(series)
    alone = LSTMForecaster(**SIZES, **UNTRAINED).fit([series[:, :1], series[:, 1:]])
    np.testing.assert_allclose(skip_kernel(both), skip_kernel(alone), atol=1e-5)


def test_without_any_pattern_there_are_no_maps():
    # Normalised windows that hold nothing but their last value.
    X = np.repeat(np.random.default_rng(0).normal(size=40), 10)[:, None]
    X[:] = 5.0
    forecaster = LSTMForecaster(**SIZES, **UNTRAINED, target=0).fit(X, X[:, 0])
    assert not skip_kernel(forecaster).any()


def test_a_sample_of_many_windows_gives_nearly_the_same_maps(monkeypatch):
    y = np.random.default_rng(0).normal(size=2000).cumsum()
    y = (np.sin(np.arange(2000) * np.pi / 6) + 0.01 * y).astype(np.float32)[:, None]
    shape = WindowShape(24, 6, 1, 1, 1, 0)
    n_windows = 2000 - shape.span
    data = WindowData(
        y,
        np.arange(n_windows),
        y[23 : 23 + n_windows],
        np.ones((n_windows, 1)),
        y,
        np.ones(2000),
    )
    whole = fit_linear_maps(data, shape)
    monkeypatch.setattr(_linear_start, "_MAX_WINDOWS", 1000)
    sampled, again = (fit_linear_maps(data, shape) for _ in range(2))
    np.testing.assert_array_equal(sampled.history, again.history)
    np.testing.assert_allclose(sampled.history, whole.history, atol=0.1)
    assert not np.array_equal(sampled.history, whole.history)


def test_pure_noise_chooses_a_strong_penalty():
    rng = np.random.default_rng(0)
    data = WindowData(
        series=rng.normal(size=(500, 1)),
        starts=np.arange(400),
        level=np.zeros((400, 1)),
        spread=np.ones((400, 1)),
        targets=rng.normal(size=(500, 1)),
        weight=np.ones(500),
    )
    maps = fit_linear_maps(data, WindowShape(20, 5, 1, 1, 1, 0))
    assert np.abs(maps.history).max() < 0.05


def test_quantiles_start_at_those_of_the_residuals():
    rng = np.random.default_rng(3)
    y = rng.normal(size=1000).cumsum()
    X = y[:, None]
    quantiles = (0.9, 0.5, 0.1)
    untrained = LSTMForecaster(6, 1, **UNTRAINED, quantiles=quantiles)
    predicted = untrained.fit(X[:600], y[:600]).predict_quantiles(X[600:])
    below = (y[600:, None] < predicted).mean(axis=0)
    np.testing.assert_allclose(below, quantiles, atol=0.05)
    point = LSTMForecaster(6, 1, **UNTRAINED).fit(X[:600], y[:600])
    np.testing.assert_allclose(predicted[:, 1], point.predict(X[600:]), rtol=1e-4)


def test_early_stopping_starts_from_the_rows_that_it_trains_on(waves):
    early = {"early_stopping": True, "validation_split": 0.25}
    changed = waves.copy()
    changed[-8:] += np.random.default_rng(0).normal(0, 9, (8, 1))
    fits = [
        LSTMForecaster(**SIZES, **STANDING_STILL, **early, normalize="last").fit(X)
        for X in (waves, changed)
    ]
    assert np.abs(skip_kernel(fits[0])).max() > 0.1
    np.testing.assert_allclose(*map(skip_kernel, fits), atol=1e-5)


def test_a_refit_solves_again_on_all_rows(waves):
    refit, whole, early = (
        skip_kernel(
            LSTMForecaster(**SIZES, **STANDING_STILL, early_stopping=stop).fit(waves)
        )
        for stop in ("refit", False, True)
    )
    np.testing.assert_allclose(refit, whole, atol=1e-6)
    assert np.abs(early - whole).max() > 1e-4


def test_continued_training_keeps_the_maps(waves):
    forecaster = LSTMForecaster(**SIZES, **STANDING_STILL, warm_start=True).fit(
        waves[:60]
    )
    kernel = skip_kernel(forecaster)
    forecaster.fit(waves)
    np.testing.assert_allclose(skip_kernel(forecaster), kernel, atol=1e-6)

    online = LSTMForecaster(**SIZES, **STANDING_STILL).partial_fit(waves[:60])
    np.testing.assert_allclose(skip_kernel(online), kernel, atol=1e-6)
    online.update(waves[60:70]).partial_fit(waves[70:])
    np.testing.assert_allclose(skip_kernel(online), kernel, atol=1e-6)


def test_all_members_start_at_the_same_maps(waves):
    ensemble = LSTMForecaster(**SIZES, **UNTRAINED, n_members=2).fit(waves)
    alone = LSTMForecaster(**SIZES, **UNTRAINED).fit(waves)
    one, other = (kernel for kernel in map(np.asarray, skip_kernels(ensemble)))
    np.testing.assert_allclose(one, skip_kernel(alone), atol=1e-6)
    np.testing.assert_allclose(other, one, atol=1e-6)


@pytest.mark.parametrize("quantiles", [None, (0.2, 0.5, 0.7)])
@pytest.mark.parametrize("normalize", ["window", "standard"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_decoder_starts_at_the_same_forecast(
    waves, channels, normalize, quantiles
):
    X = np.hstack([waves, 3 * waves + 1])[:, :channels]
    parameters = {"normalize": normalize, "quantiles": quantiles, "patch_length": 2}

    def start(**changed):
        forecaster = LSTMForecaster(**SIZES, **UNTRAINED, **(parameters | changed))
        forecaster.fit(X)
        return forecaster.forecast_quantiles() if quantiles else forecaster.forecast()

    dense = start()
    np.testing.assert_allclose(start(decoder="segments"), dense, rtol=1e-5)
    if normalize == "standard":
        return  # there is no intercept for independent channels
    # Channels share their biases; these are multiples of each other.
    for decoder in ("dense", "segments"):
        alone = start(decoder=decoder, channel_independent=True)
        np.testing.assert_allclose(alone, dense, rtol=2e-3)


@pytest.mark.parametrize("early_stopping", [False, True, "refit"])
def test_no_epochs_leave_the_network_as_it_starts(waves, early_stopping):
    start = LSTMForecaster(**SIZES, **UNTRAINED, early_stopping=early_stopping)
    assert start.fit(waves).n_iter_ == 0
    assert start.history_ == {"loss": []}
    still = LSTMForecaster(**SIZES, **STANDING_STILL).fit(waves)
    np.testing.assert_allclose(start.forecast(), still.forecast(), rtol=1e-6)
    members = LSTMForecaster(**SIZES, **UNTRAINED, n_members=2).fit(waves)
    np.testing.assert_allclose(members.forecast(), start.forecast(), rtol=1e-6)


@pytest.mark.parametrize("linear_skip", ["zero", True])
def test_zero_starts_at_the_last_value(series, linear_skip):
    forecaster = LSTMForecaster(**SIZES, **UNTRAINED, linear_skip=linear_skip)
    forecast = forecaster.fit(series[:60]).predict(series[60:63])
    np.testing.assert_allclose(forecast, np.tile(series[59], (3, 1)), rtol=1e-5)


def test_the_same_seed_gives_the_same_weights(series):
    parameters = {**SIZES, "units": 2, "epochs": 2, "random_state": 3}
    one, other = (LSTMForecaster(**parameters).fit(series) for _ in range(2))
    for weight, again in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(weight, again)


def test_automatic_epochs(series):
    forecaster = LSTMForecaster(**SIZES, units=1, cell="rnn", batch_size=10)
    assert forecaster.fit(series).n_iter_ == 3

    def epochs(n_windows, linear_skip="ridge"):
        return forecaster.set_params(linear_skip=linear_skip)._choose_epochs(n_windows)

    # A long series has more to learn than its ridge solution.
    assert [epochs(n) for n in (10, 1000, 1999, 2000, 5000)] == [3, 5, 9, 10, 10]
    # Five thousand steps are enough.
    assert [epochs(n) for n in (10_000, 100_000)] == [5, 1]
    # Other starts need a thousand.
    for linear_skip in ("zero", True, False):
        found = [epochs(n, linear_skip) for n in (50, 1000, 5000, 100_000)]
        assert found == [200, 10, 10, 1]


def test_an_unknown_start_is_refused(series):
    with pytest.raises(ValueError, match="'linear_skip' parameter"):
        LSTMForecaster(linear_skip="lasso").fit(series)


def skip_kernels(forecaster):
    """The kernels of the linear maps of the history, of each member."""
    shape = forecaster.window_length, forecaster.horizon
    return [weight for weight in forecaster.weights_ if weight.shape == shape]


def skip_kernel(forecaster):
    (kernel,) = skip_kernels(forecaster)
    return kernel
