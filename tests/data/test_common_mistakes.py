"""Common mistakes: an error or warning that names the remedy, at the user's line."""

import ast
import traceback
import warnings
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sktime.split import ExpandingWindowSplitter

import sklstm
from sklstm import (
    AnomalyDisplay,
    CharLSTMGenerator,
    ForecastDisplay,
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    RNNClassifier,
    RNNRegressor,
    SequenceAnomalyDetector,
    SequenceTokenizer,
    TrainingDisplay,
    WalkForwardCV,
    WalkForwardDisplay,
    WindowForecaster,
    WordLSTMGenerator,
    walk_forward,
)
from sklstm._data.folds import refuse_hole_of_fold
from sklstm._data.user_warnings import warn_user
from sklstm.keras import KerasSequenceClassifier, KerasSequenceRegressor
from sklstm.sktime import SktimeLSTMForecaster, SktimeRNNClassifier

keras = pytest.importorskip("keras")
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


CUBE = RNG.normal(size=(20, 5, 2))
VALUES = FRAME.to_numpy()
LATER = FRAME.set_axis(DAYS + pd.Timedelta(days=N))
EVENTS = [[1, 2, 3], [2, 3], [1, 3, 2, 2]] * 3
TEXT = "the cat sat on the mat. " * 5
TINY_TEXT = {**TINY, "embedding_dim": 2, "window_length": 4}


def fit_weighted(weight, **parameters):
    return LSTMForecaster(10, **TINY, **parameters).fit(FRAME, None, weight)


def fit_one(X=FRAME, **parameters):
    """Fit with parameters that `fit` sets itself."""
    return LSTMForecaster(**{"window_length": 10, **TINY, **parameters}).fit(X)


def build_network(n_units=3):
    return keras.Sequential([keras.layers.LSTM(2), keras.layers.Dense(n_units)])


def fit_model(X=CUBE, y=LABELS, model=build_network, weight=None, **parameters):
    estimator = KerasSequenceClassifier(model, epochs=1, **parameters)
    return estimator.fit(X, y, sample_weight=weight)


def mean_of_all(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred))


def walk(X=FRAME, y=FRAME.close, *, estimator=None, cv=None, **options):
    forecaster = WindowForecaster(Ridge(), 5) if estimator is None else estimator
    return walk_forward(forecaster, X, y, cv=folds() if cv is None else cv, **options)


def folds(**options):
    return ExpandingWindowSplitter(
        **{"fh": [1, 2], "initial_window": 40, "step_length": 10, **options}
    )


@cache
def fitted(kind):
    """A fitted estimator, which no test changes."""
    return {
        "forecaster": lambda: fit(FRAME),
        "known future": lambda: fit(FRAME, horizon=3, known_future="volume"),
        "intervals": lambda: fit(FRAME, calibration_split=0.3),
        "panel": lambda: fit([FRAME, FRAME]),
        "classifier": lambda: classify(SEQUENCES),
        "detector": lambda: detect(FRAME),
        "events": lambda: SequenceAnomalyDetector(**TINY_TEXT).fit(EVENTS),
        "generator": lambda: CharLSTMGenerator(**TINY_TEXT).fit(TEXT),
        "words": lambda: WordLSTMGenerator(**TINY_TEXT).fit(TEXT),
        "tokenizer": lambda: SequenceTokenizer().fit(["a b c", "d e"]),
        "network": fit_model,
        "walk": walk,
    }[kind]()


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
        lambda: classify(PADDED[:, :4], RNG.integers(0, 3, size=(20, 4))),
        r"one class label per sequence.*\(20, 4\).*use RNNTagger",
    ),
    "sets of labels": (
        lambda: classify(SEQUENCES, [{"a", "b"}, {"b"}] * 10),
        r"y\[0\] is \{.*MultiLabelBinarizer\(\).fit_transform\(y\)",
    ),
    "targets of steps": (
        lambda: regress(SEQUENCES, [[0.0] * len(x) for x in SEQUENCES]),
        "unequal lengths",
    ),
    "labels of steps for a user's network": (
        lambda: fit_keras(PADDED[:, :4], RNG.integers(0, 2, size=(20, 4))),
        "one class label per sequence",
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
    # kinds of data
    "nothing": (lambda: fit(None), "X must hold data, got None.*array"),
    "a file name": (
        lambda: fit("data.csv"),
        "X must hold data, got the text 'data.csv'.*pandas.read_csv",
    ),
    "a number": (lambda: detect(3), "X must hold data, got the single value 3"),
    "a dict": (
        lambda: fit({"a": FRAME}),
        r"X must be an array.*got a dict.*DataFrame\(X\).*list\(X.values\(\)\)",
    ),
    "a set": (lambda: classify({1, 2}), "X must have an order, got a set. Pass a list"),
    "a groupby": (
        lambda: fit(SHOPS.groupby("shop")),
        "got a DataFrameGroupBy.*for _, rows in X",
    ),
    "complex numbers": (
        lambda: fit(VALUES + 1j),
        "Complex data not supported: X must hold real numbers, got complex128",
    ),
    "complex sequences": (
        lambda: classify([x + 1j for x in SEQUENCES]),
        r"X\[0\] must hold numbers.*complex128",
    ),
    "a sparse matrix": (
        lambda: fit(scipy.sparse.csr_matrix(VALUES)),
        "Sparse data was passed for X, but dense data is required",
    ),
    "rows of unequal lengths": (
        lambda: fit([[1, 2], [3]] * 30),
        "X must have rows of equal lengths, got rows of 1 to 2 values. Fill",
    ),
    "windows": (lambda: fit(CUBE), "X must be 2-D.*without windowing them"),
    "one dimension": (lambda: fit(WALK), r"X must be 2-D.*x.reshape\(-1, 1\)"),
    "columns of the same name": (
        lambda: fit(pd.concat([FRAME, FRAME], axis=1)),
        "X must have columns of different names, got 2 columns 'close'.*duplicated",
    ),
    "no columns": (lambda: fit(FRAME[[]]), "X must have at least one column"),
    "no rows": (lambda: fit(FRAME[:0]), r"0 sample\(s\)"),
    "one row": (lambda: fit(FRAME[:1]), "X has too few rows.*Pass more rows"),
    "no series": (lambda: fit([]), "X holds no series: pass an array"),
    "no value": (lambda: fit(FRAME * np.nan), "no window to train on.*fewer missing"),
    "infinity": (
        lambda: fit(FRAME.assign(volume=np.inf)),
        r"X contains infinity, first in row 0, column 'volume'.*replace",
    ),
    "numbers whose squares overflow": (
        lambda: fit(FRAME * 1e300),
        r"X must hold numbers up to 1e\+150, got .*Divide them",
    ),
    "sequences whose squares overflow": (
        lambda: classify(CUBE * 1e300),
        r"X must hold numbers up to 1e\+150",
    ),
    "series with other columns": (
        lambda: fit([FRAME, FRAME[["close"]]]),
        r"X\[1\]: The feature names should match.*volume",
    ),
    "an index of (time, series)": (
        lambda: fit(pd.concat([FRAME] * 2, keys=["a", "b"]).swaplevel().sort_index()),
        r"X must have an index of \(series, time\).*swaplevel",
    ),
    "rows in reverse": (lambda: fit(FRAME[::-1]), "must be in time order.*sort_index"),
    "a missing time": (
        lambda: fit(FRAME.set_axis([pd.NaT, *DAYS[1:]])),
        "rows must have a time each.*row 0. Drop",
    ),
    # targets
    "the name of a column as y": (
        lambda: fit(FRAME, "close"),
        r"y must hold data, got the text 'close'.*frame\['close'\]",
    ),
    "y of another length": (
        lambda: fit(FRAME, WALK[:-1]),
        r"\[60, 59\] \(rows of X, rows of y\). Pass a target for each row",
    ),
    "y in three dimensions": (
        lambda: fit(FRAME, np.zeros((N, 1, 1))),
        r"y must have shape \(n_timesteps,\).*got \(60, 1, 1\)",
    ),
    "y without a known value": (
        lambda: fit(FRAME, [None] * N),
        "nowhere is a target known",
    ),
    "y for one of two series": (
        lambda: fit([FRAME, FRAME], [WALK]),
        "y must be a list with an entry for each series: X holds 2, y 1",
    ),
    "y at other times": (
        lambda: fit(FRAME, LATER.close),
        "y must have the rows of X, in their order.*reindex",
    ),
    "no labels": (lambda: classify(SEQUENCES, None), "requires y to be passed"),
    "missing labels": (
        lambda: classify(SEQUENCES, [None, "a"] * 10),
        r"the label y\[0\] is missing, got None. Leave out",
    ),
    "one class": (lambda: classify(SEQUENCES, [0] * 20), "at least 2 classes, got 1"),
    "labels that are no classes": (
        lambda: classify(SEQUENCES, RNG.normal(size=20)),
        "continuous.*use RNNRegressor",
    ),
    "labels of mixed types": (
        lambda: classify(SEQUENCES, ["a", 1] * 10),
        "labels of mixed types: int, str. Make all",
    ),
    "too few labels": (
        lambda: classify(SEQUENCES, LABELS[:5]),
        r"\[20, 5\] \(sequences in X, targets in y\)",
    ),
    # sequences
    "a sequence without steps": (
        lambda: classify([np.empty((0, 2)), *SEQUENCES[1:]]),
        r"X\[0\] is empty \(shape \(0, 2\)\).*Leave it out",
    ),
    "steps of no channel": (lambda: classify(np.empty((20, 5, 0))), r"X\[0\] is empty"),
    "sequences with other channels": (
        lambda: classify([SEQUENCES[0][:, :1], *SEQUENCES[1:]]),
        r"X\[1\] has 2 channel\(s\), but X\[0\] has 1",
    ),
    "dates in a list of sequences": (
        lambda: classify([DAYS[:5].to_numpy()] * 20),
        r"X\[0\] must hold numbers.*datetime64",
    ),
    "dates in an array of sequences": (
        lambda: classify(np.full((20, 5, 2), np.datetime64("2024-01-01"))),
        "X must hold numbers, but it holds dates",
    ),
    "texts without a tokenizer": (
        lambda: classify(["good", "bad"] * 10),
        "X holds text.*SequenceTokenizer",
    ),
    "negative token ids": (
        lambda: classify([[-1, 1]] * 20, embedding_dim=2),
        r"X must hold token ids, integers from 0.*got -1 in X\[0\]",
    ),
    "fewer channels in predict": (
        lambda: fitted("classifier").predict(CUBE[:, :, :1]),
        r"X has 1 channel\(s\), but RNNClassifier was fitted with 2",
    ),
    # parameters
    "a float as window_length": (
        lambda: fit_one(window_length=10.0),
        "'window_length' .* must be an int in the range .* Got 10.0",
    ),
    "a window longer than the data": (
        lambda: fit_one(window_length=70),
        "window_length=70 .* need at least 71, got n_samples=60.*decrease",
    ),
    "a negative horizon": (lambda: fit(FRAME, horizon=-1), "'horizon' .* Got -1"),
    "a list as horizon": (lambda: fit(FRAME, horizon=[1, 2]), r"Got \[1, 2\]"),
    "layers of no units": (
        lambda: fit_one(units=(2, 0)),
        r"units must be an integer, or one integer from 1 .* got \(2, 0\)",
    ),
    "nested units": (lambda: fit_one(units=[[2]]), "units must be an integer"),
    "a dropout of everything": (
        lambda: fit(FRAME, dropout=1.0),
        r"'dropout' .* in the range \[0.0, 1.0\). Got 1.0",
    ),
    "text as random_state": (lambda: fit_one(random_state="0"), "'random_state'"),
    "an unknown loss": (
        lambda: fit(FRAME, loss="mea"),
        "loss='mea' is not known to Keras.*names in keras.losses",
    ),
    "an unknown optimizer": (
        lambda: classify(SEQUENCES, optimizer="adamm"),
        "optimizer='adamm' is not known to Keras",
    ),
    "a class as optimizer": (
        lambda: fit(FRAME, optimizer=keras.optimizers.Adam),
        r"optimizer must hold an object, got the class Adam. Pass Adam\(\)",
    ),
    "a class as callback": (
        lambda: fit(FRAME, callbacks=[keras.callbacks.EarlyStopping]),
        "callbacks must hold an object, got the class EarlyStopping",
    ),
    "a loss that returns nothing": (
        lambda: fit(FRAME, loss=lambda y_true, y_pred: None),
        "loss cannot be computed",
    ),
    "a scalar loss with weights": (
        lambda: fit_weighted(np.arange(N) + 1.0, loss=mean_of_all),
        "loss must return a value for each sample if samples have weights.*axis=-1",
    ),
    "a scalar loss with weights of classes": (
        lambda: classify(SEQUENCES, class_weight={0: 2.0}, loss=mean_of_all),
        "loss must return a value for each sample",
    ),
    "quantiles without the median": (
        lambda: fit(FRAME, quantiles=(0.1, 0.9)),
        r"quantiles must be .* with 0.5, such as .* got \(0.1, 0.9\)",
    ),
    "quantiles in percent": (
        lambda: fit(FRAME, quantiles=(10, 50, 90)),
        "quantiles must be distinct numbers between 0 and 1",
    ),
    "an unknown target": (
        lambda: fit(FRAME, FRAME.close, target="price"),
        r"target='price' is not a column of X, which has \['close', 'volume'\]",
    ),
    "an unknown future covariate": (
        lambda: fit(FRAME, known_future="price"),
        "known_future='price' is not a column of X",
    ),
    "a class as regressor": (
        lambda: WindowForecaster(Ridge, 5).fit(FRAME),
        r"regressor must hold an object, got the class Ridge. Pass Ridge\(\)",
    ),
    "a classifier as regressor": (
        lambda: WindowForecaster(LogisticRegression(), 5).fit(FRAME),
        "regressor must predict numbers, got LogisticRegression, a classifier",
    ),
    "a clusterer as regressor": (
        lambda: WindowForecaster(KMeans(2), 5).fit(FRAME),
        "regressor must predict numbers, got KMeans, a clusterer",
    ),
    "a name as regressor": (
        lambda: WindowForecaster("ridge", 5).fit(FRAME),
        "'regressor' .* implementing 'fit' and 'predict'. Got 'ridge'",
    ),
    # weights
    "negative weights": (lambda: fit_weighted(-np.ones(N)), "Negative values.*weight"),
    "missing weights": (
        lambda: fit_weighted([np.nan] * N),
        "sample_weight contains NaN",
    ),
    "too few weights": (
        lambda: fit_weighted(np.ones(3)),
        r"a weight for each of the 60 row\(s\) of X, .* \(3,\)",
    ),
    "text as weights": (
        lambda: fit_weighted(["a"] * N),
        "sample_weight must hold a number from 0 for each sample, got",
    ),
    "balanced weights": (
        lambda: RNNClassifier(**TINY).fit(SEQUENCES, LABELS, "balanced"),
        "sample_weight must hold a number .* got 'balanced'.*compute_sample_weight",
    ),
    "weights of an unknown class": (
        lambda: classify(SEQUENCES, class_weight={"0": 1}),
        r"class_weight names the class '0', .* classes \[0, 1, 2\]",
    ),
    "text as the weight of a class": (
        lambda: classify(SEQUENCES, class_weight={0: "high"}),
        "class_weight must hold a number from 0 .* got 'high' for the class 0",
    ),
    "a negative weight of a class": (
        lambda: classify(SEQUENCES, class_weight={0: -1}),
        "class_weight must not be negative, got -1 for the class 0",
    ),
    "no weight of any class": (
        lambda: classify(SEQUENCES, class_weight={0: 0, 1: 0, 2: 0}),
        "class_weight must be larger than 0 for at least one class",
    ),
    # fitted forecasters
    "forecast before fit": (lambda: LSTMForecaster().forecast(), "not fitted yet"),
    "update before fit": (lambda: LSTMForecaster().update(FRAME), "not fitted yet"),
    "no steps": (
        lambda: fitted("forecaster").forecast(0),
        "steps must be an integer from 1, got 0",
    ),
    "data as steps": (
        lambda: fitted("forecaster").forecast(FRAME),
        "steps must be an integer .* got DataFrame.*X_future=",
    ),
    "no X_future": (
        lambda: fitted("known future").forecast(),
        "needs X_future with the columns of known_future",
    ),
    "X_future without known_future": (
        lambda: fitted("forecaster").forecast(1, [[1.0]]),
        "known_future names no column",
    ),
    "X_future with too few rows": (
        lambda: fitted("known future").forecast(3, [[1.0]]),
        r"3 row\(s\), got 1 row\(s\)",
    ),
    "X_future of unequal rows": (
        lambda: fitted("known future").forecast(3, [[1.0], [1.0, 2.0], [3.0]]),
        "X_future must have rows of equal lengths, got rows of 1 to 2 values",
    ),
    "X_future with another column": (
        lambda: fitted("known future").forecast(3, LATER[["close"]][:3]),
        r"X_future lacks the columns \['volume'\]",
    ),
    "X_future of the past": (
        lambda: fitted("known future").forecast(3, FRAME[["volume"]][:3]),
        "X_future must begin after the last row seen",
    ),
    "coverage in percent": (
        lambda: fitted("intervals").forecast_interval(coverage=90),
        "coverage must be a fraction of the rows, between 0 and 1, got 90",
    ),
    "intervals without calibration": (
        lambda: fitted("forecaster").forecast_interval(),
        "Fit with calibration_split=0.2",
    ),
    "quantiles not learned": (
        lambda: fitted("forecaster").predict_quantiles(LATER),
        r"got quantiles=None. Fit with quantiles=\(0.1, 0.5, 0.9\)",
    ),
    "fewer columns in predict": (
        lambda: fitted("forecaster").predict(VALUES[:, :1]),
        "X has 1 features, but LSTMForecaster is expecting 2",
    ),
    "one series for a forecaster of several": (
        lambda: fitted("panel").predict(LATER),
        "X must be passed as in fit, which got 2 series, but X holds one",
    ),
    "rows seen before in update": (
        lambda: fitted("forecaster").update(FRAME[:5]),
        "X must begin after the last row seen.*replace=True",
    ),
    "targets of other shape in score": (
        lambda: fitted("forecaster").score(LATER, WALK[:3]),
        r"y must have the targets of the rows of X, in shape \(60, 2\), got .*\(3,\)",
    ),
    "text as targets in score": (
        lambda: fitted("forecaster").score(LATER, [["a", "b"]] * N),
        "y must hold numbers, but column 0 holds text",
    ),
    "no targets in score": (
        lambda: fitted("forecaster").score(LATER, None),
        "y must hold the targets of the rows of X, got None",
    ),
    "missing targets in score": (
        lambda: fitted("forecaster").score(LATER, VALUES * np.nan),
        "y must have a row in which all targets are known",
    ),
    "too few weights in score": (
        lambda: fitted("forecaster").score(LATER, VALUES, np.ones(3)),
        r"sample_weight.shape == \(3,\), expected \(60,\)",
    ),
    "several series in score": (
        lambda: fitted("panel").score([LATER, LATER], [LATER, LATER]),
        "X must be one series.*got a list of 2 series. Score them one by one",
    ),
    # walk_forward
    "KFold": (
        lambda: walk(cv=KFold(3)),
        "forecasts the rows right after its training rows. Use a splitter in time",
    ),
    "shuffled folds": (lambda: walk(cv=KFold(3, shuffle=True)), "with gaps.*in time"),
    "a gap before the test rows": (
        lambda: walk(cv=TimeSeriesSplit(3, gap=2)),
        "horizon of 1, 2, ... without gaps",
    ),
    "a forecasting horizon with a gap": (
        lambda: walk(cv=folds(fh=[1, 3])),
        "horizon of 1, 2, ... without gaps",
    ),
    "a number as cv": (lambda: walk(cv=5), "cv must be a sktime splitter .* got 5"),
    "a name as cv": (lambda: walk(cv="kfold"), "cv must be .* got 'kfold'"),
    "a class as cv": (lambda: walk(cv=KFold), "cv must be .*KFold.*Pass an object"),
    "an initial window longer than the data": (
        lambda: walk(cv=folds(initial_window=100)),
        "generates no fold for 60 rows. Pass more rows, or set a smaller initial",
    ),
    "a season of no length": (
        lambda: walk(season_length=0),
        "season_length must be an integer from 1 or None, got 0",
    ),
    "a season longer than the training rows": (
        lambda: walk(season_length=50),
        "season_length=50 reaches back before the first row",
    ),
    "a misspelled score": (
        lambda: walk(scoring="absolute_error"),
        "scoring must hold names .* got 'absolute_error'. Pass one such as '.*absolute",
    ),
    "a number as score": (
        lambda: walk(scoring=3),
        "scoring must be the name of a scorer .* got 3",
    ),
    "a class as forecaster": (
        lambda: walk(estimator=LSTMForecaster),
        "estimator must be a forecaster, such as .* got <class",
    ),
    "text as a forecaster": (
        lambda: walk(estimator="lstm"),
        "estimator must be a forecaster.* got 'lstm'",
    ),
    "coverage in percent in walk_forward": (
        lambda: walk(coverage=90),
        "coverage must be a fraction",
    ),
    "text as targets of walk_forward": (
        lambda: walk(y=["up"] * N),
        "y must hold numbers, but it holds text, such as 'up'",
    ),
    "nothing to validate on": (lambda: walk(X=None), "X must hold data, got None"),
    "no splitter": (
        lambda: list(WalkForwardCV(None).split(FRAME)),
        "splitter must be a sktime splitter .* got None. Pass an object",
    ),
    "a number as splitter": (
        lambda: WalkForwardCV(5).get_n_splits(FRAME),
        "splitter must be a sktime splitter .* got 5",
    ),
    "the number of folds without data": (
        lambda: WalkForwardCV(folds()).get_n_splits(),
        "get_n_splits needs X",
    ),
    # text
    "numbers for a tokenizer": (
        lambda: SequenceTokenizer().fit([1, 2]),
        r"X must hold texts \(str\), got 1 of type int in X\[0\]",
    ),
    "lists for a tokenizer": (
        lambda: SequenceTokenizer().fit([["a", "b"]]),
        r"X must hold texts \(str\), got \['a', 'b'\]",
    ),
    "one text for a tokenizer": (
        lambda: fitted("tokenizer").transform("a b"),
        r"got one text. Pass a list: \[text\]",
    ),
    "nothing to translate back": (
        lambda: fitted("tokenizer").inverse_transform(None),
        "X must be a list of sequences of token ids.*got None",
    ),
    "fractions as token ids": (
        lambda: fitted("tokenizer").inverse_transform([[2.0, 1.5]]),
        r"X\[0\] must hold token ids, which are integers, got 1.5",
    ),
    "unknown token ids": (
        lambda: fitted("tokenizer").inverse_transform([[99]]),
        r"X\[0\] holds the token id 99, but ids must lie between",
    ),
    "numbers for a generator": (
        lambda: CharLSTMGenerator(**TINY_TEXT).fit([1, 2]),
        r"docs must hold texts \(str\), got 1",
    ),
    "no text for a generator": (
        lambda: WordLSTMGenerator(**TINY_TEXT).fit(""),
        r"docs must hold at least 2 words to learn from, got 0 in 1 document",
    ),
    "generate before fit": (
        lambda: CharLSTMGenerator().generate("a"),
        "not fitted yet",
    ),
    "an unknown prompt": (
        lambda: fitted("generator").generate("Ö"),
        r"prompts\[0\] hold characters outside the vocabulary: 'Ö'. Fit on texts",
    ),
    "an unknown word as prompt": (
        lambda: fitted("words").generate("zebra"),
        r"prompts\[0\] hold words outside the vocabulary: 'zebra'. Fit on texts",
    ),
    "several prompts to stream": (
        lambda: list(fitted("generator").stream(["a"])),
        r"prompt must be one text .* got \['a'\]. Pass several prompts to generate",
    ),
    "a negative temperature": (
        lambda: fitted("generator").generate("the", temperature=-1),
        r"'temperature' .* in the range \[0.0, inf\). Got -1",
    ),
    "no candidates": (
        lambda: fitted("generator").generate("the", top_k=0),
        r"'top_k' .* in the range \[1, inf\) or None. Got 0",
    ),
    "a stop that cannot occur": (
        lambda: fitted("generator").generate("the", stop="Ö"),
        "stop must hold characters of the vocabulary, got 'Ö'",
    ),
    # detectors
    "contamination in percent": (
        lambda: LSTMForecastDetector(5, contamination=10, **TINY).fit(FRAME),
        "'contamination' .* Got 10",
    ),
    "a window longer than the detector's data": (
        lambda: LSTMForecastDetector(70, **TINY).fit(FRAME),
        "window_length=70",
    ),
    "a detector's update before fit": (
        lambda: LSTMForecastDetector().update(FRAME),
        "not fitted yet",
    ),
    "fewer columns for a detector": (
        lambda: fitted("detector").predict(VALUES[:, :1]),
        "X has 1 features, but LSTMAutoencoderDetector is expecting 2",
    ),
    "a text as event sequences": (
        lambda: SequenceAnomalyDetector(**TINY_TEXT).fit("abc"),
        "X must be a list of sequences of tokens, got str",
    ),
    "one sequence of events": (
        lambda: fitted("events").predict([1, 2]),
        r"X\[0\] must be a sequence of tokens.*put a single sequence in a list",
    ),
    "nested events": (
        lambda: SequenceAnomalyDetector(**TINY_TEXT).fit([[1, [2]]]),
        r"X\[0\] must be a sequence of tokens",
    ),
    "fractions as events": (
        lambda: SequenceAnomalyDetector(**TINY_TEXT).fit([[1.5]]),
        r"X\[0\]\[0\] must be a token, an int or a str, got 1.5",
    ),
    # networks of the user
    "an unknown loss of a network": (
        lambda: fit_model(loss="mea"),
        "loss='mea' is not known to Keras",
    ),
    "a number as loss of a network": (
        lambda: fit_model(loss=1),
        "loss must be a name, a function .* got 1",
    ),
    "an unknown optimizer of a network": (
        lambda: fit_model(optimizer="adamm"),
        "optimizer='adamm' is not known to Keras",
    ),
    "no optimizer of a network": (
        lambda: fit_model(optimizer=None),
        "optimizer must be a name .* got None. Pass one, such as 'adam'",
    ),
    "an unknown metric of a network": (
        lambda: fit_model(metrics=["accuracies"]),
        "metrics='accuracies' is not known to Keras",
    ),
    "text as a callback of a network": (
        lambda: fit_model(callbacks=["early"]),
        "callbacks must hold keras.callbacks.Callback instances, got 'early'",
    ),
    "a network's loss that returns nothing": (
        lambda: fit_model(loss=lambda y_true, y_pred: None),
        "loss cannot be computed.*keras.ops",
    ),
    "a network's scalar loss with weights": (
        lambda: fit_model(
            loss=lambda y_true, y_pred: keras.ops.mean(y_pred),
            weight=np.arange(20) + 1.0,
        ),
        "loss must return a value for each sample",
    ),
    "a loss of classes for numbers": (
        lambda: KerasSequenceRegressor(
            lambda: build_network(1), loss="sparse_categorical_crossentropy"
        ).fit(CUBE, LABELS),
        "loss must measure errors of numbers.*KerasSequenceClassifier",
    ),
    "a layer as network": (
        lambda: fit_model(model=lambda: keras.layers.LSTM(2)),
        r"returns a keras.Model, but it returned <LSTM.*keras.Sequential\(\[...\]\)",
    ),
    "a network without layers": (
        lambda: fit_model(model=lambda: keras.Sequential([])),
        "model must build a network with layers",
    ),
    "a network with another number of outputs": (
        lambda: fit_model(model=lambda: build_network(2)),
        r"model must build a network whose output has 3 values.*meta\['n_classes_'\]",
    ),
    "columns for a recurrent network": (
        lambda: fit_model(X=CUBE[:, :, 0]),
        r"model must build a network that reads X, of shape \(None, 5\).*np.newaxis",
    ),
    "text in three dimensions for a network": (
        lambda: fit_model(X=np.full((20, 5, 2), "a")),
        "X must hold numbers, but it has type <U1",
    ),
    "more steps for a network": (
        lambda: fitted("network").predict(CUBE[:, :, :1]),
        r"X has shape \(20, 5, 1\), but KerasSequenceClassifier was fitted with",
    ),
    # displays
    "training of an estimator without a network": (
        lambda: TrainingDisplay.from_estimator(Ridge().fit(VALUES, WALK)),
        r"estimator must have the losses of its epochs .* got Ridge\(\)",
    ),
    "anomalies of a forecaster": (
        lambda: AnomalyDisplay.from_estimator(fitted("forecaster"), FRAME),
        "estimator must be a detector with score_samples",
    ),
    "an unknown feature of a display": (
        lambda: AnomalyDisplay.from_estimator(
            fitted("detector"), FRAME, features=["price"]
        ),
        r"features must be names of features of X \('close', 'volume'\)",
    ),
    "other targets in a display": (
        lambda: ForecastDisplay.from_estimator(fitted("forecaster"), LATER, WALK[:4]),
        "y_true and y_pred must have the same shape",
    ),
    "too many axes": (
        lambda: TrainingDisplay.from_estimator(fitted("forecaster"), ax=[None, None]),
        "ax must hold 1 Axes, one for each panel, got 2",
    ),
    "KFold in a display": (
        lambda: WalkForwardDisplay.from_estimator(
            WindowForecaster(Ridge(), 5), FRAME, WALK, cv=KFold(3)
        ),
        "Use a splitter in time order",
    ),
    # sktime
    "a float as sktime's window_length": (
        lambda: SktimeLSTMForecaster(5.0, **TINY).fit(FRAME.close.asfreq("D"), fh=[1]),
        "'window_length' .* Got 5.0",
    ),
    "too few rows for sktime": (
        lambda: SktimeLSTMForecaster(10, **TINY).fit(
            FRAME.close.asfreq("D")[:5], fh=[1]
        ),
        "too few rows",
    ),
    "an unknown loss for sktime": (
        lambda: SktimeRNNClassifier(**TINY, loss="mea").fit(CUBE, LABELS),
        "loss='mea' is not known to Keras",
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
    "one-hot labels": (
        lambda: classify(SEQUENCES, np.eye(3)[LABELS]),
        r"one-hot encoded: of shape \(20, 3\).*pass y.argmax\(axis=1\)",
    ),
    "one-hot labels in a frame": (
        lambda: classify(SEQUENCES, pd.get_dummies(pd.Series(LABELS))),
        "one-hot encoded",
    ),
    "labels of steps, 0 or 1": (
        lambda: classify(CUBE, RNG.integers(0, 2, size=CUBE.shape[:2])),
        r"seems to hold the labels of the steps.*RNNTagger labels steps",
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
    "several labels": lambda: classify(SEQUENCES, np.tri(20, 3, -3)),
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
