"""Helpers that know no network: arguments, text, files, processes, caches."""
