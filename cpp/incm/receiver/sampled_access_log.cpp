#include "incm/receiver/sampled_access_log.h"

#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "incm/base/background_thread.h"
#include "incm/base/bytes.h"
#include "incm/base/log_line.h"
#include "incm/base/standard_error.h"

namespace incm::receiver {

namespace {

std::string seconds_of(std::int64_t microseconds) {
    std::array<char, 32> text;  // without the process's locale, which a plugin may set
    const auto [end, _] =
        std::to_chars(text.data(), text.data() + text.size(),
                      static_cast<double>(microseconds) / 1e6, std::chars_format::fixed, 6);
    return {text.data(), end};
}

void write_line(base::Priority priority, std::string_view text,
                const std::vector<base::LogFact>& facts) {
    std::array<char, base::kMaxLogLineBytes> line;
    base::write_to_stderr(
        {line.data(), base::write_log_line(line, priority, "access", text, facts)});
}

void write_access(const http::Access& access) {
    const std::string method = base::printable(access.method, http::kMostLoggedMethod);
    const std::string path = base::printable(access.path, http::kMostLoggedPath);
    const std::string status = std::to_string(access.status);
    const std::string bytes = std::to_string(access.bytes);
    const std::string alert = std::to_string(access.alert_id);
    const std::string seconds = seconds_of(access.took_us);
    std::string text = access.client;
    text.append(" ").append(method.empty() ? "-" : method);
    text.append(" ").append(path.empty() ? "-" : path);
    text.append(access.status ? " " + status : " without an answer");
    text.append(", ").append(bytes).append(" bytes in ").append(seconds).append(" s");
    if (access.alert_id) text.append(", alert ").append(alert);
    std::vector<base::LogFact> facts{{"peer", access.client, true}};
    if (!method.empty()) facts.push_back({"method", method, true});
    if (!path.empty()) facts.push_back({"path", path, true});
    if (access.status) facts.push_back({"status", status});
    facts.push_back({"bytes", bytes});
    facts.push_back({"duration_s", seconds});
    if (access.alert_id) facts.push_back({"alert_id", alert});
    write_line(base::Priority::kInfo, text, facts);
}

}  // namespace

SampledAccessLog::SampledAccessLog(double share)
    : share_(share), thread_(base::start_without_signals("access-log", [this] { write(); })) {}

SampledAccessLog::~SampledAccessLog() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

bool SampledAccessLog::wants_next() noexcept {
    const std::uint64_t before = requests_.fetch_add(1, std::memory_order_relaxed);
    return std::floor(static_cast<double>(before + 1) * share_) >
           std::floor(static_cast<double>(before) * share_);
}

void SampledAccessLog::note(http::Access access) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kMostWaiting) {
            ++dropped_;
            return;
        }
        try {
            waiting_.push_back(std::move(access));
        } catch (const std::exception&) {  // no memory
            ++dropped_;
            return;
        }
    }
    changed_.notify_one();
}

void SampledAccessLog::flush() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return waiting_.empty() && !writes_; });
}

void SampledAccessLog::write() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
        std::deque<http::Access> taken = std::exchange(waiting_, {});
        const std::uint64_t dropped = std::exchange(dropped_, 0);
        const bool ends = ends_;
        writes_ = true;
        lock.unlock();
        try {
            for (const http::Access& access : taken) write_access(access);
            if (dropped) {
                write_line(base::Priority::kWarning,
                           std::to_string(dropped) + " requests were too many to be logged", {});
            }
        } catch (const std::exception&) {  // no memory for a line
        }
        lock.lock();
        writes_ = false;
        if (waiting_.empty()) idle_.notify_all();
        if (ends && waiting_.empty()) return;
    }
}

}  // namespace incm::receiver
