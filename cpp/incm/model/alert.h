#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/result.h"

namespace incm::model {

/// A moment in UTC, in microseconds since the Unix epoch.
struct Timestamp {
    std::int64_t us;
    bool operator==(const Timestamp&) const = default;
};

/// An organisation or a device group, as far as it is documented.
struct Party {
    std::optional<std::string> id;    ///< `_id`
    std::optional<std::string> name;  ///< `name`
    bool operator==(const Party&) const = default;
};

/// One alert: the verified text and the documented fields, typed.
///
/// Every field is optional; what is absent, null or unreadable is empty. problems says what was
/// odd. The members that no one documented are in raw only; the Python Alert shows them as `extra`
/// and `data`. Source: specification section 3 (path of each field in the comment).
struct Alert {
    std::string raw;                             ///< the text that verified, byte for byte
    std::optional<std::string> id;               ///< `_id`
    std::optional<bool> ack;                     ///< `ack`
    std::optional<std::string> app;              ///< `app`
    std::optional<std::string> content;          ///< `content`
    bool has_data = false;                       ///< `data` is an object
    std::optional<std::string> serial_number;    ///< `data.serialNumber`
    std::optional<std::string> reason;           ///< `data.reason`
    std::optional<std::int64_t> retention_s;     ///< `data.retention`, seconds
    std::optional<Timestamp> timestamp;          ///< `data.timestamp`
    std::optional<std::string> device_id;        ///< `deviceId`
    std::optional<std::string> entity_id;        ///< `entityId`
    std::optional<std::string> entity_name;      ///< `entityName`
    std::optional<std::string> entity_type;      ///< `entityType`
    std::optional<std::string> org_id;           ///< `oid`
    std::optional<Party> org;                    ///< `org`
    std::optional<std::string> title;            ///< `title`
    std::optional<std::string> type;             ///< `type`
    std::optional<Timestamp> updated_at;         ///< `updatedAt`
    std::optional<Timestamp> created_at;         ///< `createdAt`
    std::optional<std::string> device_group_id;  ///< `deviceGroupId`
    std::optional<Party> device_group;           ///< `deviceGroup`
    std::optional<Timestamp> closed_at;          ///< `closedAt`
    std::optional<std::string> status;           ///< `status`, ASCII letters in lower case
    std::optional<std::int64_t> priority;        ///< `priority`; range and direction unknown
    std::vector<std::string> problems;           ///< a sentence for each odd thing

    bool operator==(const Alert&) const = default;
};

/// At most so many problems are listed; a last sentence says how many more there were.
inline constexpr std::size_t kMaxProblems = 32;

/// Read an alert out of a verified text.
///
/// Shape:   the bytes that verified (moved into Alert::raw) -> Alert. Numbers stand in for strings,
/// and
///          strings for numbers, booleans and dates where their meaning is plain (ISO 8601, Unix
///          seconds or milliseconds). A repeated key counts with its last value, as in CPython. A
///          text that is JSON but no object, or nested too deep to read, gives an Alert with no
///          field and a problem.
/// Errors:  kNotJson when the text is no JSON.
/// Threads: any. Each thread keeps a parser's buffers (about 1 MiB at most) for its next call.
/// Source:  specification section 3; liberal reading: own choice (promise P6).
[[nodiscard]] base::Result<Alert> parse_alert(std::string text);

}  // namespace incm::model
