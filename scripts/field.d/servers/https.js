// TLS server on loopback.   node https.js CERT KEY PORT [mtls CA | h2only]
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');

const [cert, key, port, mode, ca] = process.argv.slice(2);
const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key), minVersion: 'TLSv1.2' };
const answer = (request, response) => response.end('Hello, World!');
let server;
if (mode === 'h2only') server = http2.createSecureServer({ ...options, allowHTTP1: false }, answer);
else if (mode === 'mtls') server = https.createServer({ ...options, requestCert: true, rejectUnauthorized: true, ca: fs.readFileSync(ca) }, answer);
else server = https.createServer(options, answer);
server.listen(Number(port), '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
