"""The estimators as those of sktime.

They translate between sktime's containers and the package's own estimators, which do
all the work.
"""

from __future__ import annotations

import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
from sktime.classification.base import BaseClassifier
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon
from sktime.regression.base import BaseRegressor

from sklstm import LSTMForecaster, RNNClassifier, RNNRegressor
from sklstm._data.time_index import usual_step

__all__ = ["SktimeLSTMForecaster", "SktimeRNNClassifier", "SktimeRNNRegressor"]

_AUTHORS = "The sklstm developers"


class SktimeLSTMForecaster(BaseForecaster):
    """`sklstm.LSTMForecaster` as a forecaster of sktime.

    One recurrent network forecasts all columns of y from windows of their past; of a
    panel or a hierarchy one network is trained on all series together, each with
    scales of its own. X holds what is known ahead (calendar, plans): in ``fit`` in all
    rows of y, in ``predict`` in all rows up to the last one to be forecast.

    Rows of ``fh`` that lie in the past are forecast one step ahead from the rows
    before them. Where fewer than a window has go before, the first one is repeated;
    so the very first row stands in for its own past.

    Intervals and quantiles are those of `sklstm.LSTMForecaster.predict_interval`: they
    need rows held out (``calibration_split``), enough of them for the coverage, and
    reach no further than ``horizon``.

    ``update`` takes in new rows; with ``update_params=True`` it also trains on them for
    one epoch. Rows seen before are replaced; if y ends before the last row seen,
    the forecaster goes back to that time. Rows that nobody gave, between the last one
    seen and the first new one, are taken as if they had never been: fill such gaps, or
    the season shifts.

    Parameters
    ----------
    window_length : int, default=10
        Rows that the network reads.
    horizon : int or None, default=None
        Steps ahead told at once from the same window (a direct forecast), and as far as
        intervals reach. None takes the furthest step of the ``fh`` in ``fit``, or 1
        without one. Further steps are forecast recursively.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell: long short-term memory, gated recurrent unit, or the
        simple (Elman) cell.
    units : int or tuple of int, default=32
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=False
        Whether each layer reads the window in both directions.
    dropout : float, default=0.0
        Share of each recurrent layer's outputs dropped in training.
    recurrent_dropout : float, default=0.0
        Share of the recurrent state dropped in training (no fused kernel: slower).
    patch_length : int, default=1
        Rows folded into one recurrent step; must divide ``window_length``. 24 on
        hourly data makes each step a day: faster, and far better.
    linear_skip : bool, default=True
        Whether linear maps to the horizon, zero before training, are added to the
        network's output: from the target's window, and from the columns known ahead,
        in window and horizon, relative to the window's last row.
    normalize : {"window", "last", "standard"} or None, default="window"
        How y is scaled. "window": in each window minus its last value, over its
        standard deviation around its own straight line; the forecast is mapped back.
        "last": minus the last value only. "standard": by mean and standard deviation
        of the training rows, not by window. X is standardised by the training rows;
        with None nothing is scaled at all.
    calibration_split : float, default=0.0
        Share of the windows, the last in time, that are not learnt from, but tell how
        far forecasts are off, for intervals and quantiles: 0.2, say. With 0 all is
        learnt from, and there are none.
    quantiles : tuple of float or None, default=None
        Quantiles to learn, 0.5 among them, which ``predict`` gives; by their pinball
        loss, in place of ``loss``. Intervals then start from the outermost ones.
    loss : str, keras.losses.Loss or callable, default="mae"
        The loss, on the normalised scale. A callable takes (y_true, y_pred) of shape
        (n_windows, horizon, n_targets) and reduces the last axis.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=1e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int, default=10
        Passes over the training windows.
    batch_size : int, default=32
        Windows in one step of the optimizer.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on the last training rows has not fallen for
        ``patience`` epochs, and keep the best epoch's weights. "refit" then trains
        again on all rows for the best number of epochs.
    validation_split : float, default=0.1
        Share of the training windows, the last in time, that early stopping looks at.
    patience : int, default=5
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    n_members : int, default=1
        Networks that are trained on the same windows, each from a random state of its
        own: the forecast is what they have in common.
    aggregate : {"median", "mean"}, default="median"
        What the members' forecasts have in common, value by value.
    n_jobs : int or None, default=None
        Members trained at once, in threads of this process.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order and dropout. The same integer on the same
        machine gives the same weights, bit for bit; None draws fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    forecaster_ : sklstm.LSTMForecaster
        The fitted forecaster. Its columns are those of y, then those of X.

    See Also
    --------
    sklstm.LSTMForecaster : The same with scikit-learn's face, and the references.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklstm.sktime import SktimeLSTMForecaster
    >>> months = pd.period_range("2000-01", periods=120, freq="M")
    >>> y = pd.Series(np.sin(np.arange(120) / 3), index=months)
    >>> forecaster = SktimeLSTMForecaster(
    ...     window_length=20, units=4, calibration_split=0.2, random_state=0
    ... )
    >>> forecaster.fit(y, fh=[1, 2, 3]).predict().index.astype(str).tolist()
    ['2010-01', '2010-02', '2010-03']
    >>> forecaster.predict_interval(coverage=0.8).shape
    (3, 2)
    """

    _tags = {
        "authors": _AUTHORS,
        "maintainers": _AUTHORS,
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "requires-fh-in-fit": False,
        "X-y-must-have-same-index": True,
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:categorical_in_X": False,
        "capability:non_contiguous_X": False,
        "capability:insample": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": True,
        "capability:missing_values": False,
        "capability:unequal_length": True,
        "capability:update": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        window_length=10,
        horizon=None,
        *,
        cell="lstm",
        units=32,
        bidirectional=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        patch_length=1,
        linear_skip=True,
        normalize="window",
        calibration_split=0.0,
        quantiles=None,
        loss="mae",
        optimizer="adam",
        learning_rate=1e-3,
        learning_rate_schedule="cosine",
        epochs=10,
        batch_size=32,
        early_stopping=False,
        validation_split=0.1,
        patience=5,
        callbacks=None,
        n_members=1,
        aggregate="median",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.window_length = window_length
        self.horizon = horizon
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.patch_length = patch_length
        self.linear_skip = linear_skip
        self.normalize = normalize
        self.calibration_split = calibration_split
        self.quantiles = quantiles
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.n_members = n_members
        self.aggregate = aggregate
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        with warnings.catch_warnings():
            # That sktime is to keep no copy of the data does not matter here: the rows
            # that forecasts need are in `_seen`.
            warnings.filterwarnings("ignore", "The default of config ``remember_data``")
            super().__init__()

    def _fit(self, y, X, fh):
        self._targets = list(y.columns)
        self._exogenous = [] if X is None else list(X.columns)
        self._one_series = y.index.nlevels == 1
        self._index_names = y.index.names
        # All rows seen, for forecasts of the past: of each series a frame with the
        # columns of y, then of X, and the index of time.
        self._seen = self._read(y, X)
        self._freq = self._find_freq()
        horizon = self.horizon
        if horizon is None:
            ahead = [] if fh is None else self._steps(fh).values()
            horizon = max([1, *(int(steps.max()) for steps in ahead)])
        parameters = self.get_params(deep=False)
        parameters |= {
            "horizon": horizon,
            "known_future": self._known() or None,
        }
        self.forecaster_ = LSTMForecaster(**parameters)
        self.forecaster_.fit(self._table(self._seen))
        return self

    def _predict(self, fh, X):
        told, index = self._tell(fh, X)
        return pd.DataFrame(told[..., 0], index, columns=self._get_varnames())

    def _predict_interval(self, fh, X, coverage):
        ends = [self._tell(fh, X, each) for each in coverage]
        index = ends[0][1]
        columns = self._get_columns("predict_interval", coverage=coverage)
        values = np.stack([told for told, _ in ends], axis=2)
        return pd.DataFrame(values.reshape(len(index), -1), index, columns)

    def _predict_quantiles(self, fh, X, alpha):
        told = []
        for each in alpha:
            # The end of an interval; the forecast is the middle, and has but one end.
            coverage = round(abs(2 * each - 1), 12)
            ends, index = self._tell(fh, X, coverage or None)
            told.append(ends[..., 0 if each < 0.5 else -1])
        # Around quantiles that were learnt, narrow intervals may cross the middle.
        values = np.empty((*told[0].shape, len(alpha)))
        values[..., np.argsort(alpha)] = np.sort(np.stack(told, axis=-1), axis=-1)
        columns = self._get_columns("predict_quantiles", alpha=alpha)
        return pd.DataFrame(values.reshape(len(index), -1), index, columns)

    def _update(self, y, X=None, update_params=True):
        before, fresh = {}, {}
        for key, new in self._read(y, X).items():
            if key not in self._seen:
                raise ValueError(
                    f"update: y holds the series {key!r}, which fit was not given. "
                    "Fit anew with all series."
                )
            seen = self._seen[key]
            begin, end = new.index[0], seen.index[-1]
            again = new.index <= end
            before[key] = pd.concat([seen[seen.index < begin], new[again]])
            if not again.all():
                fresh[key] = new[~again]
        after = {
            key: pd.concat([rows, fresh[key]]) if key in fresh else rows
            for key, rows in before.items()
        }
        if update_params and fresh:
            self.forecaster_.update(self._table(before), replace=True)
            self.forecaster_.partial_fit(self._table(fresh))
        else:
            self.forecaster_.update(self._table(after), replace=True)
        self._seen |= after
        return self

    def _known(self):
        """The columns of X among those of the forecaster."""
        n_targets = len(self._targets)
        return list(range(n_targets, n_targets + len(self._exogenous)))

    def _read(self, y, X):
        """Of each series the rows of y and X side by side."""
        if len(y.columns) != len(self._targets) or (
            len(self._targets) > 1 and set(y.columns) != set(self._targets)
        ):
            raise ValueError(
                f"y must have the columns of fit, {self._targets}, got "
                f"{list(y.columns)}."
            )
        if len(self._targets) > 1:
            y = y[self._targets]
        values = [y.to_numpy(dtype=np.float64)]
        if self._exogenous:
            X = self._check_exogenous(X, "the rows of y")
            rows = X.index.get_indexer(y.index)
            if (rows < 0).any():
                label = y.index[rows < 0][0]
                label = label if self._one_series else ", ".join(map(str, label))
                raise ValueError(
                    f"X must hold a row for each row of y, but has none for {label}."
                )
            values.append(X.to_numpy(dtype=np.float64)[rows])
        elif X is not None:
            self._refuse_exogenous()
        return self._split(pd.DataFrame(np.hstack(values), y.index))

    def _check_exogenous(self, X, where):
        """The columns of X that fit was given."""
        if X is None:
            raise ValueError(
                f"X is missing: fit was given the columns {self._exogenous}, which the "
                f"network reads at {where}. Pass X with them."
            )
        missing = [name for name in self._exogenous if name not in X.columns]
        if missing:
            raise ValueError(
                f"X must have the columns of fit, {self._exogenous}, but lacks "
                f"{missing}."
            )
        return X[self._exogenous]

    def _refuse_exogenous(self):
        raise ValueError(
            "X was given, but fit had none, so that the network reads none. Leave it "
            "out, or pass X to fit too."
        )

    def _split(self, frame):
        """Each series of a frame, by its name."""
        if self._one_series:
            return {None: frame}
        levels = list(range(frame.index.nlevels - 1))
        by = levels if len(levels) > 1 else 0
        groups = frame.groupby(level=by, sort=False, observed=True)
        return {key: part.droplevel(levels) for key, part in groups}

    def _table(self, series):
        """Series as the forecaster takes them."""
        if self._one_series:
            return series[None].to_numpy()
        rows = [frame.reset_index(drop=True) for frame in series.values()]
        return pd.concat(rows, keys=list(series))

    def _find_freq(self):
        """The frequency of time stamps, if a series tells it."""
        for seen in self._seen.values():
            if not isinstance(seen.index, pd.DatetimeIndex):
                return None
            if (step := usual_step(seen.index)) is not None:
                return pd.tseries.frequencies.to_offset(step)
        return getattr(self.cutoff, "freq", None)

    def _cutoff_of(self, key):
        """The last time of a series, as sktime wants it."""
        index = self._seen[key].index[-1:]
        if isinstance(index, pd.DatetimeIndex):
            # A time that is not on the grid of the frequency cannot have it.
            with suppress(ValueError):
                index.freq = self._freq
        return index

    def _steps(self, fh):
        """For each series, how many steps after its last row those of fh are."""
        steps = {}
        for key in self._seen:
            cutoff = self._cutoff_of(key)
            times = isinstance(cutoff, pd.DatetimeIndex)
            if times and cutoff.freq is None and fh.freq is None:
                raise ValueError(
                    "y must have time stamps of a regular frequency, which tell the "
                    f"times that fh={list(fh)} means, but none fits those up to "
                    f"{cutoff[0]}. Give y an index of integers or periods, or regular "
                    "ones (y.asfreq, and fill the gaps)."
                )
            steps[key] = np.asarray(fh.to_indexer(cutoff), dtype=int) + 1
        return steps

    def _tell(self, fh, X, coverage=None):
        """What is told of the rows of fh.

        Returns
        -------
        told : ndarray of shape (n_rows, n_targets, n_ends)
            Forecasts, with one end; or the two ends of their intervals.
        index : pandas.Index
        """
        if X is not None and not self._exogenous:
            self._refuse_exogenous()
        steps = self._steps(fh)
        furthest = max(int(each.max()) for each in steps.values())
        shape = len(self._targets), 1 if coverage is None else 2
        if furthest > 0:
            plan = self._plan(steps, X, fh.freq)
            if coverage is None:
                future = self.forecaster_.forecast(furthest, plan)
            else:
                future = self.forecaster_.forecast_interval(
                    furthest, plan, coverage=coverage
                )
            future = np.asarray(future).reshape(len(steps), furthest, *shape)
        past = {}
        if min(int(each.min()) for each in steps.values()) < 1:
            fitted = self.forecaster_.fitted_values(self._table(self._seen), coverage)
            ends = np.cumsum([len(seen) for seen in self._seen.values()])[:-1]
            past = dict(
                zip(steps, np.split(fitted.reshape(-1, *shape), ends), strict=True)
            )
        told, frames = [], []
        for i, (key, ahead) in enumerate(steps.items()):
            index = fh.to_absolute_index(self._cutoff_of(key))
            values = np.empty((len(ahead), *shape))
            later = ahead > 0
            if later.any():
                values[later] = future[i, ahead[later] - 1]
            if not later.all():
                values[~later] = past[key][self._rows_of(key, index[~later])]
            told.append(values)
            frames.append(pd.DataFrame(index=index))
        if self._one_series:
            return told[0], frames[0].index
        index = pd.concat(frames, keys=list(steps)).index
        return np.concatenate(told), index.set_names(self._index_names)

    def _plan(self, steps, X, freq):
        """What is read of X after each series."""
        if not self._exogenous:
            return None
        given = self._split(self._check_exogenous(X, "the rows to be forecast"))
        horizon, known = self.forecaster_.horizon, self._known()
        plans = {}
        for key, ahead in steps.items():
            furthest = int(ahead.max())
            if furthest < 1:
                # Nothing is asked for, but the forecaster tells of all series.
                plans[key] = self._seen[key][known].to_numpy()[-1:]
                continue
            if key not in given:
                raise ValueError(f"X lacks the series {key!r}.")
            # A forecast reads what is known in all the rows that are told at once.
            reach = np.arange(1, -(-furthest // horizon) * horizon + 1)
            times = ForecastingHorizon(reach, freq=freq).to_absolute_index(
                self._cutoff_of(key)
            )
            found = given[key].index.get_indexer(times)
            n_found = int(np.append(found < 0, True).argmax())
            if n_found < furthest:
                raise ValueError(
                    "X must hold a row for each step up to the last one to be "
                    f"forecast, {times[furthest - 1]}, but has none for "
                    f"{times[n_found]}"
                    + ("." if key is None else f" of the series {key!r}.")
                )
            plans[key] = given[key].to_numpy(dtype=np.float64)[found[:n_found]]
        longest = max(map(len, plans.values()))
        for key, rows in plans.items():
            filled = np.pad(rows, ((0, longest - len(rows)), (0, 0)), mode="edge")
            plans[key] = pd.DataFrame(filled, columns=known)
        return self._table(plans)

    def _rows_of(self, key, times):
        """Where times lie among the rows seen."""
        index = self._seen[key].index
        rows = index.get_indexer(times)
        if (rows < 0).any():
            raise ValueError(
                f"fh asks for {times[rows < 0][0]}, but a row of the past can be "
                "forecast only if it was seen, and "
                + ("y" if key is None else f"the series {key!r}")
                + f" was seen from {index[0]} to {index[-1]}"
                + (", with gaps. " if times[rows < 0][0] > index[0] else ". ")
                + "Ask for rows among them, or fit with earlier ones."
            )
        return rows

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Small settings for sktime's tests.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is one set for all tests.

        Returns
        -------
        parameters : list of dict
        """
        small = {"units": 2, "epochs": 1, "random_state": 0}
        return [
            {"window_length": 3, "calibration_split": 0.5, **small},
            {
                "window_length": 2,
                "cell": "gru",
                "normalize": "last",
                "calibration_split": 0.5,
                **small,
            },
        ]


class _Sequences:
    """What the estimators of collections share."""

    def _arrays(self, X):
        """A collection as the package's estimators take it."""
        if isinstance(X, np.ndarray):
            sequences = X.transpose(0, 2, 1)
            return sequences if self.embedding_dim is None else sequences[..., 0]
        sequences = [frame.to_numpy() for frame in X]
        if self.embedding_dim is not None:
            sequences = [sequence[:, 0] for sequence in sequences]
        return sequences

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Small settings for sktime's tests.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is one set for all tests.

        Returns
        -------
        parameters : list of dict
        """
        small = {"units": 2, "epochs": 1, "patch_length": 4, "random_state": 0}
        return [small, {**small, "cell": "gru", "bidirectional": False}]


_COLLECTIONS = {
    "authors": _AUTHORS,
    "maintainers": _AUTHORS,
    "X_inner_mtype": ["df-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:missing_values": False,
    "capability:categorical_in_X": False,
    "capability:random_state": True,
    "property:randomness": "derandomized",
}


class SktimeRNNClassifier(_Sequences, BaseClassifier):
    """`sklstm.RNNClassifier` as a classifier of sktime.

    It tells the class of series of one or several columns, of unequal lengths too.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell: long short-term memory, gated recurrent unit, or the
        simple (Elman) cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=True
        Whether each layer reads the sequence in both directions.
    dropout : float, default=0.0
        Share of each recurrent layer's outputs dropped in training.
    recurrent_dropout : float, default=0.0
        Share of the recurrent state dropped in training (no fused kernel: slower).
    pooling : {"last", "mean", "max", "all"}, default="all"
        What is made of the states at all steps: the last one (of the layer that reads
        backwards the one at the first step), their mean, their maximum, or all three
        side by side.
    differences : bool, default=True
        Whether the first differences of the channels are read as further channels.
        Not for tokens.
    patch_length : int or "auto", default="auto"
        Steps folded into one recurrent step; the last row stands for those
        that the last patch lacks. "auto" leaves at most 48 recurrent steps of the
        longest sequence in fit, and folds no tokens; a number spares a search the
        compilation of another network where the longest sequences of its folds differ.
    positional_encoding : int, default=8
        Waves over the sequence (a sine and a cosine each, cf.) that tell each step
        where it stands between the first and the last; 0 leaves it untold. They help
        where what counts happens at about the same place in all sequences. Not for
        tokens.
    noise : float, default=0.3
        Standard deviation of the normal noise that is put on the scaled channels in
        training, so that small sets are not learnt by heart. Not for tokens.
    crop : float, default=0.2
        Largest share of its steps that a sequence loses in training, at random and anew
        in each epoch, in front or behind (window slicing). Not for tokens.
    normalize : {"standard", "sequence"} or None, default="standard"
        How the channels are scaled. "standard": by mean and standard deviation of all
        steps in fit. "sequence": in each sequence by its own first, so that level and
        spread tell nothing. None: not at all.
    embedding_dim : int or None, default=None
        Length of the vector that is learnt for each token. If given, X holds token
        ids, integers from 1; zeros pad and are left out, wherever they are.
        Search the learning rate: names by their letters were learnt best at 0.01,
        sentences by their words at 0.001.
    vocabulary_size : int or None, default=None
        One more than the largest token id that can come; by default than the largest
        in fit.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss; "balanced" gives every class the same sum.
    loss : str, keras.losses.Loss or callable, default="categorical_crossentropy"
        The loss. A callable takes (y_true, y_pred) of shape (n_sequences, n_classes),
        the classes one-hot and their probabilities, and reduces the last axis.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=3e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int or "auto", default="auto"
        Passes over the training sequences. "auto" takes as many as make at least
        1000 steps of the optimizer: what is learnt depends on the steps, whether
        there are forty sequences or four thousand.
    batch_size : int, default=16
        Sequences in one step of the optimizer.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on a part of the training sequences, stratified
        by class and set aside, has not fallen for ``patience`` epochs, and keep the
        best epoch's weights. "refit" then trains again on all sequences for the best
        number of epochs.
    validation_split : float, default=0.1
        Share of the training sequences that early stopping looks at.
    patience : int, default=5
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order, dropout and what early stopping sets aside. The
        same integer on the same machine gives the same weights, bit for bit; None draws
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    classifier_ : sklstm.RNNClassifier
        The fitted classifier.

    See Also
    --------
    sklstm.RNNClassifier : The same with scikit-learn's face, and the references.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.sktime import SktimeRNNClassifier
    >>> phase = np.random.default_rng(0).normal(size=(60, 1))
    >>> slow, fast = (np.sin(np.arange(30) / k + phase) for k in (5, 3))
    >>> X = np.vstack([slow[:30], fast[30:]])[:, None]
    >>> classifier = SktimeRNNClassifier(units=8, epochs=60, random_state=0)
    >>> classifier.fit(X, np.repeat(["slow", "fast"], 30)).predict(X[:2])
    array(['slow', 'slow'], dtype='<U4')
    """

    _tags = {**_COLLECTIONS, "capability:predict_proba": True}

    def __init__(
        self,
        *,
        cell="lstm",
        units=64,
        bidirectional=True,
        dropout=0.0,
        recurrent_dropout=0.0,
        pooling="all",
        differences=True,
        patch_length="auto",
        positional_encoding=8,
        noise=0.3,
        crop=0.2,
        normalize="standard",
        embedding_dim=None,
        vocabulary_size=None,
        class_weight=None,
        loss="categorical_crossentropy",
        optimizer="adam",
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        epochs="auto",
        batch_size=16,
        early_stopping=False,
        validation_split=0.1,
        patience=5,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.pooling = pooling
        self.differences = differences
        self.patch_length = patch_length
        self.positional_encoding = positional_encoding
        self.noise = noise
        self.crop = crop
        self.normalize = normalize
        self.embedding_dim = embedding_dim
        self.vocabulary_size = vocabulary_size
        self.class_weight = class_weight
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()

    def _fit(self, X, y):
        self.classifier_ = RNNClassifier(**self.get_params(deep=False))
        self.classifier_.fit(self._arrays(X), y)
        return self

    def _predict(self, X):
        return self.classifier_.predict(self._arrays(X))

    def _predict_proba(self, X):
        return self.classifier_.predict_proba(self._arrays(X))


class SktimeRNNRegressor(_Sequences, BaseRegressor):
    """`sklstm.RNNRegressor` as a regressor of sktime.

    It tells a number of series of one or several columns, of unequal lengths too.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell: long short-term memory, gated recurrent unit, or the
        simple (Elman) cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=True
        Whether each layer reads the sequence in both directions.
    dropout : float, default=0.0
        Share of each recurrent layer's outputs dropped in training.
    recurrent_dropout : float, default=0.0
        Share of the recurrent state dropped in training (no fused kernel: slower).
    pooling : {"last", "mean", "max", "all"}, default="all"
        What is made of the states at all steps: the last one (of the layer that reads
        backwards the one at the first step), their mean, their maximum, or all three
        side by side.
    differences : bool, default=True
        Whether the first differences of the channels are read as further channels.
        Not for tokens.
    patch_length : int or "auto", default="auto"
        Steps folded into one recurrent step; the last row stands for those
        that the last patch lacks. "auto" leaves at most 48 recurrent steps of the
        longest sequence in fit, and folds no tokens; a number spares a search the
        compilation of another network where the longest sequences of its folds differ.
    positional_encoding : int, default=8
        Waves over the sequence (a sine and a cosine each, cf.) that tell each step
        where it stands between the first and the last; 0 leaves it untold. They help
        where what counts happens at about the same place in all sequences. Not for
        tokens.
    noise : float, default=0.3
        Standard deviation of the normal noise that is put on the scaled channels in
        training, so that small sets are not learnt by heart. Not for tokens.
    crop : float, default=0.2
        Largest share of its steps that a sequence loses in training, at random and anew
        in each epoch, in front or behind (window slicing). Not for tokens.
    normalize : {"standard", "sequence"} or None, default="standard"
        How the channels are scaled. "standard": by mean and standard deviation of all
        steps in fit. "sequence": in each sequence by its own first, so that level and
        spread tell nothing. None: not at all.
    embedding_dim : int or None, default=None
        Length of the vector that is learnt for each token. If given, X holds token
        ids, integers from 1; zeros pad and are left out, wherever they are.
        Search the learning rate: names by their letters were learnt best at 0.01,
        sentences by their words at 0.001.
    vocabulary_size : int or None, default=None
        One more than the largest token id that can come; by default than the largest
        in fit.
    loss : str, keras.losses.Loss or callable, default="mse"
        The loss, on targets standardised by those in fit. A callable takes (y_true,
        y_pred) of shape (n_sequences, n_targets) and reduces the last axis.
    optimizer : str or keras.optimizers.Optimizer, default="adam"
        The optimizer. An instance is copied and keeps its own learning rate.
    learning_rate : float or None, default=3e-3
        Learning rate of an optimizer given by name; None takes Keras' default.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lets the learning rate of an optimizer given by name fall, epoch by
        epoch, along half a cosine towards zero; "constant" leaves it alone.
    epochs : int or "auto", default="auto"
        Passes over the training sequences. "auto" takes as many as make at least
        1000 steps of the optimizer: what is learnt depends on the steps, whether
        there are forty sequences or four thousand.
    batch_size : int, default=16
        Sequences in one step of the optimizer.
    early_stopping : bool or "refit", default=False
        Whether to stop when the loss on a part of the training sequences, set aside,
        has not fallen for ``patience`` epochs, and keep the best epoch's weights.
        "refit" then trains again on all sequences for the best number of epochs.
    validation_split : float, default=0.1
        Share of the training sequences that early stopping looks at.
    patience : int, default=5
        Epochs without improvement after which early stopping stops.
    callbacks : keras.callbacks.Callback, list of them or None, default=None
        Called when training and its epochs begin and end.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order, dropout and what early stopping sets aside. The
        same integer on the same machine gives the same weights, bit for bit; None draws
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    regressor_ : sklstm.RNNRegressor
        The fitted regressor.

    See Also
    --------
    sklstm.RNNRegressor : The same with scikit-learn's face, and the references.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklstm.sktime import SktimeRNNRegressor
    >>> y = np.random.default_rng(0).uniform(size=60)
    >>> X = [pd.DataFrame({"x": np.full(9 + i, y[i])}) for i in range(60)]
    >>> regressor = SktimeRNNRegressor(units=8, epochs=60, random_state=0)
    >>> bool(regressor.fit(X, y).score(X, y) > 0.9)
    True
    """

    _tags = {**_COLLECTIONS}

    def __init__(
        self,
        *,
        cell="lstm",
        units=64,
        bidirectional=True,
        dropout=0.0,
        recurrent_dropout=0.0,
        pooling="all",
        differences=True,
        patch_length="auto",
        positional_encoding=8,
        noise=0.3,
        crop=0.2,
        normalize="standard",
        embedding_dim=None,
        vocabulary_size=None,
        loss="mse",
        optimizer="adam",
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        epochs="auto",
        batch_size=16,
        early_stopping=False,
        validation_split=0.1,
        patience=5,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.pooling = pooling
        self.differences = differences
        self.patch_length = patch_length
        self.positional_encoding = positional_encoding
        self.noise = noise
        self.crop = crop
        self.normalize = normalize
        self.embedding_dim = embedding_dim
        self.vocabulary_size = vocabulary_size
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_split = validation_split
        self.patience = patience
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose
        super().__init__()

    def _fit(self, X, y):
        self.regressor_ = RNNRegressor(**self.get_params(deep=False))
        self.regressor_.fit(self._arrays(X), y)
        return self

    def _predict(self, X):
        return self.regressor_.predict(self._arrays(X))
