"""The web console: the sites of a geo cluster in a browser, served by `qmfconsole web`.

    command                     the command, and how it is served
    app                         the application: pages, middleware and errors put together
    sessions, visiting          who is signed in, and one request of theirs
    attempts, links             the two ways in: passwords, and links that can be used once
    security                    headers, host and origin checks, tokens of forms
    permissions                 what the user of a session may do where
    streams                     what changes, sent to the pages of a session
    offers                      what a user is offered to do with a ticket
    work, applying, following   what a session has under way, such as applies, and how its pages follow that
    rendering, problems         templates, and errors as pages
    pages                       one module a page: from a request to an answer
    views                       one module a page, pure: from what agents say to what its template shows

It is a console like any other: everything it shows and does goes over AMQP to the agents, as the user who is signed in.
"""
