"""Page of a build: well-formed, a single file, with the right values."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from xnorloom_boards.report import page as html

SPACE = "{http://www.w3.org/1999/xhtml}"
NASTY = 'a<b>&"c"'


def part(name, layer, luts):
    return {"name": name, "layer": layer, "luts": luts, "carries": 1, "flip_flops": 1234,
            "lut_rams": 0, "brams": 0, "sprams": 0, "dsps": 0}


def layer(name, cycles, bottleneck):
    return {"name": name, "neurons": 64, "inputs": 784, "pe": 16, "simd": 28, "style": "block",
            "register_every": 2, "lanes": 448, "cycles": cycles, "depth": 112, "buffer": "direct",
            "bottleneck": bottleneck}


@pytest.fixture
def values():
    return {
        "model": {"name": NASTY, "digest": "ab", "classes": 10, "synapses": 59008,
                  "input": {"shape": [28, 28], "bits": 1}},
        "board": {"name": "icebreaker", "title": "iCEBreaker", "device": "iCE40UP5K",
                  "family": "ice40", "note": "solder <it>"},
        "clock": {"hz": 42_000_000, "fmax_hz": 44_600_000, "oscillator_hz": 12_000_000,
                  "margin": 0.06, "seed": 3,
                  "attempts": [{"hz": 42_000_000, "met": True,
                                "seeds": [{"seed": 3, "fmax_hz": 44_600_000},
                                          {"seed": 4, "fmax_hz": 41_000_000}]}]},
        "speed": {"interval_cycles": 112, "interval_seconds": 112 / 42e6, "latency_cycles": 444,
                  "latency_seconds": 444 / 42e6, "frames_per_second": 375_000.0,
                  "synapses_per_second": 2.2e10, "link_frames_per_second": 2884.6},
        "resources": {"logic_cells": {"used": 4488, "available": 5280},
                      "brams": {"used": 30, "available": 30},
                      "sprams": {"used": 1, "available": 4}},
        "parts": [part(NASTY, True, 2140), part("argmax", False, 35)],
        "schedule": {"input_width": 28, "words": 28, "lanes": 900, "latency": 444, "interval": 112,
                     "layers": [layer(NASTY, 112, True), layer("dense1", 96, False)]},
        "timeline": [{"name": "input", "first": 0, "last": 27},
                     {"name": NASTY, "first": 0, "last": 111},
                     {"name": "argmax", "first": 430, "last": 444}],
        "critical_path": [{"kind": "logic", "ns": 1.25, "cell": "x<y>", "port": "I0"},
                          {"kind": "routing", "ns": 2.5, "cell": "z", "port": "I3"}],
        "link": {"baud": 3_000_000, "version": 1, "credits": 128, "frame_bytes": 112,
                 "result_bytes": 1, "input_width": 28, "words": 28, "scores": False},
        "tools": {"yosys": "Yosys <0.70>"},
        "digests": {"graph": "ab", "bitstream": "cd"},
        "files": ["x.bin"]}


@pytest.fixture
def page(values):
    return html.page(values)


def tree(page):
    first, rest = page.split("\n", 1)
    assert first == "<!DOCTYPE html>"
    return ElementTree.fromstring(rest)


def text(element):
    return "".join(element.itertext())


def test_well_formed(page):
    root = tree(page)
    assert root.tag == f"{SPACE}html"
    assert text(root.find(f"{SPACE}head/{SPACE}title")) == f"{NASTY} on iCEBreaker"
    # Also with the tags that only HTML closes implicitly.
    HTMLParser().feed(page)


def test_single_file(page):
    root = tree(page)
    names = {element.tag.removeprefix(SPACE) for element in root.iter()}
    assert not names & {"script", "link", "iframe", "img", "object", "embed", "base", "form"}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert name not in ("src", "href", "srcset", "action") and not name.startswith("on")
            assert "url(" not in value
    assert "@import" not in page and "url(" not in page
    assert re.findall(r"\w+://[^\"]*", page) == ["http://www.w3.org/1999/xhtml"]


def sections(page):
    return {text(found.find(f"{SPACE}h2")): found for found in tree(page).iter(f"{SPACE}section")}


def rows(section):
    return [[text(cell) for cell in row] for row in section.iter(f"{SPACE}tr")]


def test_tables(page):
    found = sections(page)
    assert list(found) == ["What the chip holds", "Layers", "Cells by part", "Schedule", "Clock",
                           "Critical path", "Serial port", "Next", "Made with"]
    assert rows(found["What the chip holds"])[1:] == [
        ["logic cells", "4,488", "5,280", "85 %", ""], ["block RAMs", "30", "30", "100 %", ""],
        ["SPRAMs", "1", "4", "25 %", ""]]
    assert rows(found["Layers"])[1:] == [
        [NASTY, "64 × 784", "16 × 28", "448", "block", "112", "112", ""],
        ["dense1", "64 × 784", "16 × 28", "448", "block", "112", "96", ""]]
    assert rows(found["Cells by part"]) == [
        ["part", "LUTs", "carries", "flip-flops", ""], [NASTY, "2,140", "1", "1,234", ""],
        ["argmax", "35", "1", "1,234", ""], ["all", "2,175", "2", "2,468", ""]]
    assert rows(found["Clock"])[1:] == [["42 MHz", "3", "44.6 MHz", "kept"],
                                        ["42 MHz", "4", "41 MHz", "missed"]]
    assert rows(found["Critical path"]) == [
        ["", "ns", "component", "cell", "signal"], ["logic", "1.250", "top", "LUT", "x<y>"],
        ["routing", "2.500", "top", "", "z"], ["all", "3.750", "", "", ""]]
    assert rows(found["Serial port"]) == [
        ["rate", "3,000,000 baud"], ["a frame", "112 bytes, 28 words of 28 bits"],
        ["an answer", "1 byte, the class"], ["frames under way", "128 at most"],
        ["protocol", "version 1"]]
    assert "Board: solder <it>." in text(found["Serial port"])
    assert rows(found["Made with"]) == [["yosys", "Yosys <0.70>"], ["SHA-256 of the graph", "ab"],
                                        ["SHA-256 of the bitstream", "cd"]]


def test_tiles(page):
    tiles = [text(found) for found in tree(page).iter(f"{SPACE}div")
             if found.get("class") == "tile"]
    assert tiles == ["375,000frames a second in the network",
                     "2,885frames a second over the serial port (3,000,000 baud)",
                     "112cycles of the interval; 2.67 µs", "10.6 µslatency, 444 cycles",
                     "22 Gsynapses a second", "42 MHzclock; routed for 44.6 MHz"]


def test_charts(page):
    for chart in tree(page).iter(f"{SPACE}svg"):
        _, _, width, height = map(float, chart.get("viewBox").split())
        for box in chart.iter(f"{SPACE}rect"):
            x, y, w, h = (float(box.get(name)) for name in ("x", "y", "width", "height"))
            assert 0 <= x and x + w <= width + 0.2 and 0 <= y and y + h <= height


def test_timeline(page):
    [chart] = sections(page)["Schedule"].iter(f"{SPACE}svg")
    boxes = [(text(box), float(box.get("x")), float(box.get("width")))
             for box in chart.iter(f"{SPACE}rect")]
    assert [said for said, _, _ in boxes[:4]] == [
        f"input, frame {frame + 1}: cycles {112 * frame} to {112 * frame + 27}"
        for frame in range(4)]
    # Frames are an interval apart, as far as the network's own bar is long.
    starts = [x for said, x, _ in boxes if said.startswith(NASTY)]
    [length] = {width for said, _, width in boxes if said.startswith(NASTY)}
    assert starts[1] - starts[0] == pytest.approx(length + 1, abs=0.2)


@pytest.mark.parametrize("seconds, said", [
    (0.0, "0 ns"), (1.5e-7, "150 ns"), (9.5e-4, "950 µs"), (0.0125, "12.5 ms"),
    (1234.0, "1,234 s")])
def test_latency(values, seconds, said):
    values["speed"]["latency_seconds"] = seconds
    assert f"<b>{said}</b>" in html.page(values)


@pytest.mark.parametrize("name", ["x" * 200, "層" * 90, "l"])
@pytest.mark.parametrize("layers, cycles", [(1, 1), (12, 10 ** 12)])
def test_long_names_and_large_numbers(values, name, layers, cycles):
    values["model"]["name"] = name
    values["schedule"]["layers"] = [layer(f"{name}{index}", cycles, True)
                                    for index in range(layers)]
    values["timeline"] = [{"name": f"{name}{index}", "first": index * cycles,
                           "last": (index + 1) * cycles - 1} for index in range(layers)]
    values["speed"]["interval_cycles"] = cycles
    page = html.page(values)
    test_charts(page)
    found = sections(page)
    assert [row[0] for row in rows(found["Layers"])[1:]] == [
        f"{name}{index}" for index in range(layers)]
    [chart] = found["Schedule"].iter(f"{SPACE}svg")
    names = chart.findall(f"{SPACE}text[@x='0']")
    assert [text(said.find(f"{SPACE}title")) for said in names] == [
        f"{name}{index}" for index in range(layers)]
    # Letters of 8 at most, those of East Asia twice as wide, stay left of the first bar.
    start = min(float(box.get("x")) for box in chart.iter(f"{SPACE}rect"))
    for said in names:
        assert sum(16 if ord(letter) > 0x3000 else 8 for letter in said.text) < start


def test_wide_parts_scroll(page):
    for title, section in sections(page).items():
        [box] = [found for found in section.iter(f"{SPACE}div") if found.get("class") == "scroll"]
        assert box.get("tabindex") == "0" and box.get("aria-label") == title
        inside = set(box.iter(f"{SPACE}table"))
        assert inside == set(section.iter(f"{SPACE}table"))
        assert bool(inside) != (title == "Schedule")


def test_convolutions(values):
    """Maps, windows and rings; a bar compares what a layer receives, if that takes longer."""
    conv = layer("conv", 100, False) | {
        "map": [28, 26, 3], "output": [9, 8, 16], "kernel": [3, 2], "stride": [1, 2],
        "dilation": [1, 1], "groups": 3, "pool": [2, 2], "rows": 6, "received": 112,
        "buffer": "ring"}
    values["schedule"]["layers"][1:] = [conv, conv | {"dilation": [2, 2], "groups": 1, "rows": 1}]
    found = sections(html.page(values))
    table = rows(found["Layers"])
    assert table[0][:3] + table[0][-3:-1] == ["layer", "map", "window", "buffer", "cycles"]
    assert table[1][:3] + table[1][-3:-1] == [NASTY, "", "", "direct", "112"]
    assert table[2][:3] + table[2][-3:-1] == [
        "conv", "28×26×3 → 9×8×16", "3×2, stride 1×2, pool 2×2, 3 groups", "ring, 6 rows", "100"]
    assert table[3][2] == "3×2, stride 1×2, dilation 2×2, pool 2×2"
    assert table[3][-3] == "ring, 1 row"
    widths = [[float(box.get("width")) for box in chart.iter(f"{SPACE}rect")][1]
              for chart in found["Layers"].iter(f"{SPACE}svg")]
    assert widths == [300, 300, 300]
    assert "a convolution while its map arrives" in text(found["Layers"])
    assert "waits in between" in text(found["Schedule"])


def test_frames_that_overlap(values):
    """Bars of a part that are longer than the interval have edges."""
    def edged():
        [chart] = sections(html.page(values))["Schedule"].iter(f"{SPACE}svg")
        return ["stroke" in box.get("style") for box in chart.iter(f"{SPACE}rect")]

    assert not any(edged())
    values["timeline"][1]["last"] = 112
    assert all(edged())


def test_no_critical_path(values):
    values["critical_path"] = []
    assert "Critical path" not in sections(html.page(values))


def test_warnings(values):
    def shown():
        return [text(element) for element in tree(html.page(values)).iter(f"{SPACE}p")
                if element.get("class") == "warning"]

    assert shown() == []
    values["model"]["warnings"] = [f"layer {NASTY}: all 3 neurons are constant", "second"]
    assert shown() == [f"Warning: layer {NASTY}: all 3 neurons are constant.", "Warning: second."]
