"""Panels: one forecaster for several series, each with its own scales and history."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklstm import LSTMForecaster, WindowForecaster
from sklstm._data.panel import SeriesInput

TINY = {"units": 3, "epochs": 1, "random_state": 0}
MAKERS = [
    pytest.param(lambda **kwargs: LSTMForecaster(5, **(TINY | kwargs)), id="lstm"),
    pytest.param(lambda **kwargs: WindowForecaster(Ridge(), 5, **kwargs), id="ridge"),
]


def walks(*lengths, seed=0):
    """Random walks of different scales, with a second column."""
    rng = np.random.default_rng(seed)
    return [
        np.cumsum(rng.normal(size=(n, 2)), axis=0) * [10.0**i, 1] + 50
        for i, n in enumerate(lengths)
    ]


def as_frame(series, names="abcdefg"):
    frames = [
        pd.DataFrame(
            rows,
            columns=["price", "volume"],
            index=pd.period_range("2000-01", periods=len(rows), freq="M", name="month"),
        )
        for rows in series
    ]
    return pd.concat(frames, keys=list(names[: len(frames)]), names=["shop"])


@pytest.fixture(params=MAKERS)
def make(request):
    return request.param


def targets(series):
    return [rows[:, 0] for rows in series]


class TestFit:
    def test_a_list_of_one_series_is_forecast_like_the_series(self, make):
        (rows,) = walks(60)
        one = make(horizon=2).fit(rows, rows[:, 0])
        other = make(horizon=2).fit([rows], [rows[:, 0]])
        np.testing.assert_array_equal(other.forecast()[0], one.forecast())

    def test_target_columns_are_found_over_all_series(self, make):
        """A constant or very short series has the column and slope of the others."""
        series = walks(30, 30, 2, 20)
        y = [3 * rows[:, 1] + 5 for rows in series]
        series[3][:] = 7.0
        y[3] = np.full(20, 26.0)
        model = make().fit(series, y)
        assert model.target_columns_ == [1]
        columns = [
            history.scaling.column_of_each_target()[0] for history in model._histories
        ]
        np.testing.assert_allclose([column.slope for column in columns], 3)
        np.testing.assert_allclose([column.offset for column in columns], 5, atol=1e-6)
        constant = np.full((20, 2), 9.0)
        new = model._history_of_new_series(
            SeriesInput(constant, constant[:, 1] * 3 + 5)
        )
        np.testing.assert_allclose(new.scaling.slope, 3)

    def test_each_series_is_scaled_as_if_it_were_alone(self, make):
        series = walks(40, 30, 50)
        model = make(horizon=2).fit(series, targets(series))
        for i, history in enumerate(model._histories):
            alone = make(horizon=2).fit(series[i], series[i][:, 0])._histories[0]
            for name in (
                "covariate_mean",
                "covariate_scale",
                "target_mean",
                "target_scale",
                "typical_spread",
            ):
                np.testing.assert_array_equal(
                    getattr(history.scaling, name), getattr(alone.scaling, name)
                )

    def test_training_uses_all_windows_of_all_series(self, monkeypatch):
        """No window reaches from one series into the next."""
        seen = []
        original = LSTMForecaster._train

        def record(self, task, reporter):
            seen.append((task.data, task.samples))
            return original(self, task, reporter)

        monkeypatch.setattr(LSTMForecaster, "_train", record)
        series = [np.arange(n, dtype=float)[:, None] + k for n, k in
                  ((20, 0), (15, 1000), (3, 5000))]  # fmt: skip
        model = LSTMForecaster(5, horizon=2, normalize=None, **TINY).fit(series)
        ((data, samples),) = seen
        rows = data.starts[samples][:, None] + np.arange(7)
        values = data.series[rows, 0]
        assert len(values) == 14 + 9 + 1
        # Consecutive rows of one series; the short one is padded at the front.
        assert (np.diff(values[:23]) == 1).all()
        np.testing.assert_array_equal(values[-1], [5000] * 5 + [5001, 5002])
        weight = data.weight[rows]
        np.testing.assert_array_equal(weight[-1], [0, 0, 0, 0, 1, 1, 1])
        assert len(model._histories[-1].rows) == 6

    def test_each_series_is_forecast_in_its_own_units(self, make):
        (rows,) = walks(60)
        series = [rows, rows * [1000, 1] + [7, 0]]
        one, other = make(horizon=3).fit(series, targets(series)).forecast()
        np.testing.assert_allclose(other, one * 1000 + 7, rtol=1e-4)

    def test_scaled_weights_of_rows_are_the_same_weights(self, make):
        series = walks(40, 40)
        weights = [np.ones(40), np.full(40, 1e-9)]
        both = make().fit(series, targets(series), sample_weight=weights)
        doubled = make().fit(
            series, targets(series), sample_weight=[w * 5 for w in weights]
        )
        np.testing.assert_allclose(both.forecast()[0], doubled.forecast()[0])

    @pytest.mark.parametrize("early_stopping", [True, "refit"])
    def test_early_stopping_holds_out_the_end_of_each_series(self, early_stopping):
        series = walks(40, 60, 4)
        model = LSTMForecaster(5, early_stopping=early_stopping, **TINY).fit(series)
        assert len(model.history_["val_loss"]) == 1


class TestForecast:
    def test_each_series_is_forecast_from_its_own_history(self, make):
        series = walks(40, 30)
        model = make(horizon=2).fit(series, targets(series))
        before = model.forecast()
        model.update([series[0][:1], series[1][:3]])
        after = model.forecast()
        again = make(horizon=2).fit(series, targets(series))
        again.update([series[0][:1], series[1][:3] * 5])
        np.testing.assert_array_equal(again.forecast()[0], after[0])
        assert (again.forecast()[1] != after[1]).all()
        assert (before[0] != after[0]).all()

    def test_predict_equals_forecast_and_update(self, make):
        series = walks(40, 30)
        model = make(horizon=2).fit(series, targets(series))
        new = [walks(4, seed=1)[0], walks(3, seed=2)[0]]
        together = model.predict(new)
        np.testing.assert_allclose(together[0][:2], model.forecast()[0], rtol=1e-6)
        model.update([rows[:2] for rows in new])
        np.testing.assert_allclose(together[0][2:], model.forecast()[0], rtol=1e-6)
        np.testing.assert_allclose(together[1][2], model.forecast()[1][0], rtol=1e-6)

    def test_rows_of_a_fitted_series_passed_as_new_give_the_same_forecast(self, make):
        series = walks(40, 30)
        model = make(horizon=2).fit(series, targets(series))
        forecast = model.forecast(X=series[0], y=series[0][:, 0])
        np.testing.assert_allclose(forecast, model.forecast()[0], rtol=1e-5)
        listed = model.forecast(X=series[::-1], y=targets(series)[::-1])
        np.testing.assert_allclose(listed[1], forecast, rtol=1e-5)

    def test_a_new_series_is_forecast_in_its_own_level(self, make):
        series = walks(40, 30)
        model = make(horizon=2).fit([rows[:, :1] for rows in series])
        new = walks(20, seed=3)[0][:, :1]
        far = model.forecast(X=new + 1000)
        np.testing.assert_allclose(far, model.forecast(X=new) + 1000, rtol=1e-4)
        assert model.forecast(X=new[:1]).shape == (2, 1)

    def test_a_new_series_is_scaled_by_the_settings_of_fit(self, make):
        series = walks(40, 30)
        model = make(horizon=2).fit(series)
        new = walks(20, seed=3)[0]
        before = model.forecast(X=new)
        model.set_params(normalize="standard", window_length=7)
        np.testing.assert_array_equal(model.forecast(X=new), before)

    def test_intervals_hold_out_windows_of_each_series(self, make):
        series = walks(60, 50)
        model = make(horizon=2, calibration_split=0.3).fit(series, targets(series))
        one, other = model.forecast_interval(coverage=0.8)
        assert (one[:, 0] < model.forecast()[0]).all()
        assert one.shape == other.shape == (2, 2)
        assert len(model._calibration.joint_scores) == sum(
            round(0.3 * (n - 6)) for n in (60, 50)
        )

    def test_each_series_has_its_own_future_covariates(self, make):
        series = walks(40, 30)
        model = make(horizon=2, known_future=1).fit(series, targets(series))
        ones, zeros = np.ones((2, 1)), np.zeros((2, 1))
        one = model.forecast(X_future=[ones, zeros])
        other = model.forecast(X_future=[ones, ones])
        np.testing.assert_array_equal(one[0], other[0])
        assert (one[1] != other[1]).all()

    def test_partial_fit_trains_on_all_series(self):
        series = walks(40, 30)
        model = LSTMForecaster(5, horizon=2, **TINY).fit(series)
        before = model.weights_
        model.partial_fit([rows[:4] for rows in series])
        assert any((a != b).any() for a, b in zip(before, model.weights_, strict=True))
        assert model.n_iter_ == 2


class TestFrame:
    def test_a_frame_is_forecast_like_a_list(self, make):
        series = walks(40, 30)
        frame = as_frame(series)
        listed = make(horizon=2).fit(series, targets(series))
        framed = make(horizon=2).fit(frame, frame["price"])
        forecast = framed.forecast()
        np.testing.assert_array_equal(
            forecast.to_numpy(), np.concatenate(listed.forecast())
        )
        assert forecast.name == "price"
        assert list(forecast.index) == [
            ("a", pd.Period("2003-05")),
            ("a", pd.Period("2003-06")),
            ("b", pd.Period("2002-07")),
            ("b", pd.Period("2002-08")),
        ]
        assert list(forecast.index.names) == ["shop", "month"]

    def test_series_may_be_interleaved(self, make):
        frame = as_frame(walks(40, 30))
        one = make().fit(frame, frame["price"])
        interleaved = frame.sort_index(level="month", sort_remaining=False)
        other = make().fit(interleaved, interleaved["price"])
        new = as_frame(walks(3, 3, seed=1))
        np.testing.assert_array_equal(
            other.forecast().sort_index(), one.forecast().sort_index()
        )
        np.testing.assert_array_equal(
            one.predict(new.iloc[[3, 0, 4, 1, 5, 2]])[[1, 3, 5, 0, 2, 4]],
            one.predict(new),
        )

    def test_update_may_hold_only_some_of_the_series(self, make):
        frame = as_frame(walks(40, 30))
        model = make(horizon=2).fit(frame)
        before = model.forecast()
        following = as_frame(walks(40, 33)).loc[["b"]][30:]
        model.update(following)
        after = model.forecast()
        assert (before.loc["a"] == after.loc["a"]).all().all()
        assert (before.loc["b"].to_numpy() != after.loc["b"].to_numpy()).any()
        assert model.predict(following).shape == (3, 2)

    def test_a_short_series_has_the_time_step_of_the_others(self, make):
        frames = [
            pd.DataFrame(rows, index=pd.date_range("2020", periods=len(rows)))
            for rows in walks(40, 2, 1)
        ]
        model = make(horizon=2).fit(pd.concat(frames, keys=["a", "b", "c"]))
        forecast = model.forecast()
        for name, last in (("b", "2020-01-02"), ("c", "2020-01-01")):
            expected = pd.date_range(last, periods=3)[1:]
            assert list(forecast.loc[name].index) == list(expected)
        new = pd.concat(frames[1:2], keys=["x"])
        new_index = model.forecast(X=new).loc["x"].index
        assert list(new_index) == list(forecast.loc["b"].index)

    def test_two_index_levels_name_the_series(self, make):
        frame = pd.concat(
            {"north": as_frame(walks(40, 30)), "south": as_frame(walks(20, seed=1))},
            names=["region"],
        )
        forecast = make(horizon=2).fit(frame).forecast()
        assert list(forecast.index.names) == ["region", "shop", "month"]
        assert len(forecast) == 6

    def test_new_series_in_a_frame_keep_their_names(self, make):
        frame = as_frame(walks(40, 30))
        model = make(horizon=2).fit(frame)
        new = as_frame(walks(20, 25, seed=4), names="xy")
        assert set(model.forecast(X=new).index.get_level_values(0)) == {"x", "y"}


class TestInvalidInput:
    @pytest.mark.parametrize(
        ("X", "y", "message"),
        [
            (walks(30, 30), walks(30)[:1], "y must be a list.*X holds 2, y 1"),
            ([walks(30)[0], walks(30)[0][:, :1]], None, r"X\[1\]: X has 1 features"),
            (
                [walks(30)[0], np.full((30, 2), np.inf)],
                None,
                r"X\[1\]: Input X",
            ),
            (
                walks(30, 30),
                [walks(30)[0], walks(30)[0][:, 0]],
                r"X\[1\] has 1 target\(s\), but X\[0\] has 2",
            ),
            (
                walks(30, 30),
                [walks(30)[0][:, 0], walks(30, 30)[1][:, 1]],
                r"history of the target in different columns of X, \[0, 1\]",
            ),
        ],
    )
    def test_series_that_disagree(self, make, X, y, message):
        with pytest.raises(ValueError, match=message):
            make().fit(X, y)

    def test_a_number_of_series_other_than_in_fit(self, make):
        model = make().fit(walks(30, 30))
        with pytest.raises(ValueError, match=r"the 2 series of fit.*got 1"):
            model.predict(walks(5))
        with pytest.raises(ValueError, match=r"got 2 series, but X holds one"):
            model.update(walks(5)[0])
        with pytest.raises(ValueError, match=r"entry for each of the 2 series, got 1"):
            make(known_future=1).fit(walks(30, 30), targets(walks(30, 30))).forecast(
                X_future=[np.ones((1, 1))]
            )

    def test_several_series_after_a_fit_on_one(self, make):
        model = make().fit(walks(30)[0])
        with pytest.raises(ValueError, match=r"got one series, but X holds 2"):
            model.predict(walks(5, 5))

    def test_names_that_were_not_in_fit(self, make):
        model = make().fit(as_frame(walks(30, 30)))
        with pytest.raises(ValueError, match=r"series \['x'\], which were not in fit"):
            model.update(as_frame(walks(5), names="x"))
        with pytest.raises(ValueError, match="a list of series, or a frame"):
            model.predict(walks(5, 5))

    def test_a_new_series_without_y_that_its_scale_needs(self, make):
        rows = walks(30)[0]
        model = make(target=None).fit(rows, rows[:, 0])
        with pytest.raises(ValueError, match=r"forecast\(X=\.\.\.\) needs y too"):
            model.forecast(X=rows)

    def test_a_failed_fit_leaves_the_forecaster_unchanged(self, make):
        series = walks(30, 30)
        model = make().fit(series)
        before = model.forecast()
        with pytest.raises(ValueError, match="infinity"):
            clone(model).fit([*series, np.full((9, 2), np.inf)])
        with pytest.raises(ValueError, match="infinity"):
            model.fit([*series, np.full((9, 2), np.inf)])
        np.testing.assert_array_equal(model.forecast()[0], before[0])

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            ([np.ones(40), np.ones(30)], r"each of the 30 row\(s\) of X\[0\]"),
            ([np.ones(30), None], r"each of the 40 row\(s\) of X\[1\]"),
        ],
    )
    def test_weights_that_do_not_match_the_rows(self, make, weight, message):
        with pytest.raises(ValueError, match=message):
            make().fit(walks(30, 40), sample_weight=weight)

    def test_y_that_does_not_match_the_rows(self, make):
        frame = as_frame(walks(30, 40))
        for y in (frame["price"].loc[["b", "a"]], pd.concat([frame["price"]] * 2)):
            with pytest.raises(ValueError, match="y must have the rows of X"):
                make().fit(frame, y)
        with pytest.raises(ValueError, match="y has an index of.*but X has not"):
            make().fit(frame.to_numpy(), frame["price"])
        nameless = frame.rename(index={"b": None}, level=0)
        with pytest.raises(ValueError, match="without the name of a series"):
            make().fit(nameless)

    def test_too_few_rows_in_all_series(self, make):
        with pytest.raises(ValueError, match="too few rows"):
            make(horizon=2).fit(walks(4, 5, 6))

    def test_rows_out_of_time_order(self, make):
        frame = as_frame(walks(30, 40))
        with pytest.raises(ValueError, match="series 'a': rows must be in time order"):
            make().fit(frame.iloc[::-1].sort_index(level=0, sort_remaining=False))

    def test_columns_of_y_are_matched_by_name(self, make):
        frame = as_frame(walks(30))
        y = frame * 2
        model = make().fit(frame, y)
        swapped = y[["volume", "price"]]
        pd.testing.assert_frame_equal(
            model.forecast(X=frame, y=swapped), model.forecast(X=frame, y=y)
        )
        with pytest.raises(ValueError, match=r"targets \['price', 'volume'\].*got"):
            model.update(frame, y.rename(columns={"price": "cost"}))
        with pytest.raises(ValueError, match="X is None: pass both"):
            model.forecast(y=y)

    def test_y_of_only_some_series(self, make):
        series = walks(30, 30)
        with pytest.raises(ValueError, match=r"X\[1\] has no targets, but others"):
            make().fit(series, [series[0][:, 0], None])

    def test_y_in_other_units_than_in_fit(self, make):
        rows = walks(30)[0]
        model = make().fit(rows[:25], rows[:25, 0])
        message = "y must match column 0 of X.*in fit, but in row 2 y is"
        wrong = rows[25:, 0].copy()
        wrong[2] *= 1.5
        before = model.forecast()
        with pytest.raises(ValueError, match=message):
            model.update(rows[25:], wrong)
        np.testing.assert_array_equal(model.forecast(), before)
        # A deviation that a column named by target may have.
        noisy = rows[25:, 0] + 0.01 * rows[:25, 0].std()
        model.update(rows[25:], noisy)
        # The unit of a constant series is unknown, so any y is accepted.
        constant = np.column_stack([np.zeros(30), rows[:, 1]])
        both = make().fit([rows, constant], [rows[:, 0], constant[:, 0]])
        both.update([rows[:5], rows[:5]], [rows[:5, 0], 2 * rows[:5, 0]])
        # Rounding to single precision is accepted too.
        model.update(rows[25:], rows[25:, 0].astype(np.float32))

    def test_y_that_is_no_affine_image_of_its_column(self, make):
        rows = walks(30)[0]
        model = make().fit(rows, rows[:, 0])
        with pytest.raises(ValueError, match="y must be an affine image of column 0"):
            model.forecast(X=rows, y=rows[:, 1])
