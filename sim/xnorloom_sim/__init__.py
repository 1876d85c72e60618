"""Reference models and simulation of xnorloom networks; nothing here becomes hardware."""
