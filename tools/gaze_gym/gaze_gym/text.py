"""The words of an AVR turn: its lettered options, and a reply that picks one."""

from __future__ import annotations


def options(text: str) -> dict[str, str]:
    """Returns {letter: words} of the option list at the end of a turn's text, {} if it has none."""
    _, found, lines = text.partition("Options:\n")
    listed: dict[str, str] = {}
    for line in lines.splitlines() if found else []:
        words, _, letter = line.rpartition(" ")
        if words and len(letter) == 1 and "A" <= letter <= "Z":
            listed[letter] = words
    return listed


def answer(letter: str) -> str:
    """Returns the shortest reply that chooses an option: no thought, so no format reward."""
    return f"<answer>{letter}</answer>"
