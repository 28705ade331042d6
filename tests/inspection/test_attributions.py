"""Contributions add up, and find the causes that data were made from."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import (
    CharLSTMGenerator,
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    SequenceAnomalyDetector,
    SequenceTokenizer,
    WindowForecaster,
    WordLSTMGenerator,
    make_forecast_pipeline,
)
from sklstm.inspection import Attribution, attribute

LEARNED = {
    "window_length": 6,
    "units": 8,
    "normalize": "standard",
    "epochs": 25,
    "learning_rate": 0.01,
}
RNG = np.random.default_rng(0)
TINY = {"units": 4, "epochs": 1, "random_state": 0}
SEQUENCES = {**TINY, "conv_filters": None}


def total_error(attribution):
    """Return by how much the contributions miss the change, relative to it."""
    outputs = attribution.outputs
    change = (outputs["output"] - outputs["baseline"]).to_numpy()
    total = attribution.by_position().sum(axis=1).to_numpy()
    size = attribution.contributions.abs().sum().sum() / len(outputs)
    return (np.abs(total - change) / (np.abs(change) + 1e-2 * size + 1e-6)).max()


def cause_and_effect(seed, n_rows=300, delay=2):
    """Make a column that follows another one, and columns of noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    X[:, 0] = np.roll(X[:, 2], delay) + 0.1 * rng.normal(size=n_rows)
    return pd.DataFrame(X, columns=["effect", "a", "cause", "b"])


class TestTruth:
    @pytest.mark.parametrize("seed", range(20))
    def test_the_cause_of_a_series_at_its_lag_comes_first(self, seed):
        X = cause_and_effect(seed)
        forecaster = LSTMForecaster(**LEARNED, random_state=seed)
        attribution = attribute(forecaster.fit(X, X["effect"]), X)
        size = attribution.contributions.abs().groupby("lag").mean()
        assert size.stack().idxmax() == (-1, "cause")
        assert total_error(attribution) < 1e-3

    def test_the_step_and_channel_that_decide_the_class_come_first(self):
        for seed in range(3):
            rng = np.random.default_rng(seed)
            X = rng.normal(size=(120, 12, 3))
            y = (X[:, 7, 1] > 0).astype(int)
            classifier = RNNClassifier(
                units=16, epochs=30, conv_filters=None, dropout=0, random_state=seed
            ).fit(X, y)
            attribution = attribute(classifier, X, target=1)
            size = attribution.contributions.abs().groupby("step").mean()
            assert size.stack().idxmax() == (7, 1)

    @pytest.mark.parametrize("normalize", ["window", "standard", "last"])
    def test_a_linear_forecast_has_the_contributions_of_its_coefficients(
        self, normalize
    ):
        """Without training, the forecaster is the ridge regression that it starts at.

        The contribution of a row is then its change relative to the last one, times a
        coefficient that is the same for all windows of the same scale.
        """
        y = np.cumsum(np.random.default_rng(0).normal(size=200))
        forecaster = LSTMForecaster(5, normalize=normalize, epochs=0, random_state=0)
        attribution = attribute(forecaster.fit(y[:, None], y), y[:, None])
        contributions = attribution.contributions[0].to_numpy().reshape(-1, 5)
        changes = attribution.inputs[0].to_numpy().reshape(-1, 5)
        changes = changes - changes[:, -1:]
        moved = np.abs(changes) > 1e-3
        coefficients = np.where(moved, contributions, np.nan) / np.where(
            moved, changes, 1.0
        )
        earlier = coefficients[:, :4]
        spread = np.nanmax(earlier, axis=0) - np.nanmin(earlier, axis=0)
        assert (spread < 1e-3).all()

    def test_the_naive_window_has_no_contributions(self):
        X = np.random.default_rng(0).normal(size=(100, 1))
        forecaster = LSTMForecaster(5, **TINY).fit(X, X[:, 0])
        flat = np.full((5, 1), 3.0)
        attribution = attribute(forecaster, flat)
        assert (attribution.contributions == 0).all(axis=None)
        output, baseline = attribution.outputs.iloc[0]
        assert output == pytest.approx(baseline)


class TestForecasters:
    def test_outputs_are_the_forecasts(self):
        X = cause_and_effect(0)
        forecaster = LSTMForecaster(6, 3, **TINY).fit(X[:250], X["effect"][:250])
        attribution = attribute(forecaster)
        forecast = forecaster.forecast()
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            forecast.to_numpy(), rel=1e-5
        )
        assert attribution.outputs.index.names == ["origin", "step"]
        # Of rows passed, each window is explained.
        later = attribute(forecaster, X[250:], steps=2)
        assert len(later.outputs) == 45
        assert later.outputs.index[0] == (255, 2)
        assert later.inputs.loc[(255, 0), "cause"] == X["cause"][255]

    @pytest.mark.parametrize(
        "parameters",
        [
            {"quantiles": (0.1, 0.5, 0.9)},
            {"n_members": 3},
            {"n_members": 2, "aggregate": "mean"},
            {"decoder": "segments", "patch_length": 3},
            {"channel_independent": True},
            {"cell": "gru", "units": (4, 3), "bidirectional": True},
            {"patch_length": 2, "recurrent_dropout": 0.3, "dropout": 0.2},
            {"normalize": None, "linear_skip": False},
        ],
        ids=str,
    )
    def test_contributions_add_up(self, parameters):
        X = cause_and_effect(0)
        forecaster = LSTMForecaster(6, 3, **{**TINY, **parameters})
        forecaster.fit(X[["effect", "a"]])
        attribution = attribute(forecaster)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            forecaster.forecast().to_numpy().ravel(), rel=1e-4, abs=1e-6
        )
        assert total_error(attribution) < 1e-3

    def test_future_covariates_categories_and_missing_values(self):
        rng = np.random.default_rng(0)
        X = pd.DataFrame(
            {
                "sales": rng.normal(size=200),
                "shop": pd.Categorical(rng.choice(list("abc"), 200)),
                "day": pd.Categorical(np.resize(["mo", "tu", "we"], 200)),
                "price": rng.uniform(1, 2, 200),
            },
            index=pd.date_range("2024-01-01", periods=200),
        )
        X.loc[X.index[::9], "sales"] = np.nan
        forecaster = LSTMForecaster(
            6, 2, known_future=["price", "day"], target="sales", **TINY
        ).fit(X[:180], X["sales"][:180])
        future = X[180:182][["price", "day"]]
        attribution = attribute(forecaster, X_future=future)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            forecaster.forecast(X_future=future).to_numpy(), rel=1e-5
        )
        assert total_error(attribution) < 1e-3
        ahead = attribution.contributions.xs(1, level="lag")
        assert ahead[["sales", "shop"]].isna().all(axis=None)
        assert ahead[["price", "day"]].notna().all(axis=None)
        assert attribution.inputs.loc[("2024-06-28", 1), "day"] == X["day"].iloc[180]

    def test_several_series(self):
        frames = {name: cause_and_effect(i, 80) for i, name in enumerate("uv")}
        X = pd.concat(frames, names=["series", "time"])
        forecaster = LSTMForecaster(6, **TINY).fit(X, X["effect"])
        attribution = attribute(forecaster)
        assert attribution.outputs.index.names == ["series", "origin", "step"]
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            forecaster.forecast().to_numpy().ravel(), rel=1e-5
        )

    def test_some_series_of_a_frame_in_any_order(self):
        frames = {("u", 1): 0, ("u", 2): 1, ("v", 1): 2}
        frames = {name: cause_and_effect(i, 60) for name, i in frames.items()}
        X = pd.concat(frames)  # index levels without names
        forecaster = LSTMForecaster(6, 2, **TINY).fit(X, X["effect"])
        whole = attribute(forecaster, X, steps=1)
        assert whole.outputs.index.names[:2] == ["series_0", "series_1"]
        names = [("v", 1), ("u", 2)]
        some = attribute(
            forecaster, pd.concat({name: frames[name] for name in names}), steps=1
        )
        for name in names:
            assert some.outputs.loc[name].equals(whole.outputs.loc[name])
            assert some.contributions.loc[name].equals(whole.contributions.loc[name])
        one = some.select(3)
        assert len(one.inputs) == len(one.contributions) == 6
        expected = frames["v", 1][3:9].to_numpy()
        assert one.inputs.to_numpy() == pytest.approx(expected)

    def test_times_that_occur_twice(self):
        X = cause_and_effect(0, 60)
        forecaster = LSTMForecaster(6, **TINY).fit(X, X["effect"])
        twice = X[:20].set_axis(pd.date_range("2024", periods=10).repeat(2))
        attribution = attribute(forecaster, twice)
        plain = attribute(forecaster, X[:20])
        for name in ("by_column", "by_position"):
            one, other = (getattr(each, name)() for each in (attribution, plain))
            assert one.to_numpy() == pytest.approx(other.to_numpy())
        assert len(attribution.select(1).contributions) == 6

    def test_pipelines_and_searches(self):
        X = cause_and_effect(0)
        y = X["effect"]
        forecaster = LSTMForecaster(6, **TINY)
        search = GridSearchCV(forecaster, {"units": [3]}, cv=2, error_score="raise")
        search.fit(X.reset_index(drop=True).to_numpy(), y)
        alone = attribute(search.best_estimator_)
        assert attribute(search).outputs.equals(alone.outputs)

        scaler = StandardScaler().set_output(transform="pandas")
        pipeline = make_pipeline(scaler, clone(forecaster)).fit(X[:200], y[:200])
        rows = pipeline[0].transform(X[200:])
        expected = attribute(pipeline[-1], rows)
        assert attribute(pipeline, X[200:]).outputs.equals(expected.outputs)

    def test_a_forecast_pipeline_transforms_the_rows(self):
        X = cause_and_effect(0)[["effect", "cause"]]
        X.index = pd.date_range("2024", periods=len(X))

        def with_weekday(rows):
            return rows.assign(weekday=rows.index.dayofweek)

        pipeline = make_forecast_pipeline(
            FunctionTransformer(with_weekday),
            LSTMForecaster(6, 2, known_future=["weekday"], target="effect", **TINY),
        ).fit(X, X["effect"])
        attribution = attribute(pipeline)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            pipeline.forecast().to_numpy(), rel=1e-5
        )
        assert "weekday" in attribution.contributions
        assert len(attribute(pipeline, X[:20]).outputs) == 2 * (20 - 6 - 2 + 1)

    def test_attribution_changes_nothing(self):
        X = cause_and_effect(0)
        forecaster = LSTMForecaster(6, **TINY).fit(X, X["effect"])
        before = forecaster.forecast()
        attribute(forecaster, X)
        assert forecaster.forecast().equals(before)


class TestSequences:
    X = [RNG.normal(size=(n, 2)) for n in (5, 9, 7, 12) * 3]
    LABELS = list("abc") * 4

    @pytest.mark.parametrize(
        "parameters",
        [
            {"conv_filters": 4},
            {"conv_filters": None, "pooling": "attention"},
            {"conv_filters": None, "patch_length": 2, "bidirectional": True},
            {"conv_filters": None, "cell": "gru", "pooling": "max"},
        ],
        ids=str,
    )
    def test_probabilities_of_a_classifier(self, parameters):
        classifier = RNNClassifier(**{**TINY, **parameters}).fit(self.X, self.LABELS)
        attribution = attribute(classifier, self.X)
        probability = classifier.predict_proba(self.X)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            probability.max(axis=1), rel=1e-4
        )
        labels = attribution.outputs.index.get_level_values("class")
        assert labels.tolist() == classifier.predict(self.X).tolist()
        assert total_error(attribution) < 1e-3
        chosen = attribute(classifier, self.X, target="b")
        assert chosen.outputs["output"].to_numpy() == pytest.approx(
            probability[:, 1], rel=1e-4
        )

    def test_a_sequence_is_explained_as_by_itself(self):
        classifier = RNNClassifier(**SEQUENCES).fit(self.X, self.LABELS)
        together = attribute(classifier, self.X, target="a").select(3)
        alone = attribute(classifier, [self.X[3]], target="a")
        assert together.contributions.to_numpy() == pytest.approx(
            alone.contributions.to_numpy(), rel=1e-3, abs=1e-6
        )

    def test_targets_of_a_regressor_in_their_units(self):
        y = RNG.normal(size=(12, 2)) * [1, 100] + [0, 1000]
        regressor = RNNRegressor(**SEQUENCES).fit(self.X, y)
        attribution = attribute(regressor, self.X, target=1)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            regressor.predict(self.X)[:, 1], rel=1e-4
        )
        assert total_error(attribution) < 1e-3
        with pytest.raises(ValueError, match="2 targets"):
            attribute(regressor, self.X)

    def test_labels_of_steps(self):
        labels = [["x", "y"] * 6] * 12
        y = [each[: len(x)] for each, x in zip(labels, self.X, strict=True)]
        tagger = RNNTagger(**SEQUENCES).fit(self.X, y)
        attribution = attribute(tagger, self.X, steps=-1, target="y")
        proba = tagger.predict_proba(self.X)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            [each[-1, 1] for each in proba], rel=1e-4
        )
        assert attribution.outputs.index.get_level_values("at").tolist() == [
            len(x) - 1 for x in self.X
        ]
        numbers = [np.arange(len(x)) for x in self.X]
        regressor = RNNStepRegressor(**SEQUENCES).fit(self.X, numbers)
        attribution = attribute(regressor, self.X, steps=[2] * 12)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            [each[2] for each in regressor.predict(self.X)], rel=1e-4
        )
        assert total_error(attribution) < 1e-3

    def test_a_causal_tagger_has_no_contribution_of_later_steps(self):
        y = [list("ab" * 6)[: len(x)] for x in self.X]
        tagger = RNNTagger(**SEQUENCES, bidirectional=False).fit(self.X, y)
        contributions = attribute(tagger, self.X, steps=2).contributions
        later = contributions.index.get_level_values("step") > 2
        assert (contributions[later] == 0).all(axis=None)
        assert (contributions[~later] != 0).any(axis=None)

    def test_tokens_have_their_texts(self):
        texts = ["a good film", "a bad film", "good , good", "so bad"] * 4
        classifier = make_pipeline(
            SequenceTokenizer(), RNNClassifier(embedding_dim=4, **SEQUENCES)
        ).fit(texts, [1, 0, 1, 0] * 4)
        attribution = attribute(classifier, texts[:2])
        tokens = attribution.inputs["token"]
        assert " ".join(tokens) == "a good film a bad film"
        assert total_error(attribution) < 1e-3

    def test_channels_of_frames_categories_and_gaps(self):
        rng = np.random.default_rng(0)
        frames = [
            pd.DataFrame(
                {
                    "x": np.where(
                        rng.uniform(size=8) < 0.2, np.nan, rng.normal(size=8)
                    ),
                    "kind": pd.Categorical(rng.choice(list("pq"), 8)),
                }
            )
            for _ in range(12)
        ]
        classifier = RNNClassifier(**SEQUENCES).fit(frames, self.LABELS)
        attribution = attribute(classifier, frames)
        assert list(attribution.contributions) == ["x", "kind"]
        assert set(attribution.inputs["kind"]) == {"p", "q"}
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            classifier.predict_proba(frames).max(axis=1), rel=1e-4
        )
        assert total_error(attribution) < 1e-3


class TestLanguageModels:
    TEXT = "the cat sat on the mat. " * 20

    def test_next_tokens_of_generators(self):
        generator = CharLSTMGenerator(window_length=20, **TINY).fit(self.TEXT)
        prompts = ["the c", "on", ""]
        attribution = attribute(generator, prompts)
        assert len(attribution.by_column()) == len(attribution.by_position()) == 3
        assert np.exp(attribution.outputs["output"]).to_numpy() == pytest.approx(
            generator.predict_proba(prompts).max(axis=1), rel=1e-4
        )
        assert total_error(attribution) < 1e-3
        assert "".join(attribution.inputs["token"]) == "the con"
        next_tokens = attribution.outputs.index.get_level_values("next")
        assert next_tokens.tolist() == generator.predict(prompts).tolist()

        words = WordLSTMGenerator(window_length=20, **TINY).fit(self.TEXT)
        attribution = attribute(words, "the cat", target="sat")
        column = words.vocabulary_["sat"]
        assert np.exp(attribution.outputs["output"].item()) == pytest.approx(
            words.predict_proba(["the cat"])[0, column], rel=1e-4
        )

    def test_the_least_expected_event(self):
        normal = [[3, *[1, 2] * n, 4] for n in range(1, 6)] * 4
        settings = {**TINY, "epochs": 5, "ngram_order": None}
        detector = SequenceAnomalyDetector(**settings).fit(normal)
        X = [[3, 1, 2, 7, 7], [3, 1, 2, 1, 1, 2, 4]]
        scores = detector.token_scores(X)
        attribution = attribute(detector, X)
        places = attribution.outputs.index.get_level_values("at").tolist()
        assert places == [each.argmin() for each in scores]
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            [each.min() for each in scores], rel=1e-4
        )
        assert total_error(attribution) < 1e-3
        # Only what comes before is read.
        assert len(attribution.contributions) == sum(places)
        last = attribute(detector, X, steps=-1)
        assert last.outputs["output"].to_numpy() == pytest.approx(
            [each[-1] for each in scores], rel=1e-4
        )


class TestSeriesDetectors:
    @pytest.mark.parametrize("gaps", [False, True])
    @pytest.mark.parametrize("cls", [LSTMForecastDetector, LSTMAutoencoderDetector])
    def test_expected_values(self, cls, gaps):
        t = np.arange(260)
        X = pd.DataFrame({"a": np.sin(t / 9), "b": 100 + 7 * np.cos(t / 5)})
        if gaps:
            X.loc[::7, "b"] = np.nan
        detector = cls(window_length=8, smoothing=1, **TINY).fit(X[:200])
        rows = X[200:].copy()
        rows.loc[230, "b"] = 400.0
        steps = [0, 3, 30, -1]
        attribution = attribute(
            detector, rows, steps=steps, target=["a", "b", "b", "a"]
        )
        expected = detector.expected_values(rows)
        assert attribution.outputs["output"].to_numpy() == pytest.approx(
            [expected[0, 0], expected[3, 1], expected[30, 1], expected[-1, 0]], rel=1e-4
        )
        assert total_error(attribution) < 1e-3
        assert attribution.inputs.loc[(230, 0), "b"] == 400.0
        assert attribution.outputs["actual"].iloc[2] == 400.0
        dated = rows.set_axis(pd.date_range("2024", periods=60, freq="h"))
        at_time = attribute(detector, dated, steps=dated.index[30], target="b")
        assert at_time.outputs["output"].item() == pytest.approx(expected[30, 1])
        worst = attribute(detector, rows)
        row, feature = worst.outputs.index[0]
        assert feature == "b"
        # Without smoothing, the row with the lowest score.
        assert row == 200 + detector.score_samples(rows).argmin()


class TestLabels:
    def attribution(self):
        X = [np.random.default_rng(n).normal(size=(n, 2)) for n in (3, 5)]
        classifier = RNNClassifier(**SEQUENCES).fit(X, [0, 1])
        return attribute(classifier, X)

    def test_sums_by_column_and_position(self):
        attribution = self.attribution()
        by_column = attribution.by_column()
        by_position = attribution.by_position()
        assert by_column.shape == (2, 2)
        assert by_position.shape == (2, 5)
        assert by_position.iloc[0, 3:].isna().all()
        assert by_column.sum(axis=1).to_numpy() == pytest.approx(
            by_position.sum(axis=1).to_numpy()
        )

    def test_select_one(self):
        attribution = self.attribution()
        one = attribution.select(1)
        assert isinstance(one, Attribution)
        assert len(one.outputs) == 1
        assert len(one.contributions) == len(one.inputs) == 5
        with pytest.raises(ValueError, match="from 0 to 1, got 2"):
            attribution.select(2)
        assert attribution.select(-1).contributions.equals(one.contributions)
        assert "2 output(s)" in repr(attribution)


def test_contributions_that_do_not_add_up_are_reported(monkeypatch):
    """Such as those of a network that the path cannot be sampled finely enough for."""
    program = "sklstm.engine.attribution_program"
    monkeypatch.setattr(f"{program}._MAX_HALVINGS", 0)
    monkeypatch.setattr(f"{program}._N_PARTS", 1)
    X = 5 * np.random.default_rng(0).normal(size=(60, 12, 2))
    classifier = RNNClassifier(
        units=8, pooling="max", epochs=20, conv_filters=8, random_state=0
    ).fit(X, X[:, :, 0].max(axis=1) > 8)
    with pytest.warns(UserWarning, match="miss its change of .* approximate"):
        attribute(classifier, X)


class TestBadInput:
    X = cause_and_effect(0)

    def forecaster(self, **parameters):
        forecaster = LSTMForecaster(6, 2, **{**TINY, **parameters})
        return forecaster.fit(self.X, self.X["effect"])

    def test_estimators_without_a_gradient(self):
        with pytest.raises(NotFittedError):
            attribute(LSTMForecaster(), self.X)
        window = WindowForecaster(Ridge()).fit(self.X, self.X["effect"])
        with pytest.raises(TypeError, match="no gradient.*permutation_importance"):
            attribute(window, self.X)
        forest = RandomForestRegressor(2).fit(self.X, self.X["effect"])
        with pytest.raises(TypeError, match="got RandomForestRegressor"):
            attribute(forest, self.X)
        table = make_pipeline(ColumnTransformer([]), Ridge())
        with pytest.raises(TypeError, match="got Pipeline"):
            attribute(table, self.X)
        inside = WindowForecaster(RNNRegressor(**SEQUENCES), 5)
        inside.fit(self.X, self.X["effect"])
        with pytest.raises(TypeError, match="WindowForecaster have no gradient"):
            attribute(inside, self.X)
        wrapped = TransformedTargetRegressor(LSTMForecaster(6, **TINY, target=None))
        wrapped.fit(self.X, self.X["effect"])
        with pytest.raises(TypeError, match="got TransformedTargetRegressor"):
            attribute(wrapped)
        search = GridSearchCV(LSTMForecaster(6, **TINY), {"units": [3]}, cv=2)
        search.set_params(refit=False).fit(self.X.to_numpy(), self.X["effect"])
        with pytest.raises(ValueError, match="refit=False.*Set refit=True"):
            attribute(search, self.X)

    def test_future_covariates_of_a_pipeline_that_would_not_transform_them(self):
        scaler = StandardScaler().set_output(transform="pandas")
        pipeline = make_pipeline(
            scaler, LSTMForecaster(6, known_future=["a"], **TINY)
        ).fit(self.X, self.X["effect"])
        with pytest.raises(ValueError, match="make_forecast_pipeline"):
            attribute(pipeline, X_future=self.X[:1])

    def test_steps_and_targets_of_forecasters(self):
        forecaster = self.forecaster()
        for steps in (0, 3, [1, 5], [], 1.5, [1, 1]):
            with pytest.raises(ValueError, match=r"steps must be from 1 to horizon=2"):
                attribute(forecaster, self.X, steps=steps)
        with pytest.raises(ValueError, match="forecasts of all targets"):
            attribute(forecaster, self.X, target=0)
        with pytest.raises(ValueError, match="Pass one of the two"):
            attribute(forecaster, self.X, X_future=self.X)
        with pytest.raises(ValueError, match=r"has 5 row\(s\).*has 6"):
            attribute(forecaster, self.X[:5])

    def test_steps_and_targets_of_sequences(self):
        X = TestSequences.X
        classifier = RNNClassifier(**SEQUENCES).fit(X, TestSequences.LABELS)
        with pytest.raises(ValueError, match="X must hold the sequences"):
            attribute(classifier)
        with pytest.raises(ValueError, match=r"one of \['a', 'b', 'c'\], got 'z'"):
            attribute(classifier, X, target="z")
        with pytest.raises(ValueError, match="one for each of 12"):
            attribute(classifier, X, target=["a", "b"])
        with pytest.raises(ValueError, match="one output for a whole sequence"):
            attribute(classifier, X, steps=2)
        with pytest.raises(ValueError, match="X_future belongs to forecasters"):
            attribute(classifier, X, X_future=X)
        tagger = RNNTagger(**SEQUENCES).fit(
            X, [["a"] * len(x) for x in X[:-1]] + [["b"] * 12]
        )
        with pytest.raises(ValueError, match="pass steps"):
            attribute(tagger, X)
        with pytest.raises(ValueError, match=r"X\[0\] has 5 step\(s\) and steps is 7"):
            attribute(tagger, X, steps=7)
        with pytest.raises(ValueError, match="an integer"):
            attribute(tagger, X, steps="last")

    def test_language_models(self):
        generator = CharLSTMGenerator(window_length=20, **TINY).fit("abc" * 20)
        with pytest.raises(ValueError, match="steps is not used"):
            attribute(generator, "ab", steps=1)
        with pytest.raises(ValueError, match="a character of the vocabulary.*got 'z'"):
            attribute(generator, "ab", target="z")
        with pytest.raises(ValueError, match="one for each of the 1 prompts, got 2"):
            attribute(generator, "ab", target=["a", "b"])
        detector = SequenceAnomalyDetector(**TINY).fit([[1, 2, 3], [1, 2], [1, 3]])
        with pytest.raises(ValueError, match="target is not used"):
            attribute(detector, [[1, 2]], target=2)

    def test_series_detectors(self):
        detector = LSTMForecastDetector(window_length=8, **TINY).fit(self.X)
        with pytest.raises(ValueError, match="which has 300, got 300"):
            attribute(detector, self.X, steps=300)
        with pytest.raises(ValueError, match="number of a row"):
            attribute(detector, self.X, steps=1.5)
        with pytest.raises(ValueError, match="a column of X.*got 'z'"):
            attribute(detector, self.X, target="z")
        with pytest.raises(ValueError, match="each of the 1 rows, got 2"):
            attribute(detector, self.X, target=np.array(["a", "b"]))
        both = attribute(detector, self.X, steps=[9, 9], target=np.array(["a", "b"]))
        assert len(both.by_column()) == 2
        with pytest.raises(ValueError, match="a single series.*got several"):
            attribute(detector, [self.X, self.X])
