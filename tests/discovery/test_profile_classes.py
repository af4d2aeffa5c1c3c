"""The lists of classes: what recognition answers, what profiles and platforms say, what the desk keeps."""

from agent.discover.by_profile import SAME_CLASS
from agent.discover.found import Found, Guess
from agent.discover.lexicon import CLASSES
from agent.discover.tell import class_of
from rules import platform, profile
from rules.profile_form import DEVICE_CLASSES
from server.cmdb.classes import catalogue

NO_CLASS = "other"
SAID = {name: one.ci_class for name, one in profile.packaged().items() if one.ci_class}


def test_recognition_and_profiles_tell_devices_apart_by_the_same_classes() -> None:
    assert frozenset(CLASSES) == DEVICE_CLASSES


def test_every_class_that_is_told_is_one_of_the_desk() -> None:
    desk = catalogue()
    told = set(CLASSES) | set(SAID.values()) | set(SAME_CLASS)
    for one in platform.packaged().values():
        told |= {one.ci_class, *one.classes}
    assert {one for one in told - {NO_CLASS} if not desk.knows(desk.code_of(one))} == set()


def test_every_profile_is_of_a_class_that_recognition_knows_by_that_name_or_a_coarser_one() -> None:
    assert {SAME_CLASS.get(one, one) for one in SAID.values()} <= set(CLASSES)
    assert set(SAME_CLASS) <= set(SAID.values()), "a coarser name that no profile needs"


def test_a_device_of_a_finer_class_is_kept_as_that_though_recognised_as_the_coarser() -> None:
    forms = profile.packaged()
    for name, kind in SAID.items():
        if kind in SAME_CLASS:
            guess = Guess(SAME_CLASS[kind], 0.9, "", "profile")
            told = class_of(Found("192.0.2.1", profile=name, guesses={"device_class": guess}), forms)
            assert told is not None
            assert told.value == kind
