"""Ensembles: each member equals the forecaster with its seed."""

import pickle

import keras
import numpy as np
import pytest
from sklearn.callback import ScoringMonitor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklstm import LSTMForecaster
from sklstm.sktime import SktimeLSTMForecaster

TINY = {"window_length": 5, "horizon": 2, "units": 3, "epochs": 2, "random_state": 4}


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    return np.cumsum(rng.normal(size=(80, 2)), axis=0) + 50


def ensemble(n_members=3, **options):
    return LSTMForecaster(**(TINY | options), n_members=n_members)


def members(n_members=3, **options):
    for number in range(n_members):
        yield LSTMForecaster(**(TINY | {"random_state": 4 + number} | options))


def assert_same_weights(weights, others):
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize("aggregate", ["median", "mean"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quantiles": (0.1, 0.5, 0.9)},
        {"early_stopping": True, "epochs": 4, "patience": 1},
        {"early_stopping": "refit"},
        {"optimizer": keras.optimizers.Adam(0.02, amsgrad=True)},
    ],
    ids=["plain", "quantiles", "early stopping", "refit", "optimizer"],
)
def test_forecast_is_the_aggregate_of_the_members(series, options, aggregate):
    model = ensemble(**options, aggregate=aggregate).fit(series[:70])
    fitted = [member.fit(series[:70]) for member in members(**options)]
    assert_same_weights(
        model.weights_, [array for member in fitted for array in member.weights_]
    )
    forecasts = [member.predict(series[70:]) for member in fitted]
    expected = getattr(np, aggregate)(forecasts, 0)
    np.testing.assert_allclose(model.predict(series[70:]), expected, rtol=1e-6)
    losses = [member.history_["loss"][0] for member in fitted]
    np.testing.assert_allclose(model.history_["loss"][0], np.mean(losses))
    assert model.n_iter_ == max(member.n_iter_ for member in fitted)


def test_threads_give_the_same_weights(series):
    one, other = ensemble().fit(series), ensemble(n_jobs=2).fit(series)
    assert_same_weights(one.weights_, other.weights_)


def test_a_loss_with_a_variable_trains_in_several_threads(series):
    """Its graph holds the variable, so each thread needs a graph of its own."""
    factor = keras.Variable(2.0)

    def loss(y_true, y_pred):
        return factor * keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    one = ensemble(loss=loss).fit(series)
    other = ensemble(loss=loss, n_jobs=3).fit(series)
    assert_same_weights(one.weights_, other.weights_)


def test_a_single_member_equals_the_plain_forecaster(series):
    one, other = ensemble(1).fit(series), LSTMForecaster(**TINY).fit(series)
    np.testing.assert_array_equal(one.forecast(), other.forecast())


@pytest.mark.parametrize("aggregate", ["median", "mean"])
def test_the_network_outputs_the_aggregate(series, aggregate, tmp_path):
    model = ensemble(normalize=None, aggregate=aggregate).fit(series[:70])
    model.network_.save(tmp_path / "ensemble.keras")
    network = keras.models.load_model(tmp_path / "ensemble.keras")
    window = series[None, 65:70].astype(np.float32)
    np.testing.assert_allclose(network(window)[0], model.forecast(), rtol=1e-5)


def median_forecast(fitted):
    return np.median([member.forecast() for member in fitted], axis=0)


def test_partial_fit_continues_each_member(series):
    first, then = series[:60], series[60:70]
    model = ensemble().fit(first).partial_fit(then)
    fitted = [member.fit(first).partial_fit(then) for member in members()]
    np.testing.assert_allclose(model.forecast(), median_forecast(fitted), rtol=1e-6)
    assert len(model.history_["loss"]) == model.n_iter_ == 3
    model = ensemble().partial_fit(first).partial_fit(then)
    fitted = [member.partial_fit(first).partial_fit(then) for member in members()]
    np.testing.assert_allclose(model.forecast(), median_forecast(fitted), rtol=1e-6)


def test_warm_start_continues_each_member(series):
    model = ensemble(warm_start=True).fit(series[:60]).fit(series[:70])
    fitted = [
        member.set_params(warm_start=True).fit(series[:60]).fit(series[:70])
        for member in members()
    ]
    expected = median_forecast(fitted)
    np.testing.assert_allclose(model.forecast(), expected, rtol=1e-6)
    model.set_params(n_members=2)
    for continue_training in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="last fit had, 3, got n_members=2"):
            continue_training(series[70:])
    assert len(model.network_.weights) == len(model.weights_)
    np.testing.assert_allclose(model.forecast(), expected, rtol=1e-6)


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_members_differ(series, random_state):
    model = ensemble(2, random_state=random_state).fit(series)
    half = len(model.weights_) // 2
    assert not np.array_equal(model.weights_[0], model.weights_[half])


def test_in_a_pipeline_and_in_pickles(series):
    model = make_pipeline(MinMaxScaler(), ensemble(n_jobs=2)).fit(series, series[:, 0])
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded[-1].forecast(), model[-1].forecast())


def test_intervals_are_centred_on_the_aggregate(series):
    model = ensemble(calibration_split=0.3).fit(series)
    interval = model.forecast_interval(coverage=0.8)
    np.testing.assert_allclose(interval.mean(axis=-1), model.forecast(), rtol=1e-5)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_scikit_learn_callbacks_get_a_task_per_member(series, n_jobs, capsys):
    monitor = ScoringMonitor(scoring="r2")
    model = ensemble(2, n_jobs=n_jobs, verbose=1).set_callbacks(monitor)
    model.fit(series, series[:, 0])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("Member 1/2 - Epoch 2/2 - loss") for line in lines) == 1
    assert sum(line.startswith("Member 2/2 - Epoch 1/2 - loss") for line in lines) == 1
    assert len(lines) == 4


def test_keras_callbacks_see_one_member_after_the_other(series):
    class Recorder(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_begin(self, logs=None):
            self.seen.append("begin")

        def on_train_end(self, logs=None):
            self.seen.append("end")

    recorder = Recorder()
    ensemble(2, n_jobs=2, callbacks=recorder).fit(series)
    assert recorder.seen == ["begin", "end"] * 2


def test_in_the_sktime_adapter(series):
    options = {**TINY, "n_members": 2, "calibration_split": 0.0}
    native = SktimeLSTMForecaster(**options).fit(series[:70], fh=[1, 2])
    np.testing.assert_allclose(
        native.predict(), ensemble(2).fit(series[:70]).forecast(), rtol=1e-6
    )


@pytest.mark.parametrize(
    "invalid", [{"n_members": 0}, {"aggregate": "max"}, {"n_jobs": 0.5}], ids=str
)
def test_invalid_parameters(series, invalid):
    with pytest.raises(ValueError, match=f"'{next(iter(invalid))}' parameter"):
        LSTMForecaster(**TINY, **invalid).fit(series)
