"""Properties of RNNTagger and RNNStepRegressor, tested with tiny networks."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from sklstm import RNNStepRegressor, RNNTagger, SequenceTokenizer, step_scorer

TINY = {
    "units": 3,
    "epochs": 1,
    "batch_size": 8,
    "conv_filters": None,
    "random_state": 0,
}
RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 12, size=24)
X = [RNG.normal(size=(n, 2)) for n in LENGTHS]
LABELS = [np.array(["a", "b", "c"])[RNG.integers(0, 3, size=n)] for n in LENGTHS]
NUMBERS = [x[:, 0] - x[:, 1] for x in X]
TOKENS = [RNG.integers(1, 9, size=n) for n in LENGTHS]

VARIANTS = {
    "lstm": {},
    "gru in both layers": {"cell": "gru", "units": (3, 2)},
    "causal": {"bidirectional": False},
    "causal stem": {"bidirectional": False, "conv_filters": (4, 3)},
    "stem": {"conv_filters": 4, "conv_kernel_size": 3},
}


def tagger(**kwargs):
    return RNNTagger(**(TINY | kwargs))


def regressor(**kwargs):
    return RNNStepRegressor(**(TINY | kwargs))


def assert_equal_lists(one, other, tolerance=0.0):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def model(request):
    return tagger(**VARIANTS[request.param]).fit(X, LABELS)


class TestNetwork:
    def test_keras_network_predicts_the_same(self, model):
        encoded = model._encode(model._check_sequences(X, reset=False))
        valid = np.arange(LENGTHS.max()) < LENGTHS[:, None]
        padded = np.full((*valid.shape, encoded.rows.shape[1]), 7.0, np.float32)
        padded[valid] = encoded.rows
        outputs = model.network_([padded, valid], training=False).numpy()
        expected = np.concatenate(model.predict_proba(X))
        np.testing.assert_allclose(outputs[valid], expected, atol=1e-5)

    def test_predictions_do_not_depend_on_others_or_their_order(self, model):
        expected = model.predict_proba(X)
        alone = [model.predict_proba([x])[0] for x in X]
        assert_equal_lists(alone, expected, 1e-5)
        order = RNG.permutation(len(X))
        shuffled = model.predict_proba([X[i] for i in order])
        assert_equal_lists(shuffled, expected[order], 1e-5)

    def test_shapes(self, model):
        for x, proba, labels in zip(
            X, model.predict_proba(X), model.predict(X), strict=True
        ):
            assert proba.shape == (len(x), 3)
            np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
            assert (model.classes_[proba.argmax(axis=1)] == labels).all()

    def test_a_stem_of_causal_layers_reads_no_later_step(self):
        model = tagger(**VARIANTS["causal stem"]).fit(X, LABELS)
        x = RNG.normal(size=(30, 2))
        changed = np.vstack([x[:20], RNG.normal(size=(10, 2))])
        one, other = model.predict_proba([x, changed])
        np.testing.assert_allclose(one[:20], other[:20], atol=1e-6)

    def test_training_loss_is_the_mean_over_labelled_steps(self):
        quiet = {"noise": 0.0, "dropout": 0.0, "optimizer": "sgd", "batch_size": 24}
        model = tagger(**quiet, learning_rate=1e-12).fit(X, LABELS)
        proba = np.concatenate(model.predict_proba(X))
        codes = np.searchsorted(model.classes_, np.concatenate(LABELS))
        expected = -np.log(proba[np.arange(len(codes)), codes]).mean()
        assert model.history_["loss"][0] == pytest.approx(expected, rel=1e-4)


class TestStream:
    @given(
        cuts=st.lists(st.integers(1, 19), max_size=5, unique=True).map(sorted),
        variant=st.sampled_from(["causal", "causal stem"]),
        with_gaps=st.booleans(),
    )
    @settings(deadline=None, max_examples=20)
    def test_any_pieces_give_what_predict_gives(self, cuts, variant, with_gaps):
        model = self.models[variant]
        rng = np.random.default_rng(len(cuts))
        x = rng.normal(size=(20, 2))
        if with_gaps:
            x[rng.random(x.shape) < 0.6] = np.nan
        stream = model.stream()
        pieces = np.split(x, cuts)
        streamed = np.concatenate([stream.predict_proba(piece) for piece in pieces])
        np.testing.assert_allclose(streamed, model.predict_proba([x])[0], atol=1e-5)

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def fitted(cls):
        gaps = [np.where(RNG.random(x.shape) < 0.1, np.nan, x) for x in X]
        gaps = [np.where(np.isnan(g).all(), x, g) for g, x in zip(gaps, X, strict=True)]
        cls.models = {
            name: tagger(**VARIANTS[name]).fit(gaps, LABELS)
            for name in ("causal", "causal stem")
        }

    def test_single_steps(self):
        model = self.models["causal"]
        stream = model.stream()
        labels = [stream.predict(row)[0] for row in X[0]]
        assert labels == model.predict(X[:1])[0].tolist()

    def test_tokens(self):
        model = tagger(embedding_dim=2, bidirectional=False).fit(TOKENS, LABELS)
        stream = model.stream()
        ids = TOKENS[np.argmax(LENGTHS)]
        pieces = [stream.predict_proba(piece) for piece in np.split(ids, [2, 3])]
        expected = model.predict_proba([ids])[0]
        np.testing.assert_allclose(np.concatenate(pieces), expected, atol=1e-6)

    def test_numbers(self):
        model = regressor(bidirectional=False).fit(X, NUMBERS)
        stream = model.stream()
        streamed = [stream.predict(row)[0] for row in X[0]]
        np.testing.assert_allclose(streamed, model.predict(X[:1])[0], atol=1e-5)
        with pytest.raises(AttributeError, match="predicts numbers: call predict"):
            stream.predict_proba(X[0])

    def test_bidirectional_networks_cannot(self):
        with pytest.raises(ValueError, match="stream.. needs bidirectional=False"):
            tagger().fit(X, LABELS).stream()

    def test_scaling_by_the_whole_sequence_is_not_causal(self):
        with pytest.raises(ValueError, match='Set normalize="standard"'):
            tagger(bidirectional=False, normalize="sequence").fit(X, LABELS)


class TestLabels:
    @pytest.mark.parametrize("kind", [int, float, str, bool, object])
    def test_of_any_type(self, kind):
        codes = [np.searchsorted(["a", "b", "c"], y) % 2 for y in LABELS]
        model = tagger().fit(X, [y.astype(kind) for y in codes])
        predicted = np.concatenate(model.predict(X))
        assert set(predicted) <= set(np.concatenate(codes).astype(kind))

    def test_containers(self):
        expected = tagger().fit(X, LABELS).weights_
        ragged = np.empty(len(X), dtype=object)
        ragged[:] = LABELS
        for y in (ragged, [y.tolist() for y in LABELS], [pd.Series(y) for y in LABELS]):
            for a, b in zip(tagger().fit(X, y).weights_, expected, strict=True):
                np.testing.assert_array_equal(a, b)

    def test_a_table_of_labels(self):
        x, y = RNG.normal(size=(6, 5)), RNG.integers(0, 2, size=(6, 5))
        one = tagger().fit(x, y).predict_proba(x)
        assert_equal_lists(one, tagger().fit(x, pd.DataFrame(y)).predict_proba(x))

    @pytest.mark.parametrize("missing", [None, np.nan, "?"])
    def test_missing_labels_have_no_weight(self, missing):
        hidden = [RNG.random(len(y)) < 0.3 for y in LABELS]
        y = [
            np.array(
                [missing if h else each for h, each in zip(*pair, strict=True)], object
            )
            for pair in zip(hidden, LABELS, strict=True)
        ]
        model = tagger(missing_label="?").fit(X, y)
        # Arbitrary labels in their place, without weight.
        weights = [(~h).astype(float) for h in hidden]
        same = tagger().fit(X, LABELS, sample_weight=weights)
        for a, b in zip(model.weights_, same.weights_, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)
        assert model.score(X, y) == pytest.approx(same.score(X, LABELS, weights))

    def test_missing_targets_of_a_regressor(self):
        hidden = [RNG.random(len(y)) < 0.3 for y in NUMBERS]
        y = [np.where(h, np.nan, n) for h, n in zip(hidden, NUMBERS, strict=True)]
        model = regressor().fit(X, y)
        predicted, known = np.concatenate(model.predict(X)), ~np.concatenate(hidden)
        actual = np.concatenate(NUMBERS)
        error = ((predicted - actual) ** 2)[known].sum()
        spread = ((actual - actual[known].mean()) ** 2)[known].sum()
        assert model.score(X, y) == pytest.approx(1 - error / spread)

    def test_padded_tokens_with_and_without_their_labels(self):
        longest = LENGTHS.max()
        padded = np.array([np.pad(t, (0, longest - len(t))) for t in TOKENS])
        labels = [np.append(y, ["?"] * (longest - len(y))) for y in LABELS]
        expected = tagger(embedding_dim=2).fit(TOKENS, LABELS)
        for y in (LABELS, labels):
            model = tagger(embedding_dim=2).fit(padded, y)
            assert_equal_lists(
                model.predict_proba(padded), expected.predict_proba(TOKENS)
            )


class TestWeights:
    def test_of_sequences_equal_those_of_their_steps(self):
        weight = RNG.random(len(X)) + 0.5
        one = tagger().fit(X, LABELS, sample_weight=weight)
        of_steps = [np.full(n, w) for n, w in zip(LENGTHS, weight, strict=True)]
        other = tagger().fit(X, LABELS, sample_weight=of_steps)
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_class_weight_equals_step_weight(self):
        factor = {"a": 1.0, "b": 3.0, "c": 0.5}
        one = tagger(class_weight=factor).fit(X, LABELS)
        weight = [np.array([factor[label] for label in y]) for y in LABELS]
        other = tagger().fit(X, LABELS, sample_weight=weight)
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_the_unit_does_not_matter(self):
        weight = RNG.random(len(X)) + 0.5
        one = tagger().fit(X, LABELS, sample_weight=weight)
        other = tagger().fit(X, LABELS, sample_weight=1000 * weight)
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


class TestLearning:
    def test_which_number_was_seen_before(self):
        rng = np.random.default_rng(1)
        x = [rng.normal(size=rng.integers(5, 15)) for _ in range(60)]
        y = [np.maximum.accumulate(each) > 0.8 for each in x]
        quiet = {"noise": 0.0, "dropout": 0.0, "learning_rate": 0.01}
        model = tagger(units=8, epochs=60, bidirectional=False, **quiet).fit(x, y)
        assert model.score(x, y) > 0.9

    def test_units_of_the_targets_do_not_matter(self):
        one = regressor().fit(X, NUMBERS).predict(X)
        other = regressor().fit(X, [1000 * y + 5 for y in NUMBERS]).predict(X)
        assert_equal_lists([1000 * y + 5 for y in one], other, 1e-2)

    def test_several_targets(self):
        y = [np.column_stack([n, -2 * n]) for n in NUMBERS]
        predicted = regressor().fit(X, y).predict(X)
        assert [each.shape for each in predicted] == [(n, 2) for n in LENGTHS]

    def test_early_stopping_and_warm_start(self):
        model = tagger(early_stopping=True, warm_start=True, epochs=3, patience=1)
        model.fit(X, LABELS)
        assert "val_loss" in model.history_
        before = model.weights_
        model.fit(X, LABELS)
        assert any((a != b).any() for a, b in zip(before, model.weights_, strict=True))

    def test_same_seed_same_weights(self):
        one, other = (tagger().fit(X, LABELS) for _ in range(2))
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)


class TestScikitLearn:
    def test_clone_and_pickle(self):
        model = tagger(bidirectional=False).fit(X, LABELS)
        assert clone(model).get_params() == model.get_params()
        copy = pickle.loads(pickle.dumps(model))
        assert_equal_lists(copy.predict_proba(X), model.predict_proba(X))
        stream = pickle.loads(pickle.dumps(model.stream()))
        assert stream.predict(X[0]).tolist() == model.predict(X[:1])[0].tolist()

    def test_cross_validation_by_person(self):
        persons = np.arange(len(X)) % 4
        cv = GroupKFold(4)
        predicted = cross_val_predict(tagger(), X, LABELS, groups=persons, cv=cv)
        assert [len(y) for y in predicted] == LENGTHS.tolist()
        train = np.flatnonzero(persons != persons[0])
        model = tagger().fit([X[i] for i in train], [LABELS[i] for i in train])
        assert predicted[0].tolist() == model.predict(X[:1])[0].tolist()

    def test_search(self):
        search = GridSearchCV(
            tagger(), {"units": [2, 3]}, cv=2, scoring=step_scorer("f1_macro")
        )
        assert 0 <= search.fit(X, LABELS).best_score_ <= 1

    @pytest.mark.parametrize(
        "scoring", ["accuracy", "f1_macro", "balanced_accuracy", "neg_log_loss"]
    )
    def test_scorers(self, scoring):
        scores = cross_val_score(
            tagger(), X, LABELS, cv=2, scoring=step_scorer(scoring)
        )
        assert np.isfinite(scores).all()

    def test_scorers_equal_the_scores(self):
        model = tagger().fit(X, LABELS)
        score = step_scorer("accuracy")(model, X, LABELS)
        assert score == pytest.approx(model.score(X, LABELS))
        model = regressor().fit(X, NUMBERS)
        score = step_scorer("r2")(model, X, NUMBERS)
        assert score == pytest.approx(model.score(X, NUMBERS))
        assert repr(step_scorer("r2")) == "step_scorer('r2')"

    def test_scorers_see_through_searches_and_pipelines(self):
        texts = ["the dog sees the cat", "a cat sleeps", "the old dog barks"] * 4
        y = [[word in ("the", "a") for word in text.split()] for text in texts]
        score = step_scorer("f1")
        model = make_pipeline(SequenceTokenizer(), tagger(embedding_dim=3))
        grid = {"rnntagger__units": [2, 3]}
        search = GridSearchCV(model, grid, cv=2, scoring=score, error_score="raise")
        search.fit(texts, y)
        assert score(search, texts, y) == score(search.best_estimator_, texts, y)
        inner = GridSearchCV(tagger(embedding_dim=3), {"units": [2]}, cv=2)
        nested = make_pipeline(SequenceTokenizer(), inner).fit(texts, y)
        assert 0 <= score(nested, texts, y) <= 1

    def test_words(self):
        texts = ["the dog sees the cat", "a cat sleeps", "the old dog barks"] * 4
        y = [[word in ("the", "a") for word in text.split()] for text in texts]
        model = make_pipeline(SequenceTokenizer(), tagger(embedding_dim=3))
        assert 0 <= model.fit(texts, y).score(texts, y) <= 1
        assert 0 <= step_scorer("f1")(model, texts, y) <= 1


class TestInvalidInput:
    @pytest.mark.parametrize(
        ("fit", "message"),
        [
            (lambda: tagger().fit(X, None), "y requires to be passed"),
            (lambda: tagger().fit(X, "abc"), "y must be a list with an array"),
            (lambda: tagger().fit(X, LABELS[:-1]), r"\[24, 23\]"),
            (
                lambda: tagger().fit(X, ["a"] * len(X)),
                r"y\[0\] must hold a value for each step",
            ),
            (
                lambda: tagger().fit(X, [*LABELS[:-1], LABELS[-1][:-1]]),
                r"y\[23\] must hold .* steps of X\[23\]",
            ),
            (
                lambda: tagger().fit(X, [np.full(n, "a") for n in LENGTHS]),
                "needs at least 2 classes, got 1 class: 'a'",
            ),
            (
                lambda: tagger().fit(X, [np.full(n, None) for n in LENGTHS]),
                "y holds no label",
            ),
            (lambda: tagger().fit(X, NUMBERS), "use RNNStepRegressor"),
            (
                lambda: tagger().fit(
                    X, [np.array([1, *["a"] * (n - 1)], object) for n in LENGTHS]
                ),
                "labels of mixed types",
            ),
            (
                lambda: tagger().fit(X, LABELS, sample_weight=[1.0, 2.0]),
                "a weight for each of the 24 sequences",
            ),
            (
                lambda: tagger().fit(X, LABELS, sample_weight=-np.ones(24)),
                "finite numbers from 0",
            ),
            (
                lambda: tagger().fit(X, LABELS, sample_weight=np.zeros(24)),
                "larger than 0 for at least one",
            ),
            (
                lambda: tagger(class_weight={"d": 1}).fit(X, LABELS),
                "class_weight names the class 'd'",
            ),
            (lambda: regressor().fit(X, LABELS), "For class labels use RNNTagger"),
            (
                lambda: regressor().fit(X, [np.full(n, np.nan) for n in LENGTHS]),
                "y holds no target",
            ),
            (
                lambda: regressor().fit(X, [np.full(n, np.inf) for n in LENGTHS]),
                "finite numbers or NaN",
            ),
            (
                lambda: tagger().fit(X, LABELS).score(X, [y == "a" for y in LABELS]),
                "another type than in fit: numbers, such as (True|False), instead of "
                "text, such as 'a'",
            ),
            (
                lambda: step_scorer("accuracy")(
                    tagger().fit(X, [y == "a" for y in LABELS]), X, LABELS
                ),
                "another type than in fit: text",
            ),
            (
                lambda: tagger().fit(X, LABELS).score(X, LABELS, np.zeros(len(X))),
                "larger than 0 for at least one",
            ),
            (lambda: step_scorer("f2"), "'f2'"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_names_place_rule_and_remedy(self, fit, message):
        with pytest.raises(ValueError, match=message):
            fit()

    def test_a_failed_fit_leaves_the_model_unchanged(self):
        model = tagger().fit(X, LABELS)
        before = dict(vars(model))
        with pytest.raises(ValueError, match="got 1 class"):
            model.fit(X, [np.full(n, "a") for n in LENGTHS])
        assert vars(model) == before
