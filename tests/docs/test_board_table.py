# amaranth: UnusedElaboratable=no
"""Table of boards in docs/results.md: its numbers equal the results of place and route."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph
from xnorloom.schedule import Schedule
from xnorloom_boards import board

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "boards" / "results.json"
BEGIN, END = "<!-- boards: begin -->\n", "<!-- boards: end -->\n"
MODELS = ("tfc", "sfc", "mnist-cnn", "mnist-cnn-accurate", "fashion-cnn", "vowels", "sparse-mnist",
          "cnv-digits")
PAIRS = [*((model, name) for model in MODELS[:2] for name in board.names()),
         *((model, name) for model in ("mnist-cnn", "mnist-cnn-accurate")
           for name in ("icebreaker", "hx8k_evn", "ulx3s_25f")),
         ("fashion-cnn", "icebreaker"), ("vowels", "icebreaker"),
         ("sparse-mnist", "ulx3s_25f"), ("cnv-digits", "ulx3s_85f")]
# Block RAMs, bits of a port, look-up tables, from the data sheets.
CHIPS = {"iCE40HX1K": (16, 16, 1280), "iCE40UP5K": (30, 16, 5280), "iCE40HX8K": (32, 16, 7680),
         "LFE5U-25F": (56, 36, 24288), "LFE5U-85F": (208, 36, 83640),
         "LFE5UM5G-85F": (208, 36, 83640)}


def table(page):
    """Rows of the tables of networks, and those of the bounds, both by network and board."""
    text = Path(page).read_text()
    [block] = re.findall(f"^{BEGIN}(.*?)^{END}", text, re.DOTALL | re.MULTILINE)
    rows, bounds, model = {}, {}, None
    for line in block.splitlines():
        title = re.match(r"\*\*([\w-]+)\*\*", line)
        if title:
            model = title[1].lower()
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in board.names():
            if board.find(name).title == cells[0]:
                rows[model, name] = cells[1:]
            elif board.find(name).title == cells[1]:
                bounds[cells[0].lower(), name] = cells[2:]
    return rows, bounds


@pytest.fixture(scope="module")
def shown():
    return table(ROOT / "docs" / "results.md")


@pytest.fixture(scope="module")
def results():
    """Results of place and route, by network and board."""
    entries = json.loads(RESULTS.read_text())["results"]
    found = {(entry["model"], entry["board"]): entry for entry in entries}
    assert len(found) == len(entries)
    return found


@pytest.fixture(scope="module")
def graphs():
    return {name: Graph.load(ROOT / "models" / f"{name}.bnn") for name in MODELS}


def test_page_has_the_table():
    program = ROOT / "benchmarks" / "boards" / "table.py"
    done = subprocess.run([sys.executable, program, "--check"], text=True, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_network_on_every_board(shown, results, graphs):
    assert list(shown[1]) == [pair for pair in shown[0] if pair in built(results)]
    assert sorted(shown[0]) == sorted(PAIRS)
    assert "not run yet" not in (ROOT / "docs" / "results.md").read_text()
    assert sorted(results) == sorted(PAIRS)
    for (model, _), entry in results.items():
        assert entry["built_from"]["network"] == graphs[model].digest


def built(results):
    return {key: entry for key, entry in results.items() if "refused" not in entry}


def vectors(entry, graph):
    """Frames that the network of a result computes at once: one, if it has maps."""
    if any(isinstance(layer, Conv) for layer in graph.layers):
        return 1
    [together] = {fold.get("vectors", 1) for fold in entry["schedule"]["layers"]}
    return together


def test_refused(shown, results):
    refused = {key: entry["refused"] for key, entry in results.items() if "refused" in entry}
    for key, message in refused.items():
        chip, text, *rest = shown[0][key]
        assert chip == board.find(key[1]).device.name and chip in message
        assert rest == [""] * 7
        numbers = re.fullmatch(r"does not fit: ([\d,]+) (?:weights, room for|[a-z RAM]+ needed,) "
                               r"([\d,]+) (?:in block RAM|of [\d,]+ there)", text)
        needed, there = (int(number.replace(",", "")) for number in numbers.groups())
        assert needed > there
        assert numbers[1] in message and numbers[2] in message


def test_numbers(shown, results, graphs):
    for key, entry in built(results).items():
        _, _, luts = CHIPS[shown[0][key][0]]
        _, cells, rams, fmax, clock, interval, latency, frames, port = shown[0][key]
        hz = entry["clock_hz"]
        assert 0 < entry["logic_cells"][0] <= entry["logic_cells"][1] == luts
        share = 100 * entry["logic_cells"][0] / luts
        assert cells == f"{entry['logic_cells'][0]:,} ({share:.0f} %)"
        used, there = entry["brams"]
        assert rams.startswith(f"{used} of {there}") and 0 < used <= there
        assert rams.endswith("SPRAMs") == (entry["sprams"][0] > 0)
        assert hz <= entry["fmax_hz"]
        assert float(fmax) == pytest.approx(entry["fmax_hz"] / 1e6, rel=1e-3)
        assert float(clock) == pytest.approx(hz / 1e6, rel=1e-3)
        together = vectors(entry, graphs[key[0]])
        shared = f" for {together}" if together > 1 else ""
        assert interval == f"{entry['interval']:,}{shared}"
        cycles, time, unit = re.fullmatch(r"([\d,]+), ([\d.]+) ([mµn])s", latency).groups()
        assert int(cycles.replace(",", "")) == entry["latency"]
        parts = {"m": 1e3, "µ": 1e6, "n": 1e9}[unit]
        assert float(time) == pytest.approx(entry["latency"] / hz * parts, rel=1e-2)
        rate = hz * together / entry["interval"]
        assert int(frames.replace(",", "")) == round(rate)
        # A byte has a start and a stop bit; kind, number, two of the CRC and the end are five.
        line = entry["baud"] / (10 * (entry["frame_bytes"] + 5))
        assert int(port.replace(",", "")) == round(min(line, rate))


def test_schedules(results, graphs):
    for (model, name), entry in built(results).items():
        graph = graphs[model]
        width, folds = entry["schedule"]["input_width"], entry["schedule"]["layers"]
        together, shape = vectors(entry, graph), graph.input.shape
        pixels, channels = (shape[0] * shape[1], shape[2]) if len(shape) == 3 else (1, 784)
        words = graph.planes(0) * pixels * math.ceil(channels / width)
        cycles, before = [], None
        for index, (layer, map, fold) in enumerate(zip(graph.layers, graph.maps, folds)):
            pe, simd = fold["pe"], fold["simd"]
            if isinstance(layer, Conv):
                # Words of a tap, of a row of the kernel, or of all of it.
                high, wide = layer.window.kernel
                steps = {wide * map.channels: high, high * wide * map.channels: 1}.get(
                    simd, high * wide * math.ceil(map.channels / simd))
                # Outputs side by side are computed at once.
                rows, columns = layer.positions(map)
                steps *= rows * math.ceil(columns / fold.get("vectors", 1))
            else:
                # Each pixel begins a word of as many neurons as the layer before has at once.
                bits = layer.inputs
                if before is not None and map.pixels > 1:
                    bits = map.pixels * math.ceil(map.channels / before) * before
                steps = math.ceil(bits / simd)
            cycles.append(graph.planes(index) * math.ceil(layer.neurons / pe) * steps)
            before = pe
        assert entry["interval"] == max(*cycles, words * together)
        aim = entry["built_from"].get("interval", math.inf)
        assert entry["interval"] <= aim * together
        packed = max(1, 8 // width)
        assert entry["frame_bytes"] == math.ceil(words / packed) * math.ceil(width / 8)
        assert entry["baud"] == board.find(name).baud
        digits = [entry["digests"][part] for part in ("netlist", "bitstream")]
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digits)
        assert {"yosys", "amaranth"} < set(entry["tools"])


def test_latency(results, graphs, tmp_path):
    for (model, _), entry in built(results).items():
        path = tmp_path / "schedule.json"
        path.write_text(json.dumps(entry["schedule"]))
        times = Network(Schedule.load(path, graphs[model]).bind(graphs[model]))
        assert (times.interval, times.latency) == (entry["interval"], entry["latency"])


def test_bounds(shown, results, graphs):
    for (model, name), cells in shown[1].items():
        fed, most, reached = cells
        entry, graph = results[model, name], graphs[model]
        count, bits, _ = CHIPS[board.find(name).device.name]
        weights = sum(layer.weights.size * graph.planes(index)
                      * (math.prod(layer.positions(graph.maps[index]))
                         if isinstance(layer, Conv) else 1)
                      for index, layer in enumerate(graph.layers))
        # An SPRAM has a port of 16 bits, and there are four.
        lanes = count * bits + (4 * 16 if entry["sprams"][0] else 0)
        more = " + 4 · 16" if entry["sprams"][0] else ""
        assert fed == f"{count} · {bits}{more} = {lanes:,}"
        # A weight that is read serves each of the frames computed at once.
        together = vectors(entry, graph)
        bound = lanes * together * entry["fmax_hz"] / weights
        assert int(most.replace(",", "")) == round(bound)
        share = entry["fmax_hz"] * together / entry["interval"] / bound
        assert reached == f"{100 * share:.0f} %"
