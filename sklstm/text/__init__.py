"""Tokenizers and language models of texts."""

from sklstm.text._adaptation import DynamicEvaluation, NeuralCache
from sklstm.text._generators import CharLSTMGenerator, WordLSTMGenerator
from sklstm.text._tokenizer import SequenceTokenizer

__all__ = [
    "CharLSTMGenerator",
    "DynamicEvaluation",
    "NeuralCache",
    "SequenceTokenizer",
    "WordLSTMGenerator",
]
