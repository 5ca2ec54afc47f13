#include "incm/admin/delivery_metrics.h"

namespace incm::admin {

void write_delivery_metrics(Exposition& page, const inbox::Activity& activity,
                            const std::optional<inbox::Statistics>& statistics) {
    const auto plugins = activity.plugins();
    page.family("delivery_attempts_total", "counter",
                "Attempts to make a delivery, by their outcome.");
    for (const auto& [plugin, counted] : plugins) {
        for (std::size_t i = 0; i < inbox::kOutcomeNames.size(); ++i) {
            page.sample({{"plugin", plugin}, {"outcome", inbox::kOutcomeNames[i]}},
                        counted->attempts(i));
        }
    }
    page.family("delivery_attempt_duration_seconds", "histogram",
                "Time of an attempt, for each delivery of its call.");
    for (const auto& [plugin, counted] : plugins) {
        page.histogram({{"plugin", plugin}}, counted->durations_us(), 1e6);
    }
    page.family("delivery_latency_seconds", "histogram",
                "Time from the alert, its replay or its retry by hand until it was delivered.");
    for (const auto& [plugin, counted] : plugins) {
        page.histogram({{"plugin", plugin}}, counted->latencies_ms(), 1e3);
    }
    if (!statistics) return;
    page.family("deliveries", "gauge",
                "Deliveries that wait, by plugin and state; each counted up to a million.");
    for (const inbox::PluginTotals& one : statistics->plugins) {
        page.sample({{"plugin", one.plugin}, {"state", "new"}}, one.open - one.waiting);
        page.sample({{"plugin", one.plugin}, {"state", "retrying"}}, one.waiting);
        page.sample({{"plugin", one.plugin}, {"state", "dead"}}, one.dead);
    }
    page.family("delivery_oldest_age_seconds", "gauge",
                "Age of the oldest delivery that is neither made nor dead; 0: there is none.");
    for (const inbox::PluginTotals& one : statistics->plugins) {
        page.seconds({{"plugin", one.plugin}}, one.oldest_open_ms.value_or(0));
    }
}

void write_plugin_metrics(Exposition& page, const PluginBoard& board) {
    const std::vector<PluginStatus> plugins = board.all();
    page.family("plugin_state", "gauge", "1 for the state that a plugin is in.");
    for (const PluginStatus& one : plugins) {
        for (const std::string_view state : kPluginStates) {
            page.sample({{"plugin", one.plugin}, {"state", state}},
                        std::int64_t{one.state == state});
        }
    }
    page.family("plugin_breaker_open", "gauge",
                "1 while a plugin gets only one alert now and then, because it fails.");
    for (const PluginStatus& one : plugins) {
        page.sample({{"plugin", one.plugin}}, std::int64_t{one.figures.breaker_open});
    }
    page.family("plugin_hanging_calls", "gauge",
                "Calls of a plugin that have exceeded its time-out and still run.");
    for (const PluginStatus& one : plugins) {
        page.sample({{"plugin", one.plugin}}, one.figures.hanging_calls);
    }
    page.family("plugin_restarts_total", "counter",
                "Ends of a plugin's own process that were not asked for, by the reason.");
    for (const PluginStatus& one : plugins) {
        for (std::size_t i = 0; i < kRestartReasons.size(); ++i) {
            page.sample({{"plugin", one.plugin}, {"reason", kRestartReasons[i]}},
                        one.figures.restarts[i]);
        }
    }
    page.one("python_runs", "gauge", "0 while a plugin keeps Python from running.",
             board.stall() ? 0 : 1);
    page.family("python_held_seconds_total", "counter",
                "Seconds for which a plugin kept Python from running, counted from one second on.");
    const auto held = board.held_ms();
    for (const PluginStatus& one : plugins) {
        const auto found = held.find(one.plugin);
        page.seconds({{"plugin", one.plugin}}, found == held.end() ? 0 : found->second);
    }
}

}  // namespace incm::admin
