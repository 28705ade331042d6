"""scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import (
    CharLSTMGenerator,
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    PCADetector,
    RNNClassifier,
    RNNRegressor,
    SequenceTokenizer,
    WordLSTMGenerator,
)

ORDERED_ROWS = (
    "A forecast, or the score of a row, depends on neighbouring rows, so shuffling, "
    "omitting or repeating rows changes it."
)
STOCHASTIC = (
    "Batches are drawn at random, so repeating a sample is not equivalent to doubling "
    "its weight."
)
ROWS_IN_TIME_ORDER = {
    "check_methods_sample_order_invariance": ORDERED_ROWS,
    "check_methods_subset_invariance": ORDERED_ROWS,
}
EXPECTED_FAILURES = {
    LSTMAutoencoderDetector: ROWS_IN_TIME_ORDER,
    LSTMForecastDetector: ROWS_IN_TIME_ORDER,
    PCADetector: ROWS_IN_TIME_ORDER,
    LSTMForecaster: {
        **ROWS_IN_TIME_ORDER,
        "check_sample_weight_equivalence_on_dense_data": ORDERED_ROWS,
    },
    RNNClassifier: {"check_sample_weight_equivalence_on_dense_data": STOCHASTIC},
    RNNRegressor: {"check_sample_weight_equivalence_on_dense_data": STOCHASTIC},
    SequenceTokenizer: {},
    CharLSTMGenerator: {},
    WordLSTMGenerator: {},
}


@pytest.mark.filterwarnings("ignore:No column of X holds the history")
@parametrize_with_checks(
    [
        LSTMForecaster(window_length=3, units=2, epochs=1),
        LSTMForecaster(window_length=4, horizon=2, units=(3, 2), epochs=1, dropout=0.1),
        LSTMAutoencoderDetector(window_length=3, units=2, epochs=1),
        LSTMForecastDetector(window_length=2, units=2, epochs=1, contamination=0.1),
        PCADetector(window_length=3),
        PCADetector(window_length=1, n_components=1, contamination=0.1),
        RNNClassifier(units=8, epochs=20),
        RNNClassifier(
            cell="rnn", units=(8, 4), bidirectional=False, conv_filters=None, epochs=20
        ),
        RNNRegressor(units=32, epochs=20),
        RNNRegressor(
            cell="rnn",
            units=32,
            pooling="max",
            patch_length=2,
            conv_filters=None,
            epochs=40,
        ),
        SequenceTokenizer(),
        CharLSTMGenerator(units=4, epochs=1),
        WordLSTMGenerator(units=4, epochs=1),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES[type(estimator)],
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
