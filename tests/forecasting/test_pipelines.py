"""Whole pipelines: update, forecast and future covariates in raw units."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from sktime.split import ExpandingWindowSplitter
from sktime.transformations.series.date import DateTimeFeatures

from sklstm import (
    ForecastDisplay,
    ForecastPipeline,
    LSTMForecaster,
    WalkForwardCV,
    WindowForecaster,
    make_forecast_pipeline,
    walk_forward,
)

SMALL = {
    "window_length": 6,
    "horizon": 3,
    "units": 3,
    "epochs": 1,
    "calibration_split": 0.3,
    "random_state": 0,
}


def series(n_rows=60, seed=0):
    """Sales by day, with a price and a text column."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "sales": 1000 + 50 * np.cumsum(rng.normal(size=n_rows)),
            "price": rng.uniform(9, 11, n_rows),
            "weather": rng.choice(["sun", "rain"], n_rows),
        },
        index=pd.date_range("2024-01-01", periods=n_rows, name="day"),
    )


def numbers(n_rows=60):
    return series(n_rows)[["sales", "price"]]


def add_weekday(X):
    return X.assign(weekday=X.index.get_level_values(-1).dayofweek)


def add_lags(X):
    return X.assign(lag=X["sales"].shift(3), mean=X["sales"].rolling(5).mean())


def network(**parameters):
    return LSTMForecaster(**(SMALL | parameters))


def scaled(**parameters):
    return make_forecast_pipeline(StandardScaler(), network(**parameters))


def assert_equal(first, second):
    compare = (
        pd.testing.assert_frame_equal
        if isinstance(first, pd.DataFrame)
        else pd.testing.assert_series_equal
    )
    compare(first, second, check_freq=False, rtol=1e-5)


class TestSameAsByHand:
    """Every method equals the forecaster's, called with rows transformed by hand."""

    X = numbers()
    train, new = X[:50], X[50:]

    @pytest.fixture
    def pipeline(self):
        return scaled().fit(self.train, self.train["sales"])

    @pytest.fixture
    def by_hand(self):
        scaler = StandardScaler().set_output(transform="pandas").fit(self.train)
        forecaster = network().fit(scaler.transform(self.train), self.train["sales"])
        return scaler, forecaster

    @pytest.mark.parametrize(
        "method", ["predict", "predict_interval", "fitted_values", "score"]
    )
    def test_rows_to_predict(self, pipeline, by_hand, method):
        scaler, forecaster = by_hand
        y = [self.new["sales"]] if method == "score" else []
        expected = getattr(forecaster, method)(scaler.transform(self.new), *y)
        found = getattr(pipeline, method)(self.new, *y)
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_update_and_forecast(self, pipeline, by_hand):
        scaler, forecaster = by_hand
        assert_equal(pipeline.forecast(), forecaster.forecast())
        pipeline.update(self.new)
        forecaster.update(scaler.transform(self.new))
        assert_equal(pipeline.forecast(), forecaster.forecast())
        assert_equal(pipeline.forecast_interval(2), forecaster.forecast_interval(2))
        assert pipeline.forecast().index[0] == pd.Timestamp("2024-03-01")
        pipeline.update(self.train, replace=True)
        forecaster.update(scaler.transform(self.train), replace=True)
        assert_equal(pipeline.forecast(), forecaster.forecast())

    def test_partial_fit(self, by_hand):
        scaler, _ = by_hand
        pipeline, forecaster = scaled(), network()
        for rows in (self.train, self.new):
            pipeline.partial_fit(rows, rows["sales"])
            forecaster.partial_fit(scaler.transform(rows), rows["sales"])
        assert_equal(pipeline.forecast(), forecaster.forecast())

    def test_quantiles(self, by_hand):
        scaler, _ = by_hand
        quantiles = {"quantiles": (0.1, 0.5, 0.9)}
        pipeline = scaled(**quantiles).fit(self.train, self.train["sales"])
        forecaster = network(**quantiles)
        forecaster.fit(scaler.transform(self.train), self.train["sales"])
        assert_equal(pipeline.forecast_quantiles(), forecaster.forecast_quantiles())
        np.testing.assert_allclose(
            pipeline.predict_quantiles(self.new),
            forecaster.predict_quantiles(scaler.transform(self.new)),
            rtol=1e-5,
        )

    def test_other_rows(self, pipeline, by_hand):
        scaler, forecaster = by_hand
        other = numbers(80)[60:] * 2
        assert_equal(
            pipeline.forecast(X=other, y=other["sales"]),
            forecaster.forecast(X=scaler.transform(other), y=other["sales"]),
        )

    def test_arrays(self, pipeline):
        X = self.train.to_numpy()
        arrays = scaled().fit(X, X[:, 0]).update(self.new.to_numpy())
        forecast = pipeline.update(self.new).forecast()
        np.testing.assert_allclose(arrays.forecast(), forecast, rtol=1e-5)

    def test_without_y_the_raw_columns_are_the_targets(self):
        forecast = scaled().fit(self.train).update(self.new).forecast()
        assert list(forecast.columns) == ["sales", "price"]
        assert (forecast["sales"] > 500).all()
        assert forecast["price"].between(5, 15).all()

    def test_clone_and_pickle(self, pipeline):
        copied = pickle.loads(pickle.dumps(pipeline)).update(self.new)
        assert_equal(copied.forecast(), pipeline.update(self.new).forecast())
        fitted_again = clone(pipeline).fit(self.train, self.train["sales"])
        assert isinstance(fitted_again, ForecastPipeline)
        assert_equal(fitted_again.update(self.new).forecast(), copied.forecast())


class TestFutureCovariates:
    def test_calendars_are_made_for_the_rows_to_forecast(self):
        X = numbers()
        calendar = DateTimeFeatures(
            manual_selection=["day_of_week", "month_of_year"],
            keep_original_columns=True,
        )
        known = ["day_of_week", "month_of_year"]
        pipeline = make_forecast_pipeline(
            FunctionTransformer(calendar.fit_transform),
            MinMaxScaler(),
            network(known_future=known),
        ).fit(X[:-3], X["sales"][:-3])
        # All columns known: the rows themselves.
        expected = pipeline.forecast(X_future=X[-3:])
        assert_equal(pipeline.forecast(), expected)
        assert expected.index.equals(X.index[-3:])
        assert_equal(
            pipeline.forecast_interval(2), pipeline.forecast_interval(2, X[-3:])
        )
        assert len(pipeline.forecast(1)) == 1

    def test_other_calendars_give_other_forecasts(self):
        """Weekends are twice as high: the forecast knows which days are weekends."""
        X = numbers(84)
        X["sales"] = 100.0 + 100 * (X.index.dayofweek > 4)
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday),
            make_column_transformer(
                (OneHotEncoder(sparse_output=False), ["weekday"]),
                remainder="passthrough",
                verbose_feature_names_out=False,
            ),
            network(
                known_future=[f"weekday_{day}" for day in range(7)],
                horizon=7,
                calibration_split=0,
            ),
        ).fit(X[["sales"]][:77], X["sales"][:77])
        np.testing.assert_allclose(pipeline.forecast(), X["sales"][77:], atol=20)

    def test_skrub(self):
        skrub = pytest.importorskip("skrub")
        X = numbers()
        encoder = skrub.DatetimeEncoder(
            resolution="day", add_weekday=True, add_total_seconds=False
        )
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_time),
            skrub.ApplyToCols(encoder, cols=["time"]),
            network(known_future=["time_weekday"]),
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*same value in all")
            pipeline.fit(X[:-3], X["sales"][:-3])
        assert_equal(pipeline.forecast(), pipeline.forecast(X_future=X[-3:]))

    def test_raw_columns_that_are_known(self):
        X = numbers()
        pipeline = scaled(known_future="price").fit(X[:-3], X["sales"][:-3])
        expected = pipeline.forecast(X_future=X[-3:])
        assert_equal(pipeline.forecast(X_future=X[["price"]][-3:]), expected)
        unknown = X[-3:].assign(sales=np.nan)
        assert_equal(pipeline.forecast(X_future=unknown), expected)
        unlabelled = unknown.reset_index(drop=True)
        assert_equal(pipeline.forecast(X_future=unlabelled), expected)
        assert_equal(pipeline.forecast(X_future=unknown.to_numpy()), expected)
        other = pipeline.forecast(X_future=X[["price"]][-3:] + 1)
        assert not np.allclose(other, expected)

    def test_unknown_raw_columns_are_named(self):
        X = numbers()
        pipeline = scaled(known_future="price").fit(X, X["sales"])
        with pytest.raises(ValueError, match=r"\['price'\] depend on .* \['price'\]"):
            pipeline.forecast()
        with pytest.raises(ValueError, match="none of the columns"):
            pipeline.forecast(X_future=pd.DataFrame({"cost": [1, 2, 3]}))
        with pytest.raises(ValueError, match="must have the 2 columns"):
            pipeline.forecast(X_future=np.ones((3, 1)))
        with pytest.raises(ValueError, match="the columns of X before"):
            pipeline.forecast(X_future=X[["sales"]].add_prefix("n"))

    def test_texts(self):
        X = series()
        encode = make_column_transformer(
            (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["weather"]),
            (StandardScaler(), ["sales"]),
            verbose_feature_names_out=False,
        )
        known = ["weather_rain", "weather_sun"]
        pipeline = make_forecast_pipeline(encode, network(known_future=known))
        pipeline.fit(X[:-3], X["sales"][:-3])
        forecast = pipeline.forecast(X_future=X[["weather"]][-3:])
        assert_equal(forecast, pipeline.forecast(X_future=X[-3:]))
        with pytest.raises(ValueError, match=r"depend on the columns \['weather'\]"):
            pipeline.forecast()

    def test_categories_that_fit_did_not_see(self):
        X = series().astype({"weather": "category"})
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday),
            network(known_future=["weather", "weekday"]),
        ).fit(X, X["sales"])
        plan = pd.DataFrame({"weather": ["sun", "snow", "rain"]})
        directly = add_weekday(
            X[-1:].reindex(pd.date_range("2024-03-01", periods=3, name="day"))
        ).assign(weather=["sun", "snow", "rain"])
        assert_equal(
            pipeline.forecast(X_future=plan), pipeline[-1].forecast(X_future=directly)
        )

    def test_irregular_times(self):
        X = numbers().iloc[np.flatnonzero(np.random.default_rng(0).random(60) < 0.7)]
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday), network(known_future="weekday")
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*seems to lack rows")
            pipeline.fit(X, X["sales"])
        with pytest.raises(ValueError, match="index of X is irregular"):
            pipeline.forecast()
        days = pd.DataFrame(index=X.index[-1] + pd.to_timedelta([1, 2, 4], "D"))
        for X_future in (days, days.assign(price=np.nan)):
            assert pipeline.forecast(X_future=X_future).index.equals(days.index)

    def test_more_steps_than_the_horizon(self):
        X = numbers()[["sales"]]
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday), network(known_future="weekday")
        ).fit(X[:-8], X["sales"][:-8])
        assert_equal(pipeline.forecast(8), pipeline.forecast(X_future=X[-8:]))


def needs_ten_rows(X):
    if len(X) < 10:
        raise RuntimeError
    return X


def add_time(X):
    return X.assign(time=X.index)


class TestTransformersWithMemory:
    def pipeline(self):
        return make_forecast_pipeline(
            FunctionTransformer(add_lags), StandardScaler(), network()
        )

    def test_lags_go_on_in_new_rows(self):
        X = numbers()
        pipeline = self.pipeline().fit(X[:50], X["sales"][:50])
        with config_context(transform_output="pandas"):
            whole = pipeline[:-1].transform(X)
        expected = pipeline[-1].predict(whole[50:])
        np.testing.assert_allclose(pipeline.predict(X[50:]), expected, rtol=1e-5)
        for row in range(50, 55):
            pipeline.update(X[row : row + 1])
        by_hand = clone(pipeline[-1]).fit(whole[:50], X["sales"][:50])
        by_hand.update(whole[50:55])
        assert_equal(pipeline.forecast(), by_hand.forecast())

    def test_lags_are_future_covariates(self):
        X = numbers()
        pipeline = self.pipeline()
        pipeline.set_params(lstmforecaster__known_future="lag")
        pipeline.fit(X[:50], X["sales"][:50])
        assert_equal(pipeline.forecast(), pipeline.forecast(X_future=X[50:53]))
        # Beyond three steps, the lag reads rows to forecast.
        with pytest.raises(ValueError, match=r"\['lag'\] depend on .* \['sales'\]"):
            pipeline.forecast(4)

    @settings(deadline=None, max_examples=10)
    @given(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    def test_blocks_of_any_size(self, lengths):
        X = numbers(90)
        pipeline = self.pipeline().fit(X[:60], X["sales"][:60])
        at_once = pickle.loads(pickle.dumps(pipeline))
        end = 60 + sum(lengths)
        at_once.update(X[60:end])
        begin = 60
        for length in lengths:
            pipeline.update(X[begin : begin + length])
            begin += length
        assert_equal(pipeline.forecast(), at_once.forecast())

    def test_columns_that_are_missing_from_new_rows(self):
        X = numbers()
        pipeline = self.pipeline().fit(X[:50], X["sales"][:50])
        with pytest.raises(ValueError, match=r"columns of fit, .*price.*, got"):
            pipeline.update(X[["sales"]][50:])

    def test_transformers_that_refuse_few_rows(self):
        X = numbers()
        few = FunctionTransformer(needs_ten_rows)
        pipeline = make_forecast_pipeline(few, network()).fit(X[:50], X["sales"][:50])
        alone = network().fit(X[:50], X["sales"][:50])
        assert_equal(
            pipeline.update(X[50:51]).forecast(), alone.update(X[50:51]).forecast()
        )

    def test_rows_that_need_all_earlier_or_later_ones(self):
        X = numbers(400)
        y = X["sales"]
        total = FunctionTransformer(lambda X: X.assign(total=X["sales"].cumsum()))
        with pytest.warns(UserWarning, match="read more than 96 rows"):
            make_forecast_pipeline(total, network()).fit(X, y)
        mean = FunctionTransformer(lambda X: X - X.mean())
        with pytest.warns(UserWarning, match="compute rows from later rows"):
            make_forecast_pipeline(mean, network()).fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.pipeline().fit(X, y)


class TestPanels:
    def panel(self, n_rows=50):
        shops = {name: series(n_rows, seed) for seed, name in enumerate("abc")}
        X = pd.concat(shops, names=["shop"])[["sales", "price"]]
        return X.assign(
            area=X.index.get_level_values("shop").map({"a": 1, "b": 2, "c": 3})
        )

    def test_calendars(self):
        X = self.panel()
        days = X.index.get_level_values("day")
        train, test = X[days < days[46]], X[(days >= days[46]) & (days <= days[48])]
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday),
            StandardScaler(),
            network(known_future=["weekday", "area"]),
        ).fit(train, train["sales"])
        forecast = pipeline.forecast()
        assert_equal(forecast, pipeline.forecast(X_future=test))
        assert forecast.index.equals(test.index)
        # The series in another order, and with the columns known beforehand only.
        backwards = test.loc[["c", "a", "b"], ["area"]]
        assert_equal(forecast, pipeline.forecast(X_future=backwards))

    def test_new_rows_of_some_series(self):
        X = self.panel()
        train = X.groupby("shop").head(40)
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday), network(known_future="weekday")
        ).fit(train, train["sales"])
        before = pipeline.forecast()
        pipeline.update(X.loc[["b"]].groupby("shop").tail(10))
        after = pipeline.forecast()
        assert_equal(after.loc[["a", "c"]], before.loc[["a", "c"]])
        assert after.loc["b"].index[0] == pd.Timestamp("2024-02-20")

    def test_lags_of_each_series(self):
        X = self.panel()
        train, new = X.groupby("shop").head(40), X.groupby("shop").tail(10)
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_lags_by_shop), network(known_future="lag")
        ).fit(train, train["sales"])
        whole = add_lags_by_shop(X)
        np.testing.assert_allclose(
            pipeline.predict(new),
            pipeline[-1].predict(whole.groupby("shop").tail(10)),
            rtol=1e-5,
        )
        rows = new.groupby("shop").head(3)
        assert_equal(pipeline.forecast(), pipeline.forecast(X_future=rows))

    def test_other_series(self):
        X = self.panel()
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday), network(known_future="weekday")
        ).fit(X, X["sales"])
        other = X.loc[["a"]].rename({"a": "d"})
        by_hand = add_weekday(other)
        days = pd.date_range("2024-02-20", periods=3, name="day")
        X_future = pd.concat({"d": add_weekday(pd.DataFrame(index=days))})
        assert_equal(
            pipeline.forecast(X=other, y=other["sales"]),
            pipeline[-1].forecast(X=by_hand, y=other["sales"], X_future=X_future),
        )

    def test_lists_are_refused(self):
        X = [numbers(), numbers()]
        with pytest.raises(ValueError, match=r"pandas\.concat"):
            scaled().fit(X, [x["sales"] for x in X])


def add_lags_by_shop(X):
    return X.assign(lag=X.groupby("shop")["sales"].shift(3))


class TestInOtherTools:
    def test_walk_forward(self):
        X = numbers()
        cv = ExpandingWindowSplitter(fh=[1, 2, 3], initial_window=50, step_length=3)
        results = [
            walk_forward(model, X, X["sales"], cv=cv, refit=refit, coverage=0.5)
            for refit in (True, False, "warm")
            for model in (
                scaled(),
                make_pipeline(
                    StandardScaler().set_output(transform="pandas"), network()
                ),
            )
        ]
        for ours, plain in zip(results[::2], results[1::2], strict=True):
            pd.testing.assert_frame_equal(ours.forecasts, plain.forecasts)

    def test_walk_forward_continues_lags(self):
        X = numbers()
        lagged = make_forecast_pipeline(FunctionTransformer(add_lags), network())
        cv = ExpandingWindowSplitter(fh=[1, 2, 3], initial_window=51, step_length=3)
        result = walk_forward(lagged, X, X["sales"], cv=cv, refit=False)
        lagged.fit(X[:51], X["sales"][:51])
        np.testing.assert_allclose(
            result.forecasts["forecast"], lagged.predict(X[51:]), rtol=1e-5
        )

    def test_searches(self):
        X = numbers()
        cv = WalkForwardCV(
            ExpandingWindowSplitter(fh=[1, 2, 3], initial_window=50, step_length=5)
        )
        grid = {"lstmforecaster__units": [2, 3]}
        search = GridSearchCV(scaled(), grid, cv=cv).fit(X[:58], X["sales"][:58])
        assert len(search.best_estimator_.update(X[58:]).forecast()) == 3
        inner = GridSearchCV(network(), {"units": [2, 3]}, cv=cv)
        pipeline = make_forecast_pipeline(StandardScaler(), inner)
        pipeline.fit(X[:58], X["sales"][:58]).update(X[58:])
        assert_equal(pipeline.forecast(), search.best_estimator_.forecast())

    def test_display(self):
        pytest.importorskip("matplotlib")
        X = numbers()
        pipeline = scaled().fit(X[:-3], X["sales"][:-3])
        display = ForecastDisplay.from_estimator(pipeline, X[-3:], X["sales"][-3:])
        np.testing.assert_allclose(np.ravel(display.y_pred), pipeline.forecast())

    def test_window_forecaster(self):
        X = numbers()
        pipeline = make_forecast_pipeline(
            FunctionTransformer(add_weekday),
            WindowForecaster(Ridge(), 6, horizon=3, known_future="weekday"),
        ).fit(X[:-3], X["sales"][:-3])
        assert_equal(pipeline.forecast(), pipeline.forecast(X_future=X[-3:]))
        assert not hasattr(pipeline, "partial_fit")
        assert not hasattr(pipeline, "forecast_quantiles")

    def test_memory_and_passthrough(self, tmp_path):
        X = numbers()
        pipeline = ForecastPipeline(
            [("none", "passthrough"), ("scale", StandardScaler()), ("net", network())],
            memory=str(tmp_path),
        ).fit(X, X["sales"])
        assert_equal(pipeline.forecast(), scaled().fit(X, X["sales"]).forecast())
        again = clone(pipeline).partial_fit(X, X["sales"])
        assert len(again.forecast()) == 3

    def test_the_forecaster_alone(self):
        X = numbers()
        pipeline = make_forecast_pipeline(network(known_future="price"))
        pipeline.fit(X[:-3], X["sales"][:-3])
        forecast = pipeline.forecast(X_future=X[["price"]][-3:])
        assert_equal(forecast, pipeline[-1].forecast(X_future=X[-3:]))
        with pytest.raises(ValueError, match="needs X_future"):
            pipeline.forecast()

    def test_weights(self):
        X = numbers()
        weight = np.r_[np.zeros(30), np.ones(30)]
        model = scaled().fit(X, X["sales"], lstmforecaster__sample_weight=weight)
        assert not np.allclose(
            model.forecast(), scaled().fit(X, X["sales"]).forecast(), rtol=1e-9
        )


class TestErrors:
    def test_the_last_step(self):
        X = numbers()
        for last in (Ridge(), make_pipeline(StandardScaler(), network())):
            with pytest.raises(ValueError, match="the last step must be"):
                make_forecast_pipeline(StandardScaler(), last).fit(X, X["sales"])

    def test_sktime_transformers(self):
        with pytest.raises(ValueError, match=r"FunctionTransformer\(DateTimeFeatures"):
            make_forecast_pipeline(DateTimeFeatures(), network()).fit(
                numbers(), numbers()["sales"]
            )

    def test_y_is_needed_with_known_future(self):
        with pytest.raises(ValueError, match="y must be passed"):
            scaled(known_future="price").fit(numbers())

    def test_a_failed_fit_leaves_the_pipeline_as_it_was(self):
        X = numbers()
        pipeline = scaled().fit(X, X["sales"])
        before = pipeline.forecast()
        for method in (pipeline.fit, pipeline.partial_fit, pipeline.update):
            with pytest.raises(ValueError, match=".+"):
                method(X[:4] * 1000, X["sales"][:4])
            assert_equal(pipeline.forecast(), before)
        unfitted = scaled()
        with pytest.raises(ValueError, match="too few rows"):
            unfitted.fit(X[:4], X["sales"][:4])
        assert not hasattr(unfitted[0], "mean_")


class TestOtherUnits:
    """Rows in other units than those of fit cause a warning."""

    MATCH = "far outside those seen before"

    @pytest.mark.parametrize("scaler", [MinMaxScaler(), StandardScaler()])
    def test_raw_rows_for_the_last_step(self, scaler):
        X = numbers()
        pipeline = Pipeline([("scale", scaler), ("net", network(known_future=[1]))])
        pipeline.fit(X[:-3], X["sales"][:-3])
        raw = X[-3:].to_numpy()
        for call in (
            lambda: pipeline[-1].predict(raw),
            lambda: pipeline[-1].forecast(X_future=raw),
            lambda: pipeline[-1].update(raw),
        ):
            with pytest.warns(UserWarning, match=self.MATCH):
                call()

    def test_the_column_is_named(self):
        X = numbers()
        model = network(known_future="price").fit(X, X["sales"])
        with pytest.warns(UserWarning, match="X_future has .* column 'price'"):
            model.forecast(X_future=X[["price"]][-3:].to_numpy() / 1000)
        with pytest.warns(UserWarning, match="column 'sales'"):
            model.update(
                X[-1:].assign(sales=1e6).set_axis([pd.Timestamp("2024-03-01")])
            )

    def test_of_one_series_of_a_panel(self):
        X = TestPanels().panel()[["sales", "price"]]
        model = network().fit(X, X["sales"])
        new = X.groupby("shop").tail(1)
        days = X.index.levels[1] + pd.Timedelta("1D")
        new = new.set_index(new.index.set_levels(days, level=1))
        new.loc["b", "price"] = 1e4
        with pytest.warns(UserWarning, match="series 'b' has values") as caught:
            model.update(new)
        assert len(caught) == 1

    def test_trends_outliers_and_categories_are_plausible(self):
        n = 200
        rng = np.random.default_rng(0)
        X = pd.DataFrame(
            {
                "trend": np.arange(n) * 5.0,
                "growth": np.exp(np.arange(n) / 25),
                "walk": np.cumsum(rng.normal(size=n)),
                "sale": (np.arange(n) > 150).astype(float),
                "kind": np.where(np.arange(n) < 100, "a", "b"),
            }
        )
        X.loc[150, "walk"] = 1e5
        model = network(normalize="window")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message=".*no effect|.*same value")
            model.fit(X[:100], X["trend"][:100])
            model.predict(X[100:])
            model.update(X[100:110])
            model.update(X[110:])
