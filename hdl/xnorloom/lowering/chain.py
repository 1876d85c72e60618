"""Linear layers of a program in order, with the elements that each of them sees."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frontend.program import Conv, Dense, Program
from ..graph import Input, Map
from .compose import compose
from .convolution import as_dense, conv_preactivation
from .expansion import Expansion
from .input_levels import InputLevels
from .preactivation import Preactivation, preactivation_of
from .segment import Segment
from .segmentation import frame_shapes
from .thermometer import Thermometer, flat_thermometer, map_thermometer

__all__ = ["Chain"]


class Chain:
    """Linear layers of a program.

    Parameters
    ----------
    program : Program
        The source.
    segments : list of Segment
        Its segments, from the input to the scores.
    inputs : InputLevels
        Levels of the elements of a frame, in the order of the source.
    thresholds : int64 array, shape (elements, 2**planes - 1)
        Pixel thresholds of these elements.

    Attributes
    ----------
    inputs : InputLevels
        Levels of the elements that the next layer sees, which the caller sets after each.
    pixels : int64 array
        Pixel ``i`` of a flattened frame of the graph is pixel ``pixels[i]`` of the source's.
    """

    def __init__(self, program: Program, segments: Sequence[Segment | Expansion],
                 inputs: InputLevels, thresholds: npt.NDArray[np.int64]):
        self.inputs = inputs
        self.pixels = np.arange(math.prod(program.shape))
        self._shape = tuple(program.shape)
        self._planes, self._thresholds = inputs.planes, thresholds
        self._thermometer: Thermometer | None = None
        self._program = program
        self._segments = segments
        self._shapes = frame_shapes(program)
        # Segment before the next layer.
        self._before = segments[0]

    def linears(self) -> Iterator[tuple[Preactivation, Segment, bool]]:
        """Yield the sums of each layer, the steps after it, and True for the last layer.

        A layer without a sign after it is put together with the next one where they are one layer.

        Raises
        ------
        SourceError
            If a layer cannot be one of the graph.
        """
        steps = [self._program.steps[segment.origin.step] for segment in self._segments[1:]]
        last = len(steps) - 1
        for number, after in enumerate(self._segments[1:]):
            assert isinstance(after, Segment)
            step = source = steps[number]
            assert isinstance(step, (Conv, Dense))
            if isinstance(step, Conv):
                step = as_dense(step, self._map(step))
            if isinstance(step, Dense):
                linear, inputs, pixels = self._dense(step), self.inputs, self.pixels
            else:
                linear, inputs, pixels = self._preactivation(step, after)
            if number == last:
                if after.pool != (1, 1):
                    rows, columns = after.pool
                    raise SourceError(f"the last layer, {step.name}, must give one score for each "
                                      f"class, not maxima of scores over areas of "
                                      f"{rows}x{columns}; average them instead")
                if isinstance(step, Conv) and after.map[:2] == (1, 1) and step.groups > 1:
                    raise SourceError(f"the last layer, {step.name}, must use all channels for "
                                      f"each class, not {step.groups} groups of them; add a fully "
                                      f"connected layer after it")
                if isinstance(step, Conv):
                    raise SourceError(f"the last layer, {step.name}, must have one output for "
                                      f"each class, of all elements of its map, and not give a "
                                      f"map of {Map(*after.map)} of windows or groups; average it "
                                      f"to one pixel, or flatten it and add a fully connected "
                                      f"layer")
                yield linear, after, True
                return
            following = steps[number + 1]
            assert isinstance(following, (Conv, Dense))
            both = None
            # An average pool is a convolution in every source.
            if isinstance(source, Conv):
                both = compose(step, linear, after, following,
                               (self._map(source), self._map(following)))
            if both is not None:
                steps[number + 1] = both
                continue
            if isinstance(step, Conv) and isinstance(self._before, Segment) and (
                    self._before is self._segments[0]):
                self.inputs, self.pixels = inputs, pixels
                map = self._map(step)
                self._shape = map[:2] if map.channels == 1 else tuple(map)
                if np.array_equal(pixels, np.arange(len(pixels))) and (
                        self._program.shape in (tuple(map), map[:2])):
                    self._shape = self._program.shape
            yield linear, after, False
            self._before = after

    def frame(self, preprocessing: str) -> Input:
        """Return the input of the graph, after the first layer."""
        found = self._thermometer
        if found is not None:
            return Input(found.shape, preprocessing=preprocessing, thermometer=found.cuts)
        return Input(self._shape, self._planes, self._thresholds[self.pixels], preprocessing)

    def _dense(self, dense: Dense) -> Preactivation:
        """Return the sums of a fully connected layer."""
        before = self._before
        if isinstance(before, Segment):
            return preactivation_of(dense, before.order, self.inputs)
        found = flat_thermometer(before, self._thresholds[:, 0])
        self._thermometer, self.pixels = found, found.pixels
        return preactivation_of(dense, found.elements, _reordered(self.inputs, found.elements))

    def _map(self, step: Conv | Dense) -> Map:
        """Map that a layer sees; a vector before a fully connected layer."""
        shape = self._shapes[step.input]
        return Map(*shape) if isinstance(step, Conv) else Map(1, 1, math.prod(shape))

    def _preactivation(self, conv: Conv, after: Segment,
                       ) -> tuple[Preactivation, InputLevels, npt.NDArray[np.int64]]:
        """Return the sums of a convolution, the levels of its inputs, and their order."""
        map, order = self._map(conv), self._before.order
        places = np.argsort(order)
        if isinstance(self._before, Expansion):
            found = map_thermometer(conv.name, self._before, self._thresholds[:, 0], map,
                                    conv.groups)
            self._thermometer, self.pixels = found, found.pixels
            return (conv_preactivation(_shuffled(conv, found.channels),
                                       _reordered(self.inputs, found.elements), map, after.pool),
                    self.inputs, self.pixels)
        if self._before is self._segments[0]:
            # The graph takes the elements of a frame in the order of the map.
            inputs = _reordered(self.inputs, places)
            return conv_preactivation(conv, inputs, map, after.pool), inputs, places
        channels = places.reshape(map.pixels, map.channels)[0] if len(places) == map.size else []
        before = (1, 1, self._before.map[0]) if len(self._before.map) == 1 else self._before.map
        if tuple(map) != before or not np.array_equal(
                places.reshape(map.pixels, -1),
                np.arange(map.pixels)[:, np.newaxis] * map.channels + channels):
            raise SourceError(f"layer {conv.name} must see rows and columns as the layer before "
                              f"it gives them, a map of {Map(*before)}, and not reordered or "
                              f"reshaped")
        if not np.array_equal(channels, np.arange(map.channels)):
            if conv.groups > 1:
                raise SourceError(f"layer {conv.name} must see channels in their order, as it has "
                                  f"{conv.groups} groups; permute the neurons of the layer before "
                                  f"it instead")
            conv = _shuffled(conv, np.argsort(channels))
        return conv_preactivation(conv, self.inputs, map, after.pool), self.inputs, places


def _shuffled(conv: Conv, channels: npt.NDArray[np.int64]) -> Conv:
    """Return a convolution that sees its channels in the order ``channels``, each in its group."""
    each = conv.weights.shape[-1]
    places = channels.reshape(conv.groups, each) % each
    groups = np.arange(len(conv.weights)) // (len(conv.weights) // conv.groups)
    pad = np.broadcast_to(np.asarray(conv.pad), len(channels))[channels]
    weights = np.take_along_axis(conv.weights, places[groups][:, np.newaxis, np.newaxis], axis=3)
    return replace(conv, weights=weights, pad=pad)


def _reordered(inputs: InputLevels, places: npt.NDArray[np.int64]) -> InputLevels:
    return replace(inputs, middle=inputs.middle[places], direction=inputs.direction[places],
                   least=inputs.least[places], largest=inputs.largest[places])
