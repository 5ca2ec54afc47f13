#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "incm/base/clock.h"
#include "incm/base/log.h"
#include "incm/inbox/kept_state.h"
#include "incm/model/alert.h"
#include "incm/receiver/receiver.h"

namespace incm::bindings {

/// A receiver with the log that it uses.
struct Running {
    explicit Running(receiver::Config config) : receiver(std::move(config), log) {}
    base::StderrSink log;
    receiver::Receiver receiver;
};

/// A delivery with its alert, already read. The destructor gives the delivery back if it was
/// neither settled nor given back: memory can run out on the way to the plugin, or on the way back.
class DeliveryView {
 public:
    DeliveryView(inbox::Delivery fetched, const std::weak_ptr<Running>& from) noexcept
        : delivery(std::move(fetched)), from_(from) {}
    DeliveryView(DeliveryView&& other) noexcept
        : delivery(std::move(other.delivery)),
          alert(std::move(other.alert)),
          from_(std::move(other.from_)),
          fetched_ms_(other.fetched_ms_),
          ended_(other.ended_.load()) {}
    DeliveryView(const DeliveryView&) = delete;
    DeliveryView& operator=(const DeliveryView&) = delete;
    ~DeliveryView() {
        if (ended_) return;
        if (const std::shared_ptr<Running> from = from_.lock()) {
            from->receiver.inbox().give_back(delivery.plugin, {&delivery.alert_id, 1});
        }
    }
    /// How long the delivery has waited, since it was made.
    [[nodiscard]] std::int64_t waited_ms() const {
        return delivery.waited_ms + base::steady_ms() - fetched_ms_;
    }
    /// Note that the delivery was settled or given back.
    void end() noexcept { ended_ = true; }

    inbox::Delivery delivery;
    std::shared_ptr<model::Alert> alert;

 private:
    std::weak_ptr<Running> from_;
    std::int64_t fetched_ms_ = base::steady_ms();
    std::atomic<bool> ended_{false};
};

/// What the server knows about itself. Every call fails with kClosed when the receiver is gone.
class HealthView {
 public:
    explicit HealthView(std::weak_ptr<Running> from) : from_(std::move(from)) {}

    [[nodiscard]] std::shared_ptr<Running> running() const;

 private:
    std::weak_ptr<Running> from_;
};

using StateChanges = std::vector<inbox::StateChange>;

/// The state of one plugin. Every call fails with kClosed when the receiver is gone.
class StateView {
 public:
    StateView(std::weak_ptr<Running> from, std::string plugin)
        : from_(std::move(from)), plugin_(std::move(plugin)) {}

    [[nodiscard]] std::optional<std::string> get(const std::string& key) const;
    [[nodiscard]] inbox::StatePage page(std::string prefix, std::string after) const;
    [[nodiscard]] std::int64_t count() const;
    void write(StateChanges changes) const;

 private:
    [[nodiscard]] std::shared_ptr<Running> running() const;

    std::weak_ptr<Running> from_;
    std::string plugin_;
};

}  // namespace incm::bindings
