"""Results of a verification: a row for each step."""

from dataclasses import dataclass

from .compare import Difference

__all__ = ["Row", "Verification"]


@dataclass(frozen=True)
class Row:
    """Result of one step.

    Attributes
    ----------
    step : str
        One of ``STEPS``.
    title : str
        Description of the program that ran.
    frames, layers : int
        Number of frames, and of layers whose activations, scores or classes were compared.
    neurons, scores, classes : int
        Number of activations and of scores that were compared in each frame, and of the classes
        among which the network chooses.
    differences : int
        Number of frames that differ from the integer graph; ``None`` for that graph, and for a
        step that was left out.
    first : Difference
        The first difference, or ``None``.
    rounding : int
        Number of further frames in which only the source's own rounding makes a difference: two
        scores tie but for it, or a neuron is one that the import counts as uncertain.
    first_rounding : Difference
        The first difference by rounding, or ``None``.
    correct : int
        Number of frames whose class is their label; ``None`` without labels.
    left_out : str
        Reason why the step did not run; ``None`` if it ran.
    """

    step: str
    title: str
    frames: int
    layers: int
    neurons: int
    scores: int
    classes: int
    differences: int | None = None
    first: Difference | None = None
    rounding: int = 0
    first_rounding: Difference | None = None
    correct: int | None = None
    left_out: str | None = None

    @property
    def equal(self) -> bool | None:
        """True if values were compared and none differs; ``None`` if the step was not compared.

        A network of one class chooses it on every input, which compares nothing.
        """
        if self.differences is None:
            return None
        return self.differences == 0 and self.frames > 0 and self.classes > 1


@dataclass(frozen=True)
class Verification:
    """Results of all steps.

    Attributes
    ----------
    rows : tuple of Row
        The steps that ran or were left out, in order.
    neurons : int
        Number of activations in a frame: neurons of dense layers, elements of maps.
    switched : int
        Number of those that were 0 in some frame and 1 in another.
    chosen : int
        Number of classes that the integer graph chose in some frame.
    """

    rows: tuple[Row, ...]
    neurons: int
    switched: int
    chosen: int

    @property
    def compared(self) -> int:
        """Number of steps that were compared with the integer graph."""
        return sum(row.differences is not None for row in self.rows)

    @property
    def equal(self) -> bool:
        """True if steps were compared, and each equals the integer graph."""
        return self.compared > 0 and all(row.equal is not False for row in self.rows)
