"""User-defined Keras networks as classifiers and regressors of sequences."""

import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import sklstm
from sklstm import LSTMForecaster, WindowForecaster
from sklstm.keras import KerasSequenceClassifier, KerasSequenceRegressor

ROOT = Path(sklstm.__file__).parents[1]


def build_line(meta, n_outputs=None):
    """Build a linear map of all values of a sample."""
    n_outputs = meta["n_outputs_"] if n_outputs is None else n_outputs
    return keras.Sequential(
        [keras.Input(meta["X_shape_"][1:]), layers.Flatten(), layers.Dense(n_outputs)]
    )


def build_classes(meta, n_outputs=None, activation="softmax"):
    n_outputs = meta["n_classes_"] if n_outputs is None else n_outputs
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Flatten(),
            layers.Dense(n_outputs, activation=activation),
        ]
    )


def build_masked(meta, units=3, dropout=0.0):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Masking(),
            layers.GRU(units, dropout=dropout),
            layers.Dense(meta["n_outputs_"]),
        ]
    )


class Named:
    """Function with a short repr, so that test ids are equal in each process."""

    def __init__(self, build):
        self.build = build

    def __call__(self, meta):
        return self.build(meta)

    def __repr__(self):
        return self.build.__name__


QUICK = {"run_eagerly": True, "optimizer": "sgd", "epochs": 1, "random_state": 0}

EXPECTED_FAILURES = {
    "check_estimator_tags_renamed": (
        "scikeras' own class, from which these inherit, has _more_tags and no "
        "__sklearn_tags__; these have their own __sklearn_tags__."
    ),
}

# Networks compute in single precision, whose rounding depends on the order and number
# of the samples. scikit-learn compares with a tolerance for double precision.
DEPENDS_ON_ROUNDING = {"check_sample_weight_equivalence_on_dense_data"}
# Only on some CPUs.
DEPENDS_ON_POSITION = {
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
}


@parametrize_with_checks(
    [
        KerasSequenceRegressor(Named(build_line), **QUICK, batch_size=-1),
        KerasSequenceClassifier(Named(build_classes), **QUICK, batch_size=-1),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator, check, monkeypatch, rows_round_alike):
    inexact = DEPENDS_ON_ROUNDING
    if not rows_round_alike:
        inexact = DEPENDS_ON_ROUNDING | DEPENDS_ON_POSITION
    if check.func.__name__ in inexact:
        compare = estimator_checks.assert_allclose_dense_sparse
        monkeypatch.setattr(
            estimator_checks,
            "assert_allclose_dense_sparse",
            lambda *args, **kwargs: compare(
                *args, **{**kwargs, "rtol": 1e-5, "atol": 1e-6}
            ),
        )
    check(estimator)


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 2)) for n in (5, 3, 6, 4, 5, 2, 6, 3)]


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 20)
    return rng.normal(size=(60, 2)) + 4 * np.eye(3, 2)[np.repeat([0, 1, 2], 20)], y


class TestTags:
    def test_estimator_type_and_tags(self):
        classifier = KerasSequenceClassifier(build_classes)
        regressor = KerasSequenceRegressor(build_line)
        assert is_classifier(classifier)
        assert is_regressor(regressor)
        for estimator in (classifier, regressor):
            assert get_tags(estimator).input_tags.three_d_array
            assert get_tags(estimator).input_tags.two_d_array
        assert get_tags(regressor).target_tags.multi_output
        assert not get_tags(classifier).target_tags.multi_output

    def test_cross_validation_of_classifiers_is_stratified(self):
        folds = check_cv(
            2,
            [0, 0, 0, 1],
            classifier=is_classifier(KerasSequenceClassifier(build_classes)),
        )
        assert type(folds).__name__ == "StratifiedKFold"

    def test_repr(self):
        model = KerasSequenceRegressor(build_line, epochs=3, model__n_outputs=2)
        text = repr(model)
        assert "epochs=3" in text
        assert "model__n_outputs=2" in text
        assert "batch_size" not in text
        assert "model__n_outputs" in model._repr_html_()


class TestInput:
    def test_shapes_of_x_and_metadata(self, sequences):
        seen = []

        def build(meta):
            seen.append((meta["X_shape_"], meta["n_features_in_"], meta["n_outputs_"]))
            return build_masked(meta) if len(seen) > 1 else build_line(meta)

        model = KerasSequenceRegressor(build, **QUICK)
        rng = np.random.default_rng(0)
        Y = rng.normal(size=(8, 2))
        assert model.fit(rng.normal(size=(8, 3)), Y[:, 0]).predict(
            rng.normal(size=(4, 3))
        ).shape == (4,)
        assert model.fit(rng.normal(size=(8, 5, 3)), Y).predict(
            rng.normal(size=(4, 5, 3))
        ).shape == (4, 2)
        assert model.fit(sequences, Y).predict(sequences[:3]).shape == (3, 2)
        assert seen == [((8, 3), 3, 1), ((8, 5, 3), 3, 2), ((8, None, 2), 2, 2)]

    def test_padding_is_masked(self, sequences):
        y = np.arange(8.0)
        model = KerasSequenceRegressor(build_masked, **QUICK).fit(sequences, y)
        padded = model.predict(sequences)
        for i, sequence in enumerate(sequences):
            unpadded = model.model_(sequence[None].astype(np.float32)).numpy()
            np.testing.assert_allclose(padded[i], unpadded[0, 0], atol=1e-6)
        # A sequence longer than those in fit, an array, and a single sequence.
        longer = np.vstack([sequences[0], np.zeros((4, 2))])
        np.testing.assert_allclose(
            model.predict([longer, sequences[1]]), padded[:2], atol=1e-6
        )
        np.testing.assert_allclose(
            model.predict(sequences[0][None]), padded[:1], atol=1e-6
        )
        assert model.predict(sequences[:1]).shape == (1,)

    def test_padding_value(self, sequences):
        seen = []

        class Keeper(layers.Layer):
            def call(self, x):
                seen.append(x)
                return x[:, 0, :1]

        def build(meta):
            return keras.Sequential([keras.Input(meta["X_shape_"][1:]), Keeper()])

        model = KerasSequenceRegressor(build, padding=-7.0, loss="mse", **QUICK)
        model.fit(sequences, np.arange(8.0)).predict(sequences[1:2])
        (read,) = seen[-1].numpy()
        assert read.shape == (6, 2)
        np.testing.assert_allclose(read[:3], sequences[1], rtol=1e-6)
        assert (read[3:] == -7).all()

    def test_cross_validation_of_sequences(self, sequences):
        y = np.array([0, 1] * 4)

        def build(meta):
            hidden = build_masked({**meta, "n_outputs_": meta["n_classes_"]})
            return keras.Sequential([hidden, layers.Softmax()])

        model = KerasSequenceClassifier(build, **QUICK)
        assert cross_val_predict(model, sequences, y, cv=2).shape == (8,)

    def test_feature_names(self):
        X = pd.DataFrame(np.eye(4), columns=list("abcd"))
        model = KerasSequenceRegressor(build_line, **QUICK).fit(X, [1, 2, 3, 4.0])
        assert list(model.feature_names_in_) == list("abcd")
        with pytest.raises(ValueError, match="feature names"):
            model.predict(X[["b", "a", "c", "d"]])

    def test_windows_of_a_forecaster(self, series):
        seen = []

        def build(meta):
            seen.append((meta["X_shape_"], meta["n_outputs_"]))
            return build_line(meta)

        regressor = KerasSequenceRegressor(build, **QUICK)
        model = WindowForecaster(regressor, 6, horizon=3).fit(series[:60], series[:60])
        assert seen == [((52, 6, 2), 6)]
        assert model.predict(series[60:]).shape == (20, 2)
        assert model.forecast().shape == (3, 2)
        weighted = clone(model).fit(
            series[:60], series[:60], sample_weight=np.arange(60)
        )
        assert np.abs(weighted.forecast() - model.forecast()).max() > 1e-6


class TestErrors:
    X, y = np.zeros((6, 4, 2)), np.arange(6.0)

    @pytest.mark.parametrize("n_outputs", [1, 5])
    def test_wrong_number_of_outputs(self, series, n_outputs):
        regressor = KerasSequenceRegressor(
            build_line, model__n_outputs=n_outputs, **QUICK
        )
        model = WindowForecaster(regressor, 4, horizon=3)
        with pytest.raises(
            ValueError,
            match=rf"output has 3 value.*has shape \(None, {n_outputs}\).*n_outputs_",
        ):
            model.fit(series, series[:, 0])
        assert not hasattr(model, "regressor_")

    def test_output_for_each_step(self):
        def build(meta):
            return keras.Sequential(
                [keras.Input((None, 2)), layers.GRU(1, return_sequences=True)]
            )

        model = KerasSequenceRegressor(build, **QUICK)
        with pytest.raises(ValueError, match=r"\(None, None, 1\).*return_sequences"):
            model.fit(self.X, self.y)

    def test_network_built_by_its_first_batch(self):
        def build(n_outputs):
            return keras.Sequential([layers.Flatten(), layers.Dense(n_outputs)])

        model = KerasSequenceRegressor(build, model__n_outputs=2, **QUICK)
        with pytest.raises(ValueError, match=r"1 value.*\(None, 2\)"):
            model.fit(self.X, self.y)
        model.set_params(model__n_outputs=1).fit(self.X, self.y)

    def test_several_outputs_or_inputs(self):
        def build(n_inputs):
            x = [keras.Input((4, 2)) for _ in range(n_inputs)]
            flat = layers.Flatten()(x[0])
            return keras.Model(x, [layers.Dense(1)(flat) for _ in range(3 - n_inputs)])

        for n_inputs, kind in ((1, "output"), (2, "input")):
            model = KerasSequenceRegressor(build, model__n_inputs=n_inputs, **QUICK)
            with pytest.raises(ValueError, match=f"one {kind}.*got 2 {kind}"):
                model.fit(self.X, self.y)

    def test_input_shape_that_does_not_match(self):
        def build():
            return keras.Sequential(
                [keras.Input((5, 2)), layers.Flatten(), layers.Dense(1)]
            )

        model = KerasSequenceRegressor(build, **QUICK)
        with pytest.raises(
            ValueError, match=r"X, of shape \(6, 4, 2\).*reads shape \(None, 5, 2\)"
        ):
            model.fit(self.X, self.y)
        model.fit(np.zeros((6, 5, 2)), self.y)
        with pytest.raises(ValueError, match=r"\(6, 4, 2\)"):
            model.predict(self.X)
        with pytest.raises(ValueError, match=r"fitted with X of shape \(6, 5, 2\)"):
            model.predict(np.zeros((6, 5)))

    def test_invalid_classes(self, blobs):
        X, y = blobs
        model = KerasSequenceClassifier(build_classes, model__n_outputs=2, **QUICK)
        with pytest.raises(ValueError, match=r"3 values.*\(None, 2\).*n_classes_"):
            model.fit(X, y)
        with pytest.raises(ValueError, match="two classes, got one class"):
            model.fit(X[:20], y[:20])
        model.set_params(model__n_outputs=3).fit(X, y)
        with pytest.raises(ValueError, match="class 'd'"):
            model.partial_fit(X, np.repeat(["a", "b", "d"], 20))

    def test_failed_fit_changes_nothing(self, blobs):
        X, y = blobs
        model = KerasSequenceClassifier(build_classes, **QUICK).fit(X, y)
        before = vars(model).copy()
        with pytest.raises(ValueError, match="NaN"):
            model.fit(np.full((60, 3), np.nan), y)
        assert vars(model) == before

    def test_invalid_parameters(self):
        with pytest.raises(ValueError, match="'model' parameter of KerasSequenceReg"):
            KerasSequenceRegressor().fit(self.X, self.y)
        with pytest.raises(ValueError, match="'epochs' parameter"):
            KerasSequenceRegressor(build_line, epochs=0).fit(self.X, self.y)
        with pytest.raises(ValueError, match="Invalid parameter epoch"):
            KerasSequenceRegressor(build_line).set_params(epoch=1)
        with pytest.raises(NotFittedError):
            KerasSequenceRegressor(build_line).predict(self.X)

    def test_diverging_training(self):
        model = KerasSequenceRegressor(
            build_line, **{**QUICK, "epochs": 8}, optimizer__learning_rate=1e20
        )
        X = np.random.default_rng(0).normal(size=(6, 3))
        with pytest.raises(FloatingPointError, match="diverged"):
            model.fit(X, self.y)
        assert not hasattr(model, "model_")

    def test_invalid_x(self):
        model = KerasSequenceRegressor(build_line, **QUICK)
        with pytest.raises(ValueError, match=r"X\[1\] has 3 channel.*X\[0\] has 2"):
            model.fit([np.zeros((4, 2)), np.zeros((5, 3))], [0.0, 1.0])
        with pytest.raises(ValueError, match=r"X\[1\], step 2"):
            model.fit([np.zeros((4, 2)), np.diag([0, 0, np.nan])[:, 1:]], [0.0, 1.0])
        with pytest.raises(ValueError, match=r"X must have shape.*\(2, 3, 4, 5\)"):
            model.fit(np.zeros((2, 3, 4, 5)), [0.0, 1.0])


def weights(model):
    return model.model_.get_weights()


class TestRandomState:
    X = np.random.default_rng(0).normal(size=(12, 4, 2))
    y = X[:, 0, 0]
    estimator = KerasSequenceRegressor(
        build_masked, model__dropout=0.5, run_eagerly=True, epochs=2, batch_size=4
    )

    def test_same_seed_gives_same_weights(self):
        first, same, other, unseeded, unseeded_again = (
            weights(
                clone(self.estimator).set_params(random_state=seed).fit(self.X, self.y)
            )
            for seed in (0, 0, 1, None, None)
        )
        for a, b in zip(first, same, strict=True):
            np.testing.assert_array_equal(a, b)
        assert np.abs(first[0] - other[0]).max() > 1e-3
        assert np.abs(unseeded[0] - unseeded_again[0]).max() > 1e-3

    def test_random_state_instance_advances(self):
        state = np.random.RandomState(0)
        model = clone(self.estimator).set_params(random_state=state)
        # A clone would have a copy of the instance.
        first, second = (weights(model.fit(self.X, self.y)) for _ in range(2))
        assert np.abs(first[0] - second[0]).max() > 1e-3

    @pytest.mark.parametrize("seed", [0, None])
    def test_global_generators_are_unchanged(self, seed):
        def draw():
            return [
                random.random(),
                np.random.random(),
                float(tf.random.uniform(())),
                float(keras.random.uniform(())),
            ]

        model = clone(self.estimator).set_params(random_state=seed)
        numbers = []
        for with_fit in (False, True):
            keras.utils.set_random_seed(3)
            before = draw()
            if with_fit:
                model.fit(self.X, self.y).predict(self.X)
            numbers.append(before + draw())
        assert numbers[0] == numbers[1]


class TestFit:
    def test_nested_parameters_in_a_search(self, series):
        model = make_pipeline(
            StandardScaler(),
            WindowForecaster(KerasSequenceRegressor(build_masked, **QUICK), 4),
        )
        search = GridSearchCV(
            model,
            {"windowforecaster__regressor__model__units": [2, 5]},
            cv=2,
            scoring="neg_mean_absolute_error",
        ).fit(series, series[:, 0])
        forecaster = search.best_estimator_[-1]
        units = search.best_params_["windowforecaster__regressor__model__units"]
        assert forecaster.regressor_.model_.layers[1].units == units

    def test_clone_and_parameters(self):
        model = KerasSequenceRegressor(build_masked, model__units=4, epochs=2)
        assert clone(model).get_params() == model.get_params()
        assert "build_fn" not in model.get_params()
        model.set_params(model__units=5, optimizer__learning_rate=0.1)
        assert clone(model).get_params()["optimizer__learning_rate"] == 0.1
        with pytest.raises(TypeError, match="unit"):
            model.set_params(model__unit=5).fit(np.zeros((3, 2, 1)), [0.0, 1, 2])

    def test_compiled_network_and_optimizer_instance(self):
        X = np.random.default_rng(0).normal(size=(20, 3))
        y = X @ [1.0, 2.0, 3.0]

        def compiled(meta, compile_kwargs):
            network = build_line(meta)
            network.compile(**compile_kwargs)
            return network

        results = []
        for build in (build_line, compiled):
            optimizer = keras.optimizers.SGD(0.2)
            model = KerasSequenceRegressor(
                build, optimizer=optimizer, epochs=12, batch_size=-1, random_state=0
            )
            model.fit(X, y)
            results.append(model.fit(X, y).predict(X))  # twice with the same optimizer
            assert not optimizer.built
            assert len(model.history_["loss"]) == 12
            assert model.score(X, y) > 0.9
        np.testing.assert_allclose(*results, rtol=1e-6)

    def test_built_network_is_copied(self):
        network = build_line({"X_shape_": (6, 3), "n_outputs_": 1})
        start = network.get_weights()
        model = KerasSequenceRegressor(network, **QUICK)
        first = model.fit(np.eye(6, 3), np.arange(6.0)).predict(np.eye(3))
        np.testing.assert_array_equal(network.get_weights()[0], start[0])
        again = model.fit(np.eye(6, 3), np.arange(6.0)).predict(np.eye(3))
        np.testing.assert_array_equal(first, again)

    def test_partial_fit_and_warm_start(self):
        X, y = np.eye(6, 3), np.arange(6.0)
        model = KerasSequenceRegressor(build_line, **QUICK)
        model.partial_fit(X, y)
        first = weights(model)
        model.partial_fit(X, y)
        assert len(model.history_["loss"]) == 2
        assert np.abs(weights(model)[0] - first[0]).max() > 1e-6
        network = model.set_params(warm_start=True).fit(X, y).model_
        assert network is model.fit(X, y).model_
        assert network is not model.set_params(warm_start=False).fit(X, y).model_

    def test_callbacks_do_not_keep_the_network(self):
        stop = keras.callbacks.EarlyStopping("loss", min_delta=1e9, patience=1)
        model = KerasSequenceRegressor(build_line, callbacks=[stop], **QUICK)
        model.set_params(epochs=9).fit(np.eye(6, 3), np.arange(6.0)).predict(np.eye(3))
        assert len(model.history_["loss"]) == 2
        assert stop.model is None

    def test_output_of_three_dimensions(self):
        def build(meta):
            return keras.Sequential([build_line(meta), layers.Reshape((3, 2))])

        Y = np.random.default_rng(0).normal(size=(10, 6))
        model = KerasSequenceRegressor(build, **QUICK).fit(Y, Y)
        assert model.predict(Y).shape == (10, 6)


class TestClassification:
    @pytest.mark.parametrize(
        "loss",
        [None, "categorical_crossentropy", "sparse_categorical_crossentropy", "mse"],
    )
    def test_three_classes(self, blobs, loss):
        X, y = blobs
        model = KerasSequenceClassifier(
            build_classes, loss=loss, metrics=["accuracy"], **QUICK
        )
        model.set_params(epochs=12, optimizer="adam", optimizer__learning_rate=0.3)
        probability = model.set_params(batch_size=-1).fit(X, y).predict_proba(X)
        np.testing.assert_allclose(probability.sum(axis=1), 1)
        assert model.score(X, y) > 0.9
        assert abs(model.history_["accuracy"][-1] - model.score(X, y)) < 0.1
        assert set(model.predict(X)) == {"a", "b", "c"}
        assert model.predict_proba(X[:1]).shape == (1, 3)

    @pytest.mark.parametrize("n_outputs", [1, 2])
    @pytest.mark.parametrize("logits", [False, True])
    def test_two_classes(self, blobs, n_outputs, logits):
        X, y = blobs[0][:40], blobs[1][:40]
        activation = "sigmoid" if n_outputs == 1 else "softmax"
        model = KerasSequenceClassifier(
            build_classes,
            loss=keras.losses.BinaryCrossentropy(from_logits=True) if logits else None,
            model__n_outputs=n_outputs,
            model__activation=None if logits else activation,
            **QUICK,
        )
        model.set_params(epochs=8, batch_size=-1, optimizer__learning_rate=1.0)
        probability = model.fit(X, y).predict_proba(X)
        assert probability.shape == (40, 2)
        np.testing.assert_allclose(probability.sum(axis=1), 1)
        assert model.score(X, y) > 0.9

    def test_class_weight_and_sample_weight(self, blobs):
        X, y = blobs
        rare = np.r_[:20, 20:25, 40:60]
        model = KerasSequenceClassifier(build_classes, **QUICK)
        plain = clone(model).fit(X[rare], y[rare])
        balanced = (
            clone(model).set_params(class_weight="balanced").fit(X[rare], y[rare])
        )
        weight = np.where(y[rare] == "b", 4.0, 1.0)
        passed = weight.copy()
        by_sample = clone(model).fit(X[rare], y[rare], sample_weight=passed)
        by_class = (
            clone(model)
            .set_params(class_weight={"b": 4.0})
            .fit(X[rare], y[rare], sample_weight=np.ones(45))
        )
        np.testing.assert_array_equal(passed, weight)
        for other in (balanced, by_class):
            np.testing.assert_allclose(
                weights(other)[0], weights(by_sample)[0], atol=1e-6
            )
        assert np.abs(weights(plain)[0] - weights(by_sample)[0]).max() > 1e-4

    def test_classes_passed_to_partial_fit(self, blobs):
        X, y = blobs
        model = KerasSequenceClassifier(build_classes, **QUICK)
        model.partial_fit(X[:40], y[:40], classes=["a", "b", "c"])
        assert model.partial_fit(X[40:], y[40:]).predict_proba(X).shape == (60, 3)


NETWORKS = """
import keras

def build(meta, units=3):
    return keras.Sequential([
        keras.Input(meta["X_shape_"][1:]),
        keras.layers.LSTM(units),
        keras.layers.Dense(meta["n_outputs_"]),
    ])
"""


def run(code, path, *folders):
    """Run code in a new process, with these folders first on the import path."""
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={"PYTHONPATH": ":".join(map(str, folders)), "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_unpickling_in_a_new_process(series, tmp_path, monkeypatch):
    (tmp_path / "my_networks.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(tmp_path)
    import my_networks

    regressor = KerasSequenceRegressor(my_networks.build, **QUICK)
    model = WindowForecaster(regressor, 4, horizon=2).fit(series[:60], series[:60, 0])
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    np.save(tmp_path / "X.npy", series[60:])
    run(
        "import pickle, sys, numpy as np, sklstm; assert 'scikeras' not in sys.modules;"
        "model = pickle.load(open(sys.argv[1], 'rb'));"
        "np.save('y_pred.npy', model.predict(np.load('X.npy')));"
        "model.regressor_.partial_fit(np.zeros((2, 4, 2)), np.zeros((2, 2)))",
        path,
        tmp_path,
        ROOT,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "y_pred.npy"), model.predict(series[60:]), rtol=1e-6
    )


def test_saved_networks_load_without_this_package(series, tmp_path):
    cells = {
        "lstm": {},
        "gru": {"units": (3, 2), "bidirectional": True, "patch_length": 2},
        "rnn": {"quantiles": (0.1, 0.5, 0.9), "known_future": 1},
    }
    rng = np.random.default_rng(0)
    expected = {}
    for cell, parameters in cells.items():
        model = LSTMForecaster(
            6, horizon=2, cell=cell, epochs=1, **{"units": 3, **parameters}
        ).fit(series, series[:, 0])
        network = model.network_
        network.save(tmp_path / f"{cell}.keras")
        shapes = [(5, *tensor.shape[1:]) for tensor in network.inputs]
        inputs = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
        np.savez(tmp_path / f"{cell}.npz", *inputs)
        expected[f"{cell}.outputs.npy"] = network(inputs).numpy()
    run(
        "import sys, pathlib, numpy as np; sys.modules['sklstm'] = None\n"
        "import keras\n"
        "for path in pathlib.Path(sys.argv[1]).glob('*.keras'):\n"
        "    network = keras.saving.load_model(path)\n"
        "    inputs = list(np.load(path.with_suffix('.npz')).values())\n"
        "    np.save(path.with_suffix('.outputs.npy'), network(inputs).numpy())",
        tmp_path,
        tmp_path,
    )
    for name, outputs in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / name), outputs, atol=1e-6)


def test_threads_do_not_share_random_numbers():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6, 1)), rng.normal(size=40)

    def fit(_):
        regressor = KerasSequenceRegressor(
            build_masked, model__dropout=0.5, epochs=2, random_state=0
        )
        return regressor.fit(X, y).predict(X)

    expected = fit(0)
    with ThreadPoolExecutor(3) as threads:
        for y_pred in threads.map(fit, range(3)):
            np.testing.assert_array_equal(y_pred, expected)


def test_function_that_returns_none():
    with pytest.raises(
        ValueError, match=r"returns a keras.Model, but it returned None"
    ):
        KerasSequenceRegressor(lambda meta: None).fit(np.zeros((4, 3)), np.zeros(4))
