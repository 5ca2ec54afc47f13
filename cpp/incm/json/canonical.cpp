#include "incm/json/canonical.h"

#include "incm/json/members.h"
#include "incm/json/number.h"
#include "incm/json/scanner.h"

namespace incm::json {
namespace {

constexpr std::size_t kMaxIntegerDigits = 4300;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
// "1e15," becomes 20 characters: up to this length the offsets of Members can hold the written
// text.
constexpr std::size_t kMaxTextBytes = std::size_t{512} << 20;

/// Writes the canonical text. A part without a canonical form is noted, and the text is read to its
/// end: broken syntax after it means that the text is not JSON, which is the stronger statement.
class CanonicalWriter {
 public:
    explicit CanonicalWriter(std::size_t size) { out_.reserve(size + size / 8 + 32); }

    std::string& out() { return out_; }

    void open(bool object) {
        if (++depth_ > kMaxDepth) {
            refuse("it is nested too deeply");
        }
        out_.push_back(object ? '{' : '[');
        if (object) {
            members_.open();
        }
    }

    void close(bool object) {
        --depth_;
        if (object) {
            members_.close(out_);
        }
        out_.push_back(object ? '}' : ']');
    }

    void comma() { out_.append(", ", 2); }
    void key_begins() { members_.key_begins(out_.size()); }
    void key_ends() { members_.key_ends(out_.size()); }
    void colon() { out_.append(": ", 2); }
    void literal(std::string_view text) { out_.append(text); }
    void constant(std::string_view text) { out_.append(text); }
    void lone_surrogate() { lone_surrogates_ = true; }

    void number(std::string_view token, bool integral) {
        if (!integral) {
            append_float(token, out_);
            return;
        }
        if (token.size() - (token.front() == '-' ? 1 : 0) > kMaxIntegerDigits) {
            refuse("an integer has more than 4300 digits");
        }
        append_integer(token, out_);
    }

    /// Return the text without its duplicates.
    std::string finish() {
        std::string text = members_.has_duplicates() ? members_.apply(out_) : std::move(out_);
        // A surrogate in a value that a later duplicate replaced does no harm.
        if (lone_surrogates_ && find_surrogate(text) != std::string::npos) {
            refuse("a string has half a surrogate pair");
        }
        return text;
    }

    /// Return why the text is not what CPython would print, after finish(); null when it is.
    [[nodiscard]] const char* refusal() const { return refusal_; }

 private:
    void refuse(const char* why) { refusal_ = refusal_ == nullptr ? why : refusal_; }

    std::string out_;
    Members members_;
    std::size_t depth_ = 0;
    bool lone_surrogates_ = false;
    const char* refusal_ = nullptr;
};

/// Limited: accepts only what CPython can print.
base::Result<std::string> write(std::string_view text, bool limited) {
    if (text.size() > kMaxTextBytes) {
        return base::Error{base::ErrorCode::kNoCanonicalForm,
                           "the text has no canonical form: it is too long"};
    }
    CanonicalWriter writer(text.size());
    Scanner scanner(text, writer);
    if (!scanner.run()) {
        return base::Error{base::ErrorCode::kNotJson,
                           "the text is not JSON near byte " + std::to_string(scanner.position())};
    }
    std::string written = writer.finish();
    if (limited && writer.refusal() != nullptr) {
        return base::Error{base::ErrorCode::kNoCanonicalForm,
                           std::string("the text has no canonical form: ") + writer.refusal()};
    }
    return written;
}

}  // namespace

base::Result<std::string> canonical_json(std::string_view text) {
    return write(text, true);
}

base::Result<std::string> comparable_json(std::string_view text) {
    text.remove_prefix(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
    return write(text, false);
}

}  // namespace incm::json
