"""The type of a config field that holds a template; Jinja2 is loaded when there is a template."""

from typing import TYPE_CHECKING, Annotated, Any, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, ValidationInfo
    from pydantic_core import CoreSchema

    from incm_webhook._core import Alert
    from incm_webhook.plugin import Context

__all__ = ["Template", "TemplateText", "names_of", "rendered"]


class TemplateText(str):
    """A template from a plugin's configuration, whose syntax has been checked.

    Shape: the text of the template.

    Attributes:
        key: the name of its field in the model, or "".
    """

    __slots__ = ("key",)

    key: str

    def __new__(cls, text: str, key: str = "") -> Self:
        """Mark a text; the caller has checked it."""
        made = super().__new__(cls, text)
        made.key = key
        return made

    def __reduce__(self) -> tuple[type["TemplateText"], tuple[str, str]]:
        return TemplateText, (str(self), self.key)


class _TemplateRule:
    """Makes pydantic check the syntax of a text, and mark it as a template."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema

        return core_schema.with_info_after_validator_function(_checked, handler(source))


Template = Annotated[str, _TemplateRule()]


def names_of(ctx: "Context") -> dict[str, Any]:
    """Return the names that every template may use, besides `alert`."""
    return {
        "plugin": ctx.plugin,
        "endpoint": ctx.endpoint,
        "received_at": ctx.received_at,
        "delivery_key": ctx.delivery_key,
    }


def _checked(text: str, info: "ValidationInfo") -> TemplateText:
    from incm_webhook.rendering import RenderError, check_syntax

    try:
        check_syntax(text)
    except RenderError as error:
        raise ValueError(f"it is no template: {error}") from None
    return TemplateText(text, getattr(info, "field_name", None) or "")


def rendered(source: str, alert: "Alert", values: dict[str, Any]) -> str:
    """Render a template for `Context.render`, which has the contract."""
    from incm_webhook.errors import PluginError
    from incm_webhook.plugin import Reject
    from incm_webhook.rendering import RenderError, check_syntax, render

    name = f'the template "{source.key}"' if isinstance(source, TemplateText) else "the template"
    try:
        check_syntax(source)
    except RenderError as error:
        raise PluginError(f"{name} is no template: {error}") from None
    try:
        return render(source, alert, values)
    except RenderError as error:
        raise Reject(f"{name} cannot be rendered with this alert: {error}") from None
