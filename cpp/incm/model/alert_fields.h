#pragma once

#include <tuple>

#include "incm/model/alert.h"

namespace incm::model {

/// A documented field of an alert: its name in Python, its name in JSON, and the member that holds
/// it.
template <typename Value>
struct AlertField {
    const char* name;
    const char* key;
    Value Alert::*member;
    bool in_data = false;  ///< a member of `data`, not of the alert itself
};
// Clang deduces the type of a member of an aggregate by itself since version 17 only.
template <typename Value>
AlertField(const char*, const char*, Value Alert::*) -> AlertField<Value>;
template <typename Value>
AlertField(const char*, const char*, Value Alert::*, bool) -> AlertField<Value>;

/// Every documented field, in the order in which Python shows them. The reader, the properties of
/// the Python Alert, `to_dict`, `extra` and the tests' make_alert iterate over this list.
///
/// Source:  docs/protocol.md, The fields of an alert.
inline constexpr std::tuple kAlertFields{
    AlertField{"id", "_id", &Alert::id},
    AlertField{"type", "type", &Alert::type},
    AlertField{"ack", "ack", &Alert::ack},
    AlertField{"app", "app", &Alert::app},
    AlertField{"content", "content", &Alert::content},
    AlertField{"data", "data", &Alert::has_data},
    AlertField{"serial_number", "serialNumber", &Alert::serial_number, true},
    AlertField{"reason", "reason", &Alert::reason, true},
    AlertField{"retention", "retention", &Alert::retention_s, true},
    AlertField{"timestamp", "timestamp", &Alert::timestamp, true},
    AlertField{"device_id", "deviceId", &Alert::device_id},
    AlertField{"entity_id", "entityId", &Alert::entity_id},
    AlertField{"entity_name", "entityName", &Alert::entity_name},
    AlertField{"entity_type", "entityType", &Alert::entity_type},
    AlertField{"org_id", "oid", &Alert::org_id},
    AlertField{"org", "org", &Alert::org},
    AlertField{"title", "title", &Alert::title},
    AlertField{"updated_at", "updatedAt", &Alert::updated_at},
    AlertField{"created_at", "createdAt", &Alert::created_at},
    AlertField{"device_group_id", "deviceGroupId", &Alert::device_group_id},
    AlertField{"device_group", "deviceGroup", &Alert::device_group},
    AlertField{"closed_at", "closedAt", &Alert::closed_at},
    AlertField{"status", "status", &Alert::status},
    AlertField{"priority", "priority", &Alert::priority},
};

/// Call visit with each documented field, in their order.
template <typename Visit>
constexpr void for_each_alert_field(const Visit& visit) {
    std::apply([&](const auto&... fields) { (visit(fields), ...); }, kAlertFields);
}

}  // namespace incm::model
