#include "incm/json/members.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace incm::json {
namespace {

// Up to about this number of keys, comparing all pairs is faster than sorting (measured).
constexpr std::size_t kFewMembers = 16;
constexpr std::uint32_t kSeparatorSize = 2;  // ", " and ": "
constexpr std::uint64_t kMemberBits = 0xFFFFFFFF;

std::size_t member_of(std::uint64_t ranked) {
    return static_cast<std::size_t>(ranked & kMemberBits);
}

}  // namespace

std::string_view Members::key_of(std::size_t member, std::string_view text) const {
    return text.substr(members_[member].key, members_[member].key_size);
}

bool Members::few_and_different(std::size_t first, std::string_view text) const {
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

/// Sort the members so that equal keys are adjacent, in the order of the text. The sort is over
/// numbers made of half a hash and the member: only keys with colliding hashes cost comparisons of
/// bytes, even if they were made to collide.
void Members::rank(std::size_t first, std::string_view text) {
    ranked_.clear();
    for (std::size_t i = first; i < members_.size(); ++i) {
        ranked_.push_back((std::hash<std::string_view>{}(key_of(i, text)) & ~kMemberBits) | i);
    }
    std::sort(ranked_.begin(), ranked_.end());
    for (auto begin = ranked_.begin(); begin != ranked_.end();) {
        const std::string_view key = key_of(member_of(*begin), text);
        bool collides = false;
        auto end = begin + 1;
        for (; end != ranked_.end() && ((*end ^ *begin) & ~kMemberBits) == 0; ++end) {
            collides = collides || key_of(member_of(*end), text) != key;
        }
        if (collides) {
            std::sort(begin, end, [&](std::uint64_t a, std::uint64_t b) {
                const int order = key_of(member_of(a), text).compare(key_of(member_of(b), text));
                return order != 0 ? order < 0 : a < b;
            });
        }
        begin = end;
    }
}

Members::Span Members::value_of(std::size_t member, std::size_t text_size) const {
    const Member& it = members_[member];
    const bool last = member + 1 == members_.size();
    return {it.key + it.key_size + kSeparatorSize, last
                                                       ? static_cast<std::uint32_t>(text_size)
                                                       : members_[member + 1].key - kSeparatorSize};
}

/// Note the edits for the members [begin, end) of ranked_, which share one key.
void Members::merge(std::size_t begin, std::size_t end, std::size_t text_size) {
    edits_.push_back({value_of(member_of(ranked_[begin]), text_size),
                      value_of(member_of(ranked_[end - 1]), text_size)});
    for (std::size_t i = begin + 1; i < end; ++i) {
        const std::uint32_t key = members_[member_of(ranked_[i])].key;
        edits_.push_back(
            {{key - kSeparatorSize, value_of(member_of(ranked_[i]), text_size).end}, {0, 0}});
    }
}

void Members::close(const std::string& text) {
    const std::size_t first = objects_.back();
    objects_.pop_back();
    if (!few_and_different(first, text)) {
        rank(first, text);
        std::size_t begin = 0;
        for (std::size_t end = 1; end <= ranked_.size(); ++end) {
            const bool same = end < ranked_.size() && key_of(member_of(ranked_[end]), text) ==
                                                          key_of(member_of(ranked_[begin]), text);
            if (same) {
                continue;
            }
            if (end - begin > 1) {
                merge(begin, end, text.size());
            }
            begin = end;
        }
    }
    members_.resize(first);
}

/// The first edit that begins at this offset or later. Usually it is `near` or the next one.
std::vector<Members::Edit>::const_iterator Members::edit_from(
    std::vector<Edit>::const_iterator near, std::uint32_t at) const {
    const auto fits = [&](auto edit) {
        return (edit == edits_.cend() || edit->old_text.begin >= at) &&
               (edit == edits_.cbegin() || std::prev(edit)->old_text.begin < at);
    };
    if (fits(near)) {
        return near;
    }
    if (near != edits_.cend() && fits(std::next(near))) {
        return std::next(near);
    }
    return std::lower_bound(
        edits_.cbegin(), edits_.cend(), at,
        [](const Edit& it, std::uint32_t to) { return it.old_text.begin < to; });
}

std::string Members::apply(const std::string& text) {
    // Edits of one object never overlap, and the edits of an inner object lie within one value. So
    // in the order of their beginnings an edit comes before the edits inside of it, which are
    // skipped with it.
    std::sort(edits_.begin(), edits_.end(),
              [](const Edit& a, const Edit& b) { return a.old_text.begin < b.old_text.begin; });
    std::string result;
    result.reserve(text.size());
    std::vector<Span> open{{0, static_cast<std::uint32_t>(text.size())}};
    auto edit = edits_.cbegin();
    while (!open.empty()) {
        Span& span = open.back();
        edit = edit_from(edit, span.begin);
        if (edit == edits_.end() || edit->old_text.begin >= span.end) {
            result.append(text, span.begin, span.end - span.begin);
            open.pop_back();
            continue;
        }
        result.append(text, span.begin, edit->old_text.begin - span.begin);
        span.begin = edit->old_text.end;
        if (edit->new_text.begin != edit->new_text.end) open.push_back(edit->new_text);
    }
    return result;
}

}  // namespace incm::json
