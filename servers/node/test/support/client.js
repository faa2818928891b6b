// Clients: one that asks as anybody does, and one that sends bytes as they are given.

import http from 'node:http';
import net from 'node:net';

/** One request on a connection of its own. */
export function ask(port, path, { host = '127.0.0.1', method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, path, method, headers, agent: false }, (reply) => {
      const chunks = [];
      reply.on('data', (chunk) => chunks.push(chunk));
      reply.on('end', () =>
        resolve({
          status: reply.statusCode,
          headers: reply.headers,
          bytes: Buffer.concat(chunks),
          text: Buffer.concat(chunks).toString(),
        }),
      );
      reply.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A plain connection. */
export class Wire {
  #socket;
  #input = '';
  #isOver = false;
  #changed = () => {};

  constructor(socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      this.#input += chunk;
      this.#changed();
    });
    socket.on('close', () => {
      this.#isOver = true;
      this.#changed();
    });
    // A reset shows as the end.
    socket.on('error', () => {});
  }

  /** Connects, with options as net.connect takes. */
  static open(t, port, options = {}) {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port, ...options });
      t.after(() => socket.destroy());
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Wire(socket)));
    });
  }

  get socket() {
    return this.#socket;
  }

  send(text) {
    this.#socket.write(text, 'latin1');
  }

  /** The head of the next reply, its interim ones included. */
  async head() {
    await this.#until(() => this.#input.includes('\r\n\r\n'));
    return this.#take(this.#input.indexOf('\r\n\r\n') + 4);
  }

  /** The next reply whole: it has a length, or none where `toHead`. */
  async reply({ toHead = false } = {}) {
    const head = await this.head();
    const status = Number(head.split(' ')[1]);
    const [, length] = /^content-length: (\d+)\r$/im.exec(head) ?? [];
    const body = toHead || length === undefined ? '' : await this.bytes(Number(length));
    return { status, head, body };
  }

  /** So many bytes. */
  async bytes(length) {
    await this.#until(() => this.#input.length >= length);
    return this.#take(length);
  }

  /** Everything up to and including `mark`. */
  async upTo(mark) {
    await this.#until(() => this.#input.includes(mark));
    return this.#take(this.#input.indexOf(mark) + mark.length);
  }

  /** Everything up to the end of the connection. */
  async rest() {
    await this.#until(() => this.#isOver);
    return this.#take(this.#input.length);
  }

  #take(length) {
    const taken = this.#input.slice(0, length);
    this.#input = this.#input.slice(length);
    return taken;
  }

  async #until(isTrue) {
    while (!isTrue()) {
      if (this.#isOver) {
        throw new Error(`the connection ended; what came before: ${JSON.stringify(this.#input.slice(0, 1000))}`);
      }
      await new Promise((resolve) => (this.#changed = resolve));
    }
  }
}

/** A GET as it goes over the wire. */
export const get = (target, fields = '') => `GET ${target} HTTP/1.1\r\nHost: test\r\n${fields}\r\n`;
