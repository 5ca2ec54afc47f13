#include "incm/inbox/sqlite/log_length.h"

#include <sys/stat.h>

#include "incm/inbox/sqlite/foreign_lock.h"

namespace incm::inbox::sqlite {

void LogLength::look(base::LogSink& log) noexcept {
    struct stat facts {};
    const std::int64_t bytes = stat(log_path_.c_str(), &facts) == 0 ? facts.st_size : 0;
    bytes_.store(bytes, std::memory_order_relaxed);
    if (bytes <= kLong) {
        next_warning_ = kLong;
        return;
    }
    if (bytes <= next_warning_) {
        return;
    }
    next_warning_ = 2 * bytes;
    warnings_.fetch_add(1, std::memory_order_relaxed);
    const std::string holder = foreign_reader(index_path_);
    log.write(base::LogLevel::kWarning,
              "the log of the inbox has grown to " + std::to_string(bytes / (1024 * 1024)) +
                  " MiB, because " + (holder.empty() ? "a backup or another program" : holder) +
                  " reads the inbox and does not end: end it, or the log fills the disk");
}

}  // namespace incm::inbox::sqlite
