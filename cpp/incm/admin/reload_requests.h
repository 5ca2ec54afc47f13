#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "incm/admin/parameters.h"
#include "incm/base/result.h"

namespace incm::admin {

/// Passes requests for a reload from the admin listener to the thread that reloads, and the results
/// back.
///
/// Requests that arrive while a reload runs share the next one, because that one may have read the
/// files before they were written.
/// Threads: any; begin() and finish() in turns.
class ReloadRequests {
 public:
    /// wake: called for each request, so that a thread calls begin() soon.
    explicit ReloadRequests(std::function<void()> wake) : wake_(std::move(wake)) {}

    /// Have the configuration read again, and wait until that is done. Returns its result, a JSON
    /// text.
    /// Errors:  kMalformedRequest for unknown parameters; kClosed: the server stops.
    [[nodiscard]] base::Result<std::string> call(Parameters& given);

    /// Return a ticket for all requests so far.
    [[nodiscard]] std::uint64_t begin();
    /// Answer the requests of a ticket with a JSON text.
    void finish(std::uint64_t ticket, std::string result);
    /// Refuse all requests, now and later.
    void close();

 private:
    const std::function<void()> wake_;
    std::mutex mutex_;  // protects all below
    std::condition_variable changed_;
    std::uint64_t asked_ = 0;
    std::uint64_t done_ = 0;
    std::string result_;
    bool closed_ = false;
};

}  // namespace incm::admin
