"""Keras and Larq models."""
