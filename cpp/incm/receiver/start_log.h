#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "incm/base/log.h"

namespace incm::receiver {

/// The log of a start that may be repeated many times: a line that the tries repeat is written only
/// once, until the start is over. Threads: write() from any; over() from one.
class StartLog final : public base::LogSink {
 public:
    /// log must outlive this.
    explicit StartLog(base::LogSink& log) : log_(log) {}

    void write(base::LogLevel level, std::string_view text) noexcept override {
        if (!over_ && !is_new(text)) return;
        log_.write(level, text);
    }
    void over() noexcept { over_ = true; }

 private:
    [[nodiscard]] bool is_new(std::string_view text) noexcept {
        try {
            const std::lock_guard lock(mutex_);
            return written_.emplace(text).second;
        } catch (const std::exception&) {
            return true;  // no memory: a line twice is better than none
        }
    }

    base::LogSink& log_;
    std::atomic<bool> over_{false};
    std::mutex mutex_;  // protects written_
    std::set<std::string> written_;
};

}  // namespace incm::receiver
