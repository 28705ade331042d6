"""Fast recurrent layers with the weights of the standard Keras layers.

- ``fused``: the Keras layers, which choose the fastest way to run a sequence
- ``block_lstm``: TensorFlow's operation that runs an LSTM over a whole sequence
- ``scans``: runs a cell over time, compiled by XLA
- ``scan_cells``: the equations of each cell, forward and backward
- ``scan_loop``: the loop over time and what it is made of
"""
