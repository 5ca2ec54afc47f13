#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace incm::base {

/// The kind of an error. Mapped once to HTTP (`http/problem.h`) and once to Python
/// (`bindings/bind_errors.cpp`); a test walks all values through both maps.
enum class ErrorCode {
    // A request that cannot be accepted.
    kMalformedRequest,     ///< framing or target that no well-behaved client sends
    kTruncatedBody,        ///< the peer closed before the announced end of the body
    kNotJson,              ///< the body is no JSON text
    kMissingSignature,     ///< the endpoint has a secret, the request no X-Signature
    kWrongSignature,       ///< X-Signature is malformed or fits no secret
    kForbidden,            ///< from an address that may not send, or a foreign web page (admin)
    kNotFound,             ///< no endpoint has this path
    kMethodNotAllowed,     ///< the path exists, the method does not
    kTimeout,              ///< the request did not arrive in time
    kLengthRequired,       ///< neither Content-Length nor chunked
    kBodyTooLarge,         ///< over the configured body limit
    kUriTooLong,           ///< a request line over the limit
    kHeaderTooLarge,       ///< a head or trailer section over a limit
    kVersionNotSupported,  ///< neither HTTP/1.1 nor HTTP/1.0
    kExpectationFailed,    ///< an Expect other than 100-continue
    kWrongContentType,     ///< an unsigned endpoint takes application/json only
    kTooManyRequests,      ///< over the endpoint's rate
    kBusy,                 ///< no connection, or no memory for the request, is free
    kInternal,             ///< a defect of this program
    kStoreFailed,          ///< the inbox could not commit; nothing was stored
    kDiskLow,              ///< too little free disk; nothing was stored
    kClosed,               ///< the receiver is stopping or stopped
    kNotProcessed,         ///< stored, but not every plugin has handled it (`ack = "processed"`)
    // A text that has no canonical form.
    kNoCanonicalForm,
    // A configuration that cannot work.
    kBadConfig,         ///< a setting has no meaning
    kInboxForeign,      ///< the file is not an inbox of this program
    kInboxNewer,        ///< the inbox was written by a newer version
    kInboxInUse,        ///< another process has the inbox open
    kInboxUnusable,     ///< the inbox cannot be created, opened or read
    kInboxUnavailable,  ///< as kInboxUnusable, but it may work later: the disk is full or
                        ///< read-only, or the file is locked
    kCannotListen,      ///< the address cannot be bound
};

/// The last value of ErrorCode, for tests that walk all of them.
inline constexpr ErrorCode kLastErrorCode = ErrorCode::kCannotListen;

/// An expected failure: its code, and a sentence for a person (never a secret, never a body).
struct Error {
    ErrorCode code;
    std::string text;
    std::string log_note = {};  ///< an addition for the log, which no client sees
};

/// Thrown only for a broken configuration and for programming errors; expected failures are a
/// Result.
class Failure : public std::runtime_error {
 public:
    explicit Failure(const Error& error) : std::runtime_error(error.text), code_(error.code) {}
    [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
    ErrorCode code_;
};

/// A value of T, or the Error that explains why there is none.
///
/// Errors:  value() and error() must only be called in the matching state; otherwise
///          std::bad_variant_access.
/// Threads: like a value type.
template <typename T>
class [[nodiscard]] Result {
 public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] T& value() & { return std::get<0>(state_); }
    [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
    [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
    [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
    std::variant<T, Error> state_;
};

/// A Result without a value: success, or the Error.
using Status = Result<std::monostate>;

/// The successful Status.
inline Status success() {
    return Status(std::monostate{});
}

}  // namespace incm::base
