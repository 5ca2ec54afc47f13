#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "incm/model/alert.h"
#include "incm/model/where.h"

namespace incm::model {

/// Selects the alerts that a plugin wants. What is empty accepts all; an alert must pass every list
/// and every condition of `where`, and none of `unwanted` may match it.
///
/// Shape:   patterns use `*` and `?`, and are case-sensitive except for status. types matches
///          `type`; endpoints the path of the endpoint; orgs the organisation's id or name; groups
///          the device group's id or name; devices the device id, serial number or entity name;
///          status `status`; priority `priority`. An alert without the field of a list passes that
///          list only when the list is empty. `where` reads Alert::raw. `unwanted` has the same
///          members except `unwanted`; an alert that one of its lists or conditions matches is
///          refused. An alert of the server itself (own_type.h) is about no device, so only types
///          and the types of `unwanted` count for it; and it passes only when a pattern of types
///          begins with kOwnPrefix, or for a canary is kCanaryType itself.
/// Threads: immutable value.
/// Source:  docs/configuration.md, Filters.
struct AlertFilter {
    std::vector<std::string> types;
    std::vector<std::string> endpoints;
    std::vector<std::string> orgs;
    std::vector<std::string> groups;
    std::vector<std::string> devices;
    std::vector<std::string> status;
    std::vector<std::int64_t> priority;
    Where where;
    std::shared_ptr<const AlertFilter> unwanted;  ///< `not`; null when nothing is

    [[nodiscard]] bool matches(const Alert& alert, std::string_view endpoint) const;
    /// Return what the alert does not pass, in the order above: `types`, `where data.interface`,
    /// `not types` or `not where data.interface`; "" when it passes all.
    [[nodiscard]] std::string mismatch(const Alert& alert, std::string_view endpoint) const;
};

/// One list of a filter: its key in the configuration, the member, and a function that matches a
/// list which is not empty against an alert.
struct FilterKey {
    template <typename Value>
    using List = std::vector<Value> AlertFilter::*;

    const char* name;
    std::variant<List<std::string>, List<std::int64_t>> list;
    bool (*matches)(const AlertFilter& filter, const Alert& alert, const Text& endpoint);
};

/// Every list of a filter, in the order above. Matching, the binding, the settings and `check`
/// iterate over it. `where` and `unwanted` are no lists.
[[nodiscard]] std::span<const FilterKey> filter_keys();

}  // namespace incm::model
