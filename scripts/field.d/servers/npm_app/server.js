// Node's own http; PORT in the environment. Ends by itself on SIGTERM as nothing is registered for it.
const http = require('node:http');

http.createServer((request, response) => {
  if (request.url === '/stats') {
    response.statusCode = 404;
    return response.end();
  }
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end('Hello, World!');
}).listen(Number(process.env.PORT || 8080), '127.0.0.1');
