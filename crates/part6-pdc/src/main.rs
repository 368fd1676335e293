//! Part 6, TLS: the PDC that tests a PMU behind TLS: verifies its certificate, then talks as in part 2
//! (handout, section 6; Q25 to Q28).
//!
//! Usage: `part6-pdc CMD_short:0 cacert.pem` · `part6-pdc CMD_floodme certs/cacert.pem --server localhost:5007`

use std::process::ExitCode;

use labnet::{
    Error,
    cli::{self, Answer, Console, DefaultServer},
    tls::{Client, ClientOptions, KeyLogFile, Roots},
};

mod arguments;

use arguments::Arguments;

const PMU: DefaultServer = DefaultServer { host: "localhost", port: 5003, mock_port: 5007 };

fn main() -> ExitCode {
    cli::run(pdc)
}

fn pdc(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let server = PMU.or(arguments.at.server)?;
    let mut answer = Answer::over_tls(&arguments.command, console, arguments.stats);
    let roots = Roots::load(&arguments.ca_file)?;
    let options = ClientOptions {
        name: arguments.name,
        checks_name: !arguments.no_check_hostname,
        connect: arguments.limits.connect_deadline(),
        silence: arguments.limits.timeout,
        version: arguments.tls,
        key_log: arguments.keylog.as_deref().map(KeyLogFile::open).transpose()?,
        ..ClientOptions::trusting(roots)
    };
    let mut pmu = Client::connect(&server, &options)?;
    answer.negotiated(&pmu.negotiated());

    pmu.send(arguments.command.as_bytes())?;
    let mut buffer = vec![0; arguments.recv_buffer as usize];
    loop {
        let bytes = pmu.recv(&mut buffer).inspect_err(|_| answer.cut_short())?;
        if bytes.is_empty() {
            answer.end(&pmu)?;
            // A FIN alone can be forged by anyone on the way; close_notify cannot.
            let end = pmu.check_end();
            if let (Err(error), false) = (&end, arguments.strict) {
                console.err.warn(error);
                return Ok(());
            }
            return end;
        }
        answer.show(bytes, &pmu)?;
    }
}
