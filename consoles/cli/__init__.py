"""The `qmfconsole` command.

    main                 the command, its global options, and how errors become exit statuses
    settings, status     where to connect; the exit statuses
    words, output        values as safe text; tables, plans and JSON on the terminal
    the others           one command or two each, in the words of the API (consoles.client)

What scripts may rely on - options, JSON keys, exit statuses - is in docs/reference/cli.md.
"""
