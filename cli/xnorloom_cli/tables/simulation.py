# amaranth: UnusedElaboratable=no
"""Text of a checked simulation: accuracy, mismatches, measured and computed cycles."""

from xnorloom.gateware.network import Network
from xnorloom.support.text import count
from xnorloom_sim.check import Check

__all__ = ["simulation_text", "simulation_warnings"]


def simulation_text(check: Check) -> str:
    """Lay out the results of ``check`` for people."""
    network = Network(check.plan)
    values = check.values
    lines = [("engine", values["engine"]), ("frames", f"{check.frames:,}")]
    if check.correct is not None:
        lines.append(("accuracy", f"{100 * values['accuracy']:.2f} % ({check.correct:,} correct)"))
    lines.append(("mismatches", f"{check.mismatches:,} (frames whose class or scores differ "
                                f"from the golden model)"))
    if values["cycles"] is not None:
        lines.append(("cycles", f"{values['cycles']:,}"))
    for what in ("latency", "interval"):
        measured, formula = values[what], count(getattr(network, what), "cycle")
        if values["cycles"] is None:
            lines.append((what, f"{formula} by the formula, not measured"))
        elif measured is not None:
            lines.append((what, f"{count(measured, 'cycle')} measured, "
                                f"{getattr(network, what):,} by the formula"))
        elif check.latency is not None:
            lines.append((what, f"{formula} by the formula; {_measuring(network)}"))
        else:
            lines.append((what, f"{formula} by the formula; not measurable with stalls"))
    return "\n".join(f"{name:<12}{text}" for name, text in lines)


def _measuring(network: Network) -> str:
    if network.steady_frames is None:
        return "not measured, since batches differ in size"
    return ("measuring takes two frames" if network.steady_frames == 1 else
            f"measuring takes {network.steady_frames + 1} frames")


def simulation_warnings(check: Check) -> list[str]:
    """Differences of the simulation from the golden model and from the formulas."""
    network, lines = Network(check.plan), []
    if check.first is not None:
        lines.append(f"the gateware differs from the golden model, first in {check.first}")
    for what in ("latency", "interval"):
        measured, formula = getattr(check, what), getattr(network, what)
        if measured is not None and measured != formula:
            lines.append(f"the measured {what} is {count(measured, 'cycle')}, the formula "
                         f"says {formula}")
    return lines
