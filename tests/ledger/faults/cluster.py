"""A PostgreSQL server of the tests' own: made in a temporary folder, on a free port, and crashed on purpose."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

START_SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_connections": "30",
    "min_wal_size": "2MB",
    "max_wal_size": "4MB",  # so that checkpoints are met as well
    "checkpoint_timeout": "30s",
    "log_min_messages": "fatal",
    "recovery_init_sync_method": "syncfs",  # one call, and not one for each of a thousand files; PostgreSQL 14 or newer
}


class NoServerError(Exception):
    """PostgreSQL's programs are not installed here."""


def program(name: str) -> str:
    """The path of a program of PostgreSQL. Raises `NoServerError`."""
    found = shutil.which(name)
    if found is None:
        installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        if not installed:
            raise NoServerError(f"{name} of PostgreSQL is not installed")
        found = str(installed[-1])
    return found


def server_version() -> str:
    """What the server's program says of itself. Raises `NoServerError`."""
    postgres = Path(program("initdb")).resolve().with_name("postgres")
    return subprocess.run([postgres, "--version"], check=True, capture_output=True, text=True).stdout.strip()


class Cluster:
    """The server, with settings above `SETTINGS`. As root it belongs to another user, for PostgreSQL refuses root."""

    def __init__(self, **settings: str) -> None:
        self._settings = {**SETTINGS, **settings}
        initdb = program("initdb")
        self._postgres = str(Path(initdb).resolve().with_name("postgres"))
        # On a disk and not in memory: while a commit waits for it, a crash leaves open whether the commit happened.
        self._folder = Path(tempfile.mkdtemp(prefix="ratebook-cluster-"))
        self._user: int | None = None
        if os.getuid() == 0:
            self._user = pwd.getpwnam("nobody").pw_uid
            os.chown(self._folder, self._user, -1)
        self._data = self._folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._server: subprocess.Popen[bytes] | None = None
        made = [initdb, "-D", str(self._data), "-U", "ratebook", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run([*made, "--wal-segsize=1"], user=self._user, cwd="/", check=True, stdout=subprocess.DEVNULL)

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://ratebook@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, which recovers by itself, and wait until it answers."""
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [self._postgres, "-D", str(self._data), "-p", str(self.port), *settings]
        for _ in range(50):
            with (self._folder / "log").open("ab") as log:
                self._server = subprocess.Popen(
                    command, user=self._user, cwd="/", stdout=log, stderr=log, start_new_session=True
                )
            if self._answers():
                return
            # What was killed may have left its shared memory for a moment.
            time.sleep(0.1)
        raise RuntimeError(f"the server does not start: {(self._folder / 'log').read_text()[-2_000:]}")

    def _answers(self) -> bool:
        until = time.monotonic() + START_SECONDS
        while self._server is not None and self._server.poll() is None and time.monotonic() < until:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.01)
            else:
                return True
        return False

    def stop_at_once(self) -> None:
        """What `pg_ctl stop -m immediate` does: no checkpoint, no farewell."""
        assert self._server is not None
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()

    def kill(self) -> None:
        """SIGKILL for the server and each of its processes."""
        assert self._server is not None
        processes = [self._server.pid, *self._children()]
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._server.wait()

    def kill_one(self, backend: int) -> bool:
        """SIGKILL for one of its processes, if it is one: the server throws out everybody and recovers by itself."""
        if backend not in self._children():
            return False
        os.kill(backend, signal.SIGKILL)
        return True

    def _children(self) -> list[int]:
        assert self._server is not None
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if parent == self._server.pid:
                found.append(int(path.parent.name))
        return found

    def remove(self) -> None:
        """Stop the server and delete everything."""
        if self._server is not None and self._server.poll() is None:
            self.stop_at_once()
        shutil.rmtree(self._folder, ignore_errors=True)
