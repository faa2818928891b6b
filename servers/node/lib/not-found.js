// What is answered where no route matches.

/** What a path that no route matched is answered: 405 where the contract has it, with the methods that it takes, or 404. */
export function notFound(path) {
  const known = /^\/(plaintext|json|upstream|events|stats|auth|orders|upload|db\/orders|(sleep|file|cpu|hash|db\/(product|products|queries|cached))\/[^/]+)$/.exec(path);
  if (known === null) {
    return { status: 404, message: 'there is no such route', headers: {} };
  }
  const Allow = /^(orders|upload|db\/orders)$/.test(known[1]) ? 'POST' : 'GET, HEAD';
  return { status: 405, message: `this route takes ${Allow}`, headers: { Allow } };
}
