"""`qmfagent closure` and `qmfagent plan` on CIB files: what they print, and how they end."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from jsonschema import Draft202012Validator
from lxml import etree

from qmfagent.__main__ import main
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from tests.cib.helpers import cib_text, dummy, ticket
from tests.cib.ticket_rules import attributes, expression, rule

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "cib" / "data"
SOURCE, TARGET, SITE = DATA / "source.xml", DATA / "target.xml", DATA / "site-b.toml"
PLAN_SCHEMA = Draft202012Validator(json.loads((ROOT / "schemas" / "plan.schema.json").read_text()))

CLOSURE = ("closure", "ticket-db", "--cib", SOURCE)
PLAN = ("plan", "ticket-db", "--source", SOURCE, "--target", TARGET)


class Outcome(NamedTuple):
    """How a command ended: its exit status and what it wrote."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def qmfagent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: qmfagent("closure", "T", ...)."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["qmfagent", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def cibadmin(pacemaker_tools: None, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs cibadmin on a copy of the target, tmp_path/target.xml."""
    (tmp_path / "target.xml").write_bytes(TARGET.read_bytes())
    environment = {**os.environ, "CIB_file": str(tmp_path / "target.xml")}

    def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["cibadmin", *arguments], input=text, env=environment, capture_output=True, text=True, timeout=60
        )

    return run


class TestClosure:
    def test_ticket_rules_that_are_not_right_are_told(self, qmfagent: Command, tmp_path: Path) -> None:
        wrong = attributes("s", rule("r", expression("e", "eq", "granted", "T")))
        (tmp_path / "cib.xml").write_bytes(cib_text(dummy("a", wrong), ticket("c", "a")))
        done = qmfagent("closure", "T", "--cib", tmp_path / "cib.xml")
        assert done.status == 0
        assert done.err.startswith(
            "warning: the rule of instance_attributes 's' in a does not do at the holder what it says"
        )
        assert "#ticket-T" in done.out

    def test_prints_a_cib_with_nothing_else_in_it(self, qmfagent: Command) -> None:
        done = qmfagent(*CLOSURE)
        assert done.status == 0
        printed = Snapshot.parse(done.out.encode())
        assert closure(printed, "ticket-db").digest == closure(Snapshot.parse(SOURCE.read_bytes()), "ticket-db").digest
        assert set(printed.members) == set(closure(printed, "ticket-db").lines)
        assert printed.validate_with == "pacemaker-3.9"
        assert done.out.endswith("</cib>\n")

    def test_holds_what_the_ticket_needs_and_none_of_the_sites_own(self, qmfagent: Command) -> None:
        done = qmfagent(*CLOSURE)
        assert set(Snapshot.parse(done.out.encode()).members) == {
            "db-clone", "db-vip", "db-with-ticket", "db-vip-with-ticket", "db-vip-with-primary", "db-promote-before-vip",
            "db-off-maintenance", "db-vip-reachable", "database",
        }  # fmt: skip
        assert "not-to-be-replicated" not in done.out
        assert "backup" not in done.out

    def test_tells_of_boundaries_beside_the_document(self, qmfagent: Command) -> None:
        assert qmfagent(*CLOSURE).err.splitlines() == [
            "note: order db-before-web ties db-vip to web, which stays here",
            "note: tag customer-facing ties db-vip to web, which stays here",
        ]

    def test_prints_ids_sorted_one_a_line(self, qmfagent: Command) -> None:
        done = qmfagent(*CLOSURE, "--ids")
        assert done.status == 0
        assert done.out == "".join(
            f"{i}\n" for i in sorted(closure(Snapshot.parse(SOURCE.read_bytes()), "ticket-db").ids)
        )
        assert {"db-clone", "db", "db-monitor", "database"} < set(done.out.split())

    @pytest.mark.pacemaker
    @pytest.mark.parametrize("ticket", ["ticket-db", "ticket-web", "ticket-report"])
    def test_crm_verify_is_content_with_it(
        self, qmfagent: Command, pacemaker_tools: None, tmp_path: Path, ticket: str
    ) -> None:
        text = qmfagent("closure", ticket, "--cib", SOURCE).out
        stonith = (
            '<cluster_property_set id="o"><nvpair id="n" name="stonith-enabled" value="false"/></cluster_property_set>'
        )
        (tmp_path / "closure.xml").write_text(text.replace("<crm_config/>", f"<crm_config>{stonith}</crm_config>"))
        verified = subprocess.run(
            ["crm_verify", "--xml-file", str(tmp_path / "closure.xml"), "-V"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (verified.returncode, verified.stderr) == (0, "")


class TestPlan:
    def test_says_what_would_change(self, qmfagent: Command) -> None:
        done = qmfagent(*PLAN)
        assert done.status == 2
        assert f"at {TARGET} (CIB 0.97.23)" in done.out
        assert "+ create clone db-clone\n" in done.out
        assert "left out at the holder: order db-before-web" in done.out

    def test_ends_with_0_where_there_is_nothing_to_do(self, qmfagent: Command, tmp_path: Path) -> None:
        plan = make_plan(Snapshot.parse(TARGET.read_bytes()), closure(Snapshot.parse(SOURCE.read_bytes()), "ticket-db"))
        (tmp_path / "done.xml").write_bytes(_applied(TARGET.read_bytes(), plan.patchset))
        done = qmfagent("plan", "ticket-db", "--source", SOURCE, "--target", tmp_path / "done.xml")
        assert done.status == 0
        assert f"ticket ticket-db: nothing to do at {tmp_path}/done.xml\n" in done.out

    def test_puts_the_sites_own_values_in(self, qmfagent: Command) -> None:
        done = qmfagent(*PLAN, "--site", SITE)
        assert done.status == 2
        assert re.search(r"override '10\.2\.0\.20' \(line \d+ of the site file\) in 2 places:", done.out)
        assert 'value="10.2.0.20"' in done.out
        assert 'name="master_ip" value="10.1.0.20"' not in done.out

    def test_warns_of_overrides_that_touch_nothing(self, qmfagent: Command) -> None:
        assert (
            "warning: the override at line 17 of the site file touches nothing" in qmfagent(*PLAN, "--site", SITE).err
        )

    def test_adopts_when_asked_to(self, qmfagent: Command, tmp_path: Path) -> None:
        local = tmp_path / "target.xml"
        local.write_text(
            SOURCE.read_text().replace("10.1.0.20", "10.2.0.20").replace('granted="true"', 'granted="false"')
        )
        arguments = ("plan", "ticket-db", "--source", SOURCE, "--target", local)
        refused = qmfagent(*arguments)
        assert refused.status == 1
        assert "'--adopt' takes it over" in refused.err
        taken = qmfagent(*arguments, "--adopt")
        assert taken.status == 2
        assert taken.err == ""

    def test_a_clash_ends_with_1_and_names_both(self, qmfagent: Command, tmp_path: Path) -> None:
        clash = _clashing(tmp_path)
        done = qmfagent("plan", "ticket-db", "--source", SOURCE, "--target", clash)
        assert done.status == 1
        assert "the publication's primitive 'db-vip' clashes with the local clone 'db-vip' of the same id" in done.err


class TestHtml:
    def test_is_a_fragment_that_says_the_same(self, qmfagent: Command) -> None:
        done = qmfagent(*PLAN, "--html", "--site", SITE)
        assert (done.status, done.err) == (2, "")
        root = etree.fromstring(done.out)
        assert root.get("class") == "plan"
        assert root.findtext("h2") == qmfagent(*PLAN, "--site", SITE).out.splitlines()[0]
        assert len(root.findall("section[@class='override-diff']/details/ol/li")) > 1


class TestJson:
    def test_is_the_plan_as_the_schema_has_it(self, qmfagent: Command) -> None:
        done = qmfagent(*PLAN, "--json", "--site", SITE)
        assert (done.status, done.err) == (2, "")
        plan = json.loads(done.out)
        PLAN_SCHEMA.validate(plan)
        assert plan["token"]
        assert {c["operation"] for c in plan["changes"]} == {"create"}
        touched = [place for use in plan["overrides"] for place in use["places"]]
        assert sorted(c["path"] for c in plan["override_changes"]) == sorted(p.partition("/@")[0] for p in touched)

    def test_with_a_clash_is_valid_too_and_has_no_token(self, qmfagent: Command, tmp_path: Path) -> None:
        done = qmfagent("plan", "ticket-db", "--source", SOURCE, "--target", _clashing(tmp_path), "--json")
        assert done.status == 1
        plan = json.loads(done.out)
        PLAN_SCHEMA.validate(plan)
        assert plan["token"] == ""


class TestPatch:
    @pytest.mark.pacemaker
    @pytest.mark.parametrize("ticket", ["ticket-db", "ticket-web", "ticket-report"])
    def test_is_what_cibadmin_takes(
        self, qmfagent: Command, cibadmin: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, ticket: str
    ) -> None:
        arguments = ("plan", ticket, "--source", SOURCE, "--target", tmp_path / "target.xml", "--site", SITE)
        done = qmfagent(*arguments, "--patch")
        assert done.status == 2
        patched = cibadmin("--patch", "--xml-pipe", text=done.out)
        assert patched.returncode == 0, patched.stderr
        assert qmfagent(*arguments).status == 0
        assert qmfagent(*arguments, "--patch").out == ""

    @pytest.mark.pacemaker
    def test_is_refused_after_a_change_of_the_configuration(
        self, qmfagent: Command, cibadmin: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
    ) -> None:
        text = qmfagent(*PLAN, "--patch").out
        changed = cibadmin("--modify", "--xml-text", '<nvpair id="files-vip-ip" name="ip" value="10.2.0.41"/>')
        assert changed.returncode == 0, changed.stderr
        before = (tmp_path / "target.xml").read_bytes()
        assert cibadmin("--patch", "--xml-pipe", text=text).returncode != 0
        assert (tmp_path / "target.xml").read_bytes() == before

    @pytest.mark.pacemaker
    def test_is_accepted_after_a_change_of_the_status_alone(
        self, qmfagent: Command, cibadmin: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
    ) -> None:
        text = qmfagent(*PLAN, "--patch").out
        changed = cibadmin(
            "--modify", "--scope", "status", "--xml-text", '<status><node_state id="1" crmd="offline"/></status>'
        )
        assert changed.returncode == 0, changed.stderr
        before = Snapshot.parse((tmp_path / "target.xml").read_bytes()).version
        assert before.num_updates > 23
        patched = cibadmin("--patch", "--xml-pipe", text=text)
        assert patched.returncode == 0, patched.stderr
        assert "db-clone" in Snapshot.parse((tmp_path / "target.xml").read_bytes()).members

    def test_with_a_clash_there_is_none(self, qmfagent: Command, tmp_path: Path) -> None:
        done = qmfagent("plan", "ticket-db", "--source", SOURCE, "--target", _clashing(tmp_path), "--patch")
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith("error: ")

    @pytest.mark.parametrize("other", ["--json", "--html"])
    def test_excludes_the_others(self, qmfagent: Command, other: str) -> None:
        done = qmfagent(*PLAN, "--patch", other)
        assert (done.status, done.out) == (1, "")
        assert "exclude each other" in done.err


class TestBadInput:
    """One line on standard error that names the culprit, nothing on standard output, exit status 1."""

    @pytest.mark.parametrize("command", ["closure", "plan"])
    def test_an_unknown_ticket(self, qmfagent: Command, command: str) -> None:
        rest = ("--cib", SOURCE) if command == "closure" else ("--source", SOURCE, "--target", TARGET)
        self._fails(
            qmfagent(command, "nope", *rest), "'nope'; tickets named here: ticket-db, ticket-report, ticket-web"
        )

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "No such file or directory; check its name and permissions"),
            (b"", "is not well-formed XML"),
            (b"<cib>\n<configuration>\n</cib>", "is not well-formed XML: line 3"),
            (b"<html/>", "is a <html> document, not a <cib>"),
            (
                b'<!DOCTYPE x [<!ENTITY e SYSTEM "/etc/passwd">]><cib><configuration/></cib>',
                "document type declaration",
            ),
        ],
        ids=["missing", "empty", "malformed", "something else", "hostile"],
    )
    @pytest.mark.parametrize("option", ["--cib", "--source", "--target"])
    def test_a_cib_file(
        self, qmfagent: Command, tmp_path: Path, option: str, content: bytes | None, words: str
    ) -> None:
        path = tmp_path / "bad.xml"
        if content is not None:
            path.write_bytes(content)
        files = {"--source": SOURCE, "--target": TARGET} if option != "--cib" else {}
        files[option] = path
        arguments = [str(part) for pair in files.items() for part in pair]
        done = qmfagent("closure" if option == "--cib" else "plan", "ticket-db", *arguments)
        self._fails(done, words)
        assert str(path) in done.err

    def test_a_directory(self, qmfagent: Command, tmp_path: Path) -> None:
        self._fails(qmfagent("closure", "ticket-db", "--cib", tmp_path), f"{tmp_path}: Is a directory")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "No such file or directory"),
            (b'[[override]]\nselect = "x"\nvalue = 1\n', "site.toml, line 3: 'value' must be a string"),
            (b'xslt = ["gone.xsl"]\n', "gone.xsl: No such file or directory"),
        ],
        ids=["missing", "wrong", "missing step"],
    )
    def test_a_site_file(self, qmfagent: Command, tmp_path: Path, content: bytes | None, words: str) -> None:
        if content is not None:
            (tmp_path / "site.toml").write_bytes(content)
        self._fails(qmfagent(*PLAN, "--site", tmp_path / "site.toml"), words)

    def test_a_missing_option(self, qmfagent: Command) -> None:
        done = qmfagent("closure", "ticket-db")
        assert (done.status, done.out) == (1, "")
        assert "Missing option '--cib'" in done.err

    def _fails(self, done: Outcome, words: str) -> None:
        assert (done.status, done.out) == (1, "")
        assert words in done.err
        assert done.err.startswith("qmfagent: ")
        assert len(done.err.splitlines()) == 1


class TestColours:
    COMMAND = (sys.executable, "-m", "qmfagent", *map(str, PLAN))

    def test_none_when_piped(self) -> None:
        done = subprocess.run(self.COMMAND, capture_output=True, timeout=60)
        assert done.returncode == 2
        assert b"+ create clone db-clone" in done.stdout
        assert b"\x1b" not in done.stdout

    def test_on_a_terminal(self) -> None:
        ours, theirs = pty.openpty()
        with subprocess.Popen(self.COMMAND, stdout=theirs, env={**os.environ, "TERM": "xterm"}) as process:
            os.close(theirs)
            written = b""
            while chunk := _read(ours):
                written += chunk
        os.close(ours)
        assert process.returncode == 2
        assert b"\x1b[32m+ create clone db-clone" in written


@pytest.mark.parametrize("command", [CLOSURE, PLAN], ids=["closure", "plan"])
def test_a_reader_that_went_away_ends_it_without_a_traceback(command: tuple[object, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "qmfagent", *map(str, command)], stdout=writer, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writer)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def _read(terminal: int) -> bytes:
    """The next bytes of a terminal; none where the other side is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def _applied(cib: bytes, patchset: bytes) -> bytes:
    """A CIB document after a patchset."""
    return etree.tostring(Snapshot.parse(cib).advance(etree.fromstring(patchset)).to_element())


def _clashing(folder: Path) -> Path:
    """A copy of the target with a clone of its own that is called db-vip."""
    path = folder / "clash.xml"
    path.write_text(TARGET.read_text().replace('"ping-clone"', '"db-vip"'))
    return path
