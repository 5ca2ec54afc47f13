#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "incm/model/alert.h"

namespace incm::model {

/// Which alerts a plugin wants. An empty list wants all; several lists must all agree.
///
/// Shape:   patterns use `*` and `?`; comparison is exact in case except for status. types matches
/// `type`;
///          endpoints the path of the endpoint; orgs the organisation's id or name; groups the
///          device group's id or name; devices the device id, serial number or entity name; status
///          `status`; priority `priority`. An alert that lacks the field matches no non-empty list
///          of it.
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

    [[nodiscard]] bool matches(const Alert& alert, std::string_view endpoint) const {
        return mismatch(alert, endpoint) == nullptr;
    }
    /// The name of the first list, in the order above, that does not want the alert; null when all
    /// do.
    [[nodiscard]] const char* mismatch(const Alert& alert, std::string_view endpoint) const;
};

/// A list of a filter: its key in the configuration, the member, and whether the member matches an
/// alert if it is not empty.
struct FilterKey {
    template <typename Value>
    using List = std::vector<Value> AlertFilter::*;

    const char* name;
    std::variant<List<std::string>, List<std::int64_t>> list;
    bool (*matches)(const AlertFilter& filter, const Alert& alert, const Text& endpoint);
};

/// Every list of a filter, in the order above. Matching, the binding, the settings and `check` walk
/// it.
[[nodiscard]] std::span<const FilterKey> filter_keys();

/// Match a text against one pattern of `*` (any run) and `?` (one byte); linear in time for each
/// star.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace incm::model
