#include <charconv>
#include <cmath>
#include <cstdint>

#include "incm/json/canonical.h"
#include "incm/json/number.h"
#include "incm/json/scanner.h"

namespace incm::json {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
static_assert(kReplacement.size() == kSurrogateBytes);     // so that a replacement moves nothing
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool fits_int64(std::string_view token) {
    std::int64_t value = 0;
    return std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc{};
}

/// Writes text that strict parsers accept, and remembers its changes.
class ReadableWriter {
 public:
    explicit ReadableWriter(std::size_t size) { out_.reserve(size + size / 8 + 32); }

    std::string& out() { return out_; }
    void open(bool object) { out_.push_back(object ? '{' : '['); }
    void close(bool object) { out_.push_back(object ? '}' : ']'); }
    void comma() { out_.append(", ", 2); }
    void key_begins() {}
    void key_ends() {}
    void colon() { out_.append(": ", 2); }
    void literal(std::string_view text) { out_.append(text); }

    void constant(std::string_view) {
        constants_ = true;
        out_.append("null");
    }

    void lone_surrogate() { lone_surrogates_ = true; }

    void number(std::string_view token, bool integral) {
        if (integral ? fits_int64(token) : std::isfinite(read_double(token))) {
            out_.append(token);
            return;
        }
        large_numbers_ = true;
        out_.append("\"").append(token).append("\"");
    }

    std::string finish() {
        if (lone_surrogates_) {
            std::size_t at = 0;
            while ((at = find_surrogate(out_, at)) != std::string::npos) {
                out_.replace(at, kSurrogateBytes, kReplacement);
            }
        }
        return std::move(out_);
    }

    void report(std::vector<std::string>& problems) const {
        if (constants_) {
            problems.emplace_back("NaN or an infinity was replaced by null");
        }
        if (large_numbers_) {
            problems.emplace_back("a number out of range was replaced by a string of its digits");
        }
        if (lone_surrogates_) {
            problems.emplace_back("half a surrogate pair was replaced by U+FFFD");
        }
    }

 private:
    std::string out_;
    bool constants_ = false;
    bool large_numbers_ = false;
    bool lone_surrogates_ = false;
};

}  // namespace

base::Result<std::string> readable_json(std::string_view text, std::vector<std::string>& problems) {
    const bool marked = text.starts_with(kByteOrderMark);
    text.remove_prefix(marked ? kByteOrderMark.size() : 0);
    ReadableWriter writer(text.size());
    Scanner scanner(text, writer);
    if (!scanner.run()) {
        const std::size_t at = scanner.position() + (marked ? kByteOrderMark.size() : 0);
        return base::Error{base::ErrorCode::kNotJson,
                           "the text is not JSON near byte " + std::to_string(at)};
    }
    if (marked) {
        problems.emplace_back("a byte order mark was removed");
    }
    writer.report(problems);
    return writer.finish();
}

}  // namespace incm::json
