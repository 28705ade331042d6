"""Walk-forward validation of several series."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter

from sklstm import LSTMForecaster, WalkForwardCV, WindowForecaster, walk_forward

FH = np.arange(1, 5)
EXPANDING = ExpandingWindowSplitter(fh=FH, initial_window=40, step_length=4)
DAYS = pd.date_range("2024-01-01", periods=60, freq="D", name="day")


def ridge(**kwargs):
    return WindowForecaster(Ridge(), **({"window_length": 4, "horizon": 4} | kwargs))


def make_series(n, seed):
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=n).cumsum()
    return np.column_stack([walk, rng.normal(size=n)])


@pytest.fixture
def arrays():
    """Three series that end together; the last one begins in row 45."""
    return [make_series(n, i) for i, n in enumerate((60, 60, 15))]


def as_frame(arrays, ends=None):
    """A frame of series that end on the last day, or some days before."""
    ends = [0] * len(arrays) if ends is None else ends
    frames = {}
    for name, rows, end in zip("abcdef", arrays, ends, strict=False):
        last = len(DAYS) - end
        days = DAYS[last - len(rows) : last]
        frames[name] = pd.DataFrame(rows, days, columns=["x", "z"])
    return pd.concat(frames, names=["shop"])


@pytest.fixture
def frame(arrays):
    return as_frame(arrays)


def targets(X):
    return [rows[:, 0] for rows in X]


class TestFolds:
    def test_series_join_when_they_have_training_and_test_rows(self, arrays):
        result = walk_forward(ridge(), arrays, targets(arrays), cv=EXPANDING)
        members = result.forecasts.groupby("fold")["series"].unique()
        # Fold 2 begins in row 48, when series 2 has three rows.
        assert [list(each) for each in members] == [[0, 1]] * 2 + [[0, 1, 2]] * 3
        rows = result.forecasts.query("series == 2 and fold == 2")
        assert rows.index.tolist() == [3, 4, 5, 6]
        np.testing.assert_array_equal(rows["actual"], arrays[2][3:7, 0])
        np.testing.assert_array_equal(rows["naive"], arrays[2][[2] * 4, 0])

    def test_each_fold_is_fitted_on_all_rows_before_the_cutoff(self, arrays):
        result = walk_forward(
            ridge(), arrays, targets(arrays), cv=EXPANDING, return_estimator=True
        )
        cutoffs = [(48, 48, 3), (52, 52, 7), (56, 56, 11)]
        for fold, cutoff in enumerate(cutoffs, start=2):
            train = [rows[:n] for rows, n in zip(arrays, cutoff, strict=True)]
            test = [rows[n : n + 4] for rows, n in zip(arrays, cutoff, strict=True)]
            expected = ridge().fit(train, targets(train)).predict(test)
            table = result.forecasts[result.forecasts["fold"] == fold]
            np.testing.assert_array_equal(table["forecast"], np.concatenate(expected))

    @pytest.mark.parametrize("with_y", [True, False])
    def test_frames_equal_lists_aligned_at_their_ends(self, arrays, frame, with_y):
        y, column = (targets(arrays), frame["x"]) if with_y else (None, None)
        options = {"cv": EXPANDING, "season_length": 7}
        by_list = walk_forward(ridge(), arrays, y, **options)
        by_frame = walk_forward(ridge(), frame, column, **options)
        numbers = ["fold", "step", "actual", "forecast", "naive", "seasonal_naive"]
        np.testing.assert_array_equal(
            by_list.forecasts[numbers], by_frame.forecasts[numbers]
        )
        names = dict(enumerate("abc"))
        assert by_list.forecasts["series"].map(names).tolist() == (
            by_frame.forecasts["series"].tolist()
        )
        np.testing.assert_array_equal(by_list.series_scores, by_frame.series_scores)
        assert by_frame.forecasts.index.name == "day"
        assert by_frame.forecasts.index[0] == DAYS[40]

    def test_rows_of_a_frame_in_any_order_of_series(self, frame):
        mixed = frame.sort_index(level="day", kind="stable")
        expected = walk_forward(ridge(), frame, frame["x"], cv=EXPANDING)
        result = walk_forward(ridge(), mixed, mixed["x"], cv=EXPANDING)
        for name in "abc":
            pd.testing.assert_frame_equal(
                result.select_series(name).forecasts,
                expected.select_series(name).forecasts,
                rtol=1e-9,
            )

    def test_series_that_end_early_leave(self):
        arrays = [make_series(n, n) for n in (60, 50, 20)]
        frame = as_frame(arrays, ends=[0, 10, 30])
        result = walk_forward(ridge(), frame, frame["x"], cv=EXPANDING)
        folds = result.forecasts.groupby("series")["fold"].unique()
        assert {name: list(each) for name, each in folds.items()} == {
            "a": [0, 1, 2, 3, 4],
            "b": [0, 1, 2],
        }
        # The last fold of b has the two rows that are left.
        assert len(result.select_series("b").forecasts) == 10

    @pytest.mark.parametrize("refit", [True, "warm", False])
    def test_forecasts_do_not_depend_on_later_rows(self, arrays, refit):
        changed = [rows.copy() for rows in arrays[:2]]
        for rows in changed:
            rows[48:] += 1000 * np.random.default_rng(1).normal(size=(12, 2))
        model = LSTMForecaster(4, 4, units=2, epochs=1, random_state=0)
        tables = [
            walk_forward(
                model, X, targets(X), cv=EXPANDING, refit=refit, season_length=3
            ).forecasts
            for X in (arrays[:2], changed)
        ]
        early, late = (
            [table.query(query).drop(columns="actual") for table in tables]
            for query in ("fold < 2", "fold > 2")
        )
        pd.testing.assert_frame_equal(*early)
        assert (late[0]["forecast"] != late[1]["forecast"]).all()

    @pytest.mark.parametrize("cv", [TimeSeriesSplit(3, test_size=4)])
    def test_scikit_learns_splitters(self, frame, cv):
        result = walk_forward(ridge(), frame, frame["x"], cv=cv)
        starts = result.select_series("a").forecasts.index[::4]
        assert starts.tolist() == [DAYS[48], DAYS[52], DAYS[56]]

    def test_windows_in_time_units(self, frame):
        cv = SlidingWindowSplitter(
            fh=pd.to_timedelta(FH, unit="D"),
            window_length=pd.Timedelta(40, unit="D"),
            step_length=pd.Timedelta(4, unit="D"),
        )
        result = walk_forward(ridge(), frame, frame["x"], cv=cv)
        starts = result.select_series("a").forecasts.index[::4]
        assert starts.tolist() == [DAYS[test[0]] for _, test in cv.split(DAYS)]

    def test_without_refit_histories_grow(self, frame):
        old = frame.loc[["a", "b"]]
        result = walk_forward(
            ridge(), old, old["x"], cv=EXPANDING, refit=False, return_estimator=True
        )
        days = old.index.get_level_values("day")
        train, later = old[days < DAYS[40]], old[days >= DAYS[40]]
        expected = ridge().fit(train, train["x"]).predict(later)
        forecasts = result.forecasts.sort_values("series", kind="stable")
        np.testing.assert_allclose(forecasts["forecast"], expected, rtol=1e-5)

    def test_without_refit_no_series_joins(self, arrays):
        with pytest.raises(ValueError, match=r"series \[2\] join in fold 2.*refit=Tr"):
            walk_forward(ridge(), arrays, cv=EXPANDING, refit=False)

    def test_no_series_in_a_fold(self):
        frame = as_frame([make_series(42, 0), make_series(18, 1)], ends=[18, 0])
        cv = SlidingWindowSplitter(FH, window_length=5, step_length=37)
        with pytest.raises(ValueError, match="no series with both training.*fold 1"):
            walk_forward(ridge(), frame, cv=cv)

    def test_rows_out_of_order(self, frame):
        with pytest.raises(ValueError, match="series 'c': rows must be in time order"):
            walk_forward(ridge(), frame.iloc[::-1], cv=EXPANDING)


class TestNaiveForecasts:
    def test_young_series_without_a_season(self, arrays):
        result = walk_forward(
            ridge(), arrays, targets(arrays), cv=EXPANDING, season_length=7
        )
        rows = result.select_series(2).forecasts
        young = rows["fold"] == 2
        assert (rows["seasonal_naive"] == rows["naive"])[young].all()
        later = rows[rows["fold"] == 3]["seasonal_naive"]
        np.testing.assert_array_equal(later, arrays[2][:4, 0])
        with pytest.raises(ValueError, match="season_length=41 reaches back.*row 40"):
            walk_forward(ridge(), arrays, cv=EXPANDING, season_length=41)

    def test_single_series_have_the_same_naive_forecasts(self, frame):
        result = walk_forward(
            ridge(), frame, frame["x"], cv=EXPANDING, season_length=7
        ).select_series("b")
        alone = frame.loc["b"]
        expected = walk_forward(
            ridge(), alone, alone["x"], cv=EXPANDING, season_length=7
        )
        pd.testing.assert_frame_equal(
            result.forecasts.drop(columns="forecast"),
            expected.forecasts.drop(columns="forecast"),
            check_freq=False,
        )
        for naive in ("naive", "seasonal_naive"):
            pd.testing.assert_series_equal(
                result.summary[naive], expected.summary[naive]
            )
            pd.testing.assert_frame_equal(
                result.scores.xs(naive, axis=1, level=1),
                expected.scores.xs(naive, axis=1, level=1),
            )

    def test_panel_of_one_series_equals_the_series(self):
        rows = make_series(60, 0)
        panel = walk_forward(ridge(), [rows], [rows[:, 0]], cv=EXPANDING)
        single = walk_forward(ridge(), rows, rows[:, 0], cv=EXPANDING)
        one = panel.select_series(0)
        for name in ("forecasts", "scores", "summary"):
            pd.testing.assert_frame_equal(getattr(one, name), getattr(single, name))
        assert one.series_scores is None


class TestResult:
    @pytest.fixture
    def result(self, frame):
        return walk_forward(
            ridge(calibration_split=0.3),
            frame,
            cv=EXPANDING,
            season_length=7,
            coverage=0.5,
        )

    def test_scores_by_series(self, result):
        table = result.series_scores
        assert table.index.tolist() == ["a", "b", "c"]
        assert table.columns.equals(result.scores.columns)
        for name, row in table.iterrows():
            alone = result.select_series(name)
            assert "series" not in alone.forecasts
            expected = alone.summary.loc["mean_absolute_error"]
            pd.testing.assert_series_equal(
                row["mean_absolute_error"], expected, check_names=False
            )
        assert "of 3 series in 5 fold(s)" in repr(result)
        assert "of 3 series" not in repr(result.select_series("a"))

    def test_select_series_and_target(self, result):
        one = result.select_series("b").select_target("x")
        other = result.select_target("x").select_series("b")
        for name in ("forecasts", "scores", "summary", "interval_scores"):
            pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
        assert result.select_target("x").series_scores.index.tolist() == list("abc")
        only = result.select_target("x").select_target("x", "mean_absolute_error")
        assert set(only.series_scores.columns.get_level_values(0)) == {
            "mean_absolute_error"
        }

    def test_unknown_series(self, result):
        with pytest.raises(ValueError, match="name must be one of.*'a', 'b'.*got 'd'"):
            result.select_series("d")
        with pytest.raises(ValueError, match="holds a single one"):
            result.select_series("a").select_series("a")

    def test_names_of_several_levels(self, frame):
        nested = pd.concat({"north": frame}, names=["region"])
        result = walk_forward(ridge(), nested, nested["x"], cv=EXPANDING)
        assert result.forecasts["series"].iloc[0] == ("north", "a")
        assert result.series_scores.index.tolist() == [
            ("north", name) for name in "abc"
        ]
        alone = walk_forward(ridge(), frame, frame["x"], cv=EXPANDING)
        np.testing.assert_array_equal(
            result.select_series(("north", "b")).summary,
            alone.select_series("b").summary,
        )


class TestWalkForwardCV:
    def test_folds_select_rows_of_the_frame(self, frame):
        mixed = frame.sample(frac=1, random_state=0).sort_index(level="day")
        cv = WalkForwardCV(EXPANDING)
        folds = list(cv.split(mixed))
        assert cv.get_n_splits(mixed) == len(folds) == 5
        for number, (train, test) in enumerate(folds):
            cutoff = DAYS[40 + 4 * number]
            for rows in (train, test):
                assert (np.diff(rows) > 0).all()
            assert (mixed.index[train].get_level_values("day") < cutoff).all()
            assert (mixed.index[test].get_level_values("day") >= cutoff).all()
            names = [
                set(mixed.index[rows].get_level_values("shop"))
                for rows in (train, test)
            ]
            assert names == [set("ab" if number < 2 else "abc")] * 2

    def test_in_cross_val_score(self, frame):
        model = make_pipeline(StandardScaler().set_output(transform="pandas"), ridge())
        scores = cross_val_score(
            model,
            frame,
            frame["x"],
            cv=WalkForwardCV(EXPANDING),
            scoring="neg_mean_absolute_error",
        )
        result = walk_forward(model, frame, frame["x"], cv=EXPANDING)
        np.testing.assert_allclose(
            -scores, result.scores["mean_absolute_error", "forecast"]
        )

    def test_lists_are_refused(self, arrays):
        with pytest.raises(ValueError, match="X is a list of series.*pandas.concat"):
            list(WalkForwardCV(EXPANDING).split(arrays))
