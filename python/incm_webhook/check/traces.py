"""Checks whether spans of traces can be made, and says where they are sent."""

from incm_webhook.check.findings import Report
from incm_webhook.config.settings import Settings
from incm_webhook.errors import EXIT_USAGE, ConfigError
from incm_webhook.text.redaction import redacted


def check_traces(settings: Settings, report: Report, *, connect: bool) -> None:
    """Say where spans go; report when libraries for that are missing or refuse.

    Args:
        settings: the configuration.
        report: gets the findings.
        connect: whether to try the collector, with a request that has no span.
    """
    tracing = settings.trace.tracing
    if tracing is None:
        return
    from incm_webhook.tracing.sending import new_collector  # most servers have no traces

    try:
        collector = new_collector(tracing)
    except ConfigError as error:
        if tracing.is_wanted:
            report.error(f"{settings.place_of('trace', 'endpoint')}: {error}", EXIT_USAGE)
        else:
            report.warn(f"there are no traces, which OTEL_* variables ask for: {error}")
        return
    share = f"{tracing.share:.0%} of the traces" if tracing.share < 1 else "traces"
    report.info(f"{share}: spans go to {tracing.url or 'the collector of OTEL_* variables'}")
    if connect:
        if why := collector.send([], []):
            report.warn(f"the collector takes no spans: {redacted(why)}")
        else:
            report.info("the collector answers")
