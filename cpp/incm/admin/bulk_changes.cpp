#include "incm/admin/bulk_changes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "incm/model/alert.h"

namespace incm::admin {

namespace {

using inbox::DeliveryName;
using inbox::OperatorAction;

/// Return the deliveries of a page that the routes want.
std::vector<DeliveryName> wanted(const std::vector<ingest::Route>& routes,
                                 std::vector<inbox::StoredAlert>& alerts) {
    std::vector<DeliveryName> deliveries;
    for (inbox::StoredAlert& stored : alerts) {
        const auto alert = model::parse_alert(std::move(stored.text));
        if (!alert.ok()) continue;
        for (const ingest::Route& route : routes) {
            if (route.filter.matches(alert.value(), stored.endpoint)) {
                deliveries.push_back({route.plugin, stored.id});
            }
        }
    }
    return deliveries;
}

base::Result<std::int64_t> count_closed(inbox::Catalog& catalog,
                                        const std::vector<DeliveryName>& deliveries) {
    std::int64_t closed = 0;
    for (const DeliveryName& delivery : deliveries) {
        const auto open = catalog.is_open(delivery.plugin, delivery.alert_id);
        if (!open.ok()) return open.error();
        closed += open.value() ? 0 : 1;
    }
    return closed;
}

}  // namespace

base::Result<std::int64_t> change_all(inbox::Inbox& inbox, OperatorAction how,
                                      std::vector<DeliveryName> deliveries) {
    std::int64_t changed = 0;
    for (auto begin = deliveries.begin(); begin != deliveries.end();) {
        const auto size =
            std::min<std::ptrdiff_t>(deliveries.end() - begin, inbox::kMaxOperatorActions);
        const auto done = inbox.change(
            how, {std::make_move_iterator(begin), std::make_move_iterator(begin + size)});
        if (!done.ok()) return done.error();
        changed += done.value();
        begin += size;
    }
    return changed;
}

base::Result<Progress<std::int64_t>> replay(inbox::Inbox& inbox, Replay what) {
    Progress<std::int64_t> progress;
    what.alerts.with_text = true;
    what.alerts.limit = inbox::kMaxOperatorActions;
    for (int step = 0; step < kStepsACall; ++step) {
        auto page = inbox.catalog().alerts(what.alerts);
        if (!page.ok()) return page.error();
        std::vector<DeliveryName> deliveries = wanted(what.routes, page.value().alerts);
        const auto done =
            what.dry_run ? count_closed(inbox.catalog(), deliveries)
                         : change_all(inbox, OperatorAction::kRedeliver, std::move(deliveries));
        if (!done.ok()) return done.error();
        progress.changed += done.value();
        progress.next = page.value().next;
        if (!progress.next) break;
        what.alerts.after = *progress.next;
    }
    return progress;
}

base::Result<Progress<inbox::UndeliveredCursor>> change_undelivered(inbox::Inbox& inbox,
                                                                    OperatorAction how,
                                                                    inbox::UndeliveredQuery query) {
    Progress<inbox::UndeliveredCursor> progress;
    query.limit = inbox::kMaxOperatorActions;
    for (int step = 0; step < kStepsACall; ++step) {
        auto page = inbox.catalog().undelivered(query);
        if (!page.ok()) return page.error();
        std::vector<DeliveryName> dead;
        std::vector<DeliveryName> orphaned;
        for (inbox::Undelivered& one : page.value().found) {
            const bool abandoned = query.orphaned && query.orphaned(one.plugin);
            if (how == OperatorAction::kRetry && abandoned) continue;
            (one.dead ? dead : orphaned).push_back({std::move(one.plugin), one.alert.id});
        }
        const auto done = change_all(inbox, how, std::move(dead));
        if (!done.ok()) return done.error();
        const auto dropped = change_all(inbox, OperatorAction::kDropOpen, std::move(orphaned));
        if (!dropped.ok()) return dropped.error();
        progress.changed += done.value() + dropped.value();
        progress.next = page.value().next;
        if (!progress.next) break;
        query.after = *progress.next;
    }
    return progress;
}

}  // namespace incm::admin
