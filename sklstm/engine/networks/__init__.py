"""Network specifications, one file a kind."""

from sklstm.engine.networks.attribution import AttributionNetwork
from sklstm.engine.networks.autoencoder import AutoencoderNetwork
from sklstm.engine.networks.base import NetworkSpec, SampleNetwork
from sklstm.engine.networks.language import LanguageNetwork, NextTokenNetwork
from sklstm.engine.networks.recurrent import RecurrentStack
from sklstm.engine.networks.sequence import SequenceNetwork
from sklstm.engine.networks.stem import ConvStem
from sklstm.engine.networks.tagging import StreamNetwork, TaggingNetwork
from sklstm.engine.networks.window import EnsembleNetwork, WindowNetwork

__all__ = [
    "AttributionNetwork",
    "AutoencoderNetwork",
    "ConvStem",
    "EnsembleNetwork",
    "LanguageNetwork",
    "NextTokenNetwork",
    "NetworkSpec",
    "RecurrentStack",
    "SampleNetwork",
    "SequenceNetwork",
    "StreamNetwork",
    "TaggingNetwork",
    "WindowNetwork",
]
