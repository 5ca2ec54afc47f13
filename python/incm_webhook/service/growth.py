"""Notices that a number grows, and how much of it is to be told."""


class Growth:
    """A number of which only the growth is told, and that not too often.

    Shape: the pause doubles when the number has grown again before the next pause is over, and is
    the first one again when it has not, or has fallen.
    Threads: one at a time.
    """

    def __init__(self, pause_s: float, known: int = 0, *, most_s: float = 0.0) -> None:
        """Begin.

        Args:
            pause_s: how long to tell nothing after having told something, in seconds.
            known: the number that needs not be told.
            most_s: the longest pause, if that is longer.
        """
        self._first_s = self._pause_s = pause_s
        self._most_s = max(most_s, pause_s)
        self._known = known
        self._told_at: float | None = None

    def look(self, count: int, now: float, *, at_once: bool = False) -> int:
        """Look at the number.

        Args:
            count: the number now.
            now: the time in seconds, which never goes back.
            at_once: do not wait for the end of the pause.

        Returns:
            By how much it has grown since it was told last; 0 when nothing is to be told now.
        """
        if count < self._known:  # somebody saw to it
            self._known = count
            self._pause_s = self._first_s
        if self._told_at is not None and now < self._told_at + self._pause_s and not at_once:
            return 0
        return count - self._known

    def told(self, count: int, now: float) -> None:
        """Note that this number was told."""
        if self._told_at is not None:
            goes_on = now < self._told_at + 2 * self._pause_s
            self._pause_s = min(2 * self._pause_s, self._most_s) if goes_on else self._first_s
        self._known = count
        self._told_at = now
