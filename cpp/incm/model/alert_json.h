#pragma once

#include <string>

#include "incm/base/result.h"
#include "incm/model/alert.h"

namespace incm::model {

/// Read an alert out of a verified text, in place: an Alert is large to move.
///
/// Shape:   as parse_alert(); `alert` is a new Alert.
/// Errors:  as parse_alert(); `alert` then holds the text and nothing else of use.
/// Threads: as parse_alert().
/// Source:  docs/protocol.md, The fields of an alert.
[[nodiscard]] base::Status read_alert(std::string text, Alert& alert);

}  // namespace incm::model
