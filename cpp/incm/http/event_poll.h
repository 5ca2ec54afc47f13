#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "incm/base/kept_from_children.h"

namespace incm::http {

/// Waits with epoll for clients, each of them once, and for new connections on a listening socket.
///
/// Threads: wait() from one thread; wake() from any; everything else under its owner's lock.
class EventPoll {
 public:
    /// What the poll waits for on a client's descriptor.
    enum class Interest { kBytes, kRoomToSend };
    /// The result of wait(). The marks are valid until the next wait().
    struct Events {
        std::span<const std::uint64_t> marks;  ///< marks of ready clients, as passed to watch()
        bool newcomers;                        ///< new connections wait at the listening socket
    };

    EventPoll();
    EventPoll(const EventPoll&) = delete;
    EventPoll& operator=(const EventPoll&) = delete;
    ~EventPoll();

    /// Watch a listening socket for new connections. It must stay open until stop_listening().
    /// Errors:  Failure(kCannotListen) when there is no descriptor for epoll itself.
    void listen(int listener);
    /// Leave new connections in the backlog, until resume_listening() or for good.
    void pause_listening();
    void resume_listening();
    void stop_listening();
    /// Whether new connections are watched for, now or after resume_listening().
    [[nodiscard]] bool listens() const { return listening_ != Listening::kNo; }

    /// Watch a client's descriptor until it is ready once; wait() then returns its mark.
    void watch(int descriptor, Interest interest, std::uint64_t mark, bool is_new);

    /// Wait up to timeout_ms until something that is watched is ready.
    [[nodiscard]] Events wait(int timeout_ms);
    /// Make wait() return at once, now and in the future.
    void wake();

 private:
    enum class Listening { kNo, kPaused, kYes };
    static constexpr std::size_t kEventsAtOnce = 64;

    void control(int operation, int descriptor, std::uint32_t events, std::uint64_t mark) const;

    int epoll_;
    int waker_;
    base::KeptFromChildren epoll_kept_ = base::KeptFromChildren::descriptor(epoll_);
    base::KeptFromChildren waker_kept_ = base::KeptFromChildren::descriptor(waker_);
    int listener_ = -1;
    Listening listening_ = Listening::kNo;
    std::array<std::uint64_t, kEventsAtOnce> marks_{};  // used by wait() only
};

}  // namespace incm::http
