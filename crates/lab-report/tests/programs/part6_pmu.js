// A PMU for part 6: answers CMD_short:d with the numbers 0 to 14.
const tls = require("tls"), fs = require("fs");
const [port, cert, key] = process.argv.slice(2);
tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, s => {
  s.on("data", async d => {
    const m = /^CMD_short:(\d+)$/.exec(d.toString());
    if (!m) return s.end();
    for (let i = 0; i < 15; i++) { s.write(`This is PMU data ${i}`); if (+m[1]) await new Promise(r => setTimeout(r, m[1] * 1000)); }
    s.end();
  });
  s.on("error", () => {});
}).on("tlsClientError", () => {}).listen(+port);
