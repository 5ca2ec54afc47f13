#pragma once

#include <string>
#include <string_view>

namespace incm::admin {

/// Return the sentence by which the log reports a successful call of the admin API that changes
/// something: `changed through the admin API: 3 deliveries retried`.
///
/// path:    of the call, without its query. A path without a sentence of its own is quoted.
/// reply:   the JSON object that the call answered. Results that count nothing are left out, but
/// one
///          of them remains.
/// Threads: any.
[[nodiscard]] std::string change_sentence(std::string_view path, const std::string& reply);

}  // namespace incm::admin
