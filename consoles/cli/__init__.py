"""The `qmfconsole` command.

    options, completion  what more than one command takes, and what shells are offered for it
    status, names        the exit statuses; the names that there are, beside an error about one that is not
    output, progress     tables, plans and JSON on the terminal; what is being done, on standard error
    top_view, terminal   the one screen of `top` (pure); keys, sizes and signals
    the others           one command or two each, in the words of the API (consoles.client)

The command itself is consoles/main.py. What scripts may rely on is in docs/reference/cli.md and schemas/console.schema.json.
"""
