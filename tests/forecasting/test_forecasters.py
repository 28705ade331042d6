"""Properties of both forecasters, tested on tiny networks and linear maps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklstm import LSTMForecaster, RNNRegressor, WindowForecaster

TINY = {"units": 3, "epochs": 1, "random_state": 0}
CELLS = ["lstm", "gru", "rnn"]

# Every kind of input to the model: (columns of y, parameters).
VARIANTS = {
    "one step": ([0], {"window_length": 5}),
    "horizon": ([0], {"window_length": 5, "horizon": 3}),
    "two targets": ([0, 1], {"window_length": 4, "horizon": 2}),
    "second column": ([1], {"window_length": 4, "normalize": "last"}),
    "patches": ([0], {"window_length": 6, "patch_length": 3, "horizon": 2}),
    "standard": ([0], {"window_length": 4, "normalize": "standard"}),
    "unscaled": ([0], {"window_length": 4, "normalize": None}),
    "no target column": ([0], {"window_length": 4, "target": None}),
    "stacked": ([0], {"window_length": 4, "units": (3, 2), "dropout": 0.2}),
    "both directions": ([0], {"window_length": 4, "bidirectional": True}),
    "future covariates": ([0], {"window_length": 4, "horizon": 3, "known_future": [1]}),
    "segments": (
        [0, 1],
        {"window_length": 4, "horizon": 3, "patch_length": 2, "decoder": "segments"},
    ),
    "channels": ([0, 1], {"horizon": 2, "channel_independent": True}),
    "ridge": ([0], {"regressor": Ridge()}),
    "ridge, two targets": ([0, 1], {"regressor": Ridge(), "horizon": 2}),
    "ridge, last": ([1], {"regressor": Ridge(), "normalize": "last"}),
    "ridge, no target column": ([0], {"regressor": Ridge(), "target": None}),
    "ridge, future covariates": (
        [0],
        {"regressor": Ridge(), "horizon": 3, "known_future": [1]},
    ),
    "trees": (
        [0],
        {"regressor": GradientBoostingRegressor(n_estimators=5), "horizon": 2},
    ),
    "three-dimensional windows": (
        [0],
        {
            "regressor": RNNRegressor(**TINY),
            "window_length": 4,
            "horizon": 3,
            "known_future": [1],
        },
    ),
}


def make(window_length=5, **parameters):
    if "regressor" in parameters:
        return WindowForecaster(window_length=window_length, **parameters)
    return LSTMForecaster(window_length, **(TINY | parameters))


def fitted(series, variant, **kwargs):
    columns, parameters = VARIANTS[variant]
    y = series[:, columns[0]] if len(columns) == 1 else series[:, columns]
    model = make(**(parameters | kwargs))
    return model.fit(series[:60], y[:60]), y


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


def test_predict_equals_forecast_and_update_block_by_block(series, variant):
    model, _ = fitted(series, variant)
    rows = series[60:71]
    blocks, step = [], model.horizon
    predicted = model.predict(rows)
    for begin in range(0, len(rows), step):
        block = rows[begin : begin + step]
        future = block if model.known_future else None
        blocks.append(model.forecast(len(block), X_future=future))
        model.update(block)
    np.testing.assert_allclose(np.concatenate(blocks), predicted, rtol=1e-6)


def test_fitted_values_are_one_step_ahead_forecasts(series, variant):
    model, _ = fitted(series, variant)
    rows = series[:30]
    fitted_values = model.fitted_values(rows)
    assert len(fitted_values) == 30
    for i in (1, 2, 20):
        future = rows[i : i + model.horizon] if model.known_future else None
        model.update(rows[:i], replace=True)
        expected = model.forecast(1, X_future=future)[0]
        np.testing.assert_allclose(fitted_values[i], expected, rtol=1e-6)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(origin=st.integers(0, 10), seed=st.integers(0, 99), size=st.floats(0.1, 1e6))
def test_rows_from_the_forecast_origin_on_do_not_change_the_forecast(
    series, variant, origin, seed, size
):
    if variant not in FITTED:
        FITTED[variant], _ = fitted(series, variant)
    model = FITTED[variant]
    rows = series[60:72].copy()
    before = model.predict(rows)
    origin -= origin % model.horizon
    changed = rows.copy()
    past_columns = [i for i in range(2) if i not in (model.known_future or ())]
    shape = changed[origin:, past_columns].shape
    noise = np.random.default_rng(seed).normal(size=shape)
    changed[origin:, past_columns] += size * noise
    end = origin + model.horizon
    after = model.predict(changed)
    np.testing.assert_array_equal(after[:end], before[:end])


FITTED: dict = {}


def test_future_covariates_are_read_at_the_forecast_rows(series):
    model, _ = fitted(series, "future covariates")
    rows = series[60:63]
    changed = rows.copy()
    changed[2, 1] += 100
    assert (model.predict(rows) != model.predict(changed)).all()


def test_a_future_covariate_predicts_jumps_that_nothing_else_does():
    rng = np.random.default_rng(0)
    covariate = rng.integers(0, 2, 400).astype(float)
    y = 10 * covariate + rng.normal(0, 0.1, 400)
    X = np.column_stack([y, covariate])
    errors = {}
    for known_future in (None, 1):
        model = LSTMForecaster(
            4,
            known_future=known_future,
            # The level of the target does not depend on the window.
            normalize="standard",
            units=4,
            epochs=40,
            learning_rate=0.01,
            random_state=0,
        ).fit(X[:300], y[:300])
        errors[known_future] = np.abs(model.predict(X[300:]) - y[300:]).mean()
    assert errors[1] < 0.3 * errors[None]


def test_forecasts_follow_an_affine_change_of_units(series):
    """With a scaler: the target column is found, forecasts are in the units of y."""
    plain = LSTMForecaster(5, **TINY).fit(series[:60], series[:60, 0])
    y = 7 - 1000 * series[:, 0]
    other = make_pipeline(MinMaxScaler(), LSTMForecaster(5, **TINY))
    other.fit(series[:60] * [-3, 1] + 9, y[:60])
    assert other[-1].target_columns_ == [0]
    expected = 7 - 1000 * plain.predict(series[60:])
    # A negative slope flips the scaled target, so forecasts are compared for -y.
    positive = make_pipeline(StandardScaler(), LSTMForecaster(5, **TINY))
    positive.fit(series[:60] * [3, 1] + 9, -y[:60])
    np.testing.assert_allclose(
        -positive.predict(series[60:] * [3, 1] + 9), expected, rtol=1e-3
    )


@pytest.mark.parametrize("normalize", ["window", "last"])
def test_a_level_shift_shifts_the_forecast(series, normalize):
    model = LSTMForecaster(5, normalize=normalize, **TINY)
    model.fit(series[:60, :1], series[:60, 0])
    rows = series[60:70, :1]
    near = clone(model).fit(series[:60, :1], series[:60, 0]).update(rows)
    far = clone(model).fit(series[:60, :1], series[:60, 0]).update(rows + 500)
    assert far.forecast()[0] - near.forecast()[0] == pytest.approx(500, abs=1e-2)


def test_forecasts_after_a_nearly_constant_window_stay_in_range():
    rng = np.random.default_rng(0)
    y = np.cumsum(rng.normal(size=200))
    y[150:] = y[149]
    model = LSTMForecaster(10, units=4, epochs=2, random_state=0)
    model.fit(y[:180, None], y[:180])
    assert abs(model.predict(y[180:, None]) - y[149]).max() < np.ptp(y)


@pytest.mark.parametrize("window_length", [1, 2, 3])
def test_the_shortest_windows_work(series, window_length):
    model = LSTMForecaster(window_length, **TINY).fit(series, series[:, 0])
    assert abs(model.forecast()[0] - series[-1, 0]) < np.ptp(series)


@pytest.mark.parametrize("window_length", [1, 2, 10])
def test_a_straight_line_is_scaled_by_the_whole_series(window_length):
    y = np.arange(120.0)
    model = LSTMForecaster(window_length, learning_rate=0.01, **TINY)
    model.set_params(epochs=40).fit(y[:, None], y)
    # A loss this small shows that targets are not divided by rounding errors.
    assert model.history_["loss"][0] < 10
    assert model.forecast()[0] == pytest.approx(120, abs=0.5)


def test_a_constant_series_has_a_finite_forecast():
    X = np.full((40, 1), 3.0)
    model = LSTMForecaster(5, **TINY).fit(X, X[:, 0])
    assert np.isfinite(model.forecast(4)).all()


@pytest.mark.parametrize("cell", CELLS)
def test_each_cell_beats_the_naive_forecast(cell):
    y = np.sin(np.arange(300) / 5)
    model = LSTMForecaster(
        20, cell=cell, units=8, epochs=15, learning_rate=0.01, random_state=0
    )
    model.fit(y[:250, None], y[:250])
    error = np.abs(model.predict(y[250:, None]) - y[250:]).mean()
    assert error < 0.5 * np.abs(np.diff(y)).mean()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_network_consists_of_standard_layers(series, cell, bidirectional):
    keras = pytest.importorskip("keras")
    model = LSTMForecaster(
        6, cell=cell, bidirectional=bidirectional, patch_length=2, **TINY
    )
    model.fit(series, series[:, 0])
    network = model.network_
    for layer in network._flatten_layers():
        assert type(layer).__module__.startswith("keras.")
    assert isinstance(network, keras.Model)
    # The forecast is the output for the last window in the units of the series.
    window = series[-6:]
    time = np.arange(6)
    line = np.polyval(np.polyfit(time, window[:, 0], 1), time)
    level, spread = window[-1, 0], (window[:, 0] - line).std()
    inputs = np.column_stack(
        [
            (window[:, 0] - level) / spread,
            (window[:, 1] - series[:, 1].mean()) / series[:, 1].std(),
        ]
    )
    output = network.predict(inputs[None], verbose=0)[0, 0, 0]
    assert model.forecast()[0] == pytest.approx(level + spread * output, rel=1e-5)


def test_a_stacked_network_has_the_textbook_number_of_parameters(series):
    model = LSTMForecaster(5, units=(64, 32), linear_skip=False, epochs=1)
    model.fit(series[:, :1], series[:, 0])
    assert model.network_.count_params() == 29_345


def test_an_untrained_network_repeats_the_last_value(series):
    model = LSTMForecaster(5, horizon=3, learning_rate=1e-12, **TINY)
    model.fit(series[:60, :1], series[:60, 0])
    np.testing.assert_allclose(model.forecast(), series[59, 0], rtol=1e-6)


def test_recursive_forecast_feeds_forecasts_back(series):
    model = LSTMForecaster(5, horizon=2, **TINY).fit(series[:60])
    recursive = model.forecast(5)
    blocks = []
    for _ in range(3):
        block = model.forecast()
        blocks.append(block)
        model.update(block)
    np.testing.assert_allclose(recursive, np.concatenate(blocks)[:5], rtol=1e-6)


def test_recursive_forecast_reads_future_covariates(series):
    X = np.column_stack([series[:, 0], np.arange(80) % 7])
    model = LSTMForecaster(5, known_future=1, **TINY).fit(X[:60], X[:60, 0])
    future = X[60:66, 1:]
    assert model.forecast(6, X_future=future).shape == (6,)
    np.testing.assert_allclose(
        model.forecast(6, X_future=X[60:66]), model.forecast(X_future=future)
    )


def test_a_shorter_forecast_is_the_beginning_of_a_longer_one(series):
    """Future covariates beyond the steps are read too."""
    model, _ = fitted(series, "future covariates")
    future = series[60:66, 1:]
    longer = model.forecast(6, X_future=future)
    for steps in range(1, 6):
        np.testing.assert_array_equal(model.forecast(steps, future), longer[:steps])


def test_rows_of_weight_zero_are_not_trained_on():
    rng = np.random.default_rng(0)
    y = np.cumsum(rng.normal(size=60))
    weight = np.ones(60)
    weight[40:] = 0
    whole = LSTMForecaster(5, batch_size=100, **TINY)
    whole.fit(y[:, None], y, sample_weight=weight)
    noisy = y.copy()
    noisy[50:] += rng.normal(size=10)
    other = LSTMForecaster(5, batch_size=100, **TINY)
    other.fit(noisy[:, None], noisy, sample_weight=weight)
    # The scales differ a little, because they are fitted to all rows.
    for one, two in zip(whole.weights_, other.weights_, strict=True):
        np.testing.assert_allclose(one, two, atol=5e-3)


def test_scaled_sample_weights_are_the_same_weights(series):
    one = LSTMForecaster(5, **TINY).fit(series, sample_weight=np.ones(80))
    other = LSTMForecaster(5, **TINY).fit(series, sample_weight=np.full(80, 7.0))
    for a, b in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(a, b)


class TestSeeds:
    def test_the_same_seed_gives_the_same_weights(self, series):
        model = LSTMForecaster(5, units=(4, 3), dropout=0.3, epochs=2, random_state=3)
        one, other = (clone(model).fit(series).weights_ for _ in range(2))
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("random_state", [4, None])
    def test_another_seed_gives_other_weights(self, series, random_state):
        one = LSTMForecaster(5, units=3, epochs=1, random_state=3).fit(series)
        other = LSTMForecaster(5, units=3, epochs=1, random_state=random_state)
        assert (other.fit(series).weights_[0] != one.weights_[0]).any()

    def test_a_random_state_object_advances(self, series):
        state = np.random.RandomState(0)
        model = LSTMForecaster(5, units=3, epochs=1, random_state=state)
        one, other = (model.fit(series).weights_[0] for _ in range(2))
        assert (one != other).any()

    @pytest.mark.parametrize("random_state", [0, None])
    def test_global_random_generators_are_not_used(self, series, random_state):
        import random

        tf = pytest.importorskip("tensorflow")
        keras = pytest.importorskip("keras")
        tf.random.set_seed(7)
        numpy_state = np.random.get_state()[1].copy()
        python_state = random.getstate()
        keras_seed = keras.src.backend.common.global_state.get_global_attribute(
            "global_random_seed"
        )
        LSTMForecaster(
            4,
            # An architecture that no other test builds.
            units=(5, 2),
            dropout=0.1,
            recurrent_dropout=0.1,
            bidirectional=True,
            epochs=1,
            random_state=random_state,
        ).fit(series).predict(series)
        assert (np.random.get_state()[1] == numpy_state).all()
        assert random.getstate() == python_state
        drawn = tf.random.uniform([3]).numpy()
        tf.random.set_seed(7)
        np.testing.assert_array_equal(drawn, tf.random.uniform([3]).numpy())
        assert keras_seed == keras.src.backend.common.global_state.get_global_attribute(
            "global_random_seed"
        )


class TestEarlyStopping:
    def test_validates_on_the_tail_only(self, series):
        """Changing the last training rows changes the validation loss alone."""
        kwargs = {"normalize": None, "early_stopping": True, "validation_split": 0.2}
        changed = series.copy()
        changed[-5:] += 3
        losses = []
        for X in (series, changed):
            model = LSTMForecaster(5, **TINY | kwargs).fit(X, X[:, 0])
            losses.append((model.history_["loss"], model.history_["val_loss"]))
        assert losses[0][0] == losses[1][0]
        assert losses[0][1] != losses[1][1]

    def test_keeps_the_weights_of_the_best_epoch(self):
        rng = np.random.default_rng(0)
        y = rng.normal(size=90)
        model = LSTMForecaster(
            5, units=16, epochs=60, learning_rate=0.05, early_stopping=True, patience=3,
            normalize="standard", learning_rate_schedule="constant", random_state=0,
        ).fit(y[:, None], y)  # fmt: skip
        losses = model.history_["val_loss"]
        best = int(np.argmin(losses))
        assert model.n_iter_ == len(losses) == best + 1 + 3
        shorter = clone(model).set_params(epochs=best + 1).fit(y[:, None], y)
        for a, b in zip(model.weights_, shorter.weights_, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_refit_trains_on_all_rows_for_the_best_number_of_epochs(self):
        rng = np.random.default_rng(0)
        y = rng.normal(size=90)
        model = LSTMForecaster(
            5, units=16, epochs=60, learning_rate=0.05, early_stopping="refit",
            patience=3, learning_rate_schedule="constant", random_state=0,
        ).fit(y[:, None], y)  # fmt: skip
        best = int(np.argmin(model.history_["val_loss"])) + 1
        plain = clone(model).set_params(early_stopping=False, epochs=best)
        plain.fit(y[:, None], y)
        assert model.n_iter_ == best
        for a, b in zip(model.weights_, plain.weights_, strict=True):
            np.testing.assert_array_equal(a, b)


class TestUpdateAndPartialFit:
    def test_update_does_not_change_the_weights(self, series):
        model = LSTMForecaster(5, **TINY).fit(series[:60])
        weights = model.weights_
        assert model.update(series[60:]).weights_ is weights

    def test_several_updates_equal_one_update(self, series):
        one = LSTMForecaster(5, horizon=2, **TINY).fit(series[:60])
        other = clone(one).fit(series[:60])
        one.update(series[60:70])
        for row in series[60:70]:
            other.update(row[None])
        np.testing.assert_allclose(one.forecast(), other.forecast(), rtol=1e-6)

    def test_an_update_that_replaces_all_rows_goes_back_in_time(self, series):
        model = LSTMForecaster(5, horizon=2, **TINY).fit(series[:60])
        expected = clone(model).fit(series[:60]).update(series[60:65]).forecast()
        model.update(series[60:])
        model.update(series[:65], replace=True)
        np.testing.assert_array_equal(model.forecast(), expected)
        model.update(series[:60], replace=True).partial_fit(series[60:65])
        other = clone(model).fit(series[:60]).partial_fit(series[60:65])
        np.testing.assert_array_equal(model.forecast(), other.forecast())

    def test_an_update_that_replaces_all_rows_by_few_pads_them(self, series):
        model = LSTMForecaster(5, horizon=2, **TINY).fit(series[:60])
        few = model.update(series[:2], replace=True).forecast()
        padded = np.vstack([np.repeat(series[:1], 9, axis=0), series[:2]])
        expected = model.update(padded, replace=True).forecast()
        np.testing.assert_array_equal(few, expected)

    def test_partial_fit_changes_weights_and_history(self, series):
        model = LSTMForecaster(5, **TINY).fit(series[:60])
        before = model.weights_
        model.partial_fit(series[60:70])
        assert any((a != b).any() for a, b in zip(before, model.weights_, strict=True))
        assert model.n_iter_ == len(model.history_["loss"]) == 2
        updated = clone(model).fit(series[:60]).update(series[60:70])
        np.testing.assert_array_equal(
            updated._histories[0].rows.X, model._histories[0].rows.X
        )

    def test_partial_fit_trains_on_every_new_window_once(self, series, monkeypatch):
        """Windows that reach over two calls are among them."""
        trained = []
        original = LSTMForecaster._train

        def record(self, task, reporter):
            trained.append(len(task.samples))
            return original(self, task, reporter)

        monkeypatch.setattr(LSTMForecaster, "_train", record)
        model = LSTMForecaster(5, horizon=3, **TINY).fit(series[:60])
        for begin in range(60, 80, 4):
            model.partial_fit(series[begin : begin + 4])
        assert trained == [60 - 5 - 3 + 1] + [4] * 5
        assert sum(trained) == 80 - 5 - 3 + 1

    def test_partial_fit_has_sample_weights_in_the_unit_of_fit(self, series):
        model = LSTMForecaster(5, loss="mse", optimizer="sgd", **TINY)
        changes = {}
        for weight in (0.0, 1.0, 2.0):
            model.fit(series[:60], sample_weight=np.full(60, 4.0))
            before = model.weights_
            model.partial_fit(series[60:61], sample_weight=[4 * weight])
            changes[weight] = model.weights_[-3] - before[-3]
        assert (changes[0.0] == 0).all()
        assert abs(changes[1.0]).max() > 0
        np.testing.assert_allclose(changes[2.0], 2 * changes[1.0], rtol=1e-3, atol=1e-9)

    def test_partial_fit_appends_to_the_loss_history(self, series):
        model = LSTMForecaster(5, early_stopping=True, **TINY).fit(series[:60])
        model.partial_fit(series[60:70])
        assert [len(model.history_[name]) for name in ("loss", "val_loss")] == [2, 1]

    def test_rows_without_targets_are_not_trained_on(self, series):
        model = LSTMForecaster(5, target=None, **TINY)
        model.fit(series[:60], series[:60, 0])
        weights = model.weights_
        model.update(series[60:62])
        model.partial_fit(series[62:63])
        assert model.weights_ is weights
        model.partial_fit(series[63:64], series[63:64, 0])
        assert model.weights_ is not weights

    def test_the_first_partial_fit_equals_a_fit_of_one_epoch(self, series):
        one = LSTMForecaster(5, **TINY).partial_fit(series)
        other = LSTMForecaster(5, **TINY).fit(series)
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_warm_start_starts_from_the_last_weights(self, series):
        model = LSTMForecaster(5, warm_start=True, **TINY).fit(series)
        first = model.weights_
        model.set_params(learning_rate=1e-9).fit(series)
        for a, b in zip(first, model.weights_, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_without_warm_start_fit_starts_from_new_weights(self, series):
        model = LSTMForecaster(5, **TINY).fit(series)
        first = model.weights_
        for a, b in zip(first, model.fit(series).weights_, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [{}, {"regressor": Ridge()}], ids=["lstm", "ridge"])
class TestPandas:
    @pytest.fixture
    def frame(self, series):
        index = pd.date_range("2024-01-01", periods=80, freq="h", name="time")
        return pd.DataFrame(series, columns=["price", "volume"], index=index)

    def test_a_series_as_y_gives_a_series(self, kind, frame):
        model = make(5, **kind, horizon=3)
        model.fit(frame[:60], frame["price"][:60])
        forecast = model.forecast()
        pd.testing.assert_index_equal(forecast.index, frame.index[60:63])
        assert forecast.name == "price"
        model.update(frame[60:62])
        pd.testing.assert_index_equal(model.forecast(2).index, frame.index[62:64])

    def test_a_frame_as_y_gives_a_frame(self, kind, frame):
        forecast = make(5, **kind).fit(frame[:60]).forecast(4)
        pd.testing.assert_index_equal(forecast.index, frame.index[60:64])
        assert list(forecast.columns) == ["price", "volume"]
        forecast = make(5, **kind).fit(frame, frame[["volume"]]).forecast()
        assert list(forecast.columns) == ["volume"]

    def test_after_a_scaler_the_index_comes_from_y(self, kind, frame):
        model = make_pipeline(MinMaxScaler(), make(5, **kind))
        model.fit(frame[:60], frame["price"][:60])
        assert model[-1].forecast().index[0] == frame.index[60]

    @pytest.mark.parametrize(
        ("index", "expected"),
        [
            (pd.RangeIndex(10, 90), pd.RangeIndex(90, 92)),
            (pd.RangeIndex(0, 160, 2), pd.RangeIndex(160, 164, 2)),
            (
                pd.period_range("2000-01", periods=80, freq="M"),
                pd.period_range("2006-09", periods=2, freq="M"),
            ),
            (
                pd.date_range("2000-01-31", periods=80, freq="ME"),
                pd.DatetimeIndex(["2006-09-30", "2006-10-31"]),
            ),
            (
                pd.DatetimeIndex(np.array(pd.date_range("2000", periods=80, freq="D"))),
                pd.DatetimeIndex(["2000-03-21", "2000-03-22"]),
            ),
            # Irregular, as the dates of trading days are: steps ahead.
            (pd.period_range("2000", periods=119).delete(range(3, 119, 3)), [1, 2]),
            (
                pd.date_range("2000", periods=119).delete(range(3, 119, 3)),
                pd.RangeIndex(1, 3),
            ),
            (pd.Index([f"row {i}" for i in range(80)]), pd.RangeIndex(1, 3)),
        ],
        ids=str,
    )
    def test_forecasts_continue_the_index(self, kind, series, index, expected):
        X = pd.DataFrame(series, index=index, columns=["a", "b"])
        model = make(5, **kind, horizon=2).fit(X, X["a"])
        forecast = model.forecast()
        assert list(forecast.index) == list(expected)

    def test_rows_at_other_times_than_the_next(self, kind, frame):
        frame = frame.set_axis(pd.date_range("2000", periods=len(frame)))
        model = make(5, **kind, horizon=2, known_future="volume")
        model.fit(frame[:60], frame["price"][:60])
        before = model.predict(frame[60:])
        with pytest.raises(
            ValueError, match=r"after the last row seen, 2000-02-29.*2000"
        ):
            model.update(frame[55:70], frame["price"][55:70])
        with pytest.warns(UserWarning, match="fitted_values"):
            model.predict(frame[:10])
        with pytest.raises(ValueError, match="X_future must begin after the last row"):
            model.forecast(X_future=frame[58:60])
        with pytest.raises(
            ValueError,
            match=r"begins at 2000-03-03.*2000-02-29.* is 2000-03-01 00:00:00",
        ):
            model.forecast(X_future=frame[62:64])
        np.testing.assert_array_equal(model.predict(frame[60:]), before)
        with pytest.warns(UserWarning, match="fill the gap"):
            model.predict(frame[62:70])
        with pytest.warns(UserWarning, match="fill the gap"):
            model.update(frame[62:70], frame["price"][62:70])
        model.update(frame[:60], frame["price"][:60], replace=True)
        np.testing.assert_array_equal(model.predict(frame[60:]), before)

    def test_future_covariates_are_matched_by_position_without_names(self, kind, frame):
        model = make(5, **kind, horizon=2, known_future=1)
        model.fit(frame.to_numpy()[:60], frame["price"].to_numpy()[:60])
        expected = model.forecast(X_future=frame.to_numpy()[60:62])
        for future in (frame[60:62], frame[["volume"]][60:62]):
            np.testing.assert_array_equal(model.forecast(X_future=future), expected)

    def test_rows_with_an_index_after_rows_without(self, kind, series):
        index = pd.period_range("2000-01", periods=80, freq="M")
        X = pd.DataFrame(series, index=index, columns=["a", "b"])
        model = make(5, **kind, horizon=2).fit(X[:70], X["a"][:70])
        model.update(series[70:75], series[70:75, 0])
        assert list(model.forecast().index) == [1, 2]
        model.update(X[75:], X["a"][75:])
        expected = pd.period_range("2006-09", periods=2, freq="M")
        assert list(model.forecast().index) == list(expected)

    def test_the_index_of_future_covariates_labels_the_forecast(self, kind, frame):
        model = make(5, **kind, horizon=2, known_future="volume")
        model.fit(frame[:60], frame["price"][:60])
        index = pd.Index(["tomorrow", "the day after"])
        future = frame[["volume"]][60:62].set_axis(index)
        assert list(model.forecast(X_future=future).index) == list(index)

    def test_columns_by_name_and_by_index(self, kind, frame):
        one = make(5, **kind, target="price", known_future="volume")
        other = make(5, **kind, target=0, known_future=[-1])
        one.fit(frame, frame["price"])
        other.fit(frame.to_numpy(), frame["price"])
        np.testing.assert_array_equal(
            one.predict(frame), other.predict(frame.to_numpy())
        )


def test_the_learning_rate_decreases_along_half_a_cosine(series):
    keras = pytest.importorskip("keras")
    rates = []

    class Recorder(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    model = LSTMForecaster(
        5, callbacks=[Recorder()], learning_rate=0.01, **TINY | {"epochs": 4}
    )
    model.fit(series)
    assert rates == pytest.approx([0.01, 0.0085355, 0.005, 0.0014645], rel=1e-3)
    rates.clear()
    model.set_params(learning_rate_schedule="constant").fit(series)
    assert rates == pytest.approx([0.01] * 4)
    rates.clear()
    model.set_params(learning_rate=None, optimizer="sgd").fit(series)
    assert rates == pytest.approx([keras.optimizers.SGD().learning_rate] * 4)


def test_a_callback_may_lower_a_scheduled_learning_rate(series):
    keras = pytest.importorskip("keras")
    rates = []

    class Halve(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

        def on_epoch_end(self, epoch, logs=None):
            optimizer = self.model.optimizer
            optimizer.learning_rate = float(optimizer.learning_rate) / 2

    LSTMForecaster(5, callbacks=Halve(), **TINY | {"epochs": 3}).fit(series)
    assert rates == pytest.approx([1e-3, 0.75e-3 / 2, 0.25e-3 / 4], rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_losses_by_name_function_and_instance(series, loss):
    keras = pytest.importorskip("keras")
    by_name, by_function, by_instance = (
        LSTMForecaster(5, loss=value, **TINY).fit(series).weights_
        for value in (loss, keras.losses.get(loss), loss_instance(keras, loss))
    )
    for other in (by_function, by_instance):
        for a, b in zip(by_name, other, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def loss_instance(keras, name):
    return {"mse": keras.losses.MeanSquaredError, "huber": keras.losses.Huber}[name]()


def test_an_optimizer_instance_is_copied_and_keeps_its_learning_rate(series):
    keras = pytest.importorskip("keras")
    optimizer = keras.optimizers.SGD(0.0)
    model = LSTMForecaster(5, optimizer=optimizer, **TINY)
    one = clone(model).set_params(epochs=1).fit(series)
    other = clone(model).set_params(epochs=3).fit(series)
    assert not optimizer.built
    for a, b in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(a, b)


class TestCallbacks:
    def test_keras_callbacks_at_epoch_boundaries(self, series):
        keras = pytest.importorskip("keras")
        seen = []

        class Recorder(keras.callbacks.Callback):
            def on_train_begin(self, logs=None):
                seen.append("train begins")

            def on_epoch_begin(self, epoch, logs=None):
                seen.append(epoch)

            def on_epoch_end(self, epoch, logs=None):
                seen.append(sorted(logs))
                if epoch == 1:
                    self.model.stop_training = True

            def on_train_end(self, logs=None):
                seen.append("train ends")

        recorder = Recorder()
        model = LSTMForecaster(5, callbacks=[recorder], **TINY | {"epochs": 5})
        model.fit(series)
        assert seen == ["train begins", 0, ["loss"], 1, ["loss"], "train ends"]
        assert model.n_iter_ == 2
        assert recorder.model is None

    def test_keras_callbacks_may_set_the_learning_rate(self, series):
        keras = pytest.importorskip("keras")
        still = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
        one = LSTMForecaster(5, callbacks=still, **TINY).fit(series)
        other = LSTMForecaster(5, callbacks=still, **TINY | {"epochs": 2}).fit(series)
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_scikit_learn_callbacks_have_a_task_per_epoch(self, series):
        begun, ended = [], []

        class Recorder:
            def setup(self, estimator, context):
                begun.append("setup")

            def teardown(self, estimator, context):
                ended.append("teardown")

            def on_fit_task_begin(self, estimator, context):
                begun.append((context.task_name, context.task_id))

            def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
                forecast = fitted_estimator.predict(X)
                assert np.isfinite(forecast).all()
                ended.append((context.task_name, context.task_id))
                return context.task_id == 1

        model = LSTMForecaster(5, **TINY | {"epochs": 4}).set_callbacks(Recorder())
        model.fit(series)
        epochs = [("epoch", 0), ("epoch", 1)]
        assert begun == ["setup", ("fit", 0), *epochs]
        assert ended == [*epochs, ("fit", 0), "teardown"]
        assert model.n_iter_ == 2

    def test_progress_bar(self, series, capsys):
        pytest.importorskip("rich")
        from sklearn.callback import ProgressBar

        model = LSTMForecaster(5, **TINY | {"epochs": 3}).set_callbacks(ProgressBar())
        model.fit(series)
        assert "LSTMForecaster - fit" in capsys.readouterr().out

    def test_verbose_prints_a_line_for_each_epoch(self, series, capsys):
        LSTMForecaster(5, verbose=1, **TINY | {"epochs": 2}).fit(series)
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
        assert all("loss: " in line for line in lines)


@pytest.mark.parametrize("normalize", ["last", "standard"])
def test_linear_skip_reads_changes_of_future_covariates(normalize):
    rng = np.random.default_rng(0)
    covariate = rng.normal(size=400).cumsum()
    X = np.column_stack([3 * covariate + 100, covariate])
    errors = []
    for linear_skip in (True, False):
        model = LSTMForecaster(
            8,
            horizon=2,
            units=2,
            known_future=1,
            linear_skip=linear_skip,
            normalize=normalize,
            learning_rate=0.03,
            epochs=10,
            random_state=0,
        )
        model.fit(X[:350], X[:350, 0])
        errors.append(np.abs(model.predict(X[350:]) - X[350:, 0]).mean())
    naive = np.abs(np.diff(X[350:, 0])).mean()
    assert errors[0] < min(0.7 * errors[1], naive)
