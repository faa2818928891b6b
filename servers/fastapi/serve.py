"""Starts the server: `python serve.py --port 8080 --app fastapi --loop uvloop`. All of it is in `bench_server`."""

from bench_server.command import main

if __name__ == "__main__":
    main()
