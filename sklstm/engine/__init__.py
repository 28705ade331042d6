"""The engine: specifications and data in, NumPy weight arrays out.

This package is the only place that imports Keras and TensorFlow, and it loads them on
first use (`sklstm.engine.backend`). Where to find, or to add:

- a kind of network: ``networks/``, one file a kind
- a recurrent cell: ``networks/recurrent.py``, ``layers/fused.py`` and
  ``layers/scan_cells.py``
- a loss: ``losses.py``; how objects of Keras are copied: ``keras_objects.py``
- the training loop: ``program.py``, and ``sample_program.py`` or
  ``language_program.py`` for what happens in an epoch
"""

from sklstm.engine.attribution_program import Contributions
from sklstm.engine.backend import check_process, is_keras_object, prepare_keras
from sklstm.engine.data import (
    IMPOSSIBLE_LOGIT,
    MAX_LINEAR_CATEGORIES,
    MIN_WINDOWS_PER_STREAM,
    PADDING,
    UNKNOWN,
    Adaptation,
    DecoderState,
    InitialValues,
    LinearMaps,
    NetworkState,
    ReadDocument,
    ReconstructionData,
    SampleData,
    SampleSplit,
    Sampling,
    SequenceData,
    TokenData,
    TrainingSettings,
    TrainingSpec,
    Weights,
    WindowData,
)
from sklstm.engine.keras_objects import enable_copying
from sklstm.engine.losses import (
    check_loss_function,
    refuse_unknown_name,
    training_spec,
)
from sklstm.engine.networks import (
    AttributionNetwork,
    AutoencoderNetwork,
    ConvStem,
    EnsembleNetwork,
    LanguageNetwork,
    NetworkSpec,
    NextTokenNetwork,
    RecurrentStack,
    SampleNetwork,
    SequenceNetwork,
    StreamNetwork,
    TaggingNetwork,
    WindowNetwork,
)
from sklstm.engine.packed_network import PackedNetwork
from sklstm.engine.pool import borrow_program
from sklstm.engine.private_api import preserve_random_state

__all__ = [
    # networks
    "NetworkSpec",
    "SampleNetwork",
    "RecurrentStack",
    "ConvStem",
    "WindowNetwork",
    "EnsembleNetwork",
    "AutoencoderNetwork",
    "SequenceNetwork",
    "TaggingNetwork",
    "StreamNetwork",
    "LanguageNetwork",
    "NextTokenNetwork",
    "AttributionNetwork",
    "Contributions",
    # data
    "SampleData",
    "SampleSplit",
    "WindowData",
    "LinearMaps",
    "MAX_LINEAR_CATEGORIES",
    "ReconstructionData",
    "SequenceData",
    "TokenData",
    "PADDING",
    "UNKNOWN",
    # training
    "TrainingSettings",
    "TrainingSpec",
    "check_loss_function",
    "refuse_unknown_name",
    "training_spec",
    "borrow_program",
    "NetworkState",
    "InitialValues",
    "Weights",
    # language models
    "DecoderState",
    "ReadDocument",
    "Adaptation",
    "Sampling",
    "IMPOSSIBLE_LOGIT",
    "MIN_WINDOWS_PER_STREAM",
    # Keras
    "PackedNetwork",
    "check_process",
    "enable_copying",
    "is_keras_object",
    "prepare_keras",
    "preserve_random_state",
]
