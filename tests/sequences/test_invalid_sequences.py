"""Invalid sequences, labels and parameters raise errors that say what to do."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklstm import RNNClassifier, RNNRegressor

X = [np.random.default_rng(i).normal(size=(i % 4 + 2, 2)) for i in range(12)]
LABELS = np.arange(12) % 2
BOTH = np.column_stack([LABELS, np.arange(12) % 3 > 0])
TINY = {"units": 2, "epochs": 1, "random_state": 0}


def classifier(**kwargs):
    return RNNClassifier(**(TINY | kwargs))


def regressor(**kwargs):
    return RNNRegressor(**(TINY | kwargs))


def with_item(i, value):
    """The sequences with the i-th one replaced."""
    return [*X[:i], value, *X[i + 1 :]]


TOKENS = {"embedding_dim": 2}

# name: (parameters, X, pattern of the message)
INVALID_SEQUENCES = {
    "empty": (
        {},
        with_item(3, np.empty((0, 2))),
        r"X\[3\] is empty \(shape \(0, 2\)\).*Leave",
    ),
    "empty list": ({}, with_item(3, []), r"X\[3\] is empty"),
    "no channels": ({}, with_item(3, np.empty((4, 0))), r"X\[3\] is empty"),
    "other channels": (
        {},
        with_item(3, np.ones((4, 3))),
        r"X\[3\] has 3 channel\(s\), but X\[0\] has 2",
    ),
    "no value": ({}, with_item(3, [[np.nan] * 2] * 2), r"X\[3\] holds no value.*Leave"),
    "infinity": (
        {},
        with_item(0, [[np.nan, 0], [-np.inf, 0]]),
        r"contains infinity: X\[0\], step 1. Set it to NaN",
    ),
    "padding": (
        {},
        np.where(np.arange(4) < np.arange(1, 13)[:, None], 1.0, np.nan)[:, :, None],
        r"padded with NaN: 3 seq.*X\[0\] with 3.*x\[~np.isnan\(x\).all\(axis=1\)\]",
    ),
    "padding of one channel": (
        {},
        np.where(np.arange(4) < np.arange(1, 13)[:, None], 1.0, np.nan),
        r"padded with NaN.*a list without padding: \[x\[~np.isnan\(x\)\] for x in X\]",
    ),
    "a token that is NaN": (
        TOKENS,
        [[1, 2]] * 11 + [[3, np.nan]],
        r"NaN or infinity: X\[11\], step 1. Fill",
    ),
    "text inside": ({}, with_item(3, [["a", "b"]]), r"X\[3\] must hold numbers"),
    "ragged inside": ({}, with_item(3, [[1, 2], [1]]), r"X\[3\] must hold numbers"),
    "4-D inside": (
        {},
        with_item(3, np.ones((2, 2, 2))),
        r"X\[3\] must have shape.*\(2, 2, 2\)",
    ),
    "a number inside": ({}, with_item(3, 1.0), r"X\[3\] must have shape.*got \(\)"),
    "texts": (
        {},
        ["good", "bad"] * 6,
        r"X holds text.*SequenceTokenizer\(\).*embedding",
    ),
    "texts in an array": (
        {},
        np.array(["a", "b"] * 6),
        "X holds text.*SequenceTokenizer",
    ),
    "texts in a series": ({}, pd.Series(["a", "b"] * 6), "X holds text"),
    "1-D": ({}, np.ones(12), "Expected 2D array, got 1D array.*Reshape your data"),
    "4-D": (
        {},
        np.ones((12, 2, 2, 2)),
        r"must have shape \(n_sequences, n_steps\) or.*\(12, 2, 2, 2\)",
    ),
    "complex inside": (
        {},
        with_item(3, [[1j, 2]]),
        r"X\[3\] must hold numbers.*complex",
    ),
    "a series in each cell": (
        {},
        pd.DataFrame({"a": [pd.Series([1.0, 2.0])] * 12}),
        r"a series in each cell.*np.column_stack\(row\)",
    ),
    "a frame of texts": (
        {},
        pd.DataFrame({"a": ["good"] * 12}),
        "X holds text.*column",
    ),
    "token beyond all vocabularies": (
        TOKENS,
        [[1, 2]] * 11 + [[2**31 + 5]],
        r"to 2147483647.*X\[11\]",
    ),
    "3-D NaN": ({}, np.full((12, 2, 2), np.nan), r"X\[0\] holds no value"),
    "3-D infinity": ({}, np.full((12, 2, 2), np.inf), "Input X contains infinity"),
    "no steps": ({}, np.ones((12, 0, 2)), r"X\[0\] is empty: X has shape \(12, 0, 2\)"),
    "no sequences": ({}, np.ones((0, 3, 2)), r"0 sample\(s\)"),
    "an empty list": ({}, [], r"X holds no sequence.*\(n_steps, n_channels"),
    "sparse": ({}, sparse.eye_array(12).tocsr(), "(?i)sparse"),
    "too few labels": ({}, X[:11], r"inconsistent numbers of samples: \[11, 12\]"),
    "negative token": (
        TOKENS,
        [[1, 2]] * 11 + [[3, -1]],
        r"token ids, integers from 0.*got -1 in X\[11\]",
    ),
    "token that is no integer": (TOKENS, [[1, 2.5]] * 12, r"got 2.5 in X\[0\]"),
    "only padding": (
        TOKENS,
        np.array([[1, 2]] * 11 + [[0, 0]]),
        r"X\[11\] is empty: it holds only 0",
    ),
    "several tokens per time step": (
        TOKENS,
        X,
        "one token per time step.*got 2 values",
    ),
    "token beyond the vocabulary": (
        TOKENS | {"vocabulary_size": 5},
        [[1, 2]] * 11 + [[3, 5]],
        r"X\[11\] holds the token id 5, but ids must be below 5.*vocabulary_size",
    ),
    "text with embedding_dim": (TOKENS, ["good"] * 12, "X holds text"),
}


@pytest.mark.parametrize("case", INVALID_SEQUENCES)
@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_sequences_in_fit(case, make, method):
    parameters, sequences, message = INVALID_SEQUENCES[case]
    model = make(**parameters)
    arguments = (
        {"classes": [0, 1]} if (make, method) == (classifier, "partial_fit") else {}
    )
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        getattr(model, method)(sequences, LABELS, **arguments)
    assert vars(model).keys() == model.get_params().keys()


@pytest.mark.parametrize("case", INVALID_SEQUENCES)
def test_sequences_in_predict(case):
    parameters, sequences, message = INVALID_SEQUENCES[case]
    if case == "too few labels":
        pytest.skip("predict takes no labels")
    good = [[1, 2], [3, 4]] * 6 if "embedding_dim" in parameters else X
    model = classifier(**parameters).fit(good, LABELS)
    if case == "other channels":
        message = r"X\[3\] has 3 channel"
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        model.predict(sequences)


# name: (parameters, y, pattern of the message)
INVALID_LABELS = {
    "one class": ({}, ["a"] * 12, "at least 2 classes, got 1 class: .*'a'"),
    "mixed types": ({}, ["a", 1] * 6, "labels of mixed types: int, str.*Make all"),
    "mixed types in an array": (
        {},
        np.array(["a", 1] * 6, dtype=object),
        "labels of mixed types: int, str",
    ),
    "continuous": (
        {},
        np.linspace(0, 1, 12),
        "Unknown label type: continuous.*RNNRegressor",
    ),
    "several": (
        {},
        np.full((12, 2), 2),
        r"one class label per sequence.*indicator matrix.*\(12, 2\) and holds 2",
    ),
    "classes in columns": (
        {},
        np.array([["a", "b"]] * 12),
        "indicator matrix.*holds 'a'.*MultiOutputClassifier",
    ),
    "lists of labels": (
        {},
        [["a"], ["a", "b"]] * 6,
        r"y\[0\] is \['a'\].*MultiLabelBinarizer\(\).fit_transform\(y\)",
    ),
    "sets of labels": ({}, [{"a"}, set()] * 6, r"y\[0\] is {'a'}.*MultiLabelBinarizer"),
    "NaN in an indicator matrix": (
        {},
        np.where(np.eye(12, 2), np.nan, 1.0),
        "Input y contains NaN",
    ),
    "NA in an indicator matrix": (
        {},
        pd.DataFrame(np.eye(12, 2)).astype("Int64").replace(0, pd.NA),
        "y contains NaN: a label is missing, got <NA>. Leave out",
    ),
    "a sparse column": (
        {},
        sparse.csr_array(LABELS[:, None]),
        r"at least two columns.*\(12, 1\). Pass y.toarray\(\).ravel\(\)",
    ),
    "columns of the same name": (
        {},
        pd.DataFrame(BOTH, columns=["a", "a"]),
        "y must have columns of different names",
    ),
    "too few rows of labels": ({}, BOTH[:5], r"inconsistent .* samples: \[12, 5\]"),
    "class_weight for an indicator matrix": (
        {"class_weight": {0: 2.0}},
        BOTH,
        r"class_weight=\{0: 2.0\} weights classes that exclude.*Pass sample_weight",
    ),
    "balanced labels": ({"class_weight": "balanced"}, BOTH, "class_weight='balanced'"),
    "loss of classes for an indicator matrix": (
        {"loss": "categorical_crossentropy"},
        BOTH,
        "loss='categorical_crossentropy' is for classes that exclude each other.*auto",
    ),
    "NaN": ({}, np.append(np.nan, np.zeros(11)), "Input y contains NaN"),
    "missing": ({}, None, "requires y to be passed"),
    "too few to hold out": (
        {"early_stopping": True, "validation_split": 0.01},
        LABELS,
        "hold out validation_split=0.01 of the 12 sequences.*Pass more sequences",
    ),
    "class_weight for a missing class": (
        {"class_weight": {2: 1.0}},
        LABELS,
        r"class_weight names the class 2.*\[0, 1\]",
    ),
}


@pytest.mark.parametrize("case", INVALID_LABELS)
def test_labels(case):
    parameters, y, message = INVALID_LABELS[case]
    model = classifier(**parameters)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.fit(X, y)
    fitted = classifier().fit(X, LABELS).set_params(**parameters)
    before, expected = vars(fitted).copy(), fitted.predict_proba(X)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        fitted.fit(X, y)
    assert all(before[name] is value for name, value in vars(fitted).items())
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (np.full(12, np.nan), "Input y contains NaN"),
        (np.ones((12, 2, 2)), "Found array with dim 3|y must have shape"),
        (["a"] * 12, "y must hold numbers, but it holds text, such as 'a'"),
        (np.ones(3), r"inconsistent numbers of samples: \[12, 3\]"),
    ],
)
def test_targets(y, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        regressor().fit(X, y)


PARAMETERS = [
    ("pooling", "sum"),
    ("patch_length", 0),
    ("patch_length", "long"),
    ("positional_encoding", -1),
    ("noise", -0.1),
    ("crop", 1.0),
    ("normalize", "channel"),
    ("embedding_dim", 0),
    ("vocabulary_size", 1),
    ("epochs", "many"),
    ("differences", 2),
    ("cell", "LSTM"),
]


@pytest.mark.parametrize(("name", "value"), PARAMETERS)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_parameters(make, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter.*{value!r}"):
        make(**{name: value}).fit(X, LABELS)


def test_class_weight_is_checked():
    with pytest.raises(ValueError, match="'class_weight' parameter"):
        classifier(class_weight="even").fit(X, LABELS)


class TestDifferentFromFit:
    def test_channels(self):
        model = classifier().fit(X, LABELS)
        for sequences in ([np.ones((4, 3))], np.ones((1, 4, 3))):
            with pytest.raises(ValueError, match=r"3 channel\(s\), but.*fitted with 2"):
                model.predict(sequences)

    def test_2d_array_for_several_channels(self):
        model = classifier().fit(X, LABELS)
        message = r"1 channel\(s\).*fitted with 2.*\(n_sequences, n_steps, n_channels\)"
        with pytest.raises(ValueError, match=message):
            model.predict(np.ones((5, 2)))

    def test_tokens(self):
        model = classifier(**TOKENS).fit([[1, 2], [3, 4]] * 6, LABELS)
        with pytest.raises(ValueError, match=r"X\[1\] holds the token id 5.*below 5"):
            model.predict([[1], [2, 5]])

    def test_classes(self):
        model = classifier().partial_fit(X, LABELS, classes=[0, 1])
        with pytest.raises(ValueError, match=r"the class .*2.*not among.*\[0, 1\]"):
            model.partial_fit(X, LABELS + 1)
        with pytest.raises(ValueError, match=r"are not those of the first call"):
            model.partial_fit(X, LABELS, classes=[0, 1, 2])

    def test_label_columns(self):
        frame = pd.DataFrame(BOTH, columns=["a", "b"])
        model = classifier().partial_fit(X, frame)
        for y in (np.ones((12, 3)), LABELS):
            with pytest.raises(ValueError, match=r"of the 2 labels.*\['a', 'b'\], got"):
                model.partial_fit(X, y)
        with pytest.raises(ValueError, match=r"columns \['a', 'b'\], in this order"):
            model.partial_fit(X, frame[["b", "a"]])
        with pytest.raises(ValueError, match="not the labels of the first call"):
            model.partial_fit(X, frame, classes=["b", "a"])
        for classes in (["a"], ["a", "b", "c"], "ab"):
            with pytest.raises(ValueError, match="must name the 2 columns of y"):
                classifier().partial_fit(X, BOTH, classes=classes)
        with pytest.raises(ValueError, match="each column of y differently"):
            classifier().partial_fit(X, BOTH, classes=["a", "a"])

    def test_labels_after_classes(self):
        model = classifier().partial_fit(X, LABELS, classes=[0, 1])
        with pytest.raises(ValueError, match="one class label per sequence"):
            model.partial_fit(X, BOTH)

    def test_targets(self):
        model = regressor().partial_fit(X, LABELS)
        with pytest.raises(ValueError, match=r"y has shape \(12, 2\).*fitted with"):
            model.partial_fit(X, np.ones((12, 2)))

    def test_warm_start(self):
        model = classifier(warm_start=True).fit(X, LABELS)
        with pytest.raises(ValueError, match="warm_start=True needs the classes"):
            model.fit(X, LABELS + 1)
        for other in (BOTH, np.ones((12, 3))):
            with pytest.raises(ValueError, match="warm_start=True needs"):
                model.fit(X, other)
        with pytest.raises(ValueError, match="warm_start=True needs the network"):
            model.set_params(units=3).fit(X, LABELS)


def test_first_partial_fit_needs_the_classes():
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        classifier().partial_fit(X, LABELS)
    with pytest.raises(ValueError, match="not among the classes"):
        classifier().partial_fit(X, LABELS, classes=[0, 3])
    with pytest.raises(ValueError, match="needs all sequences at once.*Pass a dict"):
        classifier(class_weight="balanced").partial_fit(X, LABELS, classes=[0, 1])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "network_"])
def test_before_fit(method):
    model = classifier()
    with pytest.raises(NotFittedError, match="RNNClassifier instance is not fitted"):
        if method == "network_":
            model.network_  # noqa: B018
        elif method == "score":
            model.score(X, LABELS)
        else:
            getattr(model, method)(X)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(12), "Negative values.*sample_weight"),
        (np.zeros(12), "at least one non-zero"),
        (np.ones(5), "sample_weight.shape"),
        (np.full(12, np.nan), "NaN"),
    ],
)
def test_sample_weight(weight, message):
    for make in (classifier, regressor):
        with pytest.raises(ValueError, match=message):
            make().fit(X, LABELS, sample_weight=weight)


def test_values_too_large_for_single_precision():
    model = classifier().fit(X, LABELS)
    with pytest.raises(ValueError, match=r"X\[1\] holds values too large.*1e\+200"):
        model.predict([X[0], np.full((2, 2), 1e200)])


def test_negative_class_weight():
    with pytest.raises(ValueError, match="class_weight must not be negative"):
        classifier(class_weight={0: -1.0, 1: 1.0}).fit(X, LABELS)


def test_parameters_changed_after_fit_do_not_affect_predictions():
    model = classifier().fit(X, LABELS)
    expected = model.predict_proba(X)
    model.set_params(embedding_dim=3, normalize=None, pooling="last", patch_length=7)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


class TestMultiIndexFrames:
    """A row of a data frame is one sequence; one row per time step is an error."""

    times = pd.date_range("2025", periods=5)

    def frame(self, *levels):
        index = pd.MultiIndex.from_product(levels)
        return pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), index)

    def test_index_of_sequence_and_time(self):
        with pytest.raises(ValueError, match=r"\(sequence, time\).*groupby\(level=0\)"):
            RNNClassifier().fit(self.frame(range(4), self.times), [0, 1, 0, 1])

    def test_one_label_per_first_level(self):
        with pytest.raises(ValueError, match=r"\[20, 4\].*rows.to_numpy\(\) for _"):
            RNNClassifier().fit(self.frame(range(4), range(5)), [0, 1, 0, 1])

    def test_one_label_per_row_warns(self):
        frame = self.frame(range(4), range(5))
        model = RNNClassifier(units=2, epochs=1, random_state=0)
        with pytest.warns(UserWarning, match="X has an index of 2 levels.*20 rows"):
            model.fit(frame, [0, 1] * 10)
        assert model.n_features_in_ == 3
        model.fit(frame.reset_index(drop=True), [0, 1] * 10)


def test_data_frames_in_a_list_must_have_the_same_columns():
    frames = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    model = classifier().fit(frames, LABELS)
    np.testing.assert_array_equal(model.predict(frames), model.predict(X))
    swapped = [*frames[:2], frames[2][["b", "a"]]]
    with pytest.raises(ValueError, match=r"X\[2\] must have the columns \['a', 'b'\]"):
        model.predict(swapped)
    with pytest.raises(ValueError, match=r"got \['b', 'a'\]"):
        model.fit(swapped, LABELS[:3])
    np.testing.assert_array_equal(model.predict(frames), model.predict(X))
