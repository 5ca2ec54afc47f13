#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Makes the keys by which a target recognises a repeated delivery.
///
/// A copied or restored file gives the same numbers to other alerts. So every open begins an
/// incarnation, and a key consists of the incarnation in which the alert got its number, that
/// number, and a hash of the alert's content. No other alert has the same key, on any copy of the
/// file.
/// Threads: any; immutable after construction.
class DeliveryKeys {
 public:
    /// Read the incarnations. Errors: SqlError.
    explicit DeliveryKeys(Database& database);

    /// Return the key of a delivery, which is the same for every attempt and replay.
    ///
    /// Shape:   `INCARNATION-NUMBER-HASH`, at most 64 characters of [0-9a-f-]. Alerts stored before
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
