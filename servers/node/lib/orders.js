// POST /orders: an order in JSON, validated by Ajv, as JSON Schema is usually checked in Node.

import { isUtf8 } from 'node:buffer';

import Ajv from 'ajv';
import addFormats from 'ajv-formats';

import { Refusal } from './answer.js';

/** The schema of an order. */
export const ORDER = {
  type: 'object',
  required: ['customer', 'items'],
  properties: {
    customer: {
      type: 'object',
      required: ['id', 'email'],
      properties: {
        id: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
        email: { type: 'string', format: 'email' },
      },
    },
    items: {
      type: 'array',
      minItems: 1,
      maxItems: 100,
      items: {
        type: 'object',
        required: ['sku', 'quantity', 'unit_price_cents'],
        properties: {
          sku: { type: 'string', minLength: 1, maxLength: 32 },
          quantity: { type: 'integer', minimum: 1, maximum: 1000 },
          unit_price_cents: { type: 'integer', minimum: 0, maximum: 1_000_000 },
        },
      },
    },
  },
};

// Compiled once, into a function. Types are as they are, and the first fault ends the search: Ajv's defaults.
const ajv = new Ajv({ strict: true, coerceTypes: false, allErrors: false });
addFormats(ajv, ['email']);
const isOrder = ajv.compile(ORDER);

/** The valid order in the bytes of a body, or a refusal. */
export function orderOfBytes(bytes) {
  let order;
  try {
    order = parseJson(bytes);
  } catch {
    throw new Refusal(400, 'the body must be JSON');
  }
  return validOrder(order);
}

/** What a body was parsed to, where it is a valid order, or a refusal. */
export function validOrder(order) {
  if (order === undefined) {
    throw new Refusal(400, 'the body must be JSON');
  }
  if (!isOrder(order)) {
    throw new Invalid(fieldAtFault(isOrder.errors[0]));
  }
  return order;
}

/** The receipt of a valid order. */
export function receipt({ customer, items }) {
  const cents = items.reduce((sum, item) => sum + item.quantity * item.unit_price_cents, 0);
  return { customer_id: customer.id, item_count: items.length, total_cents: cents };
}

/** An order that is not valid, with the member that is at fault. */
export class Invalid extends Error {
  constructor(field) {
    super(`${field} is missing or wrong`);
    this.status = 422;
    this.body = { field };
  }
}

function parseJson(bytes) {
  // toString() would put replacement characters for what is not UTF-8.
  if (!isUtf8(bytes)) {
    throw new SyntaxError('not UTF-8');
  }
  return JSON.parse(bytes.toString());
}

/**
 * The dotted path of the member that an error of Ajv's is about. Ajv names it by a JSON pointer, which consists of the schema's own
 * names and of indices here; of a member that is missing it names the parent.
 */
export function fieldAtFault({ instancePath, keyword, params }) {
  const path = instancePath.slice(1).replaceAll('/', '.');
  if (keyword !== 'required') {
    return path;
  }
  return path === '' ? params.missingProperty : `${path}.${params.missingProperty}`;
}
