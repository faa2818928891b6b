// How answers leave: the head as a flat array, which writeHead takes as it is, and a body whose length it tells.

export const TEXT = 'text/plain; charset=utf-8';
export const JSON_TYPE = 'application/json';
export const BYTES = 'application/octet-stream';

/** A request that is refused: thrown where it is read, answered where it came in. */
export class Refusal extends Error {
  constructor(status, reason, headers = {}) {
    super(reason);
    this.status = status;
    this.headers = headers;
  }
}

/** An answer that is always the same, made once. */
export function fixedAnswer(type, body) {
  const headers = ['Content-Type', type, 'Content-Length', String(body.length)];
  return (response) => {
    response.writeHead(200, headers);
    response.end(body, 'latin1');
  };
}

/**
 * Sends an answer. `body` is a Buffer, or a string of single-byte characters: node:http joins a string to the head and
 * writes both at once. Of HEAD it sends the head alone.
 */
export function answer(response, status, type, body) {
  response.writeHead(status, ['Content-Type', type, 'Content-Length', body.length]);
  response.end(body, 'latin1');
}

/** Sends an answer in JSON. */
export function answerJson(response, status, value) {
  answerJsonText(response, status, JSON.stringify(value));
}

/** Sends what is JSON already. */
export function answerJsonText(response, status, text) {
  response.writeHead(status, ['Content-Type', JSON_TYPE, 'Content-Length', Buffer.byteLength(text)]);
  response.end(text);
}

/** Sends a refusal, its reason as the body. */
export function refuse(response, { status, message, headers }) {
  response.writeHead(status, { 'Content-Type': TEXT, 'Content-Length': Buffer.byteLength(message), ...headers });
  response.end(message);
}
