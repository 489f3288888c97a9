// AMQP Management: asks the node $management of the agent at QMFCONSOLE_URL. See docs/reference/amqp-management.md.
//
//     node management.js query Ticket name granted mode         the entities of a type; of these attributes, or all
//     node management.js read Ticket:db-ticket                  all attributes of one entity
//     node management.js call Ticket:db-ticket pause            an operation: READ, UPDATE, DELETE, any method of the class
//     node management.js call Site:paris explain id=vip         its arguments, as application properties

import { Connection, json, run, urls } from './connection.js';

const TYPE = 'org.clusterlabs.qmfagent.';

const COMMANDS = {
  async query(connection, type, ...attributeNames) {
    const { results, attributeNames: names } = await ask(
      connection,
      { operation: 'QUERY', type: 'org.amqp.management', name: 'self', entityType: TYPE + type },
      { attributeNames },
    );
    return results.map((values) => Object.fromEntries(values.map((value, index) => [names[index], value])));
  },

  read: (connection, identity) => ask(connection, { operation: 'READ', identity }),

  call: (connection, identity, operation, ...given) =>
    ask(connection, { operation, identity, ...Object.fromEntries(given.map((each) => each.split(/=(.*)/s).slice(0, 2))) }),
};

async function ask(connection, properties, body = {}) {
  const [answer] = await connection.request({ to: '$management', application_properties: properties, body });
  const { statusCode, statusDescription } = answer.application_properties;
  if (statusCode >= 300) throw new Error(`${statusCode} ${statusDescription}`);
  return answer.body;
}

await run(async ([command, ...given]) => {
  if (!Object.hasOwn(COMMANDS, command ?? '') || !given.length) {
    throw new Error('usage: node management.js query TYPE [ATTRIBUTE...] | read IDENTITY | call IDENTITY OPERATION [NAME=VALUE...]');
  }
  const [url] = urls();
  const connection = await Connection.open(url);
  try {
    console.log(json(await COMMANDS[command](connection, ...given), 2));
  } finally {
    connection.close();
  }
});
