"""AMQP Management: the agent's objects for tools that know no QMF (OASIS AMQP Management Version 1.0, working draft).

    message     requests and responses as values, and the status codes
    entities    entity types and entities, made from the QMF schema and the QMF objects
    arguments   what a client wrote, as the schema wants it
    discovery   GET-TYPES, GET-ATTRIBUTES, GET-OPERATIONS, GET-ANNOTATIONS
    query       QUERY
    verbs       which methods CREATE, UPDATE and DELETE stand for
    failure     the status that an error is answered with
    changes     CREATE, UPDATE, DELETE and the operations of a type: as method calls
    node        the management node: a request in, a response or the work that leads to one out

Pure and sans-I/O, as qmf is. The same schema, the same objects under the same names, the same methods.
"""
