// The compiled engine's testbench: drives the shell of one component (shell.py) with words from
// a file, watches the stream protocol, and writes the words and the cycles of all transfers.
//
// Compiled with I_BITS, O_BITS, LOAD_BITS (widths of the payloads), TAPS (a TAP(number, width of the
// payload) for each) and VM_TRACE defined.
// Arguments: words load masks result count load_count expected deadline idle_limit watch
//            reset_cycles [waveform]
//   words     count rows of (I_BITS + 7) / 8 bytes, least significant first
//   load      load_count rows of (LOAD_BITS + 7) / 8 bytes
//   masks     one byte per cycle of the period: may the source present; then: is the sink ready
//   result    written: output words, then int64 cycles of the input and the output transfers,
//             then for each tap an int64 number of words, and the words
//   deadline  cycles the run may take, or -1: idle_limit cycles without a transfer
// Standard output: "progress WORDS" now and then, at last "done" or
// "failed KIND CYCLE IN OUT LOADED".

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

constexpr size_t O_BYTES = (O_BITS + 7) / 8;
#define TAP(number, bits) 1 +
constexpr size_t TAP_COUNT = TAPS 0;
#undef TAP

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

// Words for a stream of so many bits: each is presented from the first cycle on in which it may.
template <size_t Bits>
class Source {
public:
    Source(const char* path, size_t count) : words(read(path)), count(count) {
        if (words.size() != count * Bytes) die("input files of the wrong size");
    }

    bool done() const { return taken == count; }

    void drive(bool allowed, uint8_t* payload) {
        if (presenting || done() || !allowed) return;
        presenting = true;
        std::memcpy(payload, words.data() + taken * Bytes, Bytes);
    }

    // Whether a word is transferred.
    bool step(bool ready, uint8_t* payload) {
        if (!presenting || !ready) return false;
        // A payload that is not valid is the wrong one, so that using it is noticed.
        for (size_t i = 0; i < Bytes; ++i) payload[i] = ~payload[i];
        if (Bytes) payload[Bytes - 1] &= Bits % 8 ? (1u << Bits % 8) - 1 : 0xff;
        ++taken;
        presenting = false;
        return true;
    }

    bool presenting = false;
    size_t taken = 0;

private:
    static constexpr size_t Bytes = (Bits + 7) / 8;
    const std::vector<uint8_t> words;
    const size_t count;
};

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
        top->load_valid = 0;
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
    if (argc < 12) die("too few arguments");
    Source<I_BITS> source(argv[1], std::atoll(argv[5]));
    Source<LOAD_BITS> loader(argv[2], std::atoll(argv[6]));
    const std::vector<uint8_t> masks = read(argv[3]);
    const size_t expected = std::atoll(argv[7]);
    const long long deadline = std::atoll(argv[8]), idle_limit = std::atoll(argv[9]);
    const long long watch = std::atoll(argv[10]), reset_cycles = std::atoll(argv[11]);
    const size_t period = masks.size() / 2;
    const uint8_t *may_present = masks.data(), *sink_ready = masks.data() + period;
    if (!period) die("input files of the wrong size");

    Design design(argc > 12 ? argv[12] : nullptr);
    Vshell& top = *design.top;
    std::vector<uint8_t> outputs, held(O_BYTES);
    std::vector<int64_t> i_cycles, o_cycles;
    struct Tap {
        int64_t count = 0;
        std::vector<uint8_t> words;
    };
    std::vector<Tap> taps(TAP_COUNT);

    size_t given = 0;
    bool ready = false, holding = false;
    size_t phase = 0;
    const auto drive = [&] {
        source.drive(may_present[phase], raw(top.i_payload));
        loader.drive(may_present[phase], raw(top.load_payload));
        ready = sink_ready[phase];
        top.i_valid = source.presenting;
        top.load_valid = loader.presenting;
        top.o_ready = ready;
        if (++phase == period) phase = 0;
        design.edge();
    };
    const auto fail = [&](const char* kind, long long cycle) {
        std::printf("failed %s %lld %zu %zu %zu\n", kind, cycle, source.taken, given,
                    loader.taken);
        return 0;
    };

    for (long long i = 1; i < reset_cycles; ++i) design.edge();
    top.rst = 0;
    drive();

    auto reported = std::chrono::steady_clock::now();
    long long idle = 0, watched = 0;
    for (long long cycle = 0;; ++cycle) {
        if (source.done() && loader.done() && given == expected) {
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
        if (loader.step(top.load_ready, raw(top.load_payload))) idle = 0;
        if (source.step(top.i_ready, raw(top.i_payload))) {
            i_cycles.push_back(cycle);
            idle = 0;
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

    std::FILE* result = std::fopen(argv[4], "wb");
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
