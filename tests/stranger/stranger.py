"""xnorloom as a stranger installs it: the wheel in fresh environments outside the checkout.

``python tests/stranger/stranger.py`` builds the wheel, installs it alone and with each extra, and
runs the commands of ``cases.py`` from an empty folder. Where a command names the extra that it
misses, the hint that it prints is followed, and the command tried again.
"""

import argparse
import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cases import CASES, LARGE, Command
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
# Seconds of a command: an FPGA build on a busy machine.
_LIMIT = 900


class Failed(Exception):
    """A command did something else than its case says."""


class Environment:
    """A virtual environment with the wheel and ``extras``, and a folder to work in.

    ``variables`` hide the checkout and the cache of the user from the commands.
    """

    def __init__(self, folder: Path, wheel: Path, extras: str):
        self._bin, self._work, self._wheel = folder / "venv" / "bin", folder / "work", wheel
        self._work.mkdir(parents=True)
        _files(self._work)
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._variables = {name: value for name, value in os.environ.items()
                           if not name.startswith(("PYTHON", "VIRTUAL_ENV", "XNORLOOM"))}
        self._variables |= {"XDG_CACHE_HOME": str(folder / "cache"), "NO_COLOR": "1",
                            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
                            # YoWASP compiles its tools on first use, a minute each.
                            "YOWASP_CACHE_DIR": str(caches / "YoWASP")}
        (folder / "cache").mkdir(mode=0o700)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self._bin.parent],
                       check=True)
        self.install(f"{wheel}[{extras}]" if extras else str(wheel))

    def install(self, *what: str) -> None:
        """Install packages with the pip of this program."""
        pip = [sys.executable, "-m", "pip", "--python", str(self._bin / "python"), "install",
               "--quiet", "--no-compile", "--disable-pip-version-check", *what]
        done = subprocess.run(pip, cwd=self._work, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{shlex.join(pip)}:\n{done.stdout}{done.stderr}")

    def run(self, command: Command) -> None:
        """Run a command, which must behave as its case says."""
        words = [str(self._bin / command.words[0]), *command.words[1:]]
        done = subprocess.run(words, cwd=self._work, env=self._variables, timeout=_LIMIT,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        said = done.stdout + done.stderr
        title = shlex.join(command.words)
        if done.returncode != command.status or not re.search(command.output, said):
            raise Failed(f"{title}: status {done.returncode}, wanted {command.status} and "
                         f"{command.output!r}:\n{said}")
        if str(ROOT) in said:
            raise Failed(f"{title}: names the checkout:\n{said}")
        missing = [name for name in command.files if not (self._work / name).is_file()]
        if missing:
            raise Failed(f"{title}: left no {', '.join(missing)}")
        if command.missing:
            self._follow(command, said)

    def _follow(self, command: Command, said: str) -> None:
        """Check the hint for the missing extra; with ``then``, follow it and run the command."""
        hint = re.search(r"pip install (.+?)(?:; see docs/\S+)?$", said, re.MULTILINE)
        found = [] if hint is None else shlex.split(hint[1])
        if not found or not set(found) <= _requirements(command.missing):
            raise Failed(f"{shlex.join(command.words)}: no hint at what the extra "
                         f"{command.missing} requires:\n{said}")
        if command.then is not None:
            self.install(*found)
            self.run(command.then)


def _requirements(extra: str) -> set[str]:
    """Requirements of an extra in pyproject.toml, and of those that it includes."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    included = [re.fullmatch(r"xnorloom\[(.+)\]", line) for line in extras[extra]]
    names = [name for match in included if match for name in match[1].split(",")]
    own = {line for line, match in zip(extras[extra], included) if match is None}
    return own.union(*map(_requirements, names))


def _files(folder: Path) -> None:
    """Copy models of other tools, as a stranger brings them, and small programs."""
    packed = FIXTURES / "onnx" / "tfc_finn_streamlined.onnx.xz"
    (folder / "net.onnx").write_bytes(lzma.decompress(packed.read_bytes()))
    for name in ("functional.h5", "functional.keras"):
        shutil.copy(FIXTURES / "larq" / name, folder / name)
    for name in ("toy.py", "netlist.py", "serving.py"):
        shutil.copy(Path(__file__).with_name(name), folder / name)


def _try(folder: Path, wheel: Path, extras: str) -> str:
    """Return what went wrong with the commands of ``extras``, or nothing."""
    started, name = time.monotonic(), extras or "nothing"
    try:
        environment = Environment(folder / name, wheel, extras)
        for command in CASES[extras]:
            environment.run(command)
    except (Failed, subprocess.SubprocessError) as error:
        return f"xnorloom with {name}: {error}"
    finally:
        shutil.rmtree(folder / name, ignore_errors=True)
    print(f"xnorloom with {name}: {len(CASES[extras])} commands as wanted, "
          f"{time.monotonic() - started:.0f} s", flush=True)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("extras", nargs="*", metavar="EXTRA",
                        help=f"only these (all but {', '.join(LARGE)})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="environments at once")
    arguments = parser.parse_args()
    chosen = arguments.extras or [extras for extras in CASES if extras not in LARGE]
    with tempfile.TemporaryDirectory(prefix="xnorloom-stranger-") as made:
        folder = Path(made)
        [wheel] = WheelBuilder(str(ROOT)).build(directory=made, versions=["standard"])
        with ThreadPoolExecutor(arguments.jobs) as pool:
            failures = [text for text in pool.map(
                lambda extras: _try(folder, Path(wheel), extras), chosen) if text]
    for text in failures:
        print(f"FAILED: {text}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
