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

/// Connections that wait for their clients, by descriptor and by how far they are.
///
/// Threads: not locked; one at a time.
class IdleConnections {
 public:
    /// Put a waiting connection in. Returns the mark that its events carry; without memory nothing,
    /// and leaves it where it is.
    [[nodiscard]] std::optional<std::uint64_t> put(
        std::unique_ptr<Connection>& connection) noexcept;

    /// Take the connection out that an event's mark means; null when it has gone meanwhile.
    [[nodiscard]] std::unique_ptr<Connection> take(std::uint64_t mark);

    /// Take out the one that has waited longest of those that cost least to lose: one that is
    /// closing, else of those silent since `silent_ms` or before a newcomer, else one between two
    /// requests. Null when there is none.
    [[nodiscard]] std::unique_ptr<Connection> evict_idlest(std::int64_t silent_ms);

    /// Take out up to `most` of a holder that are between two requests, those that wait longest
    /// first, and since `silent_ms` or before; without memory fewer.
    [[nodiscard]] std::list<std::unique_ptr<Connection>> evict_idlest_of(
        const net::IpAddress& holder, std::int64_t silent_ms, std::size_t most);

    /// Take out the silent one, newcomer or not, that has waited longest. Null when there is none.
    [[nodiscard]] std::unique_ptr<Connection> take_oldest();

    /// Take out the one whose request began longest ago, at `begun_ms` or before. Null when there
    /// is none.
    [[nodiscard]] std::unique_ptr<Connection> take_slowest(std::int64_t begun_ms);

    /// Take out those of a stage for which `chosen` says so, the first `most` of them; without
    /// memory not all of them.
    [[nodiscard]] std::list<std::unique_ptr<Connection>> take_if(
        Connection::Stage stage, const std::function<bool(const Connection&)>& chosen,
        std::size_t most = SIZE_MAX);

    /// Take out all whose deadline has passed.
    [[nodiscard]] std::list<std::unique_ptr<Connection>> take_expired(std::int64_t now_ms);

    [[nodiscard]] std::size_t size(Connection::Stage stage) const { return row(stage).size(); }

 private:
    /// Since when it takes its place in vain, then the order of coming: a client that sends a byte
    /// now and then does not become younger by it.
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
