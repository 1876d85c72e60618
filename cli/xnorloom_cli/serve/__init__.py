"""Local page in the browser: draw an input, and see what the network makes of it."""
