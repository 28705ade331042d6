"""Categorical columns: which they are, and their ids."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm._data.categories import CategoryEncoding

CATEGORY = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.booleans(), st.none())


def frame(n=4):
    return pd.DataFrame(
        {
            "number": np.arange(n) / 2,
            "text": ["b", "a", None, "b"][:n],
            "category": pd.Categorical(["x", "y", "x", "x"][:n], ["x", "y", "z"]),
            "flag": [True, False, True, True][:n],
            "integer": np.arange(n),
            "string": pd.array(["b", "a", pd.NA, "b"][:n], "string"),
            "nullable": pd.array([1, None, 3, 4][:n], "Int64"),
            "objects": pd.Series([1, 2.5, None, 4][:n], dtype=object),
        }
    )


class TestWhichColumns:
    def test_from_dtype(self):
        encoding = CategoryEncoding.fit([frame()], "from_dtype")
        assert encoding.columns == (1, 2, 5)
        encoded = encoding.encode(frame())
        np.testing.assert_array_equal(encoded[:, 3], [1, 0, 1, 1])
        np.testing.assert_array_equal(encoded[:, 0], frame()["number"])
        np.testing.assert_array_equal(encoded[:, 4], frame()["integer"])
        for column in (6, 7):
            np.testing.assert_array_equal(
                np.isnan(encoded[:, column]), frame().isna().iloc[:, column]
            )

    def test_from_dtype_in_any_of_several_tables(self):
        first = frame().assign(text=None)
        assert 1 in CategoryEncoding.fit([first, frame()], "from_dtype").columns
        assert not CategoryEncoding.fit([frame().to_numpy()], "from_dtype").columns

    @pytest.mark.parametrize(
        ("selected", "columns"),
        [
            (None, ()),
            ([], ()),
            (["text", "integer"], (1, 4)),
            ("text", (1,)),
            ([4, -7], (1, 4)),
            (np.array([False, True] + [False] * 6), (1,)),
        ],
        ids=str,
    )
    def test_by_name_index_or_mask(self, selected, columns):
        assert CategoryEncoding.fit([frame()], selected).columns == columns

    @pytest.mark.parametrize(
        ("selected", "message"),
        [
            (["nonsense"], "categorical_features='nonsense' is not a column"),
            ([8], "categorical_features=8 is out of range"),
            ([True], "a mask of 1 columns, but X has 8"),
            (["text", 1], "names a column twice"),
        ],
        ids=str,
    )
    def test_invalid_ones_are_refused(self, selected, message):
        with pytest.raises(ValueError, match=message):
            CategoryEncoding.fit([frame()], selected)

    def test_polars_frames(self):
        polars = pytest.importorskip("polars")
        table = polars.DataFrame(
            {"number": [0.5, None], "text": ["a", None], "flag": [True, False]}
        )
        encoding = CategoryEncoding.fit([table], "from_dtype")
        assert encoding.columns == (1,)
        np.testing.assert_array_equal(
            encoding.encode(table), [[0.5, 2, 1], [np.nan, 1, 0]]
        )


class TestIds:
    @settings(deadline=None)
    @given(st.lists(CATEGORY, min_size=1), st.lists(CATEGORY, min_size=1))
    def test_are_equal_where_values_are_and_0_where_they_are_unknown(self, seen, new):
        column = np.empty((len(seen), 1), dtype=object)
        column[:, 0] = seen
        encoding = CategoryEncoding.fit([column], [0])
        ids = encoding.encode(column)[:, 0]
        by_value = dict(zip(seen, ids, strict=True))
        assert set(by_value.values()) == set(range(1, encoding.n_ids[0][1]))
        assert all(by_value[value] == i for value, i in zip(seen, ids, strict=True))
        later = np.empty((len(new), 1), dtype=object)
        later[:, 0] = new
        expected = [by_value.get(value, 0) for value in new]
        np.testing.assert_array_equal(encoding.encode(later)[:, 0], expected)

    @settings(deadline=None)
    @given(st.permutations(["b", "a", None, "b", 3, 2.5]))
    def test_do_not_depend_on_the_order_of_rows(self, values):
        table = pd.DataFrame({"a": pd.Series(values, dtype=object)})
        parts = [table.iloc[:2], table.iloc[2:]]
        encoding = CategoryEncoding.fit(parts, ["a"])
        assert encoding == CategoryEncoding.fit(
            [table.sort_values("a", key=lambda a: a.astype(str))], ["a"]
        )

    def test_do_not_depend_on_the_type_of_the_column(self):
        encoding = CategoryEncoding.fit([frame()[["text"]]], "from_dtype")
        expected = [[3], [2], [1], [3]]
        for dtype in (object, "string", "category"):
            table = frame()[["text"]].astype(dtype)
            np.testing.assert_array_equal(encoding.encode(table), expected)

    def test_categories_of_a_type_that_never_occur_are_unknown(self):
        encoding = CategoryEncoding.fit([frame()[["category"]]], "from_dtype")
        assert encoding.n_ids == ((0, 3),)
        table = pd.DataFrame({"category": pd.Categorical(["z"], ["x", "y", "z"])})
        assert encoding.encode(table) == 0

    def test_missing_values_are_unknown_if_none_was_missing_in_fit(self):
        encoding = CategoryEncoding.fit([frame()[["category"]]], "from_dtype")
        assert encoding.encode(pd.DataFrame({"category": [None]})) == 0


class TestMessages:
    def test_numbers_that_are_none_are_named(self):
        encoding = CategoryEncoding.fit([frame()], None)
        with pytest.raises(
            ValueError, match="'text'.*'b', which is no number.*name it in"
        ):
            encoding.encode(frame())
        dates = pd.DataFrame({"day": pd.date_range("2024", periods=3)})
        encoding = CategoryEncoding.fit([dates], "from_dtype")
        with pytest.raises(ValueError, match="'day'.*Timestamp.*no number"):
            encoding.encode(dates)

    def test_values_that_cannot_be_categories(self):
        lists = pd.DataFrame({"a": [[1], [2]]})
        with pytest.raises(ValueError, match="Column 'a'.*cannot be hashed"):
            CategoryEncoding.fit([lists], ["a"])

    def test_identifiers_warn(self):
        table = pd.DataFrame({"id": [f"visitor {i}" for i in range(60)]})
        with pytest.warns(
            UserWarning, match="'id' of X has 60 categories in 60 values"
        ):
            CategoryEncoding.fit([table], "from_dtype")
