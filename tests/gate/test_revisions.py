"""Revisions and worktrees, with real git repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.errors import NotComparable, UsageError
from suite.gate.checkouts import Checkouts
from suite.gate.git import GitFailed
from suite.gate.git import git as git_of_the_gate
from suite.gate.revision import NoRepository, Repository
from tests.gate.planting import commit, git, repository


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    folder = repository(tmp_path / "repo")
    commit(folder, {"mine.py": "one", ".gitignore": "ignored.py\n"})
    commit(folder, {"mine.py": "two"})
    return folder


def test_the_working_tree_is_a_revision_with_changes_and_new_files(planted):
    (planted / "mine.py").write_text("three")
    (planted / "new.py").write_text("new")
    (planted / "ignored.py").write_text("ignored")
    before = git(planted, "status", "--porcelain")
    with Checkouts(Repository(planted)) as checkouts:
        head = checkouts.working_tree()
        assert head.name == "working tree with 2 changed files"
        tree = checkouts.add(head)
        assert (tree / "mine.py").read_text(encoding="utf-8") == "three"
        assert (tree / "new.py").read_text(encoding="utf-8") == "new"
        assert not (tree / "ignored.py").exists()
    assert git(planted, "status", "--porcelain") == before
    assert git(planted, "branch", "--list").split() == ["*", "main"]


def test_a_clean_working_tree_is_its_commit(planted):
    with Checkouts(Repository(planted)) as checkouts:
        assert checkouts.working_tree().commit == git(planted, "rev-parse", "HEAD")


def test_checkouts_have_paths_of_different_lengths_and_are_gone_afterwards(planted):
    repo = Repository(planted)
    with Checkouts(repo) as checkouts:
        base = repo.resolve("HEAD~1", "--base")
        trees = [checkouts.add(base) for _ in range(3)]
        aliases = [checkouts.alias(trees[0]) for _ in range(8)]
        assert [(tree / "mine.py").read_text(encoding="utf-8") for tree in [*trees, *aliases]] == [
            "one"
        ] * 11
        assert len({len(str(path)) for path in aliases}) > 1
        folder = trees[0].parents[1]
    assert not folder.exists()
    assert len(git(planted, "worktree", "list").splitlines()) == 1


def test_checkouts_are_gone_after_an_interruption(planted):
    repo = Repository(planted)
    trees = []

    def interrupted() -> None:
        with Checkouts(repo) as checkouts:
            trees.append(checkouts.add(repo.resolve("HEAD", "--base")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not trees[0].exists()
    assert len(git(planted, "worktree", "list").splitlines()) == 1


def test_a_folder_outside_any_repository_is_refused(tmp_path):
    with pytest.raises(NoRepository, match="not in a git repository"):
        Repository(tmp_path)


def test_an_unknown_revision_is_refused_and_known_ones_are_named(planted):
    with pytest.raises(UsageError, match=r"--base nonsense: no such revision.*there are: main"):
        Repository(planted).resolve("nonsense", "--base")


def test_a_shallow_clone_says_how_to_deepen_it(planted, tmp_path):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", planted.as_uri(), str(clone))
    with pytest.raises(NotComparable, match=r"shallow clone.*fetch-depth: 0"):
        Repository(clone).resolve("HEAD~1", "--base")


def test_a_hooks_environment_does_not_mislead_git(planted, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert Repository(planted).root == planted


def test_messages_name_files_as_the_repository_does(planted):
    repo = Repository(planted)
    with Checkouts(repo) as checkouts:
        tree = checkouts.add(repo.resolve("HEAD", "--base"))
        alias = checkouts.alias(tree)
        assert checkouts.shorten(f"in {tree}/mine.py, {alias}/mine.py") == "in mine.py, mine.py"


# -- other people's repositories -----------------------------------------------------------------


def names_and_sizes(folder: Path) -> dict[str, int]:
    return {str(file): file.stat().st_size for file in folder.rglob("*") if file.is_file()}


def written_out(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Return the working tree's files as a checkout has them, and what was noted."""
    with Checkouts(Repository(folder)) as checkouts:
        tree = checkouts.add(checkouts.working_tree())
        files = {
            str(file.relative_to(tree)): file.read_text(encoding="utf-8")
            for file in tree.rglob("*")
            if file.is_file()
        }
        return files, checkouts.notes


def test_nothing_is_written_into_the_users_repository(planted):
    (planted / "large.bin").write_bytes(bytes(range(256)) * 4096)
    (planted / "mine.py").write_text("three")
    git(planted, "status")
    before = names_and_sizes(planted / ".git")
    with Checkouts(Repository(planted)) as checkouts:
        tree = checkouts.add(checkouts.working_tree())
        assert (tree / "large.bin").stat().st_size == 2**20
    assert names_and_sizes(planted / ".git") == before


def test_much_that_is_not_committed_is_mentioned(planted, monkeypatch):
    monkeypatch.setattr("suite.gate.snapshots.MUCH_BYTES", 2**20)
    (planted / "large.py").write_text("#" * 2**21)
    assert any("2 MiB of uncommitted files" in note for note in written_out(planted)[1])


def test_a_repository_within_the_repository_is_left_out_and_named(planted):
    commit(repository(planted / "vendor" / "theirs"), {"code.py": "theirs"})
    repository(planted / "without_a_commit")
    (planted / "new.py").write_text("new")
    files, notes = written_out(planted)
    assert files.keys() == {".gitignore", "mine.py", "new.py"}
    assert [note.split(" is ")[0] for note in notes] == ["vendor/theirs/", "without_a_commit/"]


def with_submodule(planted: Path, tmp_path: Path) -> Path:
    """Give the repository a submodule `lib`; returns the submodule's folder in it."""
    origin = repository(tmp_path / "origin")
    commit(origin, {"part.py": "committed"})
    allowed = ("-c", "protocol.file.allow=always")
    git(planted, *allowed, "submodule", "--quiet", "add", str(origin), "lib")
    commit(planted, {})
    return planted / "lib"


def test_submodules_are_checked_out_as_the_revision_has_them(planted, tmp_path):
    lib = with_submodule(planted, tmp_path)
    git(lib, "config", "user.name", "Tester")
    git(lib, "config", "user.email", "tester@localhost")
    commit(lib, {"part.py": "later"})
    commit(planted, {})
    repo = Repository(planted)
    with Checkouts(repo) as checkouts:
        old, new = (checkouts.add(repo.resolve(r, "--base")) for r in ("HEAD~1", "HEAD"))
        assert (old / "lib/part.py").read_text(encoding="utf-8") == "committed"
        assert (new / "lib/part.py").read_text(encoding="utf-8") == "later"
        assert checkouts.notes == []


def test_changes_in_a_submodule_belong_to_the_working_tree(planted, tmp_path):
    (with_submodule(planted, tmp_path) / "part.py").write_text("changed")
    files, _ = written_out(planted)
    assert files["lib/part.py"] == "changed"


def test_a_submodule_that_was_never_fetched_is_named_with_its_cure(planted, tmp_path):
    with_submodule(planted, tmp_path)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(planted), str(clone))
    repo = Repository(clone)
    with Checkouts(repo) as checkouts:
        checkouts.add(repo.resolve("HEAD", "--base"))
        (note,) = checkouts.notes
    assert "submodule lib" in note
    assert "git submodule update --init" in note


def test_a_filter_that_is_missing_is_told_with_all_that_git_says(planted):
    commit(planted, {".gitattributes": "*.bin filter=absent\n", "one.bin": "one"})
    git(planted, "config", "filter.absent.required", "true")
    git(planted, "config", "filter.absent.smudge", "no-such-filter-program")
    git(planted, "config", "filter.absent.clean", "no-such-filter-program")
    repo = Repository(planted)
    with (
        Checkouts(repo) as checkouts,
        pytest.raises(UsageError, match=r"(?s)no-such-filter-program.*one\.bin.*smudge filter"),
    ):
        checkouts.add(repo.resolve("HEAD", "--base"))
    (planted / "two.bin").write_text("two")
    with (
        Checkouts(repo) as checkouts,
        pytest.raises(
            UsageError, match=r"(?s)a commit in its place.*no-such-filter-program.*\.bin"
        ),
    ):
        checkouts.working_tree()


def test_files_of_lfs_that_stayed_pointers_are_mentioned(planted):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    commit(planted, {"a.bin": pointer})
    commit(planted, {".gitattributes": "*.bin filter=lfs\n"})
    (planted / "new.py").write_text("new")
    assert any("1 files of Git LFS (a.bin" in note for note in written_out(planted)[1])


def test_files_are_checked_out_as_the_repositorys_own_settings_say(planted):
    git(planted, "config", "core.autocrlf", "true")
    commit(planted, {"lines.py": "one\ntwo\n"})
    repo = Repository(planted)
    with Checkouts(repo) as checkouts:
        tree = checkouts.add(repo.resolve("HEAD", "--base"))
        assert (tree / "lines.py").read_bytes() == b"one\r\ntwo\r\n"


def test_a_part_that_is_on_disk_does_not_narrow_a_revision(planted):
    commit(planted, {"far/away.py": "far", "near/by.py": "near"})
    git(planted, "sparse-checkout", "set", "near")
    (planted / "new.py").write_text("new")
    files, _ = written_out(planted)
    assert files["far/away.py"] == "far"


def test_a_branch_may_have_a_name_like_an_option(planted):
    git(planted, "update-ref", "refs/heads/-lead", "HEAD~1")
    repo = Repository(planted)
    assert repo.resolve("-lead", "--base").commit == git(planted, "rev-parse", "HEAD~1")


@pytest.mark.parametrize("text", ["", "0" * 40, "0" * 64, " "])
def test_a_base_that_ci_left_empty_is_nothing_to_compare_with(planted, text):
    with pytest.raises(NotComparable, match=r"names no commit.*there are: main"):
        Repository(planted).resolve(text, "--base")


def test_a_repository_of_another_owner_is_told_with_gits_own_cure(planted, monkeypatch):
    def refuses(folder, *words, **_):
        raise GitFailed(
            f"fatal: detected dubious ownership in repository at '{folder}'\nTo add an exception "
            f"for this directory, call:\n\n\tgit config --global --add safe.directory {folder}"
        )

    monkeypatch.setattr("suite.gate.revision.git", refuses)
    with pytest.raises(UsageError, match=r"(?s)dubious ownership.*safe\.directory") as refused:
        Repository(planted)
    assert not isinstance(refused.value, NoRepository)


def test_the_whole_of_what_git_says_is_kept(planted):
    with pytest.raises(GitFailed, match=r"(?s)unknown option.*usage: git"):
        git_of_the_gate(planted, "status", "--no-such-option")


def test_a_tree_within_a_linked_worktree_is_read_like_any_other(planted, tmp_path):
    git(planted, "worktree", "add", "--quiet", str(tmp_path / "linked"), "HEAD")
    (tmp_path / "linked" / "mine.py").write_text("linked")
    files, _ = written_out(tmp_path / "linked")
    assert files["mine.py"] == "linked"
