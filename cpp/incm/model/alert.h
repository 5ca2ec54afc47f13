#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/result.h"
#include "incm/model/arena.h"

namespace incm::model {

/// A point in time in UTC, in microseconds since the Unix epoch.
struct Timestamp {
    std::int64_t us;
    bool operator==(const Timestamp&) const = default;
};

/// A text field; the Alert that it is read from owns its characters.
using Text = std::optional<std::string_view>;

/// The documented fields of an organisation or a device group.
struct Party {
    Text id;    ///< `_id`
    Text name;  ///< `name`
};

/// One alert: the verified text, and the documented fields with their types.
///
/// Every field is optional; a field that is absent, null or unreadable is empty. `problems` lists
/// what was odd. Members that are not documented are only in `raw`; the Python Alert shows them as
/// `extra` and `data`.
///
/// Shape:   can be moved, not copied. The texts of an Alert made by parse_alert() live as long as
///          that Alert, or the one it was moved to; moving `raw` away does not change them.
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

/// Most problems that are listed; one more sentence then gives the number of the others.
inline constexpr std::size_t kMaxProblems = 32;

/// Read an alert out of a verified text.
///
/// Shape:   the bytes that verified (moved into Alert::raw) -> Alert. A number is accepted for a
///          string, and a string for a number, boolean or date, when its meaning is plain (ISO
///          8601, Unix seconds or milliseconds). The last value of a repeated key counts, as in
///          CPython. A text that is JSON but no object, or nested too deeply to read, gives an
///          Alert without fields and with a problem.
/// Errors:  kNotJson when the text is not JSON.
/// Threads: any. Each thread keeps the buffers of its parser (about 1 MiB at most) for its next
///          call.
/// Source:  docs/protocol.md, The fields of an alert; liberal reading: own choice
///          (docs/promises.md, P6).
[[nodiscard]] base::Result<Alert> parse_alert(std::string text);

}  // namespace incm::model
