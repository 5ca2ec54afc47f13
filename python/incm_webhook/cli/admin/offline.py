"""Opens the inbox file while no receiver runs."""

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
        settings: they name the inbox and the plugins. Without plugins, all plugins in the file
            count as configured, and their filters are unknown.
        endpoints: the endpoints with their secrets, for a command that retries refused requests.
        filters: whether to load the plugins, because a plugin's code may contain its filter.
        read_only: whether the command changes nothing. Then nothing is written, neither to the
            file nor beside it.
        warn: called with a sentence when a plugin cannot be loaded. Its filter is then taken from
            the configuration alone.

    Returns:
        The inbox, which the caller closes. Unless it is read-only, it is locked, so that no server
        can start until then.

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
    return OfflineInbox(
        settings.inbox.core_url,
        routes or None,
        served,
        read_only,
        keep_copy=settings.inbox.backup_before_migrate,
        reserve_bytes=settings.inbox.reserve,
    )
