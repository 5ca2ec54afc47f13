#pragma once

#include "incm/inbox/catalog.h"

namespace incm::inbox {

/// An inbox that no server has open, opened to be read. Nothing is written to it.
///
/// Threads: any.
class ReadOnlyInbox {
 public:
    ReadOnlyInbox() = default;
    ReadOnlyInbox(const ReadOnlyInbox&) = delete;
    ReadOnlyInbox& operator=(const ReadOnlyInbox&) = delete;
    virtual ~ReadOnlyInbox() = default;

    [[nodiscard]] virtual Catalog& catalog() noexcept = 0;
    /// Every later question fails with kClosed. Idempotent.
    virtual void close() = 0;
};

}  // namespace incm::inbox
