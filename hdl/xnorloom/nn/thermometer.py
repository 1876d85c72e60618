"""Input quantizer with several cuts for each pixel."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Thermometer"]


class Thermometer(nn.Module):
    """Input quantizer: each pixel to an element for each of its cuts, +1 where it reaches it.

    Elements are channels, the first axis of a frame: those of the first channel in the order of its
    cuts, then those of the next. Hardware sees one-bit elements, and the host compares.

    Parameters
    ----------
    cuts : sequence of numbers, or of sequences of numbers
        Cuts in the unit of the input, such as pixels 0 ... 255: a row for all channels, or one for
        each. A row has at least one cut, and does not decrease.
    """

    cuts: Tensor

    def __init__(self, cuts: Sequence[float] | Sequence[Sequence[float]]):
        super().__init__()
        rows = [_cuts(row) for row in cuts if isinstance(row, Sequence)]
        if len(rows) < len(cuts) or not rows:
            rows = [_cuts(cuts)]
        self.lengths = [len(row) for row in rows]
        self.register_buffer("cuts", torch.tensor([cut for row in rows for cut in row]))

    def taken(self, channels: int) -> Tensor:
        """Return the channel of the pixels of each channel of elements."""
        lengths = self.lengths * (channels if len(self.lengths) == 1 else 1)
        if len(lengths) != channels:
            raise RuntimeError(f"cuts must be for the {channels} channels of the frames, or the "
                               f"same for all, not for {len(lengths)} channels")
        # A constant, which exporters to ONNX know.
        return torch.tensor([channel for channel, cuts in enumerate(lengths) for _ in range(cuts)])

    def reached(self, pixels: Tensor) -> Tensor:
        """Compare each channel with its cut; return +1 where it reaches it, else -1."""
        cuts = self.cuts.repeat(pixels.shape[1] // len(self.cuts))
        reached = pixels >= cuts.view(-1, *[1] * (pixels.ndim - 2))
        return reached.to(pixels.dtype).mul_(2).sub_(1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.reached(pixels.index_select(1, self.taken(pixels.shape[1]).to(pixels.device)))

    def extra_repr(self) -> str:
        return ", ".join(str(part.tolist()) for part in self.cuts.split(self.lengths))


def _cuts(row: Sequence[float] | Sequence[Sequence[float]]) -> list[float]:
    cuts = []
    for cut in row:
        if isinstance(cut, bool) or not isinstance(cut, (int, float)):
            raise TypeError(f"cuts must be numbers, or a sequence of numbers for each channel, "
                            f"not {row!r}")
        cuts.append(float(cut))
    if not cuts or any(not low <= high for low, high in zip(cuts, [*cuts[1:], cuts[-1]])):
        raise ValueError(f"cuts of a channel must be at least one, and not decrease, but are "
                         f"{cuts!r}")
    return cuts
