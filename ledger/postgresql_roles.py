"""What the application's role may do on PostgreSQL: add to the tables that only grow, and read them.

The role that made the schema owns it, and could take the triggers away. The application works as another role, which
cannot: not even a mistake of ours, or a stolen password of the application, changes or removes a row.
"""

from __future__ import annotations

from ..diagnostics import Diagnostic
from .postgresql import connect, failures, place_of
from .store import StoreError

_TABLES = (
    "SELECT relname, EXISTS "
    "(SELECT 1 FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname = relname || '_append_only') "
    "FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY relname"
)
_RIGHTS = {"schema_versions": "SELECT", "log_head": "SELECT, UPDATE"}
_GROWS, _FOLLOWS = "SELECT, INSERT", "SELECT, INSERT, UPDATE, DELETE"


def grant_application(url: str, role: str) -> None:
    """Give a role of the server the rights that the application needs, and take all others on the tables from it.

    To be called as the owner of the schema, again after each change of the schema. Raises `StoreError`, also for a
    role that is not there, or that owns the tables and so could do everything.
    """
    place = place_of(url)
    with failures(place), connect(url) as raw, raw.transaction():
        known = raw.execute(b"SELECT rolsuper FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if known is None or known[0]:
            reason = "is not there" if known is None else "is a superuser, whom nothing holds back"
            raise StoreError(
                Diagnostic(
                    "RB7035",
                    f"the role {role} {reason}",
                    hints=(f"make one: CREATE ROLE {role} LOGIN PASSWORD '…'",),
                    place=place,
                )
            )
        owned = raw.execute(
            b"SELECT count(*) FROM pg_tables "
            b"WHERE schemaname = current_schema() AND pg_has_role(%s, tableowner, 'MEMBER')",
            (role,),
        ).fetchone()
        if owned is None or owned[0]:
            raise StoreError(
                Diagnostic(
                    "RB7035",
                    f"the role {role} owns tables, so that nothing holds it back",
                    hints=("let one role own the schema, and another be the application's",),
                    place=place,
                )
            )
        quoted = '"' + role.replace('"', '""') + '"'
        (schema,) = raw.execute(b"SELECT quote_ident(current_schema())").fetchone() or ("public",)
        raw.execute(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}".encode())
        for name, grows in raw.execute(_TABLES.encode()).fetchall():
            rights = _RIGHTS.get(name, _GROWS if grows else _FOLLOWS)
            raw.execute(f"REVOKE ALL ON {name} FROM {quoted}, PUBLIC".encode())
            raw.execute(f"GRANT {rights} ON {name} TO {quoted}".encode())
