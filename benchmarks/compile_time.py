"""Time from a graph to its Verilog, and from there to a compiled simulation."""

import argparse
import json
import tempfile
import time
from pathlib import Path

from xnorloom import folding
from xnorloom.export import verilog
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom_sim.engines.verilator.build import build
from xnorloom_sim.engines.verilator.wrapper import wrap

MODELS = Path(__file__).parents[1] / "models"


def measure(path: Path) -> dict[str, float]:
    """Measure the seconds of each step, for the model in ``path`` at the default interval."""
    clock = time.perf_counter
    graph = Graph.load(path)
    times = [clock()]
    network = Network(folding.automatic(graph).bind(graph))
    times.append(clock())
    text = verilog.convert(network)
    times.append(clock())
    # The same Verilog again, in the wrapper of the simulation; this step is not measured.
    wrapped = wrap(Network(network.schedule.bind(graph)), network.i.payload.shape().width,
                   network.o.payload.shape().width)
    times.append(clock())
    with tempfile.TemporaryDirectory(prefix="xnorloom-") as cache:
        build(wrapped, i_width=network.i.payload.shape().width,
              o_width=network.o.payload.shape().width, trace=False, cache=Path(cache))
        times.append(clock())
    return {"fold": times[1] - times[0], "verilog": times[2] - times[1],
            "simulation": times[4] - times[3], "verilog_bytes": len(text)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    results = {name: measure(MODELS / f"{name}.bnn") for name in ("tfc", "sfc")}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print("Compilation at the default interval, seconds")
    print(f"{'':8}{'fold':>8}{'elaborate, Verilog':>20}{'Verilator, C++':>16}{'Verilog':>12}")
    for name, values in results.items():
        print(f"{name:8}{values['fold']:>8.2f}{values['verilog']:>20.1f}"
              f"{values['simulation']:>16.1f}{values['verilog_bytes'] / 1000:>9,.0f} kB")


if __name__ == "__main__":
    main()
