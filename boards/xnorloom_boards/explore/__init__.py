"""Exploration of a network on boards: Pareto fronts, and builds of chosen points."""

from .explored import Explored, Named, explore, step_up
from .state import State

__all__ = ["Explored", "Named", "State", "explore", "step_up"]
