"""Attribution of outputs to inputs by integrated gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm._core.attribution import Attribution
from sklstm._core.introspection import (
    find_forecaster,
    find_reachable,
    iter_nested_estimators,
    unwrap_final_estimator,
)
from sklstm._data.input_types import refuse_containers
from sklstm._data.user_warnings import warn_user

# By how much contributions may miss the change of the output, as a fraction of it, of
# the sum of their magnitudes, and of the output.
_TOLERANCE, _TOLERANCE_OF_CANCELLED, _ROUNDING = 2e-3, 1e-4, 1e-5


def attribute(
    estimator: Any,
    X: Any = None,
    *,
    X_future: Any = None,
    target: Any = None,
    steps: Any = None,
) -> Attribution:
    """Attribute outputs of a fitted network to the inputs that it read.

    Integrated gradients [1]_: the inputs are moved on a straight line from a baseline
    without information to their values. The contribution of a value is its change times
    the mean gradient of the output on the way. The contributions to an output add up to
    its difference from the output for the baseline (completeness), to a thousandth of
    it.

    - For forecasters the baseline is the naive window: each target stays at its last
      value, and all other columns are at the mean of the training rows. So the
      contributions say why the forecast is not the naive one.
    - For sequences of numbers the baseline is the mean of all training steps. First
      differences, and marks of missing values, count for their channel.
    - Tokens are compared with the zero vector, categories with the vector of an unknown
      category. Of language models the log-probability of the next token is explained:
      of generators after each prompt, of `SequenceAnomalyDetector` that of a token in a
      sequence.
    - Of the detectors in series the value that is expected in a row is explained, from
      which the row deviates: `LSTMForecastDetector` expects it after the rows before,
      `LSTMAutoencoderDetector` reconstructs it from all windows that cover the row. The
      baseline is the mean of the training rows. ``feature_scores`` says which feature
      deviates most.

    An ensemble's contributions are those of the members that its forecast consists of:
    the one in the middle, or two, for the median.

    Parameters
    ----------
    estimator : estimator
        A fitted network of this package, other than those around a Keras model, or a
        pipeline or search that ends in one. Contributions are then those of the columns
        that the last step reads.
    X : array-like, optional
        Sequences as for ``predict``; prompts of generators; a series of detectors. For
        forecasters, rows of the series of ``fit``: the forecasts from all windows in it
        are explained; with ``known_future`` those whose forecast rows are in X, too. By
        default the forecast of the rows after the last one seen.
    X_future : array-like of shape (n_rows, n_features or n_future), optional
        Future covariates of the forecast after the last row seen, as for ``forecast``.
    target : label, int or array-like of shape (n_sequences,), optional
        What to explain, for all sequences or for each: a class or a next token, by
        default the most probable one; the number of the target of a regressor with
        several targets; a column of a series, by default the one that deviates most in
        the row. Of forecasters all targets are explained.
    steps : int or array-like of int, optional
        Of forecasters the steps ahead to explain, from 1; by default all up to
        ``horizon``. Of `RNNTagger`, `RNNStepRegressor` and `SequenceAnomalyDetector`
        the step whose output is explained, for all sequences or for each; -1 is the
        last one, and the default of the detector the least expected token. Of the
        detectors in series the numbers of rows of X, or their labels if these are no
        integers; by default the row that deviates most, before scores are smoothed.

    Returns
    -------
    attribution : Attribution
        Contributions in the units of the outputs, outputs and inputs, as labelled
        frames.

    Raises
    ------
    TypeError
        If the estimator is no recurrent network of this package.
    ValueError
        If X or a parameter is not as described.

    Warns
    -----
    UserWarning
        If contributions do not add up, because the output changes abruptly.

    See Also
    --------
    permutation_importance : Importance of columns and lags for the error.
    sklstm.AttributionDisplay : Plots of an attribution.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan (2017), "Axiomatic attribution for deep networks",
       ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecaster
    >>> from sklstm.inspection import attribute
    >>> rng = np.random.default_rng(0)
    >>> cause = rng.normal(size=300)
    >>> effect = np.roll(cause, 2) + rng.normal(0, 0.1, 300)  # two rows later
    >>> X = np.column_stack([effect, cause])
    >>> forecaster = LSTMForecaster(
    ...     6, normalize="standard", epochs=30, learning_rate=0.01, random_state=0
    ... )
    >>> attribution = attribute(forecaster.fit(X, effect), X)
    >>> size = attribution.contributions.abs().groupby("lag").mean()
    >>> lag, column = size.stack().idxmax()  # lag 0 is the last row of the window
    >>> int(lag), int(column)
    (-1, 1)
    """
    network = _find_network(estimator)
    check_is_fitted(network)
    is_forecaster = hasattr(find_forecaster(network), "horizon")
    if X is None and not is_forecaster:
        raise ValueError(
            f"X must hold the sequences to explain the outputs of {_name(network)} "
            "for, got None."
        )
    if X is not None:
        if not hasattr(network, "generate"):
            refuse_containers(X, "X")
        network, X = unwrap_final_estimator(estimator, X, having="_attribute")
    elif X_future is not None and network is not estimator:
        raise ValueError(
            "X_future is not transformed by the steps of a scikit-learn pipeline. Use "
            "make_forecast_pipeline, or pass the forecaster itself with transformed "
            "covariates."
        )
    if is_forecaster:
        if target is not None:
            raise ValueError(
                "target selects a class or a target of estimators for sequences; the "
                f"forecasts of all targets are explained, got target={target!r}. "
                "Select rows of the result instead."
            )
        return _checked(network._attribute(X, X_future, steps))
    if X_future is not None:
        raise ValueError(
            f"X_future belongs to forecasters; {_name(network)} reads whole sequences."
        )
    attribution = _checked(network._attribute(X, target, steps))
    return _name_tokens(attribution, estimator)


def _checked(attribution: Attribution) -> Attribution:
    """Warn if the contributions to some output do not add up."""
    outputs = attribution.outputs
    change = (outputs["output"] - outputs["baseline"]).to_numpy()
    rows = attribution.contributions
    total, size = (
        replace(attribution, contributions=values).by_column().sum(axis=1).to_numpy()
        for values in (rows, rows.abs())
    )
    missed = np.abs(total - change)
    allowed = _TOLERANCE * np.abs(change) + _TOLERANCE_OF_CANCELLED * size
    excess = (
        missed - allowed - _ROUNDING * outputs[["output", "baseline"]].abs().max(axis=1)
    )
    if (excess > 0).any():
        worst = int(np.argmax(excess))
        warn_user(
            f"the contributions to output {worst} miss its change of "
            f"{change[worst]:.4g} by {missed[worst]:.2g}: the network has many kinks "
            "between the baseline and the input. Take them as approximate."
        )
    return attribution


def _find_network(estimator: Any) -> Any:
    """Return the network of this package in an estimator, or a pipeline around it."""
    network = find_reachable(estimator, "_attribute")
    nested = list(iter_nested_estimators(estimator))
    forecaster = next((each for each in nested if hasattr(each, "horizon")), None)
    if forecaster is not None and not hasattr(forecaster, "_attribute"):
        raise TypeError(
            f"the forecasts of {_name(forecaster)} have no gradient. Pass an "
            "LSTMForecaster, or measure the importance of columns and lags by "
            "permutation_importance, which works for any forecaster."
        )
    if network is None:
        raise TypeError(
            "estimator must be a network of this package, or a pipeline or search that "
            f"ends in one, got {estimator!r}."
        )
    return network


def _name(estimator: Any) -> str:
    return type(estimator).__name__


def _name_tokens(attribution: Attribution, estimator: Any) -> Attribution:
    """Replace the ids of tokens by their texts, if a pipeline knows them."""
    for each in iter_nested_estimators(estimator):
        for _, step in getattr(each, "steps", []):
            vocabulary = getattr(step, "vocabulary_", None)
            if vocabulary is not None and list(attribution.inputs) == ["token"]:
                names = {number: text for text, number in vocabulary.items()}
                inputs = attribution.inputs.map(lambda i, names=names: names[int(i)])
                return replace(attribution, inputs=inputs)
    return attribution
