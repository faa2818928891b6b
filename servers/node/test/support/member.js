// Members of the chat.

import { once } from 'node:events';

import { WebSocket } from 'ws';

/** One who has joined, and remembers what was said. */
export class Member {
  #said = [];
  #isOver = false;
  #changed = () => {};

  constructor(socket) {
    this.socket = socket;
    this.closed = once(socket, 'close').then(([code]) => code);
    socket.on('close', () => {
      this.#isOver = true;
      this.#changed();
    });
    socket.on('message', (data, isBinary) => {
      this.#said.push(isBinary ? data : data.toString());
      this.#changed();
    });
  }

  /** Joins, with options as WebSocket takes. */
  static async join(t, port, options = {}) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, { perMessageDeflate: false, ...options });
    t.after(() => socket.terminate());
    const member = new Member(socket);
    await once(socket, 'open');
    return member;
  }

  /** The next so many messages. */
  async hear(count) {
    while (this.#said.length < count) {
      if (this.#isOver) {
        throw new Error(`closed with ${await this.closed} after ${this.#said.length} of ${count} messages`);
      }
      await new Promise((resolve) => (this.#changed = resolve));
    }
    return this.#said.splice(0, count);
  }

  /** How many messages have come and were not asked for. */
  get unheard() {
    return this.#said.length;
  }
}

/** Everyone says so many things at once; true where all hear all of it in the same order, which is each speaker's too. */
export async function talkAtOnce(members, each) {
  for (let i = 0; i < each; i++) {
    members.forEach((member, speaker) => member.socket.send(`${speaker}:${i}`));
  }
  const heard = await Promise.all(members.map((member) => member.hear(members.length * each)));
  const [first] = heard;
  const isSame = heard.every((messages) => messages.join() === first.join());
  const isInOrder = members.every((_, speaker) => {
    const own = first.filter((message) => message.startsWith(`${speaker}:`));
    return own.join() === Array.from({ length: each }, (_, i) => `${speaker}:${i}`).join();
  });
  return isSame && isInOrder;
}

/** The handshake of RFC 6455 section 1.3, with fields changed or, where undefined, left out. */
export function handshake(changes = {}, target = '/chat', method = 'GET') {
  const fields = {
    Host: 'test',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...changes,
  };
  const lines = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}
