// One thread of the pool in cpu-pool.js: takes a number of rounds, and gives the digits.

import { parentPort } from 'node:worker_threads';

import { xorshift } from './work.js';

parentPort.on('message', (rounds) => parentPort.postMessage(xorshift(rounds)));
