#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/result.h"
#include "incm/model/arena.h"

namespace incm::model {

/// A moment in UTC, in microseconds since the Unix epoch.
struct Timestamp {
    std::int64_t us;
    bool operator==(const Timestamp&) const = default;
};

/// A text field; its characters belong to the Alert that it is read from.
using Text = std::optional<std::string_view>;

/// An organisation or a device group, as far as it is documented.
struct Party {
    Text id;    ///< `_id`
    Text name;  ///< `name`
};

/// One alert: the verified text and the documented fields, typed.
///
/// Every field is optional; what is absent, null or unreadable is empty. problems says what was
/// odd. The members that no one documented are in raw only; the Python Alert shows them as `extra`
/// and `data`.
///
/// Shape:   can be moved, not copied. The texts of an Alert that parse_alert() made live as long as
///          it, or as what it was moved to; moving raw away leaves them as they are.
/// Threads: like a value type.
/// Source:  docs/protocol.md, The fields of an alert (path of each field in the comment).
struct Alert {
    std::string raw;                          ///< the text that verified, byte for byte
    Text id;                                  ///< `_id`
    std::optional<bool> ack;                  ///< `ack`
    Text app;                                 ///< `app`
    Text content;                             ///< `content`
    bool has_data = false;                    ///< `data` is an object
    Text serial_number;                       ///< `data.serialNumber`
    Text reason;                              ///< `data.reason`
    std::optional<std::int64_t> retention_s;  ///< `data.retention`, seconds
    std::optional<Timestamp> timestamp;       ///< `data.timestamp`
    Text device_id;                           ///< `deviceId`
    Text entity_id;                           ///< `entityId`
    Text entity_name;                         ///< `entityName`
    Text entity_type;                         ///< `entityType`
    Text org_id;                              ///< `oid`
    std::optional<Party> org;                 ///< `org`
    Text title;                               ///< `title`
    Text type;                                ///< `type`
    std::optional<Timestamp> updated_at;      ///< `updatedAt`
    std::optional<Timestamp> created_at;      ///< `createdAt`
    Text device_group_id;                     ///< `deviceGroupId`
    std::optional<Party> device_group;        ///< `deviceGroup`
    std::optional<Timestamp> closed_at;       ///< `closedAt`
    Text status;                              ///< `status`, ASCII letters in lower case
    std::optional<std::int64_t> priority;     ///< `priority`; range and direction unknown
    std::vector<std::string> problems;        ///< a sentence for each odd thing
    TextBlocks memory;                        ///< the characters of the texts
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
/// Source:  docs/protocol.md, The fields of an alert; liberal reading: own choice
///          (docs/promises.md, P6).
[[nodiscard]] base::Result<Alert> parse_alert(std::string text);

}  // namespace incm::model
