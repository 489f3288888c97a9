"""Consoles of qmfagent: the scripting API, and the command line on top of it.

    values                      what a console gives: objects, events, plans
    tickets                     all sites' views of the tickets, put together (pure)
    link                        one bus URL and the agents behind it
    subscription                events of several links, in one stream
    asynchronous, synchronous   the two faces of the API; the second only waits for the first
    client                      the public names
    cli                         the `qmfconsole` command

None of them knows a cluster: what a site can do, its agent says.
"""
