// GET /chat: a WebSocket room, on `ws`.

import { WebSocket, WebSocketServer } from 'ws';

/** Longest message that is taken; `ws` closes with 1009 beyond. */
const MAX_MESSAGE_BYTES = 65_536;

/** A member that lets more than this wait unread is disconnected. `ws` can tell bytes, not messages. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

// RFC 6455 section 7.4.1.
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;

const VERSION = '13';

/** Heads of the answer to a GET that asks for no WebSocket, or for another version (RFC 6455 section 4.4). */
export const UPGRADE_HEADERS = {
  Upgrade: 'websocket',
  Connection: 'close, Upgrade',
  'Sec-WebSocket-Version': VERSION,
};

/** Whether a request that was upgraded asks for a WebSocket that can be had here. HTTP/1.0 has none (RFC 6455 section 4.1). */
export function asksForWebSocket({ method, httpVersion, headers }) {
  return (
    method === 'GET' &&
    httpVersion !== '1.0' &&
    headers.upgrade.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === VERSION
  );
}

/**
 * A room. `relay(bytes, sender)` passes a message on to every process of the room, this one included, where it is
 * delivered; null where this is the only one.
 */
export function createChat(relay) {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    // `ws` would take the first that a client offers.
    handleProtocols: () => false,
    // Pongs are bounded as messages are, by what waits, not by how many pings come at once.
    maxPendingAutoPongs: 0,
  });
  const pass = relay ?? deliver;

  function join(member) {
    member.on('message', (data, isBinary) => {
      // What still comes after a close is no part of the conversation.
      if (member.readyState !== WebSocket.OPEN) {
        return;
      }
      if (isBinary) {
        member.close(UNSUPPORTED_DATA);
      } else {
        pass(data, member);
      }
    });
    // `ws` has answered by itself.
    member.on('ping', () => dropIfBehind(member));
    // `ws` closes the connection itself; what is left to do is not to take this for a fault of the server.
    member.on('error', () => {});
  }

  /** Sends a message, as bytes, to all members of this process: bytes are framed for each, but encoded only once. */
  function deliver(data) {
    for (const member of server.clients) {
      if (member.readyState === WebSocket.OPEN) {
        member.send(data, { binary: false });
        dropIfBehind(member);
      }
    }
  }

  return {
    deliver,

    /** Takes over a connection. */
    accept(request, socket, head) {
      server.handleUpgrade(request, socket, head, join);
    },

    /** Says goodbye to all members. */
    close() {
      for (const member of server.clients) {
        member.close(GOING_AWAY);
      }
    },

    /** Disconnects all members, without a word. */
    drop() {
      for (const member of server.clients) {
        member.terminate();
      }
    },
  };
}

function dropIfBehind(member) {
  if (member.bufferedAmount > MAX_BACKLOG_BYTES) {
    member.terminate();
  }
}
