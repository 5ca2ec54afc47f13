#include "incm/inbox/sqlite/endings.h"

#include <memory>
#include <new>

#include "incm/base/bytes.h"

namespace incm::inbox::sqlite {

namespace {

void log_set_apart(base::LogSink& log, const char* what, std::int64_t alert_id,
                   const std::string& plugin, const char* then, const base::Error& error) noexcept {
    try {
        log.write(base::LogLevel::kError, std::string(what) + " of alert " +
                                              std::to_string(alert_id) + " by plugin " +
                                              base::printable(plugin) + " is set apart: " + then +
                                              " (" + base::printable(error.text) + ")");
    } catch (const std::bad_alloc&) {
        log.write(base::LogLevel::kError, what);
    }
}

}  // namespace

void Settle::execute(Tables& tables) {
    now_ms_ = tables.now_ms();
    for (const auto& [queue, settled] : items_) {
        tables.settle(settled);
    }
    if (state_) {
        tables.write_state(*state_);
    }
}

void Settle::committed() noexcept {
    for (const auto& [queue, settled] : items_) {
        const Outcome outcome = settled.settlement.outcome;
        queue->outages().settled(outcome, now_ms_);
        if (is_again(outcome)) {
            queue->again(settled.settlement.alert_id, settled.due_at_ms);
            queue->arrived(true);
        } else {
            queue->over(settled.settlement.alert_id);
            watches_.changed(settled.settlement.alert_id);
        }
    }
    if (state_) {
        state_->committed();
    }
}

void Settle::failed(const base::Error& error) noexcept {
    for (const auto& [queue, settled] : items_) {
        log_set_apart(
            log_, "the settlement", settled.settlement.alert_id, queue->name(),
            "it cannot be stored, so the delivery is made again after the next start; restart the "
            "receiver to have it now, and create the inbox's .check file before to have every "
            "page checked",
            error);
        queue->set_apart(settled.settlement.alert_id);
    }
}

Operation::List Settle::parts() const {
    List parts;
    for (std::size_t i = 0; items_.size() > 1 && i < items_.size(); ++i) {
        auto part = std::make_unique<Settle>(watches_, log_);
        part->add(items_[i]);
        if (i == 0) {
            part->change_state(state_);
        }
        parts.push_back(std::move(part));
    }
    return parts;
}

void GiveBack::execute(Tables& tables) {
    for (const Item& item : items_) {
        tables.give_back(item.lease_id, item.alert_id);
    }
}

void GiveBack::failed(const base::Error& error) noexcept {
    for (const Item& item : items_) {
        log_set_apart(
            log_, "the return", item.alert_id, plugin_,
            "it cannot be stored, so the delivery may count one attempt more after the next start",
            error);
    }
}

Operation::List GiveBack::parts() const {
    List parts;
    for (std::size_t i = 0; items_.size() > 1 && i < items_.size(); ++i) {
        auto part = std::make_unique<GiveBack>(plugin_, log_);
        part->add(items_[i]);
        parts.push_back(std::move(part));
    }
    return parts;
}

}  // namespace incm::inbox::sqlite
