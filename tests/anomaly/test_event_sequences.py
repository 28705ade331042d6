"""Detector of anomalous event sequences: scores, threshold, streams, errors."""

import copy
import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from sklstm import SequenceAnomalyDetector
from sklstm.anomaly._ngrams import NgramModel, learn_weight, mix
from sklstm.anomaly._sequence_scores import LengthCorrection, running_aggregate

AGGREGATES = ["excess", "mean", "median", "worst_window", "min"]
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


def distinct(X):
    return [list(tokens) for tokens in dict.fromkeys(map(tuple, X))]


def held_out_of(model, X):
    X = distinct(X)
    _, held_out = model._split_sequences(len(X), len(X))
    return [X[i] for i in held_out]


@pytest.fixture(scope="module")
def fitted():
    """A detector with perturbed weights, so that scores differ."""
    model = detector(validation_split=0.3).fit(traces(60))
    assert len(model._length_corrections["mean"].lengths) > 1
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
        aggregate=st.sampled_from(AGGREGATES),
        corrected=st.booleans(),
    )
    def test_stream_and_running_scores_equal_those_of_prefixes(
        self, fitted, tokens, aggregate, corrected
    ):
        model = copy.copy(fitted).set_params(
            aggregate=aggregate, aggregate_length=3, length_correction=corrected
        )
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
        model = copy.copy(fitted).set_params(
            aggregate=aggregate, aggregate_length=4, length_correction=False
        )
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
        model = detector().fit([["a", 1, "b", "1", 2] * n for n in range(1, 9)])
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

        def blocks(*numbers):
            return [call for n in numbers for call in (*["read"] * n, "write")]

        even = [blocks(a, b, c) for a, b, c in product((2, 4, 6), repeat=3)]
        odd = [blocks(2, n, 4) for n in (1, 3, 5)]
        model = detector(units=24, epochs=150, learning_rate=0.01, dropout=0.0)
        model.set_params(aggregate="min", ngram_order=None).fit(even)
        assert model.score_samples(even).min() > model.score_samples(odd).max()


class TestThreshold:
    @pytest.mark.parametrize("contamination", [0.1, 0.25, 0.5])
    def test_contamination_is_the_fraction_of_held_out_outliers(self, contamination):
        X = traces(200)
        model = detector(contamination=contamination, validation_split=0.3)
        scores = model.fit(X).score_samples(held_out_of(model, X))
        # Sequences of the same tokens can have the same score.
        below = (scores < model.offset_ - 1e-9).sum() / len(scores)
        assert below <= contamination + 1 / len(scores)
        assert (scores <= model.offset_ + 1e-9).mean() >= contamination

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
        models = [
            detector(random_state=seed, validation_split=0.3).fit(X)
            for seed in range(9)
        ]
        for model in models:
            held_out = held_out_of(model, X)
            assert model.score_samples(held_out).min() == pytest.approx(model.offset_)
            assert ("unlink" in model.vocabulary_) == (X[7] not in held_out)
        known = ["unlink" in model.vocabulary_ for model in models]
        assert 0 < sum(known) < 9

    def test_held_out_sequences_do_not_affect_the_weights(self):
        X = distinct(traces(60))
        model = detector().fit(X)
        _, held_out = model._split_sequences(len(X), len(X))
        assert len(held_out) == round(0.1 * len(X))
        other = list(X)
        for number, i in enumerate(held_out):
            other[i] = ["close"] * (number + 2)
        for a, b in zip(model.weights_, detector().fit(other).weights_, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_equal_sequences_count_once(self):
        X = distinct(traces(40))
        rng = np.random.default_rng(0)
        repeated = X + [X[i] for i in rng.integers(len(X), size=50)]
        one, other = detector().fit(X), detector().fit(repeated)
        assert one.offset_ == other.offset_
        np.testing.assert_array_equal(one.score_samples(X), other.score_samples(X))


class TestLengthCorrection:
    @pytest.fixture
    def held_out(self):
        """Scores of all beginnings; the tokens are independent."""
        rng = np.random.default_rng(0)
        scores = [rng.normal(-2, 1, rng.integers(50, 200)) for _ in range(300)]
        return [running_aggregate("mean", 1, 0.0)(each) for each in scores]

    def test_scores_of_any_length_are_alike(self, held_out):
        correction = LengthCorrection.fit(held_out)
        corrected = [correction.apply(scores) for scores in held_out]
        for length in (1, 3, 10, 40):
            scores = np.array([each[length - 1] for each in corrected])
            assert abs(scores.mean()) < 0.1
            assert 0.8 < scores.std() < 1.05
        spread = correction.deviations
        assert (np.diff(spread) <= 0).all()
        assert spread[-1] < 0.2 * spread[0]

    def test_short_sequences_are_not_flagged_for_being_short(self, held_out):
        correction = LengthCorrection.fit(held_out)
        complete = [scores[-1] for scores in held_out]
        short = [scores[2] for scores in held_out]
        limit = np.percentile(complete, 5)
        assert np.mean(np.array(short) < limit) > 0.2
        corrected = [correction.apply(scores) for scores in held_out]
        limit = np.percentile([scores[-1] for scores in corrected], 5)
        flagged = np.mean([scores[2] < limit for scores in corrected])
        assert flagged < 0.12

    def test_few_sequences_are_not_enough(self):
        scores = np.array([-1.0, -2.0, -3.0])
        correction = LengthCorrection.fit([scores] * 9)
        np.testing.assert_array_equal(correction.apply(scores), scores)

    def test_equal_sequences_have_no_spread(self):
        scores = np.array([-1.0, -2.0])
        correction = LengthCorrection.fit([scores] * 20)
        assert np.isfinite(correction.apply(scores - 1)).all()

    def test_a_fit_on_many_sequences_is_corrected(self, fitted):
        X = traces(30, seed=3)
        (corrected, raw) = (
            copy.copy(fitted)
            .set_params(length_correction=flag, aggregate="mean")
            .running_scores(X)
            for flag in (True, False)
        )
        correction = fitted._length_corrections["mean"]
        for one, other in zip(corrected, raw, strict=True):
            np.testing.assert_allclose(one, correction.apply(other))


class TestNgrams:
    DOCUMENTS = st.lists(
        st.lists(st.integers(2, 6), min_size=1, max_size=12).map(np.array),
        min_size=1,
        max_size=6,
    )

    @settings(deadline=None, max_examples=30)
    @given(DOCUMENTS, DOCUMENTS, st.integers(1, 5))
    def test_probabilities_of_a_token_add_up(self, documents, others, order):
        model = NgramModel.fit(documents, order, 7)
        for ids in others:
            log_p = [model.log_likelihood_after(ids, token) for token in range(1, 7)]
            assert np.exp(log_p).sum() == pytest.approx(1)

    @settings(deadline=None, max_examples=30)
    @given(DOCUMENTS, DOCUMENTS, st.integers(1, 5))
    def test_documents_and_single_tokens_agree(self, documents, others, order):
        model = NgramModel.fit(documents, order, 7)
        for ids, scores in zip(others, model.log_likelihood(others), strict=True):
            one_by_one = [
                model.log_likelihood_after(ids[:i], token)
                for i, token in enumerate(ids)
            ]
            np.testing.assert_allclose(scores, one_by_one)

    def test_kneser_ney_by_hand(self):
        """Bigrams of "a a b": a after nothing, a after a, b after a."""
        a, b, unseen = 2, 3, 1
        model = NgramModel.fit([np.array([a, a, b])], 2, 4)
        # All counts are one: a discount of (3 + 0.5) / (3 + 1) of the bigrams, and of
        # (1 + 0.5) / (1 + 2 + 1) of the unigrams, where a has two left neighbours.
        unigram_discount, bigram_discount = 1.5 / 4, 3.5 / 4
        unigrams = {
            token: (max(count - unigram_discount, 0) + 2 * unigram_discount / 3) / 3
            for token, count in {a: 2, b: 1, unseen: 0}.items()
        }
        after_a = {
            token: (
                (1 - bigram_discount) * (token != unseen)
                + 2 * bigram_discount * unigrams[token]
            )
            / 2
            for token in unigrams
        }
        for token, probability in after_a.items():
            found = np.exp(model.log_likelihood_after(np.array([b, a]), token))
            assert found == pytest.approx(probability)
        # Nothing has followed b, so the unigrams decide.
        found = np.exp(model.log_likelihood_after(np.array([b]), b))
        assert found == pytest.approx(unigrams[b])

    def test_the_weight_has_the_highest_likelihood(self):
        rng = np.random.default_rng(0)
        one, other = np.log(rng.uniform(0.01, 1, size=(2, 4000)))
        weight = learn_weight(one, other)
        best = mix(one, other, weight).sum()
        for step in (-0.05, 0.05):
            assert mix(one, other, weight + step).sum() < best
        assert learn_weight(one, one - 5) > 0.95
        assert learn_weight(one - 5, one) < 0.05

    def test_scores_are_those_of_the_mixture(self, fitted):
        X = traces(20, seed=4)
        (ngrams,) = fitted._ngrams
        documents = [fitted._vocabulary.encode(tokens) for tokens in X]
        network = fitted._token_log_likelihoods(documents)
        weight, other = fitted.mixture_weights_[0]
        assert weight + other == pytest.approx(1)
        for found, scores, of_ngrams in zip(
            fitted.token_scores(X),
            network,
            ngrams.log_likelihood(documents),
            strict=True,
        ):
            expected = weight * np.exp(scores[:-1]) + other * np.exp(of_ngrams)
            np.testing.assert_allclose(np.exp(found), expected, rtol=1e-5)

    def test_without_ngrams(self):
        model = detector(ngram_order=None).fit(traces(40))
        np.testing.assert_array_equal(model.mixture_weights_, [[1, 0]])
        documents = [model._vocabulary.encode(tokens) for tokens in traces(5)]
        for found, scores in zip(
            model.token_scores(traces(5)),
            model._token_log_likelihoods(documents),
            strict=True,
        ):
            np.testing.assert_array_equal(found, scores[:-1])


class TestSeveralNetworks:
    def test_members_are_the_networks_of_the_seeds_that_follow(self):
        X = traces(40)
        # The seeds also choose what is held out, so the members get all they need.
        model = detector(n_members=2, ngram_order=None).fit(X)
        single = detector(ngram_order=None).fit(X)
        assert len(model.weights_) == 2 * len(single.weights_)
        for one, other in zip(single.weights_, model.weights_, strict=False):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(
            single.weights_, model.weights_[len(single.weights_) :], strict=True
        ):
            assert (one != other).any() or not one.any()
        np.testing.assert_array_equal(
            model.network_.get_weights()[0], single.weights_[0]
        )

    def test_probabilities_are_averaged(self):
        model = detector(n_members=3, ngram_order=None).fit(traces(40))
        X = traces(5, seed=2)
        members = []
        for i in range(3):
            member = copy.copy(model)
            member._n_networks = 1
            size = len(model.weights_) // 3
            member.weights_ = model.weights_[i * size :][:size]
            members.append(member.token_scores(X))
        for found, *each in zip(model.token_scores(X), *members, strict=True):
            np.testing.assert_allclose(
                np.exp(found), np.mean(np.exp(each), axis=0), rtol=1e-5
            )

    def test_both_directions(self):
        X = traces(60)
        backwards = [tokens[::-1] for tokens in X]
        model = detector(bidirectional=True).fit(X)
        mirrored = copy.copy(model)
        size = len(model.weights_) // 2
        mirrored.weights_ = model.weights_[size:] + model.weights_[:size]
        mirrored._ngrams = model._ngrams[::-1]
        mirrored.mixture_weights_ = model.mixture_weights_[::-1]
        for one, other in zip(
            model.token_scores(X), mirrored.token_scores(backwards), strict=True
        ):
            np.testing.assert_allclose(one, other[::-1], rtol=1e-4, atol=1e-5)
        forwards = copy.copy(model)
        forwards.weights_, forwards._n_networks = model.weights_[:size], 1
        forwards._ngrams = model._ngrams[:1]
        whole, causal = model.token_scores(X), forwards.token_scores(X)
        assert any((a != b).any() for a, b in zip(whole, causal, strict=True))

    def test_beginnings_cannot_be_read_backwards(self):
        model = detector(bidirectional=True).fit(traces(40))
        assert model.predict(traces(4)).shape == (4,)
        for method in (model.stream, lambda: model.running_scores(traces(2))):
            with pytest.raises(ValueError, match="bidirectional=True.*Fit it with"):
                method()
        # What counts is how it was fitted.
        with pytest.raises(ValueError, match="bidirectional=True"):
            model.set_params(bidirectional=False).stream()

    @pytest.mark.parametrize(
        "change",
        [
            {"n_members": 3},
            {"bidirectional": True},
            {"bidirectional": True, "n_members": 1},
        ],
    )
    def test_warm_start_needs_the_same_networks(self, change):
        model = detector(n_members=2, warm_start=True).fit(traces(40))
        with pytest.raises(ValueError, match="n_members=2 and bidirectional=False"):
            model.set_params(**change).fit(traces(40))
        assert model.predict(traces(4)).shape == (4,)

    def test_warm_start_continues_each_network(self):
        settings = {"optimizer": "sgd", "learning_rate": 1e-30, "warm_start": True}
        model = detector(n_members=2, **settings).fit(traces(40))
        first = model.weights_
        for a, b in zip(first, model.fit(traces(40)).weights_, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_progress_is_reported_for_each_network(self, capsys):
        detector(n_members=2, epochs=2, verbose=1).fit(traces(40))
        lines = capsys.readouterr().out.splitlines()
        starts = [line[: line.index(" - loss")] for line in lines]
        assert starts == [
            f"Network {network}/2 - Epoch {epoch}/2"
            for network in (1, 2)
            for epoch in (1, 2)
        ]

    @pytest.mark.parametrize("bidirectional", [False, True])
    @pytest.mark.parametrize("n_members", [1, 2])
    def test_callbacks_can_score_during_training(self, n_members, bidirectional):
        begun, ended = [], []

        class Recorder:
            def setup(self, estimator, context):
                begun.append("setup")

            def teardown(self, estimator, context):
                ended.append("teardown")

            def on_fit_task_begin(self, estimator, context):
                begun.append(context.task_name)

            def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
                assert np.isfinite(fitted_estimator.score_samples(X)).all()
                ended.append(context.task_name)

        model = detector(n_members=n_members, bidirectional=bidirectional, epochs=2)
        model.set_callbacks(Recorder()).fit(traces(40))
        n_networks = n_members * (1 + bidirectional)
        epochs = ["epoch"] * 2
        if n_networks == 1:
            assert begun == ["setup", "fit", *epochs]
            assert ended == [*epochs, "fit", "teardown"]
        else:
            assert begun == ["setup", "fit", *["member", *epochs] * n_networks]
            assert ended == [*[*epochs, "member"] * n_networks, "fit", "teardown"]

    def test_streams_and_pickles(self):
        model = detector(n_members=2).fit(traces(40))
        (tokens,) = traces(1, seed=6)
        stream = pickle.loads(pickle.dumps(model)).stream()
        pushed = [stream.push(token) for token in tokens]
        np.testing.assert_allclose(
            pushed, model.token_scores([tokens])[0], rtol=1e-4, atol=1e-5
        )


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
            model.fit([["unlink"] * n for n in range(1, 30)])

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
            ("ngram_order", 0),
            ("ngram_order", 2.5),
            ("n_members", 0),
            ("bidirectional", "both"),
            ("length_correction", None),
            ("cell", "elman"),
            ("units", 0),
            ("window_length", 0),
            ("validation_split", 1.0),
        ],
    )
    def test_parameters(self, name, value):
        with pytest.raises(ValueError, match=f"'?{name}"):
            detector(**{name: value}).fit(traces(9))

    @pytest.mark.parametrize("contamination", ["auto", 0.5])
    @pytest.mark.parametrize("n_sequences", [1, 30])
    def test_too_few_sequences_to_hold_some_out(self, n_sequences, contamination):
        X = traces(1) * n_sequences
        with pytest.raises(ValueError, match="X has 1.*cut a long one into several"):
            detector(contamination=contamination).fit(X)

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
