// `GET /plaintext` on Node's own `http`, without a framework: real libuv, with V8 and llhttp on top.
// It answers as http.createServer does by default, so its head has two fields more (Connection, Keep-Alive).
'use strict';

const http = require('node:http');

const BODY = Buffer.from('Hello, World!');
const HEADERS = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': BODY.length };

const server = http.createServer((request, response) => {
  if (request.method === 'GET' && request.url === '/plaintext') {
    response.writeHead(200, HEADERS);
    response.end(BODY);
  } else {
    response.writeHead(404, { 'Content-Length': 0 });
    response.end();
  }
});

server.listen(0, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
