"""Opens the inbox file of a receiver that does not run."""

from collections.abc import Callable

from incm_webhook._core import OfflineInbox
from incm_webhook.config.loading import Settings
from incm_webhook.config.settings import EndpointSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting import registry
from incm_webhook.service.native import endpoints_of, route_of


def open_offline(
    settings: Settings,
    endpoints: tuple[EndpointSettings, ...] = (),
    *,
    filters: bool,
    read_only: bool,
    warn: Callable[[str], None],
) -> OfflineInbox:
    """Open the configured inbox.

    Args:
        settings: name the inbox and the plugins; without plugins, all that the file knows count as
            configured, and their filters as unknown.
        endpoints: with their secrets, for whoever tries refused requests again; none otherwise.
        filters: load the plugins, as some say in their code which alerts they want.
        read_only: the command changes nothing: so nothing is written, not even beside the file.
        warn: is told when one cannot be loaded; its filter is the configuration's alone then.

    Returns:
        The inbox, unless it is only read locked against a server that starts meanwhile. Close it.

    Raises:
        InboxError: there is no such inbox, or it is in use.
    """
    routes = []
    for one in settings.plugin:
        wants = one
        if filters:
            try:
                wants = registry.load(one, settings.base).settings
            except PluginError as error:
                warn(f"{error}; its filter is taken from the configuration alone")
        routes.append(route_of(wants))
    served = endpoints_of(endpoints) or None
    return OfflineInbox(settings.inbox.core_url, routes or None, served, read_only)
