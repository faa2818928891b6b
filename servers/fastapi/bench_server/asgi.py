"""The application as an attribute of a module, which is how servers that have processes of their own import it."""

import importlib

from bench_server.settings import Settings

_settings = Settings.handed_on()
app = importlib.import_module(f"bench_server.{_settings.app}_app").create_app(_settings)
