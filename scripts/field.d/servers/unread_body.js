// Answers at once and never reads the body, as handlers do that refuse by the head alone; Node then throws the rest of the body away and
// keeps the connection.   node unread_body.js PORT [STATUS]
const http = require('node:http');

const [port, status = 200] = process.argv.slice(2).map(Number);
const server = http.createServer((request, response) => {
  response.statusCode = status;
  response.end('Hello, World!');
});
server.listen(port, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
