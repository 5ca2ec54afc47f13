#pragma once

#include <cstdint>
#include <optional>

#include "incm/inbox/quarantined_request.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Changes the rows of the quarantine, within the writer's transaction; a part of Tables.
///
/// Errors:  SqlError.
/// Threads: the writer's.
class QuarantineTable {
 public:
    explicit QuarantineTable(Database& database);

    [[nodiscard]] Quarantined count();
    /// Store a request, within the bounds of its kind. False when an identical request is already
    /// stored; nothing is changed then. kept: the totals, which are updated.
    bool keep(const QuarantinedRequest& rejected, Quarantined& kept);
    /// Delete a request. False when none has this number.
    bool remove(std::int64_t id, Quarantined& kept);

 private:
    struct Size {
        std::int64_t count = 0;
        std::int64_t bytes = 0;
    };
    void trim_authentic(Quarantined& kept);
    void trim_hostile(Quarantined& kept);
    [[nodiscard]] Size size(bool authentic);
    /// Run a statement that deletes one row; false when there was none. size: reduced by that row.
    template <typename... Values>
    bool take_out(Statement& statement, Quarantined& kept, Size& size, const Values&... values);

    Database& database_;
    Statement count_, insert_, size_, remove_, remove_authentic_;
    Statement remove_by_count_, remove_by_bytes_;
};

}  // namespace incm::inbox::sqlite
