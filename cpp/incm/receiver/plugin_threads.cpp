#include "incm/receiver/plugin_threads.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include <unistd.h>

namespace incm::receiver {

namespace {

// A thread that waits for the lock asks for it 200 times a second, for some microseconds each: far
// less than a fiftieth of a processor, and far more often than 20 times a second.
constexpr std::int64_t kBusyPart = 50;
constexpr std::int64_t kWakingPerSecond = 20;
// A second thread may be as busy without the lock as the one that holds it.
constexpr std::int64_t kAsBusyPart = 4;

void read_use(ThreadUse& use) {
    std::ifstream file("/proc/self/task/" + std::to_string(use.thread_id) + "/schedstat");
    std::int64_t cpu_ns = 0;
    std::int64_t waited_ns = 0;
    std::int64_t slices = 0;
    if (!(file >> cpu_ns >> waited_ns >> slices)) return;
    use.cpu_ms = cpu_ns / 1'000'000;
    use.slices = slices;
}

}  // namespace

PluginThread::PluginThread(std::string plugin, std::string step)
    : plugin_(std::move(plugin)), step_(std::move(step)), thread_id_(::gettid()) {}

std::string ThreadUse::text() const {
    std::string words = "plugin " + plugin + " in " + step;
    if (alert_id > 0) words += " with alert " + std::to_string(alert_id);
    return words;
}

std::shared_ptr<PluginThread> PluginThreads::join(std::string plugin, std::string step) {
    auto thread = std::make_shared<PluginThread>(std::move(plugin), std::move(step));
    const std::lock_guard lock(mutex_);
    std::erase_if(threads_, [](const auto& one) { return one.expired(); });
    threads_.push_back(thread);
    return thread;
}

std::vector<ThreadUse> PluginThreads::inside() const {
    std::vector<ThreadUse> uses;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& one : threads_) {
            const auto thread = one.lock();
            if (!thread) continue;
            const std::int64_t alert_id = thread->alert_id_.load(std::memory_order_relaxed);
            if (alert_id == PluginThread::kOutside) continue;
            uses.push_back({.plugin = thread->plugin_,
                            .step = thread->step_,
                            .alert_id = alert_id,
                            .thread_id = thread->thread_id_});
        }
    }
    for (ThreadUse& use : uses) read_use(use);
    return uses;
}

std::vector<ThreadUse> holders(const std::vector<ThreadUse>& before,
                               const std::vector<ThreadUse>& after, std::int64_t elapsed_ms) {
    struct Spent {
        const ThreadUse* use;
        std::int64_t cpu_ms;
        std::int64_t slices;
    };
    std::vector<Spent> all;
    bool known = true;
    std::int64_t most_ms = 0;
    for (const ThreadUse& now : after) {
        const auto then = std::ranges::find_if(before, [&](const ThreadUse& one) {
            return one.thread_id == now.thread_id && one.plugin == now.plugin &&
                   one.alert_id == now.alert_id;
        });
        if (then == before.end()) continue;
        known = known && then->cpu_ms >= 0 && now.cpu_ms >= 0;
        all.push_back({&now, now.cpu_ms - then->cpu_ms, now.slices - then->slices});
        most_ms = std::max(most_ms, all.back().cpu_ms);
    }
    const bool busy = most_ms * kBusyPart >= elapsed_ms;
    std::vector<ThreadUse> found;
    for (const Spent& one : all) {
        const bool holds = busy ? one.cpu_ms * kAsBusyPart >= most_ms
                                : one.slices * 1000 < kWakingPerSecond * elapsed_ms;
        if (!known || holds) found.push_back(*one.use);
    }
    return found;
}

}  // namespace incm::receiver
