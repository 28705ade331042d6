"""Fast recurrent layers with the weights of the standard Keras layers."""
