"""scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMForecaster

ORDERED_ROWS = (
    "A forecast depends on the rows before it, so rows cannot be shuffled, left out, "
    "or repeated without changing it."
)
EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": ORDERED_ROWS,
    "check_methods_subset_invariance": ORDERED_ROWS,
    "check_sample_weight_equivalence_on_dense_data": ORDERED_ROWS,
}


@pytest.mark.filterwarnings("ignore:No column of X holds the own past")
@parametrize_with_checks(
    [
        LSTMForecaster(window_length=3, units=2, epochs=1),
        LSTMForecaster(window_length=4, horizon=2, units=(3, 2), epochs=1, dropout=0.1),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
