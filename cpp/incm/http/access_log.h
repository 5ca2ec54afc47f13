#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace incm::http {

/// The longest beginnings of a method and of a path that a line of the access log has.
inline constexpr std::size_t kMostLoggedMethod = 20;
inline constexpr std::size_t kMostLoggedPath = 200;

/// A request and its answer, for the access log.
struct Access {
    std::string client;         ///< the address
    std::string method;         ///< "" when no whole head arrived; cut as the path is
    std::string path;           ///< without the query, as the client wrote it; "" likewise. Of
                                ///< a longer one the first kMostLoggedPath + 1 bytes
    std::int64_t began_us = 0;  ///< when the whole request had arrived, on a monotonic clock
    std::int64_t took_us = 0;   ///< from then to the answer
    int status = 0;             ///< 0: the connection ended without an answer
    std::size_t bytes = 0;      ///< of the answer's body
    std::int64_t alert_id = 0;  ///< of the alert that the request brought; 0: none
};

/// Takes what a listener reports about its requests. Threads: any.
class AccessLog {
 public:
    AccessLog() = default;
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    virtual ~AccessLog() = default;

    /// Whether the next request is to be reported. Call it once for each request.
    [[nodiscard]] virtual bool wants_next() noexcept = 0;
    /// Report a request that has been answered. Must not wait for the disk or for a reader.
    virtual void note(Access access) noexcept = 0;
};

}  // namespace incm::http
