"""Usage as it is kept: rows of the database, and files of Parquet beside it that its rows name.

Usage that comes in small numbers becomes rows of `usage_events`. A large intake becomes files, sorted by account, one a
month; a row of `usage_files` names each with the root of a Merkle tree over its events, so that the log covers every
event of a file as it covers a row. An event is in one place only, and counts from the place of its row, or of its
file's row, in the log. Whoever reads usage reads both, through `events`.
"""
