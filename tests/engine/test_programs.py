"""Compiled programs: traced once, used by one thread at a time, bounded in memory."""

import gc
import threading

import numpy as np
import psutil
import pytest
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMForecaster,
    RNNClassifier,
    RNNRegressor,
    SequenceTokenizer,
    engine,
)
from sklstm.forecasting import _windows

pytest.importorskip("tensorflow")

from sklstm.engine import pool as pool_module


@pytest.fixture(autouse=True)
def empty_pool(monkeypatch):
    """A new pool for each test."""
    pool = pool_module._ProgramPool(pool_module.MAX_IDLE_PROGRAMS)
    monkeypatch.setattr(pool_module, "_pool", pool)
    return pool


def idle(pool):
    return [program for programs in pool._idle.values() for program in programs]


def walk(n_rows, n_columns=1):
    return np.cumsum(np.random.default_rng(0).normal(size=(n_rows, n_columns)), axis=0)


def test_a_second_fit_traces_nothing(empty_pool):
    """Nor do other rows, batch sizes, learning rates or numbers of epochs."""
    model = LSTMForecaster(5, units=3, epochs=2, early_stopping=True)
    model.fit(walk(60)).predict(walk(20))
    (program,) = idle(empty_pool)
    traces = program.n_traces
    assert traces == 3  # an epoch, an evaluation, a forward pass
    for n_rows in (70, 41, 300):
        model.set_params(batch_size=n_rows // 9, learning_rate=0.01, epochs=1)
        model.fit(walk(n_rows)).predict(walk(n_rows + 3))
        model.partial_fit(walk(7))
        model.forecast()
    assert idle(empty_pool) == [program]
    assert program.n_traces == traces


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_second_thread_traces_nothing(cell):
    """It runs the graphs of the first thread on its own variables."""
    model = LSTMForecaster(5, units=3, cell=cell, epochs=3, dropout=0.2, random_state=0)
    model.fit(walk(60))
    rows = np.asarray(walk(60), np.float32)
    ones = np.ones((50, 1), np.float32)
    data = engine.WindowData(
        rows, np.arange(50), 0 * ones, ones, rows, np.ones(60, np.float32)
    )

    def train(program, start, seed):
        state, _ = program.train(
            data,
            engine.SampleSplit(np.arange(50)),
            engine.NetworkState(start),
            engine.TrainingSettings(epochs=2, batch_size=7, seed=seed),
        )
        return state

    key = model._network, model._training_spec
    with engine.borrow_program(*key) as one, engine.borrow_program(*key) as other:
        assert other is not one
        start = one.draw_weights(3)
        first = train(one, start, seed=1)
        outputs = one.forward(data, first.weights)
        # Training the second program changes nothing in the first, and gives the same.
        different = train(other, other.draw_weights(5), seed=2)
        np.testing.assert_array_equal(one.forward(data, first.weights), outputs)
        again = train(other, start, seed=1)
        for expected, actual in zip(
            first.weights + first.optimizer_state,
            again.weights + again.optimizer_state,
            strict=True,
        ):
            np.testing.assert_array_equal(actual, expected)
        assert not np.array_equal(different.weights[0], again.weights[0])
        np.testing.assert_array_equal(other.forward(data, first.weights), outputs)
        assert other.n_traces == 0


def test_states_of_any_loss_and_kind_of_targets_share_a_program(empty_pool):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n) for n in rng.integers(2, 9, size=20)]
    options = {"units": 3, "epochs": 1, "conv_filters": None, "patch_length": 1}
    labels = np.arange(20) % 2
    models = [
        RNNClassifier(**options).fit(X, labels),
        RNNClassifier(**options, loss="mse", noise=0.0).fit(X, np.tri(20, 3)),
        RNNRegressor(**options, crop=0.0, optimizer="sgd").fit(X, labels),
    ]
    n_programs = len(idle(empty_pool))
    models[0].transform(X)
    (program,) = (p for p in idle(empty_pool) if p.spec.n_outputs == 0)
    assert program.n_traces == 1  # a forward pass, no training
    for model in models:
        model.transform(X[:7])
    assert len(idle(empty_pool)) == n_programs + 1
    assert program.n_traces == 1


@pytest.mark.parametrize("embedding_dim", [None, 3])
def test_other_lengths_trace_nothing(empty_pool, embedding_dim):
    """Nor do other numbers of sequences, from fold to fold."""
    rng = np.random.default_rng(0)

    def draw(n_sequences, longest):
        lengths = rng.integers(1, longest, size=n_sequences)
        sequences = [rng.integers(1, 9, size=n) for n in lengths]
        return sequences, np.arange(n_sequences) % 2

    model = RNNClassifier(
        units=3,
        epochs=2,
        early_stopping=True,
        validation_split=0.3,
        patch_length=2,
        embedding_dim=embedding_dim,
        vocabulary_size=9,
    )
    X, y = draw(20, 10)
    model.fit(X, y).predict(X)
    (program,) = idle(empty_pool)
    traces = program.n_traces
    assert traces == 3  # an epoch, an evaluation, a forward pass
    for n_sequences, longest in ((31, 5), (20, 60), (45, 3)):
        X, y = draw(n_sequences, longest)
        model.set_params(batch_size=n_sequences // 3, epochs=1).fit(X, y).predict(X)
        model.partial_fit(X[:4], y[:4])
    assert idle(empty_pool) == [program]
    assert program.n_traces == traces


def test_folds_of_texts_share_a_program(empty_pool):
    """Although their vocabularies differ by some words."""
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(190)]
    texts = np.array([" ".join(rng.choice(words, size=9)) for _ in range(60)])
    model = make_pipeline(
        SequenceTokenizer(),
        RNNClassifier(units=2, epochs=1, embedding_dim=2, random_state=0),
    )
    sizes = set()
    for fold in range(4):
        part = texts[np.arange(60) % 4 != fold]
        model.fit(part, np.arange(len(part)) % 2).predict(texts)
        sizes.add(len(model[0].vocabulary_))
    assert len(sizes) > 1
    assert len(idle(empty_pool)) == 1


def test_batches_are_padded_to_their_own_longest():
    """A long sequence makes its own batch longer, and no other."""
    tf = pytest.importorskip("tensorflow")
    spec = engine.SequenceNetwork(engine.RecurrentStack("rnn", (2,)), 1, 1)
    tensors = {
        "rows": tf.range(120.0)[:, None],
        "starts": tf.constant([0, 100, 107]),
        "lengths": tf.constant([100, 7, 13]),
    }
    values, valid = spec.gather_inputs(tensors, tf.constant([2, 1]))
    assert values.shape == (2, 13, 1)
    np.testing.assert_array_equal(valid.numpy().sum(axis=1), [13, 7])
    np.testing.assert_array_equal(values[1, :7, 0], np.arange(100, 107))
    order = engine.SequenceData(*tensors.values()).order
    np.testing.assert_array_equal(order, [1, 2, 0])


def test_many_architectures_raise_no_warning_of_retracing(caplog):
    """TensorFlow would warn if it counted the traces of all programs together."""
    X = walk(20)
    for units in range(2, 9):
        LSTMForecaster(3, units=units, epochs=1).fit(X).predict(X)
    assert "retracing" not in caplog.text


def test_training_equals_that_of_keras(empty_pool):
    """Epochs equal Keras' own training on materialised windows."""
    keras = pytest.importorskip("keras")
    X = walk(45)
    # The whole series is one batch, so the order does not matter.
    model = LSTMForecaster(
        5, units=3, epochs=3, batch_size=64, loss="mse", optimizer="sgd", random_state=1
    )
    model.set_params(learning_rate_schedule="constant")
    start = model.set_params(learning_rate=1e-30).fit(X).weights_
    model.set_params(learning_rate=0.05).fit(X)
    network = model.network_
    network.set_weights(start)
    network.compile(keras.optimizers.SGD(0.05), loss="mse")
    windows = np.lib.stride_tricks.sliding_window_view(X[:, 0], 5)[:-1]
    level = windows[:, -1:]
    spread = around_line(windows)
    spread = np.maximum(spread, 0.1 * np.median(spread))[:, None]
    inputs, targets = (windows - level) / spread, (X[5:] - level) / spread
    history = network.fit(
        inputs[..., None], targets[..., None], epochs=3, batch_size=64, verbose=0
    )
    np.testing.assert_allclose(
        history.history["loss"], model.history_["loss"], rtol=1e-4
    )
    for a, b in zip(network.get_weights(), model.weights_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_each_thread_has_its_own_program(empty_pool):
    """Parallel fits give the same weights as successive ones."""
    X = walk(80)
    models = [LSTMForecaster(5, units=3, epochs=3, random_state=i) for i in range(4)]
    expected = [model.fit(X).weights_ for model in models]
    barrier = threading.Barrier(4)

    def work(model):
        barrier.wait()
        model.fit(X)

    threads = [threading.Thread(target=work, args=[model]) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model, weights in zip(models, expected, strict=True):
        for a, b in zip(model.weights_, weights, strict=True):
            np.testing.assert_array_equal(a, b)
    assert 1 <= len(idle(empty_pool)) <= 4


def test_idle_programs_are_bounded(monkeypatch):
    class FakeProgram:
        def __init__(self, *key):
            pass

    monkeypatch.setattr(pool_module, "_make_program", FakeProgram)
    pool = pool_module._ProgramPool(2)
    monkeypatch.setattr(pool_module, "_pool", pool)
    borrowed = []
    for key in ("a", "b", "c", "c"):
        with engine.borrow_program(key, None) as program:
            borrowed.append(program)
    assert borrowed[2] is borrowed[3]
    assert idle(pool) == borrowed[1:3]


def test_a_failed_fit_leaves_no_trace_in_the_program(empty_pool):
    X = walk(60)
    model = LSTMForecaster(5, units=3, epochs=1, normalize=None, random_state=0)
    expected = model.fit(X).weights_
    with pytest.raises(FloatingPointError, match="diverged"):
        model.fit(X * 1e38)
    for a, b in zip(model.fit(X).weights_, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_fits_do_not_grow_memory():
    X = walk(60)
    model = LSTMForecaster(5, units=3, epochs=1, random_state=0)
    process = psutil.Process()

    def grow(n_fits):
        for i in range(n_fits):
            model.fit(X[: 40 + i % 20]).predict(X)
        gc.collect()
        return process.memory_info().rss / 2**20

    settled = grow(40)
    # A tenth of a megabyte per fit would be 16 MB; a new graph per fit far more.
    assert grow(160) - settled < 8


def test_memory_is_that_of_the_series_not_of_its_windows():
    """A hundred thousand windows of a hundred rows would take 400 MB materialised."""
    X = walk(100_000, 10)
    model = LSTMForecaster(
        100, units=2, patch_length=50, batch_size=4096, epochs=1, random_state=0
    )
    model.fit(X[:1000], X[:1000, 0])
    process, peak, done = psutil.Process(), [0.0], threading.Event()

    def watch():
        while not done.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss / 2**20)

    before = process.memory_info().rss / 2**20
    watcher = threading.Thread(target=watch)
    watcher.start()
    model.fit(X, X[:, 0])
    done.set()
    watcher.join()
    assert peak[0] - before < 200


def around_line(windows):
    """Standard deviation of each row around its least-squares line."""
    time = np.arange(windows.shape[1])
    lines = [np.polyval(np.polyfit(time, window, 1), time) for window in windows]
    return (windows - np.array(lines)).std(axis=1)


def window_spread(series, window_length, starts):
    """The spread of all columns in the windows from these rows."""
    nothing = np.empty((len(starts), 0))
    data = engine.WindowData(series, starts, nothing, nothing)
    return _windows.window_spread(data, window_length, series.shape[1])


def test_the_spread_depends_on_its_window_alone(monkeypatch):
    monkeypatch.setattr("sklstm.forecasting._windows._SPREAD_CHUNK", 100)
    X = walk(200, 3) + 1e6
    starts = np.arange(0, 190, 3)
    for column in range(3):
        windows = np.array([X[i : i + 10, column] for i in starts])
        spread = window_spread(X, 10, starts)[:, column]
        np.testing.assert_allclose(spread, around_line(windows - 1e6), rtol=1e-6)
    one = window_spread(X[30:40], 10, np.array([0]))
    np.testing.assert_array_equal(one[0], window_spread(X, 10, np.array([30]))[0])


def test_a_trend_does_not_count_as_spread():
    noise = np.random.default_rng(0).normal(size=(50, 1))
    trend = 1000 * np.arange(50.0)[:, None]
    starts = np.arange(0, 40)
    np.testing.assert_allclose(
        window_spread(noise, 10, starts),
        window_spread(noise + trend, 10, starts),
        rtol=1e-6,
    )
    for length in (1, 2):
        assert (window_spread(noise, length, starts) < 1e-12).all()


def test_an_unknown_specification_is_refused():
    with pytest.raises(TypeError, match="no program trains a str"):
        pool_module._make_program("spec", None, None)
