"""Report of a build as one HTML page, without scripts and without other files."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from xnorloom.support.text import count

from .charts import bar, path_chart, timeline
from .critical_path import steps
from .values import TITLES

__all__ = ["page"]


def page(values: dict[str, Any]) -> str:
    """Render the contents of a ``build.json`` as HTML that is well-formed XML, too."""
    kinds = [kind for kind in TITLES if any(part.get(kind) for part in values["parts"])]
    return _environment().get_template("page.html").render(
        values, tiles=_tiles(values), kinds=kinds, path=steps(values["critical_path"]))


@cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True,
                              undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["mhz"] = _mhz
    environment.globals.update(TITLES=TITLES, bar=bar, count=count, path_chart=path_chart,
                               timeline_chart=timeline)
    return environment


def _tiles(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Large figures at the top of the page, each with its text."""
    clock, speed = values["clock"], values["speed"]
    return [
        (f"{speed['frames_per_second']:,.0f}", "frames a second in the network"),
        (f"{speed['link_frames_per_second']:,.0f}",
         f"frames a second over the serial port ({values['link']['baud']:,} baud)"),
        (_time(speed["latency_seconds"]), f"latency, {speed['latency_cycles']:,} cycles"),
        (_mhz(clock["hz"]), f"clock; routed for {_mhz(clock['fmax_hz'])}")]


def _mhz(hz: float) -> str:
    return f"{hz / 1e6:.4g} MHz"


def _time(seconds: float) -> str:
    unit, size = next(pair for pair in (("s", 1.0), ("ms", 1e-3), ("µs", 0.0))
                      if seconds >= pair[1])
    return f"{seconds / (size or 1e-6):,.2f} {unit}"
