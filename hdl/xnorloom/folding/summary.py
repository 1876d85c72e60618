# amaranth: UnusedElaboratable=no
"""Summary of a plan: folds, lanes and cycles as JSON values."""

from typing import Any

from ..gateware.network import Network
from ..schedule import Plan

__all__ = ["schedule_values"]


def schedule_values(plan: Plan) -> dict[str, Any]:
    """Return folds and cycles of each layer and of the network, the values of ``compile --json``.

    ``bottleneck`` is true for layers whose cycles are the interval, in which
    ``frames_per_interval`` frames pass.
    """
    layers = [{
        "name": entry.layer.name, "neurons": entry.layer.neurons, "inputs": entry.layer.inputs,
        "pe": entry.fold.pe, "simd": entry.fold.simd, "vectors": entry.vectors,
        "style": entry.fold.style,
        "register_every": entry.fold.register_every, "read_register": entry.fold.read_register,
        "lanes": entry.fold.lanes, "cycles": entry.cycles, "depth": entry.depth,
        "buffer": entry.operands, "bottleneck": entry.cycles == plan.interval}
        for entry in plan.layers]
    return {"input_width": plan.schedule.input_width, "words": plan.words,
            "lanes": sum(entry.fold.lanes for entry in plan.layers),
            "latency": Network(plan).latency, "interval": plan.interval,
            "frames_per_interval": plan.vectors, "layers": layers}
