from pathlib import Path

import pytest

from server.kernel.settings import SettingsError, load


def test_options_overrule_environment_which_overrules_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "watchdesk.toml").write_text('port = 1\nsite_name = "File"\nsmtp_host = "mail"\n')
    monkeypatch.setenv("WATCHDESK_PORT", "2")
    monkeypatch.setenv("WATCHDESK_SITE_NAME", "Environment")
    settings = load(tmp_path, port=3)
    assert (settings.port, settings.site_name, settings.smtp_host) == (3, "Environment", "mail")
    assert settings.database_url == f"sqlite:///{tmp_path}/watchdesk.db"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prot = 1", "prot is not a setting"),
        ('port = "many"', "port"),
        ("port = 70000", "port"),
        ('timezone = "Mars"', "timezone"),
        ('trusted_proxies = ["10.0.0.0/33"]', "trusted_proxies"),
        ('public_url = "javascript:alert(1)"', "public_url"),
        ("port = = 1", "watchdesk.toml"),
    ],
)
def test_a_mistake_is_named_by_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "watchdesk.toml").write_text(f'# ours\nsite_name = "Desk"\n{line}\n')
    with pytest.raises(SettingsError) as refused:
        load(tmp_path)
    assert said in str(refused.value)
    assert "watchdesk.toml:3" in str(refused.value) or "line 3" in str(refused.value)


def test_an_unknown_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDESK_PROT", "1")
    with pytest.raises(SettingsError, match="WATCHDESK_PROT"):
        load(tmp_path)


def test_a_postgresql_address_is_taken_as_people_write_it(tmp_path: Path) -> None:
    assert load(tmp_path, database_url="postgres://a@b/c").database_url == "postgresql+psycopg://a@b/c"
