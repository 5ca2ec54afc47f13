#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "incm/base/log.h"
#include "incm/base/result.h"

namespace incm::inbox {

/// Sees whether the open inbox can still be found under its name, with its log beside it.
///
/// A file that was moved, removed or replaced while it is open can be written as before, and
/// nobody finds it after the next start: what is written to it must not be acknowledged.
/// Threads: any.
class FileWatch {
 public:
    /// Remember the file at path and its log, which are open now. log must outlive this.
    FileWatch(const std::string& path, base::LogSink& log);
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;

    /// Compare; a change is one line in the log. Two calls of stat(2).
    void look() noexcept;
    /// Also at the index of the log, without which nothing is lost: its end is told once.
    void look_at_all() noexcept;

    /// As of the last look.
    [[nodiscard]] bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
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
                "the file of the inbox was moved, removed or replaced"};
    }

 private:
    /// A file as its folder names it.
    struct Named {
        std::string path;
        dev_t device = 0;
        ino_t number = 0;

        void remember();
        [[nodiscard]] bool is_there() const noexcept;
    };
    [[nodiscard]] std::string missing() const;

    Named file_;
    Named log_file_;
    Named index_;
    base::LogSink& log_;
    std::atomic<bool> lost_{false};
    std::atomic<bool> index_lost_{false};
};

}  // namespace incm::inbox
