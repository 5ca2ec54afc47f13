import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook.config.quantities import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
    rough_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("1.5s", 1.5),
        ("5m", 300),
        ("2h", 7200),
        ("90d", 7776000),
        (" 3 s ", 3),
        (7, 7),
        (0.25, 0.25),
        (0, 0),
    ],
)
def test_reads_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "-1s", "1e3s", "10 bananas", "1s 2s", "\u0661s", -1, True, None, [], "1M"],
)
def test_refuses_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match='wants a duration such as "500ms"'):
        parse_duration(text)


@pytest.mark.parametrize(
    "number", [float("inf"), float("nan"), 1e308, 10**400, "11575d", "999999999999999w"]
)
def test_a_duration_is_one_that_the_core_can_count(number: float | str) -> None:
    with pytest.raises(ValueError, match="wants a duration"):
        parse_duration(number)


@pytest.mark.parametrize("number", [2**60 + 1, 10**400, "999999999999999GiB"])
def test_a_size_is_one_that_the_core_can_count(number: int | str) -> None:
    with pytest.raises(ValueError, match=r"wants a size .* from 0 to 1073741824GiB"):
        parse_size(number)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64KiB", 65536),
        ("1MiB", 1048576),
        ("10MB", 10_000_000),
        ("1.5KiB", 1536),
        ("2gib", 2 * 1024**3),
        ("7", 7),
        ("7B", 7),
        (42, 42),
    ],
)
def test_reads_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1.5B", "MiB", "-1", "1 TB", -1, True, 1.5, None])
def test_refuses_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match='wants a size such as "64KiB"'):
        parse_size(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_written_duration_reads_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.0005)


@given(st.integers(min_value=0, max_value=10**14))
def test_a_written_size_reads_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (106_496, "104 KiB"),
        (1_023_590, "0.976 MiB"),
        (1_048_576, "1 MiB"),
        (852_000_000, "813 MiB"),
        (1 << 50, "1,024 TiB"),
    ],
)
def test_a_rough_size_has_three_digits(size: int, text: str) -> None:
    assert rough_size(size) == text
