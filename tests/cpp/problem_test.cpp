#include "incm/http/problem.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace incm::http::test {
namespace {

using base::ErrorCode;

struct Row {
    ErrorCode code;
    int status;
    std::string_view slug;
};

/// The public names: scripts of operators compare them, so a row changes with the first number of
/// the version only. The exit statuses of commands have a table of their own, in
/// tests/unit/test_public_names.py.
const std::vector<Row> kProblems = {
    {ErrorCode::kMalformedRequest, 400, "malformed-request"},
    {ErrorCode::kTruncatedBody, 400, "truncated-body"},
    {ErrorCode::kNotJson, 400, "not-json"},
    {ErrorCode::kMissingSignature, 401, "missing-signature"},
    {ErrorCode::kWrongSignature, 401, "wrong-signature"},
    {ErrorCode::kForbidden, 403, "forbidden"},
    {ErrorCode::kNotFound, 404, "not-found"},
    {ErrorCode::kMethodNotAllowed, 405, "method-not-allowed"},
    {ErrorCode::kTimeout, 408, "timeout"},
    {ErrorCode::kLengthRequired, 411, "length-required"},
    {ErrorCode::kBodyTooLarge, 413, "body-too-large"},
    {ErrorCode::kUriTooLong, 414, "uri-too-long"},
    {ErrorCode::kHeaderTooLarge, 431, "header-too-large"},
    {ErrorCode::kVersionNotSupported, 505, "version-not-supported"},
    {ErrorCode::kExpectationFailed, 417, "expectation-failed"},
    {ErrorCode::kWrongContentType, 415, "wrong-content-type"},
    {ErrorCode::kTooManyRequests, 429, "too-many-requests"},
    {ErrorCode::kBusy, 503, "busy"},
    {ErrorCode::kInternal, 500, "internal"},
    {ErrorCode::kStoreFailed, 503, "cannot-store"},
    {ErrorCode::kDiskLow, 503, "disk-low"},
    {ErrorCode::kClosed, 503, "stopping"},
    {ErrorCode::kNotProcessed, 500, "not-processed"},
    {ErrorCode::kNoCanonicalForm, 400, "not-json"},
    {ErrorCode::kBadConfig, 500, "internal"},
    {ErrorCode::kInboxForeign, 500, "internal"},
    {ErrorCode::kInboxNewer, 500, "internal"},
    {ErrorCode::kInboxInUse, 500, "internal"},
    {ErrorCode::kInboxUnusable, 500, "internal"},
    {ErrorCode::kInboxUnavailable, 503, "inbox-unavailable"},
    {ErrorCode::kCannotListen, 500, "internal"},
};

TEST(ProblemTest, StatusAndTypeOfEachErrorStayWhatTheyAre) {
    for (const Row& row : kProblems) {
        const Problem problem = problem_for(row.code);
        EXPECT_EQ(problem.status, row.status) << row.slug;
        EXPECT_EQ(problem.slug, row.slug);
    }
}

TEST(ProblemTest, NoErrorIsWithoutARow) {
    ASSERT_EQ(kProblems.size(), static_cast<std::size_t>(base::kLastErrorCode) + 1);
    for (std::size_t i = 0; i < kProblems.size(); ++i) {
        EXPECT_EQ(static_cast<std::size_t>(kProblems[i].code), i);
    }
}

}  // namespace
}  // namespace incm::http::test
