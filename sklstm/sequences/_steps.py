"""Base of the estimators with a target for each step of a sequence."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._data.sequences import Sequences
from sklstm._data.step_targets import split_steps
from sklstm.sequences._base import SequenceEstimator

if TYPE_CHECKING:
    from sklearn.utils import Tags


class StepEstimator(SequenceEstimator):
    """Base of the estimators with a target for each step of a sequence."""

    # Hyperparameters of `SequenceEstimator` that have no place here: an output for each
    # step allows no pooling, and a step does not know how long its sequence will be.
    pooling = "last"
    patch_length = 1
    positional_encoding = 0

    _network: engine.TaggingNetwork

    def _check_causal(self) -> None:
        """Raise an error if a parameter lets a causal network read later steps."""
        if not self.bidirectional and self.normalize == "sequence":
            raise ValueError(
                'normalize="sequence" reads the whole sequence, but bidirectional=False'
                ' promises outputs from earlier steps only. Set normalize="standard".'
            )

    @property
    def _is_causal(self) -> bool:
        return not self.bidirectional

    def _conv_stem(self) -> engine.ConvStem:
        stem = super()._conv_stem()
        return engine.ConvStem(stem.filters, stem.kernel_sizes, self._is_causal)

    def _describe_network(
        self, stem: engine.ConvStem, n_outputs: int
    ) -> engine.TaggingNetwork:
        network = super()._describe_network(stem, n_outputs)
        return engine.TaggingNetwork(
            **{each.name: getattr(network, each.name) for each in fields(network)}
        )

    def _padding_of(self, X: Any) -> list[np.ndarray] | None:
        """Return which steps of each sequence are padding; None for numbers."""
        if self.embedding_dim is None:
            return None
        rows = X.to_numpy() if hasattr(X, "to_numpy") else X
        return [np.asarray(x).ravel() == engine.PADDING for x in rows]

    def _outputs_of_steps(self, X: Any) -> tuple[np.ndarray, Sequences]:
        """Compute the outputs for all steps: (n_rows, n_outputs), single precision."""
        check_is_fitted(self)
        sequences = self._check_sequences(X, reset=False)
        return self._run(self._encode(sequences)), sequences

    def stream(self) -> StepStream:
        """Start to read a sequence piece by piece, as it is recorded.

        Returns
        -------
        stream : StepStream
            Its ``predict`` takes the next steps of the sequence. The outputs are those
            of the whole sequence so far.

        Raises
        ------
        ValueError
            If the network is bidirectional.
        """
        check_is_fitted(self)
        if not self._is_causal:
            raise ValueError(
                "stream() needs bidirectional=False, because a bidirectional network "
                "reads the sequence from its end. Fit with bidirectional=False."
            )
        return StepStream(self)

    @abstractmethod
    def _from_outputs(self, outputs: np.ndarray) -> np.ndarray:
        """Turn the network's outputs for steps into predictions."""

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each step."""
        outputs, sequences = self._outputs_of_steps(X)
        return split_steps(self._from_outputs(outputs), sequences.lengths)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.one_d_labels = False
        return tags


class StepStream:
    """Predicts the targets of the steps of one sequence while it is recorded.

    Create it with the estimator's ``stream``. It remembers the states of the recurrent
    layers, so each step is read once.

    Parameters
    ----------
    estimator : estimator
        A fitted one; later fits do not concern the stream.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import RNNTagger
    >>> X = np.random.default_rng(0).normal(size=(40, 20))
    >>> tagger = RNNTagger(units=8, bidirectional=False, epochs=60, random_state=0)
    >>> stream = tagger.fit(X, X > 0).stream()
    >>> stream.predict([1.0, 2.0])
    array([ True,  True])
    >>> stream.predict([-1.0])
    array([False])
    """

    def __init__(self, estimator: Any):
        self._estimator = copy(estimator)
        self._network = engine.StreamNetwork(estimator._network)
        self._weights = estimator.weights_
        sizes = estimator._network.stack.state_sizes
        self._states = [np.zeros((1, size), np.float32) for size in sizes]
        self._context: np.ndarray | None = None
        self._last: np.ndarray | None = None
        self._n_steps = 0

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets of the next steps.

        Parameters
        ----------
        X : array-like of shape (n_steps,) or (n_steps, n_channels)
            The steps that follow those read before; (n_channels,) for one step of
            several channels.

        Returns
        -------
        y : ndarray of shape (n_steps,)
        """
        return self._estimator._from_outputs(self._advance(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the class probabilities of the next steps; of taggers only.

        Parameters
        ----------
        X : array-like
            As in `predict`. The steps are read, so call one of the methods.

        Returns
        -------
        probability : ndarray of shape (n_steps, n_classes)
        """
        if not hasattr(self._estimator, "predict_proba"):
            name = type(self._estimator).__name__
            raise AttributeError(f"{name} predicts numbers: call predict.")
        return self._advance(X)

    def _advance(self, X: Any) -> np.ndarray:
        """Read the next steps and return the network's outputs for them."""
        estimator = self._estimator
        n_channels = estimator.n_channels_
        if not hasattr(X, "columns"):
            X = np.asarray(X)
            if X.ndim == 1 and n_channels > 1:
                X = X.reshape(1, -1)
        # Sensors may be silent for a while: the last values observed are repeated.
        sequences = estimator._check_sequences([X], reset=False, allow_empty=True)
        rows, n_new = sequences.rows, len(sequences.rows)
        if estimator._scaling is not None:
            if self._last is not None:
                rows = np.vstack([self._last, rows])
            sequences = Sequences(rows, np.array([len(rows)]))
            encoded = estimator._scaling.encode(sequences)[-n_new:]
            self._last = estimator._scaling.last_values(sequences)
        else:
            encoded = rows.reshape(-1)
        n_context = self._network.context
        if self._context is None:
            self._context = np.zeros((n_context, *encoded.shape[1:]), encoded.dtype)
        window = np.concatenate([self._context, encoded])
        n_padding = max(n_context - self._n_steps, 0)
        inputs = [window[None]]
        if estimator._scaling is not None:
            inputs.append((np.arange(len(window)) >= n_padding)[None])
        with engine.borrow_program(self._network, estimator._training_spec) as program:
            outputs, self._states = program.advance(inputs, self._states, self._weights)
        self._context = window[len(window) - n_context :]
        self._n_steps += n_new
        return outputs[0]
