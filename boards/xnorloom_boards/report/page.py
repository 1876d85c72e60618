"""Report of a build as one HTML page, without scripts and without other files."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from xnorloom.support.text import count, duration

from . import floorplan
from .charts import bar, path_chart, timeline
from .critical_path import steps
from .diagram import diagram
from .next_steps import next_steps, verification
from .values import TITLES, link_kind

__all__ = ["page"]


def page(values: dict[str, Any], places: floorplan.Floorplan | None = None) -> str:
    """Render the contents of a ``build.json`` as HTML that is well-formed XML, too.

    Parameters
    ----------
    values : dict
        Contents of the ``build.json``. Sections whose values are missing are left out, such as
        those of an earlier version.
    places : Floorplan or None
        Places of the cells, for the floorplan.
    """
    kinds = [kind for kind in TITLES if any(part.get(kind) for part in values["parts"])]
    link = link_kind(values)
    return _environment().get_template("page.html").render(
        values, tiles=_tiles(values), kinds=kinds, path=steps(values["critical_path"]),
        verification=verification(values), next_steps=next_steps(values),
        blocks=diagram(values) if "widths" in values else None,
        floorplan=floorplan.draw(places) if places is not None and places.tiles else None,
        link_title=link.heading, link_unit=link.unit)


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
    clock, speed, accuracy = values["clock"], values["speed"], values["model"].get("accuracy")
    frames, link = speed.get("frames_per_interval", 1), link_kind(values)
    maps = any("map" in layer for layer in values["schedule"]["layers"])
    found = [
        (f"{speed['frames_per_second']:,.0f}", "frames a second in the network"),
        (f"{speed['link_frames_per_second']:,.0f}",
         f"frames a second over {link.title} ({values['link']['baud']:,} {link.unit})"),
        (f"{speed['interval_cycles']:,}",
         f"cycles of the interval{'' if frames == 1 else f', of {frames} frames'}; "
         f"{duration(speed['interval_seconds'])}"),
        (duration(speed["latency_seconds"]), f"latency, {speed['latency_cycles']:,} cycles"),
        (_large(speed["synapses_per_second"]),
         f"synapses a second{', each weight of a convolution once' if maps else ''}"),
        (_mhz(clock["hz"]), f"clock; routed for {_mhz(clock['fmax_hz'])}")]
    if accuracy is not None and accuracy["frames"]:
        found.append((f"{100 * accuracy['correct'] / accuracy['frames']:.2f} %",
                      f"accuracy, {count(accuracy['frames'], 'frame')} of {accuracy['data']}"))
    return found


def _mhz(hz: float) -> str:
    return f"{hz / 1e6:.4g} MHz"


def _large(number: float) -> str:
    size, name = next(
        ((size, name) for size, name in ((1e12, " T"), (1e9, " G"), (1e6, " M")) if number >= size),
        (1, ""),
    )
    return f"{number / size:,.3g}{name}" if name else f"{number:,.0f}"
