"""The work contract in Python: as a FastAPI application, and as a bare ASGI application that does the same work.

`fastapi_app` and `asgi_app` are the two contenders; what they answer with stands once, in the modules beside them, which
know no framework. `server` runs either under Uvicorn, `command` reads the flags.
"""
