#pragma once

#include <cstddef>
#include <string_view>

#include "incm/base/result.h"

namespace incm::http {

/// How the end of a request's body is known.
enum class Framing { kNone, kLength, kChunked };

/// What the connection has to know of a request's head.
struct RequestHead {
    Framing framing = Framing::kNone;
    std::size_t content_length = 0;  ///< of kLength; at most ten digits
    bool keep_alive = true;          ///< whether another request may follow
    bool expects_continue = false;   ///< the client waits for a 100 before it sends the body
    bool head_only = false;          ///< HEAD: an answer must have no body
    bool is_coded = false;           ///< the body is said to be compressed
};

/// Check one trailer line, which nobody reads, without its CRLF. Errors: kMalformedRequest,
/// kHeaderTooLarge.
[[nodiscard]] base::Status check_field(std::string_view line);

/// Checks the head of one request, strictly, as its bytes arrive.
///
/// Shape:   request line, fields and the empty line, each ended by CRLF; one empty line before is
///          skipped. A request with a body has one Content-Length of 1 to 10 digits or exactly
///          `Transfer-Encoding: chunked`.
/// Units:   at most 8 KiB of request line, 16 KiB of head, 64 fields, 8 KiB a value, 256 bytes a
///          name.
/// Threads: one.
/// Source:  RFC 9112, sections 2 to 6; RFC 9110, sections 5.5, 7.2 and 10.1.1. Stricter by own
///          choice: in the fields that are read here no bytes from 0x80 on and no `=?` (some
///          libraries decode RFC 2047 words), one Content-Type and one X-Signature. All other
///          values are opaque: proxies add what they like.
class RequestHeadParser {
 public:
    static constexpr std::size_t kMaxHead = 16 * 1024;
    static constexpr std::size_t kMaxRequestLine = 8 * 1024;
    static constexpr std::size_t kMaxFields = 64;

    /// Look at the bytes that have come since the last call.
    ///
    /// Args:    all: the connection's bytes since the end of the request before.
    /// Returns: whether the head is whole; all later calls are without meaning then.
    /// Errors:  at the first byte that no head may have: kMalformedRequest, kUriTooLong,
    ///          kHeaderTooLarge, kVersionNotSupported, kExpectationFailed, kLengthRequired.
    [[nodiscard]] base::Result<bool> look(std::string_view all);

    /// Where the head begins and ends in `all`; valid when it is whole.
    [[nodiscard]] std::size_t begin() const { return begin_; }
    [[nodiscard]] std::size_t end() const { return seen_; }
    [[nodiscard]] const RequestHead& head() const { return head_; }

 private:
    /// The fields that somebody here reads.
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
    [[nodiscard]] base::Status take_line(std::string_view line);
    [[nodiscard]] base::Status take_request_line(std::string_view line);
    [[nodiscard]] base::Status take_field(std::string_view line);
    [[nodiscard]] static Field field_named(std::string_view name);
    [[nodiscard]] base::Status take_read(Field field, std::string_view value);
    [[nodiscard]] base::Status take_length(std::string_view value);
    void take_connection(std::string_view value);
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
