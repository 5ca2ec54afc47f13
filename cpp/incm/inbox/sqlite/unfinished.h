#pragma once

#include <string>

#include "incm/base/kept_from_children.h"
#include "incm/base/log.h"
#include "incm/inbox/sqlite/inbox_file.h"

namespace incm::inbox::sqlite {

/// A database file beside the place where it is to be, while it is made: no other has the name
/// FILE + kSuffix, and a later one knows by a lock on it whether somebody still makes it.
///
/// Threads: one at a time.
class UnfinishedFile {
 public:
    static constexpr const char* kSuffix = ".incm-partial";

    /// Make it for `file`, empty and not for everybody to read. What is left in that folder of
    /// those whose process was killed is removed, and log says so.
    ///
    /// Errors: base::Failure kMalformedRequest: it cannot be made, or another process makes the
    /// same one.
    UnfinishedFile(const std::string& file, base::LogSink& log);
    UnfinishedFile(const UnfinishedFile&) = delete;
    UnfinishedFile& operator=(const UnfinishedFile&) = delete;
    /// Removes what is not published.
    ~UnfinishedFile();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int descriptor() const noexcept { return made_.get(); }

    /// Write it to disk, and give it the name `file` unless something has that.
    ///
    /// Errors: base::Failure kMalformedRequest; `file` is as it was, unless the disk fails to write
    /// the folder.
    void publish();

 private:
    const std::string file_;
    const std::string path_;
    const Descriptor made_;
    base::KeptFromChildren kept_;  ///< or a child would keep the lock
};

}  // namespace incm::inbox::sqlite
