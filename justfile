# Shortcuts for developers; everything works without `just` too.

# Install, and end with an explained invoice
try:
    scripts/try

# All tests, or those that are named
test *arguments:
    scripts/test {{arguments}}

# Lint, format, types, import contracts
lint:
    scripts/lint

# Rewrite golden files after an intended change
update-cases *arguments:
    scripts/test --update-cases {{arguments}}

# Format the code
format:
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .

# What CI runs
ci:
    .ci/run
