"""Keras configuration of a network, as the chain of its layers."""

from dataclasses import dataclass
from typing import Any

from ...errors import SourceError
from ...support.text import quoted

__all__ = ["Layer", "chain", "entry", "frame_shape"]


@dataclass(frozen=True, eq=False)
class Layer:
    """Layer of the class ``kind``, with its configuration."""

    name: str
    kind: str
    config: dict[str, Any]

    @property
    def title(self) -> str:
        """Name and class for messages."""
        return f"layer {self.name!r} ({self.kind})"

    def get(self, key: str, kinds: type | tuple[type, ...], default: Any = None) -> Any:
        """Return the entry ``key`` of one of these types, or the default if it is missing."""
        if default is not None and key not in self.config:
            return default
        return entry(self.config, key, kinds, self.title)


def entry(config: Any, key: str, kinds: type | tuple[type, ...], what: str) -> Any:
    """Return ``config[key]`` if it has one of these types; a bool is not a number.

    Raises
    ------
    SourceError
        If it is missing or of another type; ``what`` names the owner of the entry.
    """
    if not isinstance(config, dict) or key not in config:
        raise SourceError(f"{what} must have an entry {key!r} in its configuration")
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    value = config[key]
    if not isinstance(value, kinds) or isinstance(value, bool) and bool not in kinds:
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise SourceError(f"{key} of {what} must be {wanted}, not {quoted(value)}")
    return value


def chain(config: dict[str, Any]) -> list[Layer]:
    """Return the layers of a network that is a chain, in order.

    Raises
    ------
    SourceError
        If the network is not a chain, or the configuration is not one of Keras.
    """
    kind = entry(config, "class_name", str, "the network")
    if kind not in ("Sequential", "Functional", "Model"):
        raise SourceError(f"the network must be Sequential or Functional, not of the class "
                          f"{quoted(kind)}")
    inner = entry(config, "config", (dict, list), "the network")
    # The oldest files have only the list of layers.
    items = inner if isinstance(inner, list) else entry(inner, "layers", list, "the network")
    layers: dict[str, Layer] = {}
    for number, item in enumerate(items):
        layer = _layer(item, number)
        if layer.name in layers:
            raise SourceError(f"layers must have different names, but two have {layer.name!r}")
        layers[layer.name] = layer
    if not layers:
        raise SourceError("the network must have layers, and has none")
    if kind == "Sequential":
        return list(layers.values())
    nodes = {layer.name: _node(layer, item) for layer, item in zip(layers.values(), items)}
    ends = [_one(inner, key) for key in ("input_layers", "output_layers")]
    return _walk(layers, nodes, *ends)


def _layer(item: Any, number: int) -> Layer:
    what = f"layer number {number}"
    kind = entry(item, "class_name", str, what)
    config = entry(item, "config", dict, what)
    name = entry(config, "name", str, what)
    for text in (kind, name):
        if not text or not text.isprintable() or len(text) > 200:
            raise SourceError(f"names of {what} must be printable and short, not {quoted(text)}")
    return Layer(name, kind.rsplit(">", 1)[-1], config)


def _node(layer: Layer, item: Any) -> list[str]:
    """Return the names of a layer's input layers."""
    nodes = entry(item, "inbound_nodes", list, layer.title)
    if len(nodes) > 1:
        raise SourceError(f"{layer.title} must be used once, not {len(nodes)} times")
    return _sources(nodes, layer.title)


def _sources(value: Any, what: str, depth: int = 0) -> list[str]:
    """Find the names of the layers whose results occur in the arguments of a call.

    Keras 2 writes such a result as ``[name, 0, 0]``, Keras 3 as an object.
    """
    if depth > 20:
        raise SourceError(f"{what} must have a simple list of inputs")
    if isinstance(value, dict):
        if value.get("training"):
            raise SourceError(f"{what} must not be called with training={value['training']!r}: it "
                              f"is random then")
        if value.get("class_name") == "__keras_tensor__":
            config = entry(value, "config", dict, what)
            return _sources(entry(config, "keras_history", list, what), what, depth + 1)
        value = list(value.values())
    if not isinstance(value, list):
        return []
    match value:
        case [str(name), int(), int(), *rest]:
            return [name, *_sources(rest, what, depth + 1)]
    return [name for part in value for name in _sources(part, what, depth + 1)]


def _one(config: Any, key: str) -> str:
    names = _sources(entry(config, key, (list, dict), "the network"), "the network")
    if len(names) != 1:
        raise SourceError(f"the network must have one of {key}, not {len(names)}")
    return names[0]


def _walk(layers: dict[str, Layer], nodes: dict[str, list[str]], first: str,
          last: str) -> list[Layer]:
    """Follow the chain from the last layer back to the first; it must contain all layers."""
    way, name = [], last
    while True:
        if name not in layers:
            raise SourceError(f"the network must have a layer {name!r}, which others refer to")
        layer = layers[name]
        if layer in way:
            raise SourceError(f"{layer.title} must not depend on its own result")
        way.insert(0, layer)
        if name == first:
            break
        if len(nodes[name]) != 1:
            raise SourceError(f"{layer.title} must have one input, not {len(nodes[name])}: only "
                              f"chains of layers are supported")
        name = nodes[name][0]
    for layer in layers.values():
        if layer not in way:
            raise SourceError(f"{layer.title} must be between the input and the output: only "
                              f"chains of layers are supported, without branches")
    return way


def frame_shape(config: dict[str, Any], first: Layer) -> tuple[int, ...]:
    """Return the shape of an input frame, without the batch.

    Raises
    ------
    SourceError
        If it is missing or not fixed.
    """
    inner = config.get("config")
    found = [first.config.get("batch_input_shape"), first.config.get("batch_shape"),
             inner.get("build_input_shape") if isinstance(inner, dict) else None]
    for shape in found:
        if shape is None:
            continue
        if (not isinstance(shape, list) or len(shape) < 2
                or not all(type(size) is int and 0 < size <= 1 << 20 for size in shape[1:])):
            raise SourceError(f"the shape of the input must be fixed but for the batch, not "
                              f"{quoted(shape)}")
        return tuple(shape[1:])
    raise SourceError("the network must say what shape its input has; begin it with an Input")
