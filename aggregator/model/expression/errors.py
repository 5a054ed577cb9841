"""What is wrong with an expression, and where. Pure."""

from __future__ import annotations

import unicodedata

WIDTH = 100
"""How many characters of a line are shown above a caret."""


class ExpressionError(ValueError):
    """An expression cannot be used: the reason, what to write instead ("" if unknown), and the character, from 0."""

    def __init__(self, text: str, at: int, reason: str, hint: str = "") -> None:
        super().__init__(f"{reason}, at character {at + 1}", hint)
        self.text, self.at, self.reason, self.hint = text, at, reason, hint

    def lines(self) -> list[str]:
        """Return the error for people: the line, a caret under the place, the reason with its hint."""
        start = self.text.rfind("\n", 0, self.at) + 1
        line = self.text[start:].partition("\n")[0]
        column = self.at - start
        first = max(0, column - WIDTH // 2) if len(line) > WIDTH else 0
        shown = "".join(" " if one in "\t\r" else one for one in line[first : first + WIDTH])
        before = sum(_cells(one) for one in shown[: column - first])
        hint = f" ({self.hint})" if self.hint else ""
        return [shown, f"{' ' * before}^", f"{self.reason}{hint}"]


def _cells(one: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in {"W", "F"} else 1
