"""Attribution of forecasts to the rows of their windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklstm import engine
from sklstm._core.attribution import Attribution, product_index
from sklstm._core.estimator import split_evenly
from sklstm._data.panel import match_fitted_series, match_future_covariates
from sklstm._data.time_index import index_of
from sklstm._data.windows import count_windows
from sklstm.engine import WindowData
from sklstm.forecasting._windows import SeriesScaling, is_empty

if TYPE_CHECKING:
    from sklstm.forecasting._lstm import LSTMForecaster


@dataclass(frozen=True)
class ExplainedWindows:
    """Windows of a series whose forecasts are to be explained."""

    position: int  # of the series in fit
    rows: np.ndarray  # (n_rows, n_features), with the rows to forecast
    starts: np.ndarray  # (n_windows,)
    origins: Sequence  # label of the last row of each window
    scaling: SeriesScaling


@dataclass(frozen=True)
class WindowContributions:
    """Contributions to one value of the forecast from each window.

    Parameters
    ----------
    inputs : ndarray of shape (n_windows, n_positions, n_features)
        NaN where a column is not read.
    output, baseline : ndarray of shape (n_windows,)
    """

    inputs: np.ndarray
    output: np.ndarray
    baseline: np.ndarray


def attribute_forecasts(
    forecaster: LSTMForecaster, X: Any, X_future: Any, steps: Any
) -> Attribution:
    """Attribute forecasts to the rows and columns of their windows.

    Parameters
    ----------
    forecaster : LSTMForecaster
    X : array-like or None
        Rows of the series of fit; all their windows are explained. None explains the
        forecast of the rows after the last one seen.
    X_future : array-like or None
    steps : int, sequence of int or None

    Returns
    -------
    attribution : Attribution
    """
    chosen = _check_steps(steps, int(forecaster._shape.horizon))
    if X is None:
        groups = _windows_after_last_row(forecaster, X_future, max(chosen))
    elif X_future is not None:
        raise ValueError(
            "X_future belongs to the forecast after the last row seen, but X is "
            "passed: its windows are explained by the rows that follow them in X. "
            "Pass one of the two."
        )
    else:
        groups = _windows_of_series(forecaster, X)
    import pandas as pd

    parts = [_attribute_series(forecaster, group, chosen) for group in groups]
    panel = forecaster._panel
    if panel is None:
        return parts[0]
    names = list(range(panel.n_series)) if panel.names is None else panel.names
    keys = [names[group.position] for group in groups]
    levels = panel.levels or ["series"]
    unnamed = "series" if len(levels) == 1 else "series_{}"
    levels = [
        unnamed.format(i) if level is None else level for i, level in enumerate(levels)
    ]
    n_samples = np.cumsum([0] + [len(group.starts) for group in groups[:-1]])
    contributions, outputs, inputs = (
        pd.concat([getattr(each, name) for each in parts], keys=keys, names=levels)
        for name in ("contributions", "outputs", "inputs")
    )
    return Attribution(
        contributions,
        outputs,
        inputs,
        sizes=np.concatenate([each.sizes for each in parts]),
        samples=np.concatenate(
            [each.samples + n for each, n in zip(parts, n_samples, strict=True)]
        ),
    )


def _check_steps(steps: Any, horizon: int) -> list[int]:
    if steps is None:
        return list(range(1, horizon + 1))
    chosen = [steps] if np.ndim(steps) == 0 else list(steps)
    valid = all(
        isinstance(step, int | np.integer) and 1 <= step <= horizon for step in chosen
    )
    if not chosen or not valid or len({*chosen}) < len(chosen):
        raise ValueError(
            f"steps must be from 1 to horizon={horizon} or a list of such numbers, "
            f"each once, got {steps!r}."
        )
    return [int(step) for step in chosen]


def _windows_after_last_row(
    forecaster: LSTMForecaster, X_future: Any, n_steps: int
) -> list[ExplainedWindows]:
    """Return the last window of each series, with the rows to forecast."""
    groups: list[ExplainedWindows] = []
    futures = match_future_covariates(X_future, forecaster._panel)
    for history, future in zip(forecaster._histories, futures, strict=True):
        _, known, _ = forecaster._check_next_rows(history, n_steps, future)
        X, times = history.rows.X, history.labels.times
        rows = forecaster._append_next_rows(X, known)
        origin = times.last if times.has_index else -1
        starts = np.array([len(X) - forecaster._shape.window_length])
        position = len(groups)
        groups.append(
            ExplainedWindows(position, rows, starts, [origin], history.scaling)
        )
    return groups


def _windows_of_series(forecaster: LSTMForecaster, X: Any) -> list[ExplainedWindows]:
    """Return all windows of rows; with those to forecast if covariates are known."""
    groups = []
    shape = forecaster._shape
    length = shape.window_length
    for position, series in match_fitted_series(X, fitted=forecaster._panel).items():
        scaling = forecaster._histories[position].scaling
        rows, _ = forecaster._check_series(series)
        needed = shape.horizon if shape.n_future_columns else 0
        n_windows = count_windows(len(rows), length, needed)
        if n_windows < 1:
            raise ValueError(
                f"{series.name} has {len(rows)} row(s), but a window with the rows to "
                f"forecast has {length + needed}. Pass more rows."
            )
        index = index_of(series.X)
        labels = np.arange(len(rows)) if index is None else index
        origins = labels[length - 1 : length - 1 + n_windows]
        starts = np.arange(n_windows)
        groups.append(ExplainedWindows(position, rows, starts, list(origins), scaling))
    return groups


def _attribute_series(
    forecaster: LSTMForecaster, windows: ExplainedWindows, steps: list[int]
) -> Attribution:
    """Attribute the forecasts of some steps of all targets, with labels."""
    import pandas as pd

    shape, scaling = forecaster._shape, windows.scaling
    series = scaling.encode(windows.rows)
    data = scaling.windows(series.extended(shape.horizon), windows.starts)
    forecasts = PointForecasts(forecaster, data, scaling)
    # The network's targets are in another order than those of y.
    places = np.argsort(scaling.order)
    found = [forecasts.attribute(step - 1, place) for step in steps for place in places]
    lags = np.arange(1 - shape.window_length, 1)
    if shape.n_future_columns:
        lags = np.append(lags, np.arange(1, shape.horizon + 1))
    levels: dict[str, Any] = {"origin": windows.origins, "step": steps}
    if shape.n_targets > 1:
        targets = forecaster._histories[0].labels.targets.names
        levels["target"] = range(shape.n_targets) if targets is None else list(targets)
    columns = pd.Index(forecaster._column_names, tupleize_cols=False)
    values = np.stack([each.inputs for each in found], axis=1)
    rows = windows.starts[:, None] + shape.window_length - 1 + lags
    inputs = windows.rows[rows]
    # Of the rows to forecast, the values of other columns are not read.
    inputs = np.where(np.isnan(values[:, 0]), np.nan, inputs)
    n_windows, n_outputs = values.shape[:2]
    both = np.stack([(each.output, each.baseline) for each in found], axis=2)
    return Attribution(
        pd.DataFrame(
            values.reshape(-1, len(columns)),
            product_index(levels | {"lag": lags}),
            columns,
        ),
        pd.DataFrame(
            np.moveaxis(both, 0, 2).reshape(-1, 2),
            product_index(levels),
            ["output", "baseline"],
        ),
        forecaster._categories.decode(
            pd.DataFrame(
                inputs.reshape(-1, len(columns)),
                product_index({"origin": windows.origins, "lag": lags}),
                columns,
            )
        ),
        np.full(n_windows * n_outputs, len(lags)),
        np.repeat(np.arange(n_windows), n_outputs),
    )


class PointForecasts:
    """Forecasts of windows whose values are to be attributed.

    Parameters
    ----------
    forecaster : LSTMForecaster
    data : WindowData
    scaling : SeriesScaling
    """

    def __init__(
        self, forecaster: LSTMForecaster, data: WindowData, scaling: SeriesScaling
    ):
        self._forecaster, self._data, self._scaling = forecaster, data, scaling
        shape = self._shape = forecaster._shape
        self._members = split_evenly(forecaster.weights_, forecaster._n_members)
        outputs = [forecaster._run(data, weights) for weights in self._members]
        # (n_members, n_windows, horizon, n_targets, n_quantiles)
        self._outputs = np.reshape(
            outputs,
            (len(outputs), len(data.starts), shape.horizon, shape.n_targets, -1),
        )

    def attribute(self, step: int, target: int) -> WindowContributions:
        """Attribute one value of each forecast, in the units of the target.

        Parameters
        ----------
        step, target : int
            Row of the forecast from 0, and target in the network's order.
        """
        data, shape, scaling = self._data, self._shape, self._scaling
        length = shape.window_length
        columns, future_columns = scaling.read_columns, scaling.future_columns
        read_ahead = columns[shape.n_columns - shape.n_future_columns :]
        n_ahead = shape.horizon if shape.n_future_columns else 0
        n_windows, n_features = len(data.starts), self._forecaster.n_features_in_
        total = np.zeros((n_windows, length + n_ahead, n_features))
        not_ahead = np.setdiff1d(np.arange(n_features), future_columns)
        total[:, length:, not_ahead] = np.nan
        output, baseline = np.zeros(n_windows), np.zeros(n_windows)
        for i, each, share in self._shared_contributions(step, target):
            output[i] += share * each.output
            baseline[i] += share * each.baseline
            window, *ahead = each.inputs
            np.add.at(total[i, :length].T, columns, share * window.T)
            for part in ahead:
                np.add.at(total[i, length:].T, read_ahead, share * part.T)
        scale, mean = scaling.target_scale[target], scaling.target_mean[target]
        level, spread = data.level[:, target], data.spread[:, target]
        empty = is_empty(data, length, shape.n_target_columns)
        if target < shape.n_target_columns and empty[:, target].any():
            raise ValueError(
                f"X has windows of {length} row(s) without any known value of a target:"
                " their forecast is its last known value, and there is nothing to "
                "attribute. Leave these rows out."
            )
        return WindowContributions(
            total * (spread * scale)[:, None, None],
            (output * spread + level) * scale + mean,
            (baseline * spread + level) * scale + mean,
        )

    def _shared_contributions(
        self, step: int, target: int
    ) -> Iterator[tuple[int, engine.Contributions, float]]:
        """Attribute the outputs that a point forecast consists of, with their shares.

        Yields
        ------
        window : int
        contributions : Contributions
            Of an output of a member.
        share : float
        """
        forecaster, shape = self._forecaster, self._shape
        shares = self._shares(self._outputs[:, :, step, target])
        network = forecaster._network.adapted_to(self._data)
        key = engine.AttributionNetwork(network), forecaster._training_spec
        n_quantiles = shares.shape[2]
        first = (step * shape.n_targets + target) * n_quantiles
        for member, quantile in np.ndindex(len(shares), n_quantiles):
            used = np.flatnonzero(shares[member, :, quantile])
            if not len(used):
                continue
            which = np.full(len(used), first + quantile)
            with engine.borrow_program(*key) as program:
                found = program.attribute(
                    self._data.take(used), self._members[member], which
                )
            for i, each in zip(used, found, strict=True):
                yield int(i), each, float(shares[member, i, quantile])

    def _shares(self, outputs: np.ndarray) -> np.ndarray:
        """Return the shares of outputs of members in the point forecast.

        The median of an ensemble is the member in the middle, or the mean of two.

        Parameters
        ----------
        outputs : ndarray of shape (n_members, n_windows, n_quantiles)

        Returns
        -------
        shares : ndarray of the same shape
        """
        n_members = len(outputs)
        of_members = np.zeros(outputs.shape)
        if self._forecaster.aggregate == "mean":
            joint = outputs.mean(axis=0)
            of_members[:] = 1 / n_members
        else:
            joint = np.median(outputs, axis=0)
            ranked = np.argsort(outputs, axis=0)
            middle = sorted({(n_members - 1) // 2, n_members // 2})
            np.put_along_axis(of_members, ranked[middle], 1 / len(middle), axis=0)
        # Predicted quantiles are sorted, so another one may be in the median's place.
        place = self._forecaster._quantiles.index(0.5)
        chosen = np.argsort(joint, axis=1)[:, place, None] == np.arange(joint.shape[1])
        return of_members * chosen
