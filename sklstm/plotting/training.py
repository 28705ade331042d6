"""Pictures of training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm.model_selection import _insides
from sklstm.plotting._panels import (
    check_matplotlib,
    draw_lines,
    make_panels,
    named,
    tidy,
)


class TrainingDisplay:
    """The loss of each epoch of training.

    Make one by `from_estimator`. With early stopping, the loss on the validation rows
    is drawn too, and the epoch where it is lowest is marked: its weights are kept.

    Parameters
    ----------
    history : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch: an estimator's
        ``history_``.
    name : str, default=None
        What to call the estimator in the legend, where there are several.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure it is in.
    lines_ : dict of matplotlib Line2D
        The lines "loss" and, with early stopping, "val_loss".
    best_epoch_ : int or None
        The epoch, from 1, with the lowest loss on the validation rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecaster, TrainingDisplay
    >>> y = np.sin(np.arange(120) / 5)
    >>> forecaster = LSTMForecaster(window_length=20, epochs=2, early_stopping=True)
    >>> forecaster = forecaster.fit(y[:, None], y)
    >>> display = TrainingDisplay.from_estimator(forecaster, log_scale=True)
    >>> list(display.lines_)
    ['loss', 'val_loss']
    """

    def __init__(self, *, history, name=None):
        self.history = history
        self.name = name

    def plot(self, ax=None, *, log_scale=False, **kwargs):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        log_scale : bool, default=False
            Whether the loss axis is logarithmic.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the lines.

        Returns
        -------
        self : TrainingDisplay

        Raises
        ------
        ValueError
            If the history holds no loss.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        if not isinstance(self.history, Mapping) or not self.history.get("loss"):
            raise ValueError(
                'history must be a mapping with the "loss" of one epoch or more, got '
                f"{self.history!r}. Pass a fitted estimator's history_."
            )
        from matplotlib.ticker import MaxNLocator

        series = {
            name: (np.arange(len(self.history[name])) + 1, self.history[name])
            for name in ("loss", "val_loss")
            if self.history.get(name)
        }
        (ax,) = make_panels(ax, heights=[1], size=(6.4, 4))
        self.lines_ = draw_lines(ax, series, kwargs, every=True, name=self.name)
        self.best_epoch_ = None
        if "val_loss" in series:
            self.best_epoch_ = int(np.argmin(self.history["val_loss"])) + 1
            label = named(self.name, f"best epoch: {self.best_epoch_}")
            color = self.lines_["val_loss"].get_color()
            ax.axvline(self.best_epoch_, color=color, linestyle=":", label=label)
        if log_scale:
            ax.set_yscale("log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="epoch", ylabel="loss")
        tidy(ax)
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls, estimator, *, name=None, log_scale=False, ax=None, **kwargs
    ):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with ``history_``, or a fitted Pipeline or search that
            ends in one.
        name : str, default=None
            What to call the estimator in the legend, where there are several.
        log_scale : bool, default=False
            Whether the loss axis is logarithmic.
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the lines.

        Returns
        -------
        display : TrainingDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If no step of it keeps a ``history_``.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        for inside in _insides(estimator):
            if hasattr(inside, "history_"):
                display = cls(history=inside.history_, name=name)
                return display.plot(ax=ax, log_scale=log_scale, **kwargs)
        raise ValueError(
            "estimator must keep the losses of its epochs in history_, or end in a "
            f"step that does, got {estimator!r}. A search does so with refit=True."
        )
