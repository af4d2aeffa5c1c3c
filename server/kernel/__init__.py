"""Furniture that every practice uses: database, errors, web, API, events, jobs, audit, texts."""
