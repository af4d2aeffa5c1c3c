"""The whole API against its own document: whatever is sent, the answer is one the document names."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
PROGRAM = [sys.executable, "-m", "server.cli"]
EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "12"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A running desk and the token of an administrator."""
    data: Path = tmp_path_factory.mktemp("fuzz")
    add = [
        *PROGRAM,
        "user",
        "add",
        "alice",
        "--role",
        "administrator",
        "--password-stdin",
        "--data",
        str(data),
    ]
    subprocess.run(add, input="correct horse battery\n", text=True, check=True, capture_output=True)
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=(data / "log").open("w"),
        text=True,
    )
    assert process.stdout is not None
    address = ""
    while not address:
        found = re.search(r"ready: (http://\S+)", process.stdout.readline())
        address = found[1] if found else ""
    create = [*PROGRAM, "token", "create", "--user", "alice", "--name", "fuzz", "--data", str(data)]
    token = subprocess.run(create, text=True, check=True, capture_output=True).stdout.strip()
    yield address, token
    process.send_signal(signal.SIGTERM)
    process.wait(15)
    process.stdout.close()


def test_whatever_is_sent_the_answer_is_one_the_document_names(served: tuple[str, str]) -> None:
    address, token = served
    document = requests.get(f"{address}/api/v1/openapi.json", timeout=10).json()
    schema = schemathesis.openapi.from_dict(document)
    http = requests.Session()
    http.trust_env = False
    wrong: list[str] = []
    met: set[str] = set()  # operations
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            # A value of the right shape may still be refused for what it means: that answer is 422.
            # That a stranger gets 401 is asked once of an operation, not of each example again.
            case.call_and_validate(
                base_url=address,
                headers={"Authorization": f"Bearer {token}"},
                session=http,
                excluded_checks=[
                    checks.positive_data_acceptance,
                    *[checks.ignored_auth] * (case.operation.label in met),
                ],
            )
            met.add(case.operation.label)

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  every operation is told
            told = [str(one)[:700] for one in getattr(error, "exceptions", ())]
            wrong.append(f"{operation.label}: {type(error).__name__} {str(error)[:300]} {told}")
    http.close()
    assert not wrong, "\n\n".join(wrong)
