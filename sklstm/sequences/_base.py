"""Base of the estimators with one target per sequence."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core.attribution import Attribution
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import RecurrentEstimator, TrainedNetwork, TrainingTask
from sklstm._core.params import check_conv_layers
from sklstm._core.vocabulary import round_up_size
from sklstm._data.sequences import (
    Sequences,
    SequenceSchema,
    check_sequences,
    check_vocabulary,
)
from sklstm.sequences._attribution import attribute_outputs
from sklstm.sequences._scaling import ChannelScaling

if TYPE_CHECKING:
    from sklearn.utils import Tags

# conv_filters="auto" of numbers; tokens have no convolutional layers by default.
_CONV_FILTERS = (32, 64, 64)
# conv_kernel_size="auto" of numbers: wide at first, then narrower up to the last one.
_CONV_KERNEL_SIZES = (8, 5, 3)
_TOKEN_KERNEL_SIZE = 3

# patch_length="auto" leaves at most this number of recurrent steps: longer sequences
# train slowly, and their beginnings are forgotten.
MAX_RECURRENT_STEPS = 48


@dataclass(frozen=True)
class TrainingTargets:
    """Targets of sequences to train on.

    Parameters
    ----------
    values : ndarray of shape (n_sequences, n_outputs)
        On the scale of the network's outputs.
    weight : ndarray of shape (n_sequences,)
        Weight of each sequence in the loss.
    strata : ndarray of shape (n_sequences,), optional
        Labels by which early stopping stratifies the hold-out set.
    """

    values: np.ndarray
    weight: np.ndarray
    strata: np.ndarray | None = None


class SequenceEstimator(RecurrentEstimator):
    """Base of the estimators with one target per sequence."""

    # Hyperparameters.
    bidirectional: bool
    conv_filters: Any
    conv_kernel_size: Any
    recurrent_dropout: float
    pooling: str
    differences: bool
    patch_length: int | str
    positional_encoding: int
    noise: float
    crop: float
    normalize: str | None
    categorical_features: Any
    embedding_dim: int | None
    embedding_dropout: float
    token_dropout: float
    vocabulary_size: int | None
    loss: Any

    # Fitted state.
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_channels_: int
    is_categorical_: np.ndarray
    normalize_: str | None
    patch_length_: int
    _schema: SequenceSchema
    _weight_unit: float  # sample weight that counts as 1
    _scaling: ChannelScaling | None  # None for tokens
    _n_tokens: int  # size of the vocabulary, for tokens
    _network: engine.SequenceNetwork

    @property
    @abstractmethod
    def _activation(self) -> str:
        """Activation of the network's last layer."""

    @property
    def _is_causal(self) -> bool:
        """Whether outputs depend on earlier steps only."""
        return False

    @property
    def _training_loss(self) -> Any:
        """Loss to train on, as a name or object of Keras or a function."""
        return self.loss

    @abstractmethod
    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each sequence."""

    def _check_sequences(
        self, X: Any, *, reset: bool, allow_empty: bool = False
    ) -> Sequences:
        """Check X, and set or compare the attributes that describe it.

        Parameters
        ----------
        X : array-like or list of array-like
        reset : bool
            Whether to set the attributes, in fit, or to compare X with them.
        allow_empty : bool, default=False
            Whether all values of a sequence may be missing, after fit.

        Returns
        -------
        sequences : Sequences
            Numbers, or tokens if they are embedded.
        """
        if not reset:
            tokens = self._scaling is None
            sequences, _ = check_sequences(
                self, X, tokens=tokens, fitted=self._schema, allow_empty=allow_empty
            )
            if tokens:
                check_vocabulary(sequences, self._n_tokens)
            return sequences
        # Only a data frame names its columns; names of an earlier fit no longer hold.
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        sequences, self._schema = check_sequences(
            self,
            X,
            tokens=self.embedding_dim is not None,
            categorical_features=self.categorical_features,
        )
        self.n_features_in_ = self._schema.n_features
        self.n_channels_ = self._schema.n_channels
        self.is_categorical_ = np.isin(
            np.arange(self.n_channels_), self._schema.categories.columns
        )
        return sequences

    def _fit_network(
        self,
        sequences: Sequences,
        targets: TrainingTargets,
        *,
        start: tuple[engine.NetworkSpec, TrainedNetwork] | None,
        fit_data: FitData,
        incremental: bool,
    ) -> None:
        """Learn the scaling, and train a network.

        Parameters
        ----------
        sequences : Sequences
        targets : TrainingTargets
        start : tuple of NetworkSpec and TrainedNetwork, or None
            Network and weights of the last fit for a warm start.
        fit_data : FitData
            X and y as the user passed them, for callbacks.
        incremental : bool
            Whether training may be continued by `partial_fit`. It then takes one
            epoch on all sequences, without early stopping.
        """
        stem = self._conv_stem()
        self.patch_length_ = self._choose_patch_length(sequences, stem)
        if self.embedding_dim is None:
            self._scaling = ChannelScaling.fit(
                sequences,
                normalize=self.normalize,
                differences=bool(self.differences),
                categorical=self._schema.categories.columns,
                causal=self._is_causal,
            )
        else:
            self._scaling = None
            self._n_tokens = self._choose_vocabulary_size(sequences)
        self.normalize_ = self._scaling.normalize if self._scaling else None
        self._network = self._describe_network(stem, targets.values.shape[1])
        self._training_spec = self._describe_training(self._training_loss)

        def hold_out(seed: int) -> tuple[np.ndarray, np.ndarray]:
            return self._split_validation(len(sequences), seed, targets.strata)

        n_steps = -(-len(sequences) // int(self.batch_size))
        epochs = 1 if incremental else self._count_epochs(n_steps)
        trained = self._train(
            TrainingTask(
                self._network,
                self._encode(sequences, targets),
                np.arange(len(sequences)),
                epochs,
                start=self._warm_start_from(start),
                hold_out=hold_out if self.early_stopping and not incremental else None,
            ),
            EpochReporter(self, epochs, fit_data),
        )
        self._store_training(trained, keep_optimizer_state=incremental)

    def _continue_training(
        self, sequences: Sequences, targets: TrainingTargets, *, fit_data: FitData
    ) -> None:
        """Train the fitted network for one more epoch."""
        self._train_one_more_epoch(
            self._encode(sequences, targets),
            np.arange(len(sequences)),
            EpochReporter(self, 1, fit_data),
        )

    def _network_outputs(self, X: Any) -> np.ndarray:
        """Compute the network's outputs: (n_sequences, n_outputs), single precision."""
        check_is_fitted(self)
        return self._run(self._encode(self._check_sequences(X, reset=False)))

    @property
    def _output_names(self) -> list:
        """Names of the network's outputs: classes, or numbers of targets."""
        if hasattr(self, "classes_"):
            return self.classes_.tolist()
        return list(range(self._network.n_outputs))

    def _output_units(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scale and mean of the outputs of these numbers: 1 and 0 of classes."""
        scale = getattr(self, "_target_scale", 1.0)
        mean = getattr(self, "_target_mean", 0.0)
        n_outputs = self._network.n_outputs
        return (
            np.broadcast_to(scale, n_outputs)[numbers],
            np.broadcast_to(mean, n_outputs)[numbers],
        )

    def _output_level(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return the names of outputs as a level of an index; empty for one target."""
        names = np.array(self._output_names)
        if hasattr(self, "classes_"):
            return {"class": names[numbers]}
        return {"target": names[numbers]} if len(names) > 1 else {}

    def _attribute(self, X: Any, target: Any, steps: Any) -> Attribution:
        """Attribute outputs; called by `sklstm.inspection.attribute`."""
        check_is_fitted(self)
        return attribute_outputs(self, X, target, steps)

    def _encode(
        self, sequences: Sequences, targets: TrainingTargets | None = None
    ) -> engine.SequenceData:
        """Return sequences, and targets to train on, as the network reads them."""
        rows = sequences.rows
        if self._scaling is not None:
            rows = self._scaling.encode(sequences)
        data = engine.SequenceData(rows, sequences.starts, sequences.lengths)
        if targets is None:
            return data
        return data._replace(targets=targets.values, weight=targets.weight)

    def _conv_stem(self) -> engine.ConvStem:
        """Describe the convolutional layers set by the parameters."""
        filters, kernel_size = self.conv_filters, self.conv_kernel_size
        has_tokens = self.embedding_dim is not None
        if isinstance(filters, str):
            filters = None if has_tokens else _CONV_FILTERS
        if isinstance(kernel_size, str):
            n_layers = 1 if isinstance(filters, Integral) else len(filters or ())
            rest = (_CONV_KERNEL_SIZES[-1],) * n_layers
            kernel_size = (*_CONV_KERNEL_SIZES, *rest)[:n_layers]
            if has_tokens:
                kernel_size = _TOKEN_KERNEL_SIZE
        return engine.ConvStem(*check_conv_layers(filters, kernel_size))

    def _describe_network(
        self, stem: engine.ConvStem, n_outputs: int
    ) -> engine.SequenceNetwork:
        """Describe the network set by the parameters and the sequences in fit."""
        scaling = self._scaling
        network = engine.SequenceNetwork(
            stack=self._recurrent_stack(
                bidirectional=self.bidirectional,
                recurrent_dropout=self.recurrent_dropout,
            ),
            n_columns=1 if scaling is None else len(scaling.mean),
            n_masks=0 if scaling is None else len(scaling.masked),
            n_ids=tuple(n for _, n in self._schema.categories.n_ids),
            n_outputs=n_outputs,
            activation=self._activation,
            pooling=self.pooling,
            patch_length=self.patch_length_,
            stem=stem,
        )
        if self.embedding_dim is not None:
            return replace(
                network,
                n_tokens=round_up_size(self._n_tokens),
                embedding_dim=int(self.embedding_dim),
                embedding_dropout=float(self.embedding_dropout),
                token_dropout=float(self.token_dropout),
            )
        return replace(
            network,
            positional_encoding=int(self.positional_encoding),
            noise=float(self.noise),
            crop=float(self.crop),
        )

    def _choose_patch_length(self, sequences: Sequences, stem: engine.ConvStem) -> int:
        if self.patch_length != "auto":
            return int(self.patch_length)
        if self.embedding_dim is not None:
            return 1
        shortest = -(-int(sequences.lengths.max()) // MAX_RECURRENT_STEPS)
        return stem.round_pool_length(shortest) if stem else shortest

    def _choose_vocabulary_size(self, sequences: Sequences) -> int:
        if self.vocabulary_size is None:
            return int(sequences.rows.max()) + 1
        check_vocabulary(sequences, self.vocabulary_size)
        return int(self.vocabulary_size)

    def _split_validation(
        self, n_sequences: int, seed: int, strata: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the sequences to train on and to hold out."""
        try:
            train, validation = train_test_split(
                np.arange(n_sequences),
                test_size=self.validation_split,
                random_state=seed,
                stratify=strata,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping cannot hold out validation_split="
                f"{self.validation_split} of the {n_sequences} sequences: {error} Pass "
                "more sequences, another validation_split, or early_stopping=False."
            ) from None
        return train, validation

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.embedding_dim is None
        return tags
