"""Weights, forecasts and scores of every estimator for one seed, to compare versions.

    python docs/benchmarks/reproducibility.py --save before.npz    # on one version
    python docs/benchmarks/reproducibility.py --compare before.npz # on another

The second call prints the largest difference for each estimator. It is 0 where a
change left the numerical behaviour alone. Needs nothing besides sklstm; takes about a
minute. Results are equal bit for bit on one machine only.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sktime.split import ExpandingWindowSplitter

import sklstm
from sklstm.keras import KerasSequenceClassifier, KerasSequenceRegressor
from sklstm.sktime import (
    SktimeLSTMForecaster,
    SktimeRNNClassifier,
    SktimeRNNRegressor,
)

rng = np.random.default_rng(0)
walk = 50 + np.cumsum(rng.normal(size=160))
wave = np.sin(np.arange(160) / 4) + rng.normal(0, 0.1, 160)
X = np.column_stack([walk, wave, np.arange(160) % 7])
SEQUENCES = [rng.normal(size=(n, 2)) for n in rng.integers(6, 30, 40)]
NUMBERS = np.array([x[:, 0].mean() for x in SEQUENCES])
LABELS = np.where(NUMBERS > 0, "up", "down")
TOKENS = [rng.integers(1, 9, n) for n in rng.integers(3, 12, 40)]
TEXTS = ["the cat sat on the mat. " * 6, "a dog sat on the log. " * 6, "hello there"]
EVENTS = [[3, *[1, 2] * n, 4] for n in range(1, 25)]


def forecaster(**parameters):
    small = {"window_length": 12, "horizon": 3, "units": 6, "epochs": 2}
    return sklstm.LSTMForecaster(**small | {"random_state": 0} | parameters)


def forecasts(fitted, rows=slice(120, 150), **options):
    yield from fitted.weights_
    yield fitted.predict(X[rows])
    yield fitted.history_["loss"]


def of_forecasters():
    fitted = forecaster().fit(X[:120], X[:120, 0])
    yield (
        "LSTMForecaster",
        [
            *forecasts(fitted),
            fitted.fitted_values(X[:40]),
            fitted.partial_fit(X[120:130], X[120:130, 0]).predict(X[130:]),
            *fitted.weights_,
        ],
    )
    for name, parameters in {
        "gru, patches": {"cell": "gru", "patch_length": 3},
        "rnn, stacked": {"cell": "rnn", "units": (5, 4), "dropout": 0.2},
        "bidirectional": {"bidirectional": True, "recurrent_dropout": 0.2},
        "large": {"units": 64, "window_length": 24},
        "future covariates": {"known_future": [2]},
        "last": {"normalize": "last", "linear_skip": False},
        "standard": {"normalize": "standard", "target": None},
        "unscaled": {"normalize": None, "optimizer": keras.optimizers.SGD(1e-4)},
        "early stopping": {"early_stopping": "refit", "epochs": 4},
        "members": {"n_members": 3, "n_jobs": 2},
        "constant rate": {"learning_rate_schedule": "constant", "loss": "huber"},
    }.items():
        fitted = forecaster(**parameters).fit(X[:120], X[:120, :1])
        yield f"LSTMForecaster, {name}", forecasts(fitted)
    fitted = forecaster(quantiles=(0.1, 0.5, 0.9), calibration_split=0.3)
    fitted.fit(X[:120], X[:120, :2]).update(X[120:125], X[120:125, :2])
    yield (
        "LSTMForecaster, quantiles and intervals",
        [
            *forecasts(fitted, slice(125, 150)),
            fitted.predict_quantiles(X[125:]),
            fitted.predict_interval(X[125:], 0.8),
            fitted.forecast_interval(coverage=0.8),
            fitted.forecast_quantiles(),
        ],
    )
    panel = [X[:120, :2], X[20:90, :2] * 3, X[:9, :2]]
    fitted = forecaster(calibration_split=0.2).fit(panel)
    yield (
        "LSTMForecaster, panel",
        [
            *fitted.weights_,
            *fitted.forecast(7),
            *fitted.update([rows[:4] for rows in panel]).forecast_interval(
                coverage=0.6
            ),
            fitted.forecast(X=X[:30, :2]),
        ],
    )
    fitted = sklstm.WindowForecaster(Ridge(), 12, 3, known_future=[2])
    fitted.fit(X[:120], X[:120, 0])
    yield "WindowForecaster", [fitted.predict(X[120:]), fitted.fitted_values(X[:50])]
    result = sklstm.walk_forward(
        forecaster(calibration_split=0.2),
        X,
        X[:, 0],
        cv=ExpandingWindowSplitter(np.arange(1, 7), initial_window=130, step_length=6),
        season_length=7,
        coverage=0.7,
        refit="warm",
    )
    numbers = result.forecasts.select_dtypes("number")
    yield "walk_forward", [numbers, result.scores, result.summary]
    y = pd.Series(walk, index=pd.period_range("2000-01", periods=160, freq="M"))
    fitted = SktimeLSTMForecaster(12, units=4, epochs=2, random_state=0)
    fitted.set_params(calibration_split=0.3).fit(y[:150], fh=[1, 2, 3])
    yield (
        "SktimeLSTMForecaster",
        [
            fitted.predict(),
            fitted.predict_interval(coverage=0.7),
            fitted.update(y[150:]).predict(fh=[-2, 0, 1, 2]),
        ],
    )


def of_sequences():
    small = {"units": 5, "epochs": 2, "random_state": 0}
    for name, parameters in {
        "": {},
        ", gru": {"cell": "gru", "bidirectional": False, "pooling": "mean"},
        ", by sequence": {"normalize": "sequence", "patch_length": 3, "dropout": 0.2},
        ", early stopping": {"early_stopping": True, "class_weight": "balanced"},
    }.items():
        fitted = sklstm.RNNClassifier(**small | parameters).fit(SEQUENCES, LABELS)
        yield (
            f"RNNClassifier{name}",
            [
                *fitted.weights_,
                fitted.predict_proba(SEQUENCES),
                fitted.history_["loss"],
            ],
        )
    fitted = sklstm.RNNClassifier(embedding_dim=4, **small).fit(TOKENS, LABELS)
    yield "RNNClassifier, tokens", [fitted.predict_proba(TOKENS), *fitted.weights_]
    fitted = sklstm.RNNClassifier(**small)
    for _ in range(2):
        fitted.partial_fit(SEQUENCES, LABELS, classes=["down", "up"])
    yield "RNNClassifier, partial_fit", [*fitted.weights_]
    fitted = sklstm.RNNRegressor(**small).fit(SEQUENCES, NUMBERS)
    yield "RNNRegressor", [*fitted.weights_, fitted.predict(SEQUENCES)]
    fitted = sklstm.RNNRegressor(warm_start=True, **small)
    fitted.fit(SEQUENCES, NUMBERS).fit(SEQUENCES, NUMBERS)
    yield "RNNRegressor, warm start", [*fitted.weights_, fitted.predict(SEQUENCES)]
    equal = np.stack([x[:6] for x in SEQUENCES])
    collection = equal.transpose(0, 2, 1)
    fitted = SktimeRNNClassifier(**small).fit(collection, LABELS)
    yield "SktimeRNNClassifier", [fitted.predict_proba(collection)]
    fitted = SktimeRNNRegressor(**small).fit(collection, NUMBERS)
    yield "SktimeRNNRegressor", [fitted.predict(collection)]

    def build(meta):
        outputs = meta.get("n_classes_", 1)
        return keras.Sequential(
            [
                keras.Input(meta["X_shape_"][1:]),
                keras.layers.GRU(4),
                keras.layers.Dense(outputs, "softmax" if outputs > 1 else None),
            ]
        )

    fitted = KerasSequenceClassifier(build, epochs=2, random_state=0)
    yield "KerasSequenceClassifier", [fitted.fit(equal, LABELS).predict_proba(equal)]
    fitted = KerasSequenceRegressor(build, epochs=2, random_state=0)
    yield "KerasSequenceRegressor", [fitted.fit(equal, NUMBERS).predict(equal)]


def of_texts():
    small = {"units": 8, "embedding_dim": 6, "window_length": 10, "random_state": 0}
    ids = sklstm.SequenceTokenizer().fit_transform(TEXTS)
    yield "SequenceTokenizer", [*ids]
    for generator in (
        sklstm.CharLSTMGenerator(epochs=3, **small),
        sklstm.CharLSTMGenerator(epochs=3, cell="gru", early_stopping=True, **small),
        sklstm.WordLSTMGenerator(epochs=3, handle_unknown="unk", **small),
    ):
        fitted = generator.fit(TEXTS)
        texts = fitted.generate(["the", "a dog"], max_new_tokens=30, random_state=0)
        drawn = fitted.generate("the", top_k=5, top_p=0.9, temperature=0.7, stop=".")
        greedy = fitted.generate("the", temperature=0)
        yield (
            f"{type(fitted).__name__}, {fitted.cell}",
            [
                *fitted.weights_,
                *fitted.token_scores(TEXTS),
                fitted.predict_proba("the"),
                *(np.array([ord(c) for c in text]) for text in [*texts, greedy]),
                *fitted.partial_fit(TEXTS[:1]).weights_,
            ],
        )
        assert isinstance(drawn, str)


def of_detectors():
    small = {"window_length": 10, "units": 6, "smoothing": 3, "epochs": 2}
    for detector in (
        sklstm.LSTMAutoencoderDetector(random_state=0, **small),
        sklstm.LSTMForecastDetector(random_state=0, **small),
        sklstm.LSTMForecastDetector(early_stopping=True, random_state=0, **small),
    ):
        fitted = detector.fit(X[:120])
        yield (
            f"{type(fitted).__name__}, early_stopping={fitted.early_stopping}",
            [
                *fitted.weights_,
                fitted.offset_,
                fitted.score_samples(X),
                fitted.feature_scores(X[100:]),
                fitted.update(X[120:130]),
                fitted.update(X[130:131]),
            ],
        )
    fitted = sklstm.SequenceAnomalyDetector(units=8, epochs=5, random_state=0)
    fitted.fit(EVENTS)
    stream = fitted.stream()
    yield (
        "SequenceAnomalyDetector",
        [
            *fitted.weights_,
            fitted.offset_,
            fitted.score_samples(EVENTS[:8]),
            *fitted.running_scores(EVENTS[:3]),
            [stream.push(token) for token in [3, 1, 7, 2]],
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", help="file to write the arrays to")
    parser.add_argument("--compare", help="file written by --save to compare with")
    options = parser.parse_args()
    cases = [
        case
        for part in (of_forecasters, of_sequences, of_texts, of_detectors)
        for case in part()
    ]
    arrays = {
        f"{name}/{i}": np.asarray(values, dtype=float)
        for name, each in cases
        for i, values in enumerate(each)
    }
    if options.save:
        np.savez(options.save, **arrays)
        print(f"{len(arrays)} arrays of {len(cases)} cases saved")
    if options.compare:
        with np.load(options.compare) as file:
            before = dict(file)
        if before.keys() != arrays.keys():
            raise SystemExit(f"other arrays: {sorted(before.keys() ^ arrays.keys())}")
        largest = {}
        for name, values in arrays.items():
            same = np.array_equal(values, before[name], equal_nan=True)
            difference = 0.0 if same else np.nanmax(np.abs(values - before[name]))
            case = name.rpartition("/")[0]
            largest[case] = max(largest.get(case, 0.0), difference)
        for name, difference in largest.items():
            print(f"{name:45} {difference:g}")
        print(f"{'largest difference':45} {max(largest.values()):g}")


if __name__ == "__main__":
    main()
