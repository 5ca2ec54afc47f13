#include "incm/inbox/sqlite/overwriting.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <exception>

#include <sqlite3.h>

namespace incm::inbox::sqlite {

namespace {

constexpr int kIndexBytes = 32'768;  ///< size of one block of the index
constexpr std::size_t kPageSizeAt = 14;
constexpr std::size_t kFramesAt = 16;
constexpr std::size_t kSaltsInIndexAt = 32;
constexpr std::size_t kSaltsInLogAt = 16;
constexpr std::size_t kSalts = 8;
constexpr std::size_t kLogHeader = 32;
constexpr std::int64_t kFrameHeader = 24;
constexpr int kCopyingLock = 1;  ///< WAL_CKPT_LOCK
constexpr int kLooks = 3;        ///< another program may restart the log between two reads

/// The header of the index of the log; every connection finds pages of the log through it.
struct Index {
    std::uint32_t frames = 0;
    std::uint16_t page_size = 0;
    std::array<char, kSalts> salts{};
};

sqlite3_file* part_of(sqlite3* handle, int which) {
    sqlite3_file* file = nullptr;
    const int code = sqlite3_file_control(handle, "main", which, static_cast<void*>(&file));
    return code == SQLITE_OK && file && file->pMethods ? file : nullptr;
}

/// Holds the lock for copying the log into the file, so that no other program copies it at the same
/// time.
class Copying {
 public:
    explicit Copying(sqlite3_file* file) : file_(file), is_ours_(lock(SQLITE_SHM_LOCK)) {}
    Copying(const Copying&) = delete;
    Copying& operator=(const Copying&) = delete;
    ~Copying() {
        if (is_ours_) {
            lock(SQLITE_SHM_UNLOCK);
        }
    }
    [[nodiscard]] bool is_ours() const noexcept { return is_ours_; }

 private:
    bool lock(int how) noexcept {
        return file_ && file_->pMethods->iVersion >= 2 &&
               file_->pMethods->xShmLock(file_, kCopyingLock, 1, how | SQLITE_SHM_EXCLUSIVE) ==
                   SQLITE_OK;
    }
    sqlite3_file* const file_;
    const bool is_ours_;
};

bool read_index(sqlite3_file* file, Index& index) {
    volatile void* shared = nullptr;
    if (file->pMethods->iVersion < 2 ||
        file->pMethods->xShmMap(file, 0, kIndexBytes, 0, &shared) != SQLITE_OK || !shared) {
        return false;
    }
    const auto* const bytes = static_cast<const char*>(const_cast<void*>(shared));
    std::memcpy(&index.frames, bytes + kFramesAt, sizeof index.frames);
    std::memcpy(&index.page_size, bytes + kPageSizeAt, sizeof index.page_size);
    std::memcpy(index.salts.data(), bytes + kSaltsInIndexAt, kSalts);
    return true;
}

/// A log that cannot be read now counts as ours: the next check may tell.
bool is_of(sqlite3_file* log, const Index& index) {
    const std::int64_t page_size = index.page_size == 1 ? 65'536 : index.page_size;
    sqlite3_int64 size = 0;
    if (log->pMethods->xFileSize(log, &size) != SQLITE_OK) {
        return true;
    }
    if (size < static_cast<std::int64_t>(kLogHeader) + index.frames * (kFrameHeader + page_size)) {
        return false;
    }
    std::array<char, kLogHeader> header{};
    const int code = log->pMethods->xRead(log, header.data(), kLogHeader, 0);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
        return true;
    }
    return std::memcmp(&header[kSaltsInLogAt], index.salts.data(), kSalts) == 0;
}

bool is_same(const struct stat& one, const struct stat& other) {
    return one.st_size == other.st_size && one.st_mtim.tv_sec == other.st_mtim.tv_sec &&
           one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

std::string value_of(Database& database, const std::string& key) {
    return database.text_of("SELECT value FROM meta WHERE key = '" + key + "'");
}

std::int64_t commits_of(Database& database) {
    return database.integer_of("SELECT value FROM meta WHERE key = 'commits'");
}

}  // namespace

Overwriting::Overwriting(const std::string& path, Database& database)
    : path_(path),
      database_(database),
      file_(part_of(database.handle(), SQLITE_FCNTL_FILE_POINTER)),
      log_(part_of(database.handle(), SQLITE_FCNTL_JOURNAL_POINTER)),
      session_(value_of(database, "session")),
      session_before_(value_of(database, "session_before")) {
    if (session_before_.empty()) {
        commits_ = commits_of(database);
    }
    stat(path_.c_str(), &facts_);
}

void Overwriting::folded(std::int64_t commits) noexcept {
    stat(path_.c_str(), &facts_);
    if (database_.wal_pages() == 0) {
        commits_ = commits;
    }
}

Overwriting::Part Overwriting::look(const struct stat& facts) noexcept {
    if (!is_same(facts, facts_) && !file_is_ours()) {
        return Part::kFile;
    }
    return log_is_ours() ? Part::kNone : Part::kLog;
}

/// When this cannot be determined now (another program copies the log, or no descriptor is free),
/// it is checked again before the next commit.
bool Overwriting::file_is_ours() noexcept {
    const Copying copying(file_);
    struct stat facts {};
    if (!copying.is_ours() || stat(path_.c_str(), &facts) != 0) {
        return true;
    }
    try {
        Database file(path_, Access::kFileAlone);
        if (facts.st_size >= facts_.st_size) {
            // An interrupted copy of the log, as on a full disk, leaves a file that is shorter than
            // its first page says. SQLite reads such a file only this way.
            sqlite3_db_config(file.handle(), SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, nullptr);
        }
        if (!is_of_session(file)) {
            return false;
        }
        facts_ = facts;
        return true;
    } catch (const SqlError& error) {
        return error.refused_by_disk() || error.no_memory();
    } catch (const std::exception&) {
        return true;
    }
}

bool Overwriting::is_of_session(Database& file) const {
    const std::string session = value_of(file, "session");
    const bool is_of_before =
        !session_before_.empty() && (session.empty() || session == session_before_);
    return (session == session_ || is_of_before) && commits_of(file) >= commits_;
}

bool Overwriting::log_is_ours() noexcept {
    if (!file_ || !log_) {
        return true;
    }
    Index index;
    for (int i = 0; i < kLooks; ++i) {
        if (!read_index(file_, index) || index.frames == 0 || is_of(log_, index)) {
            return true;
        }
    }
    return false;
}

}  // namespace incm::inbox::sqlite
