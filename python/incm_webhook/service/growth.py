"""Notices that a number grows, and how much of it is to be told."""


class Growth:
    """A number of which only the growth is told, and that not too often.

    Threads: one at a time.
    """

    def __init__(self, pause_s: float, known: int = 0) -> None:
        """Begin.

        Args:
            pause_s: how long to tell nothing after having told something, in seconds.
            known: the number that needs not be told.
        """
        self._pause_s = pause_s
        self._known = known
        self._quiet_until = 0.0

    def look(self, count: int, now: float, *, at_once: bool = False) -> int:
        """Look at the number.

        Args:
            count: the number now.
            now: the time in seconds.
            at_once: do not wait for the end of the pause.

        Returns:
            By how much it has grown since it was told last; 0 when nothing is to be told now.
        """
        self._known = min(self._known, count)
        if now < self._quiet_until and not at_once:
            return 0
        return count - self._known

    def told(self, count: int, now: float) -> None:
        """Note that this number was told."""
        self._known = count
        self._quiet_until = now + self._pause_s
