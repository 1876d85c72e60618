# amaranth: UnusedElaboratable=no
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xnorloom.export import testbench, verilog
from xnorloom.export.names import module_name
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.packing import unpack_results
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim.golden import evaluate

ROOT = Path(__file__).parents[3]
FOLDS = (Fold(5, 7, "block"), Fold(2, 5, "lut"))


@pytest.fixture
def network(random_graph):
    """A network of every kind of part: two bit planes, odd folds, both memories, scores."""
    graph = random_graph(np.random.default_rng(1), (20, 12, 5), bits=2)
    return Network(Schedule(4, FOLDS).bind(graph), scores=True)


@pytest.fixture
def frames(network):
    size = (25, *network.graph.input.shape)
    return np.random.default_rng(2).integers(0, 4, size, dtype=np.uint8)


def write(network, directory, frames):
    """Write core and testbench; paths of the testbench."""
    verilog.write(network, directory)
    golden = evaluate(network.graph, frames)
    return testbench.write(network, directory, frames, golden.classes,
                           golden.scores if network.scores else None)


def test_frames_of_another_shape(network, frames, tmp_path):
    classes = np.zeros(25, int)
    scores = np.zeros((25, 5), int)
    texts = [[path.read_text() for path in testbench.write(network, tmp_path, shaped, classes,
                                                           scores)]
             for shaped in (frames, frames.reshape(25, 1, 4, 5))]
    assert texts[0] == texts[1]


def read(path):
    return [int(line, 16) for line in path.read_text().splitlines()]


def test_files(network, frames, tmp_path):
    paths = write(network, tmp_path / "new", frames)
    assert [path.name for path in paths] == [
        "bnn_random_tb.v", "bnn_random_words.hex", "bnn_random_results.hex"]
    assert len(read(paths[1])) == 25 * network.plan.words
    assert all(word < 1 << 4 for word in read(paths[1]))

    width = -(-network.o.payload.as_value().shape().width // 8)
    outputs = b"".join(word.to_bytes(width, "little") for word in read(paths[2]))
    classes, scores = unpack_results(
        network.graph, np.frombuffer(outputs, np.uint8).reshape(25, width), scores=True)
    golden = evaluate(network.graph, frames)
    assert np.array_equal(classes, golden.classes)
    assert np.array_equal(scores, golden.scores)


def test_ports_as_the_manifest_says(network, frames, tmp_path):
    text = write(network, tmp_path, frames)[0].read_text()
    for port in verilog.manifest(network)["ports"]:
        assert f"    .{port['name']}({port['name']})" in text
        if port["width"] > 1:
            assert f" [{port['width'] - 1}:0] {port['name']}" in text


def test_passes_and_fails(network, frames, tmp_path, verilate):
    _, _, results = write(network, tmp_path, frames)
    run = verilate(tmp_path, "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")

    said = run().stdout.splitlines()[0]
    assert said == (f"PASS 25 frames, latency {network.latency}, interval {network.interval}")
    for seed in 1, 2:
        done = run("+stall", f"+seed={seed}")
        assert done.stdout.splitlines()[0] == "PASS 25 frames, with stalls"
        assert done.returncode == 0

    # One bit of one result.
    lines = results.read_text().splitlines()
    right, wrong = lines[17], f"{int(lines[17], 16) ^ 8:0{len(lines[17])}x}"
    results.write_text("\n".join([*lines[:17], wrong, *lines[18:]]) + "\n")
    for plusargs in (), ("+stall",):
        done = run(*plusargs)
        assert done.stdout.splitlines()[0] == f"FAIL frame 17: result is {right}, expected {wrong}"
        assert done.returncode != 0


@pytest.mark.parametrize("what, wanted", [("LATENCY", "latency"), ("INTERVAL", "interval")])
def test_fails_when_the_timing_is_another(network, frames, tmp_path, verilate, what, wanted):
    path = write(network, tmp_path, frames)[0]
    measured = getattr(network, wanted)
    path.write_text(path.read_text().replace(f"{what} = {measured};", f"{what} = {measured + 1};"))
    done = verilate(tmp_path, "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")()
    assert done.stdout.splitlines()[0] == f"FAIL {wanted} is {measured}, expected {measured + 1}"
    assert done.returncode != 0


def test_without_scores(random_graph, tmp_path):
    graph = random_graph(np.random.default_rng(3), (6, 3))
    network = Network(Schedule(6, (Fold(3, 6, "wired"),)).bind(graph))
    frames = np.random.default_rng(4).integers(0, 2, (9, 6), dtype=np.uint8)
    paths = write(network, tmp_path, frames)
    assert read(paths[2]) == evaluate(graph, frames).classes.tolist()


# Names that the testbench itself declares.
@pytest.mark.parametrize("name", ["words", "dut"])
def test_name(network, frames, tmp_path, verilate, name):
    golden = evaluate(network.graph, frames)
    verilog.write(network, tmp_path, name)
    paths = testbench.write(network, tmp_path, frames, golden.classes, golden.scores, name)
    assert [path.name for path in paths] == [
        f"{name}_tb.v", f"{name}_words.hex", f"{name}_results.hex"]
    done = verilate(tmp_path, f"{name}_tb", f"{name}_tb.v", f"{name}.v")()
    assert done.stdout.startswith("PASS 25 frames, ")


@pytest.mark.parametrize("name", [
    "plain_7", "a-b", "a b", "数字", "größe", "n" * 56, "n" * 57, "n" * 300, "module"])
def test_module_names(random_graph, name):
    """Names that lose characters get the start of the digest; each then has its own."""
    names = []
    for seed in 1, 2:
        graph = random_graph(np.random.default_rng(seed), (6, 3))
        graph = Graph(name, graph.input, graph.layers)
        names.append(module_name(Network(automatic(graph).bind(graph))))
        assert re.fullmatch(r"bnn_[0-9A-Za-z_]{1,56}", names[-1])
        if re.fullmatch(r"\w{1,56}", name, re.ASCII):
            assert names[-1] == f"bnn_{name}"
        else:
            assert names[-1].endswith(f"_{graph.digest[:8]}")
            assert len(set(names)) == len(names)


@pytest.mark.parametrize("name, error, message", [
    (7, TypeError, "Module name must be a string, not 7"),
    ("größe", ValueError, "Module name must be 1 to 60 letters, digits and underscores, the first "
                          "no digit, not 'größe'"),
    ("a\n", ValueError, r"Module name must be 1 to 60 .*, not 'a\\n'"),
    ("xnor", ValueError, r"Module name must be no keyword of \(System\)Verilog, not 'xnor'"),
], ids=["number", "letters", "line", "keyword"])
def test_name_wrong(network, frames, tmp_path, name, error, message):
    golden = evaluate(network.graph, frames)
    for write_to in (
            lambda path: verilog.write(network, path, name),
            lambda path: testbench.write(network, path, frames, golden.classes, golden.scores,
                                         name)):
        with pytest.raises(error, match=f"^{message}$"):
            write_to(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("changes, error, message", [
    ({"frames": np.zeros((0, 20), np.uint8)}, ValueError,
     "frames must hold at least one frame, not none"),
    ({"classes": np.zeros(24, int)}, ValueError,
     r"classes must have the shape \(25,\), not \(24,\)"),
    ({"classes": np.full(25, 5)}, ValueError, "classes must be in 0 to 4, not 5"),
    ({"classes": np.zeros(25)}, TypeError, "classes must be integers, not an array of float64"),
    ({"scores": None}, ValueError,
     "scores must be given for a network with scores in its results"),
    ({"scores": np.zeros((25, 4), int)}, ValueError,
     r"scores must have the shape \(25, 5\), not \(25, 4\)"),
    ({"scores": np.full((25, 5), 99)}, ValueError, r"scores must be in -?\d+ to \d+, not 99"),
], ids=["no frames", "too few classes", "no such class", "classes of floats", "no scores",
        "too few scores", "no such score"])
def test_write_wrong(network, frames, tmp_path, changes, error, message):
    golden = evaluate(network.graph, frames)
    arguments = {"frames": frames, "classes": golden.classes, "scores": golden.scores} | changes
    with pytest.raises(error, match=f"^{message}$"):
        testbench.write(network, tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_documented_program(tmp_path):
    text = (ROOT / "docs" / "verilog.md").read_text()
    [program] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tfc.bnn").write_bytes((ROOT / "models" / "tfc.bnn").read_bytes())
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)

    written = (tmp_path / "build" / "bnn_tfc_tb.v").read_text()
    numbers = dict(re.findall(r"parameter (FRAMES|LATENCY|INTERVAL) = (\d+);", written))
    assert (f"    PASS {numbers['FRAMES']} frames, latency {numbers['LATENCY']}, "
            f"interval {numbers['INTERVAL']}\n") in text


def test_several_frames_at_once(random_graph, tmp_path, verilate):
    """The interval is that of as many frames; the first ones may be in batches of any size."""
    graph = random_graph(np.random.default_rng(1), (20, 12, 5), bits=2)
    folds = (Fold(5, 7, "block", vectors=3), Fold(2, 5, "lut", vectors=3))
    network = Network(Schedule(7, folds).bind(graph), scores=True)
    frames = np.random.default_rng(2).integers(0, 4, (25, 20), dtype=np.uint8)
    assert network.steady_frames < 25
    assert network.interval == 18
    write(network, tmp_path, frames)
    assert verilog.manifest(network)["frames_per_interval"] == 3
    run = verilate(tmp_path, "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")
    said = run().stdout.splitlines()[0]
    assert said == f"PASS 25 frames, latency {network.latency}, interval 18"
    assert run("+stall").stdout.splitlines()[0] == "PASS 25 frames, with stalls"
    path = write(network, tmp_path / "wrong", frames)[0]
    path.write_text(path.read_text().replace("INTERVAL = 18;", "INTERVAL = 17;"))
    done = verilate(tmp_path / "wrong", "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")()
    assert done.stdout.splitlines()[0] == "FAIL interval is 18, expected 17"


def test_convolutions(tmp_path, verilate):
    """A padded map with thresholds of border classes, a pool, and a score on the map."""
    rng = np.random.default_rng(1)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    graph = Graph("maps", Input((6, 5, 2)), [
        Conv("conv", rng.integers(0, 2, (4, 3, 3, 2)), rng.integers(3, 8, (9, 4)), window),
        Conv("pooled", rng.integers(0, 2, (3, 2, 2, 4)), rng.integers(6, 11, 3), Window((2, 2)),
             Pool((2, 2))),
        Score("score", rng.integers(0, 2, (3, 12)), [0, 0, 1])])
    folds = (Fold(2, 2, "lut"), Fold(3, 4, "block"), Fold(1, 1, "lut"))
    network = Network(Schedule(1, folds).bind(graph))
    frames = rng.integers(0, 2, (12, 6, 5, 2))
    write(network, tmp_path, frames)
    run = verilate(tmp_path, "bnn_maps_tb", "bnn_maps_tb.v", "bnn_maps.v")
    said = run().stdout.splitlines()[0]
    assert said == f"PASS 12 frames, latency {network.latency}, interval {network.interval}"
    assert run("+stall").stdout.splitlines()[0] == "PASS 12 frames, with stalls"

    # Too few frames for an interval: the second result comes earlier than in a steady stream.
    write(network, tmp_path / "two", frames[:2])
    run = verilate(tmp_path / "two", "bnn_maps_tb", "bnn_maps_tb.v", "bnn_maps.v")
    assert run().stdout.startswith("PASS 2 frames")
