"""Scores of predictions for the steps of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline


def step_scorer(scoring: str) -> StepScorer:
    """Make a scorer of steps from one of scikit-learn's scorers.

    scikit-learn's own scorers compare one target for each sample. The scorer takes the
    steps of all sequences together, without those whose target is missing.

    Parameters
    ----------
    scoring : str
        Name of a scorer of scikit-learn, such as "f1_macro", "balanced_accuracy" or
        "neg_log_loss" for `RNNTagger`, "neg_mean_absolute_error" for
        `RNNStepRegressor`.

    Returns
    -------
    scorer : callable
        Takes (estimator, X, y), for ``scoring`` of `GridSearchCV`, `cross_val_score`
        and others.

    Raises
    ------
    ValueError
        If scikit-learn has no scorer of this name.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklstm import RNNTagger, step_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=20) for _ in range(12)]
    >>> y = [x > 0 for x in X]
    >>> tagger = RNNTagger(units=4, epochs=20, random_state=0)
    >>> scores = cross_val_score(tagger, X, y, cv=3, scoring=step_scorer("f1_macro"))
    >>> scores.shape
    (3,)
    """
    get_scorer(scoring)  # raises an error for unknown names
    return StepScorer(scoring)


class StepScorer:
    """A scorer of steps. Create it with `step_scorer`."""

    def __init__(self, scoring: str):
        self.scoring = scoring

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score the predictions for the steps of X."""
        final = estimator
        # Searches over pipelines, pipelines that end in searches, and so on.
        while isinstance(final, Pipeline) or hasattr(final, "best_estimator_"):
            if isinstance(final, Pipeline):
                X, final = final[:-1].transform(X), final[-1]
            else:
                final = final.best_estimator_
        targets, known = final._known_targets(X, y)
        kind = _ScoredClasses if hasattr(final, "classes_") else _ScoredNumbers
        scored = kind(final, known)
        return get_scorer(self.scoring)(scored, X, targets[known])

    def __repr__(self) -> str:
        return f"step_scorer({self.scoring!r})"


class _ScoredSteps(BaseEstimator):
    """A fitted estimator that predicts the steps of all sequences together."""

    def __init__(self, estimator: Any, known: np.ndarray):
        self.estimator = estimator
        self.known = known

    def fit(self, X: Any, y: Any) -> None:
        """Do nothing: the estimator is fitted."""

    def predict(self, X: Any) -> np.ndarray:
        """Predict the steps with targets."""
        return np.concatenate(self.estimator.predict(X))[self.known]


class _ScoredClasses(ClassifierMixin, _ScoredSteps):
    @property
    def classes_(self) -> np.ndarray:
        """Class labels, sorted."""
        return self.estimator.classes_

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the class probabilities of the steps with labels."""
        return np.concatenate(self.estimator.predict_proba(X))[self.known]


class _ScoredNumbers(RegressorMixin, _ScoredSteps):
    pass
