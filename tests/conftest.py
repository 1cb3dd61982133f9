"""What all tests share: golden files, rewritten by `--update-cases`, how many examples Hypothesis tries, databases.

Databases of PostgreSQL are made on the server that RATEBOOK_TEST_POSTGRESQL names, or on one of the tests' own: it
lives in a temporary folder, listens to nothing but a socket there, and ends with the tests.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

# No deadline: machines are shared, and a law does not fail because one of them was slow.
settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True)
settings.register_profile("dev", deadline=None)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="rewrite golden files to what the code gives now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(text, "name.txt")` compares with `golden/name.txt` beside the test, or writes it."""

    def compare(text: str, name: str) -> None:
        path = Path(request.path).parent / "golden" / name
        if request.config.getoption("--update-cases"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; make it with --update-cases"
        assert text == path.read_text(encoding="utf-8")

    return compare


DATABASES = ("sqlite", "postgresql")
_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a server on which databases may be made, with `{name}` for the database."""
    given = os.environ.get("RATEBOOK_TEST_POSTGRESQL")
    if given:
        yield urlsplit(given)._replace(path="/{name}").geturl()
        return
    programs = postgresql_programs()
    # A short folder, for the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ratebook-pg-", dir="/tmp"))
    user = server_user()
    shutil.chown(folder, user)
    data, log = folder / "data", folder / "log"
    options = f"-c listen_addresses= -k {folder} -c fsync=off -c full_page_writes=off -c max_connections=60"

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, *arguments], user=user, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        run("initdb", "-D", str(data), "-U", "ratebook", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-t", "60", "-o", options, "start")
        try:
            yield f"postgresql://ratebook@/{{name}}?host={folder}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def postgresql_programs() -> Path:
    """The folder of PostgreSQL's programs, the newest where there are several."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")]))
    if found is None:
        pytest.fail(
            "the tests of the ledger need PostgreSQL: apt-get install postgresql, or the address of a server in "
            "RATEBOOK_TEST_POSTGRESQL, as postgresql://user@host"
        )
    return Path(found).parent


def server_user() -> str | None:
    """As whom the server runs: it refuses to run as root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def on_server(url: str, statement: str) -> None:
    """Run a statement outside a transaction."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def emptied(url: str) -> None:
    """Bring a database back to its beginning; much faster than to make one."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            b"WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tables = connection.execute(b"SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        emptying = [f"DELETE FROM {name}" for (name,) in tables if name not in ("schema_versions", "log_head")]
        head = "UPDATE log_head SET size = 0, frontier = decode('0000000000000000', 'hex')"
        # As a replica applies changes: without the triggers that keep tables from shrinking.
        connection.execute("; ".join(["SET session_replication_role = replica", *emptying, head]).encode())


@pytest.fixture(scope="session")
def idle_databases(postgresql_server: str) -> Iterator[list[str]]:
    """Databases that tests have done with."""
    idle: list[str] = []
    yield idle
    for name in idle:
        on_server(postgresql_server.format(name="postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def new_postgresql(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Makes databases on PostgreSQL with the present schema, and gives their addresses."""
    used: list[str] = []

    def make() -> str:
        from ratebook.ledger.store import open_store

        server: str = request.getfixturevalue("postgresql_server")
        idle: list[str] = request.getfixturevalue("idle_databases")
        name = idle.pop() if idle else f"ratebook_test_{os.getpid()}_{next(_numbers)}"
        url = server.format(name=name)
        used.append(name)
        open_store(url, create=True).close()
        emptied(url)
        return url

    yield make
    if used:
        request.getfixturevalue("idle_databases").extend(used)


@pytest.fixture
def recycled_postgresql(new_postgresql: Callable[[], str]) -> Callable[[], str]:
    """Gives one database again and again, each time emptied, for tests that want thousands one after the other."""
    url = new_postgresql()

    def again() -> str:
        emptied(url)
        return url

    return again


@pytest.fixture
def new_sqlite() -> Iterator[Callable[[], str]]:
    """The same for SQLite: files in memory where the system has such a folder, for no test here is about disks."""
    folder = Path(tempfile.mkdtemp(prefix="ratebook-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))

    def make() -> str:
        from ratebook.ledger.store import open_store

        path = folder / f"ledger-{next(_numbers)}.db"
        open_store(str(path), create=True).close()
        return str(path)

    yield make
    shutil.rmtree(folder)


@pytest.fixture(params=DATABASES)
def database_url(
    request: pytest.FixtureRequest, new_sqlite: Callable[[], str], new_postgresql: Callable[[], str]
) -> str:
    """The address of a new database with the present schema, on SQLite and on PostgreSQL."""
    return new_sqlite() if request.param == "sqlite" else new_postgresql()
