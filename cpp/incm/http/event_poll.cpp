#include "incm/http/event_poll.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/base/result.h"

namespace incm::http {

namespace {

// No client has one of these marks, because the low half of a client's mark is its descriptor.
constexpr std::uint64_t kListenerMark = UINT64_MAX;
constexpr std::uint64_t kWakerMark = UINT64_MAX - 1;

}  // namespace

EventPoll::EventPoll()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), waker_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

EventPoll::~EventPoll() {
    for (auto* const kept : {&epoll_kept_, &waker_kept_}) *kept = {};
    ::close(waker_);
    ::close(epoll_);
}

void EventPoll::listen(int listener) {
    if (epoll_ < 0 || waker_ < 0) {
        throw base::Failure(
            {base::ErrorCode::kCannotListen, "no descriptor is left to watch clients"});
    }
    // Another process may share the listener, and accept first what was announced here.
    ::fcntl(listener, F_SETFL, ::fcntl(listener, F_GETFL) | O_NONBLOCK);
    const int on = 1;  // inherited by the connections
    ::setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listener_ = listener;
    control(EPOLL_CTL_ADD, waker_, EPOLLIN, kWakerMark);
    control(EPOLL_CTL_ADD, listener_, EPOLLIN, kListenerMark);
    listening_ = Listening::kYes;
}

void EventPoll::pause_listening() {
    if (listening_ != Listening::kYes) return;
    listening_ = Listening::kPaused;
    control(EPOLL_CTL_MOD, listener_, 0, kListenerMark);
}

void EventPoll::resume_listening() {
    if (listening_ != Listening::kPaused) return;
    listening_ = Listening::kYes;
    control(EPOLL_CTL_MOD, listener_, EPOLLIN, kListenerMark);
}

void EventPoll::stop_listening() {
    if (listening_ == Listening::kNo) return;
    listening_ = Listening::kNo;
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
}

void EventPoll::watch(int descriptor, Interest interest, std::uint64_t mark, bool is_new) {
    const std::uint32_t events = interest == Interest::kRoomToSend ? EPOLLOUT : EPOLLIN;
    control(is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, events | EPOLLONESHOT, mark);
}

/// Set what to watch for. A descriptor that epoll does not know yet is added.
void EventPoll::control(int operation, int descriptor, std::uint32_t events,
                        std::uint64_t mark) const {
    epoll_event event{.events = events, .data = {.u64 = mark}};
    const bool unknown = ::epoll_ctl(epoll_, operation, descriptor, &event) != 0 && errno == ENOENT;
    if (unknown) ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

EventPoll::Events EventPoll::wait(int timeout_ms) {
    std::array<epoll_event, kEventsAtOnce> events;
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), timeout_ms);
    std::size_t clients = 0;
    bool newcomers = false;
    for (int i = 0; i < count; ++i) {
        const std::uint64_t mark = events.at(static_cast<std::size_t>(i)).data.u64;
        if (mark == kListenerMark) {
            newcomers = true;
        } else if (mark != kWakerMark) {
            marks_.at(clients++) = mark;
        }
    }
    return {{marks_.data(), clients}, newcomers};
}

void EventPoll::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(waker_, &one, sizeof one);
}

}  // namespace incm::http
