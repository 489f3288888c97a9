// A connection to one agent's listener, and requests over it: what QMF v2 and AMQP Management have in common.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import rhea from 'rhea';

// With this capability a receiver gets bodies as AMQP 1.0 maps and lists. Without it they are in AMQP 0-10's codec.
export const AMQP_VALUE = 'clusterlabs.org:amqp-value';

// The URLs in QMFCONSOLE_URL, with commas or blanks between them.
export function urls(environment = process.env) {
  return (environment.QMFCONSOLE_URL || 'amqp://127.0.0.1:5672').split(/[,\s]+/).filter(Boolean);
}

// What rhea connects with: the same variables as qmfconsole's.
function connectOptions(url, environment = process.env) {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'amqps:';
  const file = (name) => environment[name] && readFileSync(environment[name]);
  const options = { host: hostname, port: Number(port) || (secure ? 5671 : 5672) };
  if (!secure) return options; // an agent speaks without TLS on loopback alone, and to anybody there
  Object.assign(options, { transport: 'tls', ca: file('QMFCONSOLE_CA') });
  if (environment.QMFCONSOLE_USER) {
    // SASL PLAIN inside TLS, at the agent's port for passwords.
    const [password] = file('QMFCONSOLE_PASSWORD_FILE').toString().split(/\r?\n/);
    return Object.assign(options, { username: environment.QMFCONSOLE_USER, password });
  }
  // SASL EXTERNAL: the certificate says who we are.
  const pair = { cert: file('QMFCONSOLE_CERTIFICATE'), key: file('QMFCONSOLE_KEY') };
  return Object.assign(options, pair, { enable_sasl_external: true });
}

export class Connection {
  #connection;
  #answers;
  #pending = new Map();
  #timeout;

  // Connect to a URL, and be ready for requests. `timeout` is in milliseconds; with `reconnect` a lost connection is made again,
  // and onReady is called whenever it is there.
  static async open(url, { timeout = 20000, reconnect = false, onReady = () => {} } = {}) {
    const self = new Connection();
    self.url = url;
    self.#timeout = timeout;
    self.#connection = rhea.create_container().connect({ ...connectOptions(url), reconnect });
    self.#answers = self.#connection.open_receiver({ source: { dynamic: true, capabilities: [AMQP_VALUE] } });
    self.#answers.on('message', ({ message }) => self.#answered(message));
    await new Promise((resolve, reject) => {
      self.#answers.on('receiver_open', () => {
        resolve();
        onReady(self);
      });
      self.#connection.on('disconnected', ({ error, reconnecting }) => {
        const lost = new Error(`no connection with ${url}: ${error?.message ?? 'it was closed'}`);
        self.#fail(lost);
        if (!reconnecting) reject(lost);
      });
      for (const refusal of ['connection_error', 'session_error', 'receiver_error', 'sender_error']) {
        self.#connection.on(refusal, (context) => {
          const { condition, description } = context.connection.error ?? context.receiver?.error ?? context.sender?.error ?? {};
          self.#fail(new Error(`${url} refuses: ${description ?? condition ?? refusal}`), reject);
        });
      }
    });
    return self;
  }

  close() {
    this.#connection.close();
  }

  // Receive what matches a subject pattern of a topic; `take` gets each message.
  subscribe(node, pattern, take) {
    const filter = { subject: rhea.types.wrap_described(pattern, 'apache.org:legacy-amqp-topic-binding:string') };
    const receiver = this.#connection.open_receiver({ source: { address: node, filter, capabilities: [AMQP_VALUE] } });
    receiver.on('message', ({ message }) => take({ ...message, body: plain(message.body) }));
  }

  // Send a request; all the messages of its answer. `isLast` tells whether a message is the last.
  request(message, isLast = () => true) {
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle(id, (each) => each.reject(new Error(`no answer from ${this.url} in ${this.#timeout} ms`))),
        this.#timeout,
      );
      this.#pending.set(id, { resolve, reject, timer, isLast, messages: [] });
      this.#connection.send({ ...message, correlation_id: id, reply_to: this.#answers.source.address });
    });
  }

  #answered(message) {
    const id = message.correlation_id;
    const waiting = this.#pending.get(id);
    waiting?.messages.push({ ...message, body: plain(message.body) });
    if (waiting?.isLast(message)) this.#settle(id, ({ resolve, messages }) => resolve(messages));
  }

  #settle(id, how) {
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(waiting?.timer);
    if (waiting) how(waiting);
  }

  #fail(error, reject = () => {}) {
    for (const id of [...this.#pending.keys()]) this.#settle(id, (each) => each.reject(error));
    reject(error);
  }
}

// A value from a message: rhea gives integers that JavaScript's numbers can't hold as 8 bytes; they become BigInt.
export function plain(value) {
  if (Buffer.isBuffer(value)) return value.length === 8 ? value.readBigUInt64BE() : value;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

// JSON of such a value, with integers of any size.
export function json(value, indent) {
  return JSON.stringify(value, (key, item) => (typeof item === 'bigint' ? String(item) : item), indent);
}

// Run an example: what goes wrong is one line on standard error.
export async function run(main) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ?? 0;
  } catch (error) {
    console.error(`${error.message}`);
    process.exitCode = 1;
  }
}
