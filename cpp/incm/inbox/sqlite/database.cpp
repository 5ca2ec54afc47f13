#include "incm/inbox/sqlite/database.h"

#include <cerrno>
#include <cstring>

#include <sqlite3.h>

#include "incm/inbox/sqlite/disk_trouble.h"

namespace incm::inbox::sqlite {

namespace {

/// Turns off memory statistics, which are never read and make each allocation take a lock of the
/// whole process. This is only possible before SQLite is in use, so it happens when this library is
/// loaded. If SQLite is already in use (importing Python's sqlite3 is enough), it changes nothing.
[[maybe_unused]] const int kUncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

/// Return the errno that caused a result code; 0: there is none.
int reason_of(sqlite3* handle, int code) {
    const int primary = code & 0xff;
    const bool has_one = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
    return has_one && code != SQLITE_IOERR_NOMEM ? sqlite3_system_errno(handle) : 0;
}

/// Make the error of the call that just failed, for the caller to throw. After a failed sync the
/// log is left as it is on close: copying it back could read pages that the kernel has dropped.
SqlError failure_of(sqlite3* handle, int code) {
    SqlError error(code, sqlite3_errmsg(handle), reason_of(handle, code));
    if (error.sync_failed()) {
        sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    return error;
}

[[noreturn]] void fail(sqlite3* handle) {
    throw failure_of(handle, sqlite3_extended_errcode(handle));
}

int flags_of(Access access) {
    constexpr int kCommon = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    switch (access) {
        case Access::kCreate:
            return kCommon | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        case Access::kReadWrite:
            return kCommon | SQLITE_OPEN_READWRITE;
        case Access::kFileAlone:
            return kCommon | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
        case Access::kReadOnly:
            break;
    }
    return kCommon | SQLITE_OPEN_READONLY;
}

/// Return the name under which SQLite opens a file.
std::string name_of(const std::string& path, Access access) {
    if (access != Access::kFileAlone) {
        return path;
    }
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string uri = "file:";
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte > ' ' && byte < 0x7F && byte != '%' && byte != '?' && byte != '#';
        if (plain) {
            uri += c;
        } else {
            uri += {'%', kDigits[byte >> 4], kDigits[byte & 0xF]};
        }
    }
    return uri + "?immutable=1";
}

int remember_wal_pages(void* target, sqlite3*, const char*, int pages) {
    *static_cast<int*>(target) = pages;
    return SQLITE_OK;
}

}  // namespace

SqlError::SqlError(int code, const std::string& text, int reason)
    : std::runtime_error(reason == 0 ? text : text + ": " + std::strerror(reason)),
      code_(code),
      reason_(reason) {}

SqlError SqlError::contradiction(const std::string& text) {
    return {SQLITE_CORRUPT, text};
}

bool SqlError::sync_failed() const noexcept {
    return code_ == SQLITE_IOERR_FSYNC || code_ == SQLITE_IOERR_DIR_FSYNC;
}

bool SqlError::refused_by_disk() const noexcept {
    switch (code_ & 0xff) {
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_PROTOCOL:
        case SQLITE_PERM:
        case SQLITE_NOLFS:
            return true;
        default:
            return false;
    }
}

bool SqlError::no_memory() const noexcept {
    return (code_ & 0xff) == SQLITE_NOMEM || code_ == SQLITE_IOERR_NOMEM;
}

bool SqlError::damaged() const noexcept {
    const int primary = code_ & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

bool SqlError::locked() const noexcept {
    const int primary = code_ & 0xff;
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED;
}

bool SqlError::full() const noexcept {
    return (code_ & 0xff) == SQLITE_FULL || reason_ == ENOSPC || reason_ == EDQUOT ||
           reason_ == EFBIG;
}

bool SqlError::without_index() const noexcept {
    return code_ == SQLITE_IOERR_SHMOPEN || code_ == SQLITE_IOERR_SHMSIZE ||
           code_ == SQLITE_IOERR_SHMLOCK || code_ == SQLITE_IOERR_SHMMAP;
}

bool SqlError::may_pass() const noexcept {
    return locked() || full() || is_of_disk(reason_);
}

Database::Database(const std::string& path, Access access) {
    const int code =
        sqlite3_open_v2(name_of(path, access).c_str(), &handle_, flags_of(access), nullptr);
    if (code != SQLITE_OK) {
        const SqlError error(code, handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code),
                             handle_ ? reason_of(handle_, code) : 0);
        sqlite3_close(handle_);
        throw error;
    }
    set_patience(kPatienceMs);
    // This hook replaces the automatic checkpoint of SQLite, which would run inside of a COMMIT
    // that a caller waits for.
    sqlite3_wal_hook(handle_, remember_wal_pages, &wal_pages_);
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

void Database::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        fail(handle_);
    }
}

std::string Database::text_of(const std::string& sql) {
    Statement statement(*this, sql);
    Rows rows = statement.query();
    return rows.next() ? std::string(rows.bytes(0)) : std::string();
}

std::int64_t Database::integer_of(const std::string& sql) {
    Statement statement(*this, sql);
    Rows rows = statement.query();
    return rows.next() ? rows.integer(0) : 0;
}

void Database::set_pragma(const std::string& name, const std::string& value,
                          const std::string& expected) {
    execute(("PRAGMA " + name + "=" + value).c_str());
    const std::string actual = text_of("PRAGMA " + name);
    if (actual != expected) {
        throw SqlError(SQLITE_ERROR,
                       "PRAGMA " + name + " is " + actual + " instead of " + expected);
    }
}

void Database::set_patience(int patience_ms) noexcept {
    sqlite3_busy_timeout(handle_, patience_ms);
}

bool Database::read_only() const noexcept {
    return sqlite3_db_readonly(handle_, "main") == 1;
}

bool Database::in_transaction() const noexcept {
    return sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Database::changes() const noexcept {
    return sqlite3_changes64(handle_);
}

void Database::checkpoint(bool truncate) {
    int pages = 0;
    int copied = 0;
    const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    if (sqlite3_wal_checkpoint_v2(handle_, "main", mode, &pages, &copied) != SQLITE_OK) {
        fail(handle_);
    }
    if (copied >= pages) {
        wal_pages_ = 0;
    }
}

void Database::keep_log_on_close(bool keeps) noexcept {
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps ? 1 : 0, nullptr);
}

Statement::Statement(Database& database, std::string_view sql) {
    if (sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &handle_, nullptr) != SQLITE_OK) {
        fail(database.handle());
    }
}

Statement::~Statement() {
    sqlite3_finalize(handle_);
}

void Statement::bind(int index, std::int64_t value) {
    if (sqlite3_bind_int64(handle_, index, value) != SQLITE_OK) {
        fail(sqlite3_db_handle(handle_));
    }
}

void Statement::bind(int index, std::string_view text) {
    // A null pointer would bind NULL.
    const char* data = text.data() ? text.data() : "";
    if (sqlite3_bind_text64(handle_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8) !=
        SQLITE_OK) {
        fail(sqlite3_db_handle(handle_));
    }
}

void Statement::bind(int index, Blob blob) {
    const char* data = blob.bytes.data() ? blob.bytes.data() : "";
    if (sqlite3_bind_blob64(handle_, index, data, blob.bytes.size(), SQLITE_STATIC) != SQLITE_OK) {
        fail(sqlite3_db_handle(handle_));
    }
}

void Statement::bind(int index, std::optional<std::string_view> text) {
    if (text) {
        bind(index, *text);
    } else if (sqlite3_bind_null(handle_, index) != SQLITE_OK) {
        fail(sqlite3_db_handle(handle_));
    }
}

bool Statement::step() {
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        const SqlError error = failure_of(sqlite3_db_handle(handle_), code);
        reset();
        throw error;
    }
    return false;
}

void Statement::finish() {
    while (step()) {
    }
    reset();
}

void Statement::reset() noexcept {
    sqlite3_reset(handle_);
}

std::int64_t Rows::integer(int column) const noexcept {
    return sqlite3_column_int64(statement_.handle_, column);
}

std::string_view Rows::bytes(int column) const noexcept {
    const void* data = sqlite3_column_blob(statement_.handle_, column);
    const int size = sqlite3_column_bytes(statement_.handle_, column);
    return data ? std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size))
                : std::string_view();
}

Transaction::Transaction(Database& database, bool write) : database_(database) {
    database_.execute(write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
    // Some failures roll back by themselves; a second ROLLBACK would be an error.
    if (database_.in_transaction()) {
        sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

void Transaction::commit() {
    database_.execute("COMMIT");
}

}  // namespace incm::inbox::sqlite
