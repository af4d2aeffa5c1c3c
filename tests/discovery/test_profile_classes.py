"""Packaged profiles and the classes of the desk."""

from rules import profile
from server.cmdb.classes import UNKNOWN_CLASS, catalogue

NO_CLASS = "other"


def test_every_profile_makes_items_of_a_class_that_the_desk_has() -> None:
    desk = catalogue()
    for name, one in profile.packaged().items():
        if one.ci_class and one.ci_class != NO_CLASS:
            code = desk.code_of(one.ci_class)
            assert code != UNKNOWN_CLASS, (name, one.ci_class)
            assert desk.knows(code), (name, one.ci_class)
