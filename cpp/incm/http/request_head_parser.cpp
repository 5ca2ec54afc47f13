#include "incm/http/request_head_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "incm/base/ascii.h"
#include "incm/http/grammar.h"
#include "incm/http/target.h"

namespace incm::http {

namespace {

using base::equals_ignoring_case;
using base::Error;
using base::ErrorCode;
using base::Status;
using base::trimmed;

constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxValue = 8 * 1024;
constexpr std::size_t kMaxLengthDigits = 10;

Error malformed(std::string text) {
    return {ErrorCode::kMalformedRequest, std::move(text)};
}

Status check_version(std::string_view version) {
    constexpr std::string_view kName = "HTTP/";
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (version.size() != kName.size() + 3 || !version.starts_with(kName) ||
        !is_digit(version[kName.size()]) || version[kName.size() + 1] != '.' ||
        !is_digit(version.back())) {
        return malformed("the request line does not end with a version such as HTTP/1.1");
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return Error{ErrorCode::kVersionNotSupported, "send HTTP/1.1"};
    }
    return base::success();
}

/// Check name, colon and lengths of one line.
Status check_shape(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return malformed("a header line has no colon");
    if (!is_token(line.substr(0, colon))) return malformed("a header's name is not a token");
    if (colon > kMaxName || line.size() - colon - 1 > kMaxValue) {
        return Error{ErrorCode::kHeaderTooLarge, "a header is too long"};
    }
    return base::success();
}

/// In the order of RequestHeadParser::Field.
constexpr std::array<std::string_view, 10> kRead = {
    "host",         "content-length",   "transfer-encoding", "connection",      "expect",
    "content-type", "content-encoding", "x-signature",       "x-forwarded-for", "origin"};

/// Other programs may read bytes beyond ASCII differently, or decode encoded words.
Status check_read(std::string_view name, std::string_view value) {
    if (!contains_only(value, kText)) {
        return malformed(std::string(name) + " has a byte that is not ASCII text");
    }
    if (value.find("=?") != std::string_view::npos) {
        return malformed(std::string(name) + " has \"=?\", which begins an encoded word");
    }
    return base::success();
}

}  // namespace

Status check_field(std::string_view line) {
    if (Status shape = check_shape(line); !shape.ok()) return shape;
    if (!contains_only(line, kOpaque)) {
        return malformed("a header's value has a control character");
    }
    return base::success();
}

base::Result<bool> RequestHeadParser::look(std::string_view all) {
    while (seen_ < all.size()) {
        const bool after_cr = seen_ > line_begin_ && all[seen_ - 1] == '\r';
        if (!after_cr) skip_text(all);
        if (const Status limits = check_limits(); !limits.ok()) return limits.error();
        if (seen_ == all.size()) break;
        if (const Status end = check_line_end(all[seen_], after_cr); !end.ok()) return end.error();
        ++seen_;
        if (const Status limits = check_limits(); !limits.ok()) return limits.error();
        if (!after_cr) continue;
        const std::string_view line = all.substr(line_begin_, seen_ - 2 - line_begin_);
        if (has_request_line_ && line.empty()) {
            if (const Status whole = finish(); !whole.ok()) return whole.error();
            return true;
        }
        if (const Status parsed = parse_line(line); !parsed.ok()) return parsed.error();
        line_begin_ = seen_;
    }
    return false;
}

void RequestHeadParser::skip_text(std::string_view all) {
    const Bytes& text = has_request_line_ ? kOpaque : kText;
    while (seen_ < all.size() && text[static_cast<unsigned char>(all[seen_])]) ++seen_;
}

/// Check a byte that is not text, or that follows a CR.
Status RequestHeadParser::check_line_end(char c, bool after_cr) const {
    if (after_cr != (c == '\n')) return malformed("lines must end with CR LF");
    if (c == '\r' || c == '\n') return base::success();
    return malformed(has_request_line_ ? "the request's head has a control character"
                                       : "the request line has a byte that is not ASCII text");
}

Status RequestHeadParser::check_limits() const {
    if (!has_request_line_ && seen_ - line_begin_ > kMaxRequestLine) {
        return Error{ErrorCode::kUriTooLong, "the request line is longer than 8 KiB"};
    }
    if (seen_ - begin_ > kMaxHead) {
        return Error{ErrorCode::kHeaderTooLarge, "the request's head is larger than 16 KiB"};
    }
    return base::success();
}

Status RequestHeadParser::parse_line(std::string_view line) {
    if (has_request_line_) return parse_field(line);
    if (line.empty() && begin_ == 0) {
        begin_ = seen_;
        return base::success();
    }
    has_request_line_ = true;
    return parse_request_line(line);
}

Status RequestHeadParser::parse_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return malformed("the request line is not METHOD TARGET VERSION");
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    if (!is_token(method) || method.size() > kMaxMethod) {
        return malformed("the method is not a token");
    }
    if (method == "CONNECT") {  // the bytes after it would be for another server
        return malformed("this server is not a proxy: CONNECT is not supported");
    }
    head_.head_only = method == "HEAD";
    is_post_ = method == "POST";
    if (Status version = check_version(line.substr(last + 1)); !version.ok()) return version;
    http_1_1_ = line.ends_with('1');
    if (!contains_only(target, kVisible) || target.find('#') != std::string_view::npos) {
        return malformed("the target has a character that is not allowed there");
    }
    if (!split_target(target) && !(method == "OPTIONS" && target == "*")) {
        return malformed("the target must be a path, or a URL of http or https");
    }
    return base::success();
}

Status RequestHeadParser::parse_field(std::string_view line) {
    if (++count_.all > kMaxFields) {
        return Error{ErrorCode::kHeaderTooLarge, "the request has more than 64 header lines"};
    }
    if (line.front() == ' ' || line.front() == '\t') return malformed("a header is folded");
    if (Status shape = check_shape(line); !shape.ok()) return shape;
    const std::size_t colon = line.find(':');
    const Field field = field_named(line.substr(0, colon));
    if (field == Field::kOther) return base::success();
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (Status text = check_read(line.substr(0, colon), value); !text.ok()) return text;
    return parse_used_field(field, value);
}

RequestHeadParser::Field RequestHeadParser::field_named(std::string_view name) {
    static_assert(kRead.size() == static_cast<std::size_t>(Field::kOther));
    const auto* const found = std::ranges::find_if(
        kRead, [name](std::string_view one) { return equals_ignoring_case(name, one); });
    return static_cast<Field>(found - kRead.begin());
}

Status RequestHeadParser::parse_used_field(Field field, std::string_view value) {
    switch (field) {
        case Field::kHost:
            ++count_.host;
            if (!is_authority(value)) return malformed("Host is not a valid host");
            break;
        case Field::kContentLength:
            return parse_length(value);
        case Field::kTransferEncoding:
            ++count_.coding;
            if (!equals_ignoring_case(value, "chunked")) {
                return malformed("the only supported transfer coding is chunked");
            }
            break;
        case Field::kConnection:
            parse_connection(value);
            break;
        case Field::kExpect:
            ++count_.expect;
            head_.expects_continue = equals_ignoring_case(value, "100-continue");
            break;
        case Field::kContentType:
            ++count_.type;
            break;
        case Field::kSignature:
            ++count_.signature;
            break;
        case Field::kContentEncoding:
            if (!value.empty() && !equals_ignoring_case(value, "identity")) head_.is_coded = true;
            break;
        case Field::kForwardedFor:
        case Field::kOrigin:
        case Field::kOther:
            break;
    }
    return base::success();
}

Status RequestHeadParser::parse_length(std::string_view value) {
    ++count_.length;
    const bool digits = std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (value.empty() || value.size() > kMaxLengthDigits || !digits) {
        return malformed("Content-Length is not a number of 1 to 10 digits");
    }
    std::from_chars(value.data(), value.data() + value.size(), head_.content_length);
    return base::success();
}

void RequestHeadParser::parse_connection(std::string_view value) {
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        const std::string_view option = trimmed(value.substr(0, comma));
        says_close_ = says_close_ || equals_ignoring_case(option, "close");
        says_keep_alive_ = says_keep_alive_ || equals_ignoring_case(option, "keep-alive");
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
}

Status RequestHeadParser::finish() {
    if (count_.host > 1 || (http_1_1_ && count_.host == 0)) {
        return malformed("a request must have exactly one Host");
    }
    if (count_.type > 1) return malformed("Content-Type is given more than once");
    if (count_.signature > 1) return malformed("X-Signature is given more than once");
    if (count_.length + count_.coding > 1) {
        return malformed("the length of the body is given more than once");
    }
    if (count_.coding == 1 && !http_1_1_) return malformed("HTTP/1.0 has no transfer codings");
    // An HTTP/1.0 client does not know status 100 (RFC 9110, section 10.1.1).
    if (count_.expect > 0 && http_1_1_ && (count_.expect > 1 || !head_.expects_continue)) {
        return Error{ErrorCode::kExpectationFailed,
                     "the only supported expectation is 100-continue"};
    }
    head_.expects_continue = head_.expects_continue && http_1_1_;
    if (count_.length == 1) head_.framing = Framing::kLength;
    if (count_.coding == 1) head_.framing = Framing::kChunked;
    if (is_post_ && head_.framing == Framing::kNone) {
        return Error{ErrorCode::kLengthRequired, "send Content-Length, or a chunked body"};
    }
    head_.keep_alive = !says_close_ && (http_1_1_ || says_keep_alive_);
    return base::success();
}

}  // namespace incm::http
