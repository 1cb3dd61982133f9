"""The plan of a ruleset as one columnar query: text of SQL, for all accounts at once.

`evaluators.rate` is the meaning; what stands here gives the same statements for whole customer bases. It writes SQL and
opens nothing: whoever runs the text knows files and engines.
"""
