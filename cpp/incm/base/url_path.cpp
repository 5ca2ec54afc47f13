#include "incm/base/url_path.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "incm/base/ascii.h"
#include "incm/base/hex.h"

namespace incm::base {

namespace {

constexpr std::size_t kComparedBytes = 256;

bool is_unreserved(char c) {
    return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string decoded_where_it_may_be(std::string_view path) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string text;
    text.reserve(path.size());
    for (std::size_t i = 0; i < path.size(); ++i) {
        const auto high =
            i + 2 < path.size() && path[i] == '%' ? hex_value(path[i + 1]) : std::nullopt;
        const auto low = high ? hex_value(path[i + 2]) : std::nullopt;
        if (!low) {
            text.push_back(path[i]);
            continue;
        }
        const auto byte = static_cast<char>(*high * 16 + *low);
        if (is_unreserved(byte)) {
            text.push_back(byte);
        } else {
            text.push_back('%');
            text.push_back(kDigits[static_cast<std::size_t>(*high)]);
            text.push_back(kDigits[static_cast<std::size_t>(*low)]);
        }
        i += 2;
    }
    return text;
}

/// The number of bytes to insert, remove or replace (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
    a = a.substr(0, kComparedBytes);
    b = b.substr(0, kComparedBytes);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t k = 0; k < b.size(); ++k) {
            const std::size_t replaced = diagonal + (a[i] == b[k] ? 0 : 1);
            diagonal = row[k + 1];
            row[k + 1] = std::min({replaced, row[k] + 1, row[k + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string normal_path(std::string_view path) {
    const std::string text = decoded_where_it_may_be(path);
    std::string normal;
    normal.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::string_view rest = std::string_view(text).substr(i);
        if (rest.starts_with("/./")) {
            i += 2;
        } else if (rest == "/.") {
            normal.push_back('/');
            break;
        } else {
            normal.push_back(text[i++]);
        }
    }
    return normal;
}

std::string_view without_last_slash(std::string_view path) {
    if (path.size() < 2 || path.back() != '/' || path[path.size() - 2] == '/') return path;
    return path.substr(0, path.size() - 1);
}

std::string_view nearest_path(std::string_view path, std::span<const std::string_view> known) {
    const auto found = std::ranges::min_element(
        known, {}, [path](std::string_view one) { return distance(path, one); });
    return found == known.end() ? std::string_view() : *found;
}

}  // namespace incm::base
