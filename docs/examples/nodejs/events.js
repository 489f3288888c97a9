// Prints the events of one agent, one JSON object a line, and goes on where it left off when it is started again.
//
//     QMFCONSOLE_URL=amqp://127.0.0.1:5672 node events.js place.json
//
// Events are numbered. One that comes live and has the next number is printed; whenever there may be a hole - at the start, after a
// lost connection, after a higher number - Site.events is asked for what comes after the last one. See docs/reference/events.md.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { json, run, urls } from './connection.js';
import { Agent, Refused } from './qmf.js';

class Follower {
  #agent;
  #file;
  #place;
  #asking = false;
  #again = false;
  #sure = false; // that nothing is missing before the next live event

  constructor(file) {
    this.#file = file;
    this.#place = read(file);
  }

  // Follow an agent. It begins with everything that the site still has.
  follow(agent) {
    this.#agent = agent;
    agent.onEvent(({ name, values }) => {
      if (this.#sure && values.seq === this.#place.seq + 1) this.#tell(name, values);
      else this.catchUp();
    });
    this.catchUp();
  }

  // Ask for what comes after the last event, one question at a time.
  async catchUp() {
    this.#again = true;
    this.#sure = false;
    if (this.#asking || !this.#agent) return;
    this.#asking = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#page();
      }
      this.#sure = true;
    } catch (error) {
      // It is asked again when the connection is there again, or with the next event.
      console.error(error.message);
    } finally {
      this.#asking = false;
    }
  }

  async #page() {
    try {
      const page = await this.#agent.callSite('events', { since: this.#place.seq, limit: 100 });
      if (this.#place.journal && page.journal !== this.#place.journal) return this.#gap('the site has begun a new journal', 0);
      this.#place.journal = page.journal;
      for (const { name, values } of page.events) this.#tell(name, values);
      this.#again ||= page.more;
    } catch (error) {
      if (!(error instanceof Refused) || error.reason !== 'too-old') throw error;
      // What is missing can't be had any more: whoever keeps a state of his own reads it afresh now.
      const [site] = await this.#agent.query('Site');
      this.#gap('the site does not have them any more', site.first_event - 1);
    }
  }

  #gap(reason, seq) {
    console.log(json({ gap: reason }));
    this.#place = { journal: '', seq };
    this.#again = true;
  }

  #tell(event, values) {
    if (values.seq <= this.#place.seq) return;
    console.log(json({ event, ...values }));
    this.#place.seq = values.seq;
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#place));
    renameSync(`${this.#file}.new`, this.#file); // the old or the new place, never half of one
  }
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file));
  } catch (error) {
    if (error.code === 'ENOENT') return { journal: '', seq: 0 };
    throw new Error(`${file}: ${error.message}`);
  }
}

await run(async ([file = 'place.json']) => {
  const follower = new Follower(file);
  const [url] = urls();
  follower.follow(await Agent.at(url, { reconnect: true, onReady: () => follower.catchUp() }));
});
