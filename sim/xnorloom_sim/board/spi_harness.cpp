// Testbench of a simulated board with SPI. Drives the pins of the wrapper of a design (spi.py) and
// its clock, which know nothing of each other: SCK has any frequency and phase.
//
// Arguments: half seed
//   half   picoseconds of half a clock cycle of the design
//   seed   of the phases
// Standard input: commands, numbers with their low byte first; its end ends the simulation.
//   F half(4)        half a cycle of SCK in picoseconds from now on
//   S level(1)       level of the chip select
//   X size(4) bytes  exchange bytes, mode 0, high bit first; answered by as many bytes
// Standard output: these answers, and "done CYCLES BYTES" at the end.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "Vwrapper.h"
#include "verilated.h"

namespace {

class Bench {
public:
    Bench(uint64_t half, uint64_t seed) : half(half), dice(seed), top(&context, "") {
        next = 1 + dice() % (2 * half);
        top.cs_n = 1;
        top.eval();
    }

    // Let the design run for some time.
    void pass(uint64_t time) {
        now += time;
        for (; next <= now; next += half) {
            top.clk = !top.clk;
            cycles += top.clk;
            top.eval();
        }
    }

    void select(bool level) {
        // The driver's time between commands is no multiple of any clock.
        pass(sck_half + dice() % (2 * half));
        top.cs_n = level;
        top.eval();
        pass(sck_half + dice() % (2 * half));
    }

    uint8_t exchange(uint8_t byte) {
        unsigned found = 0;
        for (int bit = 7; bit >= 0; --bit) {
            top.copi = byte >> bit & 1;
            top.eval();
            pass(sck_half);
            found = found << 1 | top.cipo;
            top.sck = 1;
            top.eval();
            pass(sck_half);
            top.sck = 0;
            top.eval();
        }
        ++bytes;
        return found;
    }

    uint64_t sck_half = 500000, cycles = 0, bytes = 0;

private:
    const uint64_t half;
    uint64_t now = 0, next;
    std::mt19937_64 dice;
    VerilatedContext context;
    Vwrapper top;
};

uint32_t number() {
    uint8_t raw[4] = {};
    if (std::fread(raw, 1, 4, stdin) != 4) std::exit(1);
    return raw[0] | raw[1] << 8 | raw[2] << 16 | static_cast<uint32_t>(raw[3]) << 24;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 1;
    Bench bench(std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10));
    std::vector<uint8_t> block;
    for (int command; (command = std::getchar()) != EOF;) {
        if (command == 'F') {
            bench.sck_half = number();
        } else if (command == 'S') {
            bench.select(std::getchar() != 0);
        } else if (command == 'X') {
            block.resize(number());
            if (std::fread(block.data(), 1, block.size(), stdin) != block.size()) return 1;
            for (uint8_t& byte : block) byte = bench.exchange(byte);
            std::fwrite(block.data(), 1, block.size(), stdout);
            std::fflush(stdout);
        } else {
            return 1;
        }
    }
    std::printf("done %llu %llu\n", static_cast<unsigned long long>(bench.cycles),
                static_cast<unsigned long long>(bench.bytes));
    return 0;
}
