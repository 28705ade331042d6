"""Progress of a fit, reported to scikit-learn's callbacks and to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from sklstm.engine import Weights


class FitData(NamedTuple):
    """The data of a fit as the user passed them."""

    X: Any
    y: Any = None


class SupportsCallbacks(Protocol):
    """An estimator with scikit-learn's ``CallbackSupportMixin``."""

    verbose: int

    def _init_callback_context(self, *, max_subtasks: int) -> Any: ...


class EpochReporter:
    """Report each epoch of a training run.

    Parameters
    ----------
    estimator : estimator
        Supports callbacks and has a parameter ``verbose``.
    epochs : int
        Maximum number of epochs.
    fit_data : FitData
        Training data, for callbacks that ask for them.
    format_logs : callable, optional
        Converts the logs of an epoch to what is printed; by default the logs.
    context : sklearn.callback.CallbackContext, optional
        Task to report on; by default a fit of the estimator.
    name : str, default=""
        Name of the network in printed lines.
    """

    def __init__(
        self,
        estimator: SupportsCallbacks,
        epochs: int,
        fit_data: FitData,
        *,
        format_logs: Callable[[Mapping[str, float]], Mapping[str, float]] = dict,
        context: Any = None,
        name: str = "",
    ):
        self._estimator = estimator
        self._epochs = epochs
        self._data = fit_data._asdict()
        self._format_logs = format_logs
        self._name = name
        if context is None:
            context = estimator._init_callback_context(max_subtasks=epochs)
        self._fit = context
        self._fit.call_on_fit_task_begin(estimator=estimator, **self._data)

    def on_epoch_begin(self) -> None:
        """Report the beginning of an epoch."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def on_epoch_end(
        self, epoch: int, logs: Mapping[str, float], weights: Callable[[], Weights]
    ) -> bool:
        """Report the end of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        logs : mapping of str to float
        weights : callable
            Returns the current weights.

        Returns
        -------
        stop : bool
            Whether a callback asks to stop training.
        """
        if self._estimator.verbose:
            values = " - ".join(
                f"{name}: {value:.4g}"
                for name, value in self._format_logs(logs).items()
            )
            print(f"{self._name}Epoch {epoch + 1}/{self._epochs} - {values}")
        return self._epoch.call_on_fit_task_end(
            estimator=self._estimator,
            **self._data,
            reconstruction_attributes=lambda: {"weights_": weights()},
        )

    def on_train_end(self, weights: Weights) -> None:
        """Report the end of training, with the weights that are kept."""
        self._fit.call_on_fit_task_end(
            estimator=self._estimator,
            **self._data,
            reconstruction_attributes=lambda: {"weights_": weights},
        )
