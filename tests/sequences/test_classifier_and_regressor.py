"""Properties of RNNClassifier and RNNRegressor, tested with tiny networks."""

import copy
import pickle
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklstm import RNNClassifier, RNNRegressor, RNNTagger, SequenceTokenizer
from sklstm._core.seeds import draw_seeds

TINY = {"units": 3, "epochs": 1, "batch_size": 8, "random_state": 0}
CELLS = ["lstm", "gru", "rnn"]
POOLINGS = ["last", "mean", "max", "all", "attention"]


def random_sequences(n_sequences, n_channels=2, max_length=9, seed=0):
    """Sequences of random lengths from 1."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, max_length + 1, size=n_sequences)
    return [rng.normal(size=(n, n_channels)) for n in lengths]


def ragged(sequences):
    """An object array, which scikit-learn can index."""
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


X = random_sequences(24)
LABELS = np.array(["a", "b", "c"])[np.arange(24) % 3]
TOKENS = [np.random.default_rng(i).integers(1, 12, size=i % 7 + 1) for i in range(24)]


def classifier(**kwargs):
    return RNNClassifier(**(TINY | kwargs))


def regressor(**kwargs):
    return RNNRegressor(**(TINY | kwargs))


class TestUnequalLengths:
    """The prediction for a sequence does not depend on the others in its batch."""

    @pytest.fixture(
        scope="class",
        # Each pair of values of two parameters, not each combination of all four.
        params=[
            (
                cell,
                bidirectional,
                *[("last", 1), ("all", 1), ("mean", 3), ("max", 2)][i % 4],
            )
            for number, cell in enumerate(CELLS)
            for bidirectional in (False, True)
            for i in (number + bidirectional, number + bidirectional + 2)
        ],
        ids=str,
    )
    @classmethod
    def variant(cls, request):
        names = ("cell", "bidirectional", "pooling", "patch_length")
        return dict(zip(names, request.param, strict=True))

    @pytest.fixture(scope="class")
    @classmethod
    def numeric_model(cls, variant):
        return classifier(**(variant | {"units": (3, 2)})).fit(X, LABELS)

    @pytest.fixture(scope="class")
    @classmethod
    def token_model(cls, variant):
        return classifier(**variant, embedding_dim=4).fit(TOKENS, LABELS)

    @settings(max_examples=8, deadline=None)
    @given(seed=st.integers(0, 1000), n_sequences=st.integers(1, 40))
    def test_numeric_sequences(self, numeric_model, seed, n_sequences):
        sequences = random_sequences(n_sequences, max_length=20, seed=seed)
        together = numeric_model.predict_proba(sequences)
        alone = [numeric_model.predict_proba([x])[0] for x in sequences]
        np.testing.assert_allclose(together, alone, atol=2e-6)

    @settings(max_examples=8, deadline=None)
    @given(
        ids=st.lists(
            st.lists(st.integers(1, 11), min_size=1, max_size=15),
            min_size=1,
            max_size=20,
        )
    )
    def test_token_sequences_with_and_without_padding(self, token_model, ids):
        together = token_model.predict_proba(ids)
        alone = [token_model.predict_proba([tokens])[0] for tokens in ids]
        np.testing.assert_allclose(together, alone, atol=2e-6)
        width = max(map(len, ids)) + 3
        post = np.array([tokens + [0] * (width - len(tokens)) for tokens in ids])
        pre = np.array([[0] * (width - len(tokens)) + tokens for tokens in ids])
        for padded in (post, pre, post.astype(float), pd.DataFrame(post)):
            np.testing.assert_array_equal(token_model.predict_proba(padded), together)

    def test_keras_network_predicts_the_same(self, numeric_model, token_model):
        """The engine's fast layers equal standard Keras layers with a mask."""
        patch = numeric_model.patch_length
        width = -(-9 // patch) * patch
        encoded = numeric_model._encode(numeric_model._check_sequences(X, reset=False))
        padded, valid = (
            np.zeros((24, width, 4), np.float32),
            np.zeros((24, width), bool),
        )
        for i, n in enumerate(encoded.lengths):
            rows = encoded.rows[encoded.starts[i] :][:n]
            n_filled = -(-n // patch) * patch
            padded[i, :n], padded[i, n:n_filled] = rows, rows[-1]
            padded[i, n_filled:] = 1e3  # must not matter
            valid[i, :n] = True
        np.testing.assert_allclose(
            numeric_model.network_.predict([padded, valid], verbose=0),
            numeric_model.predict_proba(X),
            atol=2e-6,
        )
        tokens = np.zeros((24, -(-7 // patch) * patch), int)
        for row, ids in zip(tokens, TOKENS, strict=True):
            row[: len(ids)] = ids
        np.testing.assert_allclose(
            token_model.network_.predict(tokens, verbose=0),
            token_model.predict_proba(TOKENS),
            atol=2e-6,
        )


@pytest.mark.parametrize("n_together", [2, 31, 45])
def test_predictions_do_not_depend_on_the_batch(n_together, assert_equal_in_any_batch):
    """Bit for bit, if all sequences have the same length."""
    X = np.random.default_rng(0).normal(size=(50, 12, 3))
    model = regressor(units=16).fit(X, X[:, 0, 0])
    together = model.predict(X)
    assert_equal_in_any_batch(model.predict(X[:n_together]), together[:n_together])
    assert_equal_in_any_batch(model.predict(X[::-1])[::-1], together)
    assert_equal_in_any_batch(model.predict(X[7:8]), together[7:8])


class TestContainers:
    """The same sequences as arrays, lists, data frames and object arrays."""

    cube = np.random.default_rng(0).normal(size=(18, 6, 1))
    labels = np.arange(18) % 2

    def test_one_channel(self):
        flat = self.cube[:, :, 0]
        expected = classifier().fit(self.cube, self.labels).predict_proba(self.cube)
        for container in (
            flat,
            pd.DataFrame(flat),
            flat.astype(object),
            list(flat),
            flat.tolist(),
            ragged(list(flat)),
            ragged(list(self.cube)),
            pd.Series(list(flat)),
            list(self.cube),
            tuple(self.cube),
            flat.astype(np.float32),
            np.asfortranarray(flat),
        ):
            model = classifier().fit(container, self.labels)
            probability = model.predict_proba(container)
            np.testing.assert_allclose(probability, expected, atol=1e-6)
            assert model.n_channels_ == 1

    def test_several_channels(self):
        cube = np.random.default_rng(0).normal(size=(18, 6, 3))
        expected = classifier().fit(cube, self.labels).predict_proba(cube)
        for container in (list(cube), ragged(list(cube)), cube.tolist()):
            model = classifier().fit(container, self.labels)
            np.testing.assert_array_equal(model.predict_proba(container), expected)
            assert (model.n_channels_, model.n_features_in_) == (3, 3)

    def test_other_length_than_in_fit(self):
        model = classifier().fit(self.cube[:, :, 0], self.labels)
        assert model.n_features_in_ == 6
        longer = np.ones((2, 9))
        expected = model.predict_proba(longer[:, :, None])
        np.testing.assert_array_equal(model.predict_proba(list(longer)), expected)
        with pytest.raises(ValueError, match="9 features.*expecting 6 features"):
            model.predict(longer)

    def test_columns_of_a_data_frame_are_feature_names(self):
        frame = pd.DataFrame(self.cube[:, :, 0], columns=list("abcdef"))
        model = classifier().fit(frame, self.labels)
        assert model.feature_names_in_.tolist() == list("abcdef")
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame.rename(columns={"a": "z"}))
        model.fit(self.cube, self.labels)
        assert not hasattr(model, "feature_names_in_")


class TestScaling:
    def test_units_of_a_channel_do_not_matter(self):
        scaled = [x * [1e3, 1e-3] + [5.0, -7.0] for x in X]
        one, other = classifier().fit(X, LABELS), classifier().fit(scaled, LABELS)
        np.testing.assert_allclose(
            one.predict_proba(X), other.predict_proba(scaled), atol=1e-4
        )

    def test_normalize_sequence_removes_level_and_scale(self):
        rng = np.random.default_rng(1)
        moved = [x * rng.uniform(1, 9) + rng.normal() for x in X]
        model = classifier(normalize="sequence").fit(X, LABELS)
        np.testing.assert_allclose(
            model.predict_proba(X), model.predict_proba(moved), atol=1e-4
        )

    def test_auto_is_standard_where_scales_are_alike(self):
        one, other = classifier(), classifier(normalize="standard")
        for model in (one, other):
            model.fit(X, LABELS)
        assert one.normalize_ == "standard"
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))

    @pytest.mark.parametrize("gaps", [False, True])
    def test_auto_keeps_shape_level_and_scale_where_scales_are_unequal(self, gaps):
        rng = np.random.default_rng(0)
        sizes = 10.0 ** rng.uniform(-4, 4, len(X))
        scaled = [(x + 3.0) * size for x, size in zip(X, sizes, strict=True)]
        if gaps:
            for x in scaled:
                x[1:3, 0] = np.nan
        model = classifier(differences=False).fit(scaled, LABELS)
        assert model.normalize_ == "sequence"
        scaling = model._scaling
        rows = model._encode(model._check_sequences(scaled, reset=False)).rows
        n_columns = len(scaling.mean)
        assert n_columns == 6  # the values, levels and scales of two channels
        columns = rows[:, :n_columns] * scaling.scale + scaling.mean
        values, levels, scales = np.split(columns, 3, axis=1)
        levels = np.sign(levels) * np.expm1(np.abs(levels)) * scaling.level_unit
        scales = np.expm1(scales) * scaling.level_unit
        expected = np.concatenate(scaled)
        known = ~np.isnan(expected)
        restored = (values * scales + levels)[known]
        magnitude = np.repeat(sizes, [len(x) for x in X])[known.nonzero()[0]]
        np.testing.assert_allclose(
            restored / magnitude, expected[known] / magnitude, atol=1e-3
        )

    def test_labels_of_shapes_are_learned_across_scales(self):
        rng = np.random.default_rng(0)
        labels = np.arange(60) % 2
        steps = np.arange(20)
        waves = [
            10.0 ** rng.uniform(-4, 4)
            * np.sin((0.4 + 0.8 * label) * steps + rng.random())
            for label in labels
        ]
        settings = {"units": 4, "epochs": 20, "random_state": 0}
        scores = {
            normalize: RNNClassifier(normalize=normalize, **settings)
            .fit(waves[:40], labels[:40])
            .score(waves[40:], labels[40:])
            for normalize in ("auto", "standard")
        }
        assert scores["auto"] > 0.9 > scores["standard"]

    def test_auto_is_standard_for_causal_networks(self):
        scaled = [10.0 ** (i % 7) * x for i, x in enumerate(X)]
        labels = [x[:, 0] > 0 for x in X]
        settings = {"units": 2, "epochs": 1, "random_state": 0}
        causal = RNNTagger(bidirectional=False, **settings).fit(scaled, labels)
        assert causal.normalize_ == "standard"
        assert RNNTagger(**settings).fit(scaled, labels).normalize_ == "sequence"

    def test_normalize_none(self):
        model = classifier(normalize=None, differences=False).fit(X, LABELS)
        data = model._encode(model._check_sequences(X, reset=False))
        np.testing.assert_allclose(data.rows, np.concatenate(X), rtol=1e-6)

    def test_differences_stay_within_their_sequence(self):
        model = classifier(normalize=None).fit(X, LABELS)
        data = model._encode(model._check_sequences(X, reset=False))
        expected = [np.diff(x, axis=0, prepend=x[:1]) for x in X]
        np.testing.assert_allclose(
            data.rows[:, 2:], np.concatenate(expected), atol=1e-6
        )

    def test_constant_channels_stay_finite(self):
        flat = [np.full((500, 2), 0.1) for _ in range(6)]
        for normalize in ("standard", "sequence"):
            model = classifier(normalize=normalize).fit(flat, [0, 1] * 3)
            rows = model._encode(model._check_sequences(flat, reset=False)).rows
            np.testing.assert_allclose(rows, 0, atol=1e-6)

    def test_auto_patch_length_depends_on_the_longest_sequence(self):
        model = classifier().fit([np.ones(10), np.arange(100.0)] * 2, [0, 1] * 2)
        assert model.patch_length_ == 4
        assert classifier().fit(X, LABELS).patch_length_ == 1
        assert classifier(patch_length=4).fit(X, LABELS).patch_length_ == 4

    def test_units_of_the_targets_do_not_matter(self):
        y = np.array([x.mean() for x in X])
        one = regressor().fit(X, y).predict(X)
        other = regressor().fit(X, 1e4 * y - 3e6).predict(X)
        np.testing.assert_allclose(1e4 * one - 3e6, other, rtol=1e-6)


class TestLabels:
    @pytest.mark.parametrize(
        "classes",
        [
            ["no", "yes"],
            [-1, 1],
            [False, True],
            [3.0, 7.0, 9.0],
            np.array(["x", "yy", "zzz"], dtype=object),
        ],
        ids=str,
    )
    def test_labels_of_any_type(self, classes):
        classes = np.asarray(classes)
        labels = classes[np.arange(24) % len(classes)]
        model = classifier().fit(X, labels)
        np.testing.assert_array_equal(model.classes_, classes)
        probability = model.predict_proba(X)
        assert probability.shape == (24, len(classes))
        np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)
        y_pred = model.predict(X)
        assert y_pred.dtype == labels.dtype
        np.testing.assert_array_equal(y_pred, classes[probability.argmax(axis=1)])
        assert model.score(X, labels) == np.mean(y_pred == labels)

    def test_labels_in_lists_and_series(self):
        expected = classifier().fit(X, LABELS).predict_proba(X)
        for y in (LABELS.tolist(), pd.Series(LABELS), pd.Categorical(LABELS)):
            np.testing.assert_array_equal(
                classifier().fit(X, y).predict_proba(X), expected
            )


class TestSampleWeights:
    """All sequences are in one batch, so that their order does not matter.

    Weights are those of the loss: the averages of batch normalization have none, so
    there are no convolutional layers here.
    """

    one_batch = {
        "conv_filters": None,
        "dropout": 0,
        "batch_size": 100,
        "epochs": 3,
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "normalize": None,
        "noise": 0,
        "crop": 0,
    }

    def assert_same(self, one, other):
        np.testing.assert_allclose(
            one.predict_proba(X), other.predict_proba(X), atol=1e-5
        )

    def test_weight_two_equals_repetition(self):
        weight = np.arange(24) % 2 + 1
        one = classifier(**self.one_batch).fit(X, LABELS, sample_weight=weight)
        repeated = X + X[1::2], np.append(LABELS, LABELS[1::2])
        self.assert_same(one, classifier(**self.one_batch).fit(*repeated))
        unweighted = classifier(**self.one_batch).fit(X, LABELS).predict_proba(X)
        assert np.abs(unweighted - one.predict_proba(X)).max() > 1e-3

    def test_unit_of_the_weights_does_not_matter(self):
        weight = np.random.default_rng(0).uniform(1, 2, size=24)
        one, other = (
            classifier(**self.one_batch).fit(X, LABELS, sample_weight=w)
            for w in (weight, 1000 * weight)
        )
        self.assert_same(one, other)

    def test_weight_zero_equals_removal(self):
        weight = (np.arange(24) < 12).astype(float)
        one = classifier(**self.one_batch).fit(X, LABELS, sample_weight=weight)
        other = classifier(**self.one_batch).fit(X[:12], LABELS[:12])
        self.assert_same(one, other)

    def test_class_weight_equals_sample_weight(self):
        labels = np.where(np.arange(24) < 18, "a", "b")
        by_class = {"a": 1 / 3, "b": 1}
        expected = classifier(**self.one_batch).fit(
            X, labels, sample_weight=[by_class[label] for label in labels]
        )
        for class_weight in (by_class, "balanced"):
            model = classifier(**self.one_batch, class_weight=class_weight)
            self.assert_same(model.fit(X, labels), expected)

    def test_regressor_uses_the_weights(self):
        weight = np.arange(24) % 2 + 1
        y = np.array([len(x) for x in X])
        one = regressor(**self.one_batch).fit(X, y, sample_weight=weight)
        plain = regressor(**self.one_batch).fit(X, y)
        assert np.abs(one.predict(X) - plain.predict(X)).max() > 1e-3


def test_several_targets():
    Y = np.array([[len(x), x.mean()] for x in X])
    model = regressor(epochs=30, units=8, learning_rate=0.01).fit(X, Y)
    assert model.predict(X).shape == (24, 2)
    assert model.score(X, Y) > 0.3
    column = regressor().fit(X, Y[:, :1])
    assert column.predict(X).shape == (24, 1)
    one = regressor().fit(X, Y[:, 0])
    np.testing.assert_allclose(one.predict(X), column.predict(X)[:, 0], atol=1e-6)


class TestAugmentation:
    """Noise and cropping, during training only."""

    def test_predictions_are_not_augmented(self):
        model = classifier(noise=1.0, crop=0.9).fit(X, LABELS)
        np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))

    @pytest.mark.parametrize("name", ["noise", "crop"])
    def test_augmentation_changes_the_training_loss(self, name):
        losses = [
            classifier(**({"noise": 0, "crop": 0} | {name: value}))
            .fit(X, LABELS)
            .history_["loss"]
            for value in (0, 0.8)
        ]
        assert losses[0] != losses[1]

    def test_cropping_differs_by_epoch_and_stays_within_sequences(self):
        pytest.importorskip("tensorflow")
        spec = classifier(crop=0.5).fit(X, LABELS)._network
        tensors = {
            "starts": np.arange(0, 2000, 20, dtype=np.int32),
            "lengths": np.full(100, 20, np.int32),
        }
        one, other = (spec.augment(tensors, [0, epoch]) for epoch in (0, 1))
        n_first = one["starts"].numpy() - tensors["starts"]
        n_last = 20 - n_first - one["lengths"].numpy()
        assert n_first.min() == n_last.min() == 0
        assert 8 <= (n_first + n_last).max() < 10
        assert (n_first > 0).any()
        assert (n_last > 0).any()
        assert (one["lengths"].numpy() != other["lengths"].numpy()).any()

    def test_sequences_of_one_step_are_not_cropped(self):
        short = [np.ones((1, 2)), np.zeros((1, 2))] * 6
        labels = [0, 1] * 6
        one, other = (
            classifier(crop=crop).fit(short, labels).history_ for crop in (0, 0.99)
        )
        assert one == other


def test_positional_encoding_distinguishes_early_from_late():
    """The same spike near the beginning or near the end."""
    rng = np.random.default_rng(0)
    late = np.arange(40) % 2
    cube = 0.01 * rng.normal(size=(40, 16, 1))
    cube[np.arange(40), rng.integers(1, 5, size=40) + 9 * late] += 1
    model = classifier(pooling="mean", units=8, epochs=30, learning_rate=0.01)
    model.set_params(crop=0, noise=0, bidirectional=False, cell="gru", patch_length=1)
    assert model.fit(cube, late).score(cube, late) == 1
    n_parameters = model.network_.count_params()
    model.set_params(positional_encoding=0).fit(cube, late)
    assert n_parameters > model.network_.count_params()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_classifier_learns(cell, pooling):
    """Rising and falling sequences of unequal length."""
    rng = np.random.default_rng(0)
    slopes = np.repeat([1, -1], 30)
    sequences = [s * np.arange(rng.integers(5, 15)) + rng.normal() for s in slopes]
    model = classifier(
        cell=cell, pooling=pooling, units=8, conv_filters=None, epochs=15
    )
    model.set_params(learning_rate=0.01, bidirectional=pooling != "last")
    assert model.fit(sequences, slopes).score(sequences, slopes) > 0.9


class TestSeeds:
    def test_same_seed_same_weights(self):
        for make, y in ((classifier, LABELS), (regressor, np.arange(24.0))):
            model = make(dropout=0.2, early_stopping=True, epochs=3)
            if make is classifier:
                model.set_params(validation_split=0.3)
            one, other = (clone(model).fit(X, y) for _ in range(2))
            assert one.history_ == other.history_
            for a, b in zip(one.weights_, other.weights_, strict=True):
                np.testing.assert_array_equal(a, b)
            other_seed = clone(model).set_params(random_state=1).fit(X, y)
            assert other_seed.history_ != one.history_

    def test_global_random_generators_are_left_alone(self):
        np.random.seed(0)
        random.seed(0)
        before = np.random.get_state()[1].copy(), random.getstate()
        classifier(random_state=None, early_stopping=True, validation_split=0.3).fit(
            X, LABELS
        )
        np.testing.assert_array_equal(np.random.get_state()[1], before[0])
        assert random.getstate() == before[1]


class TestIncrementalTraining:
    def test_first_partial_fit_equals_a_fit_of_one_epoch(self):
        one = classifier().fit(X, LABELS)
        other = classifier(epochs=7).partial_fit(X, LABELS, classes=["c", "a", "b"])
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)
        assert other.n_iter_ == 1

    def test_partial_fit_continues_training(self):
        model = classifier(learning_rate=0.01)
        for _ in range(30):
            model.partial_fit(X[:9], LABELS[:9], classes=["a", "b", "c"])
        assert model.n_iter_ == 30
        assert model.history_["loss"][-1] < model.history_["loss"][0]
        scaling = model._scaling
        longer = random_sequences(4, max_length=30, seed=1)
        model.partial_fit(longer, ["a"] * 4)
        assert model._scaling is scaling

    def test_regressor_continues_training(self):
        y = np.array([len(x) for x in X])
        model = regressor().partial_fit(X, y).partial_fit(X[:5], y[:5])
        assert model.n_iter_ == 2

    @pytest.mark.parametrize("changed", ["noise", "crop", "dropout"])
    def test_each_epoch_draws_other_random_numbers(self, changed):
        """With a learning rate of almost zero, nothing else can change the loss."""
        model = classifier(learning_rate=1e-12, batch_size=100)
        model.set_params(**({"noise": 0, "crop": 0} | {changed: 0.8}))
        for _ in range(3):
            model.partial_fit(X, LABELS, classes=["a", "b", "c"])
        assert len({round(loss, 6) for loss in model.history_["loss"]}) == 3

    def test_optimizer_state_is_kept(self):
        model = classifier().partial_fit(X, LABELS, classes=["a", "b", "c"])
        n_steps = model._optimizer_state[0]
        assert n_steps == 3
        assert model.partial_fit(X, LABELS)._optimizer_state[0] == 6
        assert model.fit(X, LABELS)._optimizer_state is None

    def test_class_weight_with_a_class_missing_in_a_batch(self):
        model = classifier(class_weight={"a": 1, "c": 5})
        model.partial_fit(X, LABELS, classes=["a", "b", "c"])
        model.partial_fit(X[:2], ["a", "b"])
        with pytest.raises(ValueError, match="is not among the classes"):
            model.partial_fit(X[:2], ["a", "d"])

    def test_warm_start_starts_from_the_last_weights(self):
        # The averages of batch normalization move without a learning rate.
        model = classifier(warm_start=True, conv_filters=None).fit(X, LABELS)
        weights = model.weights_
        model.set_params(learning_rate=1e-30).fit(X, LABELS)
        for a, b in zip(model.weights_, weights, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_auto_epochs_make_1000_steps(self):
        model = classifier(epochs="auto", batch_size=8).fit(X, LABELS)
        assert model.n_iter_ == 334  # 1000 steps, three per epoch


class TestEarlyStopping:
    settings = {"validation_split": 0.25, "epochs": 4, "patience": 1}

    def test_hold_out_set_is_stratified(self):
        labels = np.array(["a"] * 40 + ["b"] * 10)
        model = classifier(validation_split=0.2)
        train, validation = model._split_validation(50, 0, strata=labels)
        assert sorted([*train, *validation]) == list(range(50))
        assert labels[validation].tolist().count("b") == 2

    def test_hold_out_set_is_not_trained_on(self):
        model = classifier(early_stopping=True, normalize=None, **self.settings)
        seed = draw_seeds(model.random_state).split
        train, held_out = model._split_validation(24, seed, strata=LABELS)
        changed = [5 * x[::-1] if i in held_out else x for i, x in enumerate(X)]
        one, other = clone(model).fit(X, LABELS), clone(model).fit(changed, LABELS)
        assert len(train) == 18
        assert one.history_["val_loss"][0] != other.history_["val_loss"][0]
        assert one.history_["loss"][0] == other.history_["loss"][0]

    def test_refit_trains_on_all_sequences(self):
        refit = classifier(early_stopping="refit", **self.settings).fit(X, LABELS)
        plain = classifier(early_stopping=True, **self.settings).fit(X, LABELS)
        assert refit.history_ == plain.history_
        assert any(
            (a != b).any() for a, b in zip(refit.weights_, plain.weights_, strict=True)
        )


class TestScikitLearn:
    """Arrays, ragged object arrays and texts with scikit-learn's tools."""

    texts = [
        "what a good film",
        "a bad film",
        "good, good",
        "bad and boring it was",
    ] * 6
    sentiment = np.array([1, 0, 1, 0] * 6)

    @pytest.fixture(params=["array", "ragged", "texts"])
    def problem(self, request):
        if request.param == "texts":
            model = make_pipeline(SequenceTokenizer(), classifier(embedding_dim=3))
            return model, np.array(self.texts, dtype=object), self.sentiment
        if request.param == "array":
            X_ = np.random.default_rng(0).normal(size=(24, 5, 2))
            return make_pipeline(classifier()), X_, self.sentiment
        return make_pipeline(classifier()), ragged(X), self.sentiment

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_grid_search(self, problem, n_jobs):
        model, X_, y = problem
        grid = {"rnnclassifier__cell": ["lstm", "rnn"]}
        search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(X_, y)
        assert search.predict(X_).shape == (24,)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_cross_validation_and_calibration(self, problem):
        model, X_, y = problem
        scores = cross_val_score(model, X_, y, cv=2, scoring="neg_log_loss")
        assert np.isfinite(scores).all()
        calibrated = CalibratedClassifierCV(model, cv=2).fit(X_, y)
        np.testing.assert_allclose(calibrated.predict_proba(X_).sum(axis=1), 1)

    def test_pickle(self, problem):
        model, X_, y = problem
        model.fit(X_, y)
        expected = model.predict_proba(X_)
        for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            np.testing.assert_array_equal(twin.predict_proba(X_), expected)

    def test_one_vs_rest(self):
        cube = np.random.default_rng(0).normal(size=(24, 5))
        model = OneVsRestClassifier(classifier()).fit(cube, LABELS)
        assert model.predict(cube).shape == (24,)


def test_callbacks_are_called_each_epoch(capsys):
    keras = pytest.importorskip("keras")

    class Count(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            Count.epochs += 1

    classifier(epochs=3, callbacks=Count(), verbose=1).fit(X, LABELS)
    assert Count.epochs == 3
    assert capsys.readouterr().out.count("loss: ") == 3


def test_custom_losses():
    keras = pytest.importorskip("keras")

    def mean_squared_error(y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)

    smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)
    losses = [
        classifier(loss=loss).fit(X, LABELS).history_["loss"]
        for loss in ("categorical_crossentropy", smooth, mean_squared_error)
    ]
    assert len({round(loss[0], 6) for loss in losses}) == 3
