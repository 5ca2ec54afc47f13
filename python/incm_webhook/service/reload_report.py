"""The result of a reload: what was applied, what takes effect later, or why not all of it was."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """The result of a reload.

    Attributes:
        error: why nothing was changed, or with `partly` not all; "" when the new configuration is
            used.
        partly: whether the failure came when a part was in use already.
        changed: the plugins that were loaded again and take over from those before them.
        added: the plugins that are new.
        removed: the plugins that are gone; their open deliveries stay.
        unchanged: the plugins that go on.
        next_start: what takes effect at the next start, such as "[server] listen".
        warnings: what works but is probably a mistake, a sentence each.
    """

    error: str = ""
    partly: bool = False
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    next_start: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> str:
        """Return the report as the admin API answers it."""
        return json.dumps({"reloaded": not self.error, **asdict(self)}) + "\n"

    @property
    def sentence(self) -> str:
        """What was applied: "endpoints, secrets and certificates; plugins: pager changed"."""
        parts = [
            f"{', '.join(names)} {what}"
            for names, what in (
                (self.changed, "changed"),
                (self.added, "added"),
                (self.removed, "removed"),
            )
            if names
        ]
        plugins = f"; plugins: {'; '.join(parts)}" if parts else ""
        return f"endpoints, secrets and certificates{plugins}"
