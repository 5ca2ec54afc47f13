#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "incm/base/log.h"
#include "incm/inbox/quarantine.h"

namespace incm::inbox::sqlite {

class DiskReserve;
class FileWatch;
class Writer;

/// The quarantine as a table of the inbox's file.
///
/// Threads: any.
class SqliteQuarantine final : public Quarantine {
 public:
    /// The references must outlive this object.
    SqliteQuarantine(Writer& writer, DiskReserve& reserve, FileWatch& watch, base::LogSink& log)
        : writer_(writer), reserve_(reserve), watch_(watch), log_(log) {}

    [[nodiscard]] base::Status keep(QuarantinedRequest rejected) override;
    [[nodiscard]] bool keep_later(QuarantinedRequest rejected,
                                  std::function<void()> not_kept) override;
    [[nodiscard]] base::Result<std::int64_t> drop(std::vector<std::int64_t> ids) override;

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

}  // namespace incm::inbox::sqlite
