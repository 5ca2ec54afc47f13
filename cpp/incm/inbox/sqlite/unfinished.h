#pragma once

#include <cstdint>
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

    /// Remove the files of this kind whose process was killed from the folder of `file`, and log
    /// that.
    static void remove_left_over(const std::string& file, base::LogSink& log);
    /// Return the bytes of disk that remove_left_over() would free.
    [[nodiscard]] static std::int64_t left_over_bytes(const std::string& file);

    /// Create it for `file`, empty and not readable for everybody, after remove_left_over().
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

    /// Sync it to disk, and give it the name `file` instead of the closed database that may have
    /// it.
    ///
    /// Errors:  base::Failure kMalformedRequest; `file` is the old or the new one, and complete.
    void replace();

 private:
    void sync_to_disk() const;
    void sync_folder() const;

    const std::string file_;
    const std::string path_;
    const Descriptor made_;
    base::KeptFromChildren kept_;  ///< otherwise a child would keep the lock
};

}  // namespace incm::inbox::sqlite
