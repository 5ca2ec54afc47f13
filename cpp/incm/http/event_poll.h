#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "incm/base/kept_from_children.h"

namespace incm::http {

/// Waits with epoll for clients, once for each, and for newcomers on a listening socket.
///
/// Threads: wait() from one; wake() from any; everything else under its owner's lock.
class EventPoll {
 public:
    /// What a client is waited for.
    enum class Interest { kBytes, kRoomToSend };
    /// What has happened. The marks are valid until the next wait().
    struct Events {
        std::span<const std::uint64_t> marks;  ///< of clients, as watch() got them
        bool newcomers;                        ///< some wait at the listening socket
    };

    EventPoll();
    EventPoll(const EventPoll&) = delete;
    EventPoll& operator=(const EventPoll&) = delete;
    ~EventPoll();

    /// Announce newcomers on a listening socket, which must stay open as long as they are wanted.
    /// Errors: Failure(kCannotListen) without descriptors for the watch itself.
    void listen(int listener);
    /// Leave newcomers in the backlog, until resume_listening(), or for good.
    void pause_listening();
    void resume_listening();
    void stop_listening();
    /// Whether newcomers are wanted, be it later.
    [[nodiscard]] bool listens() const { return listening_ != Listening::kNo; }

    /// Announce a client once, by its mark, when it has what it is waited for.
    void watch(int descriptor, Interest interest, std::uint64_t mark, bool is_new);

    /// Wait for up to timeout_ms, for some of what is watched.
    [[nodiscard]] Events wait(int timeout_ms);
    /// Let wait() return, now and from now on.
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
    std::array<std::uint64_t, kEventsAtOnce> marks_{};  // of wait() alone
};

}  // namespace incm::http
