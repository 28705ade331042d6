"""Several labels for a sequence, and several targets."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils import get_tags

from sklstm import RNNClassifier, RNNRegressor

TINY = {
    "units": 3,
    "conv_filters": None,
    "epochs": 1,
    "batch_size": 8,
    "random_state": 0,
}
# All sequences are in one batch, so that their order does not matter.
ONE_BATCH = {
    "batch_size": 100,
    "epochs": 3,
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "normalize": None,
    "noise": 0,
    "crop": 0,
    "dropout": 0,
}


def random_sequences(n_sequences, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 10, size=n_sequences)
    return [rng.normal(size=(n, 2)) for n in lengths]


X = random_sequences(24)
Y = np.random.default_rng(1).integers(0, 2, size=(24, 3))
NAMES = ["short", "loud", "late"]
RAGGED = np.empty(24, dtype=object)
RAGGED[:] = X


def classifier(**kwargs):
    return RNNClassifier(**(TINY | kwargs))


class TestLabels:
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return classifier().fit(X, Y)

    @settings(max_examples=8, deadline=None)
    @given(seed=st.integers(0, 1000), n_sequences=st.integers(1, 40))
    def test_predictions_are_probable_labels(self, model, seed, n_sequences):
        sequences = random_sequences(n_sequences, seed)
        probability = model.predict_proba(sequences)
        assert probability.shape == (n_sequences, 3)
        assert ((probability > 0) & (probability < 1)).all()
        predicted = model.predict(sequences)
        assert predicted.dtype == int
        np.testing.assert_array_equal(predicted, probability > 0.5)

    def test_the_last_layer_is_a_sigmoid(self, model):
        kernel, bias = model.weights_[-2:]
        logits = model.transform(X) @ kernel + bias
        np.testing.assert_allclose(
            model.predict_proba(X), 1 / (1 + np.exp(-logits)), atol=1e-6
        )
        config = model.network_.get_layer("output").get_config()
        assert config["activation"] == "sigmoid"

    def test_loss_is_the_mean_cross_entropy_of_the_labels(self):
        """Of a network that is not trained: the learning rate is almost zero."""
        frozen = ONE_BATCH | {"epochs": 1, "learning_rate": 1e-30}
        model = classifier(**frozen).fit(X, Y)
        probability = model.predict_proba(X).astype(float)
        expected = np.mean(
            [log_loss(Y[:, i], probability[:, i], labels=[0, 1]) for i in range(3)]
        )
        assert model.history_["loss"] == pytest.approx([expected], rel=1e-4)

    def test_score_is_the_accuracy_of_whole_rows(self, model):
        predicted = model.predict(X)
        assert model.score(X, Y) == (predicted == Y).all(axis=1).mean()
        weight = np.arange(24.0)
        expected = accuracy_score(Y, predicted, sample_weight=weight)
        assert model.score(X, Y, sample_weight=weight) == expected
        assert model.score(X, sparse.csr_array(Y)) == model.score(X, Y)

    @pytest.mark.parametrize(
        "convert",
        [
            np.ndarray.tolist,
            list,
            lambda y: y.astype(bool),
            lambda y: y.astype(float),
            lambda y: y.astype(object),
            pd.DataFrame,
            lambda y: pd.DataFrame(y).astype("boolean"),
            sparse.csr_matrix,
            sparse.coo_array,
            sparse.dok_array,
        ],
    )
    def test_containers(self, model, convert):
        other = classifier().fit(X, convert(Y))
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        assert isinstance(other.predict(X), np.ndarray)
        np.testing.assert_array_equal(other.classes_, [0, 1, 2])

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_columns_of_a_data_frame_name_the_labels(self, model, library):
        frame = pytest.importorskip(library).DataFrame(dict(zip(NAMES, Y.T)))  # noqa: B905
        other = classifier().fit(X, frame)
        assert other.classes_.tolist() == NAMES
        np.testing.assert_array_equal(other.predict(X), model.predict(X))

    def test_tag(self):
        assert get_tags(classifier()).classifier_tags.multi_label

    def test_one_kind_of_targets_after_the_other(self):
        model = classifier().fit(X, Y)
        model.fit(X, Y[:, 0])
        assert model.predict(X).shape == (24,)
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, atol=1e-6)
        assert model.fit(X, Y).predict(X).shape == (24, 3)

    def test_labels_that_all_or_no_sequences_have(self):
        constant = np.tile([0, 1, 1], (24, 1))
        model = classifier(epochs=20, learning_rate=0.05).fit(X, constant)
        np.testing.assert_array_equal(model.predict(X), constant)

    def test_classifier_learns(self):
        """Whether sequences rise, and whether they are long, each on its own."""
        rng = np.random.default_rng(0)
        rise, long = labels = rng.integers(0, 2, size=(2, 60))
        sequences = [
            (2 * r - 1) * np.arange(5 + 10 * n) + rng.normal()
            for r, n in zip(rise, long, strict=True)
        ]
        model = classifier(units=8, epochs=20, learning_rate=0.01, crop=0)
        assert model.fit(sequences, labels.T).score(sequences, labels.T) > 0.9


class TestTraining:
    def test_weight_two_equals_repetition(self):
        weight = np.arange(24) % 2 + 1
        one = classifier(**ONE_BATCH).fit(X, Y, sample_weight=weight)
        other = classifier(**ONE_BATCH).fit(X + X[1::2], np.vstack([Y, Y[1::2]]))
        np.testing.assert_allclose(
            one.predict_proba(X), other.predict_proba(X), atol=1e-5
        )
        plain = classifier(**ONE_BATCH).fit(X, Y)
        assert np.abs(plain.predict_proba(X) - one.predict_proba(X)).max() > 1e-3

    def test_early_stopping_does_not_stratify(self):
        """Each row occurs once, so no stratified split exists."""
        rows = np.array([[i >> bit & 1 for bit in range(5)] for i in range(24)])
        model = classifier(early_stopping="refit", validation_split=0.25, epochs=2)
        assert len(model.fit(X, rows).history_["val_loss"]) > 0

    def test_partial_fit(self):
        one = classifier().fit(X, Y)
        other = classifier().partial_fit(X, Y)
        for a, b in zip(one.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(a, b)
        other.partial_fit(X[:4], sparse.csr_array(Y[:4]), sample_weight=np.ones(4))
        assert other.n_iter_ == 2

    def test_partial_fit_with_names(self):
        frame = pd.DataFrame(Y, columns=NAMES)
        model = classifier().partial_fit(X, Y, classes=NAMES).partial_fit(X, frame)
        model.partial_fit(X, frame, classes=NAMES).partial_fit(X, Y)
        assert model.classes_.tolist() == NAMES
        assert classifier().partial_fit(X, frame).classes_.tolist() == NAMES

    def test_batches_of_single_labels_do_not_warn_again(self, recwarn):
        model = classifier().partial_fit(X, Y)
        model.partial_fit(X[:3], np.eye(3))
        assert not [w for w in recwarn if w.category is UserWarning]

    def test_warm_start(self):
        model = classifier(warm_start=True).fit(X, Y)
        weights = model.weights_
        model.set_params(learning_rate=1e-30).fit(X, Y)
        for a, b in zip(model.weights_, weights, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)

    def test_pickle_and_clone(self):
        model = classifier().fit(X, Y)
        twin = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
        again = clone(model).fit(X, Y)
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))

    def test_a_failed_fit_changes_nothing(self):
        model = classifier().fit(X, Y)
        before = vars(model).copy()
        with pytest.raises(ValueError, match="has fewer|holds 2"):
            model.fit(X, Y + 1)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is value for name, value in before.items())


class TestLosses:
    def test_auto(self):
        for y, loss in (
            (Y, "binary_crossentropy"),
            (Y[:, 0], "categorical_crossentropy"),
        ):
            one = classifier().fit(X, y)
            other = classifier(loss=loss).fit(X, y)
            np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))

    def test_losses_of_the_user(self):
        keras = pytest.importorskip("keras")

        def rare_first(y_true, y_pred):
            each = keras.losses.binary_crossentropy(
                y_true[..., None], y_pred[..., None]
            )
            return keras.ops.mean(each * np.array([9, 1, 1], "float32"), axis=-1)

        focal = keras.losses.BinaryFocalCrossentropy()
        losses = {
            classifier(loss=loss).fit(X, Y).history_["loss"][0]
            for loss in ("auto", "mse", focal, rare_first)
        }
        assert len(losses) == 4

    def test_losses_of_classes(self):
        keras = pytest.importorskip("keras")
        for loss in (
            "CategoricalCrossentropy",
            "sparse_categorical_crossentropy",
            keras.losses.CategoricalCrossentropy(),
            keras.losses.categorical_crossentropy,
        ):
            with pytest.raises(ValueError, match='exclude each other.*loss="auto"'):
                classifier(loss=loss).fit(X, Y)

    def test_auto_is_for_classifiers_alone(self):
        with pytest.raises(ValueError, match="loss='auto' is not known"):
            RNNRegressor(**TINY, loss="auto").fit(X, Y)


class TestScikitLearn:
    def test_searches_and_scores(self):
        grid = {"cell": ["lstm", "rnn"]}
        search = GridSearchCV(classifier(), grid, cv=2, scoring="f1_micro")
        assert search.fit(RAGGED, Y).predict(RAGGED).shape == (24, 3)
        for scoring in ("accuracy", "roc_auc", "average_precision"):
            scores = cross_val_score(classifier(), RAGGED, Y, cv=2, scoring=scoring)
            assert np.isfinite(scores).all()

    def test_out_of_fold_probabilities(self):
        frame = pd.DataFrame(Y, columns=NAMES)
        one, other = (
            cross_val_predict(classifier(), RAGGED, y, cv=2, method="predict_proba")
            for y in (Y, frame)
        )
        assert one.shape == (24, 3)
        np.testing.assert_array_equal(one, other)

    def test_a_classifier_for_each_column(self):
        columns = np.array([["a", "b"], ["c", "d"]] * 12)
        model = MultiOutputClassifier(classifier()).fit(X, columns)
        assert model.predict(X).shape == (24, 2)


class TestTargets:
    """Several targets of `RNNRegressor`."""

    targets = np.array([[len(x), x.mean()] for x in X])

    def test_units_of_each_target_do_not_matter(self):
        one = RNNRegressor(**TINY).fit(X, self.targets).predict(X)
        scaled = self.targets * [1e4, 1e-4] + [5, -7]
        other = RNNRegressor(**TINY).fit(X, scaled).predict(X)
        np.testing.assert_allclose(one * [1e4, 1e-4] + [5, -7], other, rtol=1e-4)

    @pytest.mark.parametrize("convert", [np.ndarray.tolist, pd.DataFrame, list])
    def test_containers(self, convert):
        one = RNNRegressor(**TINY).fit(X, self.targets)
        other = RNNRegressor(**TINY).fit(X, convert(self.targets))
        np.testing.assert_allclose(one.predict(X), other.predict(X), atol=1e-9)

    def test_weights(self):
        weight = np.arange(24) % 2 + 1
        settings = TINY | ONE_BATCH
        one = RNNRegressor(**settings).fit(X, self.targets, sample_weight=weight)
        plain = RNNRegressor(**settings).fit(X, self.targets)
        assert np.abs(one.predict(X) - plain.predict(X)).max() > 1e-3

    def test_early_stopping_and_more_training(self):
        model = RNNRegressor(**TINY, early_stopping=True, validation_split=0.25)
        assert len(model.fit(X, self.targets).history_["val_loss"]) == 1
        model = RNNRegressor(**TINY).partial_fit(X, self.targets)
        model.partial_fit(X[:5], self.targets[:5], sample_weight=np.ones(5))
        assert model.n_iter_ == 2
        assert model.predict(X[:1]).shape == (1, 2)

    def test_constant_target(self):
        y = np.column_stack([self.targets[:, 0], np.full(24, 7.0)])
        model = RNNRegressor(**TINY, learning_rate=1e-30).fit(X, y)
        assert np.abs(model.predict(X)[:, 1] - 7).max() < 5
