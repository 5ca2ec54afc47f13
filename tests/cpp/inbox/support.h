#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "incm/base/clock.h"
#include "incm/base/log.h"
#include "incm/inbox/append_callback.h"
#include "incm/inbox/records.h"

namespace incm::inbox::test {

using Ids = std::vector<std::int64_t>;

/// A clock that a test moves.
struct FakeClock {
    std::atomic<std::int64_t> wall_ms{1'800'000'000'000};
    std::atomic<std::int64_t> steady_ms{5'000};

    void pass(std::int64_t ms) {
        wall_ms += ms;
        steady_ms += ms;
    }
    [[nodiscard]] std::function<base::Instant()> source() {
        return [this] { return base::Instant{wall_ms.load(), steady_ms.load()}; };
    }
};

class Lines final : public base::LogSink {
 public:
    void write(base::LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(text);
    }
    [[nodiscard]] bool has(std::string_view part) const {
        const std::lock_guard lock(mutex_);
        for (const std::string& line : lines_) {
            if (line.find(part) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

 private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// A callback that fulfils a promise.
class Promised final : public AppendCallback {
 public:
    explicit Promised(std::promise<base::Result<Stored>>& promise) : promise_(promise) {}
    void on_complete(const base::Result<Stored>& stored) noexcept override {
        promise_.set_value(stored);
    }

 private:
    std::promise<base::Result<Stored>>& promise_;
};

inline base::Digest digest_of(std::uint64_t number) {
    base::Digest digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        number = number * 6364136223846793005ULL + 1442695040888963407ULL;
        digest[i] = static_cast<std::uint8_t>(number >> 56);
    }
    return digest;
}

/// An alert whose content is its number.
inline NewAlert alert(std::uint64_t number, std::vector<std::string> plugins = {}) {
    NewAlert made{};
    made.dedupe_key = digest_of(number);
    made.received_at_ms = 1'700'000'000'000;
    made.endpoint = "/alerts";
    made.form = "raw";
    made.text = "{\"number\": " + std::to_string(number) + "}";
    made.type = "test";
    made.device = "device-1";
    made.plugins = std::move(plugins);
    return made;
}

}  // namespace incm::inbox::test
