"""The words of an enumeration by number, and what they tell: health, presence, a choice, progress."""

from collections import Counter
from functools import lru_cache

from agent.knowledge import words_of

GRADES = {
    "good": """ok normal good up online operational healthy active present available nominal ready optimal
        enabled""",
    "bad": """fail failed failure fault faulty bad critical major minor warning alarm error down degraded
        nonrecoverable noncritical abnormal offline lost trouble severe low high""",
    "absent": "absent missing empty unplugged removed disconnected installed inserted exist",
    "unknown": "unknown other undefined invalid na unavailable",
    "choice": "enable disable auto manual none default static dynamic both automatic custom mode",
    "switch": "on off open closed true false yes no",
    "done": "idle progress success successful completed pending running started cancelled initial download",
}
GRADE_OF = {word: grade for grade, words in GRADES.items() for word in words.split()}


@lru_cache(maxsize=4_096)
def labels(enum: str) -> dict[str, str]:
    """An enumeration's words by number."""
    return dict(pair.split("=", 1) for pair in enum.split(",") if "=" in pair)


@lru_cache(maxsize=4_096)
def graded(enum: str) -> dict[str, float]:
    """What the words of an enumeration tell: health, presence, a choice, the progress of a task."""
    words = [word for text in labels(enum).values() for word in words_of(text)]
    grades = Counter(GRADE_OF[word] for word in words if word in GRADE_OF)
    found = {f"grade {grade}": 1.0 for grade in sorted(grades)}
    found[f"grades {' '.join(sorted(grades))}"] = 1.0
    return found
