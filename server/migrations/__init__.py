"""How the schema came to be, step by step. Run at start and by `watchdesk-server migrate`."""
