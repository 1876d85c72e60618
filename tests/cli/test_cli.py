# amaranth: UnusedElaboratable=no
"""The commands, each run for real on a small model."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph, Input, Score
from xnorloom.schedule import Schedule
from xnorloom_cli import inputs
from xnorloom_cli.main import main
from xnorloom_sim import golden

SIMULATE_KEYS = {"frames", "correct", "accuracy", "mismatches", "cycles", "latency", "interval",
                 "engine"}


@pytest.fixture
def model(random_graph, tmp_path):
    """A model file: 6 x 5 elements of 3 bits, 7 neurons, 4 classes."""
    graph = random_graph(np.random.default_rng(1), [30, 7, 4], bits=3)
    path = tmp_path / "toy.bnn"
    Graph("toy", Input((6, 5), 3), graph.layers).save(path)
    return path


@pytest.fixture
def data(tmp_path):
    """A data file that fits: nine images with labels."""
    rng = np.random.default_rng(2)
    path = tmp_path / "data.npz"
    np.savez(path, images=rng.integers(0, 256, (9, 6, 5), dtype=np.uint8),
             labels=rng.integers(0, 4, 9))
    return path


@pytest.fixture
def bundled(random_graph, tmp_path, monkeypatch):
    """Puts a tiny untrained model in the place of the bundled TFC; returns its graph."""
    graph = random_graph(np.random.default_rng(3), [784, 3, 10])
    graph = Graph("tfc", Input((28, 28), 1), graph.layers)
    graph.save(tmp_path / "bundled.bnn")
    monkeypatch.setattr(inputs, "bundled_models", lambda: {"tfc": tmp_path / "bundled.bnn"})
    return graph


def run(capsys, *arguments, status=0):
    """Standard output of a command that must end with ``status``."""
    assert main([str(argument) for argument in arguments]) == status
    return capsys.readouterr().out


def run_json(capsys, *arguments, status=0):
    return json.loads(run(capsys, *arguments, "--json", status=status))


# info


def test_info(capsys, model):
    values = run_json(capsys, "info", model)
    graph = Graph.load(model)
    assert values["name"] == "toy"
    assert values["digest"] == graph.digest
    assert values["input"] == {"shape": [6, 5], "bits": 3, "cuts": None, "meaning": None}
    assert values["synapses"] == values["weight_bits"] == 30 * 7 + 7 * 4
    assert values["classes"] == 4
    assert [(e["name"], e["kind"], e["inputs"], e["neurons"]) for e in values["layers"]] == [
        ("dense0", "dense", 30, 7), ("score", "score", 7, 4)]
    # Thresholds go from 0 to 30 * 7 + 1.
    assert [e["threshold_bits"] for e in values["layers"]] == [7 * 8, 0]


def test_info_text(capsys, model):
    text = run(capsys, "info", model)
    assert re.search(r"^input    6 x 5 = 30 elements of 3 bits$", text, re.MULTILINE)
    assert re.search(r"^total .* 238 ", text, re.MULTILINE)


def test_info_bundled(capsys, bundled):
    assert run_json(capsys, "info", "tfc")["digest"] == bundled.digest


# compile


def test_compile(capsys, model, tmp_path):
    out = tmp_path / "some" / "where"
    values = run_json(capsys, "compile", model, "-o", out, "--interval", 40)
    graph = Graph.load(model)
    schedule = automatic(graph, 40)
    times = Network(schedule.bind(graph))
    assert sorted(path.name for path in out.iterdir()) == [
        "bnn_toy.v", "manifest.json", "schedule.json"]
    assert values["files"] == [str(out / name) for name in
                               ("bnn_toy.v", "manifest.json", "schedule.json")]
    assert (values["latency"], values["interval"]) == (times.latency, times.interval)
    assert values["lanes"] == sum(fold.lanes for fold in schedule.folds)
    assert [e["bottleneck"] for e in values["layers"]] == [
        e.cycles == times.interval for e in times.layers]
    assert Schedule.load(out / "schedule.json", graph) == schedule
    assert json.loads((out / "manifest.json").read_text())["interval"] == times.interval
    assert "\nmodule bnn_toy(" in (out / "bnn_toy.v").read_text()


def test_compile_edited_schedule(capsys, model, tmp_path):
    """The schedule file that compile wrote, edited, given back, and written again."""
    run(capsys, "compile", model, "-o", tmp_path / "a")
    path = tmp_path / "a" / "schedule.json"
    content = json.loads(path.read_text())
    content["layers"][0].update(pe=3, simd=4, style="lut")
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(content))
    text = run(capsys, "compile", model, "-o", tmp_path / "a", "--fold", edited)
    assert json.loads(path.read_text()) == content
    assert re.search(r"^dense0 +7 x 30 +3 +4 +12 +72 +lut +24 .*<- slowest$", text, re.MULTILINE)
    assert re.search(r"^interval 72 cycles between frames, set by layer dense0$", text,
                     re.MULTILINE)
    assert f"wrote {tmp_path / 'a' / 'bnn_toy.v'}\n" in text


@pytest.mark.parametrize("style", ["wired", "lut", "block"])
def test_compile_style(capsys, model, tmp_path, style):
    values = run_json(capsys, "compile", model, "-o", tmp_path / "out", "--style", style)
    assert {entry["style"] for entry in values["layers"]} == {style}


def test_compile_scores(capsys, model, tmp_path):
    run(capsys, "compile", model, "-o", tmp_path / "class")
    run(capsys, "compile", model, "-o", tmp_path / "scores", "--scores")
    fields = [json.loads((tmp_path / name / "manifest.json").read_text())["output"]["fields"]
              for name in ("class", "scores")]
    assert [len(entry) for entry in fields] == [1, 5]


def test_compile_name(capsys, model, tmp_path):
    """Two cores of one model, each with all its modules under a name of its own."""
    modules = []
    for name in "digits", "bnn_toy":
        out = tmp_path / name
        values = run_json(capsys, "compile", model, "-o", out, "--name", name)
        assert values["files"][0] == str(out / f"{name}.v")
        assert json.loads((out / "manifest.json").read_text())["module"] == name
        modules.append(re.findall(r"^module \\?(\S+) ?\(", (out / f"{name}.v").read_text(),
                                  re.MULTILINE))
        assert len(modules[-1]) > 5
        assert all(re.match(rf"{name}(\.|$)", module) for module in modules[-1])
    run(capsys, "compile", model, "-o", tmp_path / "default")
    assert (tmp_path / "default" / "bnn_toy.v").read_bytes() == \
        (tmp_path / "bnn_toy" / "bnn_toy.v").read_bytes()


# simulate


@pytest.mark.parametrize("engine", ["amaranth", "compiled", "golden"])
def test_simulate(capsys, model, data, engine):
    values = run_json(capsys, "simulate", model, "--data", data, "--engine", engine,
                      "--interval", 40)
    graph = Graph.load(model)
    times = Network(automatic(graph, 40).bind(graph))
    with np.load(data) as arrays:
        classes = golden.evaluate(graph, arrays["images"] >> 5).classes
        correct = int((classes == arrays["labels"]).sum())
    assert values.keys() == SIMULATE_KEYS
    cycles = values.pop("cycles")
    # Null is what nobody measured.
    latency, interval = (None, None) if engine == "golden" else (times.latency, times.interval)
    assert values == {"frames": 9, "correct": correct, "accuracy": correct / 9, "mismatches": 0,
                      "latency": latency, "interval": interval, "engine": engine}
    # Results leave every interval; the last one's cycle counts too.
    assert cycles is None if engine == "golden" else cycles >= times.latency + 8 * times.interval


def test_simulate_text(capsys, model, data):
    text = run(capsys, "simulate", model, "--data", data, "--engine", "amaranth", "--limit", 2)
    assert text.startswith(f"toy on {data}\n\nengine      amaranth\nframes      2\naccuracy ")
    assert re.search(r"^mismatches  0 \(", text, re.MULTILINE)
    assert re.search(r"^latency     (\d+) cycles measured, \1 by the formula$", text, re.MULTILINE)
    assert re.search(r"^interval    (\d+) cycles measured, \1 by the formula$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--engine", "golden"], r"^interval    \d+ cycles by the formula, not measured$"),
        (["--engine", "amaranth", "--limit", "1"],
         r"^interval    \d+ cycles by the formula; measuring takes two frames$"),
        (["--engine", "amaranth", "--stall", "0.5"],
         r"^latency     \d+ cycles by the formula; stalls forbid to measure$"),
    ],
    ids=["golden", "one frame", "stalls"],
)  # fmt: skip
def test_simulate_not_measured(capsys, model, data, options, line):
    text = run(capsys, "simulate", model, "--data", data, *options)
    assert re.search(line, text, re.MULTILINE)
    assert re.search(r"^mismatches  0 ", text, re.MULTILINE)


def test_simulate_limit_leaves_out_labels(capsys, model, tmp_path):
    np.savez(tmp_path / "late.npz", images=np.zeros((3, 30), np.uint8), labels=[0, 1, 99])
    values = run_json(capsys, "simulate", model, "--data", tmp_path / "late.npz", "--engine",
                      "golden", "--limit", 2)
    assert values["frames"] == 2


def test_one_of_everything(capsys, tmp_path):
    """Where there is one of a thing, its name has no s."""
    graph = Graph("one", Input((1,), 1), (Score("score", [[1]], [0]),))
    graph.save(tmp_path / "one.bnn")
    np.savez(tmp_path / "one.npz", images=np.zeros((2, 1), np.uint8))
    text = run(capsys, "info", tmp_path / "one.bnn")
    text += run(capsys, "compile", tmp_path / "one.bnn", "-o", tmp_path / "out")
    text += run(capsys, "simulate", tmp_path / "one.bnn", "--data", tmp_path / "one.npz",
                "--engine", "amaranth")
    for line in ("input    1 = 1 element of 1 bit", "output   1 class, scores from 0 to 1",
                 "input    1 word of 1 bit a frame",
                 "interval    1 cycle measured, 1 by the formula"):
        assert f"\n{line}\n" in text
    assert "\ninterval 1 cycle between frames, set by layer score\n" in text


def test_simulate_without_labels(capsys, model, tmp_path):
    np.savez(tmp_path / "bare.npz", images=np.full((3, 30), 200, np.uint8))
    values = run_json(capsys, "simulate", model, "--data", tmp_path / "bare.npz", "--engine",
                      "golden")
    assert values["frames"] == 3
    assert values["correct"] is None
    assert values["accuracy"] is None


def test_simulate_mismatch(capsys, model, data, monkeypatch):
    true = golden.evaluate

    def false(graph, frames):
        result = true(graph, frames)
        result.scores[4, 2] += 1
        return result

    monkeypatch.setattr(golden, "evaluate", false)
    assert main(["simulate", str(model), "--data", str(data), "--engine", "amaranth",
                 "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["mismatches"] == 1
    assert re.fullmatch(r"xnorloom: warning: the gateware differs from the golden model, first in "
                        r"frame 4: score of class 2 is (-?\d+), golden (-?\d+)\n", captured.err)


def test_simulate_fold_and_limit(capsys, model, data, tmp_path):
    run(capsys, "compile", model, "-o", tmp_path / "out", "--interval", 200)
    values = run_json(capsys, "simulate", model, "--data", data, "--engine", "amaranth", "--fold",
                      tmp_path / "out" / "schedule.json", "--limit", 3)
    graph = Graph.load(model)
    assert values["interval"] == automatic(graph, 200).bind(graph).interval
    assert values["frames"] == 3


def test_simulate_waveform(capsys, model, data, tmp_path):
    path = tmp_path / "waves.vcd"
    run(capsys, "simulate", model, "--data", data, "--engine", "amaranth", "--limit", 2,
        "--waveform", path)
    assert "$enddefinitions" in path.read_text()
    assert not list(tmp_path.glob(".xnorloom*"))


def test_simulate_dark_data(capsys, model, tmp_path):
    """Elements where pixels should be: what the shift leaves of them is told, not guessed at."""
    np.savez(tmp_path / "dark.npz", images=np.full((1, 6, 5), 7, np.uint8))
    assert main(["simulate", str(model), "--data", str(tmp_path / "dark.npz"), "--engine",
                 "golden"]) == 0
    assert re.fullmatch(
        r"xnorloom: warning: every pixel of data .*dark\.npz becomes 0: an input of 3 bits takes "
        r"the top bits of 8-bit pixels, and the largest pixel is 7\n", capsys.readouterr().err)


# demo


def test_demo(capsys, bundled, tmp_path):
    out = tmp_path / "out"
    text = run(capsys, "demo", "--out", out)
    assert sorted(path.name for path in out.iterdir()) == [
        "bnn_tfc.v", "build.json", "digits.png", "manifest.json", "report.html", "schedule.json",
        "tfc-icebreaker.bin"]
    assert (out / "tfc-icebreaker.bin").stat().st_size > 100_000
    assert (out / "digits.png").read_bytes().startswith(b"\x89PNG")
    headings = re.findall(r"^(\d\. .*)\n=+$", text, re.MULTILINE)
    assert headings == ["1. A trained network", "2. A schedule",
                        "3. The gateware, simulated cycle by cycle", "4. Verilog", "5. A picture",
                        "6. A bitstream"]
    assert "agrees with the golden model on all 500 images" in text
    assert "What to type next" in text
    assert f"--fold {out / 'schedule.json'}" in text


def test_demo_names_itself_as_it_was_called(capsys, bundled, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("NEXTPNR_ICE40", "no-such-router")
    monkeypatch.setattr(sys, "argv", [".venv/bin/xnorloom", "demo"])
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    assert "\n  .venv/bin/xnorloom build tfc " in capsys.readouterr().out


def test_demo_without_tools(capsys, bundled, tmp_path, monkeypatch):
    """Without compiler, router and matplotlib the demo says what is missing, and goes on."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("NEXTPNR_ICE40", "no-such-router")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo", "--out", str(tmp_path / "out"), "--json"]) == 0
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    times = Network(automatic(bundled).bind(bundled))
    assert [entry.keys() for entry in values["simulations"]] == [SIMULATE_KEYS]
    assert values["simulations"][0]["engine"] == "amaranth"
    assert values["simulations"][0]["mismatches"] == 0
    assert values["simulations"][0]["interval"] == times.interval
    assert values["frames_per_second"] == values["clock_hz"] / times.interval
    assert values["files"] == [str(tmp_path / "out" / name) for name in
                               ("bnn_tfc.v", "manifest.json", "schedule.json")]
    assert re.search(r"^The compiled simulation is left out: .*'no-such-compiler'$", captured.err,
                     re.MULTILINE)
    assert values["board"] is None
    assert re.search(r"^Left out: .*'?no-such-router", captured.err, re.MULTILINE)
    assert "Left out: matplotlib is not installed. Try: pip install 'xnorloom[plot]'" \
        in captured.err


# The program itself


def program(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "xnorloom", *map(str, arguments)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_program(model):
    with program("info", model, "--json") as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["name"] == "toy"
    assert err == ""


def test_program_error(tmp_path):
    with program("info", tmp_path / "none.bnn") as process:
        out, err = process.communicate()
    assert process.returncode == 2
    assert out == ""
    assert re.fullmatch(r"xnorloom: error: model file .*none\.bnn cannot be read: No such file or "
                        r"directory\n", err)


def test_program_broken_pipe(model):
    with program("info", model) as process:
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate()
    assert process.returncode == 141
    assert err == ""


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "2>&-"])
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_program_closed_streams(model, closed, options):
    command = [sys.executable, "-m", "xnorloom", "info", str(model), *options]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *command], text=True,
                          capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&-" not in closed.split())


def test_program_closed_streams_wrong(tmp_path):
    """An error that cannot be told does not go to standard output."""
    command = [sys.executable, "-m", "xnorloom", "info", str(tmp_path / "none.bnn")]
    done = subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *command], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


def test_program_wrong_and_nobody_listens(tmp_path):
    with program("info", tmp_path / "none.bnn") as process:
        process.stderr.close()
        process.stderr = None
        out, _ = process.communicate()
    assert (process.returncode, out) == (2, "")


def test_program_full_disk(model):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "xnorloom", "info", model], text=True,
                              stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "xnorloom: error: No space left on device\n")


def test_program_terminated(model, tmp_path):
    """SIGTERM ends the program as Ctrl-C does: in one line, and nothing is left behind."""
    np.savez(tmp_path / "many.npz", images=np.zeros((30000, 30), np.uint8))
    out = tmp_path / "out"
    out.mkdir()
    with program("simulate", model, "--data", tmp_path / "many.npz", "--engine", "amaranth",
                 "--waveform", out / "w.vcd") as process:
        while not list(out.glob(".xnorloom-*/w.vcd")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert (process.returncode, err) == (143, "xnorloom: terminated\n")
    assert list(out.iterdir()) == []


def test_help(capsys):
    for arguments in ([], ["demo"], ["info"], ["compile"], ["simulate"]):
        with pytest.raises(SystemExit) as exit:
            main([*arguments, "--help"])
        assert exit.value.code == 0
        assert capsys.readouterr().out.startswith(" ".join(["usage: xnorloom", *arguments]))


def test_version(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--version"])
    assert exit.value.code == 0
    assert re.fullmatch(r"xnorloom \d\S*\n", capsys.readouterr().out)


def test_interrupted(capsys, monkeypatch):
    def interrupted(arguments, console):
        raise KeyboardInterrupt

    monkeypatch.setattr("xnorloom_cli.commands.info.run", interrupted)
    assert main(["info", "x"]) == 130
    assert capsys.readouterr().err == "xnorloom: interrupted\n"


def test_bug(capsys, monkeypatch):
    """What nobody thought of is told in full, and is no difference of the gateware."""
    def bug(arguments, console):
        raise ZeroDivisionError("of my own")

    monkeypatch.setattr("xnorloom_cli.commands.info.run", bug)
    assert main(["info", "x"]) == 70
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Traceback (most recent call last):\n")
    assert captured.err.endswith("\nZeroDivisionError: of my own\n")


def test_sigterm_is_given_back(capsys, model):
    before = signal.getsignal(signal.SIGTERM)
    run(capsys, "info", model)
    assert signal.getsignal(signal.SIGTERM) is before
