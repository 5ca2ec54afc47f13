#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace incm::admin {

/// Decides which refused calls of the admin API get a line in the log.
///
/// Shape:   the first refusal of a kind does. Those of the same kind within kQuietMs after it are
///          counted, and the next line says how many there were.
/// Threads: one at a time.
class RefusedCalls {
 public:
    static constexpr std::int64_t kQuietMs = 60'000;
    enum class Kind { kNoToken, kWrongToken, kReadOnly };

    /// Return the line; "" for a refusal that is only counted. sentence: who was refused, and why.
    /// now_ms: steady clock.
    [[nodiscard]] std::string line(Kind kind, const std::string& sentence, std::int64_t now_ms);

 private:
    struct Counted {
        std::int64_t quiet_until_ms = INT64_MIN;
        std::int64_t unlogged = 0;
    };
    std::array<Counted, 3> counted_;
};

}  // namespace incm::admin
