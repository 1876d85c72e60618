// The compiled engine's testbench: drives the shell of one component (shell.py) with words from
// a file, watches the stream protocol, and writes the words and the cycles of all transfers.
//
// Compiled with I_BITS, O_BITS (widths of the payloads), TAPS (a TAP(number, width of the payload)
// for each) and VM_TRACE defined.
// Arguments: words masks result count expected deadline idle_limit watch reset_cycles [waveform]
//   words     count rows of (I_BITS + 7) / 8 bytes, least significant first
//   masks     one byte per cycle of the period: may the source present; then: is the sink ready
//   result    written: output words, then int64 cycles of the input and the output transfers,
//             then for each tap an int64 number of words, and the words
//   deadline  cycles the run may take, or -1: idle_limit cycles without a transfer
// Standard output: "progress WORDS" now and then, at last "done" or "failed KIND CYCLE IN OUT".

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "Vshell.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr size_t I_BYTES = (I_BITS + 7) / 8;
constexpr size_t O_BYTES = (O_BITS + 7) / 8;
#define TAP(number, bits) 1 +
constexpr size_t TAP_COUNT = TAPS 0;
#undef TAP
constexpr uint8_t I_LAST = I_BITS % 8 ? (1u << I_BITS % 8) - 1 : 0xff;

// Ports are integers up to 64 bits and arrays of 32-bit words above. Every host Verilator runs on
// is little-endian, so both are their own little-endian bytes.
template <class Port>
uint8_t* raw(Port& port) { return reinterpret_cast<uint8_t*>(&port); }
template <std::size_t Words>
uint8_t* raw(VlWide<Words>& port) { return reinterpret_cast<uint8_t*>(port.data()); }

[[noreturn]] void die(const std::string& message) {
    std::printf("%s\n", message.c_str());
    std::exit(1);
}

std::vector<uint8_t> read(const char* path) {
    std::FILE* file = std::fopen(path, "rb");
    if (!file) die(std::string("cannot read ") + path);
    std::vector<uint8_t> bytes;
    uint8_t block[65536];
    while (size_t got = std::fread(block, 1, sizeof block, file))
        bytes.insert(bytes.end(), block, block + got);
    std::fclose(file);
    return bytes;
}

void write(std::FILE* file, const void* bytes, size_t count) {
    if (count && std::fwrite(bytes, 1, count, file) != count) die("cannot write the result");
}

class Design {
public:
    explicit Design(const char* waveform) : top(new Vshell(&context, "")) {
#if VM_TRACE
        if (waveform) {
            context.traceEverOn(true);
            vcd.reset(new VerilatedVcdC);
            top->trace(vcd.get(), 99);
            vcd->open(waveform);
            if (!vcd->isOpen()) die(std::string("cannot write ") + waveform);
        }
#endif
        top->clk = 0;
        top->rst = 1;
        top->i_valid = 0;
        top->o_ready = 0;
        eval();
    }

    ~Design() {
#if VM_TRACE
        if (vcd) vcd->close();
#endif
        top->final();
    }

    // The shell registers its inputs, so they take effect after this edge.
    void edge() {
        top->clk = 1;
        eval();
        top->clk = 0;
        eval();
    }

    VerilatedContext context;
    std::unique_ptr<Vshell> top;

private:
    void eval() {
        top->eval();
#if VM_TRACE
        if (vcd) vcd->dump(time);
        time += 500;
#endif
    }

#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> vcd;
    uint64_t time = 0;
#endif
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 10) die("too few arguments");
    const std::vector<uint8_t> words = read(argv[1]), masks = read(argv[2]);
    const size_t count = std::atoll(argv[4]), expected = std::atoll(argv[5]);
    const long long deadline = std::atoll(argv[6]), idle_limit = std::atoll(argv[7]);
    const long long watch = std::atoll(argv[8]), reset_cycles = std::atoll(argv[9]);
    const size_t period = masks.size() / 2;
    const uint8_t *may_present = masks.data(), *sink_ready = masks.data() + period;
    if (words.size() != count * I_BYTES || !period) die("input files of the wrong size");

    Design design(argc > 10 ? argv[10] : nullptr);
    Vshell& top = *design.top;
    std::vector<uint8_t> outputs, held(O_BYTES);
    std::vector<int64_t> i_cycles, o_cycles;
    struct Tap {
        int64_t count = 0;
        std::vector<uint8_t> words;
    };
    std::vector<Tap> taps(TAP_COUNT);

    size_t taken = 0, given = 0;
    bool presenting = false, ready = false, holding = false;
    size_t phase = 0;
    const auto drive = [&] {
        if (!presenting && taken < count && may_present[phase]) {
            presenting = true;
            std::memcpy(raw(top.i_payload), words.data() + taken * I_BYTES, I_BYTES);
        }
        ready = sink_ready[phase];
        top.i_valid = presenting;
        top.o_ready = ready;
        if (++phase == period) phase = 0;
        design.edge();
    };
    const auto fail = [&](const char* kind, long long cycle) {
        std::printf("failed %s %lld %zu %zu\n", kind, cycle, taken, given);
        return 0;
    };

    for (long long i = 1; i < reset_cycles; ++i) design.edge();
    top.rst = 0;
    drive();

    auto reported = std::chrono::steady_clock::now();
    long long idle = 0, watched = 0;
    for (long long cycle = 0;; ++cycle) {
        if (taken == count && given == expected) {
            if (watched++ == watch) break;
        } else if (deadline >= 0 ? cycle >= deadline : idle >= idle_limit) {
            return fail("deadline", cycle);
        }
        ++idle;

        if (holding && !top.o_valid) return fail("dropped", cycle);
        if (holding && std::memcmp(raw(top.o_payload), held.data(), O_BYTES))
            return fail("changed", cycle);
        holding = top.o_valid && !ready;
        if (top.o_valid) {
            if (given == expected) return fail("spurious", cycle);
            if (ready) {
                outputs.insert(outputs.end(), raw(top.o_payload), raw(top.o_payload) + O_BYTES);
                o_cycles.push_back(cycle);
                ++given;
                idle = 0;
            } else {
                std::memcpy(held.data(), raw(top.o_payload), O_BYTES);
            }
        }
#define TAP(number, bits)                                                                         \
        if (top.tap##number##_valid) {                                                            \
            const uint8_t* word = raw(top.tap##number##_payload);                                 \
            taps[number].words.insert(taps[number].words.end(), word, word + (bits + 7) / 8);     \
            ++taps[number].count;                                                                 \
        }
        TAPS
#undef TAP
        if (presenting && top.i_ready) {
            // A payload that is not valid is the wrong one, so that using it is noticed.
            uint8_t* payload = raw(top.i_payload);
            for (size_t i = 0; i < I_BYTES; ++i) payload[i] = ~payload[i];
            if (I_BYTES) payload[I_BYTES - 1] &= I_LAST;
            i_cycles.push_back(cycle);
            ++taken;
            idle = 0;
            presenting = false;
        }

        if (cycle % 1024 == 0) {
            const auto now = std::chrono::steady_clock::now();
            if (now - reported > std::chrono::milliseconds(200)) {
                reported = now;
                std::printf("progress %zu\n", given);
                std::fflush(stdout);
            }
        }
        drive();
    }

    std::FILE* result = std::fopen(argv[3], "wb");
    if (!result) die(std::string("cannot write ") + argv[3]);
    write(result, outputs.data(), outputs.size());
    write(result, i_cycles.data(), i_cycles.size() * sizeof(int64_t));
    write(result, o_cycles.data(), o_cycles.size() * sizeof(int64_t));
    for (const Tap& tap : taps) {
        write(result, &tap.count, sizeof tap.count);
        write(result, tap.words.data(), tap.words.size());
    }
    if (std::fclose(result)) die("cannot write the result");
    std::printf("done\n");
    return 0;
}
