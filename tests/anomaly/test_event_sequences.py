"""Detector of anomalous event sequences: scores, threshold, streams, errors."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from sklstm import SequenceAnomalyDetector

CALLS = ["open", "read", "write", "close"]
TINY = {
    "units": 5,
    "embedding_dim": 3,
    "window_length": 6,
    "epochs": 1,
    "random_state": 0,
}
TRACES = st.lists(
    st.lists(st.sampled_from([*CALLS, "unlink"]), min_size=1, max_size=9),
    min_size=1,
    max_size=5,
)


def traces(n, seed=0):
    """System calls on files that are opened, read or written, and closed."""
    rng = np.random.default_rng(seed)
    return [
        ["open", *rng.choice(["read", "write"], size=rng.integers(1, 9)), "close"]
        for _ in range(n)
    ]


def detector(**kwargs):
    return SequenceAnomalyDetector(**(TINY | kwargs))


@pytest.fixture(scope="module")
def fitted():
    """A detector with perturbed weights, so that scores differ."""
    model = detector().fit(traces(40))
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.7, w.shape).astype("float32") for w in model.weights_
    )
    return model


@pytest.fixture(scope="module")
def trained():
    return detector(units=16, epochs=30).fit(traces(200))


class TestScores:
    @settings(deadline=None, max_examples=15)
    @given(TRACES)
    def test_a_sequence_is_scored_independently_of_others(self, fitted, X):
        alone = [fitted.score_samples([tokens])[0] for tokens in X]
        np.testing.assert_allclose(fitted.score_samples(X), alone, rtol=1e-4)

    @settings(deadline=None, max_examples=15)
    @given(TRACES, st.integers(1, 9))
    def test_the_score_of_a_token_does_not_depend_on_later_tokens(self, fitted, X, cut):
        scores = fitted.token_scores(X)
        prefix_scores = fitted.token_scores([tokens[:cut] for tokens in X])
        for tokens, whole, prefix in zip(X, scores, prefix_scores, strict=True):
            assert len(whole) == len(tokens)
            np.testing.assert_allclose(whole[:cut], prefix, rtol=1e-4, atol=1e-5)

    @settings(deadline=None, max_examples=15)
    @given(
        tokens=TRACES.map(lambda X: X[0]),
        aggregate=st.sampled_from(["mean", "median", "worst_window", "min"]),
    )
    def test_stream_and_running_scores_equal_those_of_prefixes(
        self, fitted, tokens, aggregate
    ):
        model = copy.copy(fitted).set_params(aggregate=aggregate, aggregate_length=3)
        stream = model.stream()
        (running,) = model.running_scores([tokens])
        assert running.shape == (len(tokens),)
        for k, (token, score) in enumerate(
            zip(tokens, model.token_scores([tokens])[0], strict=True), start=1
        ):
            np.testing.assert_allclose(stream.push(token), score, rtol=1e-4, atol=1e-5)
            prefix = [tokens[:k]]
            np.testing.assert_allclose(
                stream.score, model.score_samples(prefix)[0], rtol=1e-4, atol=1e-5
            )
            np.testing.assert_allclose(
                running[k - 1], stream.score, rtol=1e-4, atol=1e-5
            )
            np.testing.assert_allclose(
                stream.decision,
                model.decision_function(prefix)[0],
                rtol=1e-3,
                atol=1e-4,
            )

    @pytest.mark.parametrize(
        ("aggregate", "expected"),
        [
            ("mean", np.mean),
            ("median", np.median),
            ("min", np.min),
            (
                "worst_window",
                lambda s: min(s[i : i + 4].mean() for i in range(max(1, len(s) - 3))),
            ),
        ],
    )
    def test_token_scores_are_aggregated(self, fitted, aggregate, expected):
        model = copy.copy(fitted).set_params(aggregate=aggregate, aggregate_length=4)
        X = [*traces(9, seed=1), ["read"], ["open", "unlink"]]
        scores = [expected(token_scores) for token_scores in model.token_scores(X)]
        np.testing.assert_allclose(model.score_samples(X), scores)

    def test_containers_of_sequences_are_equivalent(self, fitted):
        X = traces(30)
        numbers = [[CALLS.index(token) + 7 for token in tokens] for tokens in X]
        containers = [
            numbers,
            [np.array(tokens) for tokens in numbers],
            tuple(map(tuple, numbers)),
            pd.Series(numbers, index=range(50, 80)),
        ]
        scores = [detector().fit(Y).score_samples(Y) for Y in containers]
        for other in scores[1:]:
            np.testing.assert_array_equal(scores[0], other)
        table = np.array([tokens[:2] for tokens in numbers])
        assert detector().fit(table).score_samples(table).shape == (30,)

    def test_int_and_str_tokens_are_distinct(self):
        model = detector().fit([["a", 1, "b", 2], [1, "a"], ["1", 2]] * 4)
        assert set(model.vocabulary_) == {"a", "b", "1", 1, 2}
        assert sorted(model.vocabulary_.values()) == [2, 3, 4, 5, 6]


class TestDetection:
    def test_inserted_tokens_are_detected_and_located(self, trained):
        rng = np.random.default_rng(1)
        normal, anomalous = traces(60, seed=1), traces(60, seed=2)
        places = [rng.integers(1, len(tokens)) for tokens in anomalous]
        for tokens, place in zip(anomalous, places, strict=True):
            tokens[place:place] = ["open", "open"]
        scores = trained.score_samples(normal + anomalous)
        assert roc_auc_score([1] * 60 + [0] * 60, scores) > 0.95
        found = [scores.argmin() for scores in trained.token_scores(anomalous)]
        assert np.mean(np.abs(np.subtract(found, places)) <= 1) > 0.9

    def test_unknown_tokens_have_the_lowest_likelihood(self, trained):
        known = ["open", "read", "write", "close"]
        unknown = ["open", "read", "unlink", "close"]
        scores = trained.token_scores([known, unknown])
        assert np.isfinite(scores[1]).all()
        assert scores[1].argmin() == 2
        assert trained.predict([unknown])[0] == -1
        one, other = trained.score_samples([["unlink"], ["mmap"]])
        assert one == other

    def test_rare_tokens_are_unknown(self):
        X = [*traces(30), ["open", "ioctl", "close"]]
        assert "ioctl" not in detector(min_count=2).fit(X).vocabulary_

    def test_long_term_dependencies_are_learned(self):
        """A write follows an even number of reads, which token counts cannot show."""
        even = [[*["read"] * n, "write"] for n in (2, 4, 6)] * 40
        odd = [[*["read"] * n, "write"] for n in (1, 3, 5)]
        model = detector(units=24, epochs=80, learning_rate=0.01, dropout=0.0)
        model.set_params(aggregate="min").fit(even)
        assert model.score_samples(even).min() > model.score_samples(odd).max()


class TestThreshold:
    @pytest.mark.parametrize("contamination", [0.1, 0.25, 0.5])
    def test_contamination_is_the_fraction_of_outliers_in_fit(self, contamination):
        X = traces(200)
        model = detector(contamination=contamination, epochs=3).fit(X)
        scores = model.score_samples(X)
        below = np.mean(model.predict(X) == -1)
        # Short sequences are often identical, and then have the same score.
        assert (scores < model.offset_).mean() == below <= contamination
        assert (scores <= model.offset_).mean() >= contamination

    def test_decision_function_and_predict_follow_scikit_learn(self, fitted):
        X = traces(20, seed=3)
        decision = fitted.decision_function(X)
        np.testing.assert_array_equal(
            decision, fitted.score_samples(X) - fitted.offset_
        )
        np.testing.assert_array_equal(fitted.predict(X), np.where(decision < 0, -1, 1))
        labels = detector(contamination=0.2).fit_predict(X)
        again = detector(contamination=0.2).fit(X).predict(X)
        np.testing.assert_array_equal(labels, again)

    def test_auto_is_the_lowest_score_of_the_held_out_sequences(self):
        X = traces(40)
        X[7] = [*X[7], "unlink", "unlink"]  # known only if it is trained on
        split = {"validation_split": 0.3}
        models = [detector(random_state=seed, **split).fit(X) for seed in range(9)]
        for model in models:
            scores = model.score_samples(X)
            assert np.isclose(scores, model.offset_).any()
            assert (scores < model.offset_ - 1e-9).sum() <= 28
        known = ["unlink" in model.vocabulary_ for model in models]
        assert 0 < sum(known) < 9

    def test_held_out_sequences_do_not_affect_the_weights(self):
        X = traces(40)
        model = detector().fit(X)
        _, held_out = model._split_sequences(40)
        assert len(held_out) == 4
        other = list(X)
        for i in held_out:
            other[i] = ["close", "close"]
        for a, b in zip(model.weights_, detector().fit(other).weights_, strict=True):
            np.testing.assert_array_equal(a, b)


class TestScikitLearn:
    def test_deepcopy_pickle_and_clone(self, fitted):
        X = traces(9)
        for same in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
            np.testing.assert_array_equal(
                same.score_samples(X), fitted.score_samples(X)
            )
        assert clone(fitted).get_params() == fitted.get_params()

    def test_not_fitted(self):
        methods = ["score_samples", "token_scores", "running_scores", "predict"]
        for method in [*methods, "decision_function"]:
            with pytest.raises(NotFittedError):
                getattr(detector(), method)(traces(2))
        with pytest.raises(NotFittedError):
            detector().stream()

    def test_the_same_seed_gives_the_same_weights(self):
        one, other, third = (
            detector(random_state=seed, epochs=2).fit(traces(30)) for seed in (1, 1, 2)
        )
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)
        assert one.offset_ == other.offset_ != third.offset_

    def test_warm_start(self):
        X = traces(30)
        model = detector(warm_start=True, optimizer="sgd", learning_rate=1e-30).fit(X)
        first = model.weights_
        model.fit(X)
        for a, b in zip(first, model.weights_, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        with pytest.raises(ValueError, match="warm_start=True.*'unlink'"):
            model.fit([["unlink"]] * 30)

    def test_refitting_does_not_change_a_running_stream(self, fitted):
        model = clone(fitted).fit(traces(30))
        tokens = traces(1, seed=5)[0]
        expected = model.token_scores([tokens])[0]
        stream = model.stream()
        first = stream.push(tokens[0])
        model.set_params(units=3, aggregate="min").fit(traces(30, seed=4))
        rest = [stream.push(token) for token in tokens[1:]]
        np.testing.assert_allclose([first, *rest], expected, rtol=1e-4, atol=1e-5)

    def test_early_stopping(self):
        model = detector(early_stopping=True, epochs=3).fit(traces(40))
        assert len(model.history_["val_loss"]) == model.n_iter_


class TestInvalidInput:
    @pytest.mark.parametrize("X", ["text", b"text", 3, None, {"a": [1]}])
    def test_not_a_list_of_sequences(self, X):
        with pytest.raises(ValueError, match="X must be a list of sequences of tokens"):
            detector().fit(X)

    @pytest.mark.parametrize("sequence", ["text", 3, [[1, 2]], None])
    def test_not_a_sequence(self, fitted, sequence):
        with pytest.raises(ValueError, match=r"X\[1\] must be a sequence of tokens"):
            fitted.predict([["open"], sequence])

    def test_empty(self, fitted):
        with pytest.raises(ValueError, match=r"X\[1\] is empty.*Leave it out"):
            fitted.score_samples([["open"], []])
        for X in ([], np.empty((0, 3))):
            with pytest.raises(ValueError, match="at least one sequence"):
                fitted.score_samples(X)

    @pytest.mark.parametrize("token", [1.5, np.nan, None, True, b"call"])
    def test_not_a_token(self, fitted, token):
        with pytest.raises(ValueError, match=r"X\[0\]\[1\] must be a token"):
            fitted.token_scores([["open", token]])
        with pytest.raises(ValueError, match="must be a token"):
            fitted.stream().push(token)

    @pytest.mark.parametrize("value", [0, 0.6, -0.1, "many", None, np.nan])
    def test_contamination(self, value):
        with pytest.raises(ValueError, match="'contamination' parameter"):
            detector(contamination=value).fit(traces(9))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("aggregate", "max"),
            ("aggregate_length", 0),
            ("min_count", 0),
            ("cell", "elman"),
            ("units", 0),
            ("window_length", 0),
            ("validation_split", 1.0),
        ],
    )
    def test_parameters(self, name, value):
        with pytest.raises(ValueError, match=f"'?{name}"):
            detector(**{name: value}).fit(traces(9))

    def test_too_few_sequences_to_hold_some_out(self):
        with pytest.raises(
            ValueError, match="holds 1 of.*X has 1.*contamination to a fraction"
        ):
            detector().fit(traces(1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert detector(contamination=0.5).fit(traces(1)).offset_ < 0

    def test_a_stream_without_tokens_has_no_score(self, fitted):
        with pytest.raises(ValueError, match="no score before its first token"):
            fitted.stream().score  # noqa: B018

    @pytest.mark.parametrize(
        "fail",
        [
            lambda model: model.fit([["open"], []]),
            lambda model: model.set_params(contamination=2).fit(traces(9)),
            lambda model: model.fit(traces(1)),
            lambda model: model.set_params(optimizer="none such").fit(traces(9)),
        ],
    )
    def test_a_failed_fit_leaves_the_detector_unchanged(self, fitted, fail):
        model = copy.copy(fitted)
        X = traces(9)
        scores, offset = model.score_samples(X), model.offset_
        with pytest.raises(ValueError, match="."):
            fail(model)
        np.testing.assert_array_equal(model.score_samples(X), scores)
        assert model.offset_ == offset
