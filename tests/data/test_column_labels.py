"""Labels of columns, whatever their type: of forecasts, parameters and new rows."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecastDetector, LSTMForecaster, WindowForecaster, walk_forward
from sklstm.sktime import SktimeLSTMForecaster

rng = np.random.default_rng(0)
DAYS = pd.date_range("2024-01-01", periods=60)
# Far apart, so that a value under the wrong label is seen at once.
LEVELS = np.array([0.0, 1000.0, 2000.0])
VALUES = rng.normal(size=(60, 3)).cumsum(axis=0) + LEVELS
NEXT_DAYS = pd.date_range(DAYS[-1] + pd.Timedelta("1D"), periods=2)

LABELS = {
    "integers": pd.Index([2, 0, 1]),
    "negative integers": pd.Index([-1, -2, -3]),
    "years": pd.Index([2022, 2023, 2024]),
    "floats": pd.Index([0.5, 1.5, 0.0]),
    "booleans and text": pd.Index([True, False, "a"], dtype=object),
    "text": pd.Index(["b", "a", "c"], name="shop"),
    "text of NumPy": pd.Index([np.str_("b"), np.str_("a"), "c"], dtype=object),
    "tuples": pd.Index([("a", 1), ("b", 2), ("a", 3)], tupleize_cols=False),
    "two levels": pd.MultiIndex.from_product([["a"], [3, 1, 2]], names=["u", "v"]),
    "times": pd.date_range("2024-03-01", periods=3),
    "dates": pd.Index([dt.date(2024, 3, day) for day in (1, 2, 3)]),
    "periods": pd.period_range("2024-03", periods=3, freq="M"),
    "categories": pd.CategoricalIndex(["b", "a", "c"]),
    "mixed": pd.Index(["a", 7, dt.date(2024, 3, 1)], dtype=object),
}


def frame(columns, index=DAYS):
    return pd.DataFrame(VALUES[: len(index)], index, columns)


def forecaster(**kwargs):
    return WindowForecaster(
        LinearRegression(), **({"window_length": 2, "horizon": 2} | kwargs)
    )


def check_labels(columns, expected):
    pd.testing.assert_index_equal(columns, expected, exact="equiv")


@pytest.fixture(params=LABELS.values(), ids=LABELS.keys())
def labels(request):
    return request.param


class TestForecasts:
    def test_forecasts_have_the_labels_of_x(self, labels):
        forecast = forecaster().fit(frame(labels)).forecast()
        check_labels(forecast.columns, labels)
        assert np.allclose(forecast, LEVELS, atol=200)

    def test_of_a_panel(self, labels):
        panel = pd.concat([frame(labels), frame(labels)], keys=["x", "y"])
        forecast = forecaster().fit(panel).forecast()
        check_labels(forecast.columns, labels)
        forecasts = forecaster().fit([frame(labels), frame(labels)]).forecast()
        for each in forecasts:
            check_labels(each.columns, labels)

    def test_intervals(self, labels):
        model = forecaster(calibration_split=0.5).fit(frame(labels))
        interval = model.forecast_interval(coverage=0.5)
        names = [(*key[:-1],) if labels.nlevels > 1 else key[0] for key in interval]
        assert names == [label for label in labels for _ in range(2)]
        assert list(interval.columns.get_level_values(-1)) == ["lower", "upper"] * 3
        assert interval.columns.names == [*labels.names, None]
        assert np.allclose(interval, np.repeat(LEVELS, 2), atol=200)

    def test_quantiles(self):
        labels = LABELS["integers"]
        model = LSTMForecaster(
            2, units=1, epochs=1, random_state=0, quantiles=(0.1, 0.5, 0.9)
        )
        quantiles = model.fit(frame(labels)).forecast_quantiles()
        assert [key[0] for key in quantiles] == [2] * 3 + [0] * 3 + [1] * 3
        assert np.allclose(quantiles, np.repeat(LEVELS, 3), atol=200)

    def test_labels_of_y(self, labels):
        model = forecaster().fit(frame(list("abc")), frame(labels).iloc[:, :2])
        check_labels(model.forecast().columns, labels[:2])
        y = pd.Series(VALUES[:, 1], DAYS, name=labels[1])
        name = forecaster().fit(frame(list("abc")), y).forecast().name
        assert name == labels[1]
        assert type(name) is type(labels[1])

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        st.lists(
            st.one_of(
                st.integers(-5, 5),
                st.text(max_size=3),
                st.tuples(st.text(max_size=2), st.integers(0, 3)),
                st.dates(),
                st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2050, 1, 1)),
            ),
            min_size=3,
            max_size=3,
            unique_by=str,
        )
    )
    def test_any_mixture_returns_unchanged(self, names):
        labels = pd.Index(names, dtype=object, tupleize_cols=False)
        forecast = forecaster().fit(frame(labels)).forecast()
        assert list(forecast.columns) == names
        assert np.allclose(forecast, LEVELS, atol=200)

    def test_segments_name_the_columns(self, labels):
        detector = LSTMForecastDetector(
            2, epochs=1, units=1, contamination=0.2, random_state=0
        )
        segments = detector.fit(frame(labels)).anomaly_segments(frame(labels))
        assert set(segments["feature"]) <= set(labels)

    def test_walk_forward(self, labels):
        cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=50, step_length=2)
        result = walk_forward(forecaster(), frame(labels), cv=cv)
        targets = result.forecasts["target"]
        assert list(targets[:3]) == list(labels)
        level = dict(zip(labels, LEVELS, strict=True))
        expected = [level[target] for target in targets]
        assert np.allclose(result.forecasts["forecast"], expected, atol=200)

    def test_of_the_adapter_of_sktime(self):
        y = frame([2, 0, 1])
        model = SktimeLSTMForecaster(2, units=1, epochs=1, random_state=0)
        forecast = model.fit(y, fh=[1, 2]).predict()
        assert list(forecast.columns) == [2, 0, 1]
        assert np.allclose(forecast, LEVELS, atol=200)


class TestParameters:
    def test_columns_by_label(self, labels):
        X = frame(labels)
        for i, label in enumerate(labels):
            if labels.dtype.kind in "if" and label in range(-3, 3):
                continue  # may be an index too
            model = forecaster(known_future=[label]).fit(X)
            others = labels.delete(i)
            future = X.iloc[:2].set_axis(NEXT_DAYS)
            check_labels(model.forecast(X_future=future).columns, others)
            model = forecaster(target=[label]).fit(X, VALUES[:, i])
            assert model.target_columns_ == [i]

    def test_columns_by_index(self, labels):
        if labels.dtype.kind in "if":
            return  # may be labels too
        model = forecaster(known_future=-1, target=1).fit(frame(labels), VALUES[:, 1])
        assert model.target_columns_ == [1]

    @pytest.mark.parametrize("parameter", ["target", "known_future"])
    def test_a_label_that_is_the_index_of_another_column(self, parameter):
        with pytest.raises(
            ValueError,
            match=rf"{parameter}=2 is ambiguous.*label of column 0.*index of column 2",
        ):
            forecaster(**{parameter: 2}).fit(frame([2, 0, 1]), VALUES[:, 0])

    def test_labels_that_are_the_indices(self):
        model = forecaster(target=2).fit(frame(range(3)), VALUES[:, 2])
        assert model.target_columns_ == [2]

    def test_integers_that_can_be_only_one_of_both(self):
        X = frame([2022, 2023, 2024])
        for column in (1, 2023):
            model = forecaster(target=column).fit(X, VALUES[:, 1])
            assert model.target_columns_ == [1]

    def test_unknown_labels(self):
        with pytest.raises(ValueError, match="is not a column of X, which has"):
            forecaster(known_future=[("a", 4)]).fit(frame(LABELS["two levels"]))

    def test_future_covariates_are_selected_by_label(self, labels):
        X = frame(labels)
        model = forecaster(known_future=[-2]).fit(X.rename(columns=str))
        named = labels.map(str)
        if labels.dtype.kind not in "if":
            named = labels
            model = forecaster(known_future=[labels[1]]).fit(X)
        future = X.iloc[:2].set_axis(NEXT_DAYS).set_axis(named, axis=1)
        expected = model.forecast(X_future=future)
        for columns in ([2, 1, 0], [1]):
            forecast = model.forecast(X_future=future.iloc[:, columns])
            pd.testing.assert_frame_equal(forecast, expected)

    def test_future_covariates_with_integer_labels(self):
        X = frame([2022, 2023, 2024])
        model = forecaster(known_future=2023).fit(X)
        future = X.iloc[:2].set_axis(NEXT_DAYS)
        expected = model.forecast(X_future=future)
        for columns in ([2024, 2023, 2022], [2023]):
            forecast = model.forecast(X_future=future[columns])
            pd.testing.assert_frame_equal(forecast, expected)
        with pytest.raises(ValueError, match=r"lacks the columns \[2023\]"):
            model.forecast(X_future=future[[2024]])
        with pytest.raises(ValueError, match="more than once"):
            model.forecast(X_future=future[[2023, 2023]])


class TestNewRows:
    @pytest.mark.parametrize("method", ["predict", "update"])
    def test_other_columns_are_refused(self, labels, method):
        model = forecaster().fit(frame(labels)[:40])
        with pytest.raises(ValueError, match="fit"):
            getattr(model, method)(frame(labels)[40:].iloc[:, [1, 0, 2]])

    def test_of_the_series_of_a_list(self):
        with pytest.raises(ValueError, match=r"X\[1\].*must have the columns of fit"):
            forecaster().fit([frame([2, 0, 1]), frame([0, 1, 2])])

    def test_of_a_detector(self):
        detector = LSTMForecastDetector(2, epochs=1, units=1).fit(frame([2, 0, 1]))
        with pytest.raises(ValueError, match="must have the columns of fit"):
            detector.score_samples(frame([0, 1, 2]))

    def test_targets_in_another_order(self, labels):
        X, Y = frame(list("abc")), frame(labels)
        model = forecaster().fit(X[:40], Y[:40])
        expected = model.update(X[40:], Y[40:]).forecast()
        model = forecaster().fit(X[:40], Y[:40])
        forecast = model.update(X[40:], Y[40:].iloc[:, [2, 0, 1]]).forecast()
        pd.testing.assert_frame_equal(forecast, expected)

    def test_names_of_features_are_those_of_scikit_learn(self):
        for name in ("text", "text of NumPy", "categories"):
            model = forecaster().fit(frame(LABELS[name]))
            assert list(model.feature_names_in_) == ["b", "a", "c"]
        for name in ("integers", "tuples", "mixed"):
            assert not hasattr(
                forecaster().fit(frame(LABELS[name])), "feature_names_in_"
            )
