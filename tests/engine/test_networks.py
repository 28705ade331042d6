"""Network specifications: plain values that build and feed Keras models."""

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sklstm import engine

pytest.importorskip("tensorflow")

STACK = engine.RecurrentStack("gru", (3, 2), bidirectional=True, recurrent_dropout=0.1)
SPECS = [
    engine.WindowNetwork(STACK, 6, 2, 3, 2, 2, 1, linear_skip=True),
    engine.EnsembleNetwork(engine.WindowNetwork(STACK, 6, 2, 3, 2), 2, "median"),
    engine.WindowNetwork(
        STACK, 6, 5, 3, 2, 2, 1, 2, decoder="segments", channel_independent=True
    ),
    engine.AutoencoderNetwork(STACK, 6, 2),
    engine.SequenceNetwork(STACK, 2, 3, patch_length=2, positional_encoding=1),
    engine.SequenceNetwork(STACK, 1, 3, n_tokens=9, embedding_dim=2),
    engine.SequenceNetwork(STACK, 2, 3, pooling="attention").without_output(),
    engine.SequenceNetwork(
        STACK, 2, 3, patch_length=2, stem=engine.ConvStem((4, 3), (3, 2))
    ),
    engine.TaggingNetwork(STACK, 2, 3, stem=engine.ConvStem((4,), (3,))),
    engine.LanguageNetwork(replace(STACK, bidirectional=False), 9, 4, 5),
]


def name(spec):
    return type(spec).__name__


@pytest.mark.parametrize("spec", SPECS, ids=name)
def test_a_specification_is_a_plain_value(spec):
    copied = pickle.loads(pickle.dumps(spec))
    assert copied == spec
    assert hash(copied) == hash(spec)
    assert repr(spec).startswith(f"{name(spec)}(")
    assert "units=(3, 2)" in repr(spec)


def test_specifications_are_unpickled_without_keras():
    code = (
        "import pickle, sys;"
        f"specs = pickle.loads({pickle.dumps(SPECS)!r});"
        "print(len(specs), {'keras', 'tensorflow'} & sys.modules.keys())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == [str(len(SPECS)), "set()"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("spec", SPECS, ids=name)
def test_onnx(spec, tmp_path):
    """A network is exported right after it was built, for any number of samples."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    network = spec.build()
    network.export(tmp_path / "network.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    rng = np.random.default_rng(0)
    for n_samples in (1, 5):
        inputs = {}
        for tensor in network.inputs:
            shape = (n_samples, *(n or 6 for n in tensor.shape[1:]))
            if tensor.dtype == "bool":  # sequences of unequal lengths
                inputs[tensor.name] = np.arange(6) < 6 - np.arange(n_samples)[:, None]
            elif tensor.dtype == "int32":
                inputs[tensor.name] = rng.integers(1, 9, shape, dtype=np.int32)
            else:
                inputs[tensor.name] = rng.normal(size=shape).astype(np.float32)
        expected = network(list(inputs.values()))
        expected = expected if isinstance(expected, list) else [expected]
        for a, b in zip(session.run(None, inputs), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("spec", SPECS, ids=name)
def test_the_fast_network_has_the_weights_of_the_standard_one(spec):
    standard, fast = spec.build(), spec.build(fast=True)
    assert [w.shape for w in standard.weights] == [w.shape for w in fast.weights]
    for layer in standard.layers:
        assert type(layer).__module__.startswith("keras.")


@pytest.mark.parametrize(
    ("kind", "methods"),
    [
        (engine.NetworkSpec, ["_build"]),
        (
            engine.SampleNetwork,
            ["_build", "data_signature", "gather_inputs", "gather_targets"],
        ),
    ],
)
def test_every_kind_of_network_must_say_how_it_is_built_and_fed(kind, methods):
    class Incomplete(kind):
        pass

    with pytest.raises(TypeError, match="abstract class Incomplete"):
        Incomplete()
    assert Incomplete.__abstractmethods__ == set(methods)
