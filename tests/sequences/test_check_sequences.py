"""check_sequences describes sequences and leaves the estimator unchanged."""

import numpy as np
import pandas as pd
import pytest

from sklstm import RNNClassifier
from sklstm._data.sequences import SequenceSchema, check_sequences
from sklstm.sequences._base import SequenceEstimator

RAGGED = [np.ones((3, 2)), np.zeros((5, 2))]


@pytest.mark.parametrize(
    ("X", "tokens", "schema"),
    [
        (RAGGED, False, SequenceSchema(2, 2)),
        (np.ones((4, 5, 3)), False, SequenceSchema(3, 3)),
        ([[1.0, 2.0, 3.0]] * 4, False, SequenceSchema(3, 1)),
        ([[1.0], [2.0, 3.0]], False, SequenceSchema(1, 1)),
        ([[1, 2, 0]] * 4, True, SequenceSchema(1, 1)),
        (np.ones((4, 5)), True, SequenceSchema(1, 1)),
        (
            [pd.DataFrame(x, columns=["a", "b"]) for x in RAGGED],
            False,
            SequenceSchema(2, 2, ("a", "b")),
        ),
    ],
    ids=[
        "unequal lengths",
        "3-D array",
        "equal lengths",
        "unequal lengths of one channel",
        "list of tokens",
        "array of tokens",
        "data frames",
    ],
)
def test_schema(X, tokens, schema):
    estimator = RNNClassifier()
    before = vars(estimator).copy()
    sequences, found = check_sequences(estimator, X, tokens=tokens)
    assert found == schema
    assert len(sequences) == len(X)
    check_sequences(estimator, X, tokens=tokens, fitted=schema)
    assert vars(estimator) == before


def test_sequences_are_compared_with_the_schema_in_fit():
    fitted = SequenceSchema(3, 3)
    with pytest.raises(ValueError, match=r"2 channel\(s\), but RNNClassifier.*with 3"):
        check_sequences(RNNClassifier(), RAGGED, tokens=False, fitted=fitted)


def test_2d_arrays_set_the_attributes_of_scikit_learn():
    estimator = RNNClassifier()
    frame = pd.DataFrame(np.ones((4, 2)), columns=["a", "b"])
    _, schema = check_sequences(estimator, frame, tokens=False)
    assert schema == SequenceSchema(2, 1)
    assert estimator.n_features_in_ == 2
    assert estimator.feature_names_in_.tolist() == ["a", "b"]


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        SequenceEstimator()
