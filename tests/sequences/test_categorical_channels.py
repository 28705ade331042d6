"""Channels that hold categories."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm import RNNClassifier, RNNRegressor

TINY = {"units": 3, "epochs": 1, "batch_size": 8, "random_state": 0}
LABELS = np.arange(24) % 2
COLORS = np.array(["blue", "green", "red"])


def random_frames(n=24, max_length=9, seed=0, missing=0.0):
    """Sequences with a channel of numbers, of texts, of truth values and of numbers."""
    rng = np.random.default_rng(seed)
    frames = []
    for length in rng.integers(1, max_length + 1, size=n):
        color = COLORS[rng.integers(0, 3, length)].astype(object)
        color[rng.random(length) < missing] = None
        frames.append(
            pd.DataFrame(
                {
                    "x": rng.normal(size=length),
                    "color": pd.Series(color, dtype=object),
                    "flag": np.where(rng.random(length) < 0.5, "on", "off"),
                    "y": rng.normal(size=length) + 5,
                }
            )
        )
    return frames


def numbers(frame):
    """Categories as numbers in the same order."""
    codes = frame.assign(
        color=np.searchsorted(COLORS, frame["color"]), flag=frame["flag"] == "on"
    )
    return codes.to_numpy(dtype=float)


@pytest.fixture(scope="module", params=[1, 3], ids=["steps", "patches"])
def model(request):
    model = RNNClassifier(**TINY | {"patch_length": request.param})
    return model.fit(random_frames(missing=0.2), LABELS)


class TestContainers:
    def test_frames_and_arrays(self):
        frames = random_frames()
        model = RNNClassifier(**TINY).fit(frames, LABELS)
        assert model.is_categorical_.tolist() == [False, True, True, False]
        assert model.n_channels_ == 4
        expected = model.predict_proba(frames)
        assert model.network_.input_shape[0] == (None, None, 6)
        objects = [frame.to_numpy() for frame in frames]
        categories = [f.astype({"color": "category"}) for f in frames]
        strings = [f.astype({"color": "string"}) for f in frames]
        for X, selected in (
            (frames, ["color", "flag"]),
            (frames, [1, 2]),
            (frames, [False, True, True, False]),
            (categories, "from_dtype"),
            (strings, "from_dtype"),
            (objects, [1, 2]),
            ([rows.tolist() for rows in objects], [1, 2]),
            ([rows[:, [1, 0, 3, 2]].tolist() for rows in objects], [0, 3]),
            ([numbers(frame) for frame in frames], (-3, 2)),
        ):
            model = RNNClassifier(**TINY, categorical_features=selected)
            predicted = model.fit(X, LABELS).predict_proba(X)
            np.testing.assert_array_equal(predicted, expected)

    @pytest.mark.parametrize("flat", [False, True])
    def test_arrays_of_equal_length(self, flat):
        X = np.random.default_rng(0).integers(0, 4, (24, 5, 1)).astype(float)
        X[3, 2] = np.nan
        options = TINY | {"categorical_features": 0}
        expected = RNNClassifier(**options).fit(list(X), LABELS).predict_proba(list(X))
        given = X[:, :, 0] if flat else X
        model = RNNClassifier(**options).fit(given, LABELS)
        np.testing.assert_array_equal(model.predict_proba(given), expected)
        texts = np.array(["a", "b", "c", "d", None], dtype=object)
        texts = texts[np.nan_to_num(X, nan=4).astype(int)]
        model = RNNClassifier(**options).fit(texts, LABELS)
        np.testing.assert_array_equal(model.predict_proba(texts), expected)

    @pytest.mark.parametrize("selected", [None, "from_dtype"])
    def test_truth_values_are_numbers(self, selected):
        frames = [
            frame[["x"]].assign(flag=frame["flag"] == "on") for frame in random_frames()
        ]
        model = RNNClassifier(**TINY, categorical_features=selected).fit(frames, LABELS)
        assert not model.is_categorical_.any()
        as_numbers = [frame.astype(float) for frame in frames]
        same = RNNClassifier(**TINY).fit(as_numbers, LABELS)
        np.testing.assert_array_equal(
            model.predict_proba(frames), same.predict_proba(as_numbers)
        )


class TestNetwork:
    def test_equals_plain_keras_layers(self, model):
        X = random_frames(missing=0.2)
        encoded = model._encode(model._check_sequences(X, reset=False))
        patch = model.patch_length_
        padded = np.zeros((24, 9, 6), np.float32)
        valid = np.zeros((24, 9), bool)
        for i, n in enumerate(encoded.lengths):
            rows = encoded.rows[encoded.starts[i] :][:n]
            padded[i, :n], padded[i, n : n + -n % patch] = rows, rows[-1]
            valid[i, :n] = True
        network = model.network_
        kinds = {type(layer).__module__.split(".")[0] for layer in network.layers}
        assert kinds == {"keras"}
        np.testing.assert_allclose(
            network.predict([padded, valid], verbose=0),
            model.predict_proba(X),
            atol=2e-6,
        )

    @settings(max_examples=8, deadline=None)
    @given(seed=st.integers(0, 1000), n_sequences=st.integers(1, 40))
    def test_predictions_do_not_depend_on_other_sequences(
        self, model, seed, n_sequences
    ):
        frames = random_frames(n_sequences, 20, seed, missing=0.3)
        together = model.predict_proba(frames)
        alone = [model.predict_proba([frame])[0] for frame in frames]
        np.testing.assert_allclose(together, alone, atol=2e-6)

    def test_categories_do_not_change_the_scaling_of_numbers(self):
        frames = random_frames()
        model = RNNRegressor(**TINY).fit(frames, np.arange(24.0))
        alone = [frame[["x", "y"]] for frame in frames]
        same = RNNRegressor(**TINY).fit(alone, np.arange(24.0))
        rows = model._encode(model._check_sequences(frames, reset=False)).rows
        expected = same._encode(same._check_sequences(alone, reset=False)).rows
        np.testing.assert_array_equal(rows[:, :4], expected)

    @pytest.mark.parametrize("normalize", ["standard", "sequence", None])
    def test_categories_alone(self, normalize):
        frames = [frame[["color"]] for frame in random_frames()]
        model = RNNClassifier(**TINY, normalize=normalize).fit(frames, LABELS)
        assert np.isfinite(model.predict_proba(frames)).all()


class TestLearning:
    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls):
        """The target of a sequence is that of its category; missing is one."""
        frames = random_frames(120, seed=1)
        y = np.arange(120) % 4 * 10.0
        for frame, target in zip(frames, y, strict=True):
            frame["color"] = np.append(COLORS, None)[int(target // 10)]
        model = RNNRegressor(units=8, epochs=60, conv_filters=None, random_state=0)
        return model.fit(frames[:80], y[:80]), frames[80:], y[80:]

    def test_categories_are_learned(self, trained):
        model, frames, y = trained
        assert model.score(frames, y) > 0.8

    def test_unknown_categories_share_what_was_learned_of_replaced_ones(self, trained):
        model, frames, _ = trained
        unknown, other = (
            model.predict([frame.assign(color=color) for frame in frames])
            for color in ("pink", "gold")
        )
        np.testing.assert_array_equal(unknown, other)
        # Replaced categories had any target, so their forecast is the mean target.
        assert abs(unknown.mean() - 15) < 7

    def test_further_training_keeps_the_categories(self):
        frames, y = random_frames(), np.arange(24.0)
        model = RNNRegressor(**TINY).partial_fit(frames, y)
        model.partial_fit([frame.assign(color="pink") for frame in frames], y)
        assert model.network_.get_layer("category_5").input_dim == 3  # truth values
        assert model.network_.get_layer("category_4").input_dim == 4
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(copy.predict(frames), model.predict(frames))


class TestMessages:
    def test_texts_that_are_no_categories(self):
        frames = random_frames()
        model = RNNClassifier(**TINY, categorical_features=["flag"])
        with pytest.raises(
            ValueError, match=r"X\[0\]: Column 'color' of X holds '.*name it"
        ):
            model.fit(frames, LABELS)
        model = RNNClassifier(**TINY).fit([f[["x", "y"]] for f in frames], LABELS)
        texts = [frame[["x", "y"]].assign(y="new") for frame in frames]
        with pytest.raises(ValueError, match=r"X\[0\]: Column 'y' of X holds 'new'"):
            model.predict(texts)

    @pytest.mark.parametrize(
        ("selected", "message"),
        [
            (["size"], "categorical_features='size' is not a column of X"),
            ([4], "categorical_features=4 is out of range"),
            (1.5, "'categorical_features' parameter"),
        ],
        ids=str,
    )
    def test_invalid_ones(self, selected, message):
        model = RNNClassifier(**TINY, categorical_features=selected)
        with pytest.raises(ValueError, match=message):
            model.fit(random_frames(), LABELS)
        arrays = [np.ones((3, 2))] * 24
        with pytest.raises(
            ValueError, match="column.s name, but X has no column names"
        ):
            model.set_params(categorical_features="color").fit(arrays, LABELS)

    def test_are_ignored_for_tokens(self):
        X = np.random.default_rng(0).integers(1, 5, (24, 6))
        expected = RNNClassifier(**TINY, embedding_dim=2).fit(X, LABELS)
        model = RNNClassifier(**TINY, embedding_dim=2, categorical_features=[0])
        np.testing.assert_array_equal(
            model.fit(X, LABELS).predict_proba(X), expected.predict_proba(X)
        )
        assert not model.is_categorical_.any()
