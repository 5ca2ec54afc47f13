#include "incm/model/alert_filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "incm/base/ascii.h"

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

/// Most lists are empty, so that is checked without a call.
template <std::size_t kIndex>
bool wants(const Filter& filter, const Alert& alert, const Text& endpoint) {
    constexpr auto kList = kKeys[kIndex].list;
    return (filter.*std::get<kList.index()>(kList)).empty() ||
           kKeys[kIndex].matches(filter, alert, endpoint);
}

template <std::size_t... kIndex>
const char* first_mismatch(const Filter& filter, const Alert& alert, const Text& endpoint,
                           std::index_sequence<kIndex...>) {
    const char* name = nullptr;
    static_cast<void>(
        ((wants<kIndex>(filter, alert, endpoint) || (name = kKeys[kIndex].name, false)) && ...));
    return name;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

const char* AlertFilter::mismatch(const Alert& alert, std::string_view endpoint) const {
    const Text path(endpoint);
    return first_mismatch(*this, alert, path, std::make_index_sequence<kKeys.size()>());
}

std::span<const FilterKey> filter_keys() {
    return kKeys;
}

}  // namespace incm::model
