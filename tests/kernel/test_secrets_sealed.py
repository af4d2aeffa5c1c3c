from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kernel.errors import UnavailableError
from server.kernel.secrets import Keys


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plain=st.binary(max_size=200), context=st.text(min_size=1, max_size=40))
def test_T11_a_secret_opens_only_where_it_belongs(tmp_path: Path, plain: bytes, context: str) -> None:  # noqa: N802
    keys = Keys(tmp_path / "master.key")
    sealed = keys.seal(plain, context)
    assert keys.unseal(sealed, context) == plain
    with pytest.raises(UnavailableError):
        keys.unseal(sealed, context + "x")
    assert keys.seal(plain, context) != sealed


def test_a_new_key_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "master.key")
    old = keys.seal(b"community", "credential:1")
    keys.rotate()
    again = Keys(tmp_path / "master.key")
    assert again.unseal(old, "credential:1") == b"community"
    assert again.unseal(keys.seal(b"new", "credential:1"), "credential:1") == b"new"


def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    Keys(tmp_path / "master.key")
    assert (tmp_path / "master.key").stat().st_mode & 0o077 == 0


def test_a_secret_of_another_installation_is_refused(tmp_path: Path) -> None:
    sealed = Keys(tmp_path / "one.key").seal(b"x", "c")
    with pytest.raises(UnavailableError):
        Keys(tmp_path / "other.key").unseal(sealed, "c")
