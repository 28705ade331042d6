"""Keras and TensorFlow are loaded on first use."""

import subprocess
import sys


def test_an_attribute_loads_the_module_and_inspection_does_not():
    code = (
        "import sys, inspect;"
        "from sklstm.engine import backend;"
        "inspect.unwrap(backend.keras), inspect.unwrap(backend.tf);"
        "print({'keras', 'tensorflow'} & sys.modules.keys());"
        "print(int(backend.tf.constant(3)), backend.keras.backend.backend());"
        "import tensorflow; print(backend.tf.constant is tensorflow.constant)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == ["set()", "3 tensorflow", "True"]


def test_a_missing_attribute_is_an_attribute_error():
    code = (
        "from sklstm.engine.backend import tf\n"
        "print(hasattr(tf, 'nonsense'), hasattr(tf, '__nonsense__'))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]
