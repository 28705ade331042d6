"""Forecasts with other values of a future covariate."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMForecaster, make_forecast_pipeline
from sklstm.inspection import what_if


@pytest.fixture(scope="module")
def sales():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "sales": 0.0,
            "price": rng.uniform(1, 2, 300),
            "day": pd.Categorical(rng.choice(["mo", "tu", "we"], 300)),
        },
        index=pd.date_range("2024-01-01", periods=300),
    )
    X["sales"] = 5 - 2 * X["price"] + (X["day"] == "mo")
    return X


@pytest.fixture(scope="module")
def forecaster(sales):
    # The ridge regression that training starts at: it finds the slope.
    forecaster = LSTMForecaster(
        6,
        2,
        known_future=["price", "day"],
        target="sales",
        normalize="standard",
        epochs=0,
        random_state=0,
    )
    return forecaster.fit(sales[:290], sales["sales"][:290])


def test_the_slope_is_that_of_the_series(sales, forecaster):
    future = sales[290:292][["price", "day"]]
    answers = what_if(
        forecaster,
        future,
        "price",
        {"lower": lambda price: price - 0.1, "one": 1.0, "each": [1.0, 2.0]},
    )
    assert list(answers) == ["as given", "lower", "one", "each"]
    assert answers.index.equals(future.index)
    given = answers["as given"]
    assert given.equals(forecaster.forecast(X_future=future).rename("as given"))
    assert (answers["lower"] - given).to_numpy() == pytest.approx(0.2, abs=0.02)
    assert (answers["each"] - answers["one"]).to_numpy() == pytest.approx(
        [0, -2], abs=0.1
    )


def test_categories(sales, forecaster):
    future = sales[290:292][["price", "day"]]
    answers = what_if(forecaster, future, "day", ["mo", "tu"])
    assert (answers["mo"] - answers["tu"]).to_numpy() == pytest.approx(1, abs=0.1)


def test_categories_that_the_future_does_not_hold(sales, forecaster):
    future = sales[290:292][["price"]].assign(day=pd.Categorical(["mo", "mo"]))
    answers = what_if(forecaster, future, "day", ["tu"])
    as_text = what_if(forecaster, future.astype({"day": str}), "day", ["tu"])
    assert answers.equals(as_text)
    assert (answers["as given"] - answers["tu"]).to_numpy() == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match=r"categories of the column in fit.*'su'"):
        what_if(forecaster, future, "day", ["su"])


def test_several_series():
    X = [np.random.default_rng(i).normal(size=(60, 2)) for i in range(2)]
    y = [x[:, 0] for x in X]
    forecaster = LSTMForecaster(
        6, 2, known_future=[1], units=4, epochs=1, random_state=0
    ).fit(X, y)
    answers = what_if(forecaster, [np.zeros((2, 1))] * 2, 0, [1.0])
    assert len(answers) == 4
    assert not answers["as given"].equals(answers[1.0])


def test_arrays_several_targets_and_pipelines(sales):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    tiny = {"units": 4, "epochs": 1, "random_state": 0}
    forecaster = LSTMForecaster(6, 2, known_future=[2], **tiny).fit(X, X[:, :2])
    answers = what_if(forecaster, np.zeros((2, 1)), 0, [1.0, [0.0, 0.0]])
    assert answers.columns.get_level_values(0).unique().tolist() == [
        "as given",
        1.0,
        "values[1]",
    ]
    assert answers["values[1]"].equals(answers["as given"])

    pipeline = make_forecast_pipeline(
        FunctionTransformer(lambda rows: rows.assign(log=np.log(rows["price"]))),
        LSTMForecaster(6, 2, known_future=["log"], target="sales", **tiny),
    ).fit(sales[["sales", "price"]], sales["sales"])
    index = pd.date_range("2024-10-27", periods=2)
    future = pd.DataFrame({"price": [1.5, 1.5]}, index)
    answers = what_if(pipeline, future, "price", {"cheap": 1.0})
    expected = pipeline.forecast(X_future=future.assign(price=1.0))
    assert answers["cheap"].to_numpy() == pytest.approx(expected.to_numpy())


def test_nothing_passed_is_changed(sales, forecaster):
    future = sales[290:292][["price", "day"]]
    before = future.copy()
    what_if(forecaster, future, "price", [1.0])
    assert future.equals(before)


def test_bad_input(sales, forecaster):
    future = sales[290:292][["price", "day"]]
    with pytest.raises(TypeError, match="the method forecast, got object"):
        what_if(object(), future, "price", [1.0])
    with pytest.raises(ValueError, match=r"which has \['price', 'day'\], got 'cost'"):
        what_if(forecaster, future, "cost", [1.0])
    with pytest.raises(ValueError, match="an index from 0 to 1.*got 2"):
        what_if(forecaster, np.zeros((2, 2)), 2, [1.0])
    whole = sales[290:292]
    with pytest.raises(ValueError, match=r"one of \['price', 'day'\] .*got 'sales'"):
        what_if(forecaster, whole, "sales", [1.0])
    with pytest.raises(ValueError, match="got shape"):
        what_if(forecaster, np.zeros(2), 0, [1.0])
    with pytest.raises(ValueError, match=r"For a single value pass \[0.9\]"):
        what_if(forecaster, future, "price", 0.9)
    with pytest.raises(ValueError, match="each of the 2 rows"):
        what_if(forecaster, future, "price", {"x": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="must not be named 'as given'"):
        what_if(forecaster, future, "price", {"as given": 1.0})
