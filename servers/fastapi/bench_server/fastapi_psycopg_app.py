"""FastAPI as in `fastapi_app`, its database by psycopg 3."""

from fastapi import FastAPI

from bench_server.fastapi_app import application, database_router, router
from bench_server.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The application."""
    return application(settings, router, database_router, driver="database_psycopg")
