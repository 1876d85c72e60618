"""A component synthesised with the Yosys of the extra synth: prints its netlist."""

import sys

from xnorloom.gateware.xnor import XnorArray
from xnorloom_sim.netlist.component import synthesise

sys.stdout.write(synthesise(XnorArray(4), "ice40"))
