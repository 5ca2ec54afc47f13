// The inbox on the disk of the current folder: appends by several threads at once, and the way of a
// batch through fetch() and settle(). Real time counts, since both wait for the disk.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/sqlite_inbox.h"

namespace {

using incm::inbox::Inbox;
using incm::inbox::sqlite::SqliteInbox;

constexpr std::size_t kAlertBytes = 624;  // the documented sample alert
constexpr std::size_t kBatch = 64;
constexpr std::size_t kBatches = 40;
const std::string kPlugin = "noop";

/// Eight bytes, the highest first.
void write_number(std::uint64_t number, incm::base::Digest::iterator bytes) {
    for (std::size_t i = sizeof number; i-- > 0; number >>= 8) {
        bytes[i] = static_cast<std::uint8_t>(number);
    }
}

/// An empty inbox in a folder of its own below the current one.
class FreshInbox {
 public:
    FreshInbox() {
        std::string name = "micro-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("no folder can be made for the inbox");
        }
        folder_ = name;
        auto opened = SqliteInbox::open(folder_ / "inbox.db", {.plugins = {{kPlugin}}}, log_);
        if (!opened.ok()) throw std::runtime_error(opened.error().text);
        inbox_ = std::move(opened).value();
    }
    FreshInbox(const FreshInbox&) = delete;
    FreshInbox& operator=(const FreshInbox&) = delete;
    ~FreshInbox() {
        inbox_.reset();
        std::filesystem::remove_all(folder_);
    }

    Inbox& operator*() { return *inbox_; }

    /// Store one more alert, for one plugin; false when the inbox refused it.
    bool append() {
        incm::inbox::NewAlert alert{};
        // Keys of alerts with the platform's ids rise with the time, too, and end with a digest.
        const std::uint64_t number = ++number_;
        write_number(number, alert.dedupe_key.begin());
        write_number(number * 0x9e3779b97f4a7c15U, alert.dedupe_key.end() - sizeof number);
        alert.received_at_ms = 1'700'000'000'000;
        alert.endpoint = "/webhook";
        alert.form = "raw";
        alert.text.assign(kAlertBytes, 'x');
        alert.type = "reboot";
        alert.device = "device-1";
        alert.plugins = {kPlugin};
        const auto stored = inbox_->append(std::move(alert));
        return stored.ok() && !stored.value().duplicate;
    }

 private:
    incm::base::StderrSink log_;
    std::filesystem::path folder_;
    std::unique_ptr<Inbox> inbox_;
    std::atomic<std::uint64_t> number_{0};
};

std::unique_ptr<FreshInbox> shared_inbox;  // of the threads of one run

void open_shared(const benchmark::State&) {
    shared_inbox = std::make_unique<FreshInbox>();
}

void close_shared(const benchmark::State&) {
    shared_inbox.reset();
}

/// Each thread waits for its alert's commit, as a connection does: so many can be in one batch.
void append_at_once(benchmark::State& state) {
    for (auto _ : state) {
        if (!shared_inbox->append()) {
            state.SkipWithError("an alert was not stored");
            break;
        }
    }
}
BENCHMARK(append_at_once)
    ->Setup(open_shared)
    ->Teardown(close_shared)
    ->UseRealTime()
    ->Threads(1)
    ->Threads(8)
    ->Threads(64)
    ->Threads(512);

/// The deliveries of a batch: their lease is on disk before fetch() returns, and what became of
/// them goes with the next commit.
void take_and_settle(benchmark::State& state) {
    FreshInbox inbox;
    std::atomic<bool> stored = true;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kBatch; ++i) {
        threads.emplace_back([&] {
            for (std::size_t made = 0; made < kBatches; ++made) {
                if (!inbox.append()) stored = false;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (auto _ : state) {
        const auto fetched = (*inbox).fetch(kPlugin, kBatch, 0);
        if (!stored || !fetched.ok() || fetched.value().size() != kBatch) {
            state.SkipWithError("a batch could not be fetched");
            break;
        }
        std::vector<incm::inbox::Settlement> settlements;
        for (const incm::inbox::Delivery& delivery : fetched.value()) {
            settlements.push_back({.alert_id = delivery.alert_id,
                                   .plugin = kPlugin,
                                   .outcome = incm::inbox::Outcome::kDelivered,
                                   .error = {}});
        }
        (*inbox).settle(std::move(settlements));
    }
}
BENCHMARK(take_and_settle)->UseRealTime()->Iterations(kBatches);

}  // namespace
