// Testbench of the compiled engine. Drives the wrapper of a component (wrapper.py) with words from
// a file, checks the stream protocol, and writes the words and the cycles of all transfers.
//
// Defines: I_BITS, O_BITS, LOAD_BITS (widths of the payloads), PROBES (a PROBE(number, width of the
// payload) for each) and VM_TRACE.
// Arguments: words load masks result count load_count expected deadline idle_limit watch
//            reset_cycles [waveform]
//   words     count rows of (I_BITS + 7) / 8 bytes, least significant first
//   load      load_count rows of (LOAD_BITS + 7) / 8 bytes
//   masks     a byte per cycle of the period: the producer may present; then: the sink is ready
//   result    output: the output words, int64 cycles of the input and of the output transfers,
//             then for each probe an int64 number of words, and the words
//   deadline  maximum number of cycles, or -1: at most idle_limit cycles without a transfer
// Standard output: "progress WORDS" periodically, at the end "done" or
// "failed KIND CYCLE IN OUT LOADED".

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "Vwrapper.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr size_t O_BYTES = (O_BITS + 7) / 8;
#define PROBE(number, bits) 1 +
constexpr size_t PROBE_COUNT = PROBES 0;
#undef PROBE

// Ports are integers up to 64 bits and arrays of 32-bit words above. All hosts of Verilator are
// little-endian, so the bytes of both are the little-endian word.
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

// Presents words of so many bits at a stream, each from the first allowed cycle on.
template <size_t Bits>
class Producer {
public:
    Producer(const char* path, size_t count) : words(read(path)), count(count) {
        if (words.size() != count * Bytes) die("input files of the wrong size");
    }

    bool done() const { return sent == count; }

    void drive(bool allowed, uint8_t* payload) {
        if (presenting || done() || !allowed) return;
        presenting = true;
        std::memcpy(payload, words.data() + sent * Bytes, Bytes);
    }

    // Ends a cycle. True if it transferred a word.
    bool step(bool ready, uint8_t* payload) {
        if (!presenting || !ready) return false;
        // An invalid payload is the complement, so that a component that uses it fails.
        for (size_t i = 0; i < Bytes; ++i) payload[i] = ~payload[i];
        if (Bytes) payload[Bytes - 1] &= Bits % 8 ? (1u << Bits % 8) - 1 : 0xff;
        ++sent;
        presenting = false;
        return true;
    }

    bool presenting = false;
    size_t sent = 0;

private:
    static constexpr size_t Bytes = (Bits + 7) / 8;
    const std::vector<uint8_t> words;
    const size_t count;
};

class Design {
public:
    explicit Design(const char* waveform) : top(new Vwrapper(&context, "")) {
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

    // The wrapper registers its inputs, so they take effect after this edge.
    void edge() {
        top->clk = 1;
        eval();
        top->clk = 0;
        eval();
    }

    VerilatedContext context;
    std::unique_ptr<Vwrapper> top;

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
    Producer<I_BITS> producer(argv[1], std::atoll(argv[5]));
    Producer<LOAD_BITS> loader(argv[2], std::atoll(argv[6]));
    const std::vector<uint8_t> masks = read(argv[3]);
    const size_t expected = std::atoll(argv[7]);
    const long long deadline = std::atoll(argv[8]), idle_limit = std::atoll(argv[9]);
    const long long watch = std::atoll(argv[10]), reset_cycles = std::atoll(argv[11]);
    const size_t period = masks.size() / 2;
    const uint8_t *may_present = masks.data(), *sink_ready = masks.data() + period;
    if (!period) die("input files of the wrong size");

    Design design(argc > 12 ? argv[12] : nullptr);
    Vwrapper& top = *design.top;
    std::vector<uint8_t> outputs, held(O_BYTES);
    std::vector<int64_t> i_cycles, o_cycles;
    struct Probe {
        int64_t count = 0;
        std::vector<uint8_t> words;
    };
    std::vector<Probe> probes(PROBE_COUNT);

    size_t sent = 0;
    bool ready = false, holding = false;
    size_t phase = 0;
    const auto drive = [&] {
        producer.drive(may_present[phase], raw(top.i_payload));
        loader.drive(may_present[phase], raw(top.load_payload));
        ready = sink_ready[phase];
        top.i_valid = producer.presenting;
        top.load_valid = loader.presenting;
        top.o_ready = ready;
        if (++phase == period) phase = 0;
        design.edge();
    };
    const auto fail = [&](const char* kind, long long cycle) {
        std::printf("failed %s %lld %zu %zu %zu\n", kind, cycle, producer.sent, sent,
                    loader.sent);
        return 0;
    };

    for (long long i = 1; i < reset_cycles; ++i) design.edge();
    top.rst = 0;
    drive();

    auto reported = std::chrono::steady_clock::now();
    long long idle = 0, watched = 0;
    for (long long cycle = 0;; ++cycle) {
        if (producer.done() && loader.done() && sent == expected) {
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
            if (sent == expected) return fail("spurious", cycle);
            if (ready) {
                outputs.insert(outputs.end(), raw(top.o_payload), raw(top.o_payload) + O_BYTES);
                o_cycles.push_back(cycle);
                ++sent;
                idle = 0;
            } else {
                std::memcpy(held.data(), raw(top.o_payload), O_BYTES);
            }
        }
#define PROBE(number, bits)                                                                         \
        if (top.probe##number##_valid) {                                                            \
            const uint8_t* word = raw(top.probe##number##_payload);                                 \
            probes[number].words.insert(probes[number].words.end(), word, word + (bits + 7) / 8);     \
            ++probes[number].count;                                                                 \
        }
        PROBES
#undef PROBE
        if (loader.step(top.load_ready, raw(top.load_payload))) idle = 0;
        if (producer.step(top.i_ready, raw(top.i_payload))) {
            i_cycles.push_back(cycle);
            idle = 0;
        }

        if (cycle % 1024 == 0) {
            const auto now = std::chrono::steady_clock::now();
            if (now - reported > std::chrono::milliseconds(200)) {
                reported = now;
                std::printf("progress %zu\n", sent);
                std::fflush(stdout);
            }
        }
        drive();
    }

    std::FILE* result = std::fopen(argv[4], "wb");
    if (!result) die(std::string("cannot write ") + argv[4]);
    write(result, outputs.data(), outputs.size());
    write(result, i_cycles.data(), i_cycles.size() * sizeof(int64_t));
    write(result, o_cycles.data(), o_cycles.size() * sizeof(int64_t));
    for (const Probe& probe : probes) {
        write(result, &probe.count, sizeof probe.count);
        write(result, probe.words.data(), probe.words.size());
    }
    if (std::fclose(result)) die("cannot write the result");
    std::printf("done\n");
    return 0;
}
