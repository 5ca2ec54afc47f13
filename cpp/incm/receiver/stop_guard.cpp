#include "incm/receiver/stop_guard.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/base/background_thread.h"
#include "incm/base/clock.h"

namespace incm::receiver {

namespace {

constexpr std::int64_t kSilentMs = 1000;  // Python runs if it beat within this time

/// Return the process that wrote a message.
pid_t writer_of(msghdr& message) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
        ucred who{};
        const unsigned char* const data = CMSG_DATA(part);
        std::copy_n(data, sizeof who, reinterpret_cast<unsigned char*>(&who));
        return who.pid;
    }
    return -1;
}

}  // namespace

StopGuard::StopGuard(std::int64_t grace_ms, const PythonWatch& python, base::LogSink& log)
    : grace_ms_(grace_ms), python_(python), log_(log) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
        throw std::system_error(errno, std::generic_category(), "no socket for signals");
    }
    read_ = pair[0];
    written_ = pair[1];
    read_kept_ = base::KeptFromChildren::descriptor(read_);
    written_kept_ = base::KeptFromChildren::descriptor(written_);
    const int yes = 1;
    ::setsockopt(read_, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
    thread_ = base::start_without_signals("incm-stop", [this] { loop(); });
}

void StopGuard::stopping() {
    std::int64_t none = 0;
    if (!grace_ends_ms_.compare_exchange_strong(none, base::steady_ms() + grace_ms_)) return;
    // Any byte wakes the thread; 0 is no signal.
    [[maybe_unused]] const ssize_t written = ::write(written_, "", 1);
}

bool StopGuard::wait(std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    asked_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [this] { return stop_is_asked() || reload_; });
    return stop_is_asked();
}

void StopGuard::loop() {
    for (;;) {
        pollfd watched{.fd = read_, .events = POLLIN, .revents = 0};
        if (::poll(&watched, 1, static_cast<int>(wait_ms())) > 0) take_signals();
        end_if_due();
    }
}

/// Return how long to sleep, in milliseconds; -1 (without end) while nothing has to end.
std::int64_t StopGuard::wait_ms() const {
    const std::int64_t grace_ends_ms = grace_ends_ms_;
    if (grace_ends_ms == 0) return -1;
    const std::int64_t left_ms = grace_ends_ms - base::steady_ms();
    return std::clamp<std::int64_t>(left_ms, 100, 60'000);
}

void StopGuard::take_signals() {
    for (;;) {
        char number = 0;
        iovec part{.iov_base = &number, .iov_len = 1};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(read_, &message, MSG_CMSG_CLOEXEC) != 1) return;
        if (writer_of(message) == ::getpid()) note(number);
    }
}

void StopGuard::note(int number) {
    if (number == SIGTERM || number == SIGINT) {
        if (loading_) ::_exit(0);      // the code that is being loaded may hang
        if (++stops_ > 1) ::_exit(1);  // second request: at once, without grace
        stopping();
        if (python_.silent_ms() >= kSilentMs) {
            log_.write(
                base::LogLevel::kWarning,
                "a stop is requested while Python does not run: the process is ended by force in " +
                    std::to_string((grace_ms_ + 999) / 1000) +
                    " s, or at once on a second request");
        }
    } else if (number == SIGHUP) {
        reload_ = true;
    } else {
        return;
    }
    {
        // So that wait() has not checked yet, or sleeps already.
        const std::lock_guard lock(mutex_);
    }
    asked_.notify_all();
}

void StopGuard::end_if_due() {
    const std::int64_t grace_ends_ms = grace_ends_ms_;
    const std::int64_t over_ms = base::steady_ms() - grace_ends_ms;
    if (grace_ends_ms == 0 || over_ms < 0) return;
    const std::int64_t silent_ms = python_.silent_ms();
    if (silent_ms < kSilentMs && over_ms < kLastChanceMs) return;
    std::string why = "something that a plugin started did not end";
    if (silent_ms >= kSilentMs) {
        const auto stall = python_.board().stall();
        why = "Python has not run for " + std::to_string(silent_ms / 1000) + " s";
        if (stall) why += ", " + stall->reason;
    }
    log_.write(
        base::LogLevel::kError,
        "the stop took longer than its grace, so the process is ended by force: " + why +
            ". All acknowledged alerts are in the inbox, and are delivered after the next start");
    ::_exit(1);
}

}  // namespace incm::receiver
