"""The comment of a pull request, against a server that answers as GitHub's API does."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from builds import ROOT
from case import case
from field import Field, Ran, expect

SCRIPT = ROOT / ".github/actions/bench-gate/comment.py"
BOT = "github-actions[bot]"
OWN = "<!-- bench gate: bench.toml -->"
PAGE = 100


@dataclass
class GitHub:
    """Comments of one pull request, and whether the token may write."""

    may_write: bool = True
    comments: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def add(self, login: str, body: str) -> dict[str, Any]:
        """A comment."""
        self.comments.append({"id": len(self.comments) + 1, "user": {"login": login}, "body": body})
        return self.comments[-1]

    def answer(self, method: str, path: str, body: dict[str, str]) -> tuple[int, Any]:
        """What GitHub answers (REST API, "Issue comments")."""
        path, _, query = path.partition("?")
        if path == "/user":
            return 403, {"message": "Resource not accessible by integration"}
        if method != "GET" and not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}
        if method == "GET" and path == "/repos/o/r/issues/7/comments":
            asked = dict(part.split("=") for part in query.split("&"))
            first = (int(asked["page"]) - 1) * int(asked["per_page"])
            return 200, self.comments[first : first + int(asked["per_page"])]
        if method == "POST" and path == "/repos/o/r/issues/7/comments":
            return 201, self.add(BOT, body["body"])
        if method == "PATCH" and path.startswith("/repos/o/r/issues/comments/"):
            comment = self.comments[int(path.rsplit("/", 1)[1]) - 1]
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


@contextmanager
def served(github: GitHub) -> Iterator[GitHub]:
    """Serves it on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            assert self.headers["Authorization"] == "Bearer t"
            status, answer = github.answer(self.command, self.path, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PATCH = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        github.url = f"http://127.0.0.1:{server.server_port}"
        yield github
        server.shutdown()


@case("R2 pull-request-comment", "Every push adds a further comment, also where nothing changed, and a fork without a token fails.")
def one_comment_is_kept(field: Field) -> None:
    """One comment is kept up to date, none is begun where nothing changed, and where the token may not write a notice says so."""
    file = field.write("judged.md", "### bench gate\n\nfirst\n")

    def comment(github: GitHub, changed: str, url: str | None = None) -> Ran:
        env = {
            "GITHUB_API_URL": url or github.url, "GITHUB_REPOSITORY": "o/r", "GITHUB_SERVER_URL": "https://github.test", "GITHUB_RUN_ID": "5",
            "GITHUB_TOKEN": "t", "PULL_REQUEST": "7", "CONFIG": "bench.toml", "EXIT_CODE": "0", "CHANGED": changed,
        }
        return field.run(sys.executable, SCRIPT, file, env=env).exits(0)

    with served(GitHub()) as github:
        for number in range(PAGE):
            github.add("somebody", f"comment {number}")
        github.add("somebody", f"{OWN}\nforged")
        github.add(BOT, "<!-- bench gate: other.toml -->\nof another gate")
        comment(github, "false")
        expect(len(github.comments) == PAGE + 2, "a comment was begun where nothing changed")
        comment(github, "true")
        file.write_text("### bench gate\n\nsecond\n")
        comment(github, "false")
        expect(len(github.comments) == PAGE + 3, "another comment was begun")
        kept = github.comments[-1]["body"]
        expect(kept.startswith(OWN) and "second" in kept and "/o/r/actions/runs/5" in kept, f"the comment is {kept!r}")
        file.write_text("")
        comment(github, "")
        expect("Nothing was judged" in github.comments[-1]["body"], "an old judgement stays where nothing was judged")
        expect(github.comments[PAGE]["body"].endswith("forged"), "a comment of somebody else was changed")
        github.may_write = False
        comment(github, "true").says("::notice", "403", "pull-requests: write", "summary")
    comment(GitHub(), "true", "http://127.0.0.1:1").says("::notice")
