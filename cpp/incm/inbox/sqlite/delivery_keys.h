#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// The key by which a target knows a delivery that is made again.
///
/// A file that was copied or put back gives numbers anew. So every open begins an incarnation, and
/// a key has that of its alert's number, the number, and a hash of what the alert says: no second
/// alert has it, on no copy of the file.
/// Threads: any; fixed when it is made.
class DeliveryKeys {
 public:
    /// Reads the incarnations. Errors: SqlError.
    explicit DeliveryKeys(Database& database);

    /// The same for every attempt and replay, for ever.
    ///
    /// Shape:   `INCARNATION-NUMBER-HASH`, at most 64 characters of [0-9a-f-]. Alerts of before
    ///          version 6 of the tables keep `INBOX-NUMBER-PLUGIN`.
    [[nodiscard]] std::string key(const Delivery& delivery, std::string_view plugin) const;

 private:
    struct Incarnation {
        std::int64_t first_alert_id;
        std::string id;
    };
    std::string inbox_id_;
    std::vector<Incarnation> incarnations_;  ///< by first_alert_id
};

}  // namespace incm::inbox::sqlite
