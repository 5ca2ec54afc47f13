#include "incm/model/alert_filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "incm/base/ascii.h"
#include "incm/model/glob.h"
#include "incm/model/own_type.h"

namespace incm::model {

namespace {

bool matches_any(const std::vector<std::string>& patterns,
                 std::initializer_list<const Text*> fields) {
    return std::ranges::any_of(fields, [&](const Text* field) {
        return *field && std::ranges::any_of(patterns, [&](const std::string& pattern) {
            return glob_match(pattern, **field);
        });
    });
}

bool matches_party(const std::vector<std::string>& patterns, const Text& id,
                   const std::optional<Party>& party) {
    static const Party kNone;
    const Party& known = party ? *party : kNone;
    return matches_any(patterns, {&id, &known.id, &known.name});
}

bool matches_status(const std::vector<std::string>& patterns, const Text& status) {
    return status && std::ranges::any_of(patterns, [&](const std::string& pattern) {
               return glob_match(base::lower(pattern), *status);
           });
}

bool matches_number(const std::vector<std::int64_t>& numbers, std::optional<std::int64_t> number) {
    return number && std::ranges::find(numbers, *number) != numbers.end();
}

using Filter = AlertFilter;

constexpr std::array kKeys = {
    FilterKey{"types", &Filter::types,
              [](const Filter& filter, const Alert& alert, const Text&) {
                  return matches_any(filter.types, {&alert.type});
              }},
    FilterKey{"endpoints", &Filter::endpoints,
              [](const Filter& filter, const Alert&, const Text& endpoint) {
                  return matches_any(filter.endpoints, {&endpoint});
              }},
    FilterKey{"orgs", &Filter::orgs,
              [](const Filter& filter, const Alert& alert, const Text&) {
                  return matches_party(filter.orgs, alert.org_id, alert.org);
              }},
    FilterKey{"groups", &Filter::groups,
              [](const Filter& filter, const Alert& alert, const Text&) {
                  return matches_party(filter.groups, alert.device_group_id, alert.device_group);
              }},
    FilterKey{"devices", &Filter::devices,
              [](const Filter& filter, const Alert& alert, const Text&) {
                  return matches_any(filter.devices,
                                     {&alert.device_id, &alert.serial_number, &alert.entity_name});
              }},
    FilterKey{"status", &Filter::status,
              [](const Filter& filter, const Alert& alert, const Text&) {
                  return matches_status(filter.status, alert.status);
              }},
    FilterKey{"priority", &Filter::priority,
              [](const Filter& filter, const Alert& alert, const Text&) {
                  return matches_number(filter.priority, alert.priority);
              }},
};

template <std::size_t kIndex>
bool is_set(const Filter& filter) {
    constexpr auto kList = kKeys[kIndex].list;
    return !(filter.*std::get<kList.index()>(kList)).empty();
}

/// Return the name of the first list for which whether it matches is this; null when there is none.
/// Most lists are empty, so that is checked without a call.
template <bool kMatches, std::size_t... kIndex>
const char* first_list(const Filter& filter, const Alert& alert, const Text& endpoint,
                       std::index_sequence<kIndex...>) {
    const char* name = nullptr;
    static_cast<void>(
        ((is_set<kIndex>(filter) && kKeys[kIndex].matches(filter, alert, endpoint) == kMatches &&
          (name = kKeys[kIndex].name, true)) ||
         ...));
    return name;
}

using AllKeys = std::make_index_sequence<kKeys.size()>;

/// Whether the types of a filter let this type in: those of the server itself must be named.
/// Canaries come every few minutes, so whoever wants all of the others does not get them.
bool lets_in(const Filter& filter, const Text& type) {
    if (!type || !is_own_type(*type)) return true;
    return std::ranges::any_of(filter.types, [&](const std::string& pattern) {
        return *type == kCanaryType ? pattern == *type
                                    : is_own_type(pattern) && glob_match(pattern, *type);
    });
}

/// Return the name of the list that an alert which this server raised does not pass; null when it
/// passes. Only types count: such an alert is about no device, and came to no endpoint.
const char* own_mismatch(const Filter& filter, const Alert& alert) {
    const bool refused = filter.unwanted && matches_any(filter.unwanted->types, {&alert.type});
    return refused ? "not types" : nullptr;
}

}  // namespace

bool AlertFilter::matches(const Alert& alert, std::string_view endpoint) const {
    if (!lets_in(*this, alert.type)) return false;
    if (endpoint == kOwnEndpoint) return own_mismatch(*this, alert) == nullptr;
    const Text path(endpoint);
    if (first_list<false>(*this, alert, path, AllKeys())) return false;
    if (unwanted && first_list<true>(*unwanted, alert, path, AllKeys())) return false;
    return (where.empty() || where.all_hold(alert.raw)) &&
           !(unwanted && unwanted->where.any_holds(alert.raw));
}

std::string AlertFilter::mismatch(const Alert& alert, std::string_view endpoint) const {
    if (!lets_in(*this, alert.type)) return "types";
    if (endpoint == kOwnEndpoint) {
        const char* const list = own_mismatch(*this, alert);
        return list == nullptr ? "" : list;
    }
    const Text path(endpoint);
    if (const char* list = first_list<false>(*this, alert, path, AllKeys())) return list;
    if (const std::string fails = where.first_that_fails(alert.raw); !fails.empty()) {
        return "where " + fails;
    }
    if (!unwanted) return {};
    if (const char* list = first_list<true>(*unwanted, alert, path, AllKeys())) {
        return std::string("not ") + list;
    }
    const std::string holds = unwanted->where.first_that_holds(alert.raw);
    return holds.empty() ? holds : "not where " + holds;
}

std::span<const FilterKey> filter_keys() {
    return kKeys;
}

}  // namespace incm::model
