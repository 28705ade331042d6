"""Categorical and static covariates, and the scales of covariates."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklstm import LSTMForecaster, WindowForecaster

SMALL = {"window_length": 4, "units": 3, "epochs": 1, "random_state": 0}


def frame(n_rows=40, seed=0, **columns):
    """A random walk and a category, with further columns."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": np.cumsum(rng.normal(size=n_rows)),
            "color": pd.Categorical(rng.choice(["red", "blue", "green"], n_rows)),
            **columns,
        },
        index=pd.date_range("2024", periods=n_rows),
    )


def fitted(X, **parameters):
    return LSTMForecaster(**(SMALL | parameters)).fit(X, X["y"])


class TestCategories:
    def test_columns_by_type_by_name_and_by_index(self):
        X = frame()
        by_type = fitted(X)
        for selected in (["color"], "color", 1, [1], [False, True]):
            model = fitted(X, categorical_features=selected)
            np.testing.assert_array_equal(model.predict(X[:5]), by_type.predict(X[:5]))
        assert by_type.target_columns_ == [0]
        assert list(by_type.feature_names_in_) == ["y", "color"]

    def test_an_array_with_ids(self):
        X = frame()
        codes = np.column_stack([X["y"], X["color"].cat.codes])
        model = LSTMForecaster(**SMALL, categorical_features=[1]).fit(codes, X["y"])
        np.testing.assert_array_equal(
            model.predict(codes[:5]), fitted(X).predict(X[:5])
        )

    def test_the_ids_themselves_have_no_effect(self):
        """Other names in the same order give the same forecasts."""
        X = frame()
        other = X.assign(color=X["color"].cat.rename_categories(lambda c: "x" + c))
        np.testing.assert_array_equal(
            fitted(X).predict(X[:5]), fitted(other).predict(other[:5])
        )

    def test_no_categories(self):
        with pytest.raises(ValueError, match="column 'color' holds text"):
            fitted(frame().astype({"color": str}), categorical_features=None)
        with pytest.raises(ValueError, match="column 'color' holds text"):
            WindowForecaster(Ridge(), 4).fit(frame(), frame()["y"])

    def test_unknown_and_missing_categories(self):
        X = frame()
        X["color"] = X["color"].astype(object)
        X.iloc[3, 1] = None
        model = fitted(X)
        rows = X[:6].astype({"color": object})
        rows.iloc[2, 1], rows.iloc[3, 1] = "purple", np.nan
        forecast = model.predict(rows)
        assert np.isfinite(forecast).all()
        rows.iloc[2, 1] = "orange"  # no more known than purple
        np.testing.assert_array_equal(model.predict(rows), forecast)

    def test_a_misspelt_category_of_the_future_is_reported(self):
        X = frame()
        model = fitted(X, known_future=["color"])
        future = pd.DataFrame({"color": ["red"]})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.forecast(1, future)
        with pytest.warns(UserWarning, match=r"\['rde'\] in column 'color'.*'red'"):
            model.forecast(1, pd.DataFrame({"color": ["rde"]}))

    def test_without_values_missing_in_fit_they_are_unknown(self):
        X = frame()
        rows = X[:6].astype({"color": object})
        rows.iloc[2, 1] = None
        unknown = rows.copy()
        unknown.iloc[2, 1] = "purple"
        model = fitted(X)
        np.testing.assert_array_equal(model.predict(rows), model.predict(unknown))

    def test_future_categories(self):
        X = frame(n_rows=60)
        model = fitted(X, known_future="color", horizon=3)
        future = pd.DataFrame({"color": ["red", "blue", "red"]})
        forecast = model.forecast(X_future=future)
        as_array = model.forecast(X_future=future.to_numpy(dtype=object))
        np.testing.assert_array_equal(forecast, as_array)
        with_y = future.assign(y=np.nan)[["y", "color"]]
        np.testing.assert_array_equal(model.forecast(X_future=with_y), forecast)
        other = model.forecast(X_future=pd.DataFrame({"color": ["red"] * 3}))
        assert (np.asarray(other) != np.asarray(forecast)).any()

    def test_the_effect_of_a_future_category_is_learned(self):
        rng = np.random.default_rng(0)
        colors = rng.choice(["up", "down", "same"], 500)
        effect = pd.Series(colors).map({"up": 4.0, "down": -4.0, "same": 0.0})
        y = 50 + effect.to_numpy() + rng.normal(0, 0.3, 500)
        X = pd.DataFrame({"y": y, "color": colors})
        parameters = {
            "window_length": 8,
            "units": 8,
            "epochs": 15,
            "learning_rate": 0.01,
        }
        model = LSTMForecaster(
            **parameters, known_future="color", normalize="standard", random_state=0
        ).fit(X[:400], y[:400])
        error = np.abs(model.predict(X[400:]) - y[400:]).mean()
        assert error < 0.6

    @pytest.mark.parametrize("decoder", ["dense", "segments"])
    @pytest.mark.parametrize("channel_independent", [False, True])
    def test_every_kind_of_network(self, decoder, channel_independent):
        X = frame(weekday=np.arange(40) % 7, wet=["yes", "no"] * 20, z=np.arange(40.0))
        model = fitted(
            X,
            decoder=decoder,
            channel_independent=channel_independent,
            known_future=["wet", "weekday"],
            categorical_features=["wet", "color"],
            horizon=5,
            patch_length=2,
            quantiles=(0.1, 0.5, 0.9),
            n_members=2,
        )
        future = X[["weekday", "wet"]][:5].set_index(X.index[-5:] + pd.Timedelta("5D"))
        assert np.isfinite(model.forecast_quantiles(X_future=future)).all(axis=None)
        assert model.network_.count_params() > 0

    def test_recursive_forecasts_and_updates(self):
        X = frame()
        model = fitted(X, known_future=["color"], horizon=2)
        future = pd.DataFrame({"color": ["red"] * 7})
        forecast = model.forecast(X_future=future)
        assert len(forecast) == 7
        again = pickle.loads(pickle.dumps(model)).forecast(X_future=future)
        pd.testing.assert_series_equal(forecast, again)
        rows = frame(5, seed=3).set_index(X.index[-5:] + pd.Timedelta("5D"))
        later = rows.shift(5, freq="D")
        model.update(rows).partial_fit(later, later["y"])
        assert np.isfinite(model.forecast(X_future=future)).all()

    def test_a_category_cannot_be_a_target(self):
        X = frame()
        model = LSTMForecaster(**SMALL).fit(X)
        assert model.forecast().columns.tolist() == ["y"]

    def test_dates_are_no_categories(self):
        X = frame().reset_index(names="date")
        with pytest.raises(ValueError, match="column 'date' holds dates"):
            fitted(X)
        with pytest.raises(ValueError, match="column 'date' holds dates"):
            fitted(X.assign(date=X["date"].astype(str)))

    def test_a_failed_fit_changes_nothing(self):
        X = frame()
        model = fitted(X)
        forecast = model.predict(X[:5])
        with pytest.raises(ValueError, match="categorical_features"):
            model.set_params(categorical_features=["shape"]).fit(X, X["y"])
        np.testing.assert_array_equal(model.predict(X[:5]), forecast)


def shops(effect, n_shops=8, n_rows=60, **columns):
    """Walks that jump where a shop has an offer, by an effect of the shop."""
    frames = {}
    for number in range(n_shops):
        rng = np.random.default_rng(number)
        offer = (rng.random(n_rows) < 0.3).astype(float)
        y = 20 + np.cumsum(rng.normal(0, 0.05, n_rows)) + effect(number) * offer
        shop = {"y": y, "offer": offer}
        shop |= {name: value(number) for name, value in columns.items()}
        frames[f"shop {number}"] = pd.DataFrame(
            shop, index=pd.date_range("2024", periods=n_rows)
        )
    return pd.concat(frames)


class TestStaticCovariates:
    parameters = {
        "window_length": 5,
        "units": 16,
        "epochs": 30,
        "learning_rate": 0.01,
        "known_future": ["offer"],
        "target": "y",
        "random_state": 0,
    }

    def error(self, X, **parameters):
        train = X.groupby(level=0).head(45)
        test = X.groupby(level=0).tail(15)
        model = LSTMForecaster(**(self.parameters | parameters))
        model.fit(train, train["y"])
        return np.abs(model.predict(test) - test["y"]).mean()

    def test_the_effect_of_a_static_category(self):
        def effect(i):
            return 5.0 if i % 2 else -5.0

        X = shops(effect, region=lambda i: "north" if i % 2 else "south")
        assert self.error(X) < 0.5 * self.error(X.drop(columns="region"))

    def test_the_effect_of_a_static_number(self):
        X = shops(lambda i: i - 3.5, size=lambda i: 100.0 + i)
        assert self.error(X) < 0.7 * self.error(X.drop(columns="size"))

    def test_static_numbers_have_scales_of_the_panel(self):
        X = shops(float, size=lambda i: 100.0 + i)
        model = LSTMForecaster(**(self.parameters | {"epochs": 1}))
        model.fit(X, X["y"])
        values = [
            history.scaling.encode(history.rows.X).values[0, 1]
            for history in model._histories
        ]
        expected = (np.arange(8) - 3.5) / np.arange(8).std()
        np.testing.assert_allclose(values, expected, rtol=1e-5)

    def test_a_new_series_brings_its_own(self):
        X = shops(float, size=lambda i: 100.0 + i)
        model = LSTMForecaster(**(self.parameters | {"epochs": 2}))
        model.fit(X, X["y"])
        new = X.loc[["shop 3"]].rename({"shop 3": "new"}, level=0)
        future = pd.DataFrame(
            {"offer": [1.0]},
            pd.MultiIndex.from_tuples([("new", pd.Timestamp("2024-03-01"))]),
        )
        forecasts = [
            float(
                model.forecast(
                    X=new.assign(size=size), y=new["y"], X_future=future
                ).iloc[0]
            )
            for size in (100.0, 107.0)
        ]
        assert forecasts[0] != forecasts[1]

    def test_a_single_series_has_no_static_covariates(self):
        X = frame(size=3.0)
        with pytest.warns(UserWarning, match="'size' of X has the same value in all"):
            fitted(X)


class TestCovariateScaling:
    def test_scales_of_the_panel(self):
        X = shops(float, price=lambda i: np.arange(60.0) + 10 * i)
        scaled = {}
        for scaling in ("series", "panel"):
            model = LSTMForecaster(
                **SMALL, covariate_scaling=scaling, target="y", known_future=["offer"]
            ).fit(X, X["y"])
            scaled[scaling] = [
                history.scaling.encode(history.rows.X).values[-1, 1]
                for history in model._histories
            ]
        assert np.ptp(scaled["series"]) < 1e-6
        assert (np.diff(scaled["panel"]) > 0.1).all()

    @pytest.mark.parametrize(
        "make",
        [
            lambda **parameters: LSTMForecaster(**SMALL, **parameters),
            lambda **parameters: WindowForecaster(Ridge(1e-3), 4, **parameters),
        ],
    )
    def test_a_price_that_has_not_moved_yet(self, make):
        """Its effect is that which it has in other series."""
        rng = np.random.default_rng(0)
        series, targets = [], []
        for number in range(6):
            price = np.full(80, 10.0)
            if number:
                price += rng.choice([0.0, 2.0], 80)
            y = 60 - 3 * price + 6 * np.sin(np.arange(80) / 3 + number)
            series.append(np.column_stack([y, price]))
            targets.append(y)
        # With "window" the effect would be in units of the spread of each window.
        parameters = {"known_future": [1], "target": 0, "normalize": "last"}
        model = make(**parameters, covariate_scaling="panel").fit(series, targets)
        before, after = (
            model.forecast(X_future=[np.array([[price]])] * 6)[0][0]
            for price in (10.0, 12.0)
        )
        assert -9 < after - before < -3
        with pytest.warns(UserWarning, match="not changed yet in 1 of 6 series"):
            make(**parameters).fit(series, targets)

    def test_invalid_values(self):
        with pytest.raises(ValueError, match="'covariate_scaling'"):
            fitted(frame(), covariate_scaling="all")

    def test_without_normalisation_nothing_is_scaled(self):
        X = shops(float, size=lambda i: 100.0 + i)
        model = LSTMForecaster(**SMALL, normalize=None, target="y").fit(X, X["y"])
        encoded = model._histories[0].scaling.encode(model._histories[0].rows.X)
        assert 100.0 in encoded.values[0]

    def test_no_warning_for_ordinary_covariates(self):
        X = shops(float, size=lambda i: 100.0 + i)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clone(LSTMForecaster(**SMALL, target="y")).fit(X, X["y"])
