#include "incm/inbox/sqlite/delivery_keys.h"

#include <algorithm>
#include <array>

#include "incm/base/ascii.h"
#include "incm/base/stable_hash.h"
#include "incm/inbox/sqlite/recovery.h"

namespace incm::inbox::sqlite {

namespace {

std::string hex(std::uint64_t value) {
    std::array<char, 16> text{};
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
        *digit = base::kHexDigits[value & 0xF];
    }
    return {text.data(), text.size()};
}

}  // namespace

DeliveryKeys::DeliveryKeys(Database& database) : inbox_id_(stored_inbox_id(database)) {
    Statement select(database, "SELECT first_alert_id, id FROM incarnation ORDER BY 1");
    Rows rows = select.query();
    while (rows.next()) {
        incarnations_.push_back({rows.integer(0), std::string(rows.bytes(1))});
    }
}

std::string DeliveryKeys::key(const Delivery& delivery, std::string_view plugin) const {
    const std::string number = std::to_string(delivery.alert_id);
    const auto next = std::ranges::upper_bound(incarnations_, delivery.alert_id, {},
                                               &Incarnation::first_alert_id);
    if (next == incarnations_.begin()) {
        return inbox_id_ + "-" + number + "-" + std::string(plugin);
    }
    std::uint64_t hash = base::stable_hash(plugin, 0);
    hash = base::stable_hash(delivery.endpoint, hash);
    hash = base::stable_hash(delivery.text, hash);
    return std::prev(next)->id + "-" + number + "-" + hex(hash);
}

}  // namespace incm::inbox::sqlite
