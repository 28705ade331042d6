"""Forecasting networks: from a window of a series to the rows that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import (
    MAX_LINEAR_CATEGORIES,
    InitialValues,
    LinearMaps,
    SampleData,
)
from sklstm.engine.networks.base import (
    DataSignature,
    NetworkSpec,
    SampleNetwork,
    Tensors,
    keep_columns,
)
from sklstm.engine.networks.categories import CategoryCounts, ColumnEmbeddings
from sklstm.engine.networks.initial_weights import glorot_uniform
from sklstm.engine.networks.recurrent import RecurrentStack, learned_vectors

if TYPE_CHECKING:
    from keras import KerasTensor

# Learning rate of the linear maps relative to that of the recurrent layers. They have a
# weight for each row of the window, and at the full rate would fit the noise of a short
# series before the recurrent layers have learned anything.
_SKIP_RATE = 0.25


@dataclass(frozen=True)
class WindowNetwork(SampleNetwork):
    """A network from a window of a series to the rows that follow it.

    The columns of the series come in this order: target columns, other columns, future
    covariates. Targets that have a target column come before those that have none.

    Parameters
    ----------
    stack : RecurrentStack
        The recurrent layers.
    window_length : int
        Number of rows in a window.
    horizon : int
        Number of rows forecast at once.
    n_columns : int
        Number of columns of the series.
    n_targets : int
        Number of values forecast per row.
    n_target_columns : int
        Number of targets whose history is among the columns.
    n_future_columns : int
        Number of future covariates, whose values are read at the forecast rows too.
    patch_length : int
        Number of rows folded into one recurrent step; divides ``window_length``.
    linear_skip : bool
        Whether to add linear maps from the target columns and from the future
        covariates to the forecast.
    n_quantiles : int
        Number of quantiles predicted for each value.
    decoder : {"dense", "segments"}
        Whether a dense layer maps the last state to the whole horizon, or a recurrent
        cell makes one step for each segment of it (SegRNN [1]_).
    channel_independent : bool
        Whether each target column goes through the recurrent layers alone, beside the
        covariates. All targets have a target column then.
    categories : tuple of tuple of int
        Index of each categorical column, and its number of ids. Those of the past, and
        of the future covariates, come last. The network reads a learned vector of each
        id. The linear map from the future covariates reads one column for each id from
        1, if there are few.
    missing_values : bool
        Whether values of the series and targets are missing.
    gated : bool
        Whether categories are read through gates, which are further inputs (see
        `AttributionNetwork`).

    References
    ----------
    .. [1] Lin et al. (2023), "SegRNN: Segment recurrent neural network for long-term
       time series forecasting", arXiv:2308.11200.
    """

    stack: RecurrentStack
    window_length: int
    horizon: int
    n_columns: int
    n_targets: int
    n_target_columns: int = 0
    n_future_columns: int = 0
    patch_length: int = 1
    linear_skip: bool = False
    n_quantiles: int = 1
    decoder: str = "dense"
    channel_independent: bool = False
    categories: CategoryCounts = ()
    missing_values: bool = False
    gated: bool = False

    def adapted_to(self, data: SampleData) -> Self:
        """Gather windows with missing values if the data have some."""
        missing_values = getattr(data, "since", None) is not None
        return replace(self, missing_values=missing_values)

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the network."""
        layers = keras.layers
        window = keras.Input(
            (self.window_length, self.n_columns), dtype="float32", name="window"
        )
        inputs, future = [window], None
        if self.n_future_columns:
            future = keras.Input(
                (self.horizon, self.n_future_columns),
                dtype="float32",
                name="known_future",
            )
            inputs.append(future)
        decode = {"dense": self._decode_densely, "segments": self._decode_segments}
        values = window, future
        gates: list[KerasTensor | None] = [None, None]
        if self.gated and self.categories:
            gates = self._gates()
            inputs += [each for each in gates if each is not None]
        if self.categories:
            values = self._embed_categories(*values, *gates)
        forecast = decode[self.decoder](*values, fast=fast)
        shape: tuple[int, ...] = (self.horizon, self.n_targets)
        quantiles = (self.n_quantiles,) if self.n_quantiles > 1 else ()
        forecast = layers.Reshape(shape + quantiles, name="horizon")(forecast)
        linear = []
        if self.linear_skip and self.n_target_columns:
            linear.append(self._target_skip(window))
        if self._has_future_skip:
            linear.append(self._future_skip(window, future, *gates))
        if linear and quantiles:
            linear = [layers.Reshape((*shape, 1))(part) for part in linear]
        if linear:
            forecast = layers.Add(name="sum")([forecast, *linear])
        return keras.Model(inputs, forecast, name="forecaster")

    def _gates(self) -> list[KerasTensor | None]:
        """Make the gates of the categories in the window and in the forecast rows."""
        shape = (self.window_length, len(self.categories))
        window = keras.Input(shape, dtype="float32", name="window_gates")
        if not self._future_categories:
            return [window, None]
        shape = (self.horizon, len(self._future_categories))
        return [window, keras.Input(shape, dtype="float32", name="future_gates")]

    def _embed_categories(
        self,
        window: KerasTensor,
        future: KerasTensor | None,
        window_gates: KerasTensor | None,
        future_gates: KerasTensor | None,
    ) -> tuple[KerasTensor, KerasTensor | None]:
        """Replace the ids of categories by learned vectors, after all other columns."""
        embeddings = ColumnEmbeddings(self.categories)
        if future is not None:
            first = self.n_columns - self.n_future_columns
            future = embeddings.apply(future, first, future_gates)
        return embeddings.apply(window, gates=window_gates), future

    @property
    def _future_categories(self) -> list[tuple[int, int]]:
        """Categorical future covariates, by their index among the future covariates."""
        first = self.n_columns - self.n_future_columns
        return [
            (column - first, n_ids)
            for column, n_ids in self.categories
            if column >= first
        ]

    @property
    def _has_future_skip(self) -> bool:
        """Whether there are future covariates that a linear map reads."""
        categories = self._future_categories
        n_numbers = self.n_future_columns - len(categories)
        few = any(n_ids - 1 <= MAX_LINEAR_CATEGORIES for _, n_ids in categories)
        return self.linear_skip and (n_numbers > 0 or few)

    def _decode_densely(
        self, window: KerasTensor, future: KerasTensor | None, *, fast: bool
    ) -> KerasTensor:
        """Map the last state, and what else is known, to all rows of the horizon."""
        layers = keras.layers
        x = self.stack.apply(self._recurrent_steps(window), fast=fast)
        if self.channel_independent:
            channel = self._channel_vectors(x)
            x = self._channels_of_windows(x)
            channel *= keras.ops.ones_like(x[..., :1])
            x = layers.Concatenate(name="state_and_channel")([x, channel])
        if future is not None:
            x = self._join_future(x, future)
        # Zero at first, so that an untrained forecast is the window's level.
        forecast = layers.Dense(
            self.horizon * self._n_row_values,
            kernel_initializer="zeros",
            name="forecast",
        )(x)
        return self._arrange_rows(forecast, self.horizon)

    def _decode_segments(
        self, window: KerasTensor, future: KerasTensor | None, *, fast: bool
    ) -> KerasTensor:
        """Map the last states to each segment of the horizon, by one recurrent step.

        The cell reads which segment it is, of which channel, and the future covariates
        of the segment.
        """
        length = self.segment_length
        n_segments = -(-self.horizon // length)
        states = self.stack.apply_to_states(self._recurrent_steps(window), fast=fast)
        inputs = [
            learned_vectors(states[0], n_segments, self._vector_size, name="segment")
        ]
        if future is not None:
            inputs.append(self._cut_segments(future, n_segments))
        if self.channel_independent:
            # Axes: windows, channels, segments.
            ops = keras.ops
            inputs = [ops.expand_dims(part, 1) for part in inputs]
            inputs.append(ops.expand_dims(self._channel_vectors(states[0]), 2))
            states = [self._channels_of_windows(state) for state in states]
        states = [keras.ops.expand_dims(state, -2) for state in states]
        x = self.stack.apply_decoder_cell(inputs, states, fast=fast)
        x = self.stack.apply_dropout(x, len(self.stack.units) - 1, prefix="decoder_")
        # Segments share the kernel, but each value of the forecast has its own bias, as
        # in the dense layer above.
        axes = "bcs" if self.channel_independent else "bs"
        forecast = keras.layers.EinsumDense(
            f"{axes}u,uv->{axes}v",
            (*x.shape[1:-1], length * self._n_row_values),
            bias_axes="sv",
            kernel_initializer="zeros",
            name="forecast",
        )(x)
        return self._arrange_rows(forecast, n_segments * length)

    @property
    def _n_row_values(self) -> int:
        """Number of values that are forecast for each row from one state."""
        n_targets = 1 if self.channel_independent else self.n_targets
        return n_targets * self.n_quantiles

    @property
    def segment_length(self) -> int:
        """Number of rows of the horizon that are forecast in one recurrent step."""
        return min(self.patch_length, self.horizon)

    @property
    def _vector_size(self) -> int:
        """Length of the learned vector of a segment, and of a channel."""
        return max(self.stack.units[-1] // 2, 1)

    def _recurrent_steps(self, window: KerasTensor) -> KerasTensor:
        """Cut the window, or each of its channels, into the steps that are read."""
        x = self._split_channels(window) if self.channel_independent else window
        if self.patch_length > 1:
            n_steps = self.window_length // self.patch_length
            x = keras.layers.Reshape((n_steps, -1), name="patches")(x)
        return x

    def _split_channels(self, window: KerasTensor) -> KerasTensor:
        """Make a sample of each target column, with the covariates beside it.

        Returns
        -------
        channels : KerasTensor of shape (n_samples * n_targets, window_length, \
                1 + n_covariates)
        """
        ops = keras.ops
        history = ops.transpose(window[:, :, : self.n_targets], (0, 2, 1))
        history = ops.reshape(history, (-1, self.window_length, 1))
        if window.shape[2] == self.n_targets:
            return history
        covariates = ops.repeat(window[:, :, self.n_targets :], self.n_targets, axis=0)
        return keras.layers.Concatenate(name="channels")([history, covariates])

    def _channels_of_windows(self, x: KerasTensor) -> KerasTensor:
        """Give the channels of each window an axis of their own, after the first."""
        return keras.ops.reshape(x, (-1, self.n_targets, *x.shape[1:]))

    def _channel_vectors(self, state: KerasTensor) -> KerasTensor:
        """Return what the network learns of each channel: (1, n_targets, size)."""
        return learned_vectors(state, self.n_targets, self._vector_size, name="channel")

    def _cut_segments(self, future: KerasTensor, n_segments: int) -> KerasTensor:
        """Concatenate the future covariates of each segment; zeros beyond the last."""
        layers, length = keras.layers, self.segment_length
        n_missing = n_segments * length - self.horizon
        if n_missing:
            pad = (0, n_missing)
            future = layers.ZeroPadding1D(pad, name="whole_segments")(future)
        return layers.Reshape((n_segments, -1), name="future_segments")(future)

    def _arrange_rows(self, forecast: KerasTensor, n_rows: int) -> KerasTensor:
        """Move the channels behind the rows, and drop the rows beyond the horizon."""
        layers = keras.layers
        if self.channel_independent:
            by_channel = (self.n_targets, n_rows, self.n_quantiles)
            forecast = layers.Reshape(by_channel, name="channel_rows")(forecast)
            forecast = layers.Permute((2, 1, 3), name="rows_of_channels")(forecast)
        if n_rows > self.horizon:
            forecast = layers.Reshape((n_rows, -1), name="segment_rows")(forecast)
            crop = (0, n_rows - self.horizon)
            forecast = layers.Cropping1D(crop, name="forecast_rows")(forecast)
        return forecast

    def _join_future(self, state: KerasTensor, future: KerasTensor) -> KerasTensor:
        """Join the last state, the future covariates and a nonlinear mix of both."""
        layers = keras.layers
        future = layers.Flatten(name="future_values")(future)
        if self.channel_independent:
            future = layers.RepeatVector(self.n_targets, name="future_of_channels")(
                future
            )
        mix = layers.Dense(
            self.stack.units[-1],
            activation="tanh",
            kernel_initializer=glorot_uniform(),
            name="future_effect",
        )(layers.Concatenate(name="state_and_future")([state, future]))
        return layers.Concatenate(name="features")([state, future, mix])

    def _target_skip(self, window: KerasTensor) -> KerasTensor:
        """Apply a linear map from each target's history, shared by the targets."""
        layers = keras.layers
        history = layers.Permute((2, 1), name="columns")(window)
        if self.n_target_columns < self.n_columns:
            crop = (0, self.n_columns - self.n_target_columns)
            history = layers.Cropping1D(crop, name="target_columns")(history)
        history = layers.Rescaling(_SKIP_RATE, name="scaled_history")(history)
        skip = layers.Dense(
            self.horizon, use_bias=False, kernel_initializer="zeros", name="linear_skip"
        )(history)
        if self.n_target_columns < self.n_targets:
            pad = (0, self.n_targets - self.n_target_columns)
            skip = layers.ZeroPadding1D(pad, name="without_target_column")(skip)
        return layers.Permute((2, 1), name="linear_forecast")(skip)

    def _future_skip(
        self,
        window: KerasTensor,
        future: KerasTensor,
        window_gates: KerasTensor | None,
        future_gates: KerasTensor | None,
    ) -> KerasTensor:
        """Apply a linear map from the future covariates' changes since the last row.

        Their changes within the window are read as well: if the target followed
        yesterday's weather, tomorrow's weather says how far it will move from
        yesterday's value.
        """
        layers = keras.layers
        history = layers.Permute((2, 1), name="columns_of_rows")(window)
        crop = (self.n_columns - self.n_future_columns, 0)
        history = layers.Cropping1D(crop, name="covariates")(history)
        history = layers.Permute((2, 1), name="covariate_history")(history)
        rows = layers.Concatenate(axis=1, name="covariate_rows")([history, future])
        if self._future_categories:
            gates = None
            if window_gates is not None and future_gates is not None:
                n_past = len(self.categories) - len(self._future_categories)
                gates = [window_gates[:, :, n_past:], future_gates]
                gates = layers.Concatenate(axis=1, name="gate_rows")(gates)
            rows = self._encode_one_hot(rows, gates)
        crop = (self.window_length - 1, self.horizon)
        last = layers.Cropping1D(crop, name="last_covariates")(rows)
        changes = layers.Subtract(name="covariate_changes")([rows, last])
        changes = layers.Rescaling(_SKIP_RATE, name="scaled_changes")(changes)
        skip = layers.Dense(
            self.horizon * self.n_targets,
            use_bias=False,
            kernel_initializer="zeros",
            name="future_skip",
        )(layers.Flatten(name="changes")(changes))
        return layers.Reshape((self.horizon, self.n_targets), name="future_forecast")(
            skip
        )

    def _encode_one_hot(
        self, rows: KerasTensor, gates: KerasTensor | None
    ) -> KerasTensor:
        """Replace ids by a column for each id from 1, or leave them out if many."""
        ops = keras.ops
        n_numbers = self.n_future_columns - len(self._future_categories)
        parts = [rows[:, :, :n_numbers]] if n_numbers else []
        for i, (column, n_ids) in enumerate(self._future_categories):
            if n_ids - 1 <= MAX_LINEAR_CATEGORIES:
                ids = ops.cast(rows[:, :, column], "int32")
                indicators = ops.one_hot(ids - 1, n_ids - 1)
                if gates is not None:
                    indicators *= gates[:, :, i : i + 1]
                parts.append(indicators)
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=2)

    def weights_of_linear_maps(self, maps: LinearMaps) -> InitialValues:
        """Return the variables that make the network forecast by linear maps at first.

        Parameters
        ----------
        maps : LinearMaps

        Returns
        -------
        values : mapping of str to ndarray
        """
        intercept = maps.intercept
        if self.channel_independent:
            intercept = intercept.mean(axis=1, keepdims=True)
        if self.decoder == "segments":
            n_segments = -(-self.horizon // self.segment_length)
            n_missing = n_segments * self.segment_length - self.horizon
            intercept = np.pad(intercept, [(0, n_missing), (0, 0), (0, 0)])
            intercept = intercept.reshape(n_segments, -1)
        else:
            intercept = intercept.ravel()
        values: dict[str, np.ndarray] = {"forecast/bias": intercept}
        if self.linear_skip and self.n_target_columns:
            values["linear_skip/kernel"] = maps.history.T / _SKIP_RATE
        if self._has_future_skip:
            n_outputs = self.horizon * self.n_targets
            kernel = maps.covariates.reshape(n_outputs, -1).T
            values["future_skip/kernel"] = kernel / _SKIP_RATE
        return values

    def data_signature(self) -> DataSignature:
        """Describe the tensors of `WindowData`."""
        inputs = {
            "series": tf.TensorSpec([None, self.n_columns]),
            "starts": tf.TensorSpec([None], tf.int32),
            "level": tf.TensorSpec([None, self.n_targets]),
            "spread": tf.TensorSpec([None, self.n_targets]),
        }
        if self.missing_values:
            gaps = tf.TensorSpec([None, self.n_columns], tf.int32)
            inputs |= {"since": gaps, "until": gaps}
        return DataSignature(
            inputs=inputs,
            targets={
                "targets": tf.TensorSpec([None, self.n_targets]),
                "weight": tf.TensorSpec([None]),
            },
        )

    def gather_inputs(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tf.Tensor | list[tf.Tensor]:
        """Cut windows, normalise their target columns, and add future covariates."""
        window = gather_windows(tensors, index, self.window_length)
        if self.missing_values:
            window = fill_ends(window, tensors, index)
        n_target_columns = self.n_target_columns
        if n_target_columns:
            level = tf.gather(tensors["level"], index)[:, None, :n_target_columns]
            spread = tf.gather(tensors["spread"], index)[:, None, :n_target_columns]
            history = (window[:, :, :n_target_columns] - level) / spread
            window = tf.concat([history, window[:, :, n_target_columns:]], axis=2)
        if not self.n_future_columns:
            return window
        future = tf.gather(tensors["series"], self._forecast_rows(tensors, index))
        return [window, future[:, :, self.n_columns - self.n_future_columns :]]

    @property
    def gated_columns(self) -> list[tuple[int, list[int] | None]]:
        """Return the columns with categories, of the window and the future."""
        gated: list[tuple[int, list[int] | None]] = []
        if self.categories:
            gated.append((0, [column for column, _ in self.categories]))
        if self._future_categories:
            gated.append((1, [column for column, _ in self._future_categories]))
        return gated

    def baseline_inputs(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return windows in which the targets stay at their last value.

        Other numbers are zero, the mean of the training rows, and nothing is missing.
        """
        n = self.n_target_columns
        baseline = [tf.zeros_like(each) for each in inputs]
        last = inputs[0][:, -1:, :n]
        flat = tf.broadcast_to(last, tf.shape(inputs[0][:, :, :n]))
        baseline[0] = tf.concat([flat, baseline[0][:, :, n:]], 2)
        return keep_columns(baseline, inputs, self.gated_columns)

    def gather_targets(
        self, tensors: Tensors, index: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cut the normalised targets and the weights of the forecast rows."""
        rows = self._forecast_rows(tensors, index)
        level = tf.gather(tensors["level"], index)[:, None]
        spread = tf.gather(tensors["spread"], index)[:, None]
        targets = (tf.gather(tensors["targets"], rows) - level) / spread
        return targets, tf.gather(tensors["weight"], rows)

    def _forecast_rows(self, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
        first = tf.gather(tensors["starts"], index) + self.window_length
        return first[:, None] + tf.range(self.horizon)


def gather_windows(tensors: Tensors, index: tf.Tensor, window_length: int) -> tf.Tensor:
    """Cut the windows of the given indices from a series.

    Returns
    -------
    windows : tensor of shape (n_windows, window_length, n_columns)
    """
    starts = tf.gather(tensors["starts"], index)
    return tf.gather(tensors["series"], starts[:, None] + tf.range(window_length))


def fill_ends(windows: tf.Tensor, tensors: Tensors, index: tf.Tensor) -> tf.Tensor:
    """Fill missing values at both ends of windows without the rows beyond.

    At the end of a window, its last observed value is repeated, or the last one before
    the window; at the beginning, the first one in the window.
    """
    series, n_rows = tensors["series"], windows.shape[1]
    first = tf.gather(tensors["starts"], index)
    last = first + (n_rows - 1)
    until = tf.gather(tensors["until"], first)
    since = tf.gather(tensors["since"], last)
    columns = tf.range(tf.shape(series)[1])

    def observed(rows: tf.Tensor) -> tf.Tensor:
        where = tf.stack([rows, tf.broadcast_to(columns, tf.shape(rows))], axis=2)
        return tf.gather_nd(series, where)[:, None]

    until = tf.where(until < n_rows, until, 0)
    offsets = tf.range(n_rows)[None, :, None]
    first_value = observed(first[:, None] + until)
    windows = tf.where(offsets < until[:, None], first_value, windows)
    last_value = observed(last[:, None] - since)
    return tf.where(n_rows - 1 - offsets < since[:, None], last_value, windows)


@dataclass(frozen=True)
class EnsembleNetwork(NetworkSpec):
    """Several networks of one kind, trained separately, with a joint forecast.

    It is only built, as ``network_``: its members are trained and run one by one.

    Parameters
    ----------
    member : WindowNetwork
        Specification of each member.
    n_members : int
        Number of members.
    aggregate : {"median", "mean"}
        How the members' forecasts are combined.
    """

    member: WindowNetwork
    n_members: int
    aggregate: str

    def _build(self, *, fast: bool) -> keras.Model:
        """Build the members and combine their forecasts."""
        members = [self.member.build(fast=fast) for _ in range(self.n_members)]
        for number, member in enumerate(members):
            member.name = f"member_{number}"
        inputs = [
            keras.Input(tensor.shape[1:], dtype="float32", name=tensor.name)
            for tensor in members[0].inputs
        ]
        forecasts = keras.ops.stack([member(inputs) for member in members])
        aggregate = {"median": keras.ops.median, "mean": keras.ops.mean}[self.aggregate]
        return keras.Model(inputs, aggregate(forecasts, axis=0), name="ensemble")
