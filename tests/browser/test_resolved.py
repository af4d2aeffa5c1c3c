"""The mains are back: the incident on the open page ends by itself, in both languages."""

import pytest

from tests.browser.conftest import Enter
from tests.browser.test_by_keyboard import STATE
from tests.browser.visits import each
from tests.flows.house import House

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
WITHIN_MS = 420_000  # the rules keep alerts firing some minutes after the mains return


async def test_the_record_shows_its_end_without_being_loaded_anew(house: House, enter: Enter) -> None:
    bob = await enter("he.wei", "en", "wide", of="record")
    alice = await enter("zhou.lin", "zh", "wide", of="record")
    if "/incidents/INC-" not in bob.page.url:
        pytest.skip("no incident of the failure was seen")
    await each(
        bob.page.wait_for_selector(f"{STATE}:has-text('Resolved')", timeout=WITHIN_MS),
        alice.page.wait_for_selector(f"{STATE}:has-text('已解决')", timeout=WITHIN_MS),
    )
    await bob.page.wait_for_selector("#resolution")
