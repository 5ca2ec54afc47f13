#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "incm/base/result.h"
#include "incm/inbox/catalog.h"

namespace incm::admin {

/// Counts the deliveries of each plugin for pages that are read again and again.
///
/// Counting a million rows takes about a tenth of a second. Each count is therefore used for fifty
/// times as long as it took, so that counting needs at most 2 % of one core.
/// Threads: any.
class Backlog {
 public:
    /// The catalog must outlive this object.
    explicit Backlog(inbox::Catalog& catalog) : catalog_(catalog) {}
    Backlog(const Backlog&) = delete;
    Backlog& operator=(const Backlog&) = delete;

    /// Errors:  those of Catalog::statistics().
    [[nodiscard]] base::Result<inbox::Statistics> statistics();

 private:
    inbox::Catalog& catalog_;
    std::mutex counting_;  // protects all below
    std::optional<inbox::Statistics> last_;
    std::int64_t until_us_ = 0;  // of the steady clock
};

}  // namespace incm::admin
