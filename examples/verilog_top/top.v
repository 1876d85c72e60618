// A network on an iCEBreaker without a host: images from a ROM, classes on the lights of the
// break-off board (LED1 is bit 0), the next image about every second. The green light is on while
// the class is right: image N of the ROM is a digit N.
`default_nettype none

module top #(
  parameter PAUSE_BITS = 24  // cycles between images: a power of two
) (
  input  wire CLK,           // 12 MHz
  output wire LED1, LED2, LED3, LED4,
  output wire LEDG_N, LEDR_N
);
  // As in manifest.json: input.words_per_frame, input.word_bits, and the field of the class.
  localparam WORDS = 49, WIDTH = 16, CLASS = 4;
  localparam IMAGES = 10;

  // The block RAMs of an iCE40 read zeros in the first microseconds after configuration.
  reg [7:0] age = 0;
  wire reset = ~&age;
  always @(posedge CLK) if (reset) age <= age + 1;

  // Images, one word per address.
  reg [WIDTH-1:0] rom [0:IMAGES*WORDS-1];
  initial $readmemh("images.hex", rom);

  reg [PAUSE_BITS-1:0] pause = 0;
  wire start = &pause;
  reg [3:0] image = 0, shown = 0;
  reg [8:0] address = 0;
  reg [5:0] words_left = 0;
  reg [WIDTH-1:0] word;
  reg word_valid = 0;
  wire word_ready;

  // A word is read from the ROM in one cycle and offered from the next until the core takes it.
  wire fetch = words_left != 0 & (~word_valid | word_ready);

  always @(posedge CLK) begin
    pause <= reset ? 0 : pause + 1;
    if (fetch) word <= rom[address];
    if (start) begin
      words_left <= WORDS;
      shown <= image;
      image <= image == IMAGES - 1 ? 0 : image + 1;
      if (image == 0) address <= 0;
    end else if (fetch) begin
      words_left <= words_left - 1;
      address <= address + 1;
    end
    if (fetch) word_valid <= 1;
    else if (word_ready) word_valid <= 0;
  end

  wire result_valid;
  wire [CLASS-1:0] result;
  digits core (
    .clk(CLK), .rst(reset),
    .i__valid(word_valid), .i__ready(word_ready), .i__payload(word),
    .o__valid(result_valid), .o__ready(1'b1), .o__payload(result)
  );

  reg [CLASS-1:0] digit = 0;
  reg answered = 0;
  always @(posedge CLK)
    if (reset | start) answered <= 0;
    else if (result_valid) begin
      digit <= result;
      answered <= 1;
    end

  assign {LED4, LED3, LED2, LED1} = digit;
  assign LEDG_N = ~(answered & digit == shown);
  assign LEDR_N = ~(answered & digit != shown);
endmodule
