"""Forecasts by segments of the horizon, and by a network that reads one channel."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklstm import LSTMForecaster
from sklstm.sktime import SktimeLSTMForecaster

TINY = {
    "window_length": 6,
    "horizon": 5,
    "patch_length": 2,
    "units": 4,
    "epochs": 1,
    "random_state": 0,
}
SEGMENTS = {"decoder": "segments"}
ALONE = {"channel_independent": True}
DECODERS = [SEGMENTS, ALONE, SEGMENTS | ALONE]


def forecaster(**parameters):
    return LSTMForecaster(**TINY | parameters)


def assert_same_weights(one, other):
    for a, b in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("parameters", DECODERS, ids=str)
def test_the_same_seed_gives_the_same_weights(series, parameters):
    model = forecaster(**parameters, dropout=0.2).fit(series)
    assert_same_weights(model, clone(model).fit(series))
    other = clone(model).set_params(random_state=1).fit(series)
    assert not np.array_equal(model.forecast(), other.forecast())


@pytest.mark.parametrize("parameters", DECODERS, ids=str)
def test_pickles_and_continued_training(series, parameters):
    model = forecaster(**parameters).fit(series[:60])
    loaded = pickle.loads(pickle.dumps(model))
    for each in (model, loaded):
        each.partial_fit(series[60:70])
    assert_same_weights(model, loaded)
    np.testing.assert_array_equal(
        model.predict(series[70:]), loaded.predict(series[70:])
    )


@pytest.mark.parametrize("parameters", DECODERS, ids=str)
def test_the_members_of_an_ensemble_are_the_forecasters_of_their_seeds(
    series, parameters
):
    model = forecaster(n_members=2, n_jobs=2, **parameters).fit(series)
    members = [forecaster(random_state=i, **parameters).fit(series) for i in range(2)]
    np.testing.assert_allclose(
        model.forecast(), np.mean([m.forecast() for m in members], axis=0), rtol=1e-6
    )
    assert len(model.network_.weights) == len(model.weights_)


@pytest.mark.parametrize("parameters", DECODERS, ids=str)
def test_quantiles_and_intervals_of_each_target(series, parameters):
    model = forecaster(quantiles=(0.1, 0.5, 0.9), calibration_split=0.2, **parameters)
    model.fit(series)
    quantiles = model.forecast_quantiles()
    assert quantiles.shape == (5, 2, 3)
    assert (np.diff(quantiles, axis=2) >= 0).all()
    np.testing.assert_array_equal(quantiles[..., 1], model.forecast())
    assert model.forecast_interval(coverage=0.5).shape == (5, 2, 2)


@pytest.mark.parametrize("parameters", [SEGMENTS, SEGMENTS | ALONE], ids=str)
def test_the_horizon_may_be_shorter_than_a_patch(series, parameters):
    model = forecaster(horizon=2, patch_length=3, **parameters).fit(series)
    assert model.forecast().shape == (2, 2)
    shapes = {w.path: w.shape for w in model.network_.weights}
    assert shapes["segment/embeddings"] == (1, 2)


@pytest.mark.parametrize("decoder", ["dense", "segments"])
def test_independent_channels_equal_a_panel_of_the_columns(series, decoder):
    """Up to the learned vectors of the channels, which a panel does not have."""
    # The linear map from the history is shared by targets and series alike.
    model = forecaster(decoder=decoder, **ALONE).fit(series)
    panel = forecaster(decoder=decoder).fit([series[:, [0]], series[:, [1]]])
    paths = [w.path for w in model.network_.weights]
    shared = dict(zip(paths, model.weights_, strict=True))
    shared["channel/embeddings"] = np.zeros((2, 2), np.float32)
    model.weights_ = tuple(shared.values())
    # The last inputs of the decoder's cell, and of the dense layer, are the vectors.
    reader = {"dense": "forecast", "segments": "decoder_lstm"}[decoder] + "/kernel"
    shared[reader] = shared[reader][:-2]
    del shared["channel/embeddings"]
    panel.weights_ = tuple(shared.values())
    expected = np.column_stack(panel.forecast())
    np.testing.assert_allclose(model.forecast(), expected, rtol=1e-6)


@pytest.mark.parametrize("decoder", ["dense", "segments"])
def test_another_channel_does_not_change_a_forecast(series, decoder):
    model = forecaster(decoder=decoder, **ALONE).fit(series[:60])
    changed = series[60:].copy()
    changed[:, 1] += 10
    one, other = model.predict(series[60:]), model.predict(changed)
    np.testing.assert_allclose(one[:, 0], other[:, 0], rtol=1e-6)
    assert np.abs(one[5:, 1] - other[5:, 1]).min() > 1


def test_targets_given_as_y_go_through_the_network_alone(series):
    """Columns that are no target are covariates of every target."""
    X = np.column_stack([series, np.arange(80) % 7, np.arange(80) % 3])
    model = forecaster(known_future=[3], **SEGMENTS | ALONE)
    model.fit(X[:60], series[:60, ::-1])
    assert model.target_columns_ == [1, 0]
    before = model.predict(X[60:65])
    assert before.shape == (5, 2)
    for column, changes in ((0, [False, False]), (2, [False, False]), (3, [True] * 2)):
        changed = X[60:65].copy()
        changed[:, column] += 1
        differs = np.abs(model.predict(changed) - before).max(axis=0) > 1e-6
        assert differs.tolist() == changes


def test_a_single_target_may_be_independent(series):
    model = forecaster(**SEGMENTS | ALONE).fit(series, series[:, 0])
    assert model.forecast().shape == (5,)


@pytest.mark.parametrize(
    ("parameters", "n_found"), [({"target": None}, 0), ({"target": "auto"}, 1)]
)
@pytest.mark.filterwarnings("ignore:No column of X holds")
def test_independent_channels_need_their_history(series, parameters, n_found):
    y = np.column_stack([series[:, 0], np.random.default_rng(1).normal(size=80)])
    model = forecaster(**parameters, **ALONE)
    message = f"channel_independent=True needs .* only {n_found} of 2 target"
    with pytest.raises(ValueError, match=message):
        model.fit(series, y)


@pytest.mark.parametrize(
    "invalid", [{"decoder": "gru"}, {"decoder": None}, {"channel_independent": "no"}]
)
def test_invalid_parameters(series, invalid):
    (name,) = invalid
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        forecaster(**invalid).fit(series)


@pytest.mark.parametrize("change", [{"decoder": "dense"}, ALONE], ids=str)
def test_a_warm_start_needs_the_same_decoder(series, change):
    model = forecaster(warm_start=True, **SEGMENTS).fit(series)
    with pytest.raises(ValueError, match="warm_start=True needs the network"):
        model.set_params(**change).fit(series)


def test_the_adapter_passes_both_on(series):
    months = pd.period_range("2000-01", periods=80, freq="M")
    y = pd.DataFrame(series, months, columns=["a", "b"])
    adapter = SktimeLSTMForecaster(**TINY, **SEGMENTS | ALONE)
    forecast = adapter.fit(y, fh=range(1, 6)).predict()
    expected = forecaster(**SEGMENTS | ALONE).fit(series).forecast()
    np.testing.assert_allclose(forecast, expected, rtol=1e-6)


@pytest.mark.parametrize("parameters", [{}, SEGMENTS, SEGMENTS | ALONE], ids=str)
def test_learns_a_season_over_a_long_horizon(parameters):
    t = np.arange(400)
    y = np.column_stack([np.sin(t * np.pi / 6), 3 * np.cos(t * np.pi / 6)])
    model = LSTMForecaster(
        window_length=24,
        horizon=24,
        patch_length=6,
        units=16,
        linear_skip=False,
        learning_rate=0.02,
        epochs=30,
        random_state=0,
        **parameters,
    )
    forecast = model.fit(y[:350]).predict(y[350:])
    assert np.abs(forecast - y[350:]).mean() < 0.2 * np.abs(y[350:]).mean()
