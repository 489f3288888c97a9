// Lists the tickets of the agents at QMFCONSOLE_URL, and where their replicas stand.
//
//     QMFCONSOLE_URL=amqp://127.0.0.1:5672,amqp://127.0.0.1:5673 node tickets.js

import { run, urls } from './connection.js';
import { Agent } from './qmf.js';

await run(async () => {
  for (const url of urls()) {
    const agent = await Agent.at(url);
    try {
      for (const ticket of await agent.query('Ticket', ['eq', 'granted', ['quote', true]])) {
        // A time is in nanoseconds, more than a number of JavaScript can count.
        const since = new Date(Number(BigInt(ticket.last_granted) / 1000000n));
        console.log(`${ticket.name}: held by ${agent.site} since ${since.toISOString()}`);
      }
      for (const replica of await agent.query('Replica', ['eq', 'direction', ['quote', 'from']])) {
        console.log(`${replica.ticket}: at ${agent.site} ${replica.state} ${replica.reason || replica.hold}`.trimEnd());
      }
    } finally {
      agent.close();
    }
  }
});
