// A PMU for part 6 that ends each connection in the way that its first argument names: end, destroy.
const fs = require("node:fs");
const tls = require("node:tls");

const [ending, port, certificate, key] = process.argv.slice(2);
const options = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
const pmu = tls.createServer(options, (pdc) => {
  pdc.once("data", () => {
    for (let number = 1; number < 10; number++) pdc.write(`This is PMU data ${number}`);
    pdc.write("This is PMU data 10", () => (ending === "destroy" ? pdc.destroy() : pdc.end()));
  });
  pdc.on("error", () => {});
});
pmu.listen(Number(port), "0.0.0.0");
