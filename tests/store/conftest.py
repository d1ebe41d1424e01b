"""Every test of the store may ask for one of each kind."""

from tests.store.fixtures import clock, open_one, postgresql_url, store, url

__all__ = ["clock", "open_one", "postgresql_url", "store", "url"]
