#include "incm/model/alert_filter.h"

#include <algorithm>

namespace incm::model {

namespace {

bool matches_any(const std::vector<std::string>& patterns,
                 std::initializer_list<const Text*> fields) {
    if (patterns.empty()) return true;
    return std::ranges::any_of(fields, [&](const Text* field) {
        return *field && std::ranges::any_of(patterns, [&](const std::string& pattern) {
            return glob_match(pattern, **field);
        });
    });
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

bool matches_party(const std::vector<std::string>& patterns, const Text& id,
                   const std::optional<Party>& party) {
    static const Party kNone;
    const Party& known = party ? *party : kNone;
    return matches_any(patterns, {&id, &known.id, &known.name});
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

bool AlertFilter::matches(const Alert& alert, std::string_view endpoint) const {
    const Text path(endpoint);
    const bool status_fits =
        status.empty() || (alert.status && std::ranges::any_of(status, [&](auto& s) {
                               return glob_match(lower(s), *alert.status);
                           }));
    const bool priority_fits =
        priority.empty() ||
        (alert.priority && std::ranges::find(priority, *alert.priority) != priority.end());
    return status_fits && priority_fits && matches_any(types, {&alert.type}) &&
           matches_any(endpoints, {&path}) && matches_party(orgs, alert.org_id, alert.org) &&
           matches_party(groups, alert.device_group_id, alert.device_group) &&
           matches_any(devices, {&alert.device_id, &alert.serial_number, &alert.entity_name});
}

}  // namespace incm::model
