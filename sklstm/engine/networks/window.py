"""Forecasting networks: from a window of a series to the rows that follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sklstm.engine.backend import keras, tf
from sklstm.engine.data import InitialValues, LinearMaps
from sklstm.engine.networks.base import (
    DataSignature,
    NetworkSpec,
    SampleNetwork,
    Tensors,
)
from sklstm.engine.networks.initial_weights import glorot_uniform
from sklstm.engine.networks.recurrent import RecurrentStack

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

    def build(self, *, fast: bool = False) -> keras.Model:
        """Build the network."""
        layers = keras.layers
        window = keras.Input((self.window_length, self.n_columns), name="window")
        inputs = [window]
        x = window
        if self.patch_length > 1:
            n_steps = self.window_length // self.patch_length
            x = layers.Reshape((n_steps, -1), name="patches")(x)
        x = self.stack.apply(x, fast=fast)
        if self.n_future_columns:
            future = keras.Input(
                (self.horizon, self.n_future_columns), name="known_future"
            )
            inputs.append(future)
            x = self._join_future(x, future)
        # Zero at first, so that an untrained forecast is the window's level.
        forecast = layers.Dense(
            self.horizon * self.n_targets * self.n_quantiles,
            kernel_initializer="zeros",
            name="forecast",
        )(x)
        shape: tuple[int, ...] = (self.horizon, self.n_targets)
        quantiles = (self.n_quantiles,) if self.n_quantiles > 1 else ()
        forecast = layers.Reshape(shape + quantiles, name="horizon")(forecast)
        linear = []
        if self.linear_skip and self.n_target_columns:
            linear.append(self._target_skip(window))
        if self.linear_skip and self.n_future_columns:
            linear.append(self._future_skip(window, future))
        if linear and quantiles:
            linear = [layers.Reshape((*shape, 1))(part) for part in linear]
        if linear:
            forecast = layers.Add(name="sum")([forecast, *linear])
        return keras.Model(inputs, forecast, name="forecaster")

    def _join_future(self, state: KerasTensor, future: KerasTensor) -> KerasTensor:
        """Join the last state, the future covariates and a nonlinear mix of both."""
        layers = keras.layers
        future = layers.Flatten(name="future_values")(future)
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

    def _future_skip(self, window: KerasTensor, future: KerasTensor) -> KerasTensor:
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

    def weights_of_linear_maps(self, maps: LinearMaps) -> InitialValues:
        """Return the variables that make the network forecast by linear maps at first.

        Parameters
        ----------
        maps : LinearMaps

        Returns
        -------
        values : mapping of str to ndarray
        """
        values = {"forecast/bias": maps.intercept.ravel()}
        if self.linear_skip and self.n_target_columns:
            values["linear_skip/kernel"] = maps.history.T / _SKIP_RATE
        if self.linear_skip and self.n_future_columns:
            n_outputs = self.horizon * self.n_targets
            kernel = maps.covariates.reshape(n_outputs, -1).T
            values["future_skip/kernel"] = kernel / _SKIP_RATE
        return values

    def data_signature(self) -> DataSignature:
        """Describe the tensors of `WindowData`."""
        return DataSignature(
            inputs={
                "series": tf.TensorSpec([None, self.n_columns]),
                "starts": tf.TensorSpec([None], tf.int32),
                "level": tf.TensorSpec([None, self.n_targets]),
                "spread": tf.TensorSpec([None, self.n_targets]),
            },
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

    def build(self, *, fast: bool = False) -> keras.Model:
        """Build the members and combine their forecasts."""
        members = [self.member.build(fast=fast) for _ in range(self.n_members)]
        for number, member in enumerate(members):
            member.name = f"member_{number}"
        inputs = [
            keras.Input(tensor.shape[1:], name=tensor.name)
            for tensor in members[0].inputs
        ]
        forecasts = keras.ops.stack([member(inputs) for member in members])
        aggregate = {"median": keras.ops.median, "mean": keras.ops.mean}[self.aggregate]
        return keras.Model(inputs, aggregate(forecasts, axis=0), name="ensemble")
