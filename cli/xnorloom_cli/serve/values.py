"""JSON values that the server sends to the page. Arrays are bytes in base64."""

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from xnorloom.folding.summary import timeline_values
from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Input, Map
from xnorloom.graph.layers import Layer
from xnorloom.support.text import count

from .examples import Examples
from .forms import form, form_map
from .responders import Answer, Responder

__all__ = ["answer_values", "image_values", "model_values"]

_BYTE = 255


def model_values(responder: Responder, examples: Examples | None) -> dict[str, Any]:
    """Values of ``api/model``: the network, its timeline, the data set, and the form to draw in."""
    graph, input = responder.graph, responder.graph.input
    return {
        "name": graph.name, "digest": graph.digest, "classes": graph.classes,
        "synapses": graph.synapses, "responder": responder.title,
        "gives": {"scores": responder.scores, "activations": responder.activations},
        "input": {"shape": list(input.pixel_shape), "size": input.pixel_count, "bits": input.bits,
                  **_cuts(input), "form": form(input), "cells": form_map(input)._asdict()},
        "layers": [{"name": layer.name, "details": _details(layer, map), **map._asdict()}
                   for layer, map in zip(graph.layers[:-1], graph.maps[1:])],
        "score": graph.layers[-1].name,
        "schedule": None if responder.network is None else _schedule(responder.network),
        "data": None if examples is None else _data(examples)}


def _details(layer: Layer, map: Map) -> str:
    if not isinstance(layer, Conv):
        return count(layer.neurons, "neuron")
    high, wide = layer.window.kernel
    pool = "" if layer.pool is None else ", pool {}x{}".format(*layer.pool.size)
    return f"{count(map.channels, 'map')} of {map.rows}x{map.columns}, kernel {high}x{wide}{pool}"


def _schedule(network: Network) -> dict[str, Any]:
    return {"latency": network.latency, "interval": network.interval, "frames": network.vectors,
            "timeline": timeline_values(network)}


def _data(examples: Examples) -> dict[str, Any]:
    return {"name": examples.name, "images": len(examples), "wrong": examples.wrong}


def image_values(examples: Examples, index: int) -> dict[str, Any]:
    """Values of ``api/images/INDEX``."""
    return {"index": index, "label": examples.label(index),
            "pixels": _base64(examples.pixels(index))}


def answer_values(input: Input, frame: npt.NDArray[np.uint8], answer: Answer) -> dict[str, Any]:
    """Values of ``api/answer``: the elements of the input, and what the network makes of them.

    For a thermometer they are the cuts that each pixel reaches, up to ``cuts`` of the model.
    """
    return {"elements": _base64(_levels(input, frame)), "class": answer.read,
            "scores": answer.scores.tolist(),
            "activations": [_base64(values) for values in answer.activations],
            "latency": answer.latency, "difference": answer.difference}


def _cuts(input: Input) -> dict[str, int]:
    """Most cuts of a pixel, if the input is a thermometer."""
    if input.thermometer is None:
        return {}
    return {"cuts": min(_BYTE, max(map(len, input.thermometer)))}


def _levels(input: Input, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Number of cuts that each pixel reaches; without a thermometer its element."""
    if input.thermometer is None:
        return frame
    starts = np.cumsum([0, *map(len, input.thermometer)])
    rows = frame.reshape(-1, starts[-1])
    reached = np.add.reduceat(rows, starts[:-1], axis=1, dtype=np.int64)
    return reached.clip(0, _BYTE).astype(np.uint8)


def _base64(values: npt.NDArray[np.uint8]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
