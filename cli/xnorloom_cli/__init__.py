"""The command line ``xnorloom``."""
