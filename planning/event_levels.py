"""How many people an event needs: a table by level and attendance. The one shipped here is an example, no rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEVELS = (1, 2, 3, 4)  # 1 is the most serious
LEVEL_COLUMNS = ("level", "attendance", "headcount", "posts")


@dataclass(frozen=True)
class LevelRow:
    """Events of this `level` with at least `attendance` people need `headcount` people of ours at `posts` posts."""

    level: int
    attendance: int
    headcount: int
    posts: int


# every district decides this for itself: whatever shows these numbers says that they are an example
EXAMPLE_LEVELS: tuple[LevelRow, ...] = (
    LevelRow(1, 1_000, 30, 6),
    LevelRow(1, 5_000, 60, 10),
    LevelRow(1, 10_000, 120, 16),
    LevelRow(2, 1_000, 20, 4),
    LevelRow(2, 5_000, 40, 8),
    LevelRow(2, 10_000, 80, 12),
    LevelRow(3, 1_000, 12, 3),
    LevelRow(3, 5_000, 24, 6),
    LevelRow(3, 10_000, 48, 8),
    LevelRow(4, 1_000, 6, 2),
    LevelRow(4, 5_000, 12, 4),
    LevelRow(4, 10_000, 24, 6),
)


def level_row(table: Sequence[LevelRow], *, level: int, attendance: int) -> LevelRow | None:
    """The row that holds: of the event's level the one with the highest `attendance` that the event reaches.

    None where the table has no row for so few people of that level.

    >>> level_row(EXAMPLE_LEVELS, level=2, attendance=8000)
    LevelRow(level=2, attendance=5000, headcount=40, posts=8)
    >>> level_row(EXAMPLE_LEVELS, level=2, attendance=999) is None
    True
    """
    reached = [row for row in table if row.level == level and row.attendance <= attendance]
    return max(reached, key=lambda row: row.attendance, default=None)


def level_faults(table: Sequence[LevelRow]) -> list[tuple[int, str, object, str, str]]:
    """What is wrong with a table: (place in it, column, value, reason, fix); nothing where it holds.

    >>> [fault[:3] for fault in level_faults([LevelRow(5, 0, 2, 3), LevelRow(1, 9, 4, 2), LevelRow(1, 9, 6, 2)])]
    [(0, 'level', 5), (0, 'posts', 3), (2, 'attendance', 9)]
    """
    found: list[tuple[int, str, object, str, str]] = []
    seen: set[tuple[int, int]] = set()
    for place, row in enumerate(table):
        if row.level not in LEVELS:
            found.append((place, "level", row.level, "unknown value", f"use one of: {', '.join(map(str, LEVELS))}"))
        if row.headcount < row.posts:
            fix = "give at most as many posts as people"
            found.append((place, "posts", row.posts, "more posts than people", fix))
        if (row.level, row.attendance) in seen:
            reason = "a second row of that level and attendance"
            found.append((place, "attendance", row.attendance, reason, "keep one of them"))
        seen.add((row.level, row.attendance))
    return found
