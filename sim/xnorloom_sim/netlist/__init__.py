"""Netlists and bitstreams in simulation."""
