#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "incm/http/connection.h"

namespace incm::http {

/// The connections that wait for their clients, indexed by descriptor and grouped by stage.
///
/// Threads: not locked; one at a time.
class IdleConnections {
 public:
    /// Insert a waiting connection. Returns the mark that its events carry. Without memory it
    /// returns nothing, and leaves the connection with the caller.
    [[nodiscard]] std::optional<std::uint64_t> put(
        std::unique_ptr<Connection>& connection) noexcept;

    /// Remove and return the connection with this mark; null when it is no longer here.
    [[nodiscard]] std::unique_ptr<Connection> remove(std::uint64_t mark);

    /// Remove and return the connection that is cheapest to lose: one that is closing; else a new
    /// one that has sent nothing since `silent_ms`; else one that has been between two requests
    /// since `silent_ms`. Of each kind, the one that has waited longest. Null when there is none.
    [[nodiscard]] std::unique_ptr<Connection> evict_longest_idle(std::int64_t silent_ms);

    /// Remove and return up to `most` connections of one address holder that have been between two
    /// requests since `silent_ms` or longer, the longest waiting first. Without memory it returns
    /// fewer.
    [[nodiscard]] std::list<std::unique_ptr<Connection>> evict_longest_idle_of(
        const net::IpAddress& holder, std::int64_t silent_ms, std::size_t most);

    /// Remove and return the silent connection that has waited longest, whether it is new or
    /// between two requests. Null when there is none.
    [[nodiscard]] std::unique_ptr<Connection> remove_oldest();

    /// Remove and return the connection whose request began longest ago, at `begun_ms` or before.
    /// Null when there is none.
    [[nodiscard]] std::unique_ptr<Connection> remove_slowest(std::int64_t begun_ms);

    /// Remove and return the connections of a stage for which `chosen` returns true, up to the
    /// first `most`. Without memory it returns fewer.
    [[nodiscard]] std::list<std::unique_ptr<Connection>> remove_if(
        Connection::Stage stage, const std::function<bool(const Connection&)>& chosen,
        std::size_t most = SIZE_MAX);

    /// Remove and return all connections whose deadline has passed.
    [[nodiscard]] std::list<std::unique_ptr<Connection>> remove_expired(std::int64_t now_ms);

    [[nodiscard]] std::size_t size(Connection::Stage stage) const { return row(stage).size(); }

 private:
    /// The eviction age, then the order of insertion. A client that sends a byte now and then does
    /// not become younger by it.
    using Age = std::pair<std::int64_t, std::uint32_t>;
    using Row = std::map<Age, std::unique_ptr<Connection>>;  // oldest first
    using Rows = std::array<Row, 4>;

    [[nodiscard]] Row& row(Connection::Stage stage) {
        return rows_.at(static_cast<std::size_t>(stage));
    }
    [[nodiscard]] const Row& row(Connection::Stage stage) const {
        return rows_.at(static_cast<std::size_t>(stage));
    }
    std::unique_ptr<Connection> remove(Connection::Stage stage, Row::iterator place);

    Rows rows_;
    std::unordered_map<int, std::pair<Connection::Stage, Row::iterator>> by_descriptor_;
    std::uint32_t serial_ = 0;
};

}  // namespace incm::http
