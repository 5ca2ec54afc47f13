"""A fleet of devices that raise alerts, and the alerts that each one can raise next."""

import random
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from incm_webhook import alert_types
from incm_webhook.sender.samples import Device, object_id, sample, serial_number

OFFLINE = "disconnected"
# The seven documented fields that the guide's own example leaves out; `retention` is in `data`.
OMITTED = ("content", "entityType", "title", "closedAt", "status", "priority")
_OMITTED_SHARE = 1 / 3

_DEVICES_PER_GROUP = 25  # on average: the first groups are the large ones
_GROUPS_PER_ORG = 8
_FLAPPERS_SHARE = 1 / 50
_RECOVERY_SHARE = 1 / 3  # of the alerts report that the device or link down longest is up again
_AGE = timedelta(days=200)  # how long before the first alert the fleet was set up

_ORGS = ("Nordwind Logistik", "inhand00356", "北京智联物流有限公司", "Škoda Depot", "Acme Vending")
_GROUPS = (
    "605",
    "Halle 3",
    "上海仓库",
    "Kiosks west",
    "充电桩",
    "Buses",
    "广州门店",
    "Pumps & tanks",
)
_NAMES = ("{serial}", "北京路由器-{n}", "Kiosk {n}", '仓库网关 "{n}"', "Zähler\\{n}", "🚌 {n}")

# The relative frequency of each type. Of two opposites only the fall is here: its recovery
# follows it.
_WEIGHTS = {
    OFFLINE: 20,
    "client_disconnected": 12,
    "modem_wan_disconnected": 8,
    "uplink_switch": 6,
    "uplink_status_change": 6,
    "poor_cellular_signal_strength": 6,
    "reboot": 5,
    "ethernet_wan_disconnected": 5,
    "wwan_disconnected": 4,
    "sim_switch": 4,
    "local_config_update": 4,
    "cell_traffic_reach_threshold": 4,
    "high_average_cpu_utilization": 4,
    "high_memory_utilization": 4,
    "config_sync_failed": 3,
    "firmware_upgrade": 3,
    "license_expiring": 3,
    "license_expired": 3,
    "cell_operator_switch": 3,
    "bridge_loop_detect": 3,
    "device_power_off": 3,
}


class Fleet:
    """Devices in groups of organisations, and which of these devices and their links are down.

    Shape: all are up at first. A device that is offline raises nothing but `connected`, and two
    opposites of one device always take turns. The same rng gives the same fleet and alerts.
    Threads: one at a time.
    Source: docs/protocol.md, The fields of an alert; docs/protocol.md, Alert types; names, shares
    and frequencies are our own choice.

    Attributes:
        groups: the devices of each group, at least one, in the order in which they were made.
    """

    def __init__(self, size: int, rng: random.Random, start: datetime) -> None:
        """Make the fleet.

        Args:
            size: how many devices, at least 1.
            rng: the source of all random choices, now and later.
            start: when the first alert may arise, aware.
        """
        self._rng = rng
        self.groups = _groups(size, rng, start - _AGE)
        self._devices = [device for group in self.groups for device in group]
        self._flappers = rng.sample(self._devices, max(1, int(size * _FLAPPERS_SHARE)))
        # The device id and the type of the alert that reported the fall, in the order of falling.
        self._down: OrderedDict[tuple[str, str], Device] = OrderedDict()
        self._opposites = {one.name: one.opposite for one in alert_types() if one.opposite}

    def is_offline(self, device: Device) -> bool:
        """Return whether the device's last alert about its connection was `disconnected`."""
        return (device.id, OFFLINE) in self._down

    def raise_any(self, moment: datetime) -> dict[str, Any]:
        """Let a random device raise a random alert that is possible in its state."""
        if self._down and self._rng.random() < _RECOVERY_SHARE:
            (_, fall), device = next(iter(self._down.items()))
        else:
            device = self._rng.choice(self._devices)
            (fall,) = self._rng.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))
        return self._raise(device, OFFLINE if self.is_offline(device) else fall, moment)

    def raise_flap(self, moment: datetime) -> dict[str, Any]:
        """Let one of the few flapping devices go offline or come back."""
        return self.toggle(self._rng.choice(self._flappers), moment)

    def toggle(self, device: Device, moment: datetime) -> dict[str, Any]:
        """Let a device go offline, or come back when it is."""
        return self._raise(device, OFFLINE, moment)

    def _raise(self, device: Device, alert_type: str, moment: datetime) -> dict[str, Any]:
        opposite = self._opposites.get(alert_type)
        link = (device.id, alert_type)
        if opposite and link in self._down:
            del self._down[link]
            alert_type = opposite
        elif opposite:
            self._down[link] = device
        alert = sample(alert_type, now=moment, rng=self._rng, device=device)
        if self._rng.random() < _OMITTED_SHARE:
            for name in OMITTED:
                alert.pop(name, None)
            alert["data"].pop("retention", None)
        return alert


def _groups(size: int, rng: random.Random, made: datetime) -> list[list[Device]]:
    number = -(-size // _DEVICES_PER_GROUP)
    orgs = [(object_id(rng, made), _named(_ORGS, n)) for n in range(-(-number // _GROUPS_PER_ORG))]
    facts = [(object_id(rng, made), _named(_GROUPS, n), *rng.choice(orgs)) for n in range(number)]
    places = [1 / (place + 1) for place in range(number)]
    members = [*range(number), *rng.choices(range(number), places, k=size - number)]
    groups: list[list[Device]] = [[] for _ in range(number)]
    for n, group in enumerate(members, start=1):
        serial = serial_number(rng)
        name = rng.choice(_NAMES).format(serial=serial, n=n)
        group_id, group_name, org_id, org_name = facts[group]
        groups[group].append(
            Device(object_id(rng, made), name, serial, group_id, group_name, org_id, org_name)
        )
    return groups


def _named(names: Sequence[str], n: int) -> str:
    again, place = divmod(n, len(names))
    return f"{names[place]} {again + 1}" if again else names[place]
