"""Ensembles: members with the same network, trained from different seeds."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import (
    RecurrentEstimator,
    TrainedNetwork,
    TrainingTask,
    split_evenly,
)
from sklstm._core.seeds import draw_seeds, spawn_random_states

AGGREGATES: dict[str, Callable[..., np.ndarray]] = {
    "median": np.median,
    "mean": np.mean,
}


class EnsembleEstimator(RecurrentEstimator, ABC):
    """Base of the estimators that can train several members.

    ``weights_`` holds the weights of one member after the other.
    """

    # Hyperparameters that this class reads.
    n_members: int
    aggregate: str
    n_jobs: int | None

    # Fitted state.
    _network: engine.WindowNetwork  # of each member
    _n_members: int = 1

    @property
    def network_(self) -> Any:
        """The fitted network as a plain `keras.Model` of standard layers.

        It is built at each access; changing it does not change the estimator. For
        several members it outputs their aggregate.
        """
        check_is_fitted(self)
        if self._n_members == 1:
            return super().network_
        ensemble = engine.EnsembleNetwork(
            self._network, self._n_members, self.aggregate
        )
        network = ensemble.build()
        network.set_weights(self.weights_)
        return network

    def _train_members(self, task: TrainingTask, fit_data: FitData) -> TrainedNetwork:
        """Train all members, in parallel if ``n_jobs`` says so.

        Parameters
        ----------
        task : TrainingTask
        fit_data : FitData
            Training data, for callbacks.

        Returns
        -------
        trained : TrainedNetwork
        """
        n_members = int(self.n_members)
        starts: list[TrainedNetwork | None] = [None] * n_members
        n_epochs_before = 0
        if task.start is not None:
            starts = [*task.start.split(n_members)]
            n_epochs_before = task.start.n_iter
        states = spawn_random_states(self.random_state, n_members)
        tasks = [
            replace(task, start=start, seeds=draw_seeds(state, n_epochs_before))
            for start, state in zip(starts, states, strict=True)
        ]
        # A callback that reads the network during training sees a single member.
        self._n_members = 1
        if n_members == 1:
            return self._train(tasks[0], EpochReporter(self, task.epochs, fit_data))
        return self._train_in_parallel(tasks, fit_data)

    def _train_in_parallel(
        self, tasks: list[TrainingTask], fit_data: FitData
    ) -> TrainedNetwork:
        """Train several members, each a task of scikit-learn's callbacks."""
        n_members, epochs = len(tasks), tasks[0].epochs
        context = self._init_callback_context(max_subtasks=n_members)
        context.call_on_fit_task_begin(estimator=self, **fit_data._asdict())
        reporters = [
            EpochReporter(
                self,
                epochs,
                fit_data,
                context=context.subcontext(task_name="member", max_subtasks=epochs),
                name=f"Member {number}/{n_members} - ",
            )
            for number in range(1, n_members + 1)
        ]
        # Keras callbacks are the user's objects and need not be thread-safe.
        n_jobs = self.n_jobs if self.callbacks is None else 1
        members = Parallel(n_jobs=n_jobs, require="sharedmem")(
            delayed(self._train)(task, reporter)
            for task, reporter in zip(tasks, reporters, strict=True)
        )
        trained = TrainedNetwork.join(members)
        self._n_members = n_members
        context.call_on_fit_task_end(
            estimator=self,
            **fit_data._asdict(),
            reconstruction_attributes=lambda: {"weights_": trained.weights},
        )
        return trained

    def _check_n_members(self) -> None:
        """Raise an error if the last fit, to be continued, had other members."""
        if self._n_members != self.n_members:
            raise ValueError(
                "continued training needs as many members as the last fit had, "
                f"{self._n_members}, got n_members={self.n_members}. Leave n_members "
                "as it was, or fit again with warm_start=False."
            )

    def _run_members(self, data: engine.SampleData) -> np.ndarray:
        """Compute the aggregate of the members' outputs for all samples."""
        outputs = [
            self._run(data, weights)
            for weights in split_evenly(self.weights_, self._n_members)
        ]
        if len(outputs) == 1:
            return outputs[0]
        return AGGREGATES[self.aggregate](outputs, axis=0)
