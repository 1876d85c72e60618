"""Import rules of the four packages and of the folders inside ``xnorloom``.

Each import statement counts, inside functions and under ``TYPE_CHECKING``, too.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"xnorloom": "hdl", "xnorloom_sim": "sim", "xnorloom_boards": "boards",
            "xnorloom_cli": "cli"}
# Packages that a package may import from, besides itself.
BELOW = {"xnorloom": set(), "xnorloom_sim": {"xnorloom"}, "xnorloom_boards": {"xnorloom"},
         "xnorloom_cli": {"xnorloom", "xnorloom_sim", "xnorloom_boards"}}
# A folder of `xnorloom` imports from its own row and the rows after it.
LAYERS = [{"export", "folding", "gateware"}, {"packing", "schedule"}, {"lowering", "frontend"},
          {"graph", "target"}, {"sharing"}, {"support"}, {"errors", "nn"}]
# `python -m xnorloom` is the command line.
ALLOWED = {("xnorloom.__main__", "xnorloom_cli.main")}


def imports(modules: dict[str, str]) -> dict[tuple[str, str], str]:
    """Pairs of folders (or modules at the top of a package), with a module that imports so."""
    found = {}
    for module, text in modules.items():
        package = module.split(".")[:-1]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                base = package[:len(package) - node.level + 1] if node.level else []
                base = base + (node.module or "").split(".") if node.module else base
                targets = [[*base, alias.name] for alias in node.names]
            elif isinstance(node, ast.Import):
                targets = [alias.name.split(".") for alias in node.names]
            else:
                continue
            for target in targets:
                # The version is set before anything is imported.
                if target[0] in PACKAGES and target[1:] != ["__version__"]:
                    pair = ".".join(module.split(".")[:2]), ".".join(target[:2])
                    if pair[0] != pair[1]:
                        found.setdefault(pair, module)
    return found


def layer(name: str) -> int:
    """Row of a folder; the top of the package is above all of them."""
    folder = name.partition(".")[2]
    return next((row for row, names in enumerate(LAYERS) if folder in names), -1)


def violations(modules: dict[str, str]) -> dict[tuple[str, str], str]:
    """Pairs against the rules, each with its reason."""
    pairs = {pair: module for pair, module in imports(modules).items() if pair not in ALLOWED}
    wrong = {}
    for (user, used), module in pairs.items():
        above, below = user.split(".")[0], used.split(".")[0]
        if above != below and below not in BELOW[above]:
            wrong[user, used] = f"{module}: {above} must not import {below}"
        elif above == below == "xnorloom" and layer(user) > layer(used):
            wrong[user, used] = f"{module}: {user} is below {used}"
    graph: dict[str, set[str]] = {}
    for user, used in pairs.keys() - wrong.keys():
        graph.setdefault(user, set()).add(used)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
        wrong[circle[1], circle[0]] = "circle: " + " <- ".join(circle)
    return wrong


def test_imports():
    modules = {".".join(path.relative_to(ROOT / root).with_suffix("").parts): path.read_text()
               for root in PACKAGES.values() for path in (ROOT / root).rglob("*.py")}
    assert {folder.name for folder in (ROOT / "hdl" / "xnorloom").iterdir()
            if (folder / "__init__.py").exists()} == set().union(*LAYERS) - {"errors"}
    wrong = violations(modules)
    assert not wrong, "\n".join(wrong.values())


BROKEN = {
    "upwards": ("xnorloom.graph.graph", "from xnorloom_sim import golden",
                "must not import xnorloom_sim"),
    "beside": ("xnorloom_boards.build", "import xnorloom_sim.data.idx",
               "must not import xnorloom_sim"),
    "command line": ("xnorloom_sim.verification.steps", "import os, xnorloom_cli.main",
                     "must not import xnorloom_cli"),
    "in a function": ("xnorloom.support.text", "def f():\n    from ..graph import Graph",
                      "xnorloom.support is below xnorloom.graph"),
    "for types": ("xnorloom.schedule.fold", "if TYPE_CHECKING:\n    from .. import gateware",
                  "xnorloom.schedule is below xnorloom.gateware"),
    "circle": ("xnorloom.folding.fit", "from ..export import verilog", "circle: "),
    "package": ("xnorloom.support.text", "from .. import Graph",
                "xnorloom.support is below xnorloom.Graph"),
}


@pytest.mark.parametrize("module, line, reason", BROKEN.values(), ids=BROKEN)
def test_broken_example(module, line, reason):
    good = {"xnorloom.export.verilog": "from ..folding import fit",
            "xnorloom.folding.fit": "from ..schedule.fold import Fold",
            "xnorloom.__main__": "from xnorloom_cli.main import main",
            "xnorloom_cli.main": "import xnorloom_boards, xnorloom_sim"}
    assert violations(good) == {}
    broken = {**good, module: good.get(module, "") + "\n" + line}
    [found] = violations(broken).values()
    assert reason in found
