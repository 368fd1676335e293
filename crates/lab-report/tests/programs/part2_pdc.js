// A PDC for part 2: shows a message as soon as the next one begins, and a large text as it is.
const net = require('node:net');
const command = process.argv[2];
const link = net.connect({ host: 'tcpip.epfl.ch', port: 5003, family: 4 }, () => link.write(command));
let rest = Buffer.alloc(0);
link.on('data', (piece) => {
  rest = Buffer.concat([rest, piece]);
  if (!command.startsWith('CMD_short')) return;
  const messages = rest.toString().split(/(?<=\d)(?=This)/);
  rest = Buffer.from(messages.pop());
  for (const message of messages) console.log(message);
});
link.on('end', () => console.log(rest.toString()));
