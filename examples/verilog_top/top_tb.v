// Testbench of top.v: all ten images, twice, must light the lights of their digits.
`timescale 1ns / 1ns

module top_tb;
  // Longer than the latency of the core.
  localparam PAUSE_BITS = 14;

  reg CLK = 0;
  wire LED1, LED2, LED3, LED4, LEDG_N, LEDR_N;
  top #(.PAUSE_BITS(PAUSE_BITS)) dut (
    .CLK(CLK), .LED1(LED1), .LED2(LED2), .LED3(LED3), .LED4(LED4), .LEDG_N(LEDG_N),
    .LEDR_N(LEDR_N)
  );
  always #42 CLK = ~CLK;

  integer turn;
  initial begin
    // The reset, and the pause before the first image.
    repeat (255 + (1 << PAUSE_BITS)) @(posedge CLK);
    for (turn = 0; turn < 20; turn = turn + 1) begin
      repeat ((1 << PAUSE_BITS) - 8) @(posedge CLK);
      if ({LED4, LED3, LED2, LED1} != turn % 10 || LEDG_N || !LEDR_N) begin
        $display("FAIL image %0d: class %0d", turn % 10, {LED4, LED3, LED2, LED1});
        $stop;
      end
      repeat (8) @(posedge CLK);
    end
    $display("PASS 20 images");
    $finish;
  end
endmodule
