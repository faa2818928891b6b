// What is answered where no route matches.

/** What a path that no route matched is answered: 405 where the contract has it, with the methods that it takes, or 404. */
export function notFound(path) {
  const known = /^\/(plaintext|json|upstream|orders|events|stats|(sleep|file|cpu|hash)\/[^/]+)$/.exec(path);
  if (known === null) {
    return { status: 404, message: 'there is no such route', headers: {} };
  }
  const Allow = known[1] === 'orders' ? 'POST' : 'GET, HEAD';
  return { status: 405, message: `this route takes ${Allow}`, headers: { Allow } };
}
