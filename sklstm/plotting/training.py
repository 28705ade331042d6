"""Plot of the loss during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm._core.introspection import iter_nested_estimators
from sklstm.plotting._panels import (
    check_matplotlib,
    draw_lines,
    make_panels,
    prefix_label,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class TrainingDisplay:
    """Plot of the training and validation loss by epoch.

    It is recommended to create a display with `from_estimator`. All parameters are
    stored as attributes. With early stopping the validation loss is plotted too, and
    the epoch with the lowest one, whose weights are kept, is marked.

    Parameters
    ----------
    history : dict of list of float
        Losses of each epoch, "loss" and, with early stopping, "val_loss": the
        ``history_`` of an estimator.
    name : str, default=None
        Name of the estimator in the legend, to distinguish several; by default none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    lines_ : dict of str to matplotlib Line2D
        The lines "loss" and, with early stopping, "val_loss".
    best_epoch_ : int or None
        The epoch with the lowest validation loss, counted from 1; None without one.

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

    ax_: Axes
    figure_: Figure | SubFigure
    lines_: dict[str, Line2D]
    best_epoch_: int | None

    def __init__(self, *, history: Mapping[str, Any], name: str | None = None) -> None:
        self.history = history
        self.name = name

    def plot(
        self, ax: Axes | None = None, *, log_scale: bool = False, **kwargs: Any
    ) -> Self:
        """Plot the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; by default a new figure.
        log_scale : bool, default=False
            Whether the loss axis is logarithmic.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the lines.

        Returns
        -------
        self : TrainingDisplay
            The display.

        Raises
        ------
        ValueError
            If the history has no loss.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        if not isinstance(self.history, Mapping) or not self.history.get("loss"):
            raise ValueError(
                'history must be a mapping with the "loss" of at least one epoch, got '
                f"{self.history!r}. Pass a fitted estimator's history_."
            )
        from matplotlib.ticker import MaxNLocator

        series = {
            name: (np.arange(len(self.history[name])) + 1, self.history[name])
            for name in ("loss", "val_loss")
            if self.history.get(name)
        }
        (panel,) = make_panels(ax, heights=[1], size=(6.4, 4))
        self.lines_ = draw_lines(panel, series, kwargs, every=True, name=self.name)
        self.best_epoch_ = None
        if "val_loss" in series:
            self.best_epoch_ = int(np.argmin(self.history["val_loss"])) + 1
            label = prefix_label(self.name, f"best epoch: {self.best_epoch_}")
            color = self.lines_["val_loss"].get_color()
            panel.axvline(self.best_epoch_, color=color, linestyle=":", label=label)
        if log_scale:
            panel.set_yscale("log")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set(xlabel="epoch", ylabel="loss")
        style_axes(panel)
        panel.legend(frameon=False)
        self.ax_, self.figure_ = panel, panel.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        log_scale: bool = False,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the losses of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with ``history_``, or a fitted Pipeline or search that
            ends in one.
        name : str, default=None
            Name of the estimator in the legend, to distinguish several; by default
            none.
        log_scale : bool, default=False
            Whether the loss axis is logarithmic.
        ax : matplotlib Axes, default=None
            Axes to plot on; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the lines.

        Returns
        -------
        display : TrainingDisplay
            The display, plotted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If neither it nor an estimator inside it has a ``history_``.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        for inner in iter_nested_estimators(estimator):
            if hasattr(inner, "history_"):
                display = cls(history=inner.history_, name=name)
                return display.plot(ax=ax, log_scale=log_scale, **kwargs)
        raise ValueError(
            "estimator must have the losses of its epochs in history_, or contain an "
            f"estimator that has, got {estimator!r}. A search needs refit=True."
        )
