#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <sys/types.h>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/sqlite/overwriting.h"

namespace incm::inbox::sqlite {

/// Checks whether the open inbox is still found under its name, with its log beside it.
///
/// A file that is moved, removed, replaced or overwritten while it is open can still be written,
/// but the next start does not find those alerts: they must not be acknowledged.
/// Threads: any.
class FileWatch {
 public:
    /// Remember the file at path and its log, which are open now. log must outlive this object.
    FileWatch(const std::string& path, base::LogSink& log);
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;

    /// Check the file and its log, and log a change with one line. Costs two calls of stat(2).
    void look() noexcept;
    /// Also check whether file and log have the content that this process wrote. Only by the
    /// writer's thread, after look_inside_of(), and not within a transaction.
    void look_inside() noexcept;
    void look_inside_of(Database& database) { inside_.emplace(file_.path, database); }
    /// Report that this process copied the log, or a part of it, into the file after this many
    /// commits. Only by the writer's thread.
    void folded(std::int64_t commits) noexcept;
    /// Also check the index of the log. Nothing is lost without the index; its loss is logged once.
    void look_at_all() noexcept;

    /// Whether file or log were not found at the last check.
    [[nodiscard]] bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
    /// Whether they are lost because file or log were overwritten; they are no longer written then.
    [[nodiscard]] bool overwritten() const noexcept { return part_ != Part::kNone; }
    /// Return overwritten(), but check again first if it is true. Only by the writer's thread.
    [[nodiscard]] bool overwritten_now() noexcept {
        if (overwritten()) {
            look_inside();
        }
        return overwritten();
    }
    /// Return lost(), but check again first if it is true, so that a returned file works again.
    [[nodiscard]] bool lost_now() noexcept {
        if (lost()) {
            look();
        }
        return lost();
    }
    /// The error while the file is lost.
    [[nodiscard]] static base::Error error() {
        return {base::ErrorCode::kStoreFailed,
                "the file of the inbox was moved, removed, replaced or overwritten"};
    }

 private:
    /// A file under its name.
    struct Named {
        std::string path;
        dev_t device = 0;
        ino_t number = 0;

        void remember();
        [[nodiscard]] bool is_there() const noexcept;
        /// As above; facts: the result of stat(2).
        [[nodiscard]] bool is_there(struct stat& facts) const noexcept;
    };
    using Part = Overwriting::Part;
    [[nodiscard]] std::string missing() const;
    [[nodiscard]] std::string trouble() const;
    void note(bool is_there) noexcept;

    Named file_;
    Named log_file_;
    Named index_;
    base::LogSink& log_;
    std::optional<Overwriting> inside_;  ///< of the writer's thread
    std::atomic<Part> part_{Part::kNone};
    std::atomic<bool> lost_{false};
    std::atomic<bool> index_lost_{false};
};

}  // namespace incm::inbox::sqlite
