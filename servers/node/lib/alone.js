// A server of one process.

import { authority } from './authority.js';

/** Serves until SIGTERM or SIGINT; a second one does not wait for requests in flight. */
export function runAlone(options, serve) {
  const { stop } = serve(options, {
    relay: null,
    collectStats: null,
    onListening: (port) => console.log(`listening on ${authority({ ...options, port })}`),
  });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => stop(() => process.exit(0)));
  }
}
