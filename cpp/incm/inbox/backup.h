#pragma once

#include <cstdint>
#include <string>

#include "incm/base/result.h"

namespace incm::inbox {

/// How far a backup is.
struct BackupProgress {
    enum class State { kNone, kRunning, kDone, kFailed };
    State state = State::kNone;
    std::string file;
    std::int64_t bytes = 0;          ///< copied
    std::int64_t of_bytes = 0;       ///< the size of the copy
    std::int64_t last_alert_id = 0;  ///< the last one that is in it
    std::string error;               ///< of a failed one
};

/// Copies the open inbox as it is at one moment, while it goes on taking alerts.
///
/// Threads: any.
/// Source:  docs/backup.md.
class Backup {
 public:
    Backup() = default;
    Backup(const Backup&) = delete;
    Backup& operator=(const Backup&) = delete;
    virtual ~Backup() = default;

    /// Begin a copy to a file that does not exist yet. file: an absolute path.
    ///
    /// Errors:  kMalformedRequest: the path cannot be used, another copy is being made, or the disk
    ///          there has too little room; the text says what to do. kClosed.
    [[nodiscard]] virtual base::Status start(const std::string& file) = 0;
    /// Stop the copy that is being made and remove what there is of it.
    virtual void cancel() = 0;
    [[nodiscard]] virtual BackupProgress progress() const = 0;
};

}  // namespace incm::inbox
