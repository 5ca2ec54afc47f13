#include "incm/base/standard_error.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <span>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/clock.h"
#include "incm/base/log_line.h"

namespace incm::base {

namespace {

constexpr std::int64_t kPatienceMs = 1000;
constexpr std::size_t kPipePage = 4096;  // a pipe that has room has at least this much

std::atomic<bool> is_stuck{false};
std::atomic<bool> is_torn{false};  // the last written line lacks its end
std::atomic<std::uint64_t> dropped{0};

bool wait_for_room(std::int64_t milliseconds) noexcept {
    pollfd stderr_room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    return ::poll(&stderr_room, 1, static_cast<int>(milliseconds)) > 0;
}

/// Writes what fits now, like write(2) to a descriptor that does not block.
///
/// Standard error itself cannot be made non-blocking, because other processes share it. So a pipe
/// or a terminal is opened again for each line, since standard error may change. When it cannot be
/// opened (it belongs to another user, or no descriptor is left), it is polled for room first.
class Way {
 public:
    Way() noexcept {
        struct stat status {};
        if (::fstat(STDERR_FILENO, &status) != 0) return;
        is_socket_ = S_ISSOCK(status.st_mode);
        if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
            own_ = ::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
            may_block_ = own_ < 0;
        }
    }
    Way(const Way&) = delete;
    Way& operator=(const Way&) = delete;
    ~Way() {
        if (own_ >= 0) ::close(own_);
    }
    [[nodiscard]] ssize_t write(std::string_view text) const noexcept {
        if (is_socket_) {
            return ::send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        if (may_block_) {
            if (!wait_for_room(0)) {
                errno = EAGAIN;
                return -1;
            }
            text = text.substr(0, kPipePage);
        }
        return ::write(own_ >= 0 ? own_ : STDERR_FILENO, text.data(), text.size());
    }

 private:
    bool is_socket_ = false;
    bool may_block_ = false;
    int own_ = -1;
};

/// False when there was not enough room in time.
bool write_all(const Way& way, std::string_view text, std::int64_t patience_ms) noexcept {
    const std::int64_t deadline = steady_ms() + patience_ms;
    const std::size_t size = text.size();
    while (!text.empty()) {
        const ssize_t written = way.write(text);
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            const std::int64_t left = deadline - steady_ms();
            if (left <= 0) {
                if (text.size() < size) is_torn = true;
                return false;
            }
            wait_for_room(left);
        } else if (errno != EINTR) {
            return true;
        }
    }
    return true;
}

/// Write the line that reports a drop. People see "..." in place of what is missing.
std::size_t dropped_line(std::span<char, kMaxLogLineBytes> line,
                         std::string_view sentence) noexcept {
    if (log_style().format != LogFormat::kText) {
        return write_log_line(line, Priority::kWarning, "core", sentence);
    }
    std::size_t size = std::string_view("... ").copy(line.data(), line.size());
    size += sentence.copy(line.data() + size, line.size() - size);
    line[size] = '\n';
    return size + 1;
}

/// True when nothing was dropped, or the drop has been reported.
bool report_dropped(const Way& way) noexcept {
    const std::uint64_t count = dropped.exchange(0);
    if (count == 0) return true;
    const bool was_torn = is_torn.exchange(false);
    std::array<char, 128> buffer{};
    const int length = std::snprintf(buffer.data(), buffer.size(),
                                     "standard error took nothing: %llu lines were dropped",
                                     static_cast<unsigned long long>(count));
    const std::string_view sentence(buffer.data(), static_cast<std::size_t>(length));
    std::array<char, kMaxLogLineBytes + 1> text;
    text[0] = '\n';
    const std::size_t size = dropped_line(std::span(text).subspan<1>(), sentence);
    const std::size_t begin = was_torn ? 0 : 1;
    if (write_all(way, {text.data() + begin, size + 1 - begin}, 0)) return true;
    if (was_torn) is_torn = true;
    dropped += count;
    return false;
}

}  // namespace

void write_to_stderr(std::string_view line) noexcept {
    const Way way;
    const bool was_stuck = is_stuck;
    if (report_dropped(way) && write_all(way, line, was_stuck ? 0 : kPatienceMs)) {
        is_stuck = false;
    } else {
        is_stuck = true;
        ++dropped;
    }
}

}  // namespace incm::base
