#!/usr/bin/env python3
"""Keeps one comment of a pull request up to date with what `bench gate` said.

    comment.py FILE

FILE has the judgement as Markdown. The environment is that of GitHub Actions, with PULL_REQUEST (its number), GITHUB_TOKEN, EXIT_CODE and
CHANGED (`true` or `false`, an output of `bench gate`). Where nothing changed no comment is begun; one that is there is brought up to date.
Nothing here fails a workflow: what can't be written is said in a notice, and the step's summary has the judgement anyway.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# How the comment begins; another gate of the same pull request has another file of settings.
MARKER = "<!-- bench gate: {config} -->"
# GitHub refuses longer ones (in characters).
MAX_COMMENT_CHARS = 65_536
# Comments are looked through in pages of 100, this many at most.
MAX_PAGES = 30
MAX_ANSWER_BYTES = 8 * 1024 * 1024
TIMEOUT_S = 20.0
# Who writes where the token is that of the workflow, which may not ask for its own name.
WORKFLOW = "github-actions[bot]"


class Refused(Exception):
    """GitHub did not do what it was asked for; the message says what it answered."""


def call(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """Asks GitHub's API, and gives the JSON that it answers with."""
    request = urllib.request.Request(
        os.environ["GITHUB_API_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        raise Refused(f"{method} {path} was answered with {error.code}") from error
    except (OSError, ValueError) as error:
        raise Refused(f"{method} {path}: {error}") from error


def author() -> str:
    """Whose comments are our own."""
    try:
        return call("GET", "/user")["login"]
    except Refused:
        return WORKFLOW


def ours(comments: str, marker: str) -> int | None:
    """The number of the comment that is there already."""
    login = author()
    for page in range(1, MAX_PAGES + 1):
        found = call("GET", f"{comments}?per_page=100&page={page}")
        for comment in found:
            # Anybody who may comment can write the marker, so the name counts too.
            if comment["user"]["login"] == login and (comment["body"] or "").startswith(marker):
                return comment["id"]
        if len(found) < 100:
            break
    return None


def text(marker: str, judgement: str, exit_code: str, link: str) -> str:
    """The comment.

    >>> print(text("<!-- m -->", "### bench gate\\n", "0", "https://x/1"))
    <!-- m -->
    ### bench gate
    <BLANKLINE>
    [Records, charts and reports](https://x/1)
    >>> text("<!-- m -->", "", "5", "https://x/1")
    '<!-- m -->\\n### bench gate\\n\\nNothing was judged (exit code 5).\\n\\n[The log](https://x/1)'
    >>> len(text("<!-- m -->", "x" * 70_000, "0", "https://x/1"))
    65536
    """
    if judgement.strip():
        body, name = judgement.rstrip(), "Records, charts and reports"
    else:
        body, name = f"### bench gate\n\nNothing was judged (exit code {exit_code}).", "The log"
    end = f"\n\n[{name}]({link})"
    return f"{marker}\n{body}"[: MAX_COMMENT_CHARS - len(end)] + end


def main() -> None:
    """Writes the comment."""
    env = os.environ
    number = env.get("PULL_REQUEST", "")
    if not number.isdigit():
        return
    file = Path(sys.argv[1])
    judgement = file.read_text() if file.exists() else ""
    marker = MARKER.format(config=env.get("CONFIG", "bench.toml"))
    repository = f"/repos/{env['GITHUB_REPOSITORY']}"
    link = f"{env['GITHUB_SERVER_URL']}/{env['GITHUB_REPOSITORY']}/actions/runs/{env['GITHUB_RUN_ID']}"
    body = {"body": text(marker, judgement, env.get("EXIT_CODE", ""), link)}
    try:
        comments = f"{repository}/issues/{number}/comments"
        found = ours(comments, marker)
        if found is not None:
            call("PATCH", f"{repository}/issues/comments/{found}", body)
        elif env.get("CHANGED") != "false":
            call("POST", comments, body)
    except Refused as refused:
        print(
            f"::notice title=bench gate::The comment was not written ({refused}). It takes `permissions: pull-requests: write`, which the "
            "token of a fork never has; the judgement is in the step's summary."
        )


if __name__ == "__main__":
    main()
