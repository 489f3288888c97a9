"""Consoles of qmfagent: the scripting API, and the command line on top of it.

    values                      what a console gives: objects, events, plans
    tickets                     all sites' views of the tickets, put together (pure)
    link                        one bus URL and the agents behind it
    subscription                events of several links, in one stream
    asynchronous, synchronous   the two faces of the API; the second only waits for the first
    client                      the public names; environment: where a script connects
    live, picture, overview     all sites and tickets, kept up to date; put together (pure); as a matrix (pure)
    settings, profiles          where a command connects, and as whom; passwords that the keyring has (passwords)
    main, cli, web              the `qmfconsole` command; its web console

None of them knows a cluster: what a site can do, its agent says.
"""
