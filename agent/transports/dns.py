"""DNS: does a name server answer a question, how soon, and with what? Over dnspython.

Params: `query` (the name, needed), `type` (A), `expect` (an answer that must be there).
Readings: `lookup_seconds`, `rcode` (NOERROR is 0), `answers`, `answer_matches` (1, 0; where asked for).
"""

from time import monotonic

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from agent.reading import Target
from agent.transports.facts import Facts
from agent.transports.trouble import BadResponseError, TroubleError, of_os

PORT = 53


async def fetch(target: Target, *, timeout_s: float = 5.0) -> Facts:
    """Ask the server of a target; by TCP again where the answer was cut. Raises TroubleError."""
    name = str(target.params.get("query") or "")
    kind = str(target.params.get("type") or "A").upper()
    if not name:
        raise TroubleError("configuration", "A DNS target needs the name to look up (params: query).")
    try:
        question = dns.message.make_query(name, kind)
    except (dns.exception.DNSException, ValueError):
        raise TroubleError("configuration", f"'{name}' with type '{kind}' is no question.") from None
    begun = monotonic()
    try:
        answer, _by_tcp = await dns.asyncquery.udp_with_fallback(
            question, target.address, timeout=timeout_s, port=target.port or PORT
        )
    except dns.exception.Timeout:
        raise TroubleError("no_answer", f"No answer in {timeout_s:g} s.") from None
    except dns.exception.DNSException as error:
        raise BadResponseError(f"The answer is no DNS: {type(error).__name__}.", place="message") from None
    except OSError as error:
        raise of_os(error) from None
    took = monotonic() - begun
    said = [record.to_text() for group in answer.answer for record in group]
    facts = Facts({"lookup_seconds": took, "rcode": int(answer.rcode()), "answers": len(said)}, rtt_s=took)
    if expected := str(target.params.get("expect") or ""):
        facts.readings["answer_matches"] = int(expected.rstrip(".") in {one.rstrip(".") for one in said})
    return facts
