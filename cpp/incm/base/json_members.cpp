#include "incm/base/json_members.h"

#include <algorithm>
#include <functional>

namespace incm::base {
namespace {

// Comparing each key with each other one is faster than sorting up to about here (measured).
constexpr std::size_t kFewMembers = 16;
constexpr std::uint32_t kSeparatorSize = 2;  // ", " and ": "

}  // namespace

std::string_view JsonMembers::key_of(std::size_t member, std::string_view text) const {
    return text.substr(members_[member].key, members_[member].key_size);
}

bool JsonMembers::few_and_different(std::size_t first, std::string_view text) const {
    if (members_.size() - first > kFewMembers) {
        return false;
    }
    for (std::size_t i = first + 1; i < members_.size(); ++i) {
        const std::string_view key = key_of(i, text);
        for (std::size_t j = first; j < i; ++j) {
            if (members_[j].key_size == members_[i].key_size && key_of(j, text) == key) {
                return false;
            }
        }
    }
    return true;
}

/// The members in an order that puts equal keys side by side, in the order of the text. The hash
/// only makes most comparisons cheap: keys made to collide cost a comparison of bytes.
std::vector<JsonMembers::Ranked> JsonMembers::rank(std::size_t first, std::string_view text) const {
    std::vector<Ranked> ranked;
    ranked.reserve(members_.size() - first);
    for (std::size_t i = first; i < members_.size(); ++i) {
        ranked.push_back(
            {std::hash<std::string_view>{}(key_of(i, text)), static_cast<std::uint32_t>(i)});
    }
    std::sort(ranked.begin(), ranked.end(), [&](const Ranked& a, const Ranked& b) {
        if (a.hash != b.hash) {
            return a.hash < b.hash;
        }
        const int order = key_of(a.member, text).compare(key_of(b.member, text));
        return order != 0 ? order < 0 : a.member < b.member;
    });
    return ranked;
}

JsonMembers::Span JsonMembers::value_of(std::size_t member, std::size_t text_size) const {
    const Member& it = members_[member];
    const bool last = member + 1 == members_.size();
    return {it.key + it.key_size + kSeparatorSize, last
                                                       ? static_cast<std::uint32_t>(text_size)
                                                       : members_[member + 1].key - kSeparatorSize};
}

/// Note the edits for the members [begin, end) of ranked, which share one key.
void JsonMembers::merge(const std::vector<Ranked>& ranked, std::size_t begin, std::size_t end,
                        std::size_t text_size) {
    edits_.push_back(
        {value_of(ranked[begin].member, text_size), value_of(ranked[end - 1].member, text_size)});
    for (std::size_t i = begin + 1; i < end; ++i) {
        const std::uint32_t key = members_[ranked[i].member].key;
        edits_.push_back(
            {{key - kSeparatorSize, value_of(ranked[i].member, text_size).end}, {0, 0}});
    }
}

void JsonMembers::close(const std::string& text) {
    const std::size_t first = objects_.back();
    objects_.pop_back();
    if (!few_and_different(first, text)) {
        const std::vector<Ranked> ranked = rank(first, text);
        std::size_t begin = 0;
        for (std::size_t end = 1; end <= ranked.size(); ++end) {
            const bool same =
                end < ranked.size() && ranked[end].hash == ranked[begin].hash &&
                key_of(ranked[end].member, text) == key_of(ranked[begin].member, text);
            if (same) {
                continue;
            }
            if (end - begin > 1) {
                merge(ranked, begin, end, text.size());
            }
            begin = end;
        }
    }
    members_.resize(first);
}

std::string JsonMembers::apply(const std::string& text) {
    // Edits of one object never overlap, and those of an inner one lie within a value: sorted by
    // where they begin, each is met before what is inside of it, and skipped with it.
    std::sort(edits_.begin(), edits_.end(),
              [](const Edit& a, const Edit& b) { return a.old_text.begin < b.old_text.begin; });
    std::string result;
    result.reserve(text.size());
    std::vector<Span> open{{0, static_cast<std::uint32_t>(text.size())}};
    while (!open.empty()) {
        Span& span = open.back();
        const auto edit = std::lower_bound(
            edits_.begin(), edits_.end(), span.begin,
            [](const Edit& it, std::uint32_t at) { return it.old_text.begin < at; });
        if (edit == edits_.end() || edit->old_text.begin >= span.end) {
            result.append(text, span.begin, span.end - span.begin);
            open.pop_back();
            continue;
        }
        result.append(text, span.begin, edit->old_text.begin - span.begin);
        span.begin = edit->old_text.end;
        open.push_back(edit->new_text);
    }
    return result;
}

}  // namespace incm::base
