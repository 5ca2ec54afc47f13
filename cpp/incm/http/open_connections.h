#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace incm::http {

class OpenConnections;

/// What one connection is doing: resting between two requests, or in the middle of one.
///
/// Threads: begin_rest() and end_rest() from the connection's own; end() from any.
class OpenConnection {
 public:
    /// socket: open until the destruction of this.
    OpenConnection(std::shared_ptr<OpenConnections> list, int socket);
    OpenConnection(const OpenConnection&) = delete;
    OpenConnection& operator=(const OpenConnection&) = delete;
    ~OpenConnection();

    /// No byte of a next request is here. False: none is wanted any more.
    [[nodiscard]] bool begin_rest();
    /// A request begins to arrive, or the connection ends.
    void end_rest();

    /// Read nothing any more if it rests, and had a request before (fresh: or had none).
    void end(bool fresh);
    /// Whether end() did so: what is cut off then is the doing of this side.
    [[nodiscard]] bool ended();

 private:
    const std::shared_ptr<OpenConnections> list_;
    const int socket_;
    std::mutex mutex_;
    bool resting_ = false;  // guarded by mutex_, as the next two
    bool served_ = false;
    bool ended_ = false;
};

/// The connections of one listener, and whether it takes more of them.
///
/// A stop that loses no request: no connection is accepted any more (those in the backlog stay
/// there for another process), idle ones are ended, the others answer their last request. Threads:
/// any.
class OpenConnections {
 public:
    /// Errors:  throws std::system_error when there is no descriptor left.
    OpenConnections();
    OpenConnections(const OpenConnections&) = delete;
    OpenConnections& operator=(const OpenConnections&) = delete;
    ~OpenConnections();

    /// Wait until the listening socket has a connection, for the acceptor. False: time-out, or no
    /// connection is wanted any more.
    [[nodiscard]] bool wait_for_connection(int listener, std::int64_t timeout_ms);

    /// Take no connection any more, end those that rest; an answer is the last of its connection.
    /// Returns when the acceptor takes none, at most after a second.
    void end();
    /// End also those that never had a request.
    void end_fresh();
    [[nodiscard]] bool ending() const { return ending_; }

    /// Wait until no connection is open. False: time-out.
    [[nodiscard]] bool wait_none(std::int64_t timeout_ms);

 private:
    friend class OpenConnection;
    void end_resting(bool fresh);

    const int wake_;  // readable once ending_
    std::atomic<bool> ending_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool acceptor_rests_ = false;  // guarded by mutex_, as the next one
    std::unordered_set<OpenConnection*> all_;
};

}  // namespace incm::http
