"""`bench gate` in repositories as people have them."""

from __future__ import annotations

import json
import os
import signal
import time

from builds import ROOT
from case import case
from field import FINE, SHORT, Field, NotRun, expect, until
from repositories import STOPS, Repository

# Judged, or disturbed by a busy machine.
JUDGED_FINE = (0, 3)


@case("A9 gate-in-a-hook", "`bench gate` in a pre-commit hook replaces the user's index: the commit has the base's files.")
def a_gate_in_a_hook(field: Field) -> None:
    """The commit has what was staged, in a plain checkout and in a linked one; no tree is left."""
    repository = Repository(field, build=STOPS)
    repository.git("worktree", "add", "-q", "-b", "linked", str(field.dir / "linked"))
    # The gate ends with 5 since its build stops; the hook lets the commit go on.
    hook = f'#!/bin/sh\n"{field.bench_path}" gate --base-rev HEAD~1 > "$HOOK_LOG" 2>&1; echo "exit $?" >> "$HOOK_LOG"; exit 0\n'
    path = repository.dir / ".git/hooks/pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(hook)
    path.chmod(0o755)
    for place in (repository.dir, field.dir / "linked"):
        (place / "new.txt").write_text("new\n")
        (place / "mine.toml").write_text((place / "mine.toml").read_text() + "# changed\n")
        repository.git("add", "-A", cwd=place)
        log = field.dir / "hook.log"
        repository.git("commit", "-q", "-m", "three", cwd=place, env={"HOOK_LOG": str(log), "TMPDIR": str(field.dir)})
        said = log.read_text()
        expect("could not be built" in said and "exit 5" in said, f"the gate in the hook said {said!r}")
        changed = repository.git("show", "--stat", "--format=", "HEAD", cwd=place)
        expect("new.txt" in changed and "mine.toml" in changed and "target.py" not in changed, f"the commit has {changed!r}")
        expect(repository.git("status", "--short", cwd=place) == "", "the index is not what was committed")
    expect(len(repository.trees()) == 2, f"trees: {repository.trees()}")


@case("A10 base-submodules", "A base with submodules is checked out without them, and can't be built or started.")
def submodules_of_the_base(field: Field) -> None:
    """The base's tree has its submodules, as the commit names them."""
    module = Repository(field, "module")
    repository = Repository(field, build='build = ["sh", "-c", "ls shared; exit 7"]\n')
    repository.git("submodule", "--quiet", "add", str(module.dir), "shared")
    repository.commit("three")
    repository.commit("four")
    repository.gate().exits(5).says("the base could not be built", "target.py")
    expect(len(repository.trees()) == 1, f"trees: {repository.trees()}")


@case("A11 action-no-base", "A new branch has no base (zeros, or nothing): the gate fails with advice that can't help.")
def no_base(field: Field) -> None:
    """There is nothing to judge, which is said and passes."""
    repository = Repository(field, build=STOPS)
    for name in ("0" * 40, ""):
        field.bench("gate", "--base-rev", name, cwd=repository.dir).exits(0).says("There is no base", "Nothing is judged")
    repository.gate("--base-rev no-such").exits(2).says("git knows no revision `no-such`")


@case("A12 action-env", "The Action builds with the caller's toolchain, target directory and flags, or finds no program afterwards.")
def the_action_builds_by_itself(field: Field) -> None:
    """Its build step runs in the Action's own repository, with its own toolchain and without the caller's variables, and its program is found."""
    action = (ROOT / ".github/actions/bench-gate/action.yml").read_text()
    step = action[action.index("name: Build bench") : action.index("name: Judge")]
    script = step[step.index("run: |") + len("run: |") : step.rindex("\n    - ")]
    tools = field.dir / "tools"
    for name, line in (("rustup", 'echo "rustup $*"'), ("cargo", 'pwd; echo "cargo $*"; env')):
        field.write(f"tools/{name}", f"#!/bin/sh\n{line}\n").chmod(0o755)
    caller = field.dir / "caller"
    caller.mkdir()
    env = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "GITHUB_ACTION_PATH": str(ROOT / ".github/actions/bench-gate"),
        "RUNNER_TEMP": str(field.dir),
        **{name: "of-the-caller" for name in CALLERS_VARIABLES},
    }
    ran = field.run("bash", "-ec", script, cwd=caller, env=env).exits(0)
    ran.says(f"{ROOT} cargo build", f"--target-dir {field.dir}/bench-gate-build", "RUSTUP_TOOLCHAIN=1").lacks("of-the-caller")
    expect("bench-gate-build/release/bench" in action, "the program is looked for where it was built")


CALLERS_VARIABLES = ("RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "CARGO_ENCODED_RUSTFLAGS")


@case("B9 gate-foreign-owner", "A checkout that belongs to another user, as in a container job: the help contradicts git's own remedy.")
def a_foreign_owner(field: Field) -> None:
    """git's remedy stands alone, and a history that can't know its revision says so."""
    if os.geteuid() != 0:
        raise NotRun("a tree of another user takes root")
    repository = Repository(field, build=STOPS)
    for path in [repository.dir, *repository.dir.rglob("*")]:
        os.chown(path, 12345, 12345)
    repository.gate().exits(2).says("safe.directory").lacks("run it in a checkout")
    target = field.target("plain")
    more = f"--history {field.dir}/h.ndjson"
    ran = field.bench(
        *f"run --scenario {field.dir / field.scenario()} {SHORT} --rounds 1 {more} --out {field.dir}/run".split(),
        "--target", f"mine={field.dir / target}", cwd=repository.dir,
    )
    ran.exits(*FINE).says("revision")


@case("B10 gate-shallow", "Shallow clones, monorepos, hooks that fail in a fresh tree, and a base that is behind: wrong advice or a wrong judgement.")
def shapes_of_repositories(field: Field) -> None:
    """Each is judged, or refused with what helps; a base behind the branch is named before it is measured."""
    origin = Repository(field, "origin", build=STOPS)
    field.run("git", "clone", "-q", "--depth", "1", f"file://{origin.dir}", field.dir / "shallow").exits(0)
    Repository(field, "shallow", history=origin.dir).gate().exits(2).says("fetch-depth: 0|--unshallow")
    inner = Repository(field, "mono", build='build = ["sh", "build.sh"]\n', below="services/api")
    (inner.service / "build.sh").write_text("echo built in $(pwd); exit 7\n")
    inner.commit("three")
    inner.commit("four")
    inner.gate().exits(5).says("root|built in .*services/api")
    hooked = Repository(field, "hooked", build=STOPS)
    hook = hooked.dir / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    hooked.gate().exits(5).says("the base could not be built")
    stale = Repository(field, "stale", build=STOPS)
    old = stale.git("rev-parse", "HEAD")
    stale.git("checkout", "-q", "-b", "feature")
    stale.commit("feature")
    stale.git("checkout", "-q", "main")
    stale.commit("three")
    stale.git("checkout", "-q", "--detach", "main")
    stale.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
    stale.gate(f"--base-rev {old}").exits(5).says("HEAD is a merge into a branch that is 1 commit further", r"HEAD\^1")


@case("B18 some-fail", "A commit that answers 4.8 % of all requests with 500 passes the gate; the word \"fail\" does not occur.")
def a_commit_that_fails_requests(field: Field) -> None:
    """The gate fails with the share of failed requests, before any time; a run beside a good target says it first."""
    repository = Repository(field)
    args = '"--port", "{port}"]'
    manifest = (repository.service / "mine.toml").read_text().replace(args, '"--port", "{port}", "--fail-every", "21"]')
    (repository.service / "mine.toml").write_text(manifest)
    repository.commit("three")
    summary, output = field.dir / "summary.md", field.dir / "output"
    ran = repository.gate("--base-rev HEAD~2", env={"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}).exits(99, 3)
    if ran.code == 99:
        ran.says(r"fail", r"[3-6]\.\d+ %")
    # What the comment of a pull request is made of.
    expect(summary.read_text().startswith("### bench gate") and output.read_text() == "changed=true\n", "a step of GitHub's is not answered")
    expect(len(repository.trees()) == 1 and not repository.left(), f"left: {repository.trees()} {repository.left()}")
    good, bad = field.target("good"), field.target("bad", ["--fail-every", "20"])
    compared = field.measure(f"a={good}", f"b={bad}").says(r"fail\w* [^.]*b|b [^.]*fail")
    first = compared.out.lower().find("fail")
    expect(0 <= first < compared.out.find("hroughput"), f"the failures come after the times: {compared.out[:300]!r}")


@case("C15 dirty", "A --base-dir with changes of its own is judged as the revision that it is not.")
def a_dirty_base(field: Field) -> None:
    """It is refused with the names of what changed; a head with changes is called dirty."""
    repository = Repository(field, build=STOPS)
    place = field.dir / "kept base"
    more = ("gate", "--base-rev", "HEAD", "--base-dir", place)
    field.bench(*more, cwd=repository.dir).exits(5)
    (place / "built").write_text("")
    field.bench(*more, cwd=repository.dir).exits(5)
    (place / "target.py").write_text("changed\n")
    field.bench(*more, cwd=repository.dir).exits(2).says("has changes of its own", "target.py")
    repository.git("worktree", "remove", "--force", str(place))


@case("F1 baseline-as-documented", "`--baseline` never matches runs that were made as docs/ci.md says, and passes for ever.")
def runs_as_documented_are_a_baseline(field: Field) -> None:
    """After five runs with --history the head is compared with them, in each metric."""
    repository = Repository(field)
    line = f"run --scenario small.toml --target ./mine.toml --history history.ndjson {SHORT} --rounds 1 --out run"
    field.bench(*line.split(), cwd=repository.dir).exits(*FINE)
    history = repository.dir / "history.ndjson"
    # Four more of the kind: a busy machine's may be invalid, which is not what this is about.
    history.write_text(history.read_text().replace('"valid":false', '"valid":true') * 5)
    judged = repository.gate("--baseline history.ndjson --json").exits(0, 3, 99).json
    metrics = judged["scenarios"][0]["measurements"][0]["metrics"]
    compared = {metric["comparison"]["metric"] for metric in metrics}
    expect({"response_time_ns_p50", "throughput_per_s"} <= compared, f"compared: {sorted(compared)}")


@case("F3 worktree-prune", "A linked tree whose disk is not there for the moment loses its registration and its index.")
def a_tree_whose_disk_is_away(field: Field) -> None:
    """Only entries of the gate's own are removed."""
    repository = Repository(field, build=STOPS)
    tree, away = field.dir / "tree", field.dir / "away"
    repository.git("worktree", "add", "-q", "-b", "other", str(tree))
    tree.rename(away)
    repository.gate().exits(5)
    away.rename(tree)
    expect(repository.git("status", "--short", cwd=tree) == "", "the tree is not what it was")


@case("X4 second-interrupt-of-a-gate", "A second Ctrl-C in a gate leaves its tree, the tree's registration and a draft behind.")
def interrupts_of_a_gate(field: Field) -> None:
    """One or two interrupts, or a kill and the next gate, leave nothing."""
    slow = 'build = ["sh", "-c", "touch started; trap \'\' INT TERM; sleep 100"]\n'
    repository = Repository(field, build=slow)
    temporary = field.dir / "tmp"
    temporary.mkdir()
    for signals in ([signal.SIGINT], [signal.SIGINT, signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGKILL]):
        command = [field.bench_path, "gate", "--base-rev", "HEAD~1"]
        with field.started(*command, cwd=repository.dir, env={"TMPDIR": str(temporary)}) as gate:
            until("the build", lambda: list(temporary.glob("*/base/started")))
            for number in signals:
                try:
                    gate.signal(number)
                except ProcessLookupError:
                    pass
                time.sleep(0.05)
            ended = gate.finish()
        if signals == [signal.SIGKILL]:
            (repository.service / "bench.toml").write_text((repository.service / "bench.toml").read_text().replace(slow, STOPS))
            repository.gate().exits(5)
        else:
            ended.exits(130)
        until("the end of the build", lambda: not field.left())
        expect(len(repository.trees()) == 1, f"{signals}: trees {repository.trees()}")
        expect(not repository.left(), f"{signals}: left {repository.left()}")


@case("R3 bisect", "Which commit made it worse is looked for by hand, with measurements of other times, and anew after each interruption.")
def the_commit_is_found(field: Field) -> None:
    """Each commit is measured beside the good one, a search that was killed goes on where it was, and the first commit that is worse is named."""
    repository = Repository(field)
    good = repository.git("rev-parse", "HEAD")
    manifest = repository.service / "mine.toml"
    manifest.write_text(manifest.read_text().replace('"{port}"]', '"{port}", "--fail-every", "21"]'))
    repository.commit("the one that fails")
    repository.change("target.py", "\n# another comment\n")
    repository.commit("the last")
    before = repository.git("status", "--short"), repository.git("for-each-ref")
    kept = field.dir / "search"
    temporary = field.dir / "tmp"
    temporary.mkdir()
    env = {"TMPDIR": str(temporary)}
    with field.started(field.bench_path, "bisect", good, "--out", kept, cwd=repository.service, env=env) as search:
        until("the first step", lambda: (kept / "bisection.json").exists() and json.loads((kept / "bisection.json").read_text())["steps"])
        search.signal(signal.SIGKILL)
        search.finish()
    until("the end of what was started", lambda: not field.left())
    ran = field.bench("bisect", good, "--resume", kept, "--json", cwd=repository.service, env=env).exits(0, 4)
    if ran.code == 0:
        found, steps = ran.json["found"], ran.json["steps"]
        expect(len(found) == 1 and "the one that fails" in found[0]["title"], f"it found {found}")
        expect([step["answer"] for step in steps] == ["changed", "changed"], f"the steps are {steps}")
        expect("fail" in steps[-1]["why"], f"it says {steps[-1]['why']!r}")
    field.bench("bisect", "HEAD", "--out", "other", cwd=repository.service).exits(2).says("no commit that HEAD lacks")
    after = repository.git("status", "--short"), repository.git("for-each-ref")
    expect(after == before, f"the repository was {before} and is {after}")
    expect(len(repository.trees()) == 1 and not repository.left(), f"left: {repository.trees()} {repository.left()}")
