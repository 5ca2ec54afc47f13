#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "inbox_fixture.h"

#include "incm/inbox/catalog.h"

namespace incm::inbox::test {

/// When alerts of these tests were received, in Unix milliseconds.
constexpr std::int64_t kDay = 1'700'000'000'000;

/// What tests of the catalog call, over any fixture of an inbox.
template <typename Base>
class CatalogCalls : public Base {
 protected:
    std::int64_t put(std::uint64_t number, const std::string& type, std::int64_t received_at_ms,
                     std::vector<std::string> plugins = {}) {
        NewAlert made = alert(number, std::move(plugins));
        made.type = type;
        made.received_at_ms = received_at_ms;
        return this->append(std::move(made)).id;
    }
    AlertPage list(const AlertQuery& query) {
        auto page = this->inbox_->catalog().alerts(query);
        EXPECT_TRUE(page.ok()) << page.error().text;
        return page.ok() ? page.value() : AlertPage{};
    }
    Ids ids(const AlertQuery& query) {
        Ids found;
        for (const StoredAlert& one : list(query).alerts) {
            found.push_back(one.id);
        }
        return found;
    }
    AlertHistory history(std::int64_t id) {
        auto found = this->inbox_->catalog().alert(id);
        EXPECT_TRUE(found.ok() && found.value());
        return found.ok() && found.value() ? *found.value() : AlertHistory{};
    }
    PluginHistory history(std::int64_t id, const std::string& plugin) {
        for (PluginHistory& one : history(id).plugins) {
            if (one.plugin == plugin) {
                return one;
            }
        }
        ADD_FAILURE() << "no plugin " << plugin;
        return {};
    }
    UndeliveredPage undelivered(const UndeliveredQuery& query) {
        auto page = this->inbox_->catalog().undelivered(query);
        EXPECT_TRUE(page.ok());
        return page.ok() ? page.value() : UndeliveredPage{};
    }
};

}  // namespace incm::inbox::test
