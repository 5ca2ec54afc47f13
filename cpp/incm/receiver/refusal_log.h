#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "incm/base/log.h"
#include "incm/base/result.h"

namespace incm::receiver {

/// Logs refused requests without letting a flood of them fill the log.
///
/// Shape:   the first refusal of a kind is one warning line with the peer. Further refusals of that
///          kind within kQuietMs are only counted, and the next line reports how many there were.
///          Refusals with a log_note are kinds of their own, so that noise from strangers does not
///          hide them.
/// Threads: any.
/// Source:  own choice (docs/promises.md, P16: no body and no header value is shown).
class RefusalLog {
 public:
    static constexpr std::int64_t kQuietMs = 10'000;

    explicit RefusalLog(base::LogSink& log) : log_(log) {}

    void note(const base::Error& error, std::string_view peer, std::int64_t now_steady_ms);

 private:
    struct Kind {
        std::int64_t quiet_until_ms = 0;
        std::int64_t unlogged = 0;
    };
    base::LogSink& log_;
    std::mutex mutex_;
    using Kinds = std::array<Kind, static_cast<std::size_t>(base::kLastErrorCode) + 1>;
    Kinds plain_;  // protected by mutex_, like noted_
    Kinds noted_;
};

}  // namespace incm::receiver
