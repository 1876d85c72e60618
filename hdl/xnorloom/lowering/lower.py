"""Lowering of a program to the integer graph that equals it, by tabulation.

Between two linear layers a source does elementwise arithmetic on the sum of each neuron, and the
sum is a function of the neuron's count. The table over all counts, computed with the source's own
operations, must have two values and switch once, at the threshold. Tabulation handles every
formulation of batch normalisation, scales and signs, and detects what no threshold equals.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import graph
from ..errors import SourceError
from ..frontend.preprocessing import levels
from ..frontend.program import INPUT, Conv, Dense, Program
from ..support.html import html_table
from ..support.text import count, printable, quoted
from .chain import Chain
from .decision import two_classes
from .expansion import Expansion
from .input_levels import input_levels
from .preactivation import Preactivation
from .scores import IntegerScores, lower_scores
from .segment import Segment
from .segmentation import segment_of
from .thresholds import LayerReport, Probe, find_thresholds

__all__ = ["LayerReport", "Lowered", "Probe", "lower"]


@dataclass(frozen=True, eq=False)
class Lowered:
    """Integer graph of a source, and a report of how it was lowered.

    Attributes
    ----------
    graph : Graph
        The integer graph.
    program : Program
        The source.
    preprocessing : str
        Preprocessing of the input, given or declared by the source.
    layers : tuple of LayerReport
        Report of each layer of the graph before the last.
    scores : IntegerScores
        Scales and offsets of the last layer.
    probes : tuple of Probe
        Tensor of the source with the activations of each layer before the last.
    linears : tuple of (Preactivation, Segment)
        Linear layers of the source, each with the steps after it.
    output : str
        Tensor of the source with the scores.
    boundary : float or None
        For a source with one output: class 1 is chosen where the output is above it, else class 0.
        None if there is an output for each class.
    notes : tuple of str
        Remarks for the user.
    pixel_order : int64 array, shape (pixels of a frame,)
        Pixel ``j`` of a flattened frame of the source is pixel ``pixel_order[j]`` of one of the
        graph. They differ if a convolution sees channels that the source has first.
    """

    graph: graph.Graph
    program: Program
    preprocessing: str
    layers: tuple[LayerReport, ...]
    scores: IntegerScores
    probes: tuple[Probe, ...]
    linears: tuple[tuple[Preactivation, Segment], ...]
    output: str
    notes: tuple[str, ...]
    boundary: float | None
    pixel_order: npt.NDArray[np.int64]

    def source_pixels(self, pixels: npt.NDArray) -> npt.NDArray:
        """Return pixels of the graph's input, shape (frames, ...), in the shape of the source's.

        A source whose maps have their channels first takes the same pixels in another order.
        """
        flat = pixels.reshape(len(pixels), -1)[:, self.pixel_order]
        return flat.reshape(len(pixels), *self.program.shape)

    def __repr__(self) -> str:
        return f"Lowered({self.graph!r}, {self.preprocessing!r})"

    def _repr_html_(self) -> str:
        return html_table(repr(self), *self.table())

    def table(self) -> tuple[list[tuple[object, ...]], tuple[str, ...]]:
        """Return the report of the layers before the last as rows of a table, and its header."""
        rows: list[tuple[object, ...]] = [
            (layer.name, layer.source, layer.neurons, layer.inverted, layer.constant,
             layer.near_ties, layer.uncertain) for layer in self.layers]
        return rows, ("layer", "in the source", "neurons", "inverted", "constant", "near a tie",
                      "uncertain")


def lower(program: Program, preprocessing: str | None = None, *, name: str | None = None,
          score_bits: int | None = None) -> Lowered:
    """Lower ``program`` to the integer graph that equals it.

    The sums of the source are assumed to be exact. Where they are rounded, as for 8-bit pixels
    scaled to 0 … 1, the report counts the neurons whose decision could depend on the rounding.

    Parameters
    ----------
    program : Program
        The source.
    preprocessing : str or None
        Preprocessing of its input, see :mod:`xnorloom.frontend.preprocessing`. None only if the
        source declares it.
    name : str or None
        Name of the graph; by default that of the program.
    score_bits : int or None
        Most bits of a class's scale, for smaller scores that may change decisions; by default the
        smallest scores that change none.

    Raises
    ------
    SourceError
        If no integer graph equals the program; the message names the layer, neuron and value.
    """
    segments = _segments(program)
    preprocessing = _preprocessing(program, preprocessing)
    inputs, thresholds = input_levels(segments[0], levels(preprocessing, program.dtype))
    chain = Chain(program, segments, inputs, thresholds)
    layers, reports, probes, linears = [], [], [], []
    for preactivation, after, last in chain.linears():
        linears.append((preactivation, after))
        if last:
            break
        kind = "dense" if preactivation.conv is None else "conv"
        layer, outputs, report, probe = find_thresholds(f"{kind}{len(layers)}", preactivation,
                                                        after)
        chain.inputs = outputs
        layers.append(layer)
        reports.append(report)
        probes.append(probe)
    frame = chain.frame(preprocessing)
    notes, boundary = tuple(map(printable, program.notes)), None
    if len(after.order) == 1:
        decision = two_classes(preactivation, after)
        score, scores, boundary = decision.layer, decision.scores, decision.boundary
        notes += decision.notes
    else:
        score, scores = lower_scores(preactivation, after, chain.inputs, score_bits)
    if preactivation.slack.any() and boundary is None:
        notes += (f"the source rounds the sums of its last layer, {preactivation.name}: where "
                  f"classes tie but for that, it may choose another",)
    for linear, _ in linears:
        if linear.present is not None:
            absent = linear.present.size - np.count_nonzero(linear.present)
            notes += (f"layer {linear.name}: {absent:,} of {count(linear.present.size, 'weight')} "
                      f"are 0; their synapses are absent",)
    # The name of a file may hold any characters.
    plain = "".join(letter if letter.isprintable() else "_" for letter in name or program.name)
    built = graph.Graph(plain or "network", frame, (*layers, score))
    return Lowered(built, program, preprocessing, tuple(reports), scores, tuple(probes),
                   tuple(linears), after.tensor, notes, boundary, np.argsort(chain.pixels))


def _segments(program: Program) -> list[Segment | Expansion]:
    """Split a program into segments, from the input to the scores."""
    segments = [segment_of(program, program.output)]
    while segments[0].origin != INPUT:
        linear = program.steps[segments[0].origin.step]
        assert isinstance(linear, (Dense, Conv))
        segments.insert(0, segment_of(program, linear.input))
    if len(segments) == 1:
        raise SourceError(f"network {quoted(program.name)} must have a layer with weights, and "
                          f"has none")
    return segments


def _preprocessing(program: Program, preprocessing: str | None) -> str:
    preprocessing = preprocessing or program.declared_preprocessing
    if preprocessing is None:
        raise SourceError(
            f"the preprocessing of the input of {quoted(program.name)} must be given, as the model "
            f"does not declare it: --input u8/255 (pixels as 0 to 1), u8 (pixels as 0 to 255), "
            f"bipolar (-1 and +1), bits (0 and 1) or a formula such as (u8/255-0.1307)/0.3081")
    return preprocessing
