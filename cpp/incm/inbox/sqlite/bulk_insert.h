#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Rows that go into one table together, several with a statement: to begin and to end one costs
/// about as much as half a row.
///
/// Errors:  SqlError, of the constructor and of write(). Threads: those of the Database.
/// Source:  own choice (docs/decisions.md).
template <typename... Values>
class BulkInsert {
 public:
    /// insert: up to and with VALUES; OR ROLLBACK spares SQLite what it needs to undo one statement
    /// alone. row: one row in brackets, with a ? for each of Values.
    BulkInsert(Database& database, std::string_view insert, std::string_view row) {
        for (std::size_t rows = kMaxRows; rows > 0; rows /= 2) {
            std::string sql(insert);
            for (std::size_t i = 0; i < rows; ++i) {
                sql.append(i == 0 ? " " : ", ").append(row);
            }
            statements_.emplace_back(database, sql);
        }
    }

    /// Texts and blobs are not copied: they must live until write() or forget().
    void add(const Values&... values) { rows_.emplace_back(values...); }

    /// Insert what was added, in its order. After an error some of it may be in the table, and all
    /// of it is still to be written: roll back and forget().
    void write() {
        std::span<const Row> left(rows_);
        std::size_t rows = kMaxRows;
        for (Statement& statement : statements_) {
            for (; left.size() >= rows; left = left.subspan(rows)) {
                statement.run_rows(left.first(rows));
            }
            rows /= 2;
        }
        forget();
    }

    /// Drop what was added and is not written.
    void forget() noexcept { rows_.clear(); }

 private:
    using Row = std::tuple<Values...>;
    static constexpr std::size_t kMaxRows = 32;  ///< more gain next to nothing; a power of two

    std::deque<Statement> statements_;  ///< for kMaxRows rows, for half of them, ..., for one
    std::vector<Row> rows_;
};

}  // namespace incm::inbox::sqlite
