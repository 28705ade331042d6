"""sktime's interface: the same forecasts and predictions, in sktime's containers."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MinMaxScaler
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.compose import TransformedTargetForecaster
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.registry import scitype
from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter
from sktime.transformations.series.adapt import TabularToSeriesAdaptor
from sktime.utils._testing.hierarchical import _make_hierarchical
from sktime.utils.estimator_checks import check_estimator

from sklstm import (
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    RNNClassifier,
    RNNRegressor,
)
from sklstm.sktime import (
    SktimeLSTMAutoencoderDetector,
    SktimeLSTMForecastDetector,
    SktimeLSTMForecaster,
    SktimeRNNClassifier,
    SktimeRNNRegressor,
)

SMALL = {"window_length": 3, "units": 2, "epochs": 1, "random_state": 0}
N = 40
DAYS = pd.date_range("2020-01-01", periods=N, freq="D")


def walk(n_columns, n_rows=N, seed=0):
    steps = np.random.default_rng(seed).normal(size=(n_rows, n_columns))
    return np.cumsum(steps, axis=0)


Y = pd.Series(walk(1)[:, 0], DAYS, name="y")
YY = pd.DataFrame(walk(2), DAYS, columns=["a", "b"])
X = pd.DataFrame(
    {"sine": np.sin(np.arange(N + 5)), "trend": np.arange(N + 5.0)},
    pd.date_range("2020-01-01", periods=N + 5, freq="D"),
)


def forecaster(**options):
    return SktimeLSTMForecaster(**{**SMALL, "calibration_split": 0.0, **options})


def sklearn_forecaster(horizon=1, **options):
    return LSTMForecaster(horizon=horizon, **{**SMALL, **options})


def panel(lengths=(40, 30, 4), n_columns=1):
    frames = [pd.DataFrame(walk(n_columns, n, seed=n)) for n in lengths]
    return pd.concat(
        frames, keys=["long", "short", "tiny"][: len(frames)], names=["series", "time"]
    )


@pytest.mark.parametrize("y", [Y, YY], ids=["one column", "two columns"])
def test_forecasts_equal_those_of_lstm_forecaster(y):
    forecast = forecaster().fit(y, fh=[1, 2, 3]).predict()
    expected = sklearn_forecaster(horizon=3).fit(pd.DataFrame(y)).forecast(3)
    np.testing.assert_array_equal(forecast.to_numpy().reshape(3, -1), expected)
    pd.testing.assert_index_equal(forecast.index, expected.index, exact="equiv")
    if y is Y:
        assert forecast.name == "y"
    else:
        assert list(forecast.columns) == ["a", "b"]


def test_fh_with_gaps_and_absolute_fh():
    expected = (
        sklearn_forecaster(horizon=5)
        .fit(Y.to_frame())
        .forecast(5)
        .to_numpy()[[1, 4], 0]
    )
    absolute = pd.DatetimeIndex(["2020-02-11", "2020-02-14"])
    for fh in ([2, 5], ForecastingHorizon(absolute, is_relative=False)):
        forecast = forecaster().fit(Y, fh=fh).predict()
        np.testing.assert_array_equal(forecast, expected)
        assert list(forecast.index) == list(absolute)


def test_default_and_fixed_horizon():
    recursive = sklearn_forecaster().fit(Y.to_frame()).forecast(4).to_numpy()[:, 0]
    fitted = forecaster().fit(Y)
    np.testing.assert_array_equal(fitted.predict(fh=[1, 2, 3, 4]), recursive)
    assert fitted.forecaster_.horizon == 1
    model = sklearn_forecaster(horizon=2).fit(Y.to_frame())
    fitted = forecaster(horizon=2).fit(Y, fh=[1, 2, 3, 4])
    np.testing.assert_array_equal(fitted.predict(), model.forecast(4).to_numpy()[:, 0])


def test_future_covariates():
    fitted = forecaster().fit(Y, X=X, fh=[1, 3])
    table = np.hstack([Y.to_numpy()[:, None], X.to_numpy()[:N]])
    model = sklearn_forecaster(horizon=3, known_future=[1, 2]).fit(table)
    expected = model.forecast(3, X.to_numpy()[N : N + 3])
    np.testing.assert_array_equal(fitted.predict(X=X), expected[[0, 2], 0])
    # Columns are found by name and rows by time; others are ignored.
    other = X.iloc[N - 3 :, ::-1].assign(more=1.0)
    np.testing.assert_array_equal(fitted.predict(X=other), expected[[0, 2], 0])
    # The covariates have an effect.
    assert (fitted.predict(X=X + 1) != expected[[0, 2], 0]).any()


def test_in_sample_forecasts_from_the_rows_before():
    fitted = forecaster().fit(Y, fh=[1, 2])
    past = fitted.predict(fh=np.arange(-N + 1, 1))
    assert list(past.index) == list(DAYS)
    model = fitted.forecaster_
    changed = Y.to_numpy()[:, None].copy()
    for row in (10, N - 1):
        model.update(changed[:row], replace=True)
        assert model.predict(changed[row : row + 1])[0, 0] == past.iloc[row]
    model.update(changed, replace=True)
    # The second row has only the first before it, which is repeated at the front.
    alone = fitted.predict(fh=[-N + 2]).iloc[0]
    y = Y.copy()
    y.iloc[1:] += 10
    np.testing.assert_array_equal(
        model.fitted_values(y.to_numpy()[:, None])[1, 0], alone
    )


def test_in_sample_and_out_of_sample_at_once():
    fitted = forecaster(calibration_split=0.5).fit(YY, X=X, fh=[-2, 0, 1, 3])
    alone = [fitted.predict(fh=[step], X=X) for step in (-2, 0, 1, 3)]
    pd.testing.assert_frame_equal(
        fitted.predict(fh=[-2, 0, 1, 3], X=X), pd.concat(alone), check_freq=False
    )
    interval = fitted.predict_interval(fh=[-2, 0, 1, 3], X=X, coverage=[0.5, 0.8])
    assert interval.shape == (4, 8)
    assert (interval["a"][0.5]["lower"] > interval["a"][0.8]["lower"]).all()


def test_intervals_equal_those_of_lstm_forecaster():
    fitted = forecaster(calibration_split=0.5).fit(YY, fh=[1, 2])
    model = sklearn_forecaster(horizon=2, calibration_split=0.5).fit(YY)
    expected = model.forecast_interval(coverage=0.8)
    interval = fitted.predict_interval(coverage=0.8)
    np.testing.assert_array_equal(interval, expected)
    assert list(interval.columns[:2]) == [("a", 0.8, "lower"), ("a", 0.8, "upper")]
    quantiles = fitted.predict_quantiles(alpha=[0.9, 0.5, 0.1])
    np.testing.assert_allclose(quantiles["b"][0.9], expected["b"]["upper"])
    np.testing.assert_allclose(quantiles["b"][0.1], expected["b"]["lower"])
    np.testing.assert_array_equal(quantiles["b"][0.5], fitted.predict()["b"])


def test_trained_quantiles_do_not_cross():
    fitted = forecaster(quantiles=(0.1, 0.5, 0.9), calibration_split=0.5)
    alpha = [0.6, 0.2, 0.5, 0.48]
    quantiles = fitted.fit(Y, fh=[1, 2]).predict_quantiles(alpha=alpha)["y"]
    assert (np.diff(quantiles[sorted(alpha)], axis=1) >= 0).all()


def test_defaults_equal_those_of_lstm_forecaster():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = SktimeLSTMForecaster(**SMALL).fit(Y, fh=[1, 2])
    model = LSTMForecaster(horizon=2, **SMALL).fit(Y.to_numpy()[:, None])
    np.testing.assert_array_equal(fitted.predict(), model.forecast()[:, 0])


@pytest.mark.parametrize("n_columns", [1, 2])
def test_panel_equals_list_of_series(n_columns):
    y = panel(n_columns=n_columns)
    fitted = forecaster(calibration_split=0.5).fit(y, fh=[1, 2])
    series = [part.to_numpy() for _, part in y.groupby(level=0, sort=False)]
    model = sklearn_forecaster(horizon=2, calibration_split=0.5).fit(series)
    np.testing.assert_array_equal(fitted.predict(), np.vstack(model.forecast(2)))
    index = [("long", 40), ("long", 41), ("short", 30), ("short", 31)]
    assert list(fitted.predict().index) == [*index, ("tiny", 4), ("tiny", 5)]
    np.testing.assert_array_equal(
        fitted.predict_interval(coverage=0.5).to_numpy().reshape(6, n_columns, 2),
        np.vstack(model.forecast_interval(2, coverage=0.5)),
    )
    in_sample = fitted.predict(fh=[-1, 0])
    expected = [values[-2:] for values in model.fitted_values(series)]
    np.testing.assert_array_equal(in_sample, np.vstack(expected))


def test_hierarchy_with_future_covariates():
    y = _make_hierarchical((2, 2), min_timepoints=12, max_timepoints=12)
    X = _make_hierarchical((2, 2), min_timepoints=14, max_timepoints=14)
    X.columns = ["x"]
    fitted = forecaster().fit(y, X=X.loc[y.index], fh=[2])
    forecast = fitted.predict(X=X)
    assert forecast.index.names == y.index.names
    assert len(forecast) == 4
    keys = [key for key, _ in y.groupby(level=[0, 1], sort=False)]
    tables = [np.hstack([y.loc[key], X.loc[key][:12]]) for key in keys]
    model = sklearn_forecaster(horizon=2, known_future=[1]).fit(tables)
    expected = model.forecast(2, [X.loc[key][12:].to_numpy() for key in keys])
    np.testing.assert_array_equal(forecast, [values[1] for values in expected])


def test_series_that_end_at_different_times():
    y = panel((40, 30))
    fitted = forecaster().fit(y, fh=[1])
    absolute = ForecastingHorizon([30, 41], is_relative=False)
    forecast = fitted.predict(fh=absolute)
    assert list(forecast.index.get_level_values(-1)) == [30, 41] * 2
    relative = fitted.predict(fh=[-9, 2]).loc["long"]
    np.testing.assert_array_equal(forecast.loc["long"], relative)
    relative = fitted.predict(fh=[1, 12]).loc["short"]
    np.testing.assert_array_equal(forecast.loc["short"], relative)


@pytest.mark.parametrize("update_params", [False, True])
def test_update(update_params):
    fitted = forecaster().fit(Y[:30], X=X, fh=[1, 2])
    # Rows that overlap those seen before.
    fitted.update(Y[25:], X=X, update_params=update_params)
    table = np.hstack([Y.to_numpy()[:, None], X.to_numpy()[:N]])
    model = sklearn_forecaster(horizon=2, known_future=[1, 2]).fit(table[:30])
    (model.partial_fit if update_params else model.update)(table[30:])
    expected = model.forecast(2, X.to_numpy()[N : N + 2])[:, 0]
    np.testing.assert_array_equal(fitted.predict(X=X), expected)
    assert fitted.cutoff[0] == DAYS[-1]


def test_update_with_an_earlier_end():
    fitted = forecaster().fit(Y, fh=[1])
    last = fitted.predict(fh=[0])
    fitted.update(Y[30:-1])
    np.testing.assert_allclose(fitted.predict(fh=[1]), last, rtol=1e-6)
    with pytest.raises(ValueError, match="fh asks for 2019"):
        fitted.predict(fh=[-N + 1])


def test_update_of_some_series():
    y = panel()
    fitted = forecaster().fit(y, fh=[1])
    more = pd.DataFrame({0: [1.0, 2.0]}, index=y.index[:2])
    more.index = pd.MultiIndex.from_tuples(
        [("short", 30), ("short", 31)], names=y.index.names
    )
    before = fitted.predict()
    fitted.update(more, update_params=False)
    after = fitted.predict()
    assert list(after.index) == [("long", 40), ("short", 32), ("tiny", 4)]
    np.testing.assert_array_equal(after.iloc[[0, 2]], before.iloc[[0, 2]])
    more.index = more.index.set_levels([32, 33], level=1)
    fitted.update(more, update_params=True)
    assert fitted.predict().index[1] == ("short", 34)


@pytest.mark.parametrize("strategy", ["refit", "update", "no-update_params"])
def test_evaluate(strategy):
    results = evaluate(
        forecaster(),
        ExpandingWindowSplitter(fh=[1, 2], initial_window=30, step_length=3),
        y=Y,
        X=X[:N],
        strategy=strategy,
        return_data=True,
        error_score="raise",
    )
    assert len(results) == 3
    model = forecaster().fit(Y[:30], X=X[:30], fh=[1, 2])
    if strategy == "refit":
        model.fit(Y[:36], X=X[:36], fh=[1, 2])
    else:
        for end in (33, 36):
            update_params = strategy == "update"
            model.update(Y[:end], X=X[:end], update_params=update_params)
    expected = model.predict(X=X)
    np.testing.assert_allclose(results["y_pred"].iloc[-1], expected, rtol=1e-6)


def test_update_predict_with_gaps():
    fitted = forecaster().fit(Y[:20], fh=[1])
    cv = SlidingWindowSplitter(fh=[1], window_length=2, step_length=5)
    forecast = fitted.update_predict(Y[20:], cv, update_params=False)
    assert list(forecast.index) == list(DAYS[[22, 27, 32, 37]])
    assert fitted.cutoff[0] == DAYS[19]


def test_search():
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=30, step_length=5)
    search = ForecastingGridSearchCV(
        forecaster(), cv, {"horizon": [None, 1]}, backend=None, error_score="raise"
    ).fit(Y, fh=[1, 2])
    assert len(search.cv_results_) == 2
    assert len(search.predict()) == 2


@pytest.mark.parametrize("y", [Y, YY], ids=["one column", "two columns"])
def test_pipeline(y):
    scaled = TransformedTargetForecaster(
        [("scale", TabularToSeriesAdaptor(MinMaxScaler())), ("forecast", forecaster())]
    ).fit(y, fh=[1, 2])
    # Each window is normalised on its own, so a scaler changes nothing.
    alone = forecaster().fit(y, fh=[1, 2]).predict()
    np.testing.assert_allclose(scaled.predict(), alone, rtol=1e-4)


def test_clone_and_pickle():
    fitted = forecaster().fit(Y, fh=[1, 2])
    clone = fitted.clone()
    assert not clone.is_fitted
    assert clone.get_params() == fitted.get_params()
    loaded = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_series_equal(loaded.predict(), fitted.predict())
    loaded.update(Y.shift(1, freq="D")[-1:], update_params=True)
    assert loaded.predict().index[0] == DAYS[-1] + pd.Timedelta("2D")
    assert set(clone.get_params()) == set(LSTMForecaster().get_params()) - {
        "target",
        "known_future",
        "warm_start",
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda f: f.predict(fh=[-N]),
            "fh asks for 2019-12-31.*reaches from 2020-01-01",
        ),
        (
            lambda f: f.predict(fh=pd.DatetimeIndex(["2019-05-05"])),
            "fh asks for 2019-05-05.*Ask for rows of the history, or fit",
        ),
        (lambda f: f.predict(), "X is missing: fit had the columns.*sine"),
        (
            lambda f: f.predict(X=X[["sine"]]),
            r"X must have the columns of fit.*but lacks \['trend'\]",
        ),
        (
            lambda f: f.predict(X=X[: N + 1]),
            "a row for each step.*forecast, 2020-02-11.*has none for 2020-02-11",
        ),
        (lambda f: f.update(Y.shift(1, freq="D")), "X is missing"),
        (lambda f: f.update(YY, X=X), r"y must have the columns of fit, \['y'\], got"),
        (
            lambda f: f.predict_interval(X=X),
            "needs at least 9 windows.*Fit with calibration_split=0.2",
        ),
        (lambda f: f.predict_interval(X=X, coverage=1.5), "coverage.*1.5"),
    ],
)
def test_invalid_calls(call, message):
    fitted = forecaster().fit(Y, X=X, fh=[1, 2])
    with pytest.raises(ValueError, match=message):
        call(fitted)


def test_intervals_beyond_the_horizon():
    fitted = forecaster(calibration_split=0.5).fit(Y, fh=[1, 2])
    with pytest.raises(ValueError, match="reach horizon=2"):
        fitted.predict_interval(fh=[5], coverage=0.5)


def test_covariates_missing_in_fit():
    with pytest.raises(ValueError, match="X was passed, but fit had no X"):
        forecaster().fit(Y, fh=[1]).predict(X=X)


@pytest.mark.parametrize("invalid", [{"horizon": "x"}, {"window_length": 2.5}])
def test_invalid_parameters(invalid):
    with pytest.raises(ValueError, match=f"{next(iter(invalid))}.*must be an int"):
        SktimeLSTMForecaster(**{**SMALL, **invalid}).fit(Y, fh=[1])


def test_times_without_a_frequency():
    with pytest.raises(ValueError, match="y must have time stamps of a regular"):
        forecaster().fit(Y.drop(DAYS[[3, 7, 20]]), fh=[1])


def test_invalid_panels():
    y = panel()
    x = y.rename(columns={0: "x"})
    fitted = forecaster().fit(y, X=x, fh=[1])
    with pytest.raises(ValueError, match="has none for 40 of the series 'long'"):
        fitted.predict(X=x)
    with pytest.raises(ValueError, match="X lacks the series 'long'"):
        fitted.predict(X=x.drop("long"))
    with pytest.raises(ValueError, match="a row for each row of y.*for tiny, 0"):
        forecaster().fit(y, X=x.drop("tiny"), fh=[1])
    with pytest.raises(
        ValueError, match="must hold series that were in fit, got .*'new'"
    ):
        fitted.update(
            y.rename(index={"long": "new"}), X=x.rename(index={"long": "new"})
        )


def collection(unequal, n_channels=2):
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 12, 12) if unequal else np.full(12, 8)
    return [rng.normal(size=(n, n_channels)) for n in lengths]


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize(
    ("adapter", "estimator", "y"),
    [
        (SktimeRNNClassifier, RNNClassifier, np.array(["a", "b", "c"] * 4)),
        (SktimeRNNRegressor, RNNRegressor, np.arange(12.0)),
    ],
)
def test_collections(adapter, estimator, y, unequal):
    sequences = collection(unequal)
    frames = [pd.DataFrame(values, columns=["u", "v"]) for values in sequences]
    multiindexed = pd.concat(frames, keys=range(12), names=["i", "t"])
    options = {"units": 2, "epochs": 2, "random_state": 0}
    model = estimator(**options).fit(sequences, y)
    containers = [frames, multiindexed]
    if not unequal:
        containers.append(np.stack(sequences).transpose(0, 2, 1))
    for X in containers:
        fitted = adapter(**options).fit(X, y)
        np.testing.assert_array_equal(fitted.predict(X), model.predict(sequences))
        if adapter is SktimeRNNClassifier:
            np.testing.assert_array_equal(
                fitted.predict_proba(X), model.predict_proba(sequences)
            )
    assert set(fitted.get_params()) == set(model.get_params()) - {"warm_start"}


@pytest.mark.parametrize("container", ["array", "frame"])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_several_targets_are_learned_by_one_network(container, n_targets):
    sequences = collection(unequal=True)
    frames = [pd.DataFrame(values, columns=["u", "v"]) for values in sequences]
    y = np.array([[len(x), x.mean()] for x in sequences])[:, :n_targets]
    names = ["length", "mean"][:n_targets]
    options = {"units": 2, "epochs": 2, "random_state": 0}
    expected = RNNRegressor(**options).fit(sequences, y).predict(sequences)
    passed = pd.DataFrame(y, columns=names) if container == "frame" else y
    fitted = SktimeRNNRegressor(**options).fit(frames, passed)
    predicted = fitted.predict(frames)
    assert not hasattr(fitted, "regressors_")  # one for each column
    if n_targets == 1:
        assert isinstance(predicted, np.ndarray)
        np.testing.assert_array_equal(predicted, expected[:, 0])
        return
    assert isinstance(predicted, type(passed))
    np.testing.assert_allclose(predicted, expected, atol=1e-9)
    if container == "frame":
        assert list(predicted.columns) == names
    assert np.isfinite(fitted.score(frames, passed))


def test_several_columns_of_classes_have_a_classifier_each():
    X = np.random.default_rng(0).normal(size=(12, 2, 6))
    y = pd.DataFrame({"a": ["u", "v"] * 6, "b": [0, 1, 2] * 4})
    fitted = SktimeRNNClassifier(units=2, epochs=1, random_state=0).fit(X, y)
    predicted = fitted.predict(X)
    assert list(predicted.columns) == ["a", "b"]
    assert set(predicted["a"]) <= {"u", "v"}


def test_series_with_missing_values():
    X = np.random.default_rng(0).normal(size=(12, 2, 6))
    X[X > 1] = np.nan
    options = {"units": 2, "epochs": 1, "random_state": 0}
    y = np.arange(12.0)
    expected = RNNRegressor(**options).fit(X.swapaxes(1, 2), y)
    fitted = SktimeRNNRegressor(**options).fit(X, y)
    np.testing.assert_array_equal(fitted.predict(X), expected.predict(X.swapaxes(1, 2)))


def test_tokens():
    X = np.random.default_rng(0).integers(1, 5, (12, 1, 6))
    options = {"units": 2, "epochs": 1, "random_state": 0, "embedding_dim": 2}
    y = np.array(["a", "b"] * 6)
    fitted = SktimeRNNClassifier(**options).fit(X, y)
    expected = RNNClassifier(**options).fit(X[:, 0], y).predict_proba(X[:, 0])
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)


DETECTORS = [
    (SktimeLSTMAutoencoderDetector, LSTMAutoencoderDetector),
    (SktimeLSTMForecastDetector, LSTMForecastDetector),
]
DETECTOR = {**SMALL, "smoothing": 3, "contamination": 0.1}
HOURS = pd.date_range("2025-01-01", periods=90, freq="h")


def rows_with_incident(container):
    """Return 60 normal rows and the 30 after them, of which some are anomalous."""
    values = np.random.default_rng(0).normal(size=(90, 2))
    values[70:75] = 9.0
    if container == "column":
        X = pd.Series(values[:, 0], HOURS, name="a")
        return X[:60], X[60:]
    if container == "vector":
        return values[:60, 0], values[60:, 0]
    if container == "array":
        return values[:60], values[60:]
    index = HOURS.to_period() if container == "periods" else HOURS
    X = pd.DataFrame(values, index, columns=["a", "b"])
    return X[:60], X[60:]


def as_table(X):
    """Return rows as detectors take them."""
    if isinstance(X, pd.Series):
        return X.to_frame()
    return X[:, None] if getattr(X, "ndim", 2) == 1 else X


CONTAINERS = ["frame", "periods", "column", "array", "vector"]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("adapter", "detector"), DETECTORS)
def test_detectors(adapter, detector, container):
    train, test = rows_with_incident(container)
    fitted = adapter(**DETECTOR).fit(train)
    model = detector(**DETECTOR).fit(as_table(train))
    flagged = model.predict(as_table(test)) < 0
    assert 0 < flagged.sum() < 30
    points = np.flatnonzero(flagged)
    for predict in (fitted.predict, fitted.predict_points):
        np.testing.assert_array_equal(predict(test)["ilocs"], points)
    labels, scores = fitted.transform(test), fitted.transform_scores(test)
    np.testing.assert_array_equal(labels["labels"], flagged)
    np.testing.assert_array_equal(
        scores["scores"], -model.score_samples(as_table(test))
    )
    np.testing.assert_array_equal(
        fitted.predict_scores(test)["scores"], scores["scores"].iloc[points]
    )
    expected = test.index if hasattr(test, "index") else pd.RangeIndex(len(test))
    for each in (labels, scores):
        pd.testing.assert_index_equal(each.index, expected, exact="equiv")
    pd.testing.assert_frame_equal(
        adapter(**DETECTOR).fit_transform(train), fitted.transform(train)
    )
    segments = fitted.predict_segments(test)["ilocs"]
    rows = as_table(test)
    rows = rows.reset_index(drop=True) if hasattr(rows, "index") else rows
    expected = model.anomaly_segments(rows)
    assert len(expected) > 0
    np.testing.assert_array_equal(segments.array.left, expected["start"])
    np.testing.assert_array_equal(segments.array.right, expected["end"] + 1)
    assert segments.array.closed == "left"
    assert fitted.predict_segments(train[:5]).columns.tolist() == ["ilocs"]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("adapter", "detector"), DETECTORS)
def test_streams_of_detectors(adapter, detector, container):
    train, test = rows_with_incident(container)
    fitted = adapter(**DETECTOR).fit(train)
    model = detector(**DETECTOR).fit(as_table(train))
    stream = model.stream()
    stream.push(as_table(test))
    assert fitted.update(test[:5]) is fitted
    fitted = pickle.loads(pickle.dumps(fitted))
    points = np.concatenate(
        [
            np.array(fitted.update_predict(test[first:last])["ilocs"], int) + first
            for first, last in [(5, 6), (6, 20), (20, len(test))]
        ]
    )
    flagged = np.flatnonzero(stream.scores < model.live_offset_)
    np.testing.assert_array_equal(points, flagged[flagged >= 5])
    # The stream has no effect on series of their own.
    np.testing.assert_array_equal(
        fitted.transform_scores(test)["scores"], -model.score_samples(as_table(test))
    )


@pytest.mark.parametrize(("adapter", "detector"), DETECTORS)
def test_parameters_of_detectors(adapter, detector):
    expected = detector().get_params()
    del expected["warm_start"]
    assert adapter().get_params() == expected
    fitted = adapter(**DETECTOR).fit(rows_with_incident("frame")[0])
    assert fitted.detector_.get_params() == detector(**DETECTOR).get_params()
    # No copy of the rows is kept: the history is that of the detector.
    assert len(pickle.dumps(fitted)) < len(pickle.dumps(fitted.detector_)) + 3000


def test_detectors_with_missing_values():
    train, test = rows_with_incident("frame")
    fitted = SktimeLSTMForecastDetector(missing_values="score", **DETECTOR)
    silent = test.copy()
    silent.iloc[20:, 0] = np.nan
    ilocs = fitted.fit(train).predict(silent)["ilocs"]
    assert set(range(22, 29)) <= set(ilocs)


def test_detectors_with_columns_known_in_advance():
    train, test = rows_with_incident("frame")
    fitted = SktimeLSTMForecastDetector(known_future=["b"], **DETECTOR).fit(train)
    model = LSTMForecastDetector(known_future=["b"], **DETECTOR).fit(train)
    scores = fitted.transform_scores(test)["scores"]
    np.testing.assert_array_equal(scores, -model.score_samples(test))


def test_detectors_in_pipelines():
    train, test = rows_with_incident("frame")
    detector = SktimeLSTMForecastDetector(**DETECTOR)
    pipeline = TabularToSeriesAdaptor(MinMaxScaler()) * detector
    scaler = MinMaxScaler().set_output(transform="pandas").fit(train)
    alone = detector.clone().fit(scaler.transform(train))
    pd.testing.assert_frame_equal(
        pipeline.fit(train).predict(test), alone.predict(scaler.transform(test))
    )


def test_invalid_calls_of_detectors():
    train, test = rows_with_incident("frame")
    fitted = SktimeLSTMForecastDetector(**DETECTOR).fit(train)
    with pytest.raises(ValueError, match="X must begin after the last row seen"):
        fitted.update(train)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(test[["a"]])
    several = pd.concat({"a": train, "b": train})
    for X in (several, train.to_numpy()[None]):
        with pytest.raises(ValueError, match="X must be one series.*got several"):
            SktimeLSTMForecastDetector(**DETECTOR).fit(X)
    with pytest.raises(TypeError, match="Unsupported input data type"):
        fitted.predict("text")
    with pytest.raises(ValueError, match="smoothing must be an odd number"):
        SktimeLSTMForecastDetector(smoothing=2).fit(train)


@pytest.mark.parametrize(
    ("cls", "kind"),
    [
        (SktimeLSTMAutoencoderDetector, "detector"),
        (SktimeLSTMForecastDetector, "detector"),
        (SktimeLSTMForecaster, "forecaster"),
        (SktimeRNNClassifier, "classifier"),
        (SktimeRNNRegressor, "regressor"),
    ],
)
def test_estimator_types(cls, kind):
    assert scitype(cls) == kind


# Those of sktime's checks that are fast. check_estimator(SktimeLSTMForecaster) runs all
# of them, and takes a minute or two.
COMMON = [
    "test_clone",
    "test_constructor",
    "test_create_test_instances_and_names",
    "test_fit_does_not_overwrite_hyper_params",
    "test_fit_updates_state",
    "test_get_test_params",
    "test_methods_have_no_side_effects",
    "test_obj_vs_cls_signature",
    "test_persistence_via_pickle",
    "test_random_tags",
    "test_set_params",
    "test_valid_object_class_tags",
    "test_valid_object_tags",
]
FORECASTERS = [
    "test_X_invalid_type_raises_error",
    "test__y_when_refitting",
    "test_categorical_X_raises_error",
    "test_cutoff",
    "test_fh_attribute",
    "test_fh_not_passed_error_handling",
    "test_pred_int_tag",
    "test_predict_series_name_preserved",
    "test_predict_time_index_in_sample_full",
    "test_raises_not_fitted_error",
    "test_unequal_length_hierarchical_fit_predict",
    "test_update_tag",
    "test_update_with_exogenous_variables",
    "test_y_invalid_type_raises_error",
]
DETECTION = [
    "test_detector_tags",
    "test_output_type",
    "test_predict_points",
    "test_predict_segments",
    "test_raises_not_fitted_error",
    "test_transform_output_type",
]
COLLECTIONS = [
    "test_handles_single_class",
    "test_multioutput",
    "test_multivariate_input_exception",
    "test_regressor_output",
]


@pytest.mark.parametrize(
    ("cls", "tests", "min_checks"),
    [
        (SktimeLSTMForecaster, COMMON + FORECASTERS, 140),
        (SktimeRNNClassifier, COMMON + COLLECTIONS, 60),
        (SktimeRNNRegressor, COMMON + COLLECTIONS, 40),
        (SktimeLSTMAutoencoderDetector, COMMON + DETECTION, 40),
        (SktimeLSTMForecastDetector, COMMON + DETECTION, 40),
    ],
)
def test_sktime_checks(cls, tests, min_checks):
    results = check_estimator(
        cls, raise_exceptions=True, tests_to_run=tests, verbose=False
    )
    assert len(results) >= min_checks
    assert set(results.values()) == {"PASSED"}
