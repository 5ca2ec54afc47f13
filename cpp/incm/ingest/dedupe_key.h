#pragma once

#include <optional>
#include <string_view>

#include "incm/base/bytes.h"

namespace incm::ingest {

/// The key under which an alert is remembered for ever.
///
/// The platform's ids are 24 hexadecimal digits that begin with the time. As the first 12 bytes of
/// the key they keep keys of one time together, so that storing one touches the same few pages of
/// the index that its neighbours touched, however many there are. 20 bytes of the digest follow. Of
/// any other id, or none, the key is the digest.
///
/// Shape:   content = SHA-256 of endpoint and comparable text; alert_id = `_id` -> 32 bytes. The
/// same
///          content has the same id, and so the same key.
/// Threads: any.
/// Source:  docs/promises.md, P4; the layout: own choice.
[[nodiscard]] base::Digest dedupe_key(const base::Digest& content,
                                      std::optional<std::string_view> alert_id);

}  // namespace incm::ingest
