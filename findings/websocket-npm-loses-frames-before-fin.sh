#!/bin/sh
# websocket 1.0.35 (npm), as a client of a server that sends ten whole messages and then ends TCP without a close frame.
#
# Such servers exist: many are ended by a signal, or simply call close(). RFC 6455, section 7.1.5 calls the close abnormal (1006),
# which says nothing of messages that came whole before it.
# Expected: ten `message` events, then `close` with 1006, as with ws 8.23.0 (npm), which is asked the same.
# Seen: a few `message` events, then `close` with 1006. The frames that were received with the FIN, and not yet handed on one
# by one, are dropped.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --ignore-scripts websocket@1.0.35 ws@8.23.0
cat >finding.js <<'JS'
const { createHash } = require('crypto');
const net = require('net');
const WebSocket = require('ws');
const { client: Client } = require('websocket');

// A server by hand: the upgrade, ten unmasked text frames in one send, a FIN.
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (head) => {
    const key = /Sec-WebSocket-Key: (.*)\r\n/i.exec(head.toString())[1];
    const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.once('data', () => {
      const frames = Array.from({ length: 10 }, (_, i) => Buffer.from([0x81, 9, ...Buffer.from(`message ${i}`)]));
      socket.end(Buffer.concat(frames));
    });
  });
});

server.listen(0, '127.0.0.1', () => {
  const url = `ws://127.0.0.1:${server.address().port}/`;
  let count = 0;
  const other = new WebSocket(url);
  other.on('open', () => other.send('go'));
  other.on('message', () => count++);
  other.on('error', () => {});
  other.on('close', (code) => {
    console.log(`ws 8.23.0: ${count} messages, close ${code}`);
    let fewer = 0;
    const client = new Client();
    client.on('connect', (connection) => {
      connection.on('message', () => fewer++);
      connection.on('error', () => {});
      connection.on('close', (code) => {
        console.log(`websocket 1.0.35: ${fewer < 10 ? 'fewer than 10' : fewer} messages, close ${code}`);
        console.error(`(${fewer} this time)`);
        server.close();
      });
      connection.sendUTF('go');
    });
    client.connect(url);
  });
});
JS
seen=$(node finding.js)
printf '%s\n' "$seen"
test "$seen" = 'ws 8.23.0: 10 messages, close 1006
websocket 1.0.35: fewer than 10 messages, close 1006'
