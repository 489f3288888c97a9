// QMF v2 over a connection: find the agent, query its objects, call their methods. See docs/reference/qmf.md.

import { Connection } from './connection.js';

const TOPIC = 'qmf.default.topic';
const DIRECT = 'qmf.default.direct';
const PACKAGE = 'org.clusterlabs.qmfagent';
const PRODUCT = 'clusterlabs.org:qmfagent:';

// What an agent answers a request with that it does not carry out. `reason` is a name from docs/reference/reasons.md.
export class Refused extends Error {
  constructor({ error_text, error_code, reason = '' }) {
    super(reason ? `refused (${reason}): ${error_text}` : error_text);
    Object.assign(this, { code: error_code, reason });
  }
}

export class Agent {
  // Connect to the agent that listens at a URL. The options are those of Connection.open.
  static async at(url, options) {
    const self = new Agent();
    self.connection = await Connection.open(url, options);
    await self.locate();
    return self;
  }

  // Ask who is there; the agent's attributes: journal and seq say which is its newest event.
  async locate() {
    const [{ body }] = await this.#ask(`${TOPIC}/console.request.agent_locate`, '_agent_locate_request', []);
    const attributes = body._values;
    this.name = attributes._name;
    this.site = this.name.slice(PRODUCT.length);
    return attributes;
  }

  // The objects of a class: maps of their properties.
  async query(className, where) {
    const query = { _what: 'OBJECT', _schema_id: { _package_name: PACKAGE, _class_name: className } };
    if (where) query._where = where;
    const messages = await this.#ask(`${DIRECT}/${this.name}`, '_query_request', query);
    return messages.flatMap(({ body }) => body.map((object) => object._values));
  }

  // Call a method of an object, such as Ticket:db; its output arguments.
  async call(object, method, args = {}) {
    const id = { _agent_name: this.name, _object_name: object };
    const request = { _object_id: id, _method_name: method, _arguments: args };
    const [{ body }] = await this.#ask(`${DIRECT}/${this.name}`, '_method_request', request);
    return body._arguments;
  }

  // Call a method of the site itself, such as plan.
  callSite(method, args) {
    return this.call(`Site:${this.site}`, method, args);
  }

  // Receive events as they happen; `take` gets each as {name, values}.
  onEvent(take) {
    this.connection.subscribe(TOPIC, 'agent.ind.event.#', ({ body }) => {
      for (const event of body) take({ name: event._schema_id._class_name, values: event._values });
    });
  }

  close() {
    this.connection.close();
  }

  async #ask(to, opcode, body) {
    const properties = { 'x-amqp-0-10.app-id': 'qmf2', method: 'request', 'qmf.opcode': opcode };
    const isLast = (message) => !('partial' in message.application_properties);
    const messages = await this.connection.request({ to, application_properties: properties, body }, isLast);
    const [{ application_properties: answer, body: content }] = messages;
    if (answer['qmf.opcode'] === '_exception') throw new Refused(content._values);
    return messages;
  }
}
