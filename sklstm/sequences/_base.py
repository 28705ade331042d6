"""What the estimators that read whole sequences share."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from sklstm import engine
from sklstm._core.callbacks import EpochReporter, FitData
from sklstm._core.estimator import RecurrentEstimator, TrainedNetwork, TrainingTask
from sklstm._core.vocabulary import round_up
from sklstm._data.sequences import Sequences, check_sequences, check_vocabulary
from sklstm.sequences._scaling import ChannelScaling

# patch_length="auto" leaves at most so many recurrent steps: longer sequences train
# slowly, and their beginnings are forgotten.
MAX_STEPS = 48


class SequenceEstimator(RecurrentEstimator):
    """Base of the estimators that answer one question about a whole sequence."""

    n_channels_: int
    patch_length_: int
    _network: engine.SequenceNetwork
    _scaling: ChannelScaling | None
    _n_tokens: int

    def _check_sequences(self, X, *, reset: bool) -> Sequences:
        """X as sequences of numbers, or of tokens where they are embedded."""
        tokens = self.embedding_dim is not None if reset else self._scaling is None
        sequences = check_sequences(self, X, tokens=tokens, reset=reset)
        if tokens and not reset:
            check_vocabulary(sequences, self._n_tokens)
        return sequences

    def _fit_network(
        self,
        sequences: Sequences,
        targets: np.ndarray,
        weight: np.ndarray,
        *,
        activation: str,
        start: tuple[engine.NetworkSpec, TrainedNetwork] | None,
        fit_data: FitData,
        incremental: bool,
        stratify: np.ndarray | None = None,
    ):
        """Learn the scales, and train a network.

        Parameters
        ----------
        sequences : Sequences
        targets : ndarray of shape (n_sequences, n_outputs)
        weight : ndarray of shape (n_sequences,)
        activation : str
            Of the network's last layer.
        start : tuple of NetworkSpec and Trained, or None
            What a warm start goes on from.
        fit_data : FitData
            X and y as the user passed them, for callbacks.
        incremental : bool
            Whether training is to go on later: then for one epoch, on all sequences.
        stratify : ndarray of shape (n_sequences,), optional
            The classes that early stopping sets aside in their own shares.
        """
        n_steps = -(-len(sequences) // int(self.batch_size))
        epochs = 1 if incremental else self._count_epochs(n_steps)

        def hold_out(seed):
            return self._split_off(len(sequences), seed, stratify=stratify)

        self.patch_length_ = self._find_patch_length(sequences)
        if self.embedding_dim is None:
            self._scaling = ChannelScaling.fit(
                sequences,
                normalize=self.normalize,
                differences=bool(self.differences),
            )
            reading: dict = {
                "n_columns": len(self._scaling.mean),
                "positional_encoding": int(self.positional_encoding),
                "noise": float(self.noise),
                "crop": float(self.crop),
            }
        else:
            self._scaling = None
            self._n_tokens = self._count_tokens(sequences)
            reading = {
                "n_columns": 1,
                "n_tokens": round_up(self._n_tokens),
                "embedding_dim": int(self.embedding_dim),
            }
        self._network = engine.SequenceNetwork(
            stack=self._recurrent_stack(
                bidirectional=self.bidirectional,
                recurrent_dropout=self.recurrent_dropout,
            ),
            n_outputs=targets.shape[1],
            activation=activation,
            pooling=self.pooling,
            patch_length=self.patch_length_,
            **reading,
        )
        self._training_spec = self._describe_training(self.loss)
        trained = self._train(
            TrainingTask(
                self._network,
                self._data(sequences, targets, weight),
                np.arange(len(sequences)),
                epochs,
                start=self._warm_start_from(start),
                hold_out=hold_out if self.early_stopping and not incremental else None,
            ),
            EpochReporter(self, epochs, fit_data),
        )
        self._store_training(trained, keep_optimizer_state=incremental)
        return self

    def _continue_training(self, sequences, targets, weight, *, fit_data):
        """Train the fitted network for one more epoch."""
        trained = self._train(
            TrainingTask(
                self._network,
                self._data(sequences, targets, weight),
                np.arange(len(sequences)),
                epochs=1,
                start=self._last_training(),
            ),
            EpochReporter(self, 1, fit_data),
        )
        self._store_training(trained, continued=True, keep_optimizer_state=True)
        return self

    def _network_outputs(self, X) -> np.ndarray:
        """The network's answers: (n_sequences, n_outputs), single precision."""
        check_is_fitted(self)
        return self._run(self._data(self._check_sequences(X, reset=False)))

    def _data(self, sequences, targets=None, weight=None) -> engine.SequenceData:
        rows = sequences.rows
        if self._scaling is not None:
            rows = self._scaling.encode(sequences)
        return engine.SequenceData(
            rows, sequences.starts, sequences.lengths, targets, weight
        )

    def _find_patch_length(self, sequences) -> int:
        if self.patch_length != "auto":
            return int(self.patch_length)
        if self.embedding_dim is not None:
            return 1
        return -(-int(sequences.lengths.max()) // MAX_STEPS)

    def _count_tokens(self, sequences) -> int:
        if self.vocabulary_size is None:
            return int(sequences.rows.max()) + 1
        check_vocabulary(sequences, self.vocabulary_size)
        return int(self.vocabulary_size)

    def _split_off(self, n_sequences: int, seed: int, *, stratify=None):
        """Indices of the sequences to train on, and of those set aside."""
        try:
            return train_test_split(
                np.arange(n_sequences),
                test_size=self.validation_split,
                random_state=seed,
                stratify=stratify,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping sets validation_split={self.validation_split} of the "
                f"{n_sequences} sequences aside, and that cannot be: {error} Give more "
                "sequences, another validation_split, or early_stopping=False."
            ) from None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
