"""The subcommands of the command line, one a file; :mod:`xnorloom.cli` imports them on demand."""
