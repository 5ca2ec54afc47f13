#include "incm/model/own_type.h"

#include <algorithm>
#include <array>

namespace incm::model {

namespace {

constexpr AlertType single(std::string_view name, std::string_view label) {
    return {.name = name, .label = label, .opposite = "", .family = name};
}

constexpr std::array kOwnTypes = {
    single(kCanaryType, "Canary"),
    AlertType{"incm_webhook.canary_overdue", "Canary Overdue", "incm_webhook.canary_returned",
              "incm_webhook.canary_overdue", false},
    AlertType{"incm_webhook.canary_returned", "Canary Returned", "incm_webhook.canary_overdue",
              "incm_webhook.canary_overdue", true},
    AlertType{"incm_webhook.endpoint_silent", "Endpoint Silent", "incm_webhook.endpoint_active",
              "incm_webhook.endpoint_silent", false},
    AlertType{"incm_webhook.endpoint_active", "Endpoint Active", "incm_webhook.endpoint_silent",
              "incm_webhook.endpoint_silent", true},
    AlertType{"incm_webhook.plugin_failing", "Plugin Failing", "incm_webhook.plugin_recovered",
              "incm_webhook.plugin_failing", false},
    AlertType{"incm_webhook.plugin_recovered", "Plugin Recovered", "incm_webhook.plugin_failing",
              "incm_webhook.plugin_failing", true},
    AlertType{"incm_webhook.plugin_late", "Plugin Late", "incm_webhook.plugin_caught_up",
              "incm_webhook.plugin_late", false},
    AlertType{"incm_webhook.plugin_caught_up", "Plugin Caught Up", "incm_webhook.plugin_late",
              "incm_webhook.plugin_late", true},
    single("incm_webhook.dead_letters", "Dead Letters"),
    single("incm_webhook.quarantine_growth", "Quarantine Growth"),
    AlertType{"incm_webhook.disk_filling", "Disk Filling", "incm_webhook.disk_ample",
              "incm_webhook.disk_filling", false},
    AlertType{"incm_webhook.disk_ample", "Disk Ample", "incm_webhook.disk_filling",
              "incm_webhook.disk_filling", true},
    AlertType{"incm_webhook.certificate_expiring", "Certificate Expiring",
              "incm_webhook.certificate_renewed", "incm_webhook.certificate_expiring", false},
    AlertType{"incm_webhook.certificate_renewed", "Certificate Renewed",
              "incm_webhook.certificate_expiring", "incm_webhook.certificate_expiring", true},
    AlertType{"incm_webhook.reload_failed", "Reload Failed", "incm_webhook.reloaded",
              "incm_webhook.reload_failed", false},
    AlertType{"incm_webhook.reloaded", "Reloaded", "incm_webhook.reload_failed",
              "incm_webhook.reload_failed", true},
    single("incm_webhook.alerts_refused", "Alerts Refused"),
};

}  // namespace

std::span<const AlertType> own_alert_types() {
    return kOwnTypes;
}

std::string_view any_label_of(std::string_view type) {
    const auto* found = std::ranges::find(kOwnTypes, type, &AlertType::name);
    return found == kOwnTypes.end() ? label_of(type) : found->label;
}

}  // namespace incm::model
