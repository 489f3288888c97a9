// Shows what replication of a ticket would change at the site of QMFCONSOLE_URL, asks, and applies exactly that plan.
//
//     QMFCONSOLE_URL=amqp://127.0.0.1:5673 node plan-and-apply.js db-ticket
//
// Exit status: 0 applied, or nothing to do; 1 refused, or it failed; 2 the answer was no.

import { createInterface } from 'node:readline/promises';
import { run, urls } from './connection.js';
import { Agent } from './qmf.js';

await run(async ([ticket]) => {
  if (!ticket) throw new Error('usage: node plan-and-apply.js TICKET');
  const [url] = urls();
  const agent = await Agent.at(url);
  try {
    const { token, plan } = await agent.callSite('plan', { ticket });
    for (const change of plan.changes) console.log(`${change.operation} ${change.kind} ${change.id}`);
    for (const problem of plan.problems) console.log(`${problem.severity}: ${problem.message}`);
    if (!token) return plan.changes.length ? 1 : 0; // without a token there is nothing to apply, or something against it
    if (!(await yes(`Apply this at ${agent.site}? [y/N] `))) return 2;
    const applied = await agent.callSite('apply', { token });
    console.log(`applied as change ${applied.change}: ${applied.changes} changes, CIB ${applied.version}`);
    return 0;
  } finally {
    agent.close();
  }
});

async function yes(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const closed = new Promise((resolve) => terminal.once('close', () => resolve('')));
    return /^y(es)?$/i.test((await Promise.race([terminal.question(question), closed])).trim());
  } finally {
    terminal.close();
  }
}
