"""Common mistakes: an error or warning that names the remedy, at the user's line."""

import ast
import traceback
import warnings
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklstm
from sklstm import (
    LSTMAutoencoderDetector,
    LSTMForecaster,
    RNNClassifier,
    RNNRegressor,
    SequenceTokenizer,
    WindowForecaster,
)
from sklstm._data.folds import refuse_hole_of_fold
from sklstm._data.user_warnings import warn_user
from sklstm.keras import KerasSequenceClassifier

tf = pytest.importorskip("tensorflow")

RNG = np.random.default_rng(0)
N = 60
ROWS = range(N)
DAYS = pd.date_range("2024-01-01", periods=N, freq="D")
WALK = 100 + RNG.normal(size=N).cumsum()
FRAME = pd.DataFrame({"close": WALK, "volume": RNG.normal(size=N)}, index=DAYS)
SHOPS = pd.concat([FRAME.assign(shop=name, day=DAYS) for name in "ab"])
SEQUENCES = [RNG.normal(size=(n, 2)) for n in (4, 6, 5, 7)] * 5
LABELS = np.arange(20) % 3
TINY = {"units": 2, "epochs": 1, "random_state": 0}

PADDED = np.full((20, 7, 2), np.nan)
for row, sequence in zip(PADDED, SEQUENCES, strict=True):
    row[: len(sequence)] = sequence


def fit(X, y=None, **parameters):
    return LSTMForecaster(10, **TINY, **parameters).fit(X, y)


def fit_numbers(X):
    return fit(X, categorical_features=None)


def detect(X):
    return LSTMAutoencoderDetector(5, **TINY).fit(X)


def classify(X, y=LABELS, **parameters):
    return RNNClassifier(**TINY, **parameters).fit(X, y)


def regress(X, y):
    return RNNRegressor(**TINY).fit(X, y)


def fit_keras(X, y):
    return KerasSequenceClassifier(lambda: None, epochs=1).fit(X, y)


def ridge(X, y=None):
    return WindowForecaster(Ridge(), 5).fit(X, y)


# name: what the user does, and the pattern of the message
ERRORS = {
    # frames
    "dates": (
        lambda: fit(FRAME.assign(day=DAYS)),
        r"column 'day' holds dates.*X.set_index\('day'\)",
    ),
    "dates as text": (
        lambda: fit(FRAME.assign(day=DAYS.astype(str))),
        r"column 'day' holds dates.*set_index",
    ),
    "date objects": (
        lambda: fit(
            FRAME.assign(day=[date(2024, 1, 1) + timedelta(i) for i in range(N)])
        ),
        "column 'day' holds dates",
    ),
    "periods": (
        lambda: ridge(FRAME.assign(day=DAYS.to_period("D"))),
        "column 'day' holds dates",
    ),
    "dates with a zone": (
        lambda: detect(FRAME.assign(day=DAYS.tz_localize("UTC"))),
        "column 'day' holds dates",
    ),
    "text after a missing value": (
        lambda: fit_numbers(
            FRAME.assign(shop=pd.Series([pd.NA, "a"] * 30, DAYS, object))
        ),
        "column 'shop' holds text, such as 'a'",
    ),
    "dates after a missing value": (
        lambda: fit(FRAME.assign(day=[pd.NaT, *DAYS[1:]])),
        "column 'day' holds dates",
    ),
    "dates in polars": (
        lambda: fit(pl.DataFrame({"close": WALK, "day": DAYS.to_numpy()})),
        "column 'day' holds dates",
    ),
    "dates in an array": (
        lambda: fit(FRAME.assign(day=DAYS).to_numpy()),
        "column 2 holds dates",
    ),
    "dates as the series": (lambda: fit(DAYS.to_frame()), "holds dates"),
    "text": (
        lambda: fit_numbers(FRAME.assign(shop="north")),
        r"column 'shop' holds text, such as 'north'.*X.drop\(columns='shop'\)",
    ),
    "text after a number": (
        lambda: fit_numbers(
            FRAME.astype(object).assign(code=["1.5"] * 40 + ["n/a"] * 20)
        ),
        "column 'code' holds text, such as 'n/a'",
    ),
    "categories": (
        lambda: detect(FRAME.assign(shop=pd.Categorical(["a"] * N))),
        "column 'shop' holds text",
    ),
    "text in polars": (
        lambda: fit_numbers(pl.DataFrame({"close": WALK, "shop": ["a"] * N})),
        "column 'shop' holds text",
    ),
    "text in an array": (
        lambda: fit(np.column_stack([WALK, ["a"] * N])),
        "column 1 holds text, such as 'a'",
    ),
    "text in lists": (
        lambda: fit([[value, "a"] for value in WALK]),
        "column 1 holds text",
    ),
    "text in one of several series": (
        lambda: fit_numbers(SHOPS.set_index(["shop", "day"]).assign(state="open")),
        "series 'a': X must hold numbers, but column 'state' holds text",
    ),
    "lists in a column": (
        lambda: fit(FRAME.assign(volume=[[1, 2]] * N)),
        "column 'volume' holds objects of type list",
    ),
    "intervals": (
        lambda: fit(FRAME.assign(volume=pd.cut(FRAME.volume, 3))),
        "column 'volume' holds objects of type Interval",
    ),
    "text in X_future": (
        lambda: fit(FRAME, known_future="volume").forecast(
            X_future=pd.DataFrame({"volume": ["high"]})
        ),
        "X_future must hold numbers, but column 'volume' holds text, such as 'high'",
    ),
    "dates in X_future": (
        lambda: fit(FRAME, known_future="volume").forecast(
            X_future=pd.DataFrame({"volume": DAYS[:1]})
        ),
        "X_future must hold numbers, but column 'volume' holds dates",
    ),
    "generator as X_future": (
        lambda: fit(FRAME, known_future="volume").forecast(X_future=iter([1.0])),
        "X_future must hold data",
    ),
    "text as y": (
        lambda: fit(FRAME, pd.Series("up", index=DAYS)),
        "y must hold numbers, but it holds text, such as 'up'.*classifier",
    ),
    "dates as y": (
        lambda: fit(FRAME, pd.Series(DAYS, index=DAYS)),
        "y must hold numbers, but it holds dates",
    ),
    "long frame": (
        lambda: fit(SHOPS.reset_index(drop=True)),
        r"dates, more than once.*X.set_index\(\['shop', 'day'\]\)",
    ),
    "long frame with a repeated index": (
        lambda: fit(SHOPS, SHOPS.close),
        r"X.set_index\(\['shop', 'day'\]\)",
    ),
    "new rows with text": (
        lambda: fit(FRAME[:50]).update(FRAME[50:].assign(volume="none")),
        "column 'volume' holds text",
    ),
    "another order of columns": (
        lambda: fit(FRAME[:50]).predict(FRAME[50:][["volume", "close"]]),
        "same order as they were in fit",
    ),
    "another order of columns in update": (
        lambda: fit(FRAME[:50]).update(FRAME[50:][["volume", "close"]]),
        "same order as they were in fit",
    ),
    "another order of columns in forecast": (
        lambda: fit(FRAME[:50]).forecast(X=FRAME[["volume", "close"]]),
        "same order as they were in fit",
    ),
    # containers
    "generator": (
        lambda: fit(row for row in FRAME.to_numpy()),
        r"X must hold data, got <generator.*list\(X\)",
    ),
    "generator as y": (lambda: fit(FRAME, iter(WALK)), r"y must hold data.*list\(y\)"),
    "generator of sequences": (
        lambda: classify(x for x in SEQUENCES),
        r"X must hold data, got <generator.*list\(X\)",
    ),
    "generator of labels": (
        lambda: classify(SEQUENCES, (label for label in LABELS)),
        r"y must hold data.*list\(y\)",
    ),
    "generator in predict": (
        lambda: classify(SEQUENCES).predict(x for x in SEQUENCES),
        r"X must hold data, got <generator",
    ),
    "generator for a user's network": (
        lambda: fit_keras((x for x in SEQUENCES), LABELS),
        r"X must hold data, got <generator",
    ),
    "ragged tensor": (
        lambda: classify(tf.ragged.constant([[1.0, 2.0], [3.0]] * 10)),
        r"RaggedTensor.*\[x.numpy\(\) for x in X\]",
    ),
    "ragged tensor as a series": (
        lambda: fit(tf.ragged.constant([[1.0, 2.0], [3.0]] * 30)),
        "RaggedTensor",
    ),
    "ragged tensor for a user's network": (
        lambda: fit_keras(tf.ragged.constant([[1.0, 2.0], [3.0]] * 10), LABELS),
        "RaggedTensor",
    ),
    "sparse tensor": (
        lambda: fit(tf.sparse.from_dense(np.eye(60))),
        r"dense array.*tf.sparse.to_dense\(X\)",
    ),
    "dataset": (
        lambda: classify(tf.data.Dataset.from_tensor_slices(np.eye(20))),
        "tf.data.Dataset.*unbatch",
    ),
    # sequences
    "padded by NaN": (
        lambda: classify(PADDED),
        r"padded with NaN.*without padding: \[x\[~np.isnan\(x\).all\(axis=1\)\] for x",
    ),
    "padded by NaN in front": (
        lambda: regress(PADDED[:, ::-1], LABELS),
        "padded with NaN",
    ),
    "one channel padded by NaN": (
        lambda: classify(PADDED[:, :, 0]),
        r"padded with NaN.*\[x\[~np.isnan\(x\)\] for x in X\]",
    ),
    "padded by NaN for a user's network": (
        lambda: fit_keras(PADDED, LABELS),
        "padded with NaN",
    ),
    "dates of sequences": (
        lambda: classify(pd.DataFrame({"a": np.zeros(20), "day": DAYS[:20]})),
        "column 'day' holds dates",
    ),
    "dates for a user's network": (
        lambda: fit_keras(pd.DataFrame({"a": np.zeros(20), "day": DAYS[:20]}), LABELS),
        "column 'day' holds dates",
    ),
    "labels of steps": (
        lambda: classify(SEQUENCES, [[0] * len(x) for x in SEQUENCES]),
        "unequal lengths, from 4 to 7.*steps of each sequence",
    ),
    "labels of steps in an array": (
        lambda: classify(PADDED[:, :4], RNG.integers(0, 2, size=(20, 4))),
        r"one class label per sequence.*\(20, 4\).*label of its last step",
    ),
    "targets of steps": (
        lambda: regress(SEQUENCES, [[0.0] * len(x) for x in SEQUENCES]),
        "unequal lengths",
    ),
    "labels of steps for a user's network": (
        lambda: fit_keras(PADDED[:, :4], RNG.integers(0, 2, size=(20, 4))),
        "one class label per sequence",
    ),
    "one-hot labels": (
        lambda: classify(SEQUENCES, np.eye(3)[LABELS]),
        r"one-hot encoded, of shape \(20, 3\). Pass y.argmax\(axis=1\)",
    ),
    "one-hot labels in a frame": (
        lambda: classify(SEQUENCES, pd.get_dummies(pd.Series(LABELS))),
        "one-hot encoded",
    ),
    "one-hot labels for a user's network": (
        lambda: fit_keras(PADDED[:, :4], np.eye(3)[LABELS]),
        "one-hot encoded",
    ),
    "text as targets": (
        lambda: regress(SEQUENCES, ["a"] * 20),
        "y must hold numbers, but it holds text, such as 'a'",
    ),
    # rows
    "rows drawn at random": (
        lambda: fit(FRAME.sample(frac=0.8, random_state=0)),
        'time order.*successive halving.*resource="epochs"',
    ),
    "hole of a fold": (
        lambda: fit(FRAME.reset_index(drop=True).drop(range(20, 32))),
        r"rows between 19 and 32 are missing, about 12.*KFold.*WalkForwardCV",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mistake", ERRORS)
def test_a_mistake_is_named_with_its_remedy(mistake):
    """And no error of NumPy, pandas, TensorFlow or Keras escapes."""
    action, pattern = ERRORS[mistake]
    with pytest.raises((ValueError, TypeError), match=f"(?s){pattern}") as caught:
        action()
    place = traceback.extract_tb(caught.tb)[-1].filename
    package = Path(place).parts
    assert "sklstm" in package or "sklearn" in package, place


@pytest.mark.parametrize("other", [np.nan, 1.0])
def test_future_rows_in_predict(other):
    rows = np.column_stack([np.full(5, np.nan), np.full(5, other)])
    model = fit(FRAME, WALK)
    with pytest.warns(
        UserWarning, match=r"no value in column\(s\) \[0\].*forecast\(st"
    ):
        model.predict(rows)


def test_numbers_as_text_are_read():
    """As scikit-learn reads them, unless text may be categories."""
    expected = fit(FRAME).forecast()
    pd.testing.assert_frame_equal(fit_numbers(FRAME.astype(str)).forecast(), expected)
    with pytest.raises(ValueError, match="no column of numbers.*pandas.to_numeric"):
        fit(FRAME.astype(str))


def warnings_of(action):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return caught


def token_ids(rng, lengths=(4, 7, 5, 6)):
    return [rng.integers(1, 50, size=n) for n in lengths * 5]


TOKENS = token_ids(np.random.default_rng(1))
PADDED_TOKENS = np.zeros((20, 7), int)
for row, tokens in zip(PADDED_TOKENS, TOKENS, strict=True):
    row[-len(tokens) :] = tokens
TEXTS = [" ".join(f"w{i}" for i in tokens) for tokens in TOKENS]

WARNINGS = {
    "y shifted by hand": (
        lambda: fit(FRAME[:-1], FRAME.close.shift(-1)[:-1]),
        r"y equals column 'close' of X 1 row later.*Do not shift.*horizon=1",
    ),
    "y shifted and scaled": (
        lambda: ridge(FRAME[:-3].to_numpy(), 2 * WALK[3:] + 1),
        r"y equals column 0 of X 3 rows later.*horizon=3",
    ),
    "y shifted in a pipeline": (
        lambda: make_pipeline(StandardScaler(), LSTMForecaster(10, **TINY)).fit(
            FRAME[:-1], WALK[1:]
        ),
        "y equals column 0 of X 1 row later",
    ),
    "lags in place of the target": (
        lambda: fit(np.column_stack([WALK[1:-1], WALK[:-2]]), WALK[2:]),
        "y equals column 0 of X 1 row later.*pass y itself",
    ),
    "y shifted in several series": (
        lambda: fit([FRAME[:-2], FRAME[2:-2][::1]], [WALK[2:], WALK[4:]]),
        "y equals column 'close' of X 2 rows later",
    ),
    "future of the target in X": (
        lambda: fit(FRAME.assign(goal=FRAME.close.shift(-1))[:-1], WALK[:-1]),
        "column 'goal' of X holds the values that y has 1 row later",
    ),
    "token ids": (lambda: classify(TOKENS), "X seems to hold token ids.*embedding_dim"),
    "token ids as lists": (
        lambda: regress([x.tolist() for x in TOKENS], LABELS),
        "token ids.*RNNRegressor reads them as numbers",
    ),
    "padded token ids": (lambda: classify(PADDED_TOKENS), "token ids"),
    "texts without an embedding": (
        lambda: make_pipeline(SequenceTokenizer(), RNNClassifier(**TINY)).fit(
            TEXTS, LABELS
        ),
        "token ids",
    ),
    "gaps": (
        lambda: fit(FRAME.drop(DAYS[20])),
        "X seems to lack rows",
    ),
    "rows seen before": (lambda: fit(FRAME).predict(FRAME[:5]), "were seen before"),
}


@pytest.mark.parametrize("mistake", WARNINGS)
def test_a_warning_names_the_remedy_and_points_at_the_users_line(mistake):
    action, pattern = WARNINGS[mistake]
    caught = warnings_of(action)
    own = [w for w in caught if not issubclass(w.category, DeprecationWarning)]
    assert [w.filename for w in own] == [__file__] * len(own)
    with pytest.warns(UserWarning, match=f"(?s){pattern}"):
        action()


@pytest.mark.parametrize("package", ["sklearn", "sktime", "joblib", "skbase"])
def test_warnings_pass_packages_in_between(package):
    module = {"__name__": f"{package}.base", "warn_user": warn_user}
    exec("def fit():\n    warn_user('here')", module)
    assert [w.filename for w in warnings_of(module["fit"])] == [__file__]


def test_all_warnings_take_the_common_way():
    for path in Path(sklstm.__file__).parent.rglob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
        ]
        assert not calls or path.name == "user_warnings.py", path


QUIET = {
    "the target among the columns": lambda: fit(FRAME, FRAME.close),
    "no target": lambda: fit(FRAME),
    "waves, which shifted columns equal": lambda: fit(
        np.column_stack([np.sin(np.arange(N) / 3), np.cos(np.arange(N) / 3)]),
        np.sin(np.arange(N) / 3),
    ),
    "targets that lag each other": lambda: fit(
        np.column_stack([WALK[1:], WALK[:-1]]), np.column_stack([WALK[1:], WALK[:-1]])
    ),
    "a known future that leads": lambda: fit(
        FRAME.assign(plan=FRAME.close.shift(-1))[:-1], WALK[:-1], known_future="plan"
    ),
    "counts": lambda: classify(
        [50 + np.arange(n) + RNG.integers(0, 3, size=n) for n in (20, 30, 25, 40)] * 5
    ),
    "tokens with an embedding": lambda: classify(TOKENS, embedding_dim=2),
    "tokens as floats": lambda: classify([x.astype(float) for x in TOKENS]),
    "few integers": lambda: classify([x % 5 for x in TOKENS]),
}


@pytest.mark.parametrize("use", QUIET)
def test_correct_use_does_not_warn(use):
    caught = warnings_of(QUIET[use])
    assert [str(w.message) for w in caught if "sklstm" in w.filename] == []
    assert [str(w.message) for w in caught if w.category is UserWarning] == []


@settings(deadline=None, max_examples=50)
@given(
    n_rows=st.integers(30, 400),
    n_folds=st.integers(3, 10),
    kind=st.sampled_from(["numbers", "days", "hours", "periods", "trading days"]),
)
def test_holes_of_folds_are_found(n_rows, n_folds, kind):
    """And no others: the first and the last fold leave no hole."""
    index = {
        "numbers": pd.RangeIndex(n_rows),
        "days": pd.date_range("2024-01-01", periods=n_rows),
        "hours": pd.date_range("2024-01-01", periods=n_rows, freq="h"),
        "periods": pd.period_range("2024-01", periods=n_rows, freq="M"),
        "trading days": pd.bdate_range("2024-01-01", periods=n_rows),
    }[kind]
    refuse_hole_of_fold(index, name="X")
    folds = [train for train, _ in KFold(n_folds).split(index)]
    for train in (folds[0], folds[-1]):
        refuse_hole_of_fold(index[train], name="X")
    if n_folds == 9 or n_rows / n_folds < 15:
        return
    for train in folds[1:-1]:
        with pytest.raises(ValueError, match="KFold"):
            refuse_hole_of_fold(index[train], name="X")


def test_cross_validation_of_scikit_learn():
    model = LSTMForecaster(10, **TINY)
    with pytest.raises(ValueError, match="WalkForwardCV"):
        cross_val_score(model, FRAME, FRAME.close, cv=5, error_score="raise")
    with pytest.warns(FitFailedWarning, match="WalkForwardCV"):
        scores = cross_val_score(model, FRAME, FRAME.close, cv=5)
    assert np.isnan(scores[1:-1]).all()
