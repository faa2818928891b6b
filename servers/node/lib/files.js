// GET /file/{kib}: a file read whole, in libuv's pool. By the callback form of readFile, which Node's documentation
// prefers to the one with promises "when maximal performance is required".

import { readFile } from 'node:fs';
import { join } from 'node:path';

import { BYTES, Refusal, answer, refuse } from './answer.js';
import { integer } from './parameters.js';

const SIZES_KIB = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** The file at `path`, in a promise. */
export function readBytes(path) {
  return new Promise((resolve, reject) => {
    readFile(path, (error, bytes) => (error === null ? resolve(bytes) : reject(refusal(error))));
  });
}

function refusal({ code }) {
  return code === 'ENOENT'
    ? new Refusal(404, 'the data directory has no such file')
    : new Refusal(503, 'the file could not be read; see that the data directory is readable');
}

/** Reads files of `dataDir`. */
export function createFiles(dataDir) {
  const paths = new Map(SIZES_KIB.map((kib) => [kib, join(dataDir, `${kib}.bin`)]));

  return {
    /** The path that `text` asks for. */
    find(text) {
      const path = paths.get(integer('kib', text, SIZES_KIB.at(0), SIZES_KIB.at(-1)));
      if (path === undefined) {
        throw new Refusal(404, `there are files of ${SIZES_KIB.join(', ')} KiB`);
      }
      return path;
    },

    /** Answers with the file. */
    send(path, response) {
      readFile(path, (error, bytes) => {
        if (error === null) {
          answer(response, 200, BYTES, bytes);
        } else {
          refuse(response, refusal(error));
        }
      });
    },
  };
}
