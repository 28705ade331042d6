"""Cells on broadcast inputs equal the standard ones on repeated inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from sklstm.engine.layers import broadcast_cells  # noqa: E402

CELLS = {
    "lstm": (broadcast_cells.BroadcastLSTMCell, keras.layers.LSTMCell),
    "gru": (broadcast_cells.BroadcastGRUCell, keras.layers.GRUCell),
    "rnn": (broadcast_cells.BroadcastSimpleRNNCell, keras.layers.SimpleRNNCell),
}

FULL = (2, 3, 4)


@st.composite
def parts_of(draw):
    """Leading axes of some parts, each full or 1."""
    axes = st.tuples(*(st.sampled_from([n, 1]) for n in FULL))
    return draw(st.lists(axes, min_size=1, max_size=3))


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(sorted(CELLS)),
    units=st.integers(1, 5),
    part_axes=parts_of(),
    state_axes=st.tuples(*(st.sampled_from([n, 1]) for n in FULL)),
)
def test_equals_the_standard_cell_in_outputs_and_gradients(
    name, units, part_axes, state_axes
):
    rng = np.random.default_rng(units)

    def random(shape):
        return tf.constant(rng.normal(0, 0.5, shape), tf.float32)

    inputs = [random((*axes, i + 1)) for i, axes in enumerate(part_axes)]
    states = [random((*state_axes, units)) for _ in range(2 if name == "lstm" else 1)]
    full = np.broadcast_shapes(*part_axes, state_axes)
    fast, standard = (kind(units) for kind in CELLS[name])
    for cell in (fast, standard):
        cell.build((None, sum(x.shape[-1] for x in inputs)))
    fast.set_weights([random(w.shape) for w in fast.weights])
    standard.set_weights(fast.get_weights())

    def repeat(x):
        repeated = tf.broadcast_to(x, (*full, x.shape[-1]))
        return tf.reshape(repeated, (-1, x.shape[-1]))

    def gradients(cell, *, repeated):
        with tf.GradientTape() as tape:
            tape.watch([inputs, states])
            if repeated:
                rows = tf.concat([repeat(part) for part in inputs], axis=1)
                output, after = cell(rows, [repeat(state) for state in states])
            else:
                output, after = cell(inputs, states)
            outputs = [tf.reshape(x, (-1, units)) for x in (output, *after)]
            loss = sum(tf.reduce_sum(tf.sin(x + i)) for i, x in enumerate(outputs))
        watched = [*inputs, *states, *cell.trainable_variables]
        return [*outputs, *tape.gradient(loss, watched)]

    one, other = gradients(fast, repeated=False), gradients(standard, repeated=True)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
