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

/// Sees whether the open inbox can still be found under its name, with its log beside it.
///
/// A file that was moved, removed, replaced or overwritten while it is open can be written as
/// before, and nobody finds that after the next start: it must not be acknowledged.
/// Threads: any.
class FileWatch {
 public:
    /// Remember the file at path and its log, which are open now. log must outlive this.
    FileWatch(const std::string& path, base::LogSink& log);
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;

    /// Compare; a change is one line in the log. Two calls of stat(2).
    void look() noexcept;
    /// Also whether file and log are what this process wrote: by the writer's thread, after
    /// look_inside_of(). Not within a transaction.
    void look_inside() noexcept;
    void look_inside_of(Database& database) { inside_.emplace(file_.path, database); }
    /// This process copied the log into the file, or a part of it, after so many commits; by the
    /// writer's thread.
    void folded(std::int64_t commits) noexcept;
    /// Also at the index of the log, without which nothing is lost: its end is told once.
    void look_at_all() noexcept;

    /// As of the last look.
    [[nodiscard]] bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
    /// Lost, because file or log were overwritten: then they are not written any more.
    [[nodiscard]] bool overwritten() const noexcept { return part_ != Part::kNone; }
    /// As overwritten(), but looked at again; by the writer's thread.
    [[nodiscard]] bool overwritten_now() noexcept {
        if (overwritten()) {
            look_inside();
        }
        return overwritten();
    }
    /// As lost(), but what was lost is looked for again, so that it works when it was put back.
    [[nodiscard]] bool lost_now() noexcept {
        if (lost()) {
            look();
        }
        return lost();
    }
    /// Why nothing is taken then.
    [[nodiscard]] static base::Error error() {
        return {base::ErrorCode::kStoreFailed,
                "the file of the inbox was moved, removed, replaced or overwritten"};
    }

 private:
    /// A file as its folder names it.
    struct Named {
        std::string path;
        dev_t device = 0;
        ino_t number = 0;

        void remember();
        [[nodiscard]] bool is_there() const noexcept;
        /// The same, with what stat(2) says of what is found.
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
