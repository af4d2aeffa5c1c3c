"""Fifty scripted incidents, from alert to resolution, make the desk know better; a bad batch does no harm."""

from server.incidents import bench
from server.kernel.db import Database


def test_fifty_resolutions_teach_a_bad_article_sinks_and_bad_verdicts_change_nothing(
    sqlite_db: Database,
) -> None:
    told = bench.learn(sqlite_db)
    assert told["hit1_learned"] >= told["hit1_frozen"] + 0.3, told
    assert told["chance"] < 0.01, told
    assert min(told["bad_article_places"][1:]) > 5, told
    assert told["hit1_day_after"] >= told["hit1_day_before"], told
    assert told["bad_batch_refused"], told
    assert told["wrong_first_after_false_cases"] <= told["wrong_first_before"] + 0.05, told
