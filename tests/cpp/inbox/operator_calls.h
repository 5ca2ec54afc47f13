#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "inbox_fixture.h"

#include "incm/inbox/operator_action.h"

namespace incm::inbox::test {

/// What tests of operator actions call, over any fixture of an inbox.
template <typename Base>
class OperatorCalls : public Base {
 protected:
    std::int64_t change(OperatorAction how, std::vector<DeliveryName> deliveries) {
        auto changed = this->inbox_->change(how, std::move(deliveries));
        EXPECT_TRUE(changed.ok()) << changed.error().text;
        return changed.ok() ? changed.value() : -1;
    }
    void expect_counts(std::int64_t open, std::int64_t dead) {
        EXPECT_EQ(this->counts().open, open);
        EXPECT_EQ(this->counts().dead, dead);
    }
    /// The totals in memory are those of what is stored, also after the next open.
    void expect_counts_after_restart(std::int64_t open, std::int64_t dead,
                                     std::vector<std::string> plugins = {"a"}) {
        expect_counts(open, dead);
        expect_stored_totals();
        this->open(std::move(plugins));
        expect_counts(open, dead);
    }
    virtual void expect_stored_totals() { this->expect_totals(); }
};

}  // namespace incm::inbox::test
