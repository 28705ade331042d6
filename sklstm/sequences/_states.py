"""Pooled hidden states of sequences, as features for other estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._sklearn import check_feature_names_in
from sklstm.sequences._base import SequenceEstimator

if TYPE_CHECKING:
    from sklearn.utils import Tags

# One program serves all losses and optimizers, of which it uses none.
_NOT_TRAINED = engine.TrainingSpec("mse", "sgd")


class PooledStatesMixin(TransformerMixin, SequenceEstimator):
    """Transform sequences to the pooled states of a fitted network."""

    def transform(self, X: Any) -> np.ndarray:
        """Compute the pooled hidden states of sequences.

        They are what the network's last layer reads: the states of the last recurrent
        layer, combined over the time steps as ``pooling`` says.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences. A list, or an object array, holds one array of shape (n_steps,)
            or (n_steps, n_channels) per sequence; their lengths may differ. NaN marks
            missing values. With ``embedding_dim``, the values are token ids.

        Returns
        -------
        states : ndarray of shape (n_sequences, n_states)
            In single precision, or a data frame as chosen by `set_output`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.neighbors import NearestNeighbors
        >>> from sklstm import RNNRegressor
        >>> slopes = np.linspace(-1, 1, 30)
        >>> lines = [slope * np.arange(9 + i % 3) for i, slope in enumerate(slopes)]
        >>> network = RNNRegressor(units=8, epochs=60, random_state=0)
        >>> states = network.fit_transform(lines, slopes)
        >>> states.shape
        (30, 48)
        >>> network.get_feature_names_out()[[0, 47]].tolist()
        ['last_forward_0', 'max_backward_7']
        >>> search = NearestNeighbors(n_neighbors=1).fit(states)
        >>> new = network.transform([0.9 * np.arange(10)])
        >>> nearest = search.kneighbors(new, return_distance=False)
        >>> bool(slopes[nearest[0, 0]] > 0.6)
        True
        """
        check_is_fitted(self)
        data = self._encode(self._check_sequences(X, reset=False))
        network = self._network.without_output()
        # The weights of the last layer, a kernel and a bias, are the last ones.
        with engine.borrow_program(network, _NOT_TRAINED) as program:
            return program.forward(data, self.weights_[:-2])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, optional
            Only checked: the names of the columns of X, as in fit.

        Returns
        -------
        names : ndarray of str
            Pooling, direction and unit of each state, such as "mean_backward_3".
            Without ``bidirectional``, all layers read forward.
        """
        check_is_fitted(self)
        check_feature_names_in(self, input_features, generate_names=False)
        return np.array(self._network.state_names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # always single precision
        return tags
