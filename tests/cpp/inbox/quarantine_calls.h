#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "inbox_fixture.h"

#include "incm/inbox/catalog.h"
#include "incm/inbox/quarantine.h"

namespace incm::inbox::test {

/// What tests of the quarantine call, over any fixture of an inbox.
template <typename Base>
class QuarantineCalls : public Base {
 protected:
    /// A request whose sender is not authenticated; its body begins with its number.
    static QuarantinedRequest hostile(const std::string& source, std::int64_t number,
                                      std::size_t body_bytes = 0) {
        QuarantinedRequest made;
        made.received_at_ms = number;
        made.endpoint = "/alerts";
        made.reason = "wrong";
        made.kind = QuarantineKind::kWrongSignature;
        made.source = source;
        made.peer = source;
        made.signature = "sig";
        made.body = std::to_string(number) + std::string(body_bytes, 'x');
        return made;
    }
    void keep_later(QuarantinedRequest rejected) {
        EXPECT_TRUE(this->inbox_->quarantine().keep_later(std::move(rejected)));
        this->flush();
    }
    void keep_many(const std::string& source, std::int64_t count, std::size_t body_bytes = 0) {
        for (std::int64_t i = 0; i < count; ++i) {
            EXPECT_TRUE(this->inbox_->quarantine().keep_later(hostile(source, i, body_bytes)));
            if (i % 5 == 4) {
                this->flush();
            }
        }
        this->flush();
    }
    void keep(std::int64_t number, const std::string& body = "{}") {
        ASSERT_TRUE(this->inbox_->quarantine().keep({number, "/alerts", "no alert", body}).ok());
    }
    RejectedPage list(const RejectedQuery& query = {.limit = 5000}) {
        auto page = this->inbox_->catalog().quarantine(query);
        EXPECT_TRUE(page.ok()) << page.error().text;
        return page.ok() ? page.value() : RejectedPage{};
    }
    Ids ids(const RejectedQuery& query = {.limit = 5000}) {
        Ids found;
        for (const StoredRejected& one : list(query).found) {
            found.push_back(one.id);
        }
        return found;
    }
    /// Those of one source, which hostile() also names as the peer.
    std::vector<StoredRejected> of(const std::string& source) {
        std::vector<StoredRejected> found = list().found;
        std::erase_if(found, [&](const auto& one) { return one.request.peer != source; });
        return found;
    }
    std::int64_t count_of(const std::string& source) {
        return static_cast<std::int64_t>(of(source).size());
    }
    std::int64_t wrong() { return this->counts().quarantined[QuarantineKind::kWrongSignature]; }
};

}  // namespace incm::inbox::test
