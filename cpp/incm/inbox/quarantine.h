#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/quarantined_request.h"

namespace incm::inbox {

class DiskReserve;
class FileWatch;
class Writer;

/// Keeps requests that were refused, and lets go of them.
///
/// Threads: any.
/// Source:  docs/inbox.md, The quarantine.
class Quarantine {
 public:
    /// All must outlive this.
    Quarantine(Writer& writer, DiskReserve& reserve, FileWatch& watch, base::LogSink& log)
        : writer_(writer), reserve_(reserve), watch_(watch), log_(log) {}
    Quarantine(const Quarantine&) = delete;
    Quarantine& operator=(const Quarantine&) = delete;

    /// Keep an authentic body that is no alert; blocks until the commit's fsync returned. Errors:
    /// kStoreFailed, kDiskLow, kClosed.
    [[nodiscard]] base::Status keep(QuarantinedRequest rejected);

    /// Keep a request of nobody knows whom with the next commit, without waiting for it.
    ///
    /// Shape:   false when it will not be kept: more than kMaxPending of them or
    ///          kMaxPendingBytes wait, or the disk is nearly full. While the disk takes nothing it
    ///          is tried again; not_kept is called, by another thread and without an exception,
    ///          when it turns out that it can never be stored, which is logged.
    [[nodiscard]] bool keep_later(
        QuarantinedRequest rejected, std::function<void()> not_kept = [] {});

    /// Drop those with these numbers, in one transaction; returns how many there were. Blocks and
    /// fails like keep(), except that a full disk is no reason.
    [[nodiscard]] base::Result<std::int64_t> drop(std::vector<std::int64_t> ids);

    // As much as there is room for behind: a disk that takes a second for a sync loses none of
    // those that its limits let in.
    static constexpr std::int64_t kMaxPending = kMaxHostile;
    static constexpr std::int64_t kMaxPendingBytes = kMaxHostileBytes;

 private:
    friend class KeepLater;
    struct Pending {
        std::atomic<std::int64_t> count{0};
        std::atomic<std::int64_t> bytes{0};
    };
    Writer& writer_;
    DiskReserve& reserve_;
    FileWatch& watch_;
    base::LogSink& log_;
    Pending pending_;
};

}  // namespace incm::inbox
