"""Invalid series and parameters: messages name place, rule, value and remedy."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from sklstm import LSTMForecastDetector, LSTMForecaster, WindowForecaster

X = np.cumsum(np.random.default_rng(0).normal(size=(40, 2)), axis=0)
y = X[:, 0]


def forecaster(**kwargs):
    parameters = {"window_length": 5, "units": 2, "epochs": 1, "random_state": 0}
    return LSTMForecaster(**(parameters | kwargs))


def with_value(value):
    changed = X.copy()
    changed[3, 1] = value
    return changed


# name: (parameters, arguments of fit, pattern of the message)
INVALID_FITS = {
    "1-D": ({}, (y,), r"X must be 2-D, .*x.reshape\(-1, 1\), or x.to_frame"),
    "3-D": (
        {},
        (np.zeros((10, 5, 2)), np.zeros(10)),
        r"X must be 2-D.*\(10, 5, 2\).*takes the series itself",
    ),
    "infinity in X": ({}, (with_value(np.inf), y), "Input X contains infinity"),
    "infinity in y": ({}, (X, with_value(np.inf)[:, 1]), "Input y contains infinity"),
    "no value of y": ({}, (X, np.full(40, np.nan)), "there is no window to train on"),
    "no value of X and y": (
        {},
        (np.full((40, 2), np.nan), np.full(40, np.nan)),
        "there is no window to train on: nowhere is a target known within 1 row",
    ),
    "too few rows": (
        {"horizon": 3},
        (X[:7], y[:7]),
        "window_length=5 and horizon=3 need at least 8, got n_samples=7",
    ),
    "y of another length": (
        {},
        (X, y[:-1]),
        r"inconsistent numbers of samples.*40, 39",
    ),
    "y without columns": (
        {},
        (X, np.empty((40, 0))),
        r"0 feature\(s\) \(shape=\(40, 0\)\)",
    ),
    "text in X": ({}, (np.full((40, 1), "a"), y), "column 0 holds text, such as 'a'"),
    "window_length": ({"window_length": 0}, (X, y), r"'window_length'.*\[1, inf\).*0"),
    "horizon": ({"horizon": 1.5}, (X, y), r"'horizon'.*int.*1.5"),
    "cell": ({"cell": "LSTM"}, (X, y), "'cell'.*'lstm'.*'LSTM'"),
    "units": ({"units": (4, 0)}, (X, y), r"units must be.*\(4, 0\)"),
    "no units": ({"units": ()}, (X, y), r"units must be.*\(\)"),
    "dropout": ({"dropout": 1.0}, (X, y), "'dropout'"),
    "normalize": ({"normalize": "z"}, (X, y), "'normalize'.*'z'"),
    "epochs": ({"epochs": -1}, (X, y), "'epochs'"),
    "patience": ({"patience": 0}, (X, y), "'patience'"),
    "validation_split": ({"validation_split": 1.0}, (X, y), "'validation_split'"),
    "early_stopping": ({"early_stopping": "yes"}, (X, y), "'early_stopping'.*'yes'"),
    "learning_rate": ({"learning_rate": 0.0}, (X, y), "'learning_rate'"),
    "patch_length": (
        {"patch_length": 2},
        (X, y),
        "must divide window_length, got patch_length=2 and window_length=5",
    ),
    "loss": (
        {"loss": "nonsense"},
        (X, y),
        "loss='nonsense' is not known to Keras.*keras.losses",
    ),
    "optimizer": (
        {"optimizer": "nonsense"},
        (X, y),
        "optimizer='nonsense' is not known to Keras.*keras.optimizers",
    ),
    "optimizer of another type": ({"optimizer": 3}, (X, y), "optimizer must be.*3"),
    "callbacks": ({"callbacks": ["x"]}, (X, y), "callbacks must hold keras.*'x'"),
    "random_state": ({"random_state": "x"}, (X, y), "'random_state'"),
    "target by name, X without names": (
        {"target": "price"},
        (X, y),
        "target='price' is a column's name, but X has no column names",
    ),
    "target by an unknown name": (
        {"target": "price"},
        (pd.DataFrame(X, columns=["a", "b"]), y),
        r"target='price' is not a column of X, which has \['a', 'b'\]",
    ),
    "target out of range": ({"target": 2}, (X, y), "target=2 is out of range.*2 col"),
    "targets too many": (
        {"target": [0, 1]},
        (X, y),
        r"one column of X for each of the 1 target\(s\)",
    ),
    "target that is no affine image": (
        {"target": 1},
        (X, y),
        "y is no affine image of it.*target=None",
    ),
    "target among the future covariates": (
        {"target": 0, "known_future": 0},
        (X, y),
        "known_future names too: the future of a target is not known",
    ),
    "known_future twice": ({"known_future": [1, -1]}, (X, y), "names a column twice"),
    "known_future of another type": (
        {"known_future": [1.5]},
        (X, y),
        "known_future must hold columns' names or indices, got 1.5",
    ),
    "target without y": ({"target": "a"}, (X,), "without y every target is a column"),
    "nothing to forecast": (
        {"known_future": [0, 1]},
        (X,),
        "known_future names all columns",
    ),
    "negative weight": ({}, (X, y, -np.ones(40)), "Negative values.*sample_weight"),
    "weights all zero": (
        {},
        (X, y, np.zeros(40)),
        "Sample weights must contain at least one non-zero",
    ),
    "weights of another length": ({}, (X, y, np.ones(3)), "sample_weight.shape"),
    "nothing left to train on": (
        {"early_stopping": True, "validation_split": 0.99},
        (X, y),
        "none is left to train on",
    ),
    "divergence": (
        {"normalize": None, "loss": "mse"},
        (X * 1e25, y * 1e25),
        "training diverged.*Lower learning_rate",
    ),
}


@pytest.mark.parametrize("case", INVALID_FITS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_invalid_fit(case, method):
    parameters, arguments, message = INVALID_FITS[case]
    if method == "partial_fit" and parameters.get("early_stopping") is True:
        pytest.skip("partial_fit trains for one epoch, without early stopping")
    model = forecaster(**parameters)
    with pytest.raises((ValueError, FloatingPointError), match=f"(?s){message}"):
        getattr(model, method)(*arguments)
    assert vars(model).keys() == model.get_params().keys()


@pytest.mark.parametrize("case", INVALID_FITS)
def test_a_failed_fit_leaves_a_fitted_estimator_unchanged(case):
    parameters, arguments, message = INVALID_FITS[case]
    model = forecaster().fit(X[:30], y[:30])
    forecast = model.predict(X[30:])
    before = vars(model.set_params(**parameters)).copy()
    with pytest.raises((ValueError, FloatingPointError), match=f"(?s){message}"):
        model.fit(*arguments)
    after = vars(model)
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)
    np.testing.assert_array_equal(model.predict(X[30:]), forecast)


@pytest.mark.parametrize("case", INVALID_FITS)
def test_invalid_fit_of_a_window_forecaster(case):
    parameters, arguments, message = INVALID_FITS[case]
    model = WindowForecaster(Ridge(), window_length=5)
    if not parameters.keys() <= model.get_params().keys():
        pytest.skip("not a parameter of WindowForecaster")
    model.fit(X[:30], y[:30])
    forecast = model.predict(X[30:])
    with pytest.raises(ValueError, match=f"(?s){message}"):
        clone(model).set_params(**parameters).fit(*arguments)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.set_params(**parameters).fit(*arguments)
    np.testing.assert_array_equal(model.predict(X[30:]), forecast)


@pytest.mark.parametrize("call", ["predict", "update", "forecast", "network_"])
def test_unfitted_use(call):
    model = forecaster()
    with pytest.raises(NotFittedError, match="LSTMForecaster instance is not fitted"):
        if call == "network_":
            model.network_  # noqa: B018
        elif call == "forecast":
            model.forecast()
        else:
            getattr(model, call)(X)


@pytest.mark.parametrize("method", ["predict", "update", "partial_fit"])
def test_other_features_than_in_fit(method):
    model = forecaster().fit(X, y)
    with pytest.raises(ValueError, match="3 features.*expecting 2 features"):
        getattr(model, method)(np.ones((4, 3)))
    frame = pd.DataFrame(X, columns=["a", "b"])
    model.fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        getattr(model, method)(frame.rename(columns={"b": "c"}))
    np.testing.assert_array_equal(model._histories[0].rows.X, X[-5:])


def test_other_targets_than_in_fit():
    model = forecaster().fit(X, y)
    with pytest.raises(ValueError, match=r"y has 2 target\(s\).*fitted with 1"):
        model.update(X, X)


def test_forecast_beyond_the_horizon_with_past_covariates():
    model = forecaster(horizon=2).fit(pd.DataFrame(X, columns=["price", "volume"]), y)
    with pytest.raises(
        ValueError, match=r"steps=3 is beyond horizon=2.*\['volume'\].*horizon=3"
    ):
        model.forecast(3)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "2"])
def test_invalid_steps(steps):
    with pytest.raises(ValueError, match="steps must be an integer from 1"):
        forecaster().fit(X, y).forecast(steps)


class TestFutureCovariates:
    model = forecaster(horizon=3, known_future=1)

    def test_missing(self):
        with pytest.raises(ValueError, match=r"needs X_future.*3 row\(s\), got None"):
            self.model.fit(X, y).forecast()

    def test_too_short(self):
        with pytest.raises(ValueError, match=r"3 row\(s\), got 2 row\(s\)"):
            self.model.fit(X, y).forecast(3, X_future=X[:2])

    def test_with_other_columns(self):
        with pytest.raises(ValueError, match=r"X_future must be 2-D.*\(3, 3\)"):
            self.model.fit(X, y).forecast(X_future=np.ones((3, 3)))

    def test_with_infinity(self):
        place = "X_future contains infinity, first in row 1, column 0"
        with pytest.raises(ValueError, match=place):
            self.model.fit(X, y).forecast(X_future=[[1.0], [np.inf], [2.0]])

    def test_without_any_value(self):
        with pytest.raises(ValueError, match="X_future holds no value.*known_future"):
            self.model.fit(X, y).forecast(X_future=np.full((3, 1), np.nan))

    def test_passed_as_steps(self):
        with pytest.raises(ValueError, match=r"ndarray of length 3.*X_future=\.\.\."):
            self.model.fit(X, y).forecast(X[:3])

    def test_of_one_column_as_a_series(self):
        with pytest.raises(ValueError, match=r"X_future must be 2-D.*series.to_frame"):
            self.model.fit(X, y).forecast(X_future=pd.Series(X[:3, 1]))

    def test_with_infinity_among_all_columns(self):
        future = np.where(np.arange(6).reshape(3, 2) == 3, np.inf, 1.0)
        with pytest.raises(ValueError, match="first in row 1, column 1"):
            self.model.fit(X, y).forecast(X_future=future)

    def test_without_a_column(self):
        frame = pd.DataFrame(X, columns=["a", "b"])
        with pytest.raises(ValueError, match=r"X_future lacks the columns \['b'\]"):
            self.model.fit(frame, y).forecast(X_future=frame[["a"]][:3])

    def test_that_are_not_used(self):
        with pytest.raises(ValueError, match="known_future names no column"):
            forecaster().fit(X, y).forecast(X_future=X[:1])


def test_warm_start_with_another_network():
    model = forecaster(warm_start=True).fit(X, y)
    with pytest.raises(
        ValueError, match="warm_start=True needs the network of the las"
    ):
        model.set_params(units=3).fit(X, y)


def test_a_missing_target_column_gives_a_warning():
    other = np.cumsum(np.random.default_rng(1).normal(size=40))
    with pytest.warns(UserWarning, match="Add y itself as a column of X"):
        forecaster().fit(X, other)


def test_an_interrupted_fit_leaves_the_estimator_unchanged():
    keras = pytest.importorskip("keras")

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = forecaster().fit(X, y)
    weights = model.weights_
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(X, y)
    assert model.weights_ is weights


def _dated(index):
    return pd.DataFrame({"a": np.arange(40.0), "b": np.sin(np.arange(40))}, index)


DAYS = pd.date_range("2000", periods=40)
SHUFFLED = np.random.default_rng(0).permutation(40)


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (_dated(DAYS).iloc[::-1], None),
        (_dated(DAYS.to_period()).iloc[SHUFFLED], None),
        (_dated(pd.RangeIndex(40)).iloc[SHUFFLED], None),
        (pd.concat([_dated(DAYS), _dated(DAYS)[30:]]), None),
        (_dated(DAYS).to_numpy(), _dated(DAYS)["a"].iloc[::-1]),
    ],
)
@pytest.mark.parametrize("estimator", [LSTMForecaster(5), LSTMForecastDetector(5)])
def test_rows_out_of_time_order(estimator, X, y):
    if y is not None and isinstance(estimator, LSTMForecastDetector):
        pytest.skip("detectors ignore y")
    with pytest.raises(ValueError, match=r"time order, but the index of . decreases"):
        estimator.fit(X, y)


def test_rows_of_y_other_than_those_of_x():
    X = _dated(DAYS)
    for y in (X["a"].shift(3, freq="D"), X["a"].set_axis(DAYS.tz_localize("UTC"))):
        with pytest.raises(
            ValueError, match="y must have the rows of X, in their order"
        ):
            LSTMForecaster(5).fit(X, y)
    names = pd.Index([f"row {i}" for i in range(40)])
    with pytest.raises(ValueError, match="y must have the rows of X, in their order"):
        LSTMForecaster(5).fit(X.set_axis(names), X["a"].set_axis(names[::-1]))


def test_place_of_infinity():
    X = _dated(DAYS)
    y = X["b"].copy()
    X.iloc[3, 1] = y.iloc[7] = -np.inf
    for arguments, place in (
        ((X,), "X contains infinity, first in row 3, column 'b'"),
        ((X.to_numpy(),), "X contains infinity, first in row 3, column 1"),
        ((_dated(DAYS), y), "y contains infinity, first in row 7. Mark it as missing"),
    ):
        with pytest.raises(ValueError, match=place):
            LSTMForecaster(5).fit(*arguments)


def test_the_same_times_at_another_resolution():
    X = _dated(DAYS)
    for index in (DAYS.as_unit("s"), DAYS.to_period()):
        LSTMForecaster(5, units=2, epochs=1).fit(X, X["a"].set_axis(index))
