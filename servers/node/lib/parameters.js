// Numbers and query parameters, read strictly: a load that asks for something else than it means to would still give
// figures. Nothing is percent-decoded, and every number has one spelling.

import { Refusal } from './answer.js';

const PLAIN_DIGITS = /^(0|[1-9]\d{0,9})$/;

/** The whole number that `text` spells; `name` is for the refusal. */
export function integer(name, text, min, max) {
  const value = Number(text);
  if (!PLAIN_DIGITS.test(text) || value < min || value > max) {
    throw new Refusal(400, `${name} must be a whole number from ${min} to ${max}, without sign or leading zero`);
  }
  return value;
}

/**
 * The values of a query by key. `query` is what follows the question mark, undefined where there is none; keys other than
 * `keys` are refused, and so is one that comes twice.
 */
export function readQuery(query, keys) {
  const values = {};
  if (query === undefined) {
    return values;
  }
  for (const pair of query.split('&')) {
    const at = pair.indexOf('=');
    const key = at === -1 ? pair : pair.slice(0, at);
    if (!keys.includes(key)) {
      throw new Refusal(400, `the query may have ${keys.length === 0 ? 'nothing' : keys.join(', ')}, and nothing else`);
    }
    if (values[key] !== undefined) {
      throw new Refusal(400, `the query has ${key} more than once`);
    }
    values[key] = at === -1 ? '' : pair.slice(at + 1);
  }
  return values;
}

/** A parameter that must be there. */
export function required(values, key) {
  if (values[key] === undefined) {
    throw new Refusal(400, `the query needs ${key}`);
  }
  return values[key];
}
