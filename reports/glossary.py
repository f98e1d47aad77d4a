"""Words of the reports that newcomers do not know: one meaning each, for every page and text.

Pages explain a word where it stands; below a table, and in plain texts, a line does.
"""

from __future__ import annotations

import re

MEANINGS = {
    "×÷": "times, or divided by: 1.20 ms ×÷ 3 lies between 0.40 and 3.60 ms. Said of intervals "
    "too wide for per cent; more blocks narrow them.",
    "√K·u·S": "the unit of allowed errors: an element is a sum of K products, u is the rounding of "
    "one number, S the sum of the products' sizes; of K roundings about √K do not cancel.",
    "allowed error": "how far an element may lie from the float64 result. On small whole numbers "
    "it is 0 for methods that only add and multiply: these come out exactly.",
    "error / bound": "the largest error of an element over the one that is allowed there: above 1 "
    "is wrong.",
    "smallest visible": "the smallest slowdown that these blocks would have shown in this cell; a "
    "smaller one may be there unseen.",
    "null arm": "the base measured against itself, in turns like the rest. Equal code should not "
    "move: by how much it did is added to every interval.",
    "margin": "slower by less is taken as equal.",
    "adjusted p": "how likely a slowdown this clear is by chance, with regard to how many cells "
    "were under suspicion.",
    "never pays": "preparing the weight takes time that no number of calls earns back, as a call "
    "is no faster than the reference's.",
    "pays after": "so many calls earn back the time that preparing the weight takes.",
    "undecided": "no interval leaves one implementation ahead of all others.",
    "disturbed": "others took the cores in every block: nothing follows from such a time.",
    "blocks": "a block is a fresh process of every implementation, in turns; intervals count "
    "blocks, not samples.",
    "direct-equivalent": "the textbook sum's operations over the time: more than the machine's "
    "peak where an algorithm needs fewer.",
    "of the ceiling": "the time that the machine's measured peak and memory rate allow for the "
    "textbook sum, over the time it took.",
    "of the machine's ceiling": "the time that the machine's measured peak and memory rate allow "
    "for the textbook sum, over the time it took.",
    "Pareto front": "those that no other beats in both time and error.",
    "noise grade": "how much identical work varied on this machine before the run: A hardly, F by "
    "more than can be worked with.",
    "workspace": "memory that a call needs besides input, weight and output.",
    "best mix per layer": "in each layer whoever is faster than the reference beyond its interval, "
    "otherwise the reference.",
}
"""Word, as it stands in a text in any case → what it means, in a sentence."""

_ALL = sorted(MEANINGS, key=len, reverse=True)
_WORDS = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, _ALL))})(?!\w)", re.IGNORECASE)
_MEANINGS = {word.lower(): meaning for word, meaning in MEANINGS.items()}


def words_in(*texts: str) -> list[str]:
    """Return the words of these texts that have a meaning here, each once, in order."""
    spoken = (match[0].lower() for text in texts for match in _WORDS.finditer(text))
    return list(dict.fromkeys(spoken))


def explained(*texts: str) -> list[tuple[str, str]]:
    """Return (word, meaning) of the words in these texts, as a line below a table shows them."""
    return [(_as_listed(word), _MEANINGS[word]) for word in words_in(*texts)]


def lines(*texts: str) -> list[str]:
    """Return a line of plain text for each word of these texts: "×÷: times, or …"."""
    return [f"{word}: {meaning}" for word, meaning in explained(*texts)]


def _as_listed(word: str) -> str:
    return next(listed for listed in MEANINGS if listed.lower() == word)


def pieces(text: str) -> list[tuple[str, str]]:
    """Return a text in pieces, each with its meaning; empty for what is no word of these."""
    found = _WORDS.split(text)  # at odd places are words
    return [(piece, _MEANINGS[piece.lower()] if at % 2 else "") for at, piece in enumerate(found)]
