"""Seeds derived from ``random_state``; global random generators are left alone."""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

import numpy as np

RandomState = int | np.random.RandomState | None


class TrainingSeeds(NamedTuple):
    """Seeds of one training run."""

    weights: int  # initial weights
    order: int  # order of the samples, dropout, noise and cropping
    split: int  # samples held out for early stopping


def draw_seeds(random_state: RandomState, n_epochs_before: int = 0) -> TrainingSeeds:
    """Draw the seeds of a training run.

    Parameters
    ----------
    random_state : int, RandomState or None
        None uses fresh entropy.
    n_epochs_before : int, default=0
        Epochs trained so far. A continued training run draws other seeds, so that it
        does not repeat the order of the samples of earlier epochs.

    Returns
    -------
    seeds : TrainingSeeds
    """
    sequence = seed_sequence(
        random_state, (n_epochs_before,) if n_epochs_before else ()
    )
    return TrainingSeeds(*(int(n) for n in sequence.generate_state(3) >> 1))


def seed_sequence(
    random_state: RandomState, spawn_key: tuple[int, ...] = ()
) -> np.random.SeedSequence:
    """Convert a random state to a NumPy seed sequence; None uses fresh entropy."""
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(np.iinfo(np.int32).max))
    entropy = int(random_state) if isinstance(random_state, Integral) else None
    return np.random.SeedSequence(entropy, spawn_key=spawn_key)


def spawn_random_states(random_state: RandomState, n_members: int) -> list[RandomState]:
    """Derive one random state for each member of an ensemble.

    An integer counts up: member ``i`` is the network of ``random_state + i``.
    """
    if isinstance(random_state, Integral):
        return [int(random_state) + number for number in range(n_members)]
    if isinstance(random_state, np.random.RandomState):
        drawn = random_state.randint(np.iinfo(np.int32).max, size=n_members)
        return [int(seed) for seed in drawn]
    return [None] * n_members
