#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "incm/model/alert.h"

namespace incm::model {

/// A date that was read, and whether its text named a time zone.
struct ReadTimestamp {
    Timestamp value;
    bool had_zone;  ///< false: the text names no zone, so UTC is assumed
};

/// Read an ISO 8601 date and time.
///
/// Shape:   `YYYY-MM-DD`, then optionally `T` or a space and `HH:MM[:SS[.fraction]]`, then
///          optionally `Z` or `+HH:MM`, `+HHMM`, `+HH` (or `-`) -> UTC. Digits beyond microseconds
///          are cut off; second 60 is the first second of the next minute.
/// Units:   years 1 to 9999 after conversion to UTC (what Python's datetime can hold).
/// Errors:  empty when the text is anything else.
/// Threads: any.
/// Source:  docs/protocol.md, The fields of an alert (`2025-01-06T10:01:38Z`); other forms: own
///          choice.
[[nodiscard]] std::optional<ReadTimestamp> read_iso_timestamp(std::string_view text);

/// Read a Unix time: milliseconds from 1e11 upwards, seconds below. Accepts 0 to the year 9999.
/// Source:  own choice; the guide shows ISO dates only.
[[nodiscard]] std::optional<Timestamp> read_unix_timestamp(double number);

}  // namespace incm::model
