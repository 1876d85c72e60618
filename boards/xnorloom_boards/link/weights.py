"""Weights that a board asks for in its hello reply, as payloads of messages."""

import numpy as np

from xnorloom.errors import ScheduleError
from xnorloom.graph import Graph
from xnorloom.packing import weight_words
from xnorloom.schedule import Fold, LayerPlan, WeightStyle

from ..errors import LinkError
from .protocol import LOAD_WORDS, MOST_LOADS, Hello, LoadedLayer, load_payloads

__all__ = ["wanted_weights"]


def wanted_weights(graph: Graph, hello: Hello, name: str) -> list[bytes]:
    """Payloads of the messages with the weights that the board on port ``name`` wants.

    Their size is checked before they are made.

    Raises
    ------
    LinkError
        If ``graph`` has no such weights, or they are too many for the protocol.
    """
    if not hello.layers:
        return []
    plans = [_plan(graph, layer, name) for layer in hello.layers]
    count, most = sum(plan.sprams * plan.depth for plan in plans), MOST_LOADS * LOAD_WORDS
    if count > most:
        raise LinkError(f"the board on port {name} wants {count:,} words of weights, but the "
                        f"protocol has room for {most:,}")
    return load_payloads(np.concatenate([weight_words(plan) for plan in plans]))


def _plan(graph: Graph, wanted: LoadedLayer, name: str) -> LayerPlan:
    index, pe, simd = wanted
    if index < len(graph.layers):
        try:
            # No gaps between pixels, whatever the words before: such layers are not in SPRAM.
            return LayerPlan(graph.layers[index], Fold(pe, simd, WeightStyle.SPRAM), in_width=1,
                             map=graph.maps[index])
        except ScheduleError:
            # The message would name the layer, not the board that is wrong.
            pass
    raise LinkError(f"the board on port {name} wants weights of layer {index} for {pe} neurons "
                    f"and {simd} synapses at once, which {graph.name} does not have")
