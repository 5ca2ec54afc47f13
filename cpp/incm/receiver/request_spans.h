#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "incm/ingest/trace_context.h"

namespace incm::receiver {

/// The span of a request that brought an authentic alert.
struct RequestSpan {
    ingest::TraceContext context;  ///< the span itself
    std::string parent_id;         ///< of the sender's span; "" when the trace begins here
    std::string path;              ///< without the query, as a log line has it
    std::string client;            ///< the address
    std::string endpoint;          ///< path of the endpoint
    std::string type;              ///< of the alert; may be empty
    std::int64_t alert_id = 0;     ///< 0: the alert could not be stored
    bool duplicate = false;        ///< the number is that of an earlier alert
    int status = 0;                ///< of the answer
    std::int64_t began_us = 0;     ///< Unix microseconds, when the whole request had arrived
    std::int64_t ended_us = 0;     ///< when it was answered
};

/// Decides which requests are recorded as spans, and keeps the spans until they are taken.
///
/// Shape:   beyond kMostWaiting spans that nobody takes, further ones are dropped and counted.
/// Threads: any. Nothing but a short lock makes a caller wait.
class RequestSpans {
 public:
    static constexpr std::size_t kMostWaiting = 4096;

    /// follows: whether a sender's decision counts; share: of the other traces that are recorded,
    /// from 0 to 1.
    RequestSpans(bool follows, double share);

    /// Return the span that a new request is, or continues.
    ///
    /// Shape:   a new span when it is to be recorded, in the trace of `sent` or in a new one. Else
    ///          `sent` as not sampled, or empty when there is none.
    /// Source:  of one trace, all programs that record the same share record the same requests:
    ///          OpenTelemetry, TraceIdRatioBased.
    [[nodiscard]] std::optional<ingest::TraceContext> begin(
        const std::optional<ingest::TraceContext>& sent);

    /// Keep a span until it is taken.
    void note(RequestSpan span) noexcept;

    /// Take the spans that wait, oldest first, and how many were dropped since the last call.
    [[nodiscard]] std::pair<std::vector<RequestSpan>, std::uint64_t> take();

 private:
    [[nodiscard]] bool records(const ingest::TraceContext& context, bool is_new) const;
    [[nodiscard]] std::string random_digits(std::size_t digits);

    const bool follows_;
    const double share_;
    std::mutex mutex_;  // protects everything below
    std::mt19937_64 random_;
    std::vector<RequestSpan> waiting_;
    std::uint64_t dropped_ = 0;
};

}  // namespace incm::receiver
