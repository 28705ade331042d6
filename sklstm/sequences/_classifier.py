"""Classes of sequences by recurrent networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight

from sklstm._core import params
from sklstm._core.callbacks import FitData
from sklstm._core.estimator import restore_on_error
from sklstm._data.targets import check_labels
from sklstm._data.weights import check_weights
from sklstm._sklearn import StrOptions, fit_context
from sklstm.sequences._base import SequenceEstimator


class RNNClassifier(ClassifierMixin, SequenceEstimator):
    """Tell the class of a sequence by a recurrent network.

    A sample is a sequence: numbers of one or several channels, or tokens. Sequences of
    unequal lengths are padded and masked inside, batch by batch; a padded step never
    changes an answer.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of recurrent cell: long short-term memory [1]_, gated recurrent unit
        [2]_, or the simple (Elman) cell.
    units : int or tuple of int, default=64
        State size of the recurrent layer; a tuple stacks one layer for each entry.
    bidirectional : bool, default=True
        Whether each layer reads the sequence in both directions [3]_.
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
        Steps folded into one recurrent step (cf. [4]_); the last row stands for those
        that the last patch lacks. "auto" leaves at most 48 recurrent steps of the
        longest sequence in fit, and folds no tokens; a number spares a search the
        compilation of another network where the longest sequences of its folds differ.
    positional_encoding : int, default=8
        Waves over the sequence (a sine and a cosine each, cf. [5]_) that tell each step
        where it stands between the first and the last; 0 leaves it untold. They help
        where what counts happens at about the same place in all sequences. Not for
        tokens.
    noise : float, default=0.3
        Standard deviation of the normal noise that is put on the scaled channels in
        training [6]_, so that small sets are not learnt by heart. Not for tokens.
    crop : float, default=0.2
        Largest share of its steps that a sequence loses in training, at random and anew
        in each epoch, in front or behind (window slicing [7]_). Not for tokens.
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
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order, dropout and what early stopping sets aside. The
        same integer on the same machine gives the same weights, bit for bit; None draws
        fresh entropy.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    history_ : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch.
    n_iter_ : int
        Epochs trained.
    n_channels_ : int
        Values at each step of a sequence.
    patch_length_ : int
        Steps folded into one recurrent step.
    n_features_in_ : int
        Steps, if X has one channel and all sequences in fit have as many; otherwise
        ``n_channels_``; 1 for tokens.
    feature_names_in_ : ndarray of str
        Names of X's columns, if X is a frame and they are all strings.
    weights_ : tuple of ndarray
        The network's weights, in the order of ``network_.weights``.
    network_ : keras.Model
        The network, built from the weights at each access. It reads scaled sequences
        (with their differences behind them) padded to whole patches, and which of their
        steps are valid; or token ids, of which 0 pads.

    See Also
    --------
    sklstm.RNNRegressor : Continuous targets of sequences.
    sklstm.SequenceTokenizer : Turns texts into token ids.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural
       Computation 9(8).
    .. [2] Cho et al. (2014), "Learning phrase representations using RNN
       encoder-decoder for statistical machine translation", EMNLP.
    .. [3] Schuster and Paliwal (1997), "Bidirectional recurrent neural networks", IEEE
       Transactions on Signal Processing 45(11).
    .. [4] Nie et al. (2023), "A time series is worth 64 words", ICLR.
    .. [5] Vaswani et al. (2017), "Attention is all you need", NeurIPS.
    .. [6] Bishop (1995), "Training with noise is equivalent to Tikhonov
       regularization", Neural Computation 7(1).
    .. [7] Le Guennec et al. (2016), "Data augmentation for time series classification
       using convolutional neural networks", ECML/PKDD workshop AALTD.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> lengths = rng.integers(20, 40, size=60)
    >>> slow = [np.sin(np.arange(n) / 5 + rng.normal()) for n in lengths[:30]]
    >>> fast = [np.sin(np.arange(n) / 3 + rng.normal()) for n in lengths[30:]]
    >>> classifier = RNNClassifier(units=8, epochs=60, random_state=0)
    >>> classifier.fit(slow + fast, ["slow"] * 30 + ["fast"] * 30).classes_
    array(['fast', 'slow'], dtype='<U4')
    >>> classifier.predict([np.sin(np.arange(50) / 5)])
    array(['slow'], dtype='<U4')
    """

    _parameter_constraints: dict = {
        **params.NETWORK,
        **params.TRAINING,
        **params.SEQUENCES,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

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
        warm_start=False,
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn the classes of sequences.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences of one length; or a list, or an object array, of sequences of any
            lengths, each of shape (n_steps,) or (n_steps, n_channels). With
            ``embedding_dim`` they hold token ids.
        y : array-like of shape (n_sequences,)
            The class of each, of any type of label.
        sample_weight : array-like of shape (n_sequences,), optional
            Weight of each sequence in the loss.

        Returns
        -------
        self : RNNClassifier

        Raises
        ------
        ValueError
            If X, y or a parameter is not as described.
        FloatingPointError
            If training diverges.
        """
        sequences = self._check_sequences(X, reset=True)
        labels = check_labels(self, y, len(sequences))
        return self._fit(
            sequences,
            labels,
            np.unique(labels),
            sample_weight,
            fit_data=FitData(X, y),
        )

    @restore_on_error
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train on further sequences for one epoch.

        Scales, and the patch length, stay as they were learnt from the first ones.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences of one length; or a list, or an object array, of sequences of any
            lengths, each of shape (n_steps,) or (n_steps, n_channels). With
            ``embedding_dim`` they hold token ids.
        y : array-like of shape (n_sequences,)
            The class of each.
        classes : array-like of shape (n_classes,), optional
            All classes that can come; needed in the first call.
        sample_weight : array-like of shape (n_sequences,), optional
            Weight of each sequence in the loss, in the unit of those in the first call.

        Returns
        -------
        self : RNNClassifier

        Raises
        ------
        ValueError
            If y holds other classes, or X other channels, than before, or
            ``class_weight`` is "balanced", which needs all sequences at once.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" needs all sequences at once, which '
                "partial_fit does not see. Pass a dict of each class's weight."
            )
        first = not self.__sklearn_is_fitted__()
        sequences = self._check_sequences(X, reset=first)
        labels = check_labels(self, y, len(sequences))
        if first:
            if classes is None:
                raise ValueError(
                    "The first call of partial_fit needs classes, all that can come."
                )
            return self._fit(
                sequences,
                labels,
                np.unique(check_labels(self, classes, np.size(classes))),
                sample_weight,
                fit_data=FitData(X, y),
                incremental=True,
            )
        if classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise ValueError(
                f"classes={classes!r} are not those of the first call, "
                f"{self.classes_.tolist()}."
            )
        targets = self._one_hot(labels)
        weight, _ = self._weigh(labels, sample_weight, self._weight_unit)
        return self._continue_training(
            sequences, targets, weight, fit_data=FitData(X, y)
        )

    def predict_proba(self, X):
        """Tell the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences of one length; or a list, or an object array, of sequences of any
            lengths, each of shape (n_steps,) or (n_steps, n_channels). With
            ``embedding_dim`` they hold token ids.

        Returns
        -------
        probability : ndarray of shape (n_sequences, n_classes)
            In single precision, in the order of ``classes_``; each row sums to 1.
        """
        return self._network_outputs(X)

    def predict(self, X):
        """Tell the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps) or \
                (n_sequences, n_steps, n_channels), or list of arrays
            Sequences of one length; or a list, or an object array, of sequences of any
            lengths, each of shape (n_steps,) or (n_steps, n_channels). With
            ``embedding_dim`` they hold token ids.

        Returns
        -------
        y : ndarray of shape (n_sequences,)
            Labels as in fit.
        """
        most_probable = self.predict_proba(X).argmax(axis=1)
        return self.classes_[most_probable]

    def _fit(
        self,
        sequences,
        labels,
        classes,
        sample_weight,
        *,
        fit_data,
        incremental=False,
    ):
        """Learn the classes, the scales and the weights."""
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes, got 1 class: "
                f"{classes.tolist()[0]!r}."
            )
        last_fit = self._previous_fit()
        if last_fit and not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start=True needs the classes of the last fit, which were "
                f"{self.classes_.tolist()}, got {classes.tolist()}. Set "
                "warm_start=False."
            )
        self.classes_ = classes
        targets = self._one_hot(labels)
        weight, self._weight_unit = self._weigh(labels, sample_weight)

        return self._fit_network(
            sequences,
            targets,
            weight,
            activation="softmax",
            start=last_fit,
            fit_data=fit_data,
            incremental=incremental,
            stratify=labels,
        )

    def _one_hot(self, labels):
        """A column for each class: (n_sequences, n_classes)."""
        codes = np.searchsorted(self.classes_, labels)
        codes = np.minimum(codes, len(self.classes_) - 1)
        unknown = self.classes_[codes] != labels
        if unknown.any():
            raise ValueError(
                f"y holds the class {labels[unknown].tolist()[0]!r}, which is not "
                f"among the classes {self.classes_.tolist()}."
            )
        return np.eye(len(self.classes_), dtype=np.float32)[codes]

    def _weigh(self, labels, sample_weight, unit=None):
        """Weights of sequences by themselves and their classes, and their unit."""
        weight, _ = check_weights(sample_weight, labels, 1.0)
        if isinstance(self.class_weight, Mapping | str):
            of_class = compute_class_weight(
                self.class_weight, classes=self.classes_, y=labels
            )
            if (of_class < 0).any():
                raise ValueError(
                    f"class_weight must not be negative, got {self.class_weight!r}."
                )
            weight = weight * of_class[np.searchsorted(self.classes_, labels)]
        return check_weights(weight, labels, unit)
