// The computations of /cpu and /hash.

import { createHash } from 'node:crypto';

/** The start that Marsaglia's paper uses (Xorshift RNGs, Journal of Statistical Software 8/14, 2003, p. 4). */
const SEED = 2_463_534_242;

/** Fed to the hash over and over: hashing much needs no memory, and few calls into OpenSSL. */
const PATTERN = Uint8Array.from({ length: 64 * 1024 }, (_, i) => i % 256);

/** The last state of xorshift32 (13, 17, 5) after so many rounds, as 8 hex digits. */
export function xorshift(rounds) {
  let state = SEED | 0;
  for (let i = 0; i < rounds; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return (state >>> 0).toString(16).padStart(8, '0');
}

/** What is answered to a body that was uploaded. */
export function uploaded(body) {
  return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
}

/** SHA-256 over so many KiB, byte i being i mod 256, as 64 hex digits. */
export function sha256(kib) {
  const hash = createHash('sha256');
  let left = kib * 1024;
  for (; left > PATTERN.length; left -= PATTERN.length) {
    hash.update(PATTERN);
  }
  return hash.update(PATTERN.subarray(0, left)).digest('hex');
}
