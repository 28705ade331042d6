"""Attribution of the values that a detector expects to the rows around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklstm import engine
from sklstm._core.attribution import Attribution
from sklstm._data.panel import split_series
from sklstm._data.series import check_series
from sklstm._data.time_index import index_of

if TYPE_CHECKING:
    from sklstm.anomaly._network import NetworkDetector


def attribute_expected_values(
    detector: NetworkDetector, X: Any, target: Any, steps: Any
) -> Attribution:
    """Attribute the values that a detector expects in some rows.

    An expected value is the mean of the predictions from all windows that cover the
    row, so its contributions are the mean of theirs.

    Parameters
    ----------
    detector : NetworkDetector
    X : array-like of shape (n_rows, n_columns)
        A series.
    target : label, sequence of labels or None
        Columns whose expected values are attributed; by default in each row the one
        that deviates most.
    steps : int, sequence of int or None
        Numbers of rows; by default the one that deviates most, before smoothing.

    Returns
    -------
    attribution : Attribution
    """
    import pandas as pd

    if split_series(X)[0] is not None:
        raise ValueError(
            "X must be a single series, because rows are explained by those before "
            "them, got several. Pass one of them, such as X.loc[name] or X[0]."
        )
    rows_of_X, _ = check_series(detector, X, reset=False)
    n_rows, n_columns = rows_of_X.shape
    index = index_of(X)
    labels = pd.RangeIndex(n_rows) if index is None else index
    names = list(getattr(X, "columns", range(n_columns)))
    scaled = detector._scaling.encode(rows_of_X)
    distances = detector._distances(detector._errors(scaled))
    rows = _check_rows(steps, distances, index)
    scored = detector._scored_columns
    columns = _check_columns(target, distances[rows], names, scored)
    padded = detector._pad_start(scaled)
    n_padding = len(padded) - n_rows
    outputs = detector._output_rows
    last_start = len(padded) - detector._window_span
    # One sample for each window that covers a row.
    samples = [
        (number, n_padding + row - place, place - outputs.start)
        for number, row in enumerate(rows)
        for place in outputs
        if 0 <= n_padding + row - place <= last_start
    ]
    numbers, starts, places = np.array(samples).T
    data = detector._window_data(padded, starts)
    network = engine.AttributionNetwork(
        detector._network.adapted_to(data), zero_baseline=True
    )
    with engine.borrow_program(network, detector._training_spec) as program:
        outputs_of_columns = np.searchsorted(scored, columns[numbers])
        found = program.attribute(
            data, detector.weights_, places * len(scored) + outputs_of_columns
        )
    lags = np.arange(1 - detector._window_span, len(outputs))
    values = np.zeros((len(rows), len(lags), n_columns))
    if outputs.start:
        # A forecast does not read the row itself, but for what is known of it.
        values[:, -1, scored] = np.nan
    both = np.zeros((len(rows), 2))
    counts = np.bincount(numbers, minlength=len(rows))
    # After the columns, a window has masks of missing values in some of them.
    known = detector._known_columns
    read = np.concatenate([scored, detector._masked_columns, known]).astype(int)
    for number, start, each in zip(numbers, starts, found, strict=True):
        window, *future = each.inputs
        for known_values in future:
            values[number, -1, known] += known_values[0] / counts[number]
        first = start - n_padding - rows[number] - lags[0]
        part = values[number, first : first + len(window)]
        np.add.at(part.T, read, window.T / counts[number])
        both[number] += np.array([each.output, each.baseline]) / counts[number]
    scale, mean = detector._scaling.scale[columns], detector._scaling.mean[columns]
    shown = rows[:, None] + lags
    inside = (shown >= 0) & (shown < n_rows)
    inputs = np.full(values.shape, np.nan)
    inputs[inside] = rows_of_X[shown[inside]]
    row_labels, features = labels.take(rows), pd.Index(names).take(columns)
    all_lags = np.tile(lags, len(rows))
    levels = [row_labels.repeat(len(lags)), features.repeat(len(lags)), all_lags]
    frame_columns = pd.Index(names, tupleize_cols=False)
    return Attribution(
        pd.DataFrame(
            (values * scale[:, None, None]).reshape(-1, n_columns),
            pd.MultiIndex.from_arrays(levels, names=["row", "feature", "lag"]),
            frame_columns,
        ),
        pd.DataFrame(
            both * scale[:, None] + mean[:, None],
            pd.MultiIndex.from_arrays([row_labels, features], names=["row", "feature"]),
            ["output", "baseline"],
        ).assign(actual=rows_of_X[rows, columns]),
        pd.DataFrame(
            inputs.reshape(-1, n_columns),
            pd.MultiIndex.from_arrays([levels[0], all_lags], names=["row", "lag"]),
            frame_columns,
        ),
        np.full(len(rows), len(lags)),
        np.arange(len(rows)),
    )


def _check_rows(steps: Any, distances: np.ndarray, index: Any) -> np.ndarray:
    """Return the numbers of the rows to attribute."""
    import pandas as pd

    if steps is None:
        return np.array([distances.sum(axis=1).argmax()])
    rows = np.atleast_1d(np.asarray(steps))
    n_rows = len(distances)
    if rows.dtype.kind not in "iu" and index is not None:
        # Labels of rows, such as times.
        labels = pd.Index([steps] if np.ndim(steps) == 0 else list(steps))
        found = index.get_indexer_for(labels)
        if len(found) == len(labels) and (found >= 0).all():
            return found
    if rows.dtype.kind not in "iu" or rows.ndim > 1 or not len(rows):
        raise ValueError(
            "steps must be the number of a row of X or its label in the index, or a "
            f"sequence of them, got {type(steps).__name__}: {steps!r}."
        )
    outside = (rows < -n_rows) | (rows >= n_rows)
    if outside.any():
        raise ValueError(
            f"steps must be numbers of rows of X, which has {n_rows}, got "
            f"{rows[outside][0]}."
        )
    return np.where(rows < 0, rows + n_rows, rows)


def _check_columns(
    target: Any, distances: np.ndarray, names: list, scored: np.ndarray
) -> np.ndarray:
    """Return the number of the column to attribute in each row."""
    if target is None:
        return distances.argmax(axis=1)
    if isinstance(target, np.ndarray) or hasattr(target, "to_numpy"):
        target = np.asarray(target).tolist()
    if target in names or isinstance(target, str) or not np.iterable(target):
        chosen = [target] * len(distances)
    else:
        chosen = list(target)
    known = [names[number] for number in scored.tolist()]
    unknown = [label for label in chosen if label not in known]
    if unknown:
        raise ValueError(
            f"target must be a column of X that is scored, {known}, got {unknown[0]!r}."
        )
    if len(chosen) != len(distances):
        raise ValueError(
            f"target must be one column or one for each of the {len(distances)} rows, "
            f"got {len(chosen)}."
        )
    return np.array([names.index(label) for label in chosen])
