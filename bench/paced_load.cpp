// Sends prepared requests at a fixed rate, whatever the answers take, and prints their times.
//
//   paced_load PORT FILE RATE CONNECTIONS
//
// FILE is what replay.py writes: each request behind its length in 8 decimal digits. Each request
// has its time; when all connections are busy then, its answer's time counts from there all the
// same, so a pause of the server is seen in every answer that it delayed. Prints "answered refused
// p50 p99 max", times in milliseconds.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

using Clock = std::chrono::steady_clock;

struct Talker {
    int socket = -1;
    Clock::time_point due;
    std::string answer;
};

std::vector<std::string> read_requests(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::string> requests;
    for (std::string length(8, '0'); file.read(length.data(), 8);) {
        std::string request(std::stoul(length), '\0');
        file.read(request.data(), static_cast<std::streamsize>(request.size()));
        requests.push_back(std::move(request));
    }
    return requests;
}

int connected(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address{.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = {htonl(INADDR_LOOPBACK)},
                              .sin_zero = {}};
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        std::cerr << "paced_load: nothing listens there\n";
        std::exit(EXIT_FAILURE);
    }
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return socket;
}

/// Whether the answer, head and announced body, has come.
bool is_whole(const std::string& answer) {
    const std::size_t head = answer.find("\r\n\r\n");
    const std::size_t field = answer.find("Content-Length: ");
    return head != std::string::npos && field < head &&
           answer.size() >= head + 4 + std::stoul(answer.substr(field + 16, 10));
}

class Load {
 public:
    Load(std::vector<std::string> requests, double rate, std::size_t connections,
         std::uint16_t port)
        : requests_(std::move(requests)), rate_(rate), talkers_(connections) {
        for (Talker& talker : talkers_) {
            talker.socket = connected(port);
            epoll_event event{.events = EPOLLIN, .data = {.ptr = &talker}};
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, talker.socket, &event);
            idle_.push_back(&talker);
        }
    }

    void run() {
        begin_ = Clock::now() + std::chrono::milliseconds(50);
        while (times_ms_.size() < requests_.size()) {
            while (sent_ < requests_.size() && !idle_.empty() && due() <= Clock::now()) send();
            listen();
        }
    }

    void print() {
        std::ranges::sort(times_ms_);
        const auto at = [&](double part) {
            return times_ms_[static_cast<std::size_t>(part *
                                                      static_cast<double>(times_ms_.size()))];
        };
        std::cout << times_ms_.size() << ' ' << refused_ << ' ' << at(0.5) << ' ' << at(0.99) << ' '
                  << times_ms_.back() << '\n';
    }

 private:
    [[nodiscard]] Clock::time_point due() const {
        return begin_ + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(static_cast<double>(sent_) / rate_));
    }

    void send() {
        Talker* const talker = idle_.front();
        idle_.pop_front();
        talker->due = due();
        const std::string& request = requests_[sent_++];
        if (::send(talker->socket, request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size())) {
            fail("a request could not be sent");
        }
    }

    /// Wait for answers until the next request is due; the kernel's clock for that counts in ms.
    void listen() {
        const bool waits_for_time = sent_ < requests_.size() && !idle_.empty();
        const auto left =
            std::chrono::duration_cast<std::chrono::nanoseconds>(due() - Clock::now());
        timespec pause{.tv_sec = waits_for_time ? 0 : 10,
                       .tv_nsec = waits_for_time ? std::max<long>(0, left.count()) : 0};
        std::array<epoll_event, 64> events;
        const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), &pause, nullptr);
        if (count == 0 && !waits_for_time) fail("no answer came for ten seconds");
        for (int i = 0; i < count; ++i) {
            take(*static_cast<Talker*>(events.at(static_cast<std::size_t>(i)).data.ptr));
        }
    }

    void take(Talker& talker) {
        std::array<char, 4096> part;
        const ssize_t count = ::recv(talker.socket, part.data(), part.size(), 0);
        if (count <= 0) fail("a connection ended");
        talker.answer.append(part.data(), static_cast<std::size_t>(count));
        if (!is_whole(talker.answer)) return;
        const std::chrono::duration<double, std::milli> time = Clock::now() - talker.due;
        times_ms_.push_back(time.count());
        if (!talker.answer.starts_with("HTTP/1.1 200 ")) ++refused_;
        talker.answer.clear();
        idle_.push_back(&talker);
    }

    [[noreturn]] static void fail(const char* what) {
        std::cerr << "paced_load: " << what << '\n';
        std::exit(EXIT_FAILURE);
    }

    const std::vector<std::string> requests_;
    const double rate_;
    const int epoll_ = ::epoll_create1(0);
    std::vector<Talker> talkers_;
    std::deque<Talker*> idle_;
    Clock::time_point begin_;
    std::size_t sent_ = 0;
    std::size_t refused_ = 0;
    std::vector<double> times_ms_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: paced_load PORT FILE RATE CONNECTIONS\n";
        return EXIT_FAILURE;
    }
    Load load(read_requests(argv[2]), std::stod(argv[3]), std::stoul(argv[4]),
              static_cast<std::uint16_t>(std::stoul(argv[1])));
    load.run();
    load.print();
    return EXIT_SUCCESS;
}
