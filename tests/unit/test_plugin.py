import dataclasses

import pytest

from incm_webhook import Context, Reject, Retry, plugin
from incm_webhook.plugin import mark_of


def test_the_decorator_returns_what_it_decorates() -> None:
    def handler(alert: object) -> int:
        return 1

    assert plugin("p", types=["reboot"])(handler) is handler
    mark = mark_of(handler)
    assert mark is not None
    assert (mark.name, dict(mark.defaults)) == ("p", {"types": ["reboot"]})


def test_a_mark_is_not_inherited() -> None:
    @plugin("parent")
    class Parent:
        pass

    class Child(Parent):
        pass

    assert mark_of(Parent) is not None
    assert mark_of(Child) is None


def test_the_decorator_wants_a_name() -> None:
    with pytest.raises(TypeError, match="needs a name as its first argument"):
        plugin(lambda alert: None)  # type: ignore[arg-type]


def test_outcomes_show_what_they_carry() -> None:
    assert Retry().after is None
    assert Retry(after=30).after == 30
    assert "30" in str(Retry(30))
    assert Reject("why").reason == "why"
    assert str(Reject("why")) == "why"


@pytest.mark.parametrize("after", [-1, float("nan"), float("inf")])
def test_a_retry_is_in_the_future(after: float) -> None:
    with pytest.raises(ValueError, match="wants seconds"):
        Retry(after=after)


def test_a_context_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Context().attempt = 2  # type: ignore[misc]
