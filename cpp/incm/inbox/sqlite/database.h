#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>

#include "incm/base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace incm::inbox::sqlite {

/// Thrown when a call into SQLite fails. It does not leave this folder: open() and the writer turn
/// it into an Error.
class SqlError : public std::runtime_error {
 public:
    /// code: an extended result code. reason: errno of the system call that failed, or 0.
    SqlError(int code, const std::string& text, int reason = 0);
    /// Make an error for rows that contradict each other.
    [[nodiscard]] static SqlError contradiction(const std::string& text);
    [[nodiscard]] int code() const noexcept { return code_; }
    /// Whether the kernel may have dropped pages that it reported as written (docs/promises.md,
    /// P8).
    [[nodiscard]] bool sync_failed() const noexcept;
    /// Whether the disk or another process is the cause, and not the written content.
    [[nodiscard]] bool refused_by_disk() const noexcept;
    [[nodiscard]] bool no_memory() const noexcept;
    /// Whether the file holds something that SQLite cannot read.
    [[nodiscard]] bool damaged() const noexcept;
    /// Whether another program holds the required lock.
    [[nodiscard]] bool locked() const noexcept;
    /// Whether there is no room: a full disk or quota, or a limit on the size of files.
    [[nodiscard]] bool full() const noexcept;
    /// Whether the shared memory beside the file (`-shm`) cannot be used.
    [[nodiscard]] bool without_index() const noexcept;
    /// Whether the same call may succeed later: locked, full, or the disk failed.
    [[nodiscard]] bool may_pass() const noexcept;

 private:
    int code_;
    int reason_;
};

/// How a Database is opened. Only kCreate creates a file. kFileAlone reads the file as it is,
/// without its log and without locks: nothing may write to it at the same time.
enum class Access { kCreate, kReadWrite, kReadOnly, kFileAlone };

/// A connection. After a failed sync, closing it leaves the write-ahead log as it is.
///
/// Errors:  every method that is not noexcept throws SqlError.
/// Threads: one at a time. It is opened with SQLITE_OPEN_NOMUTEX, because each connection here
///          already has one thread (the writer) or one mutex (the readers).
class Database {
 public:
    Database(const std::string& path, Access access);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    /// Run statements without parameters, and ignore their rows.
    void execute(const char* sql);
    /// Return the first column of the first row; empty when there is none.
    [[nodiscard]] std::string text_of(const std::string& sql);
    [[nodiscard]] std::int64_t integer_of(const std::string& sql);
    /// Set a pragma and read it back. Errors: also when the value read is not `expected`.
    void set_pragma(const std::string& name, const std::string& value, const std::string& expected);
    void set_pragma(const std::string& name, const std::string& value) {
        set_pragma(name, value, value);
    }

    /// Set how long to wait for another program's lock; initially kPatienceMs.
    void set_patience(int patience_ms) noexcept;
    static constexpr int kPatienceMs = 1000;

    [[nodiscard]] bool read_only() const noexcept;
    [[nodiscard]] bool in_transaction() const noexcept;
    /// The number of rows that the last INSERT, UPDATE or DELETE changed.
    [[nodiscard]] std::int64_t changes() const noexcept;

    /// Pages in the write-ahead log after the last commit; 0 after all of it was copied back.
    [[nodiscard]] int wal_pages() const noexcept { return wal_pages_; }
    /// Copy the write-ahead log into the file. truncate: wait for readers, and empty the log.
    void checkpoint(bool truncate);
    /// Set whether closing leaves the write-ahead log as it is, instead of copying it back and
    /// removing it. After a failed sync it always does.
    void keep_log_on_close(bool keeps) noexcept;

    [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }

 private:
    sqlite3* handle_ = nullptr;
    int wal_pages_ = 0;
};

/// Bytes to bind as BLOB instead of TEXT.
struct Blob {
    std::string_view bytes;
};

[[nodiscard]] inline Blob blob_of(const base::Digest& digest) noexcept {
    return {{reinterpret_cast<const char*>(digest.data()), digest.size()}};
}

class Rows;

/// A prepared statement, which can be run many times.
///
/// Bound texts and blobs are not copied: they must live until the call returns (run) or until the
/// Rows end (query). Errors: SqlError. Threads: those of its Database.
class Statement {
 public:
    Statement(Database& database, std::string_view sql);
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    ~Statement();

    /// Bind values to ?1, ?2, ..., run the statement to the end, and reset it.
    template <typename... Values>
    void run(const Values&... values) {
        bind_all(values...);
        finish();
    }

    /// Bind the values of several rows, one after the other, run the statement, and reset it.
    template <typename... Values>
    void run_rows(std::span<const std::tuple<Values...>> rows) {
        int index = 0;
        for (const auto& row : rows) {
            std::apply([&](const auto&... values) { (bind(++index, values), ...); }, row);
        }
        finish();
    }

    /// Bind values to ?1, ?2, ... and read rows. A statement can have one Rows at a time.
    template <typename... Values>
    [[nodiscard]] Rows query(const Values&... values);

 private:
    friend class Rows;

    template <typename... Values>
    void bind_all(const Values&... values) {
        int index = 0;
        (bind(++index, values), ...);
    }
    void bind(int index, std::int64_t value);
    void bind(int index, std::string_view text);
    void bind(int index, Blob blob);
    void bind(int index, std::optional<std::string_view> text);
    bool step();
    void finish();
    void reset() noexcept;

    sqlite3_stmt* handle_ = nullptr;
};

/// The rows of a query. Its destructor resets the statement.
class Rows {
 public:
    explicit Rows(Statement& statement) : statement_(statement) {}
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    ~Rows() { statement_.reset(); }

    [[nodiscard]] bool next() { return statement_.step(); }
    [[nodiscard]] std::int64_t integer(int column) const noexcept;
    /// Valid until next() or the end of the Rows.
    [[nodiscard]] std::string_view bytes(int column) const noexcept;

 private:
    Statement& statement_;
};

template <typename... Values>
Rows Statement::query(const Values&... values) {
    bind_all(values...);
    return Rows(*this);
}

/// Begins a transaction, and rolls it back at the end of the scope unless commit() succeeded.
class Transaction {
 public:
    /// write: take the write lock at once. Otherwise the first read takes a snapshot.
    Transaction(Database& database, bool write);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    void commit();

 private:
    Database& database_;
};

}  // namespace incm::inbox::sqlite
