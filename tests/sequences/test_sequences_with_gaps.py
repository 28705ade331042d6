"""Missing values in sequences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm import RNNClassifier, RNNRegressor, engine
from sklstm._data.sequences import Sequences, check_sequences
from sklstm.engine.backend import keras
from sklstm.sequences._scaling import ChannelScaling

TINY = {"units": 3, "epochs": 1, "batch_size": 8, "random_state": 0}
LABELS = np.arange(24) % 2


def random_sequences(n_sequences=24, max_length=9, seed=0, fraction=0.3, n_channels=3):
    """Sequences with gaps in all channels but the last; none is without a value."""
    rng = np.random.default_rng(seed)
    sequences = []
    for n in rng.integers(1, max_length + 1, size=n_sequences):
        x = rng.normal(size=(n, n_channels)) * 3 + 10
        gaps = rng.random(x.shape) < fraction
        gaps[:, -1] = False
        sequences.append(np.where(gaps, np.nan, x))
    return sequences


def concatenate(sequences):
    return Sequences(np.concatenate(sequences), np.array([len(x) for x in sequences]))


def fill(x):
    """Interpolate one sequence; NaN in channels without values."""
    filled, steps = x.copy(), np.arange(len(x))
    for column in filled.T:
        seen = ~np.isnan(column)
        if seen.any():
            column[:] = np.interp(steps, steps[seen], column[seen])
    return filled


def differences(filled):
    steps = np.diff(filled, axis=0, prepend=filled[:1])
    return np.where(np.isnan(filled), np.nan, steps)


@pytest.fixture(scope="module", params=["lstm", "gru"])
def model(request):
    kwargs = TINY | {"cell": request.param, "bidirectional": request.param == "lstm"}
    model = RNNClassifier(**kwargs, patch_length=2)
    return model.fit(random_sequences(), LABELS)


class TestScaling:
    @settings(deadline=None)
    @given(st.integers(0, 10**6), st.floats(0, 1))
    @pytest.mark.parametrize("normalize", ["standard", "sequence", None])
    def test_values_are_scaled_and_then_filled(self, normalize, seed, fraction):
        sequences = random_sequences(8, seed=seed, fraction=fraction)
        scaling = ChannelScaling.fit(
            concatenate(sequences), normalize=normalize, differences=True
        )
        alone = sequences
        if normalize == "sequence":
            alone = []
            for x in sequences:
                present = np.where(np.isnan(x).all(axis=0), 0, x)
                mean, scale = np.nanmean(present, axis=0), np.nanstd(present, axis=0)
                alone.append((x - mean) / np.where(scale < 1e-9, 1, scale))
        values = np.concatenate(alone)
        steps = np.concatenate([differences(fill(x)) for x in alone])
        columns = np.hstack([values, steps])
        mean, scale = np.zeros(6), np.ones(6)
        if normalize is not None:
            for j, column in enumerate(columns.T):
                seen = column[~np.isnan(column)]
                if len(seen):
                    mean[j] = seen.mean()
                    scale[j] = seen.std() if np.ptp(seen) > 1e-9 else 1.0
        filled = np.concatenate([fill(x) for x in alone])
        expected = (np.hstack([filled, steps]) - mean) / scale
        expected = np.nan_to_num(expected, nan=0.0)
        encoded = scaling.encode(concatenate(sequences))
        np.testing.assert_allclose(encoded[:, :6], expected, atol=1e-4, rtol=1e-4)
        gaps = np.isnan(np.concatenate(sequences))
        np.testing.assert_array_equal(encoded[:, 6:], gaps[:, gaps.any(axis=0)])

    def test_units_of_a_channel_do_not_matter(self):
        X = random_sequences()
        y = np.arange(24.0)
        expected = RNNRegressor(**TINY).fit(X, y).predict(X)
        scaled = [x * [1e6, 1e-6, 1] + [0, 1e-3, 5] for x in X]
        predicted = RNNRegressor(**TINY).fit(scaled, y).predict(scaled)
        np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-4)


class TestNetwork:
    @settings(max_examples=8, deadline=None)
    @given(seed=st.integers(0, 1000), n_sequences=st.integers(1, 40))
    def test_predictions_do_not_depend_on_other_sequences(
        self, model, seed, n_sequences
    ):
        sequences = random_sequences(n_sequences, 20, seed)
        together = model.predict_proba(sequences)
        assert np.isfinite(together).all()
        alone = [model.predict_proba([x])[0] for x in sequences]
        np.testing.assert_allclose(together, alone, atol=2e-6)

    def test_equals_plain_keras_layers(self, model):
        X = random_sequences()
        encoded = model._encode(model._check_sequences(X, reset=False))
        padded = np.zeros((24, 10, 8), np.float32)
        valid = np.zeros((24, 10), bool)
        for i, n in enumerate(encoded.lengths):
            rows = encoded.rows[encoded.starts[i] :][:n]
            padded[i, :n], padded[i, n : n + n % 2] = rows, rows[-1]
            valid[i, :n] = True
        np.testing.assert_allclose(
            model.network_.predict([padded, valid], verbose=0),
            model.predict_proba(X),
            atol=2e-6,
        )

    def test_masks_are_those_of_channels_with_gaps_in_fit(self, model):
        assert model.network_.input_shape == [(None, None, 8), (None, None)]
        complete = [np.nan_to_num(x) for x in random_sequences()]
        for channels in ((), (0,), (0, 2)):
            X = [x.copy() for x in complete]
            for channel in channels:
                X[5][0, channel] = np.nan
            fitted = RNNClassifier(**TINY).fit(X, LABELS)
            shape = fitted.network_.input_shape[0]
            assert shape == (None, None, 6 + len(channels))
            # Gaps in other channels later on are filled.
            assert np.isfinite(fitted.predict_proba(random_sequences(seed=1))).all()

    def test_masks_have_no_noise(self):
        network = engine.SequenceNetwork(
            engine.RecurrentStack("rnn", (2,)),
            2,
            1,
            patch_length=2,
            noise=1.0,
            n_masks=1,
        ).build()
        patches = keras.Model(network.inputs, network.get_layer("patches").output)
        x, valid = np.ones((5, 4, 3), np.float32), np.ones((5, 4), bool)
        rows = patches([x, valid], training=True).numpy().reshape(5, 4, 3)
        assert (rows[:, :, 2] == 1).all()
        assert (rows[:, :, :2] != 1).all()

    @pytest.mark.parametrize("normalize", ["standard", "sequence"])
    def test_reads_what_is_missing(self, normalize):
        """The values are noise; the class says when they are missing."""
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(80, 12, 1)), np.arange(80) % 2
        for x, label in zip(X, y, strict=True):
            x[[2, 3, 8] if label else [4, 6, 9]] = np.nan
        model = RNNClassifier(
            units=8, epochs=40, noise=0, crop=0, normalize=normalize, random_state=0
        )
        assert model.fit(X[:40], y[:40]).score(X[40:], y[40:]) > 0.9


class TestContainers:
    def test_arrays_frames_and_lists(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(24, 7, 2))
        X[rng.random(X.shape) < 0.2] = np.nan
        expected = RNNClassifier(**TINY).fit(X, LABELS).predict_proba(X)
        for same in (list(X), [pd.DataFrame(x) for x in X]):
            model = RNNClassifier(**TINY).fit(same, LABELS)
            np.testing.assert_array_equal(model.predict_proba(same), expected)
        flat = X[:, :, 0]
        expected = RNNClassifier(**TINY).fit(flat, LABELS).predict_proba(flat)
        for same in (list(flat), flat[:, :, None], pd.DataFrame(flat)):
            model = RNNClassifier(**TINY).fit(same, LABELS)
            np.testing.assert_array_equal(model.predict_proba(same), expected)

    @settings(deadline=None)
    @given(st.integers(0, 10**6), st.floats(0, 0.4), st.booleans())
    def test_values_missing_at_random_are_no_padding(self, seed, fraction, flat):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(30, 20, 1))
        X[rng.random(X.shape) < fraction] = np.nan
        X[:, 0] = 0
        X = X[:, :, 0] if flat else X
        sequences, _ = check_sequences(RNNClassifier(), X, tokens=False)
        np.testing.assert_array_equal(sequences.rows[:, 0], X.ravel())

    @settings(deadline=None)
    @given(st.integers(0, 10**6), st.floats(0, 0.2))
    def test_padding_is_found_beside_missing_values(self, seed, fraction):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(30, 20, 2))
        X[rng.random(X.shape) < fraction] = np.nan
        lengths = rng.integers(5, 21, 30)
        X[np.arange(20) >= lengths[:, None]] = np.nan
        with pytest.raises(ValueError, match="padded with NaN"):
            check_sequences(RNNClassifier(), X, tokens=False)
        # The remedies of the message.
        check_sequences(RNNClassifier(), list(X), tokens=False)
        kept = [x[~np.isnan(x).all(axis=1)] for x in X]
        check_sequences(RNNClassifier(), kept, tokens=False)


class TestTraining:
    def test_incremental(self):
        X, y = random_sequences(), np.arange(24.0)
        model = RNNRegressor(**TINY).partial_fit(X, y)
        once = RNNRegressor(**TINY).fit(X, y)
        np.testing.assert_array_equal(model.predict(X), once.predict(X))
        for more in (random_sequences(seed=1), [np.nan_to_num(x) for x in X]):
            model.partial_fit(more, y)
        assert np.isfinite(model.predict(X)).all()

    def test_early_stopping(self):
        X = random_sequences()
        model = RNNClassifier(**TINY | {"epochs": 3}, early_stopping=True)
        assert np.isfinite(model.fit(X, LABELS).history_["val_loss"]).all()

    def test_a_warm_start_needs_the_same_masks(self):
        X = random_sequences()
        model = RNNClassifier(**TINY, warm_start=True).fit(X, LABELS)
        with pytest.raises(ValueError, match="warm_start=True needs the network"):
            model.fit([np.nan_to_num(x) for x in X], LABELS)

    def test_tags(self):
        for Estimator in (RNNClassifier, RNNRegressor):
            assert Estimator().__sklearn_tags__().input_tags.allow_nan
            tokens = Estimator(embedding_dim=3).__sklearn_tags__()
            assert not tokens.input_tags.allow_nan
