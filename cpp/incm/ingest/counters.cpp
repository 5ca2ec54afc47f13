#include "incm/ingest/counters.h"

#include <algorithm>
#include <utility>

#include "incm/base/histogram_bounds.h"

namespace incm::ingest {

std::size_t counted_type(std::string_view type) {
    const auto known = model::alert_types();
    const auto found = std::ranges::find(known, type, &model::AlertType::name);
    return std::min(static_cast<std::size_t>(found - known.begin()), kMostCountedTypes - 1);
}

std::uint64_t EndpointCounters::accepted() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& one : accepted_) sum += one.load(std::memory_order_relaxed);
    return sum;
}

void EndpointCounters::watch_silence(std::int64_t after_ms, std::int64_t from_ms) noexcept {
    std::int64_t unset = 0;
    if (after_ms > 0) watched_from_ms_.compare_exchange_strong(unset, from_ms);
    silent_after_ms_.store(after_ms);
}

std::optional<std::int64_t> EndpointCounters::silent_since_ms(std::int64_t now_ms) const noexcept {
    const std::int64_t after_ms = silent_after_ms();
    const std::int64_t last_ms = std::max(last_alert_ms(), watched_from_ms_.load());
    if (after_ms <= 0 || now_ms - last_ms < after_ms) return std::nullopt;
    return last_ms;
}

Counters::Counters() : answers_us_(base::kShortTimesUs) {}

void Counters::set_endpoints(std::vector<std::string> paths) {
    const std::lock_guard lock(mutex_);
    for (const std::string& path : paths) endpoints_.try_emplace(path);
    configured_ = std::move(paths);
}

EndpointCounters& Counters::endpoint(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return endpoints_[path];
}

std::vector<std::pair<std::string, const EndpointCounters*>> Counters::endpoints() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, const EndpointCounters*>> all;
    all.reserve(configured_.size());
    for (const std::string& path : configured_) all.emplace_back(path, &endpoints_.at(path));
    return all;
}

std::uint64_t Counters::refused() const {
    std::uint64_t sum = 0;
    for (const auto& one : refused_) sum += one.load(std::memory_order_relaxed);
    return sum;
}

}  // namespace incm::ingest
