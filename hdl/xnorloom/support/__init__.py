"""What every package shares and no network: arguments, text, files, processes, caches."""
