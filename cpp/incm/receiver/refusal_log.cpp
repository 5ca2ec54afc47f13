#include "incm/receiver/refusal_log.h"

#include <string>

#include "incm/base/bytes.h"
#include "incm/http/problem.h"

namespace incm::receiver {

namespace {

constexpr std::size_t kMaxNoteBytes = 400;

}  // namespace

void RefusalLog::note(const base::Error& error, std::string_view peer, std::int64_t now_steady_ms) {
    std::int64_t unlogged = 0;
    {
        const std::lock_guard lock(mutex_);
        Kinds& kinds = error.log_note.empty() ? plain_ : noted_;
        Kind& kind = kinds[static_cast<std::size_t>(error.code)];
        if (now_steady_ms < kind.quiet_until_ms) {
            ++kind.unlogged;
            return;
        }
        kind.quiet_until_ms = now_steady_ms + kQuietMs;
        unlogged = std::exchange(kind.unlogged, 0);
    }
    const http::Problem problem = http::problem_for(error.code);
    std::string line = "refused a request from " + base::printable(peer) + " with " +
                       std::to_string(problem.status) + ": " + base::printable(error.text);
    if (!error.log_note.empty()) line += "; " + base::printable(error.log_note, kMaxNoteBytes);
    if (unlogged > 0) line += " (and " + std::to_string(unlogged) + " more like it before)";
    // The client, not this server, is to blame for its version of HTTP.
    const bool ours = problem.status >= 500 && error.code != base::ErrorCode::kVersionNotSupported;
    log_.write(ours ? base::LogLevel::kError : base::LogLevel::kWarning, line);
}

}  // namespace incm::receiver
