"""Runtimes of source models."""
