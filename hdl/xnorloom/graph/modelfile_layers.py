"""Layers in a model file: entries of its header, and arrays."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..support.archive import ArrayArchive
from ..support.text import quoted
from . import Conv, Dense, Layer, Pool, Score, Window

__all__ = ["claims", "item", "layer_entry", "read_layer"]

# Numbers of a window in the header, and how many there are of each.
_SIDES = {"stride": 2, "dilation": 2, "padding": 4}


def layer_entry(layer: Layer, index: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the entry of layer number ``index`` in the header, and its arrays."""
    kinds = {Conv: "conv", Dense: "dense", Score: "score"}
    entry: dict[str, Any] = {"kind": kinds[type(layer)], "name": layer.name,
                             "shape": list(layer.weights.shape)}
    values = layer.offsets if isinstance(layer, Score) else layer.thresholds
    arrays = {f"weights{index}": _packed(layer.weights), f"values{index}": values.astype("<i8")}
    if layer.present is not None:
        entry["present"] = True
        arrays[f"present{index}"] = _packed(layer.present)
    if isinstance(layer, Score) and layer.scaled:
        entry["scales"] = True
        arrays[f"scales{index}"] = layer.scales.astype("<i8")
    if isinstance(layer, Conv):
        entry.update({name: list(getattr(layer.window, name)) for name in _SIDES})
        if isinstance(layer.window.pad, tuple):
            entry["pads"] = True
            arrays[f"pads{index}"] = np.array(layer.window.pad, "<u2")
        elif layer.window.pad is not None:
            entry["pad"] = layer.window.pad
        if layer.pool is not None:
            entry["pool"] = list(layer.pool.size)
            if layer.pool.least is not None:
                entry["least"] = True
                arrays[f"least{index}"] = layer.pool.least.astype("|u1")
        if layer.groups > 1:
            entry["groups"] = layer.groups
        if layer.thresholds.ndim == 2:
            entry["classes"] = len(layer.thresholds)
    return entry, arrays


def claims(version: int, entry: Any) -> dict[str, int]:
    """Return the neurons, weights and thresholds that an entry claims, as Python integers.

    Raises
    ------
    ValueError
        If the entry has no shape that fits its kind.
    """
    neurons, *sides = _shape(version, entry)
    weights = neurons
    for side in sides:
        weights *= side
    classes = _positive(entry, "classes") if len(sides) > 1 and "classes" in entry else 1
    return {"neurons": neurons, "weights": weights, "thresholds": neurons * classes}


def read_layer(archive: ArrayArchive, version: int, index: int, entry: Any) -> Layer:
    """Read layer number ``index`` by its entry, whose claims were checked.

    Raises
    ------
    ValueError, TypeError
        If the entry or an array is wrong.
    """
    kinds: dict[str, Callable[..., Layer]] = {"dense": Dense, "score": Score}
    if version > 2:
        kinds["conv"] = Conv
    kind = item(entry, "kind", str)
    if kind not in kinds:
        raise ValueError(f"kind of a layer must be one of {', '.join(kinds)}, not {quoted(kind)}")
    shape = _shape(version, entry)
    neurons, inputs = shape[0], claims(version, entry)["weights"] // shape[0]
    octets = (neurons, -(-inputs // 8))
    packed = archive.array(f"weights{index}", "|u1", octets)
    values: tuple[int, ...] = (neurons,)
    if kind == "conv" and "classes" in entry:
        values = (_positive(entry, "classes"), neurons)
    numbers = archive.array(f"values{index}", "<i8", values)
    arguments: list[Any] = [item(entry, "name", str), _unpacked(packed, shape), numbers]
    if version > 1 and kind == "score" and "scales" in entry:
        arguments.append(archive.array(f"scales{index}", "<i8", (neurons,)))
    if kind == "conv":
        arguments += _window(archive, index, entry, shape)
    present = None
    if version > 3 and "present" in entry:
        present = _unpacked(archive.array(f"present{index}", "|u1", octets), shape)
    return kinds[kind](*arguments, present=present)


def _packed(bits: np.ndarray) -> np.ndarray:
    """Pack the bits of each neuron to bytes."""
    return np.packbits(bits.reshape(len(bits), -1), axis=1, bitorder="little")


def _unpacked(octets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.unpackbits(octets, axis=1, count=math.prod(shape[1:]),
                         bitorder="little").reshape(shape)


def _window(archive: ArrayArchive, index: int, entry: Any, shape: tuple[int, ...]
            ) -> tuple[Window, Pool | None, int]:
    """Read the window, the pool and the groups of a convolution."""
    neurons, high, wide, channels = shape
    groups = _positive(entry, "groups") if "groups" in entry else 1
    pad = item(entry, "pad", int) if "pad" in entry else None
    if "pads" in entry:
        pad = archive.array(f"pads{index}", "<u2", (channels * groups,))
    sides = {name: tuple(item(entry, name, list)) for name in _SIDES}
    pool = None
    if "pool" in entry:
        least = archive.array(f"least{index}", "|u1", (neurons,)) if "least" in entry else None
        pool = Pool(tuple(item(entry, "pool", list)), least)
    return Window((high, wide), **sides, pad=pad), pool, groups


def item(mapping: Any, key: str, kind: type) -> Any:
    """Return the value of a key of the header, of this type, or raise ``ValueError``."""
    if not isinstance(mapping, dict) or key not in mapping:
        raise ValueError(f"the header lacks {key!r}")
    if not isinstance(mapping[key], kind):
        raise ValueError(f"{key!r} in the header must be a {kind.__name__}, not "
                         f"{quoted(mapping[key])}")
    return mapping[key]


def _positive(entry: Any, key: str) -> int:
    match item(entry, key, int):
        case int(number) if number > 0 and not isinstance(number, bool):
            return number
        case number:
            raise ValueError(f"{key!r} of a layer must be a positive integer, not "
                             f"{quoted(number)}")


def _shape(version: int, entry: Any) -> tuple[int, ...]:
    """Shape of the weights: two integers, or four of a convolution."""
    shape = item(entry, "shape", list)
    conv = version > 2 and entry.get("kind") == "conv"
    if len(shape) != (4 if conv else 2) or not all(
            type(number) is int and number > 0 for number in shape):
        raise ValueError(f"'shape' of a layer must be {'four' if conv else 'two'} positive "
                         f"integers, not {quoted(shape)}")
    return tuple(shape)
