"""Schedule of a network: a fold per layer, and the plan of a graph under a schedule."""

from .fold import Fold, WeightStyle
from .layer_plan import LayerPlan
from .operand_kind import OperandKind
from .plan import Plan
from .schedule import Schedule

__all__ = ["Fold", "LayerPlan", "OperandKind", "Plan", "Schedule", "WeightStyle"]
