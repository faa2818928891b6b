// GET /auth: a JSON Web Token (RFC 7519), signed by HMAC with SHA-256, verified by the package that most use in Node.js.

import jwt from 'jsonwebtoken';

import { Refusal } from './answer.js';

/** The contract's, for everyone to read: what is measured is the work, and nothing is protected by it. */
const SECRET = "bench's secret for HS256, 32 bytes or more";

/** Who a field `Authorization` speaks for; refused where its token is missing, not signed with the secret, or expired. */
export function authorized(field) {
  const [, token] = /^Bearer +([^ ]+)$/i.exec(field ?? '') ?? [];
  const { sub } = verified(token);
  if (typeof sub !== 'string') {
    throw refusal('the token names nobody');
  }
  return { sub };
}

function verified(token) {
  try {
    return jwt.verify(token, SECRET, { algorithms: ['HS256'] });
  } catch (error) {
    throw refusal(error.message);
  }
}

// RFC 9110 section 11.6.1: a 401 comes with a challenge.
const refusal = (reason) => new Refusal(401, reason, { 'WWW-Authenticate': 'Bearer' });
