"""Exploration of a network on boards: Pareto fronts, and builds of chosen points."""

from .builds import Built, build_point, chosen, routed_values
from .explored import Explored, Named, explore, step_up
from .state import State

__all__ = ["Built", "Explored", "Named", "State", "build_point", "chosen", "explore",
           "routed_values", "step_up"]
