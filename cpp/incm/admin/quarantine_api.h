#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "incm/admin/parameters.h"
#include "incm/base/result.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/ingest.h"

namespace incm::admin {

/// The part of the AdminApi about the quarantine.
///
/// Shape:   each call reads its parameters and returns its answer as JSON text; see
///          docs/http-api.md.
/// Errors:  kMalformedRequest, kNotFound, and those of the inbox. What a call did before an error
///          stays done.
/// Threads: any.
class QuarantineApi {
 public:
    using Text = base::Result<std::string>;

    /// ingest: verifies and stores requests that are tried again; null when the configuration is
    /// not known. inbox: null when it is only read; requests can be neither tried again nor dropped
    /// then. All of them must outlive this object.
    QuarantineApi(inbox::Catalog& catalog, inbox::Inbox* inbox, ingest::Ingest* ingest)
        : catalog_(catalog), inbox_(inbox), ingest_(ingest) {}

    [[nodiscard]] Text list(Parameters& given) const;
    [[nodiscard]] Text show(Parameters& given) const;
    /// Try at most kRetriedACall requests again, each in a transaction of its own.
    [[nodiscard]] Text retry(Parameters& given) const;
    /// Drop at most kDroppedACall requests, in one transaction.
    [[nodiscard]] Text drop(Parameters& given) const;

    static constexpr std::size_t kRetriedACall = 64;
    static constexpr std::size_t kDroppedACall = 256;

 private:
    struct Chosen;
    [[nodiscard]] base::Result<Chosen> choose(Parameters& given, std::size_t most,
                                              bool with_body) const;

    inbox::Catalog& catalog_;
    inbox::Inbox* inbox_;
    ingest::Ingest* ingest_;
};

}  // namespace incm::admin
