#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "incm/http/connection.h"
#include "incm/http/connection_rules.h"
#include "incm/http/open_connections.h"

namespace incm::http {

/// Ends idle connections whose deadline has passed, and slow connections that use too much memory.
///
/// Threads: the loop's. It takes the lock of the open connections, and releases it while it answers
///          clients, because that takes time in which other answers must go out.
/// Source:  docs/promises.md, P14.
class ConnectionDeadlines {
 public:
    /// Both must outlive this object.
    ConnectionDeadlines(OpenConnections& all, const ByteBudget& budget)
        : all_(all), budget_(budget) {}

    /// End the connections whose deadline is before now_ms, in steady milliseconds.
    void end_late(std::int64_t now_ms);
    /// End the slowest large requests until there is memory for others.
    void free_memory(std::int64_t now_ms);

 private:
    using Connections = std::list<std::unique_ptr<Connection>>;

    [[nodiscard]] Connections remove_expired(std::int64_t now_ms);
    [[nodiscard]] Connections take_slow_large(std::int64_t now_ms);
    void return_connection(std::unique_ptr<Connection> connection, bool is_closed) noexcept;

    OpenConnections& all_;
    const ByteBudget& budget_;
};

}  // namespace incm::http
