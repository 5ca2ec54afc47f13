#pragma once

#include <optional>
#include <string_view>

#include "incm/base/bytes.h"

namespace incm::ingest {

/// Return the key by which an alert is recognised permanently.
///
/// The platform's ids are 24 hexadecimal digits that begin with the time. They are the first 12
/// bytes of the key, which keeps keys of one time together: storing a key touches the same few
/// pages of the index as its neighbours, however large the index is. 20 bytes of the digest follow.
/// With any other id, or without one, the key is the digest.
///
/// Shape:   content = SHA-256 of endpoint and comparable text; alert_id = `_id` -> 32 bytes. Equal
///          content has an equal id, and so an equal key.
/// Threads: any.
/// Source:  docs/promises.md, P4; the layout: own choice.
[[nodiscard]] base::Digest dedupe_key(const base::Digest& content,
                                      std::optional<std::string_view> alert_id);

}  // namespace incm::ingest
