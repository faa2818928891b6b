// One thread of the pool in cpu-pool.js: takes the name of a computation and its size, and gives the digits.

import { parentPort } from 'node:worker_threads';

import { sha256, xorshift } from './work.js';

const WORKS = { sha256, xorshift };

parentPort.on('message', ({ work, size }) => parentPort.postMessage(WORKS[work](size)));
