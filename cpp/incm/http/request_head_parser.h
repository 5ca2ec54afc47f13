#pragma once

#include <cstddef>
#include <string_view>

#include "incm/base/result.h"

namespace incm::http {

/// How the end of the body of a request is found.
enum class Framing { kNone, kLength, kChunked };

/// What the connection needs to know about the head of a request.
struct RequestHead {
    Framing framing = Framing::kNone;
    std::size_t content_length = 0;  ///< of kLength; at most ten digits
    bool keep_alive = true;          ///< whether another request may follow
    bool expects_continue = false;   ///< the client waits for a 100 before it sends the body
    bool head_only = false;          ///< HEAD: an answer must have no body
    bool is_coded = false;           ///< the body is declared as compressed
};

/// Check one trailer line, without its CRLF. Trailers are not used.
/// Errors:  kMalformedRequest, kHeaderTooLarge.
[[nodiscard]] base::Status check_field(std::string_view line);

/// Checks the head of one request strictly, as its bytes arrive.
///
/// Shape:   request line, fields and the empty line, each ended by CRLF. One empty line before the
///          request line is skipped. A request with a body has one Content-Length of 1 to 10 digits
///          or exactly `Transfer-Encoding: chunked`.
/// Units:   at most 8 KiB of request line, 16 KiB of head, 64 fields, 8 KiB for a value, 256 bytes
///          for a name.
/// Threads: one.
/// Source:  RFC 9112, sections 2 to 6; RFC 9110, sections 5.5, 7.2 and 10.1.1. Stricter by own
///          choice: the fields that are used here may not contain bytes from 0x80 on or `=?` (some
///          libraries decode RFC 2047 words), and there may be one Content-Type and one
///          X-Signature. All other values are opaque, because proxies add what they like.
class RequestHeadParser {
 public:
    static constexpr std::size_t kMaxHead = 16 * 1024;
    static constexpr std::size_t kMaxRequestLine = 8 * 1024;
    static constexpr std::size_t kMaxFields = 64;

    /// Check the bytes that have arrived since the last call.
    ///
    /// Args:    all: the bytes of the connection since the end of the previous request.
    /// Returns: whether the head is complete. Do not call it again after that.
    /// Errors:  at the first byte that no head may have: kMalformedRequest, kUriTooLong,
    ///          kHeaderTooLarge, kVersionNotSupported, kExpectationFailed, kLengthRequired.
    [[nodiscard]] base::Result<bool> look(std::string_view all);

    /// Where the head begins and ends in `all`; valid when the head is complete.
    [[nodiscard]] std::size_t begin() const { return begin_; }
    [[nodiscard]] std::size_t end() const { return seen_; }
    [[nodiscard]] const RequestHead& head() const { return head_; }

 private:
    /// The fields that this program uses.
    enum class Field {
        kHost,
        kContentLength,
        kTransferEncoding,
        kConnection,
        kExpect,
        kContentType,
        kContentEncoding,
        kSignature,
        kForwardedFor,
        kOrigin,
        kOther,
    };
    struct Count {
        std::size_t host = 0;
        std::size_t length = 0;
        std::size_t coding = 0;
        std::size_t expect = 0;
        std::size_t type = 0;
        std::size_t signature = 0;
        std::size_t all = 0;
    };

    void skip_text(std::string_view all);
    [[nodiscard]] base::Status check_line_end(char c, bool after_cr) const;
    [[nodiscard]] base::Status check_limits() const;
    [[nodiscard]] base::Status parse_line(std::string_view line);
    [[nodiscard]] base::Status parse_request_line(std::string_view line);
    [[nodiscard]] base::Status parse_field(std::string_view line);
    [[nodiscard]] static Field field_named(std::string_view name);
    [[nodiscard]] base::Status parse_used_field(Field field, std::string_view value);
    [[nodiscard]] base::Status parse_length(std::string_view value);
    void parse_connection(std::string_view value);
    [[nodiscard]] base::Status finish();

    RequestHead head_;
    Count count_;
    std::size_t begin_ = 0;
    std::size_t line_begin_ = 0;
    std::size_t seen_ = 0;
    bool has_request_line_ = false;
    bool http_1_1_ = false;
    bool is_post_ = false;
    bool says_close_ = false;
    bool says_keep_alive_ = false;
};

}  // namespace incm::http
