// Request bodies, within their bound. Every body is read before its request is answered, whether the route wants it or
// not: it has to be taken off the wire in any case before the next request can be read.

import { TEXT } from './answer.js';

/** Longest body that is taken. */
export const MAX_BODY_BYTES = 1024 * 1024;

// After a 413 the connection stays open for so long, and so many bytes are read and thrown away: if it closed at once,
// while the client still sends, the client's kernel would throw the answer away unread (RFC 9112 section 9.6).
const LINGER_MS = 500;
const LINGER_BYTES = 1024 * 1024;

const TOO_LARGE = 'bodies are taken up to 1 MiB';
const TOO_LARGE_HEADERS = ['Content-Type', TEXT, 'Content-Length', String(TOO_LARGE.length), 'Connection', 'close'];

/** Whether a body follows the head. */
export function hasBody({ headers }) {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Whether the head announces a body beyond the bound. */
export function announcesTooMuch({ headers }) {
  return Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES;
}

/** Calls `use` with the whole body, or answers 413. A client that leaves before the end is forgotten. */
export function readBody(request, response, use) {
  if (announcesTooMuch(request)) {
    refuseTooLarge(request, response);
    return;
  }
  const chunks = [];
  let length = 0;
  const onData = (chunk) => {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) {
      request.off('data', onData);
      request.off('end', onEnd);
      refuseTooLarge(request, response);
    } else {
      chunks.push(chunk);
    }
  };
  const onEnd = () => use(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
  request.on('data', onData);
  request.on('end', onEnd);
}

function refuseTooLarge(request, response) {
  response.writeHead(413, TOO_LARGE_HEADERS);
  // The answer is complete with this; the connection closes with end().
  response.write(TOO_LARGE, 'latin1');
  const close = () => response.end();
  const timer = setTimeout(close, LINGER_MS);
  let thrownAway = 0;
  request.on('data', (chunk) => {
    thrownAway += chunk.length;
    if (thrownAway > LINGER_BYTES) {
      close();
    }
  });
  request.on('end', close);
  response.on('close', () => clearTimeout(timer));
}
