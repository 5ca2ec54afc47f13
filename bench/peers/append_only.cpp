// The least that a server does whose answers wait for the disk: a yardstick of
// `bench/scenarios.py`.
//
//   append_only FILE
//
// One thread appends the requests that are there to FILE as they came, waits for one fdatasync, and
// answers each 200 with a small JSON text of the size of ours. Nothing is checked, and of a request
// only its end is looked for. FILE has all its blocks before the first request, and is begun anew
// when it is full. Prints its port, and serves until its standard input ends.

#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kFileSize = 1024 * kBlock;
constexpr int kBacklog = 1024;
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n"
    R"({"status": "accepted", "id": 12345})";

void require(bool done, const char* what) {
    if (done) return;
    std::cerr << "append_only: " << what << '\n';
    std::exit(EXIT_FAILURE);
}

/// How long the first request is, head and announced body; 0 while it is not whole.
std::size_t first_length(std::string_view input) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    constexpr std::string_view kField = "\r\nContent-Length: ";
    const std::size_t end = input.find(kEnd);
    if (end == std::string_view::npos) return 0;
    const std::string_view head = input.substr(0, end);
    std::size_t body = 0;
    if (const std::size_t field = head.find(kField); field != std::string_view::npos) {
        std::from_chars(head.data() + field + kField.size(), head.data() + head.size(), body);
    }
    const std::size_t length = end + kEnd.size() + body;
    return length <= input.size() ? length : 0;
}

class File {
 public:
    explicit File(const char* path) : file_(::open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)) {
        require(file_ >= 0, "cannot open the file");
        // Where the file has its blocks, fdatasync writes no more than the data: neither size nor
        // blocks change, so nothing goes to the file system's journal.
        write(std::string(kFileSize, '\0'));
        require(::fsync(file_) == 0, "cannot sync the file");
    }

    /// Return when the bytes are on the disk.
    void append(std::string bytes) {
        // Else the next append would write the last block once more.
        bytes.resize((bytes.size() + kBlock - 1) / kBlock * kBlock);
        if (at_ + bytes.size() > kFileSize) at_ = 0;
        write(bytes);
        at_ += bytes.size();
        require(::fdatasync(file_) == 0, "cannot sync the file");
    }

 private:
    void write(const std::string& bytes) const {
        require(::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at_)) ==
                    static_cast<ssize_t>(bytes.size()),
                "cannot write the file");
    }

    const int file_;
    std::size_t at_ = 0;
};

class Server {
 public:
    explicit Server(const char* path) : file_(path) {
        const sockaddr_in address{.sin_family = AF_INET,
                                  .sin_port = 0,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_zero = {}};
        const auto* const any_port = reinterpret_cast<const sockaddr*>(&address);
        require(::bind(listener_, any_port, sizeof address) == 0, "cannot bind");
        require(::listen(listener_, kBacklog) == 0, "cannot listen");
        watch(listener_);
        watch(STDIN_FILENO);
    }

    [[nodiscard]] int port() const {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        return ntohs(address.sin_port);
    }

    void run() {
        for (;;) {
            std::array<epoll_event, 256> events;
            const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const int ready = events.at(static_cast<std::size_t>(i)).data.fd;
                if (ready == STDIN_FILENO) return;
                if (ready == listener_) {
                    accept();
                } else {
                    read(ready);
                }
            }
            if (!whole_.empty()) answer();
        }
    }

 private:
    void watch(int descriptor) const {
        epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
        require(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0, "cannot watch");
    }

    void accept() {
        const int socket = ::accept(listener_, nullptr, nullptr);
        if (socket < 0) return;
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(socket);
    }

    void read(int socket) {
        std::array<char, 16384> part;
        const ssize_t count = ::recv(socket, part.data(), part.size(), 0);
        if (count <= 0) {
            inputs_.erase(socket);
            ::close(socket);
            return;
        }
        std::string& input = inputs_[socket];
        input.append(part.data(), static_cast<std::size_t>(count));
        while (const std::size_t length = first_length(input)) {
            whole_.append(input, 0, length);
            input.erase(0, length);
            asked_.push_back(socket);
        }
    }

    void answer() {
        file_.append(std::move(whole_));
        whole_.clear();
        for (const int socket : asked_) {
            ::send(socket, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
        }
        asked_.clear();
    }

    File file_;
    const int epoll_ = ::epoll_create1(0);
    const int listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    std::unordered_map<int, std::string> inputs_;  // what of each connection is no whole request
    std::string whole_;                            // the requests that nobody has answered
    std::vector<int> asked_;                       // who sent them
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: append_only FILE\n";
        return EXIT_FAILURE;
    }
    Server server(argv[1]);
    std::cout << server.port() << std::endl;
    server.run();
    return EXIT_SUCCESS;
}
