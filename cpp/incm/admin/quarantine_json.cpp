#include "incm/admin/quarantine_json.h"

#include <sstream>

#include <Poco/Base64Encoder.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include "incm/admin/records_json.h"
#include "incm/base/bytes.h"
#include "incm/http/problem.h"
#include "incm/model/utf8.h"

namespace incm::admin {

namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

Object ordered() {
    return Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

std::string text_of(const Object& document) {
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

Var nullable(const std::optional<std::int64_t>& number) {
    return number ? Var(*number) : Var();
}

std::string base64(const std::string& bytes) {
    std::ostringstream text;
    Poco::Base64Encoder encoder(text);
    encoder.rdbuf()->setLineLength(0);
    encoder << bytes;
    encoder.close();
    return text.str();
}

Object entry(const inbox::StoredRejected& stored) {
    const inbox::QuarantinedRequest& request = stored.request;
    Object object = ordered();
    object.set("id", stored.id);
    object.set("kind", std::string(inbox::kind_name(request.kind)));
    object.set("received_at", rfc3339(request.received_at_ms));
    object.set("endpoint", request.endpoint);
    object.set("peer", request.peer);
    object.set("signature", request.signature ? Var(base::printable(*request.signature,
                                                                    inbox::kMaxSignatureBytes))
                                              : Var());
    object.set("content_type", base::printable(request.content_type, inbox::kMaxContentTypeBytes));
    object.set("reason", request.reason);
    object.set("bytes", stored.body_bytes);
    return object;
}

Object result(const Retried& one) {
    Object object = ordered();
    object.set("id", one.id);
    if (!one.outcome) {
        object.set("result", "gone");
    } else if (one.outcome->ok()) {
        const inbox::Stored stored = one.outcome->value();
        object.set("result", stored.duplicate ? "duplicate" : "accepted");
        object.set("alert", stored.id);
    } else {
        const base::Error& error = one.outcome->error();
        object.set("result", "refused");
        object.set("type", std::string(http::problem_for(error.code).slug));
        object.set("reason", error.text);
    }
    return object;
}

}  // namespace

std::string quarantine_json(const inbox::RejectedPage& page) {
    Array requests;
    for (const inbox::StoredRejected& stored : page.found) requests.add(entry(stored));
    Object document = ordered();
    document.set("quarantine", requests);
    document.set("next", nullable(page.next));
    return text_of(document);
}

std::string rejected_json(const inbox::StoredRejected& stored) {
    Object document = entry(stored);
    const std::string& body = stored.request.body;
    if (model::is_utf8(body)) {
        document.set("body", body);
    } else {
        document.set("body_base64", base64(body));
    }
    return text_of(document);
}

std::string retried_json(const std::vector<Retried>& results, std::optional<std::int64_t> next) {
    std::int64_t accepted = 0;
    std::int64_t duplicate = 0;
    std::int64_t refused = 0;
    Array all;
    for (const Retried& one : results) {
        all.add(result(one));
        if (!one.outcome) continue;
        if (!one.outcome->ok()) {
            ++refused;
        } else {
            ++(one.outcome->value().duplicate ? duplicate : accepted);
        }
    }
    Object document = ordered();
    document.set("accepted", accepted);
    document.set("duplicate", duplicate);
    document.set("refused", refused);
    document.set("next", nullable(next));
    document.set("results", all);
    return text_of(document);
}

std::string dropped_json(std::int64_t dropped, std::optional<std::int64_t> next) {
    Object document = ordered();
    document.set("dropped", dropped);
    document.set("next", nullable(next));
    return text_of(document);
}

}  // namespace incm::admin
