// Testbench of the simulated board. Clocks the wrapper of a design with a serial port (design.py) as
// fast as possible, and connects its serial line to a pseudo-terminal.
//
// Arguments: numerator denominator seed, then lost flipped inserted to the design, and the same from
//   numerator / denominator   clock cycles per bit, at least 4
//   lost, flipped, inserted   bytes per million that are dropped, have one bit flipped, or follow
//                             an inserted random byte
// Standard input: empty; its end ends the simulation.
// Standard output: "port PATH", at the end "done CYCLES RECEIVED SENT MALFORMED FAULTS FAULTS":
//   cycles, bytes from and to the other end of the terminal, bytes of the design without a stop
//   bit, and the bytes lost, flipped or inserted in each direction.

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>

#include "Vwrapper.h"
#include "verilated.h"

namespace {

[[noreturn]] void die(const char* what) {
    std::printf("cannot %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

// A pseudo-terminal without line editing. The end of the host is held open here, too, so that the
// host may close it and open it again.
class Terminal {
public:
    Terminal() {
        fd = posix_openpt(O_RDWR | O_NOCTTY);
        if (fd < 0 || grantpt(fd) || unlockpt(fd)) die("make a pseudo-terminal");
        path = ptsname(fd);
        held = open(path.c_str(), O_RDWR | O_NOCTTY);
        termios raw;
        if (held < 0 || tcgetattr(held, &raw)) die("open the pseudo-terminal");
        cfmakeraw(&raw);
        if (tcsetattr(held, TCSANOW, &raw)) die("set up the pseudo-terminal");
        if (fcntl(fd, F_SETFL, O_NONBLOCK)) die("set up the pseudo-terminal");
    }

    // Write and read as much as possible without blocking.
    void exchange() {
        if (!out.empty()) {
            const ssize_t count = write(fd, out.data(), out.size());
            if (count > 0) out.erase(0, count);
        }
        if (!in.empty()) return;
        uint8_t block[4096];
        const ssize_t count = read(fd, block, sizeof block);
        if (count > 0) in.insert(in.end(), block, block + count);
    }

    std::string path;
    std::deque<uint8_t> in;
    std::string out;
    int fd, held;
};

// Injects faults into bytes, the same for the same seed.
class Line {
public:
    Line(uint64_t seed, char** rates) : dice(seed) {
        for (int kind = 0; kind < 3; ++kind) rate[kind] = std::strtoul(rates[kind], nullptr, 10);
    }

    // Passes the bytes that result from one byte to `take`. The lowest `bits` bits may flip: its 8
    // and any after them.
    template <class Take>
    void pass(unsigned byte, int bits, Take take) {
        if (chance(rate[2])) take((dice() & 0xff) | 0x100);
        if (chance(rate[0])) return;
        if (chance(rate[1])) byte ^= 1u << dice() % bits;
        take(byte);
    }

    uint64_t faults = 0;

private:
    bool chance(uint64_t rate) {
        const bool hit = rate && dice() % 1000000 < rate;
        faults += hit;
        return hit;
    }

    std::mt19937_64 dice;
    uint64_t rate[3];
};

// Cycles from the start of a byte to each half of a bit, to the nearest cycle.
struct BitClock {
    uint64_t numerator, denominator;
    uint64_t at(uint64_t halves) const {
        return (halves * numerator + denominator) / (2 * denominator);
    }
};

constexpr uint64_t POLL_CYCLES = 256;
// After so long without traffic the design waits for its host, and the simulation sleeps.
constexpr uint64_t QUIET_CYCLES = 1 << 17;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 10) return 1;
    const BitClock bit_clock{std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10)};
    const uint64_t seed = std::strtoull(argv[3], nullptr, 10);
    Line to_design(2 * seed, argv + 4), from_design(2 * seed + 1, argv + 7);

    Terminal terminal;
    VerilatedContext context;
    Vwrapper top(&context, "");
    std::printf("port %s\n", terminal.path.c_str());
    std::fflush(stdout);

    uint64_t cycle = 0, received = 0, sent = 0, malformed = 0, busy = 0;
    // Start bit, 8 bits and stop bit of the bytes to send, least significant first.
    std::deque<unsigned> frames;
    uint64_t sending = 0, began = 0, seen = 0;
    int send_bit = 10, take_bit = -1;
    unsigned taken = 0;
    top.rx = 1;
    for (;; ++cycle) {
        if (cycle % POLL_CYCLES == 0) {
            terminal.exchange();
            pollfd end[] = {{STDIN_FILENO, POLLIN, 0}, {terminal.fd, POLLIN, 0}};
            const bool quiet = cycle - busy > QUIET_CYCLES && terminal.in.empty();
            poll(end, quiet ? 2 : 1, quiet ? 2 : 0);
            if (end[0].revents) break;
        }

        // To the design.
        if (send_bit == 10 && frames.empty() && !terminal.in.empty()) {
            to_design.pass(terminal.in.front() | 0x100, 9,
                           [&](unsigned byte) { frames.push_back(byte << 1); });
            terminal.in.pop_front();
            ++received;
        }
        if (send_bit == 10 && !frames.empty()) {
            sending = frames.front();
            frames.pop_front();
            send_bit = 0;
            began = cycle;
        }
        if (send_bit < 10) {
            top.rx = sending >> send_bit & 1;
            if (cycle + 1 - began == bit_clock.at(2 * (send_bit + 1))) ++send_bit;
            busy = cycle;
        } else {
            top.rx = 1;
        }

        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();

        // From the design.
        if (take_bit < 0) {
            if (!top.tx) {
                take_bit = 0;
                seen = cycle;
                taken = 0;
            }
        } else if (cycle - seen == bit_clock.at(2 * take_bit + 1)) {
            taken |= static_cast<unsigned>(top.tx) << take_bit;
            // A start bit must last to its middle.
            if (++take_bit == 1 && taken) take_bit = -1;
            if (take_bit == 10) {
                // The host receives a byte without a stop bit, too.
                malformed += !(taken >> 9);
                take_bit = -1;
                from_design.pass(taken >> 1 & 0xff, 8, [&](unsigned byte) {
                    terminal.out.push_back(static_cast<char>(byte));
                    ++sent;
                });
            }
            busy = cycle;
        }
    }

    top.final();
    std::printf("done %llu %llu %llu %llu %llu %llu\n", static_cast<unsigned long long>(cycle),
                static_cast<unsigned long long>(received), static_cast<unsigned long long>(sent),
                static_cast<unsigned long long>(malformed),
                static_cast<unsigned long long>(to_design.faults),
                static_cast<unsigned long long>(from_design.faults));
    return 0;
}
