#include "incm/model/alert_type.h"

#include <algorithm>
#include <array>

namespace incm::model {

namespace {

constexpr AlertType single(std::string_view name, std::string_view label) {
    return {.name = name, .label = label, .opposite = "", .family = name};
}

constexpr std::array kAlertTypes = {
    AlertType{"connected", "Connect to Platform", "disconnected", "connection", true},
    AlertType{"disconnected", "Disconnect from Platform", "connected", "connection", false},
    single("config_sync_failed", "Configuration Sync Failed"),
    single("sim_switch", "SIM Switch"),
    single("local_config_update", "Configuration Modified Locally"),
    single("reboot", "Reboot"),
    single("firmware_upgrade", "Firmware Changed"),
    single("license_expiring", "License Expiring Soon"),
    single("license_expired", "License Expired"),
    single("uplink_switch", "Primary Uplink Switch"),
    AlertType{"ethernet_wan_connected", "Wired WAN Connected", "ethernet_wan_disconnected",
              "ethernet_wan", true},
    AlertType{"ethernet_wan_disconnected", "Wired WAN Disconnected", "ethernet_wan_connected",
              "ethernet_wan", false},
    AlertType{"modem_wan_connected", "Cellular Wan Connected", "modem_wan_disconnected",
              "modem_wan", true},
    AlertType{"modem_wan_disconnected", "Cellular Wan Disconnected", "modem_wan_connected",
              "modem_wan", false},
    AlertType{"wwan_connected", "Wi-Fi(STA) Wan Connected", "wwan_disconnected", "wwan", true},
    AlertType{"wwan_disconnected", "Wi-Fi(STA) Wan Disconnected", "wwan_connected", "wwan", false},
    AlertType{"client_connected", "Client Online", "client_disconnected", "client", true},
    AlertType{"client_disconnected", "Client Offline", "client_connected", "client", false},
    single("cell_traffic_reach_threshold", "Cellular Usage Threshold Reached"),
    single("bridge_loop_detect", "Loop Detection"),
    single("cell_operator_switch", "Carrier Switched"),
    single("uplink_status_change", "Link Up/Down"),
    single("device_power_off", "Device Power Off"),
    single("high_average_cpu_utilization", "High Average CPU Utilization"),
    single("high_memory_utilization", "High Memory Utilization"),
    single("poor_cellular_signal_strength", "Poor Cellular Signal Strength"),
};

}  // namespace

std::span<const AlertType> alert_types() {
    return kAlertTypes;
}

std::string_view label_of(std::string_view type) {
    const auto* found = std::ranges::find(kAlertTypes, type, &AlertType::name);
    return found == kAlertTypes.end() ? type : found->label;
}

}  // namespace incm::model
