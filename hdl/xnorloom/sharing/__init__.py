"""Sharing compiler: counts of constant weights that have as much in common as possible.

A layer whose weights are constants is a matrix of -1, 0 and +1 times a vector of bits. Its neurons
share partial counts. The compiler knows rows and numbers, and no network and no gateware.
"""

from .estimate import estimated
from .pipeline import Pipeline
from .program import FALSE, FIRST_INPUT, TRUE, Add, Lut, Program, Result
from .solve import Solution, solve

__all__ = ["FALSE", "FIRST_INPUT", "TRUE", "Add", "Lut", "Pipeline", "Program", "Result",
           "Solution", "estimated", "solve"]
