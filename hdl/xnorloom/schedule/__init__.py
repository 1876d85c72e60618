"""Schedule of a network: the fold of each layer, and the plan that a schedule makes of a graph."""

from .fold import Fold, WeightStyle
from .plan import LayerPlan, OperandKind, Plan
from .schedule import Schedule

__all__ = ["Fold", "LayerPlan", "OperandKind", "Plan", "Schedule", "WeightStyle"]
