#pragma once

#include <string>

#include "incm/base/kept_from_children.h"
#include "incm/base/log.h"
#include "incm/inbox/sqlite/inbox_file.h"

namespace incm::inbox::sqlite {

/// A database file under construction, beside its final place, with the name FILE + kSuffix. A lock
/// on it shows a later process whether it is still under construction.
///
/// Threads: one at a time.
class UnfinishedFile {
 public:
    static constexpr const char* kSuffix = ".incm-partial";

    /// Create it for `file`, empty and not readable for everybody. Files of this kind whose process
    /// was killed are removed from that folder, which is logged.
    ///
    /// Errors:  base::Failure kMalformedRequest: it cannot be created, or another process is
    ///          creating the same one.
    UnfinishedFile(const std::string& file, base::LogSink& log);
    UnfinishedFile(const UnfinishedFile&) = delete;
    UnfinishedFile& operator=(const UnfinishedFile&) = delete;
    /// Removes the file unless it was published.
    ~UnfinishedFile();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int descriptor() const noexcept { return made_.get(); }

    /// Sync it to disk, and give it the name `file` unless that name exists.
    ///
    /// Errors:  base::Failure kMalformedRequest; `file` is unchanged, unless the disk fails to
    ///          write the folder.
    void publish();

 private:
    const std::string file_;
    const std::string path_;
    const Descriptor made_;
    base::KeptFromChildren kept_;  ///< otherwise a child would keep the lock
};

}  // namespace incm::inbox::sqlite
