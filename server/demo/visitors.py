"""Half a year of people who helped themselves on the portal: what they looked for and what came of it."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.models import Person
from server.demo.seeds import seed
from server.knowledge.models import Article, Audience, PortalSearch, Told

SEED = 20_250_612
BACK_DAYS = 180
MANY = 160
SOLVED = 0.55  # share of searches that found something and ended without a report
REPORTED = 0.25
WORDS = {
    "en": ("blank pages", "printer", "mailbox full", "cannot send mail", "vpn slow", "MTU"),
    "zh": ("白纸", "打印机", "邮箱已满", "无法发信", "VPN 慢", "断线"),
}
IN_VAIN = {"en": ("badge reader", "meeting room screen"), "zh": ("门禁卡", "会议室投屏")}
VAIN = 0.12  # share of searches for what nobody has written down


def write(session: Session, people: Mapping[str, Person], *, now: datetime) -> int:
    """Tell the searches of end users; returns how many."""
    chance = random.Random(SEED)  # noqa: S311  a story, no secret
    shelf = dict(
        session.execute(
            select(Article.language, Article.number)
            .where(Article.audience == Audience.EVERYBODY)
            .order_by(Article.id.desc())
        ).all()
    )
    users = [row["username"] for row in seed("company")["people"] if "end_user" in row["roles"]]
    visitors = [people[name] for name in users if people[name].language in shelf]
    for _ in range(MANY):
        person = chance.choice(visitors)
        vain = chance.random() < VAIN
        words = chance.choice((IN_VAIN if vain else WORDS)[person.language])
        luck = chance.random()
        told = Told.SOLVED if luck < SOLVED else Told.REPORTED if luck < SOLVED + REPORTED else Told.NOTHING
        if vain:
            told = Told.REPORTED if luck < SOLVED else Told.NOTHING
        session.add(
            PortalSearch(
                person_id=person.id,
                at=now - timedelta(days=chance.random() * BACK_DAYS),
                words=words,
                found=0 if vain else chance.randint(1, 3),
                opened=shelf[person.language] if told is Told.SOLVED else None,
                told=told,
            )
        )
    return MANY
