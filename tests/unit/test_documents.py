"""The documents: what they link to, cite, list and show is there, and works."""

import importlib.util
import json
import re
import shlex
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from incm_webhook import Alert, CanonicalError, alert_types, canonical_json
from incm_webhook.cli.names import GroupWithNames
from incm_webhook.cli.program import commands
from incm_webhook.config.loading import load_settings
from incm_webhook.config.reference import tables

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for folder in (
        ROOT,
        DOCS,
        DOCS / "deploy",
        DOCS / "plugins",
        DOCS / "observability",
        ROOT / "plugins",
        ROOT / "bench",
    )
    for path in folder.glob("*.md")
)
CODE = sorted(
    path
    for folder in ("cpp", "python", "plugins")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".h", ".cpp", ".py", ".pyi"}
)
# What names of files begin at, in this order; the short forms are those of docs/architecture.md.
STARTS = (ROOT, ROOT / "cpp" / "incm", ROOT / "python" / "incm_webhook")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:cpp|h|pyi?|md|toml|txt|json|sql))`")
ELSEWHERE = re.compile(
    r"(?:contract|specification|architecture),? (?:section|introduction)"
    r"|(?<!docs/)reliability\.md,? section|promises? P[0-9]"
)


def slug(heading: str) -> str:
    """The anchor that a forge makes of a heading."""
    text = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
    return text.replace(" ", "-")


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def headings(page: Path) -> list[str]:
    return re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE)


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without their heads."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f" {heading}\n")[2]
    text = re.split(r"^#{1,6} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    body = re.sub(r"^\|.*\|\n\|[-| ]+\|$", "", text, flags=re.MULTILINE)
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in body.splitlines()
        if line.startswith("|")
    ]


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for language, code in FENCE.findall(page.read_text(encoding="utf-8")):
            if language in languages:
                yield page.name, code


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def sources(path: Path) -> Iterator[str]:
    """Each `Source:` of a file, on one line, without the marks of comments."""
    for found in re.finditer(r"Source:", path.read_text(encoding="utf-8")):
        text = path.read_text(encoding="utf-8")
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        rest = re.split(r'\n\s*\n|"""|\)"|"[,)]', text[found.end() :], maxsplit=1)[0]
        if mark := re.match(r"\s*(///|//)", line):
            lines = rest.split("\n")
            more = [one for one in lines[1:] if one.lstrip().startswith(mark[1])]
            rest = "\n".join([lines[0], *more[: len(lines) - 1]])
        yield " ".join(re.sub(r"^\s*//+<?", "", rest, flags=re.MULTILINE).split())


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if anchor:
            assert anchor in map(slug, headings(there)), target


def wrong_sources(path: Path) -> Iterator[str]:
    """What a file cites that is not in the repository."""
    text = " ".join(re.sub(r"^\s*//+", "", path.read_text(), flags=re.MULTILINE).split())
    if elsewhere := ELSEWHERE.search(text):
        yield f"{path}: {elsewhere[0]}"
    for page in re.findall(r"docs/([\w-]+\.md)", text):
        if not (DOCS / page).exists():
            yield f"{path}: there is no docs/{page}"
    for source in sources(path):
        for page, heading in re.findall(r"docs/([\w-]+\.md), ([^.;:()]+)", source):
            name = heading.strip()
            if not any(one == name or one.startswith(f"{name}:") for one in headings(DOCS / page)):
                yield f"{path}: docs/{page} has no heading {name!r}"


def test_every_source_is_in_the_repository() -> None:
    assert not [wrong for path in CODE for wrong in wrong_sources(path)]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_file_that_is_named_is_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # it names files as they were
        return
    short = page.name in {"architecture.md", "promises.md"}
    for name in FILE_NAME.findall(prose(page)):
        known = re.match(r"(cpp|python|tests|plugins|docs|bench)/", name)
        if (known or short) and not re.search("NAME|PACKAGE|MODULE", name):
            assert any((start / name).exists() for start in STARTS), name


def test_every_test_of_a_promise_is_there() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", prose(DOCS / "promises.md")):
        assert f"def {name}(" in tests, name


def test_the_readme_is_short_and_names_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    for page in DOCS.glob("*.md"):
        assert f"(docs/{page.name})" in text, page.name


def test_every_decision_is_in_the_index_with_date_and_status() -> None:
    text = (DOCS / "decisions.md").read_text(encoding="utf-8")
    index = re.findall(r"^\| \[(.+)\]\(#.*\) \| ([-0-9]{10}) \| (.+) \|$", text, re.MULTILINE)
    found = re.findall(r"^### (.+)\n\n\*([-0-9]{10}), (.+)\.\*$", text, re.MULTILINE)
    assert found == index
    assert len(re.findall(r"^### ", text, re.MULTILINE)) == len(found) > 50


def test_every_word_is_explained_once() -> None:
    words = [row[0].strip("*") for row in rows("glossary.md", "Glossary")]
    assert len(words) > 50
    assert words == sorted(words)
    assert [word for word, count in Counter(words).items() if count > 1] == []


def test_the_examples_of_the_canonical_text_are_right() -> None:
    page = (DOCS / "canonical-json.md").read_text(encoding="utf-8")
    examples = re.findall(r"^\| `(.*)` \| (?:`(.*)`|no form) \|$", page, re.MULTILINE)
    assert len(examples) > 30
    for body, text in examples:
        try:
            found = canonical_json(body.encode()).decode()
        except CanonicalError:
            found = ""
        try:
            parsed = json.dumps(json.loads(body), ensure_ascii=False).encode().decode()
        except ValueError:
            parsed = ""
        assert found == parsed == text, body


def test_the_alert_types_of_the_protocol_are_those_of_the_core() -> None:
    listed = []
    for row in rows("protocol.md", "Alert types"):
        name = codes(row[0])[0]
        opposite, family = codes("".join(row[2:])) or (None, name)
        listed.append((name, row[1], opposite, family, row[-1] == "yes"))
    assert listed == [
        (one.name, one.label, one.opposite, one.family, one.clears) for one in alert_types()
    ]


def test_the_attributes_of_the_page_are_those_of_an_alert() -> None:
    listed = [name for row in rows("plugins.md", "What an alert has") for name in codes(row[0])]
    assert sorted(listed) == sorted([*Alert.from_json(b"{}").to_dict(), "raw"])


def test_every_command_is_listed() -> None:
    listed = set()
    for row in rows("commands.md", "Commands"):
        first, *others = (re.sub(r" [A-Z]+$", "", name).split() for name in codes(row[0]))
        listed.add(" ".join(first))
        listed |= {" ".join([*first[:-1], *name] if len(name) == 1 else name) for name in others}
    assert listed == {name for name, _ in every_command(commands)}


def every_command(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, f"{path}{name} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{path}{name}", command


def test_the_help_of_every_command_has_an_example_that_works() -> None:
    found = dict(every_command(commands))
    assert len(found) > 25
    for name, command in found.items():
        example = re.search(r"\n\n *Example: (incm-webhook .+)", command.help or "")
        assert example, name
        words = shlex.split(example[1])
        assert " ".join(words[1 : 1 + len(name.split())]) == name
        if not isinstance(command, click.Group):
            command.make_context(name, words[1 + len(name.split()) :])


def test_the_metrics_and_problems_of_the_page_are_those_of_the_core() -> None:
    sources_of = "".join(path.read_text() for path in (ROOT / "cpp" / "incm").rglob("*.cpp"))
    cells = [row[0] for row in rows("http-api.md", "Metrics")]
    listed = {code.partition("{")[0] for cell in cells for code in codes(cell)}
    names_of = re.findall(r'page\.(?:family|one)\(\s*"(\w+)"', sources_of)
    known = {one if one.startswith("process_") else f"incm_webhook_{one}" for one in names_of}
    assert listed == known
    problems = (ROOT / "cpp" / "incm" / "http" / "problem.cpp").read_text()
    documented = {
        (word, status)
        for cell, status in rows("http-api.md", "Problem documents")
        for word in codes(cell)
    }
    answers = {(word, status) for status, word in re.findall(r'\{(\d+), "([\w-]+)",', problems)}
    # These have more in them, and are written elsewhere.
    elsewhere = {("python-stalled", "503"), ("canary-overdue", "503")}
    elsewhere |= {("missing-token", "401"), ("wrong-token", "401")}
    assert documented - elsewhere == answers


def tool(name: str) -> Any:
    """A module of tools/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_every_key_are_those_of_the_models() -> None:
    """`tools/configuration_page.py` writes them anew."""
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert tool("configuration_page").page_with_tables(page) == page, "run that tool"


def test_the_man_page_is_that_of_the_commands() -> None:
    """`tools/man_page.py` writes it anew."""
    page = (ROOT / "man" / "incm-webhook.1").read_text(encoding="utf-8")
    assert tool("man_page").text() == page, "run that tool"


def test_every_key_has_a_meaning_and_an_example_that_works(tmp_path: Path) -> None:
    for name in ("secret", "new", "old"):
        (tmp_path / name).write_text("secret")
    needed = {"[[endpoint]]": {"secret_file": '"secret"'}, "[[plugin]]": {"use": '"log"'}}
    needed["[[admin_token]]"] = {"name": '"ops"'}
    also = {"proxy_protocol": {"trusted_proxies": '["10.0.0.0/8"]'}}
    tls = {"tls.certificate_file": '"c"', "tls.private_key_file": '"k"'}
    for heading, _, keys in tables():
        for key in keys:
            assert key.meaning, key
            assert not key.meaning.endswith("."), key
            lines = needed.get(heading, {}) | also.get(key.name, {})
            lines |= tls if key.name.startswith("tls.") else {}
            if heading == "[[admin_token]]" and key.name != "file":
                lines["env"] = '"OPS"'
            if key.name in ("secret", "unsigned"):
                lines = {}
            text = "\n".join(
                f"{one} = {value}" for one, value in {**lines, key.name: key.example}.items()
            )
            if key.name == "unsigned":
                text = "unsigned = true"
            (tmp_path / "incm-webhook.toml").write_text(f"{heading}\n{text}\n")
            load_settings(
                {}, {"WEBHOOK_SECRET": "secret"}, tmp_path, endpoints=heading == "[[endpoint]]"
            )


def test_every_flag_of_serve_is_listed() -> None:
    listed = {
        codes(row[0])[0].split()[0] for row in rows("configuration.md", "Where a value comes from")
    }
    options = [one for one in commands.commands["serve"].params if isinstance(one, click.Option)]
    assert listed == {option.opts[0] for option in options}


@pytest.mark.parametrize(("page", "code"), list(blocks("python")))
def test_python_blocks_compile(page: str, code: str) -> None:
    compile(code, page, "exec")


def variants(code: str) -> Iterator[str]:
    """The block as it stands, and with each key that is shown as a comment."""
    yield code
    lines = code.splitlines()
    for line in lines:
        key = re.match(r"# ((\w+) = .*)", line)
        if key:
            others = [one for one in lines if not one.startswith(f"{key[2]} = ")]
            at = others.index(line)
            yield "\n".join([*others[:at], key[1], *others[at + 1 :]])


@pytest.mark.parametrize(("page", "code"), list(blocks("toml")))
def test_toml_blocks_can_be_loaded(page: str, code: str, tmp_path: Path) -> None:
    for text in variants(code):
        tables = tomllib.loads(text)
        if not tables.keys() & {"server", "inbox", "endpoint", "plugin"}:
            continue
        for name in re.findall(r'^secret_file = "(\w[\w-]*)"', text, re.MULTILINE):
            (tmp_path / name).write_text("secret")
        (tmp_path / "incm-webhook.toml").write_text(text)
        load_settings({}, {}, tmp_path, endpoints="endpoint" in tables)


def command_lines() -> Iterator[tuple[str, str]]:
    """What the pages show on a shell's prompt, and in the text as a call of the program."""
    for page, code in blocks("console", "sh", "bash"):
        joined = re.sub(r"\\\n\s*", "", code)
        for line in joined.splitlines():
            if line.startswith("$ "):
                yield page, re.sub(r"<[a-z ]+>", "x", line[2:])
    for path in PAGES:
        if path.name == "CHANGELOG.md":
            continue
        for code in codes(prose(path)):
            first, _, rest = code.partition(" ")
            if first == "incm-webhook" and rest[:1].islower():
                yield path.name, code
            elif first in commands.commands and rest.startswith("--"):
                yield path.name, f"incm-webhook {code}"


@pytest.mark.parametrize(("page", "line"), sorted(set(command_lines())))
def test_commands_and_their_flags_exist(page: str, line: str) -> None:
    subprocess.run(["bash", "-n", "-c", line], check=True)
    dev = (ROOT / "dev").read_text()
    for part in re.split(r"&&|\|\||[|;>]", line):
        words = shlex.split(part, comments=True)
        if words[:1] == ["./dev"]:
            assert f"\n  {words[1]} " in dev, words[1]
        at = next((i for i, word in enumerate(words) if word.endswith("incm-webhook")), None)
        if at is None or words[0] in {"cd", "git", "sudo"}:
            continue
        command: click.Command = commands
        for word in words[at + 1 :]:
            if word == "--":
                break  # what follows are names
            if word.startswith("-"):
                known = {flag for option in command.params for flag in option.opts} | {"--help"}
                assert word.partition("=")[0] in known, f"{page}: {word} of {line}"
            elif isinstance(command, GroupWithNames):
                found = command.get_command(click.Context(command), word)
                assert found is not None
                command = found
            elif isinstance(command, click.Group):
                assert word in command.commands, f"{page}: {word} of {line}"
                command = command.commands[word]
