#include "incm/admin/refused_calls.h"

#include <cstddef>
#include <utility>

namespace incm::admin {

std::string RefusedCalls::line(Kind kind, const std::string& sentence, std::int64_t now_ms) {
    Counted& one = counted_[static_cast<std::size_t>(kind)];
    if (now_ms < one.quiet_until_ms) {
        ++one.unlogged;
        return {};
    }
    one.quiet_until_ms = now_ms + kQuietMs;
    const std::int64_t unlogged = std::exchange(one.unlogged, 0);
    std::string text = "refused a call of the admin API " + sentence;
    if (unlogged > 0) text += " (and " + std::to_string(unlogged) + " more like it before)";
    return text;
}

}  // namespace incm::admin
