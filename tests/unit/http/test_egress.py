"""Where requests may go."""

from ipaddress import ip_address

import pytest

from incm_webhook.http.egress import LOOPBACK, Egress, spelling_fault

DEFAULT = Egress()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
    ],
)
def test_addresses_of_the_machine_and_its_link_are_refused(address: str) -> None:
    refusal = DEFAULT.refusal(ip_address(address))
    assert "refused unless the configuration has [egress] allow" in refusal
    assert Egress.of(["0.0.0.0/0", "::/0"]).refusal(ip_address(address)) == ""


@pytest.mark.parametrize(
    "address", ["192.0.2.7", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1", "2001:db8::1"]
)
def test_other_addresses_are_permitted(address: str) -> None:
    assert DEFAULT.refusal(ip_address(address)) == ""


def test_deny_wins() -> None:
    rules = Egress.of(["127.0.0.0/8"], ["127.0.0.1/32", "10.0.0.0/8"])
    assert rules.refusal(ip_address("127.0.0.2")) == ""
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::10.1.2.3", "10.1.2.3"):
        assert "is denied by [egress] deny" in rules.refusal(ip_address(address)), address


def test_allow_is_no_list_of_all_that_is_permitted() -> None:
    assert Egress.of(LOOPBACK).refusal(ip_address("192.0.2.7")) == ""


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7F000001", "127.1", "127.0.0.1.", "1.2.3.4.5"],
)
def test_other_spellings_of_addresses_are_refused(host: str) -> None:
    assert "no usual spelling of an address" in spelling_fault(host)


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "0x7f.example", "a1"])
def test_names_are_checked_when_they_are_resolved(host: str) -> None:
    assert spelling_fault(host) == ""


def test_texts_make_the_same_rules() -> None:
    rules = Egress.of(["127.0.0.0/8", "::1"], ["10.0.0.0/8"])
    assert Egress.of(*rules.texts) == rules
