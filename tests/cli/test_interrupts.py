"""Ctrl-C at any time: in one line, with status 130, without a traceback."""

import signal
import subprocess
import sys
import time

import pytest

# Presses Ctrl-C when a module is imported: in the module, or in a callback of the import system.
PROGRAM = """
import os, signal, sys

class Press:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            {how}()

def press():
    os.kill(os.getpid(), signal.SIGINT)

class Dying:
    def __del__(self):
        press()

def convert():
    try:
        press()
    except KeyboardInterrupt:
        raise ImportError("numpy.core.multiarray failed to import")

sys.meta_path.insert(0, Press())
from xnorloom_cli.main import main
sys.exit(main())
"""


def default():
    """In the new process: Ctrl-C does what it does in a terminal.

    What runs the tests may ignore it, as programs in the background of a shell do.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def executed(*command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, preexec_fn=default)


def pressed(module, how, *command):
    return executed(sys.executable, "-c", PROGRAM.format(module=module, how=how), *command)


MODULES = ["xnorloom_cli.exit_status", "argparse", "traceback", "json", "xnorloom_cli.commands",
           "xnorloom.errors", "xnorloom.schedule", "numpy", "numpy.linalg", "importlib.metadata",
           "xnorloom.graph.modelfile", "xnorloom.loading", "xnorloom.graph.summary"]


@pytest.mark.parametrize("how", ["press", "Dying"])
@pytest.mark.parametrize("module", MODULES)
def test_import(model, module, how):
    done = pressed(module, how, "info", model)
    assert (done.returncode, done.stderr) == (130, "xnorloom: interrupted\n")
    # A callback cannot be interrupted, only what follows soon after.
    assert done.stdout == "" or how == "Dying"


@pytest.mark.parametrize("module", MODULES[-3:])
def test_import_that_turns_it_into_another_error(model, module):
    done = pressed(module, "convert", "info", model)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "xnorloom: interrupted\n")


EXIT = """
import atexit, os, signal, sys
from xnorloom_cli.main import main

atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.exit(main())
"""


def test_exit(model):
    done = executed(sys.executable, "-c", EXIT, "info", model)
    assert done.stdout.startswith("model    toy\n")
    assert (done.returncode, done.stderr) == (130, "xnorloom: interrupted\n")


@pytest.mark.parametrize("delay", [0.15, 0.3, 0.5, 0.8, 1.2, 1.7])
def test_any_time(model, data, delay):
    """Whatever the process is at. The interpreter itself needs its first moments."""
    with subprocess.Popen([sys.executable, "-c", "import sys; from xnorloom_cli.main import main; "
                           "sys.stderr.write('begun\\n'); sys.stderr.flush(); sys.exit(main())",
                           "simulate", model, "--data", data, "--engine", "amaranth"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=default) as process:
        assert process.stderr.readline() == "begun\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    if "accuracy" in out and not err:
        # All was said; in its last moments Python has no handler of signals any more.
        assert process.returncode in (0, -signal.SIGINT)
    else:
        assert (process.returncode, err) == (130, "xnorloom: interrupted\n")


def test_ignored(model):
    """A process in the background ignores Ctrl-C."""
    program = ("import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
               "from xnorloom_cli.main import main; os.kill(os.getpid(), signal.SIGINT); "
               "status = main(); os.kill(os.getpid(), signal.SIGINT); sys.exit(status)")
    done = subprocess.run([sys.executable, "-c", program, "info", str(model)], capture_output=True,
                          text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_standard_error(model):
    program = ("import sys; from xnorloom_cli.main import main; import atexit, os, signal; "
               "atexit.register(os.kill, os.getpid(), signal.SIGINT); sys.exit(main())")
    done = executed("sh", "-c", '"$@" 2>&-', "sh", sys.executable, "-c", program, "info", model)
    assert (done.returncode, done.stderr) == (130, "")


def test_handler_is_left_alone(run, model):
    """The function `main`, called by another program, changes nothing."""
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    run("info", model)
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


def test_little_is_imported_before():
    """Modules that are loaded when Ctrl-C is handled, besides those of the interpreter's start."""
    program = ("import sys; before = set(sys.modules); import xnorloom, xnorloom_cli.main; "
               "print(*sorted(set(sys.modules) - before))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["xnorloom", "xnorloom_cli", "xnorloom_cli.interrupts",
                                   "xnorloom_cli.main"]
