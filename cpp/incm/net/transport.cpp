#include "incm/net/transport.h"

#include <cerrno>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace incm::net {

namespace {

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

IoResult receive(int descriptor, char* to, std::size_t size, int flags) {
    for (;;) {
        const ssize_t count = ::recv(descriptor, to, size, flags);
        if (count > 0) return {Io::kDone, static_cast<std::size_t>(count)};
        if (count < 0 && errno == EINTR) continue;
        return {count < 0 && would_block() ? Io::kWaitRead : Io::kEnd};
    }
}

}  // namespace

Transport::~Transport() {
    ::close(descriptor_);
}

IoResult Transport::read(char* to, std::size_t size, int wait_ms) {
    if (wait_ms == 0) return receive(descriptor_, to, size, MSG_DONTWAIT);
    // Waiting in recv(2), without poll(2), saves a system call for every request.
    if (receive_timeout_ms_ != wait_ms) {
        const timeval time{.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
        receive_timeout_ms_ = wait_ms;
    }
    return receive(descriptor_, to, size, 0);
}

IoResult Transport::write(std::string_view bytes) {
    for (;;) {
        const ssize_t count =
            ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) return {Io::kDone, static_cast<std::size_t>(count)};
        if (errno == EINTR) continue;
        return {would_block() ? Io::kWaitWrite : Io::kEnd};
    }
}

void Transport::finish() {
    ::shutdown(descriptor_, SHUT_WR);
}

IoResult Transport::read_raw(char* to, std::size_t size, bool peek) {
    return receive(descriptor_, to, size, MSG_DONTWAIT | (peek ? MSG_PEEK : 0));
}

void Transport::write_raw(std::string_view bytes) {
    [[maybe_unused]] const ssize_t count =
        ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool Transport::has_unread() {
    char one = 0;
    return read_raw(&one, 1, /*peek=*/true).state != Io::kWaitRead;
}

void Transport::give_up_sending() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Transport::shut_down() {
    ::shutdown(descriptor_, SHUT_RDWR);
}

}  // namespace incm::net
