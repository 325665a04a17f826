"""When a trouble is said: once it has lasted, and once only while it lasts."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Alarm:
    """One trouble of a run.

    Attributes:
        patience: Steps that it must last before it is said.
        again: Whether it may be said again after it went away and came back; if not, going away ends it for good.
        since: Step since which it is seen without a break; None while it is not.
        said: Whether there is nothing to say (any more).
    """

    patience: int
    again: bool = True
    since: int | None = None
    said: bool = False

    def due(self, seen: bool, step: int, *, since: int | None = None) -> bool:
        """Take what is seen at a step; whether it is to be said now.

        Args:
            seen: Whether the trouble is there.
            step: Steps done.
            since: First step that this sight speaks for; None is ``step``.
        """
        if not seen:
            self.since, self.said = None, not self.again
            return False
        if self.since is None:
            self.since = step if since is None else since
        if self.said or step - self.since < self.patience:
            return False
        self.said = True
        return True

    def state_dict(self) -> dict[str, int | bool]:
        """All of it, in plain values."""
        return {name: value for name, value in asdict(self).items() if value is not None}
