"""A Verilog testbench for the Verilog of a network: frames in, results compared, cycles measured.

The testbench is plain Verilog-2005, for whoever has a simulator and no Python; ``docs/verilog.md``
says how to run it.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..gateware.network import Network
from ..packing import load_words, pack_frames, result_fields
from ..support.arguments import integers
from ..support.files import make_directory, write_atomic
from .manifest import module_name

__all__ = ["write"]

_TESTBENCH = """\
// Testbench of {name}: feeds it frames, compares the results, measures latency and interval.
// Run it in the directory of its hex files. With +stall both sides stall at random, with
// +seed=N otherwise. Its last line starts with PASS or FAIL; FAIL ends in $stop.
`timescale 1ns / 1ns

module {name}_tb;
  parameter FRAMES = {frames};
  parameter WORDS = {words};
  parameter LATENCY = {latency};
  parameter INTERVAL = {interval};
{load_parameter}  // Cycles without any transfer after which the core is taken for dead.
  parameter PATIENCE = 4 * (LATENCY + INTERVAL) + 1000;
  // Cycles after the last result in which no other may come.
  parameter WATCH = INTERVAL + 16;

  reg clk = 1'b0;
  reg rst = 1'b1;
  reg i__valid = 1'b0;
  wire i__ready;
  reg [{i_msb}:0] i__payload = 0;
  wire o__valid;
  reg o__ready = 1'b0;
  wire [{o_msb}:0] o__payload;
{load_ports}
  {name} dut (
    .clk(clk),
    .rst(rst),
{load_connections}    .i__valid(i__valid),
    .i__ready(i__ready),
    .i__payload(i__payload),
    .o__valid(o__valid),
    .o__ready(o__ready),
    .o__payload(o__payload)
  );

  reg [{i_msb}:0] words [0:FRAMES*WORDS-1];
  reg [{o_msb}:0] results [0:FRAMES-1];

  reg stall;
  reg [31:0] lfsr;
  integer cycle = 0, idle = 0, sent = 0, received = 0;
  integer next, start, previous, pause = 0;
  reg waiting = 1'b0;
  reg [{o_msb}:0] waited;
  reg failed = 1'b0;

  wire i_taken = i__valid & i__ready;
  wire o_taken = o__valid & o__ready;
{load_taken}
  always #5 clk = ~clk;

  initial begin
    $readmemh("{name}_words.hex", words);
    $readmemh("{name}_results.hex", results);
{load_file}    stall = $test$plusargs("stall") != 0;
    if (!$value$plusargs("seed=%d", lfsr)) lfsr = 1;
    // The register would never leave 0.
    lfsr = lfsr ^ 32'h9e3779b9;
    if (lfsr == 0) lfsr = 1;
  end

  always @(posedge clk) begin
    cycle <= cycle + 1;
    lfsr <= {{lfsr[30:0], lfsr[31] ^ lfsr[21] ^ lfsr[1] ^ lfsr[0]}};
    rst <= cycle == 0;

    if (!rst) begin
      // Source: the next word as soon as the last is taken, or at random. While there is none,
      // the payload is one that would be noticed.
      if (i_taken & sent == 0) start <= cycle;
      if (i_taken) sent <= sent + 1;
      if (i_taken | ~i__valid) begin
        next = i_taken ? sent + 1 : sent;
        if (next < FRAMES * WORDS && !(stall && lfsr[1:0] == 0)) begin
          i__valid <= 1'b1;
          i__payload <= words[next];
        end else begin
          i__valid <= 1'b0;
          i__payload <= ~i__payload;
        end
      end

{load_source}      // Sink: always ready, or after a pause that makes the core wait now and then.
      if (o_taken) pause = {{9'd0, lfsr[30:8]}} % (2 * INTERVAL);
      else if (pause > 0) pause = pause - 1;
      o__ready <= !stall || (pause == 0 && lfsr[5:4] != 0);

      // A result that waits stays.
      if (waiting & (o__valid !== 1'b1 || o__payload !== waited)) begin
        $display("FAIL cycle %0d: result %0d changed before it was taken", cycle, received);
        failed = 1'b1;
      end
      waiting <= o__valid & ~o__ready;
      waited <= o__payload;

      if (o_taken) begin
        if (received == FRAMES) begin
          $display("FAIL cycle %0d: a result after the last of %0d frames", cycle, FRAMES);
          failed = 1'b1;
        end else if (o__payload !== results[received]) begin
          $display("FAIL frame %0d: result is %h, expected %h", received, o__payload,
                   results[received]);
          failed = 1'b1;
        end else if (!stall && received == 0 && cycle - start != LATENCY) begin
          $display("FAIL latency is %0d, expected %0d", cycle - start, LATENCY);
          failed = 1'b1;
        end else if (!stall && received > 0 && received == FRAMES - 1
                     && cycle - previous != INTERVAL) begin
          $display("FAIL interval is %0d, expected %0d", cycle - previous, INTERVAL);
          failed = 1'b1;
        end
        previous <= cycle;
        received <= received + 1;
      end

      idle <= i_taken | o_taken{load_moves} ? 0 : idle + 1;
      if (failed) begin
        $stop;
      end else if (received == FRAMES && idle == WATCH) begin
        if (stall) $display("PASS %0d frames, with stalls", FRAMES);
        else $display("PASS %0d frames, latency %0d, interval %0d", FRAMES, LATENCY, INTERVAL);
        $finish;
      end else if (idle == PATIENCE) begin
        $display("FAIL cycle %0d: nothing moves, after %0d words and %0d results", cycle, sent,
                 received);
        $stop;
      end
    end
  end
endmodule
"""


# What it has more if weights are loaded; the core holds back the frames until they are.
_LOAD = {
    "load_parameter": """\
  parameter LOADS = {loads};
""",
    "load_ports": """\
  reg load__valid = 1'b0;
  wire load__ready;
  reg [15:0] load__payload = 0;
  wire loaded;
""",
    "load_connections": """\
    .load__valid(load__valid),
    .load__ready(load__ready),
    .load__payload(load__payload),
    .loaded(loaded),
    .reload(1'b0),
""",
    "load_taken": """\
  wire load_taken = load__valid & load__ready;
  reg [15:0] weights [0:LOADS-1];
  integer loading = 0, load_next;
""",
    "load_file": """\
    $readmemh("{name}_load.hex", weights);
""",
    "load_source": """\
      // Source of the weights: the same.
      if (load_taken) loading <= loading + 1;
      if (load_taken | ~load__valid) begin
        load_next = load_taken ? loading + 1 : loading;
        if (load_next < LOADS && !(stall && lfsr[3:2] == 0)) begin
          load__valid <= 1'b1;
          load__payload <= weights[load_next];
        end else begin
          load__valid <= 1'b0;
          load__payload <= ~load__payload;
        end
      end

""",
    "load_moves": " | load_taken",
}


def write(network: Network, directory: str | os.PathLike[str], frames: npt.ArrayLike,
          classes: npt.ArrayLike, scores: npt.ArrayLike | None = None,
          name: str | None = None) -> list[Path]:
    """Write a testbench of ``network`` into ``directory``, which is made if missing.

    ``<module>_tb.v`` reads ``<module>_words.hex``, the input words of the frames, and
    ``<module>_results.hex``, the output words that the core must give for them. It says ``PASS``
    and how many frames there were, or ``FAIL`` and why. Where the core is loaded with weights, it
    also reads ``<module>_load.hex``, which comes with the core's Verilog.

    Parameters
    ----------
    network : Network
        The core; :func:`xnorloom.export.verilog.write` writes its Verilog.
    frames : array of integers, shape (frames, …)
        At least one frame; see :func:`~xnorloom.packing.pack_frames`.
    classes : array of integers, shape (frames,)
        The expected class of each frame.
    scores : array of integers, shape (frames, classes), or None
        The expected scores; wanted if and only if the network puts its scores out.
    name : str or None
        The module's, if the Verilog was written with one.

    Returns
    -------
    list of Path
        The testbench, the input words, the results. Each file appears whole or not at all.

    Raises
    ------
    TypeError, ValueError
        If an array, or the name, is not what it must be.
    OSError
        If ``directory`` cannot be written.
    """
    words = pack_frames(network.plan, np.asarray(frames))
    count = len(words) // network.plan.words
    if not count:
        raise ValueError("frames must hold at least one frame, not none")
    results = _pack_results(network, count, classes, scores)
    module = module_name(network, name)
    directory = make_directory(directory)
    texts = {
        f"{module}_results.hex": _hex(results, _result_width(network)),
        f"{module}_words.hex": _hex((int.from_bytes(word.tobytes(), "little") for word in words),
                                    network.schedule.input_width),
        f"{module}_tb.v": _testbench(network, module, count),
    }
    # The testbench comes last, when what it reads is there.
    for file, text in texts.items():
        write_atomic(directory / file, text)
    return [directory / file for file in reversed(texts)]


def _testbench(network: Network, module: str, frames: int) -> str:
    loads = len(load_words(network.plan))
    more = {key: text.format(name=module, loads=loads) if loads else ""
            for key, text in _LOAD.items()}
    return _TESTBENCH.format(
        **more, name=module, frames=frames, words=network.plan.words, latency=network.latency,
        interval=network.interval, i_msb=network.schedule.input_width - 1,
        o_msb=_result_width(network) - 1)


def _hex(words: Iterable[int], width: int) -> str:
    return "".join(f"{word:0{-(-width // 4)}x}\n" for word in words)


def _result_width(network: Network) -> int:
    last = result_fields(network.graph, network.scores)[-1]
    return last.low_bit + last.width


def _pack_results(network: Network, frames: int, classes: npt.ArrayLike,
                  scores: npt.ArrayLike | None) -> list[int]:
    """Words of the output stream; the way back is :func:`xnorloom.packing.unpack_results`."""
    graph = network.graph
    if (scores is not None) != network.scores:
        raise ValueError(f"scores must be {'given' if network.scores else 'None'} for a network "
                         f"that {'puts' if network.scores else 'does not put'} its scores out")
    columns = [_integers("classes", classes, (frames,), 0, graph.classes - 1)]
    if scores is not None:
        columns += list(_integers("scores", scores, (frames, graph.classes),
                                  *graph.score_range).T)
    words = [0] * frames
    for field, column in zip(result_fields(graph, network.scores), columns):
        for frame, value in enumerate(column):
            words[frame] |= (int(value) & ((1 << field.width) - 1)) << field.low_bit
    return words


def _integers(what: str, values: npt.ArrayLike, shape: tuple[int, ...], low: int,
              high: int) -> np.ndarray:
    array = integers(what, values)
    if array.shape != shape:
        raise ValueError(f"{what} must have the shape {shape!r}, not {array.shape!r}")
    wrong = array[(array < low) | (array > high)]
    if wrong.size:
        raise ValueError(f"{what} must be in {low} to {high}, not {wrong[0]!s}")
    return array
