"""Embeddings of categorical columns."""

import numpy as np
import pytest

from sklstm.engine.backend import keras
from sklstm.engine.networks.categories import ColumnEmbeddings, embedding_size

N_IDS = ((1, 4), (2, 9))


@pytest.fixture(scope="module")
def network():
    embeddings = ColumnEmbeddings(N_IDS)
    window, future = keras.Input((None, 4)), keras.Input((None, 2))
    outputs = [embeddings.apply(window), embeddings.apply(future, first_column=2)]
    return keras.Model([window, future], outputs)


def rows(n_samples, first, n_columns):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_samples, 5, n_columns)).astype("float32")
    for column, n in N_IDS:
        if column >= first:
            x[:, :, column - first] = rng.integers(1, n, x.shape[:2])
    return x


def vectors(network, column):
    return network.get_layer(f"category_{column}").get_weights()[0]


def test_vectors_come_after_the_numbers(network):
    window, future = rows(3, 0, 4), rows(3, 2, 2)
    outputs = [x.numpy() for x in network([window, future])]
    first, second = (vectors(network, column) for column in (1, 2))
    assert (first.shape, second.shape) == ((4, 2), (9, 4))
    ids = window.astype(int)
    expected = [window[:, :, [0, 3]], first[ids[:, :, 1]], second[ids[:, :, 2]]]
    np.testing.assert_array_equal(outputs[0], np.concatenate(expected, axis=2))
    ids = future.astype(int)
    expected = [future[:, :, [1]], second[ids[:, :, 0]]]
    np.testing.assert_array_equal(outputs[1], np.concatenate(expected, axis=2))


def test_categories_become_unknown_in_training_for_a_whole_sample(network):
    x = rows(2000, 0, 4)
    embedded = network([x, x[:, :, 2:]], training=True)[0].numpy()
    n_replaced = 0
    for column, first in ((1, 2), (2, 4)):
        table = vectors(network, column)
        found = embedded[:, :, first : first + table.shape[1]]
        unknown = (found == table[0]).all(axis=2)
        known = (found == table[x[:, :, column].astype(int)]).all(axis=2)
        assert (unknown.all(axis=1) | known.all(axis=1)).all()
        n_replaced += unknown[:, 0].sum()
    assert 0.03 < n_replaced / 4000 < 0.07
    np.testing.assert_array_equal(embedded[:, :, :2], x[:, :, [0, 3]])


def test_columns_of_one_kind_alone():
    embeddings = ColumnEmbeddings(((0, 3),))
    ids, numbers = keras.Input((None, 1)), keras.Input((None, 2))
    assert embeddings.apply(ids).shape == (None, None, 1)
    assert embeddings.numbers(ids) is None
    assert embeddings.apply(numbers, first_column=1) is numbers


def test_vectors_are_short():
    assert [embedding_size(n) for n in (2, 3, 4, 33, 1000)] == [1, 1, 2, 16, 16]
