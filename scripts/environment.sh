# Sourced by the other scripts: makes the virtual environment once, and keeps what is installed in step with the project.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
environment="${RATEBOOK_VENV:-.venv}"
python="${PYTHON:-python3}"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "Ratebook needs Python 3.11 or newer; say which one with PYTHON=/path/to/python3." >&2
  exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Python's venv module is missing: apt-get install python3-venv" >&2
  exit 2
fi

# java_runtime: sees to a runtime of Java for Spark, 17 or newer. Installs one where that is allowed, says how elsewhere.
java_runtime() {
  if [ -x "${JAVA_HOME:-/nonexistent}/bin/java" ] || command -v java >/dev/null; then
    return
  fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null
  else
    echo "The tests on Spark need a runtime of Java 17: apt-get install openjdk-17-jre-headless" >&2
    exit 2
  fi
}

# postgresql_server: sees to the programs of PostgreSQL, with which the tests make a server of their own, unless
# RATEBOOK_TEST_POSTGRESQL names one. Installs them where that is allowed, without a server that starts by itself.
postgresql_server() {
  if [ -n "${RATEBOOK_TEST_POSTGRESQL:-}" ] || command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    return
  fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
  else
    echo "The tests of the ledger need PostgreSQL: apt-get install postgresql, or RATEBOOK_TEST_POSTGRESQL=postgresql://user@host" >&2
    exit 2
  fi
}

# hledger_program: installs hledger, which the tests hold a journal to, where that is allowed; they say so elsewhere.
hledger_program() {
  if ! command -v hledger >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends hledger >/dev/null || true
  fi
}

# install EXTRA: installs the project with an extra ("" for none) unless this was done for the same pyproject.toml.
install() {
  local stamp="$environment/.ratebook-${1:-base}" wanted
  wanted="$("$python" --version) $(cksum pyproject.toml)"
  if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    [ -x "$environment/bin/python" ] || "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".${1:+[$1]}"
    # Compiled once here, for an editable install compiles at every start where nothing may be written later.
    "$environment/bin/python" -m compileall -q -x "\.venv|\.typecheck|tests|build" . >/dev/null || true
    printf '%s' "$wanted" >"$stamp"
  fi
}
