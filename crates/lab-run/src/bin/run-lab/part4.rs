//! A multicast receiver, two senders, and the answers of the programme (Q18 to Q21).

use labnet::Error;
use mock_servers::ServerName;

use crate::{
    runner::{DEADLINE, ExperimentError, Runner, check},
    servers::RunningServers,
};

const GROUP: &str = "224.1.1.1";

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    runner.experiment("A receiver shows the programme, two opinions, and the answers to them (Q18, Q21)", opinions)
}

fn opinions(runner: &Runner) -> Result<(), ExperimentError> {
    let servers = RunningServers::start(runner, &["multicast"])?;
    let on_loopback = [GROUP, &servers.port(ServerName::Multicast)?, "--interface", "127.0.0.1"];
    let mut receiver = runner.start("part4-receiver", &on_loopback)?;
    receiver.line_with("join the group", DEADLINE, |line| line.text.contains("joined"))?;
    receiver.line_with("show a line of the play", DEADLINE, |line| line.text.starts_with("swcmTV: "))?;

    for (identity, opinion) in [("123456", "This Romeo should look before he leaps. "), ("654321", "Très émouvant ! ")]
    {
        let [group, port, interface, address] = on_loopback;
        let mut sender = runner.start("part4-sender", &[group, port, identity, interface, address])?;
        // More than 300 characters, in two lines.
        let line = opinion.repeat(160 / opinion.chars().count() + 1);
        sender.input(format!("{line}\n{line}\n").as_bytes());
        let sender = runner.finish(sender)?;
        check("the sender ends with status 0 and shows nothing", sender.code() == 0 && sender.stdout.is_empty())?;
        let awaited = format!("show the answer to {identity}");
        receiver
            .line_with(&awaited, DEADLINE, |line| line.text.starts_with("swcmTV: ") && line.text.contains(identity))?;
    }

    receiver.interrupt();
    let shown = runner.finish(receiver)?.stdout();
    for identity in ["123456: ", "654321: "] {
        check("both lines of each sender", shown.lines().filter(|line| line.starts_with(identity)).count() == 2)?;
    }
    Ok(())
}
