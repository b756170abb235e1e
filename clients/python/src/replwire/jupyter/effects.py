"""What executions have changed, as far as it can be taken back."""

from __future__ import annotations

from .. import frames


class Effects:
    """The executions whose effects are there, and which of them are cells of the user's: front ends
    run code of their own between them."""

    def __init__(self) -> None:
        self._known: list[tuple[str, bool]] = []

    def note(self, execution: str, is_cell: bool) -> None:
        self._known.append((execution, is_cell))
        if len(self._known) > 2000:
            del self._known[:1000]

    def clear(self) -> None:
        self._known.clear()

    def note_restored(self, event: frames.Restored) -> None:
        gone = set(event.undone)
        kept = [] if event.checkpoint_id is None else self._known
        self._known = [each for each in kept if each[0] not in gone]

    def executions_of(self, cells: int) -> int:
        """How many executions, from the last one, make so many cells."""
        left = cells
        for count, (_, is_cell) in enumerate(reversed(self._known), 1):
            left -= is_cell
            if left == 0:
                return count
        return len(self._known) + max(cells, 1)  # too many, as the server will say


def state_after(event: frames.Restored | None, *, undone: bool = False) -> str:
    """What is left of the variables, for the user. `undone`: the cell had ended."""
    if event is None or event.checkpoint_id is None:
        return "Python was started anew: all variables are lost."
    when = ""
    if undone or event.execution_id is not None:
        when = ", as they were before this cell"
    elif event.undone:
        when = f", as they were before the last {len(event.undone)} executions"
    lost = [*event.lost_threads, *event.lost_devices]
    more = f" Lost: {', '.join(lost)}." if lost else ""
    return f"The variables are kept{when}.{more}"
