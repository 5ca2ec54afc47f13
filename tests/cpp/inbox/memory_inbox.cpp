#include "memory_inbox.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "memory_parts.h"

#include "incm/inbox/activity.h"
#include "incm/inbox/errors.h"
#include "incm/inbox/fair_turns.h"
#include "incm/inbox/interrupted.h"

namespace incm::inbox::test {

namespace {

using Lock = std::unique_lock<std::mutex>;

constexpr std::size_t kMaxError = 2000;
constexpr const char* kInterrupted = "the receiver ended before the plugin was done with the alert";

/// Cut a text to so many bytes, without half a character at its end.
std::string cut(const std::string& text, std::size_t bytes) {
    std::size_t end = std::min(bytes, text.size());
    while (end < text.size() && end > 0 &&
           (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
        --end;
    }
    return text.substr(0, end);
}

std::string name_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::kDelivered:
            return "delivered";
        case Outcome::kRetry:
            return "retry";
        case Outcome::kUnavailable:
            return "unavailable";
        case Outcome::kRejected:
        case Outcome::kDead:
            break;
    }
    return "dead";
}

}  // namespace

std::int64_t MemoryInbox::Queue::bytes() const {
    return std::accumulate(leased.begin(), leased.end(), std::int64_t{0},
                           [](std::int64_t sum, const auto& one) { return sum + one.second; });
}

base::Result<std::unique_ptr<Inbox>> MemoryInbox::open(const std::shared_ptr<MemoryStore>& store,
                                                       const Options& options, base::LogSink& log) {
    return std::unique_ptr<Inbox>(new MemoryInbox(store, options, log));
}

MemoryInbox::MemoryInbox(std::shared_ptr<MemoryStore> store, const Options& options,
                         base::LogSink& log)
    : store_(std::move(store)),
      retention_ms_(options.retention_ms),
      log_(log),
      clock_(options.clock, store_->clock_ms),
      catalog_(std::make_unique<MemoryCatalog>(*this)),
      roll_(std::make_unique<MemoryPluginRoll>(*this)),
      kept_state_(std::make_unique<MemoryKeptState>(*this)),
      quarantine_(std::make_unique<MemoryQuarantine>(*this)),
      backup_(std::make_unique<MemoryBackup>()) {
    const Lock lock(store_->mutex);
    const std::int64_t stopped_at_ms = store_->clock_ms;
    for (const PluginOptions& plugin : options.plugins) add(plugin);
    recover(stopped_at_ms, options.activity);
}

MemoryInbox::~MemoryInbox() {
    close();
}

void MemoryInbox::add(const PluginOptions& plugin) {
    queues_[plugin.name].options = plugin;
    if (!store_->plugin(plugin.name)) {
        store_->plugins.push_back({plugin.name, store_->last_alert_id + 1, {}, {}, {}});
    }
}

/// What the inbox before had leased when it ended was interrupted.
void MemoryInbox::recover(std::int64_t stopped_at_ms, Activity* activity) {
    const RetryPolicy of_others{.give_up_s = std::numeric_limits<double>::infinity()};
    std::int64_t again = 0;
    std::int64_t ended = 0;
    for (MemoryStore::Plugin& plugin : store_->plugins) {
        const auto queue = queues_.find(plugin.name);
        const RetryPolicy policy = queue == queues_.end() ? of_others : queue->second.options.retry;
        for (auto& [alert_id, delivery] : plugin.deliveries) {
            if (!delivery.leased_at_ms) {
                continue;
            }
            const std::int64_t tries = delivery.attempts + 1 - delivery.base;
            const auto age_s = static_cast<double>(plugin.age_ms(delivery, stopped_at_ms)) / 1e3;
            const Interrupted fate = after_interruption(tries, age_s, policy);
            ended += fate == Interrupted::kAgain ? 0 : 1;
            if (fate == Interrupted::kExpired) {
                delivery.base = delivery.attempts + 1 - expired_tries(tries);
                delivery.due_at_ms = clock_.now_ms();
                delivery.error = kInterrupted;
                delivery.leased_at_ms.reset();
                continue;
            }
            ++delivery.attempts;
            delivery.dead = fate == Interrupted::kDead;
            const double pause_s = tries > 1 ? policy.pause_s(tries, 0.5) : 0;
            delivery.due_at_ms = clock_.now_ms() + std::llround(pause_s * 1e3);
            delivery.error = kInterrupted;
            store_->note(plugin, alert_id,
                         {.number = delivery.attempts,
                          .started_at_ms = *delivery.leased_at_ms,
                          .duration_ms = {},
                          .outcome = delivery.dead ? "dead" : "interrupted",
                          .error = kInterrupted},
                         clock_.wall_ms());
            delivery.leased_at_ms.reset();
            again += delivery.dead ? 0 : 1;
            if (delivery.dead && activity != nullptr) {
                if (const auto counted = activity->of(plugin.name)) counted->given_up();
            }
        }
    }
    const std::string when = " deliveries were under way when the receiver ended";
    if (again > 0) {
        log_.write(base::LogLevel::kWarning, std::to_string(again) + when + ": they are due again");
    }
    if (ended > 0) {
        log_.write(base::LogLevel::kError,
                   std::to_string(ended) + when +
                       ", after the give_up of their plugin: they become dead letters");
    }
}

MemoryInbox::Queue* MemoryInbox::find(const std::string& plugin) {
    const auto found = queues_.find(plugin);
    return found == queues_.end() ? nullptr : &found->second;
}

/// Wake all waiting threads, because something has changed.
void MemoryInbox::touch() {
    store_->clock_ms = clock_.now_ms();
    store_->changed.notify_all();
}

base::Result<Stored> MemoryInbox::append(NewAlert alert) {
    const Lock lock(store_->mutex);
    const std::set<std::string> names(alert.plugins.begin(), alert.plugins.end());
    for (const std::string& name : names) {
        if (!find(name)) {
            return base::Error{base::ErrorCode::kBadConfig, "no plugin " + name};
        }
    }
    if (closed_) {
        return closed_error();
    }
    const std::int64_t now_ms = clock_.now_ms();
    if (alert.from_quarantine != 0) {
        store_->quarantine.erase(alert.from_quarantine);
    }
    touch();
    const auto seen = store_->seen.find(alert.dedupe_key);
    if (seen != store_->seen.end() &&
        (alert.duplicate_for_ever || now_ms - seen->second.at_ms <= kShortDedupeMs)) {
        return Stored{seen->second.alert_id, true};
    }
    const std::int64_t id = ++store_->last_alert_id;
    store_->seen[alert.dedupe_key] = {id, now_ms};
    for (const std::string& name : names) {
        store_->plugin(name)->deliveries[id] = {.created_at_ms = now_ms, .due_at_ms = now_ms};
    }
    store_->alerts[id] = {std::move(alert), now_ms};
    return Stored{id, false};
}

void MemoryInbox::append_later(NewAlert alert, std::unique_ptr<AppendCallback> callback) {
    callback->on_complete(append(std::move(alert)));
}

base::Result<Progress> MemoryInbox::wait_processed(std::int64_t alert_id, std::int64_t timeout_ms) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    Lock lock(store_->mutex);
    for (bool last = false;;) {
        if (closed_) {
            return closed_error();
        }
        bool open = false;
        for (const MemoryStore::Plugin& plugin : store_->plugins) {
            const auto delivery = plugin.deliveries.find(alert_id);
            if (delivery == plugin.deliveries.end() || !find(plugin.name)) {
                continue;
            }
            if (delivery->second.dead) {
                return Progress::kDead;
            }
            open = true;
        }
        if (!open) {
            return Progress::kDone;
        }
        if (last || waits_end_) {
            return Progress::kOpen;
        }
        last = store_->changed.wait_until(lock, deadline) == std::cv_status::timeout;
    }
}

void MemoryInbox::end_waits() {
    const Lock lock(store_->mutex);
    waits_end_ = true;
    store_->changed.notify_all();
}

std::string MemoryInbox::key_of(const MemoryStore::Alert& alert, const std::string& plugin) const {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string key;
    const auto add = [&](unsigned byte) { (key += kDigits[byte >> 4]) += kDigits[byte & 15]; };
    std::ranges::for_each(alert.alert.dedupe_key, add);
    key += '-';
    for (const char one : plugin) {
        add(static_cast<unsigned char>(one));
    }
    return key;
}

MemoryInbox::Picked MemoryInbox::pick(Queue& queue, std::size_t max_items,
                                      std::size_t max_retries) {
    MemoryStore::Plugin& plugin = *store_->plugin(queue.options.name);
    const std::int64_t now_ms = clock_.now_ms();
    Picked picked;
    std::set<std::string> busy;  // devices that have a delivery under way
    std::size_t retries_leased = 0;
    std::vector<DeviceLanes::Candidate> retries;
    std::vector<DeviceLanes::Candidate> fresh;
    const auto device_of = [&](std::int64_t id) { return store_->alerts.at(id).alert.device; };
    for (const auto& [id, delivery] : plugin.deliveries) {
        if (delivery.leased_at_ms) {
            retries_leased += delivery.attempts > 0 ? 1 : 0;
            busy.insert(device_of(id));
        }
    }
    for (const auto& [id, delivery] : plugin.deliveries) {
        if (delivery.dead || delivery.leased_at_ms) {
            continue;
        }
        const std::string device = queue.options.by_device ? device_of(id) : "";
        if (!device.empty() && !busy.insert(device).second) {
            continue;
        }
        if (delivery.due_at_ms > now_ms) {
            picked.next_due_ms =
                std::min(picked.next_due_ms.value_or(delivery.due_at_ms), delivery.due_at_ms);
            continue;
        }
        DeviceLanes::Candidate candidate{};
        candidate.alert_id = id;
        candidate.due_at_ms = delivery.due_at_ms;
        (delivery.attempts > 0 ? retries : fresh).push_back(candidate);
    }
    std::ranges::stable_sort(retries, {}, &DeviceLanes::Candidate::due_at_ms);
    const std::size_t room = max_retries > retries_leased ? max_retries - retries_leased : 0;
    retries.resize(std::min(retries.size(), room));
    std::int64_t own = queue.bytes();
    std::int64_t bytes = fetched_bytes_.room(own);
    bool alone = own == 0;
    const std::size_t limit = std::max<std::size_t>(max_items, 1);
    for (const auto& candidate : mix(retries, fresh, limit, queue.retry_first)) {
        const MemoryStore::Alert& alert = store_->alerts.at(candidate.alert_id);
        MemoryStore::OpenDelivery& delivery = plugin.deliveries.at(candidate.alert_id);
        const auto size = static_cast<std::int64_t>(alert.alert.text.size());
        if (size > bytes && !alone) {
            break;
        }
        if (!fetched_bytes_.try_add(size, own, 1)) {
            break;
        }
        bytes -= size;
        own += size;
        alone = false;
        queue.leased[candidate.alert_id] = size;
        delivery.leased_at_ms = clock_.wall_ms();
        if (limit == 1) {
            queue.retry_first = delivery.attempts == 0;
        }
        picked.deliveries.push_back({.alert_id = candidate.alert_id,
                                     .plugin = plugin.name,
                                     .key = key_of(alert, plugin.name),
                                     .attempt = delivery.attempts + 1,
                                     .tries = delivery.attempts - delivery.base + 1,
                                     .received_at_ms = alert.alert.received_at_ms,
                                     .age_ms = plugin.age_ms(delivery, now_ms),
                                     .endpoint = alert.alert.endpoint,
                                     .device = alert.alert.device,
                                     .text = alert.alert.text,
                                     .trace = alert.alert.trace});
    }
    return picked;
}

base::Result<std::vector<Delivery>> MemoryInbox::fetch(const std::string& plugin,
                                                       std::size_t max_items,
                                                       std::int64_t timeout_ms,
                                                       std::size_t max_retries) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    Lock lock(store_->mutex);
    Queue* const queue = find(plugin);
    if (!queue) {
        return base::Error{base::ErrorCode::kBadConfig, "no plugin " + plugin};
    }
    for (bool last = timeout_ms <= 0;;) {
        if (closed_) {
            return closed_error();
        }
        Picked picked = pick(*queue, max_items, max_retries);
        if (!picked.deliveries.empty()) {
            touch();
        }
        if (!picked.deliveries.empty() || last || fetchers_hurry_ || queue->hurries) {
            return std::move(picked.deliveries);
        }
        auto until = deadline;
        if (picked.next_due_ms) {
            until = std::min(until,
                             std::chrono::steady_clock::now() +
                                 std::chrono::milliseconds(*picked.next_due_ms - clock_.now_ms()));
        }
        store_->changed.wait_until(lock, until);
        last = std::chrono::steady_clock::now() >= deadline;
    }
}

MemoryStore::OpenDelivery* MemoryInbox::find_leased(const std::string& plugin,
                                                    std::int64_t alert_id, const char* what) {
    const Queue* const queue = find(plugin);
    if (!queue || !queue->leased.contains(alert_id)) {
        log_.write(base::LogLevel::kWarning, std::string(what) + " of alert " +
                                                 std::to_string(alert_id) + " by " + plugin +
                                                 " ignored: it is not fetched");
        return nullptr;
    }
    return &store_->plugin(plugin)->deliveries.at(alert_id);
}

void MemoryInbox::end_lease(const std::string& plugin, std::int64_t alert_id) {
    Queue& queue = *find(plugin);
    fetched_bytes_.free(queue.leased.at(alert_id));
    queue.leased.erase(alert_id);
    store_->plugin(plugin)->deliveries.at(alert_id).leased_at_ms.reset();
}

void MemoryInbox::settle(std::vector<Settlement> settlements, std::vector<StateChange> state) {
    const Lock lock(store_->mutex);
    if (closed_) {
        return;
    }
    for (Settlement& one : settlements) {
        MemoryStore::OpenDelivery* const delivery =
            find_leased(one.plugin, one.alert_id, "settlement");
        if (!delivery) {
            continue;
        }
        end_lease(one.plugin, one.alert_id);
        MemoryStore::Plugin& plugin = *store_->plugin(one.plugin);
        MemoryStore::change(plugin, std::exchange(state, {}));
        ++delivery->attempts;
        const bool delivered = one.outcome == Outcome::kDelivered;
        if (!one.traceback.empty() && !delivered) {
            for (LedgerEntry& earlier : plugin.ledger[one.alert_id]) {
                earlier.traceback.clear();
            }
        }
        LedgerEntry entry{.number = delivery->attempts,
                          .started_at_ms = clock_.wall_ms() - one.duration_ms,
                          .duration_ms = one.duration_ms,
                          .outcome = name_of(one.outcome),
                          .error = delivered ? "" : cut(one.error, kMaxError),
                          .traceback = delivered ? "" : cut(one.traceback, kMaxTraceback)};
        delivery->error = entry.error;
        delivery->dead = !delivered && !is_again(one.outcome);
        delivery->base += one.outcome == Outcome::kUnavailable ? 1 : 0;
        plugin.outages->settled(one.outcome, clock_.now_ms());
        delivery->due_at_ms = clock_.now_ms() + std::max<std::int64_t>(one.retry_in_ms, 0);
        store_->note(plugin, one.alert_id, std::move(entry), clock_.wall_ms());
        if (delivered) {
            plugin.deliveries.erase(one.alert_id);
        }
    }
    touch();
}

void MemoryInbox::give_back(const std::string& plugin,
                            std::span<const std::int64_t> alert_ids) noexcept {
    const Lock lock(store_->mutex);
    for (const std::int64_t alert_id : alert_ids) {
        if (!closed_ && find_leased(plugin, alert_id, "return")) {
            end_lease(plugin, alert_id);
        }
    }
    touch();
}

void MemoryInbox::wake_fetchers() {
    const Lock lock(store_->mutex);
    fetchers_hurry_ = true;
    store_->changed.notify_all();
}

std::int64_t MemoryInbox::tidy() {
    const Lock lock(store_->mutex);
    if (retention_ms_ <= 0) {
        return 0;
    }
    return static_cast<std::int64_t>(std::erase_if(store_->alerts, [&](const auto& one) {
        const auto& [id, alert] = one;
        if (clock_.now_ms() - alert.stored_at_ms <= retention_ms_ ||
            std::ranges::any_of(store_->plugins, [&, number = id](const auto& plugin) {
                return plugin.deliveries.contains(number);
            })) {
            return false;
        }
        for (MemoryStore::Plugin& plugin : store_->plugins) {
            plugin.ledger.erase(id);
        }
        return true;
    }));
}

bool MemoryInbox::apply(OperatorAction action, const DeliveryName& name) {
    MemoryStore::Plugin* const plugin = store_->plugin(name.plugin);
    if (!plugin) {
        return false;
    }
    const std::int64_t now_ms = clock_.now_ms();
    const auto found = plugin->deliveries.find(name.alert_id);
    const bool is_there = found != plugin->deliveries.end();
    const auto ledger = plugin->ledger.find(name.alert_id);
    const std::int64_t made =
        ledger == plugin->ledger.end() || ledger->second.empty() ? 0 : ledger->second.back().number;
    if (action == OperatorAction::kRedeliver && !is_there) {
        if (!store_->alerts.contains(name.alert_id)) {
            return false;
        }
        plugin->deliveries[name.alert_id] = {
            .created_at_ms = now_ms, .due_at_ms = now_ms, .attempts = made, .base = made};
        return true;
    }
    if (!is_there || found->second.dead != (action != OperatorAction::kDropOpen)) {
        return false;
    }
    if (action == OperatorAction::kRetry || action == OperatorAction::kRedeliver) {
        MemoryStore::OpenDelivery& delivery = found->second;
        delivery.dead = false;
        delivery.base = delivery.attempts;
        delivery.created_at_ms = delivery.due_at_ms = now_ms;
        return true;
    }
    plugin->deliveries.erase(found);
    store_->note(*plugin, name.alert_id,
                 {.number = made + 1,
                  .started_at_ms = clock_.wall_ms(),
                  .duration_ms = {},
                  .outcome = "dropped",
                  .error = ""},
                 clock_.wall_ms());
    return true;
}

base::Result<std::int64_t> MemoryInbox::change(OperatorAction action,
                                               std::vector<DeliveryName> deliveries) {
    const Lock lock(store_->mutex);
    for (const DeliveryName& delivery : deliveries) {
        const Queue* const queue = find(delivery.plugin);
        if (action == OperatorAction::kDropOpen && queue &&
            (queue->configured || !queue->leased.empty())) {
            return base::Error{base::ErrorCode::kBadConfig,
                               "plugin " + delivery.plugin +
                                   " is configured: its open deliveries are not dropped"};
        }
    }
    if (closed_) {
        return closed_error();
    }
    const auto changed = std::ranges::count_if(
        deliveries, [&](const DeliveryName& one) { return apply(action, one); });
    touch();
    return static_cast<std::int64_t>(changed);
}

PluginRoll& MemoryInbox::plugins() noexcept {
    return *roll_;
}

KeptState& MemoryInbox::kept_state() noexcept {
    return *kept_state_;
}

Quarantine& MemoryInbox::quarantine() noexcept {
    return *quarantine_;
}

Catalog& MemoryInbox::catalog() noexcept {
    return *catalog_;
}

Backup& MemoryInbox::backup() noexcept {
    return *backup_;
}

Counts MemoryInbox::count() const {
    Counts counts{};
    counts.alerts = static_cast<std::int64_t>(store_->alerts.size());
    for (const MemoryStore::Plugin& plugin : store_->plugins) {
        for (const auto& [id, delivery] : plugin.deliveries) {
            ++(delivery.dead ? counts.dead : counts.open);
        }
    }
    for (const auto& [id, rejected] : store_->quarantine) {
        ++counts.quarantined[rejected.kind];
    }
    return counts;
}

base::Result<Counts> MemoryInbox::counts() {
    const Lock lock(store_->mutex);
    if (closed_) {
        return closed_error();
    }
    return count();
}

void MemoryInbox::close() {
    const Lock lock(store_->mutex);
    if (std::exchange(closed_, true)) {
        return;
    }
    touch();
}

}  // namespace incm::inbox::test
