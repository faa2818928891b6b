"""`bench gate` in repositories of many shapes: each is as it was afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from case import case
from field import Field, Wrong, expect
from repositories import Repository

# The base can be built, the head can't: a gate that says so has had both trees, each with its own files, and measures nothing.
BASE_BUILDS = "cd $(dirname $0); grep -q 'a comment' target.py && exit 8\nexit 0\n"
HEAD_STOPS = "cd $(dirname $0); grep -q 'a comment' target.py || exit 8\nexit 7\n"
ENDED = (r"head could not be built", r"exit code 7")

# Makes something of a repository; gives where the gate is run and against what, where that is not the service and HEAD~1.
Shape = Callable[[Repository], "tuple[Path, str] | None"]
SHAPES: dict[str, Shape] = {}


def shape(make: Shape) -> Shape:
    """Adds a shape; its docstring names it."""
    SHAPES[(make.__doc__ or "").strip().removesuffix(".")] = make
    return make


@case("R1 repository-shapes", "A gate works in its author's repository, and breaks in one with submodules, hooks, sparse files or a shallow history.")
def repositories_of_many_shapes(field: Field) -> None:
    """In each of 24 shapes the gate builds the base and the head from their own files, and leaves index, files, branches and settings as they were."""
    wrong = [f"{name}: {reason}" for name, reason in tried(field)]
    expect(not wrong, "; ".join(wrong))
    expect(len(SHAPES) == 24, f"there are {len(SHAPES)} shapes")


def tried(field: Field) -> Iterator[tuple[str, str]]:
    """What is wrong in which shape."""
    for number, (name, make) in enumerate(SHAPES.items()):
        try:
            repository = two_commits(field, f"shape-{number}")
            place, base = make(repository) or (repository.service, "HEAD~1")
            before = state(repository, place)
            repository.gate(f"--base-rev {base}", cwd=place).exits(5).says(*ENDED)
            after = state(repository, place)
            changed = [what for what in before if before[what] != after[what]]
            expect(not changed, f"changed: {[(before[what], after[what]) for what in changed]}")
            expect(not repository.left(), f"left {repository.left()}")
        except Wrong as wrong:
            yield name, str(wrong)


def two_commits(field: Field, name: str, below: str = ".") -> Repository:
    """A base that can be built and a head that can't."""
    repository = Repository(field, name, build=f'build = ["sh", "{below}/build.sh"]\n', below=below)
    target = repository.service / "target.py"
    target.write_text(target.read_text().replace("\n# a comment\n", ""))
    (repository.service / "build.sh").write_text(BASE_BUILDS)
    repository.commit("base")
    repository.change("target.py", "\n# a comment\n")
    (repository.service / "build.sh").write_text(HEAD_STOPS)
    repository.commit("head")
    return repository


def state(repository: Repository, place: Path) -> dict[str, str]:
    """Everything of a user's that a gate could change."""
    asked = {
        "status": "status --porcelain=v2 --branch --ignored",
        "index": "ls-files --stage --debug",
        "difference": "diff HEAD",
        "references": "for-each-ref",
        "trees": "worktree list --porcelain",
        "stash": "stash list",
        "settings": "config --local --list",
    }
    return {what: repository.git(*line.split(), cwd=place) for what, line in asked.items()}


@shape
def plain(repository: Repository) -> None:
    """Nothing special."""


@shape
def staged(repository: Repository) -> None:
    """Staged changes, a deleted file and an unstaged one."""
    (repository.dir / "new.txt").write_text("staged\n")
    repository.git("add", "new.txt")
    repository.change("mine.toml", "# changed\n")


@shape
def untracked(repository: Repository) -> None:
    """Untracked and ignored files."""
    (repository.dir / ".gitignore").write_text("node_modules/\n")
    repository.git("add", ".gitignore")
    repository.git("commit", "-q", "--amend", "--no-edit")
    (repository.dir / "node_modules").mkdir()
    (repository.dir / "node_modules/kept.js").write_text("kept\n")
    (repository.dir / "notes.txt").write_text("mine\n")


@shape
def stashed(repository: Repository) -> None:
    """A stash."""
    repository.change("mine.toml", "# later\n")
    repository.git("stash", "--quiet")


@shape
def detached(repository: Repository) -> None:
    """A detached HEAD."""
    repository.git("checkout", "-q", "--detach")


@shape
def linked_tree(repository: Repository) -> tuple[Path, str]:
    """A linked tree."""
    linked = repository.dir.with_name(f"{repository.dir.name}-linked")
    repository.git("worktree", "add", "-q", "-b", "linked", str(linked))
    return linked, "HEAD~1"


@shape
def bare(repository: Repository) -> tuple[Path, str]:
    """A bare repository with one tree."""
    return worktree_of(repository, "--bare")


@shape
def mirrored(repository: Repository) -> tuple[Path, str]:
    """A mirror with one tree."""
    return worktree_of(repository, "--mirror")


def worktree_of(repository: Repository, how: str) -> tuple[Path, str]:
    """A tree of a clone that has none of its own."""
    clone, tree = (repository.dir.with_name(f"{repository.dir.name}-{part}") for part in ("clone", "tree"))
    repository.git("clone", "-q", how, str(repository.dir), str(clone))
    repository.git("worktree", "add", "-q", "-b", "work", str(tree), "main", cwd=clone)
    return tree, "HEAD~1"


@shape
def separate(repository: Repository) -> None:
    """A .git that is a file."""
    repository.git("init", "-q", "--separate-git-dir", str(repository.dir.with_name(f"{repository.dir.name}-git")))


@shape
def submodule(repository: Repository) -> tuple[Path, str]:
    """Submodules within a submodule."""
    field, name = repository.field, repository.dir.name
    inner, outer = (Repository(field, f"{name}-{part}") for part in ("inner", "outer"))
    outer.git("submodule", "--quiet", "add", str(inner.dir), "inner")
    outer.commit("inner")
    repository.git("checkout", "-q", "HEAD~1")
    repository.git("submodule", "--quiet", "add", str(outer.dir), "outer")
    repository.git("submodule", "--quiet", "update", "--init", "--recursive")
    repository.commit("outer")
    repository.git("cherry-pick", "main")
    return repository.dir, "HEAD~1"


@shape
def monorepo(repository: Repository) -> tuple[Path, str]:
    """A service in a directory of a monorepo."""
    inner = two_commits(repository.field, f"{repository.dir.name}-mono", below="services/api")
    return inner.service, "HEAD~1"


@shape
def large_files(repository: Repository) -> None:
    """Pointers of Git LFS, without Git LFS."""
    (repository.dir / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repository.dir / "data.bin").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n")
    amended(repository)


@shape
def links(repository: Repository) -> None:
    """Symbolic links, one to nowhere and one to a directory."""
    (repository.dir / "nowhere").symlink_to("missing")
    (repository.dir / "around").symlink_to(".")
    amended(repository)


@shape
def names(repository: Repository) -> None:
    """File names with spaces, quotes, line breaks and letters beyond ASCII."""
    for name in ("a b", 'quo"te', "line\nbreak", "größe", "-option"):
        (repository.dir / name).write_text("named\n")
    amended(repository)


@shape
def branch_names(repository: Repository) -> None:
    """A branch with slashes, and a tag with the same name."""
    repository.git("checkout", "-q", "-b", "feature/base-#1")
    repository.git("tag", "feature/base-#1", "HEAD~1")


@shape
def failing_hooks(repository: Repository) -> None:
    """Hooks that fail, by core.hooksPath."""
    hooks = repository.dir.with_name(f"{repository.dir.name}-hooks")
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    repository.git("config", "core.hooksPath", str(hooks))


@shape
def shallow(repository: Repository) -> tuple[Path, str]:
    """A shallow clone that has the base."""
    return cloned(repository, "--depth", "2")


@shape
def partial(repository: Repository) -> tuple[Path, str]:
    """A partial clone whose files are fetched when they are needed."""
    repository.git("config", "uploadpack.allowFilter", "true")
    return cloned(repository, "--filter=blob:none")


def cloned(repository: Repository, *how: str) -> tuple[Path, str]:
    """A clone by git's own transport."""
    clone = repository.dir.with_name(f"{repository.dir.name}-clone")
    repository.git("clone", "-q", *how, f"file://{repository.dir}", str(clone))
    return clone, "HEAD~1"


@shape
def sparse(repository: Repository) -> None:
    """A sparse checkout."""
    (repository.dir / "other").mkdir()
    (repository.dir / "other/file.txt").write_text("not here\n")
    amended(repository)
    repository.git("sparse-checkout", "set", "elsewhere")


@shape
def line_ends(repository: Repository) -> None:
    """Line ends that git rewrites."""
    (repository.dir / ".gitattributes").write_text("*.txt text eol=crlf\n")
    (repository.dir / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    amended(repository)


@shape
def sha256(repository: Repository) -> tuple[Path, str]:
    """Objects named by SHA-256."""
    again = repository.dir.with_name(f"{repository.dir.name}-sha256")
    repository.git("init", "-q", "-b", "main", "--object-format=sha256", str(again))
    for revision in ("HEAD~1", "HEAD"):
        repository.git("checkout", "-q", "--detach", revision) if revision == "HEAD~1" else repository.git("checkout", "-q", "main")
        shutil.copytree(repository.dir, again, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
        repository.git("add", "-A", cwd=again)
        repository.git("commit", "-q", "-m", revision, cwd=again)
    return again, "HEAD~1"


@shape
def merged(repository: Repository) -> tuple[Path, str]:
    """A merge as the head, its first parent as the base."""
    repository.git("checkout", "-q", "-b", "feature")
    repository.git("checkout", "-q", "-B", "main", "HEAD~1")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
    return repository.dir, "HEAD^1"


@shape
def tagged(repository: Repository) -> tuple[Path, str]:
    """An annotated tag as the base, references and objects packed."""
    repository.git("tag", "-a", "v1.0", "-m", "one", "HEAD~1")
    repository.git("gc", "--quiet")
    return repository.dir, "v1.0"


@shape
def unrelated(repository: Repository) -> tuple[Path, str]:
    """A base that shares no history with the head."""
    base = repository.git("rev-parse", "HEAD~1^{tree}")
    return repository.dir, repository.git("commit-tree", "-m", "orphan", base)


def amended(repository: Repository) -> None:
    """Adds everything to the head."""
    repository.git("add", "-A")
    repository.git("commit", "-q", "--amend", "--no-edit")
