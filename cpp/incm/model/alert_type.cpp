#include "incm/model/alert_type.h"

#include <algorithm>
#include <array>

namespace incm::model {

namespace {

constexpr std::array kAlertTypes = {
    AlertType{"connected", "Connect to Platform", "disconnected"},
    AlertType{"disconnected", "Disconnect from Platform", "connected"},
    AlertType{"config_sync_failed", "Configuration Sync Failed", ""},
    AlertType{"sim_switch", "SIM Switch", ""},
    AlertType{"local_config_update", "Configuration Modified Locally", ""},
    AlertType{"reboot", "Reboot", ""},
    AlertType{"firmware_upgrade", "Firmware Changed", ""},
    AlertType{"license_expiring", "License Expiring Soon", ""},
    AlertType{"license_expired", "License Expired", ""},
    AlertType{"uplink_switch", "Primary Uplink Switch", ""},
    AlertType{"ethernet_wan_connected", "Wired WAN Connected", "ethernet_wan_disconnected"},
    AlertType{"ethernet_wan_disconnected", "Wired WAN Disconnected", "ethernet_wan_connected"},
    AlertType{"modem_wan_connected", "Cellular Wan Connected", "modem_wan_disconnected"},
    AlertType{"modem_wan_disconnected", "Cellular Wan Disconnected", "modem_wan_connected"},
    AlertType{"wwan_connected", "Wi-Fi(STA) Wan Connected", "wwan_disconnected"},
    AlertType{"wwan_disconnected", "Wi-Fi(STA) Wan Disconnected", "wwan_connected"},
    AlertType{"client_connected", "Client Online", "client_disconnected"},
    AlertType{"client_disconnected", "Client Offline", "client_connected"},
    AlertType{"cell_traffic_reach_threshold", "Cellular Usage Threshold Reached", ""},
    AlertType{"bridge_loop_detect", "Loop Detection", ""},
    AlertType{"cell_operator_switch", "Carrier Switched", ""},
    AlertType{"uplink_status_change", "Link Up/Down", ""},
    AlertType{"device_power_off", "Device Power Off", ""},
    AlertType{"high_average_cpu_utilization", "High Average CPU Utilization", ""},
    AlertType{"high_memory_utilization", "High Memory Utilization", ""},
    AlertType{"poor_cellular_signal_strength", "Poor Cellular Signal Strength", ""},
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
