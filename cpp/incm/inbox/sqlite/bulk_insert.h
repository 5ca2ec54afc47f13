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

/// Inserts rows into one table, several with each statement, because starting and ending a
/// statement costs about as much as half a row.
///
/// Errors:  SqlError, from the constructor and from write().
/// Threads: those of the Database.
/// Source:  own choice (docs/decisions.md).
template <typename... Values>
class BulkInsert {
 public:
    /// insert: the statement up to and including VALUES; with OR ROLLBACK, SQLite does not need the
    /// data to undo one statement alone. row: one row in brackets, with a ? for each of Values.
    BulkInsert(Database& database, std::string_view insert, std::string_view row) {
        for (std::size_t rows = kMaxRows; rows > 0; rows /= 2) {
            std::string sql(insert);
            for (std::size_t i = 0; i < rows; ++i) {
                sql.append(i == 0 ? " " : ", ").append(row);
            }
            statements_.emplace_back(database, sql);
        }
    }

    /// Add a row. Texts and blobs are not copied: they must live until write() or forget().
    void add(const Values&... values) { rows_.emplace_back(values...); }

    /// Insert the added rows, in their order. After an error some of them may be in the table, and
    /// all of them are still in this object: roll back and call forget().
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

    /// Drop the rows that are added and not written.
    void forget() noexcept { rows_.clear(); }

 private:
    using Row = std::tuple<Values...>;
    static constexpr std::size_t kMaxRows = 32;  ///< more gain almost nothing; a power of two

    std::deque<Statement> statements_;  ///< for kMaxRows rows, for half as many, ..., for one
    std::vector<Row> rows_;
};

}  // namespace incm::inbox::sqlite
