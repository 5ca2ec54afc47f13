#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "incm/admin/parameters.h"
#include "incm/base/result.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/inbox.h"
#include "incm/inbox/kept_state.h"

namespace incm::admin {

/// The part of the AdminApi about the state that plugins keep between their calls.
///
/// Shape:   each call reads its parameters and returns its answer as JSON text; see
///          docs/http-api.md. Keys and values are texts; a value that is not UTF-8 is written in
///          printable ASCII, the rest escaped.
/// Errors:  kMalformedRequest, and those of the inbox. What a call did before an error stays done.
/// Threads: any.
class StateApi {
 public:
    using Text = base::Result<std::string>;
    /// Whether a plugin is configured; empty when the configuration is not known.
    using Configured = std::function<std::optional<bool>(const std::string& plugin)>;

    /// inbox: null when it is only read; no key can be dropped then. Both must outlive this object.
    StateApi(inbox::Catalog& catalog, inbox::Inbox* inbox) : catalog_(catalog), inbox_(inbox) {}

    /// List the plugins that keep a state, with its size.
    [[nodiscard]] Text list(Parameters& given, const Configured& configured) const;
    /// List keys of a plugin with their values, as they are on disk.
    [[nodiscard]] Text keys(Parameters& given) const;
    /// Drop keys of a plugin: at most kDroppedACall that are named, in one transaction; or all that
    /// begin with a prefix, or all, in transactions of one page. Later calls of the plugin see it.
    [[nodiscard]] Text drop(Parameters& given) const;

    static constexpr std::size_t kDroppedACall = 1000;

 private:
    [[nodiscard]] Text drop_pages(inbox::StateQuery query) const;

    inbox::Catalog& catalog_;
    inbox::Inbox* inbox_;
};

}  // namespace incm::admin
