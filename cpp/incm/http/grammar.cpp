#include "incm/http/grammar.h"

namespace incm::http {

namespace {

void skip_blanks(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

bool skip_char(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

bool skip_token(std::string_view& text) {
    const auto* const end =
        std::ranges::find_if(text, [](char c) { return !is_one_of(c, kToken); });
    const auto size = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(size);
    return size > 0;
}

/// Skip a quoted string, from its first quote to its last.
bool skip_quoted(std::string_view& text) {
    if (!skip_char(text, '"')) return false;
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '"') return true;
        if (!is_one_of(c, kOpaque)) return false;
        if (c != '\\') continue;
        if (text.empty() || !is_one_of(text.front(), kOpaque)) return false;
        text.remove_prefix(1);
    }
    return false;
}

}  // namespace

bool is_chunk_extensions(std::string_view text) {
    while (!text.empty()) {
        skip_blanks(text);
        if (!skip_char(text, ';')) return false;
        skip_blanks(text);
        if (!skip_token(text)) return false;
        std::string_view value = text;
        skip_blanks(value);
        if (!skip_char(value, '=')) continue;
        skip_blanks(value);
        const bool is_quoted = value.starts_with('"');
        if (!(is_quoted ? skip_quoted(value) : skip_token(value))) return false;
        text = value;
    }
    return true;
}

}  // namespace incm::http
