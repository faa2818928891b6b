// An address as messages and URLs have it.

/** `HOST:PORT`, with an IPv6 address in brackets (RFC 3986 section 3.2.2). */
export const authority = ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`;
