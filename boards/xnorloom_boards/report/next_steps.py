"""Commands that follow a build, and what is known of the verification of its network."""

import shlex
from typing import Any

from xnorloom.support.text import count, printable

from ..link.kind import LinkKind

__all__ = ["next_steps", "verification"]

_UNKNOWN = "MODEL"


def verification(values: dict[str, Any]) -> str | None:
    """Sentence about the verification; ``None`` for a ``build.json`` that says nothing of it."""
    model = values["model"]
    if "verified" not in model:
        return None
    record = model["verified"]
    if record is None:
        return "Not verified: there is no record of a verification of this network here"
    how = (
        "in the schedule of this build"
        if record["same_schedule"]
        else "in another schedule than that of this build"
    )
    steps = ", ".join(
        f"{step} ({count(frames, 'frame')})" for step, frames in record["steps"].items()
    )
    return (
        f"Verified on {record['date']} with xnorloom {record['xnorloom']} on {record['data']}: "
        f"equal to the integer graph are {steps}; the gateware {how}"
    )


def next_steps(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Commands, each with what it does; ``MODEL`` stands for a model that has no name."""
    model, board = values["model"], values["board"]["name"]
    name, data = model.get("bundled") or _UNKNOWN, model.get("data")
    images = f" --data {data or 'DATA'}"
    spi = values.get("link", {}).get("kind") == LinkKind.SPI
    found = []
    if model.get("verified") is None or not model["verified"]["same_schedule"]:
        found.append(
            (
                f"xnorloom verify {name}{images} --fold schedule.json",
                "compares every step to the gateware of this schedule",
            )
        )
    if values["files"]:
        file = printable(shlex.quote(values["files"][0]))
        found.append((f"xnorloom flash --board {board} {file}", "writes the bitstream"))
    found += [
        (
            f"xnorloom run {name} --board {board}{' --link spi' * spi}{images}",
            "classifies images on the board and checks every answer",
        ),
        (
            f"xnorloom serve {name} --board {board}{' --port ftdi://ftdi:2232h/1' * spi}",
            "opens a page to draw on",
        ),
    ]
    return found
