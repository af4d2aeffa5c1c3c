import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.telemetry import escape_control


@given(st.text())
def test_T24_no_text_makes_a_second_line(text: str) -> None:  # noqa: N802
    assert escape_control(text).isprintable()


@pytest.mark.parametrize("form", ["True", "False"])
def test_a_log_line_is_one_line_whatever_is_in_it(form: str) -> None:
    program = (
        "import structlog; from server.kernel.telemetry import configure_logs;"
        f"configure_logs(json_lines={form});"
        "structlog.get_logger('x').info('hello', name='a\\nforged \\x1b[31m\\u202e', number=1)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (line,) = ran.stderr.splitlines()
    assert "\x1b[31m" not in line.replace("\x1b[0m", "")
    if form == "True":
        assert json.loads(line)["name"] == "a\\nforged \\x1b[31m\\u202e"
