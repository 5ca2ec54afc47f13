#include "incm/http/problem.h"

#include <sstream>

#include <Poco/JSON/Object.h>

#include "incm/http/answer_text.h"

namespace incm::http {

using base::ErrorCode;

Problem problem_for(ErrorCode code) {
    switch (code) {
        case ErrorCode::kMalformedRequest:
            return {400, "malformed-request", "The request is malformed"};
        case ErrorCode::kTruncatedBody:
            return {400, "truncated-body", "The body ended too early"};
        case ErrorCode::kNotJson:
        case ErrorCode::kNoCanonicalForm:
            return {400, "not-json", "The body is not JSON"};
        case ErrorCode::kMissingSignature:
            return {401, "missing-signature", "The signature is missing"};
        case ErrorCode::kWrongSignature:
            return {401, "wrong-signature", "The signature is wrong"};
        case ErrorCode::kForbidden:
            return {403, "forbidden", "The request is not allowed"};
        case ErrorCode::kNotFound:
            return {404, "not-found", "There is nothing at this path"};
        case ErrorCode::kMethodNotAllowed:
            return {405, "method-not-allowed", "The method is not allowed here"};
        case ErrorCode::kTimeout:
            return {408, "timeout", "The request took too long to arrive"};
        case ErrorCode::kLengthRequired:
            return {411, "length-required", "The request has no Content-Length and is not chunked"};
        case ErrorCode::kBodyTooLarge:
            return {413, "body-too-large", "The body is too large"};
        case ErrorCode::kUriTooLong:
            return {414, "uri-too-long", "The request line is too long"};
        case ErrorCode::kExpectationFailed:
            return {417, "expectation-failed", "The expectation cannot be met"};
        case ErrorCode::kHeaderTooLarge:
            return {431, "header-too-large", "The request's head is too large"};
        case ErrorCode::kVersionNotSupported:
            return {505, "version-not-supported", "This version of HTTP is not supported"};
        case ErrorCode::kWrongContentType:
            return {415, "wrong-content-type",
                    "The type or the coding of the body is not accepted"};
        case ErrorCode::kTooManyRequests:
            return {429, "too-many-requests", "The endpoint accepts no more alerts now"};
        case ErrorCode::kBusy:
            return {503, "busy", "The receiver has too many clients at once"};
        case ErrorCode::kStoreFailed:
            return {503, "cannot-store", "The alert cannot be stored now"};
        case ErrorCode::kDiskLow:
            return {503, "disk-low", "The disk of the inbox is nearly full"};
        case ErrorCode::kInboxUnavailable:
            return {503, "inbox-unavailable", "The inbox cannot be opened now"};
        case ErrorCode::kClosed:
            return {503, "stopping", "The receiver is stopping"};
        case ErrorCode::kNotProcessed:
            return {500, "not-processed", "The alert is stored, but not every plugin handled it"};
        case ErrorCode::kInternal:
        case ErrorCode::kBadConfig:
        case ErrorCode::kInboxForeign:
        case ErrorCode::kInboxNewer:
        case ErrorCode::kInboxInUse:
        case ErrorCode::kInboxUnusable:
        case ErrorCode::kCannotListen:
            break;
    }
    return {500, "internal", "The receiver has a defect"};
}

void add_problem_fields(std::string& fields, const base::Error& error) {
    const int status = problem_for(error.code).status;
    if (status == 415) add_field(fields, "Accept-Encoding", "identity");
    if (status == 401) add_field(fields, "WWW-Authenticate", "X-Signature");
    if (status == 503 || status == 429) add_field(fields, "Retry-After", "10");
}

std::string problem_json(const base::Error& error, Detail detail) {
    const Problem problem = problem_for(error.code);
    Poco::JSON::Object document(Poco::JSON_PRESERVE_KEY_ORDER);
    document.set("type", "urn:incm-webhook:problem:" + std::string(problem.slug));
    document.set("title", std::string(problem.title));
    document.set("status", problem.status);
    if (problem.status < 500 || detail == Detail::kAlways) document.set("detail", error.text);
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

std::string refusal_text(const base::Error& error, bool head_only) {
    const std::string body = problem_json(error);
    std::string fields;
    add_field(fields, "Date", http_date());
    add_field(fields, "Connection", "Close");
    add_problem_fields(fields, error);
    add_field(fields, "Content-Type", kProblemType);
    add_field(fields, "Content-Length", std::to_string(body.size()));
    return answer_text("HTTP/1.1", problem_for(error.code).status, fields,
                       head_only ? std::string_view() : body);
}

}  // namespace incm::http
