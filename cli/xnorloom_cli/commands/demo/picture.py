"""Picture of digits with the predictions and scores of the network."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["COUNT", "choose", "draw"]

_COLUMNS = 5
COUNT = 4 * _COLUMNS
# Blue and orange are distinct to colour-blind eyes.
_RIGHT, _WRONG, _OTHER = "#2166ac", "#d95f02", "#c9d1d9"


def choose(classes: npt.NDArray[np.int64], labels: npt.NDArray[np.integer]) -> list[int]:
    """Indices of up to :data:`COUNT` frames, with up to five misread ones at the end."""
    wrong = np.flatnonzero(classes != labels)[:_COLUMNS]
    right = np.flatnonzero(classes == labels)[:COUNT - len(wrong)]
    return [*map(int, right), *map(int, wrong)]


def draw(path: Path, title: str, images: npt.NDArray[np.unsignedinteger],
         labels: npt.NDArray[np.integer], classes: npt.NDArray[np.int64],
         scores: npt.NDArray[np.int64]) -> None:
    """Draw up to :data:`COUNT` images with their predictions and scores to the PNG ``path``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(images) // _COLUMNS)
    height = 1 + 2.15 * rows
    figure = Figure(figsize=(13, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=14, x=0.03, y=1 - 0.18 / height, ha="left", va="top")
    figure.text(0.03, 1 - 0.52 / height, "Each digit as the network sees it, with the scores of "
                "the classes 0 to 9 from the simulated gateware. The longest bar is what it reads.",
                fontsize=10.5, color="#555555", ha="left", va="top")
    outer = figure.add_gridspec(rows, _COLUMNS, left=0.03, right=0.985, top=1 - 1.15 / height,
                                bottom=0.2 / height, wspace=0.16, hspace=0.24)
    for index in range(len(images)):
        inner = outer[divmod(index, _COLUMNS)].subgridspec(1, 2, width_ratios=(1.25, 1),
                                                           wspace=0.16)
        read, label = int(classes[index]), int(labels[index])
        colour = _RIGHT if read == label else _WRONG
        digit = figure.add_subplot(inner[0])
        digit.imshow(images[index], cmap="gray_r", interpolation="nearest")
        digit.set(xticks=[], yticks=[], anchor="N")
        for spine in digit.spines.values():
            spine.set(color=colour, linewidth=1.5)
        said = f"reads {read}" if read == label else f"reads {read}, is {label}"
        digit.set_title(said, color=colour, fontsize=12, fontweight="bold", loc="left", pad=4)

        bars = figure.add_subplot(inner[1])
        lowest = min(0, int(scores.min()))
        bars.barh(range(scores.shape[1]), scores[index] - lowest, left=lowest, height=0.78,
                  color=[colour if c == read else _OTHER for c in range(scores.shape[1])])
        bars.set(yticks=range(scores.shape[1]), xticks=[], ylim=(scores.shape[1] - 0.5, -0.5),
                 xlim=(lowest, int(scores.max())))
        bars.tick_params(axis="y", length=0, labelsize=8, pad=2)
        for tick, text in enumerate(bars.get_yticklabels()):
            if tick in (read, label):
                text.set(fontweight="bold", color=colour if tick == read else "black")
        for spine in bars.spines.values():
            spine.set_visible(False)
        bars.set_title(f"score {scores[index, read]}", fontsize=9, color="#555555", loc="left",
                       pad=4)
    # Matplotlib would write its version; without it equal results make equal files.
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})
