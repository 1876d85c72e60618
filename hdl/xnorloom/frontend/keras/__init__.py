"""Frontend for Keras and Larq models."""
