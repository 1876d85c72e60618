# amaranth: UnusedElaboratable=no
"""Summary of a plan: folds, lanes, cycles and timeline as JSON values."""

from typing import Any

from ..gateware.network import Network
from ..graph import Conv
from ..schedule import LayerPlan, Plan

__all__ = ["schedule_values", "timeline_values"]


def schedule_values(plan: Plan) -> dict[str, Any]:
    """Return folds and cycles of each layer and of the network, the values of ``compile --json``.

    ``bottleneck`` is true for layers whose cycles are the interval, in which
    ``frames_per_interval`` frames pass, or for convolutions that receive words as long. These have
    entries of their own: ``map`` and ``output``, the shapes (rows, columns, channels) of inputs and
    outputs, ``kernel``, ``stride``, ``dilation``, ``groups``, ``pool``, ``rows`` of the map in the
    ring, and ``received``, the cycles in which a frame arrives.
    """
    layers = [_layer(entry, plan) for entry in plan.layers]
    return {"input_width": plan.schedule.input_width, "words": plan.words,
            "lanes": sum(entry.fold.lanes for entry in plan.layers),
            "latency": Network(plan).latency, "interval": plan.interval,
            "frames_per_interval": plan.vectors, "layers": layers}


def timeline_values(network: Network) -> list[dict[str, Any]]:
    """Return the first and last cycle in which each part of an idle network works on a frame.

    The parts are the input, each layer, and the argmax. Cycles count from the first input word.
    """
    work = network.work
    bars = [{"name": "input", "first": 0, "last": network.plan.words - 1}]
    bars += [{"name": stage.plan.layer.name, "first": first, "last": last}
             for stage, (first, last, _) in zip(network.stages, work)]
    return [*bars, {"name": "argmax", "first": int(work[-1].done[-1]), "last": network.latency}]


def _layer(entry: LayerPlan, plan: Plan) -> dict[str, Any]:
    layer = entry.layer
    values: dict[str, Any] = {
        "name": layer.name, "neurons": layer.neurons, "inputs": layer.inputs,
        "pe": entry.fold.pe, "simd": entry.fold.simd, "vectors": entry.vectors,
        "style": entry.fold.style,
        "register_every": entry.fold.register_every, "read_register": entry.fold.read_register,
        "lanes": entry.fold.lanes, "cycles": entry.cycles, "depth": entry.depth,
        "buffer": entry.operands, "bottleneck": entry.cycles == plan.interval}
    if isinstance(layer, Conv):
        assert entry.map is not None
        # The words of the input are no layer's.
        if entry.received == plan.interval > plan.words:
            values["bottleneck"] = True
        values |= {"map": list(entry.map), "output": list(entry.output),
                   "kernel": list(layer.window.kernel), "stride": list(layer.window.stride),
                   "dilation": list(layer.window.dilation), "groups": layer.groups,
                   "pool": list(layer.pool_size),
                   "rows": entry.ring.reach.rows, "received": entry.received}
    return values
