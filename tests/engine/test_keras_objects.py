"""Losses, optimizers and callbacks of Keras are used and copied exactly as given."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sktime.split import ExpandingWindowSplitter

from sklstm import (
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    RNNClassifier,
    RNNRegressor,
    WalkForwardCV,
    engine,
)
from sklstm.engine import pool as pool_module
from sklstm.keras import KerasSequenceClassifier, KerasSequenceRegressor
from sklstm.sktime import SktimeLSTMForecaster

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
WALK = np.cumsum(RNG.normal(size=(60, 1)), axis=0)
SEQUENCES = [RNG.normal(size=(n, 1)) for n in (4, 7, 5, 6)] * 4
NUMBERS = RNG.normal(size=16)
LABELS = np.arange(16) % 2
TINY = {"units": 2, "epochs": 2, "random_state": 0}

DELTA = 0.05
HUBER = keras.losses.Huber(delta=DELTA)


# None of these classes is registered with Keras.


class Pinball(keras.losses.Loss):
    """An asymmetric loss, without a configuration."""

    def __init__(self, q):
        super().__init__()
        self.q = q

    def call(self, y_true, y_pred):
        return pinball(self.q)(y_true, y_pred)


class ScaledSGD(keras.optimizers.SGD):
    """An optimizer that scales gradients; its configuration lacks the factor."""

    def __init__(self, learning_rate=0.01, factor=1.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.factor = factor

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient * self.factor, variable, learning_rate)


class Steady(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that stays at one rate, without a configuration."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return keras.ops.convert_to_tensor(self.rate, "float32")


def pinball(q):
    def loss(y_true, y_pred):
        error = y_true - y_pred
        return keras.ops.mean(keras.ops.maximum(q * error, (q - 1) * error), axis=-1)

    return loss


def huber(y_true, y_pred):
    return keras.losses.huber(y_true, y_pred, delta=DELTA)


LOSSES = {"huber": (HUBER, huber), "own": (Pinball(0.9), pinball(0.9))}

ESTIMATORS = {
    "forecaster": lambda: (LSTMForecaster(5, linear_skip=False, **TINY), (WALK,)),
    "regressor": lambda: (RNNRegressor(**TINY), (SEQUENCES, NUMBERS)),
    "classifier": lambda: (RNNClassifier(**TINY), (SEQUENCES, LABELS)),
    "autoencoder": lambda: (LSTMAutoencoderDetector(5, **TINY), (WALK,)),
    "detector": lambda: (LSTMForecastDetector(5, **TINY), (WALK,)),
}


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def differ(one, other):
    return any(np.abs(a - b).max() > 1e-6 for a, b in zip(one, other, strict=True))


COPIES = {
    "clone": clone,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_object_is_trained_with_unchanged(estimator, loss):
    """As the function that computes the same."""
    model, data = ESTIMATORS[estimator]()
    default = clone(model).fit(*data).weights_
    loss_object, function = LOSSES[loss]
    expected = clone(model).set_params(loss=function).fit(*data).weights_
    actual = model.set_params(loss=loss_object).fit(*data).weights_
    assert_same(actual, expected)
    assert differ(actual, default)


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": HUBER},
        {"loss": Pinball(0.9)},
        {"optimizer": ScaledSGD(0.1, factor=3.0)},
        {"optimizer": keras.optimizers.SGD(Steady(0.1))},
        {
            "optimizer": keras.optimizers.Adam(
                keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
            )
        },
    ],
    ids=["huber", "own loss", "own optimizer", "own schedule", "schedule"],
)
def test_copies_train_alike_and_share_a_program(parameters, make_copy, monkeypatch):
    pool = pool_module._ProgramPool(pool_module.MAX_IDLE_PROGRAMS)
    monkeypatch.setattr(pool_module, "_pool", pool)
    model = LSTMForecaster(5, linear_skip=False, **TINY, **parameters).fit(WALK)
    copied = make_copy(model)
    assert_same(copied.fit(WALK).weights_, model.weights_)
    assert copied._training_spec == model._training_spec
    assert sum(map(len, pool._idle.values())) == 1


def test_other_parameters_are_another_program():
    specs = [
        engine.training_spec(loss, optimizer)
        for loss in (HUBER, keras.losses.Huber(delta=2.0), Pinball(0.1), Pinball(0.2))
        for optimizer in (ScaledSGD(factor=1.0), ScaledSGD(factor=2.0))
    ]
    assert len(set(specs)) == len(specs)
    again = engine.training_spec(keras.losses.Huber(delta=DELTA), ScaledSGD())
    assert again == specs[0]
    assert again != "huber"


def test_a_loss_that_is_changed_later_has_no_effect_on_the_last_fit():
    loss = Pinball(np.array(0.9))
    spec = engine.training_spec(loss, "adam")
    loss.q = np.array(0.1)
    assert spec == engine.training_spec(Pinball(np.array(0.9)), "adam")
    assert spec != engine.training_spec(loss, "adam")


def test_an_optimizer_of_its_own_class_and_schedules():
    def fit(optimizer):
        model = LSTMForecaster(5, linear_skip=False, optimizer=optimizer, **TINY)
        return model.fit(WALK).weights_

    expected = fit(keras.optimizers.SGD(0.25))
    assert_same(fit(ScaledSGD(0.125, factor=2.0)), expected)
    assert_same(fit(keras.optimizers.SGD(Steady(0.25))), expected)


def test_an_optimizer_that_cannot_be_copied():
    class Forgetful(keras.optimizers.SGD):
        def __init__(self, factor):
            super().__init__(0.1 * factor)

    with pytest.raises(ValueError, match="Forgetful.*get_config.*'factor'"):
        LSTMForecaster(5, optimizer=Forgetful(2.0), **TINY).fit(WALK)


def test_reductions():
    """One batch, so the sum has the gradient of the mean times the number of values."""
    n_values = 55

    def fit(reduction, rate, **data):
        model = LSTMForecaster(
            5,
            linear_skip=False,
            batch_size=64,
            loss=keras.losses.MeanAbsoluteError(reduction=reduction),
            optimizer=keras.optimizers.SGD(rate),
            **TINY,
        )
        return model.fit(WALK, **data)

    mean = fit("sum_over_batch_size", 0.55)
    total = fit("sum", 0.01)
    for a, b in zip(mean.weights_, total.weights_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(
        total.history_["loss"], n_values * np.array(mean.history_["loss"]), rtol=1e-5
    )
    weight = RNG.uniform(1, 2, size=60)
    weighted = fit("mean_with_sample_weight", 0.55, sample_weight=weight)
    plain = fit(None, 0.55, sample_weight=weight)
    # Both divide by the same number, up to the weights that are no targets.
    scale = (weight[5:] / weight.mean()).mean()
    np.testing.assert_allclose(
        weighted.history_["loss"][0], plain.history_["loss"][0] / scale, rtol=1e-5
    )


@pytest.mark.parametrize("axes", [-1, None, ()])
def test_functions_that_reduce_other_axes(axes):
    """A scalar, or no reduction at all, is averaged to the same loss."""

    def loss(y_true, y_pred):
        error = keras.ops.abs(y_true - y_pred)
        return error if axes == () else keras.ops.mean(error, axis=axes)

    def fit(loss):
        model = LSTMForecaster(5, 2, linear_skip=False, loss=loss, **TINY)
        return model.fit(np.hstack([WALK, WALK[::-1]])).weights_

    for a, b in zip(fit(loss), fit("mae"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_loss_that_reduces_too_many_axes():
    def loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=(1, 2))

    with pytest.raises(ValueError, match=r"loss must reduce the last axis only"):
        LSTMForecaster(5, 3, loss=loss, **TINY).fit(WALK)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda y_true, y_pred: 3.0, "does not depend on y_pred"),
        (keras.metrics.MeanSquaredError(), "does not depend on y_pred"),
        (lambda y: y, "loss cannot be computed.*keras.ops"),
        (lambda y_true, y_pred: np.abs(y_true - y_pred), "cannot be computed.*ops"),
        ("sparse_categorical_crossentropy", "for these targets.*label value"),
    ],
    ids=["constant", "metric", "one argument", "numpy", "sparse"],
)
def test_a_loss_that_cannot_be_trained_with(loss, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        LSTMForecaster(5, loss=loss, **TINY).fit(WALK)


def test_a_loss_for_class_indices():
    with pytest.raises(ValueError, match=r"for y_true of shape \(None, 2\)"):
        RNNClassifier(loss="sparse_categorical_crossentropy", **TINY).fit(
            SEQUENCES, LABELS
        )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": keras.losses.Huber}, r"loss must hold an object.*Huber\(\)"),
        ({"optimizer": keras.optimizers.Adam}, r"optimizer must hold.*Adam\(\)"),
        (
            {"callbacks": [keras.callbacks.EarlyStopping]},
            r"callbacks must hold.*EarlyStopping\(\)",
        ),
        (
            {"callbacks": keras.callbacks.EarlyStopping},
            r"callbacks must hold.*EarlyStopping\(\)",
        ),
    ],
)
def test_classes_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        LSTMForecaster(5, **TINY, **parameters).fit(WALK)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_over_losses(n_jobs):
    """Each candidate trains with its own loss, in worker processes too."""
    losses = [HUBER, keras.losses.Huber(delta=2.0), Pinball(0.9)]
    splitter = ExpandingWindowSplitter(np.arange(1, 5), initial_window=56)
    model = LSTMForecaster(5, linear_skip=False, **TINY)
    search = GridSearchCV(
        model, {"loss": losses}, cv=WalkForwardCV(splitter), n_jobs=n_jobs, refit=False
    ).fit(WALK, WALK[:, 0])
    expected = [
        clone(model)
        .set_params(loss=loss)
        .fit(WALK[:56], WALK[:56, 0])
        .score(WALK[56:], WALK[56:, 0])
        for loss in losses
    ]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)
    assert len(set(expected)) == 3


def test_copies_of_sktime_estimators():
    y = pd.Series(WALK[:, 0])
    model = SktimeLSTMForecaster(5, loss=HUBER, linear_skip=False, **TINY)
    expected = model.fit(y, fh=[1]).predict()
    for copied in (model.clone(), *(make_copy(model) for make_copy in COPIES.values())):
        pd.testing.assert_series_equal(copied.fit(y, fh=[1]).predict(), expected)
        assert copied.loss is not HUBER


def test_unpickling_in_another_process(tmp_path):
    """Copies made there are right, too."""
    model = LSTMForecaster(5, loss=HUBER, linear_skip=False, **TINY).fit(WALK)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps((model, HUBER)))
    code = (
        "import copy, pickle, sys\n"
        "model, loss = pickle.load(open(sys.argv[1], 'rb'))\n"
        "copied = copy.deepcopy(loss)\n"
        "assert copied is not loss\n"
        f"print(copied([[0.0]], [[1.0]]).numpy() == {DELTA * (1 - DELTA / 2)!r})\n"
    )
    code = code.replace("== ", "- ")
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert abs(float(result.stdout)) < 1e-6


# Networks of the user


def build(meta):
    outputs = meta.get("n_classes_", meta["n_outputs_"])
    activation = "softmax" if "n_classes_" in meta else None
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )


def weights(model):
    return model.model_.get_weights()


TABLE = RNG.normal(size=(20, 3))


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": HUBER, "metrics": ["mae"]},
        {"loss": Pinball(0.9)},
        {"optimizer": ScaledSGD(0.1, factor=3.0)},
        {"optimizer": keras.optimizers.SGD(Steady(0.1)), "loss": Pinball(0.9)},
    ],
    ids=["huber", "own loss", "own optimizer", "own schedule"],
)
def test_copies_of_estimators_of_users_networks(parameters, make_copy):
    y = TABLE @ [1.0, 2.0, 3.0]
    model = KerasSequenceRegressor(build, epochs=2, random_state=0, **parameters)
    model.fit(TABLE, y)
    assert_same(weights(clone(model).fit(TABLE, y)), weights(model))
    copied = make_copy(model)
    if make_copy is clone:
        copied.fit(TABLE, y)
    assert_same(weights(copied), weights(model))
    model.partial_fit(TABLE, y)  # with the loss, and the state of the optimizer
    assert_same(weights(copied.partial_fit(TABLE, y)), weights(model))
    assert model.history_["loss"] == copied.history_["loss"]


@pytest.mark.parametrize("loss", [HUBER, Pinball(0.9)], ids=["huber", "own"])
def test_a_compiled_network_is_copied_with_its_loss(loss):
    y = TABLE @ [1.0, 2.0, 3.0]

    def compiled(loss):
        network = build({"X_shape_": TABLE.shape, "n_outputs_": 1})
        network.set_weights([np.ones((3, 1)), np.zeros(1)])
        network.compile(ScaledSGD(0.1, factor=2.0), loss)
        return KerasSequenceRegressor(network, epochs=2, random_state=0)

    model = compiled(loss).fit(TABLE, y)
    assert differ(weights(model), weights(compiled("mae").fit(TABLE, y)))
    for make_copy in COPIES.values():
        assert_same(weights(make_copy(model).fit(TABLE, y)), weights(model))
    assert model.model.compiled


@pytest.mark.parametrize(
    "model",
    [
        RNNClassifier(units=2, epochs=1),
        KerasSequenceClassifier(build, epochs=1),
    ],
    ids=["RNNClassifier", "KerasSequenceClassifier"],
)
@pytest.mark.parametrize("extra", [7, "0"])
def test_class_weight_of_unknown_labels(model, extra):
    X, labels = np.tile(TABLE, (1, 2)), np.arange(20) % 2
    with pytest.raises(ValueError, match=f"class_weight names the class {extra!r}"):
        clone(model).set_params(class_weight={0: 1.0, 1: 2.0, extra: 3.0}).fit(
            X, labels
        )
    clone(model).set_params(class_weight={1: 2.0}).fit(X, labels)


# Callbacks


@pytest.mark.parametrize("estimator", ["forecaster", "classifier"])
def test_checkpoints_are_plain_networks(estimator, tmp_path):
    model, data = ESTIMATORS[estimator]()
    checkpoint = keras.callbacks.ModelCheckpoint
    model.set_params(
        callbacks=[
            checkpoint(tmp_path / "network.keras"),
            checkpoint(tmp_path / "network.weights.h5", save_weights_only=True),
        ]
    ).fit(*data)
    network = model.network_
    network.set_weights([0 * value for value in model.weights_])
    network.load_weights(tmp_path / "network.weights.h5")
    assert_same(network.get_weights(), model.weights_)
    code = (
        "import sys; sys.modules['sklstm'] = None\n"
        "import keras, numpy as np\n"
        "network = keras.saving.load_model(sys.argv[1] + '/network.keras')\n"
        "np.savez(sys.argv[1] + '/loaded.npz', *network.get_weights())\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, timeout=600)
    assert_same(np.load(tmp_path / "loaded.npz").values(), model.weights_)


def test_callbacks_change_the_weights_of_the_network():
    """Each sees what those before it have changed."""
    seen = []

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.set_weights([0 * w for w in self.model.get_weights()])

    class See(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(max(np.abs(w).max() for w in self.model.get_weights()))

        def on_epoch_end(self, epoch, logs=None):
            seen.append(max(np.abs(w).max() for w in self.model.get_weights()))
            self.last = self.model.get_weights()

    see = See()
    model = LSTMForecaster(5, linear_skip=False, callbacks=[Change(), see], **TINY)
    model.fit(WALK)
    assert seen[0] == seen[2] == 0
    assert seen[1] > 0
    assert_same(see.last, model.weights_)


def test_early_stopping_of_keras_restores_the_best_weights():
    kept = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(self.model.get_weights())

    stop = keras.callbacks.EarlyStopping(
        "loss", min_delta=1e9, patience=2, restore_best_weights=True
    )
    model = LSTMForecaster(5, linear_skip=False, callbacks=[Keep(), stop], units=2)
    model.set_params(epochs=9, random_state=0).fit(WALK)
    assert model.n_iter_ == 3
    assert_same(model.weights_, kept[0])


def test_averaged_weights_of_an_optimizer():
    """The callback swaps the weights through the optimizer's own variables."""
    model = LSTMForecaster(5, linear_skip=False, **TINY)
    model.set_params(optimizer=keras.optimizers.SGD(0.1, use_ema=True))
    plain = model.fit(WALK).weights_
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    averaged = model.set_params(callbacks=[swap]).fit(WALK).weights_
    assert differ(plain, averaged)
