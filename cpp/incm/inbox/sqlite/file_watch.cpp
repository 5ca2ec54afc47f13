#include "incm/inbox/sqlite/file_watch.h"

#include "incm/base/bytes.h"

namespace incm::inbox::sqlite {

void FileWatch::Named::remember() {
    struct stat facts {};
    if (stat(path.c_str(), &facts) == 0) {
        device = facts.st_dev;
        number = facts.st_ino;
    }
}

bool FileWatch::Named::is_there() const noexcept {
    struct stat facts {};
    return is_there(facts);
}

bool FileWatch::Named::is_there(struct stat& facts) const noexcept {
    return stat(path.c_str(), &facts) == 0 && facts.st_ino == number && facts.st_dev == device;
}

FileWatch::FileWatch(const std::string& path, base::LogSink& log)
    : file_{path}, log_file_{path + "-wal"}, index_{path + "-shm"}, log_(log) {
    file_.remember();
    log_file_.remember();
    index_.remember();
}

/// Describe the part that is missing, and what is in its place.
std::string FileWatch::missing() const {
    const Named& one = file_.is_there() ? log_file_ : file_;
    struct stat facts {};
    const bool replaced = stat(one.path.c_str(), &facts) == 0;
    return base::printable(one.path) +
           (replaced ? " was replaced by another file" : " was moved or removed");
}

/// Describe what has happened, and what to do.
std::string FileWatch::trouble() const {
    if (overwritten()) {
        return base::printable(part_ == Part::kFile ? file_.path : log_file_.path) +
               " was overwritten by another program while the inbox is open: nothing is stored or "
               "delivered any more, and alerts are refused with 503. Stop this process, then put "
               "back a copy with `incm-webhook inbox restore FILE`";
    }
    return missing() +
           " while the inbox is open: alerts are refused with 503, because they would be lost with "
           "the next start. Put the same files back (mv), and alerts are accepted again; if they "
           "are gone, save what this process still has with `incm-webhook inbox backup FILE`, "
           "then restart it";
}

void FileWatch::look_inside() noexcept {
    struct stat facts {};
    const bool is_there = file_.is_there(facts);
    if (inside_) {
        part_ = is_there ? inside_->look(facts) : Part::kNone;
    }
    note(is_there && log_file_.is_there());
}

void FileWatch::folded(std::int64_t commits) noexcept {
    if (inside_) {
        inside_->folded(commits);
    }
}

void FileWatch::look() noexcept {
    note(file_.is_there() && log_file_.is_there());
}

void FileWatch::note(bool is_there) noexcept {
    const bool lost = overwritten() || !is_there;
    if (lost_.exchange(lost, std::memory_order_acq_rel) == lost) {
        return;
    }
    if (!lost) {
        log_.write(base::LogLevel::kInfo, "the inbox " + base::printable(file_.path) +
                                              " is back: alerts are accepted again");
        return;
    }
    log_.write(base::LogLevel::kError, trouble());
}

void FileWatch::look_at_all() noexcept {
    look();
    if (!index_.is_there() && !lost() && !index_lost_.exchange(true)) {
        log_.write(base::LogLevel::kWarning,
                   base::printable(index_.path) +
                       " was removed while the inbox is open: nothing is lost, but no other "
                       "program may open the inbox until this process is restarted");
    }
}

}  // namespace incm::inbox::sqlite
