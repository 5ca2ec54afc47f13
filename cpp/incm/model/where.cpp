#include "incm/model/where.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "incm/base/ascii.h"
#include "incm/json/scanner.h"

namespace incm::model {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

base::Error bad_path(std::string_view path, const std::string& what) {
    return {base::ErrorCode::kBadConfig, std::string("\"").append(path).append("\" " + what)};
}

base::Error unreadable_path(std::string_view path, const std::string& what) {
    return bad_path(path, what +
                              "; wanted is a path such as data.interface, with a key that contains "
                              "a dot in quotes: data.\"a.b\"");
}

/// Read a key in quotes; `at` is after the opening quote, and then after the closing one. Returns
/// whether there is a closing one.
bool read_quoted_key(std::string_view path, std::size_t& at, std::string& key) {
    for (; at < path.size() && path[at] != '"'; ++at) {
        if (path[at] == '\\' && ++at == path.size()) return false;
        key.push_back(path[at]);
    }
    return at++ < path.size();
}

base::Result<std::vector<std::string>> keys_of(std::string_view path) {
    std::vector<std::string> keys;
    for (std::size_t at = 0;; ++at) {
        std::string& key = keys.emplace_back();
        if (at < path.size() && path[at] == '"') {
            if (!read_quoted_key(path, ++at, key)) {
                return unreadable_path(path, "has a quote that is not closed");
            }
        } else {
            const std::size_t end = std::min(path.find_first_of(".\"", at), path.size());
            key = path.substr(at, end - at);
            at = end;
            if (key.empty()) return unreadable_path(path, "has an empty key");
        }
        if (at == path.size()) return keys;
        if (path[at] != '.') return unreadable_path(path, "has a quote inside of a key");
    }
}

/// Return the text of a string that json::copy_string() wrote, without quotes and escapes.
std::string_view unescaped(std::string_view written, std::string& buffer) {
    const std::string_view text = written.substr(1, written.size() - 2);
    if (text.find('\\') == std::string_view::npos) return text;
    constexpr std::string_view kLetters = "bfnrt";
    constexpr std::string_view kControls = "\b\f\n\r\t";
    buffer.clear();
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\') {
            buffer.push_back(text[at]);
            continue;
        }
        const char letter = text[++at];
        if (letter == 'u') {  // u00XX
            const auto digit = [&](std::size_t place) {
                return base::kHexDigits.find(text[at + place]);
            };
            buffer.push_back(static_cast<char>(digit(3) * 16 + digit(4)));
            at += 4;
        } else {
            const std::size_t control = kLetters.find(letter);
            buffer.push_back(control == std::string_view::npos ? letter : kControls[control]);
        }
    }
    return buffer;
}

}  // namespace

/// Follows the paths while a Scanner reads a text.
///
/// An open object that a path leads to has a frame. A frame collects which conditions hold for the
/// member that is being read and for those before it; a key that comes again discards what its
/// earlier value gave. Arrays have none, because each of their elements may match.
class Where::Walk {
 public:
    explicit Walk(const Where& where) : where_(where) {
        frames_.reserve(8);
        frames_.push_back({kNone, 0, 0});
    }

    std::string& out() { return written_; }
    void colon() {}
    void lone_surrogate() {}
    void constant(std::string_view) {}
    void comma() { end_text(); }
    void key_begins() {}

    void key_ends() {
        if (skipped_ == 0) {
            Frame& frame = frames_.back();
            frame.child = child_of(frame.node, unescaped(written_, buffer_));
            if (frame.child != kNone) frame.holding &= ~where_.nodes_[frame.child].below;
        }
        written_.clear();
    }

    void open(bool object) {
        const std::size_t child = frames_.back().child;
        const bool at_top = frames_.size() == 1;
        if (skipped_ > 0 || child == kNone || (at_top && !object) ||
            (object && where_.nodes_[child].children.empty())) {
            ++skipped_;
        } else if (object) {
            frames_.push_back({child, kNone, 0});
        }
    }

    void close(bool object) {
        end_text();
        if (skipped_ > 0) {
            --skipped_;
        } else if (object) {
            const std::uint64_t holding = frames_.back().holding;
            frames_.pop_back();
            frames_.back().holding |= holding;
        }
    }

    void number(std::string_view token, bool) { scalar(ValueKind::kNumber, token); }

    void literal(std::string_view word) {
        if (word != "null") scalar(ValueKind::kBoolean, word);
    }

    [[nodiscard]] std::uint64_t holding() const { return frames_.front().holding; }

 private:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    struct Frame {
        std::size_t node;       // the object's node
        std::size_t child;      // the node of the member that is being read, or kNone
        std::uint64_t holding;  // the conditions below `node` that hold
    };

    [[nodiscard]] std::size_t child_of(std::size_t node, std::string_view key) const {
        for (const std::size_t child : where_.nodes_[node].children) {
            if (where_.nodes_[child].key == key) return child;
        }
        return kNone;
    }

    /// The Scanner does not report the end of a text; what follows it does.
    void end_text() {
        if (written_.empty()) return;
        scalar(ValueKind::kText, written_);
        written_.clear();
    }

    void scalar(ValueKind kind, std::string_view text) {
        Frame& frame = frames_.back();
        if (skipped_ > 0 || frame.child == kNone) return;
        const Node& node = where_.nodes_[frame.child];
        if (node.conditions.empty()) return;
        if (kind == ValueKind::kText) text = unescaped(text, buffer_);
        for (const std::size_t condition : node.conditions) {
            const bool holds = std::ranges::any_of(
                where_.conditions_[condition].patterns,
                [&](const ValuePattern& pattern) { return pattern.matches(kind, text); });
            if (holds) frame.holding |= std::uint64_t{1} << condition;
        }
    }

    const Where& where_;
    std::vector<Frame> frames_;  // the first is outside of the text, and its member is the alert
    std::size_t skipped_ = 0;    // how many open arrays and objects no path leads to
    std::string written_;        // the string that is being read
    std::string buffer_;
};

base::Status Where::add(std::string_view path, std::vector<ValuePattern> patterns) {
    base::Result<std::vector<std::string>> keys = keys_of(path);
    if (!keys.ok()) return keys.error();
    if (patterns.empty()) return bad_path(path, "wants at least one pattern");
    if (conditions_.size() == kMaxPaths) {
        return base::Error{base::ErrorCode::kBadConfig,
                           "wants at most " + std::to_string(kMaxPaths) + " paths"};
    }
    const std::uint64_t bit = std::uint64_t{1} << conditions_.size();
    if (nodes_.empty()) nodes_.push_back({});
    std::size_t node = 0;
    for (const std::string& key : keys.value()) {
        node = child(node, key);
        nodes_[node].below |= bit;
    }
    nodes_[node].conditions.push_back(conditions_.size());
    conditions_.push_back({std::string(path), std::move(patterns)});
    return base::success();
}

std::size_t Where::child(std::size_t node, const std::string& key) {
    for (const std::size_t child : nodes_[node].children) {
        if (nodes_[child].key == key) return child;
    }
    nodes_.push_back({.key = key});
    nodes_[node].children.push_back(nodes_.size() - 1);
    return nodes_.size() - 1;
}

std::uint64_t Where::holding(std::string_view text) const {
    if (empty()) return 0;
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    Walk walk(*this);
    json::Scanner scanner(text, walk);
    return scanner.run() ? walk.holding() : 0;
}

std::uint64_t Where::all() const {
    return empty() ? 0 : ~std::uint64_t{0} >> (kMaxPaths - conditions_.size());
}

bool Where::all_hold(std::string_view text) const {
    return holding(text) == all();
}

bool Where::any_holds(std::string_view text) const {
    return holding(text) != 0;
}

std::string Where::path_of(std::uint64_t conditions) const {
    if (conditions == 0) return {};
    return conditions_[static_cast<std::size_t>(std::countr_zero(conditions))].path;
}

std::string Where::first_that_fails(std::string_view text) const {
    return path_of(all() & ~holding(text));
}

std::string Where::first_that_holds(std::string_view text) const {
    return path_of(holding(text));
}

}  // namespace incm::model
