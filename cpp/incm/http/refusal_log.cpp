#include "incm/http/refusal_log.h"

#include <string>

#include "incm/base/bytes.h"
#include "incm/http/problem.h"

namespace incm::http {

void RefusalLog::note(const base::Error& error, std::string_view peer, std::int64_t now_steady_ms) {
    std::int64_t unsaid = 0;
    {
        const std::lock_guard lock(mutex_);
        Kind& kind = kinds_[static_cast<std::size_t>(error.code)];
        if (now_steady_ms < kind.quiet_until_ms) {
            ++kind.unsaid;
            return;
        }
        kind.quiet_until_ms = now_steady_ms + kQuietMs;
        unsaid = std::exchange(kind.unsaid, 0);
    }
    const Problem problem = problem_for(error.code);
    std::string line = "refused a request from " + base::printable(peer) + " with " +
                       std::to_string(problem.status) + ": " + base::printable(error.text);
    if (!error.log_note.empty()) line += "; " + base::printable(error.log_note);
    if (unsaid > 0) line += " (and " + std::to_string(unsaid) + " more like it before)";
    log_.write(problem.status < 500 ? base::LogLevel::kWarning : base::LogLevel::kError, line);
}

}  // namespace incm::http
