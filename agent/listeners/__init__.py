"""What devices say unasked: SNMP traps and informs, syslog; received, bounded, counted, made into news.

    receive -> ear (traps | lines) -> standing -> collector
    a thread   sources, limits,       conditions with a beginning
               decoding, rules        and an end, on the loop

Only what a rule wants is decoded. Nothing is believed that need not be: where polling tells the same, what
was heard only hastens the next poll.
"""
