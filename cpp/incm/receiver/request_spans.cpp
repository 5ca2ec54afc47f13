#include "incm/receiver/request_spans.h"

#include <charconv>
#include <exception>
#include <utility>

#include "incm/base/ascii.h"

namespace incm::receiver {

namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;
constexpr double kAll = 18446744073709551616.0;  // 2 to the power of 64

std::mt19937_64 seeded() {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(),
                       device(), device(), device(), device()};
    return std::mt19937_64(seed);
}

}  // namespace

RequestSpans::RequestSpans(bool follows, double share)
    : follows_(follows), share_(share), random_(seeded()) {}

std::optional<ingest::TraceContext> RequestSpans::begin(
    const std::optional<ingest::TraceContext>& sent) {
    ingest::TraceContext context;
    if (sent) {
        context = *sent;
    } else {
        context.trace_id = random_digits(kTraceDigits);
    }
    context.sampled = records(context, !sent);
    if (context.sampled) {
        context.span_id = random_digits(kSpanDigits);
    } else if (!sent) {
        return std::nullopt;
    }
    return context;
}

bool RequestSpans::records(const ingest::TraceContext& context, bool is_new) const {
    if (follows_ && !is_new) return context.sampled;
    if (share_ >= 1) return true;
    std::uint64_t low = 0;
    const char* const end = context.trace_id.data() + context.trace_id.size();
    std::from_chars(end - kSpanDigits, end, low, 16);
    return low < static_cast<std::uint64_t>(share_ * kAll);
}

/// Return hexadecimal digits that are not all 0.
std::string RequestSpans::random_digits(std::size_t digits) {
    std::string text;
    const std::lock_guard lock(mutex_);
    while (text.size() < digits) {
        std::uint64_t number = random_();
        while (number == 0) number = random_();
        for (std::size_t i = 0; i < kSpanDigits; ++i, number >>= 4U) {
            text.push_back(base::kHexDigits[number & 0xFU]);
        }
    }
    return text;
}

void RequestSpans::note(RequestSpan span) noexcept {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) {
        ++dropped_;
        return;
    }
    try {
        waiting_.push_back(std::move(span));
    } catch (const std::exception&) {  // no memory
        ++dropped_;
    }
}

std::pair<std::vector<RequestSpan>, std::uint64_t> RequestSpans::take() {
    const std::lock_guard lock(mutex_);
    return {std::exchange(waiting_, {}), std::exchange(dropped_, 0)};
}

}  // namespace incm::receiver
