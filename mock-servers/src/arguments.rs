//! The command line of the servers, and the configuration that it means.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{
    Parser, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use labnet::{
    Error, cli,
    net::{ClientLimits, Interface, ScopedIp, Server},
    pmu::{Device, FLOOD_LEN, FloodText},
    ws::FrameType,
};
use mock_servers::{
    Config, Event, Events, ServerName, ServerSettings,
    fault::{self, Fault, FaultRule},
    multicast, pmu, proxy,
    reset::{self, OtherFamily, Schedule},
    tls::{self, CertificateSource},
    ws, zoo,
};

/// The servers of the handout; the zoo is there on request.
const DEFAULT_SERVERS: &[ServerName] =
    &[ServerName::Pmu, ServerName::Reset, ServerName::Multicast, ServerName::Ws, ServerName::Tls];

/// How events are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EventFormat {
    /// A line of text for each
    Text,
    /// A JSON object on a line for each
    Json,
}

impl EventFormat {
    /// One line.
    pub(super) fn format(self, event: &Event) -> String {
        match self {
            Self::Text => event.to_string(),
            // What cannot be JSON (a path that is not UTF-8) is better shown than lost.
            Self::Json => labnet::escape::json(event).unwrap_or_else(|_| event.to_string()),
        }
    }
}

/// Run the servers of the socket lab on this machine
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  mock-servers                                   all but zoo and proxy
  mock-servers pmu ws --first 0 --messages 17    as in a later edition
  mock-servers reset --family ipv6 --loss 0.9    a PMU that is hard to reach
  mock-servers multicast --interval 0.2 --record heard.jsonl
  mock-servers zoo                               TLS servers that --list lists
  mock-servers pmu --fault slice=3 --fault-for 2=reset=40
  mock-servers proxy --to localhost:5003 --fault delay=200
  mock-servers --pmu-port 0 --reset-port 0 --multicast-port 0 \\
      --ws-port 0 --tls-port 0 --seed 1          free ports

Prints 'listening NAME PROTOCOL ADDRESS' for each socket, then 'ready', then a
line for each event; with --events json each of these lines is a JSON object, as
mock-servers/README.md describes."
)]
pub(super) struct Arguments {
    /// Which servers; by default all but zoo and proxy
    #[arg(value_enum)]
    servers: Vec<ServerName>,
    /// Fix every random choice
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// How events are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(super) events: EventFormat,
    /// The addresses to listen on, such as fe80::1%eth0; not for multicast [default: 127.0.0.1 and ::1]
    #[arg(long, value_name = "ADDR")]
    bind: Vec<ScopedIp>,
    /// How many clients of one server may be connected at once; a further one gets its end at once
    #[arg(long, value_name = "N", default_value_t = ClientLimits::default().connections, value_parser = positive)]
    max_connections: usize,
    /// Seconds that a client may take over its command
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = cli::parse_seconds)]
    client_timeout: Duration,

    /// The port of the PMU (TCP, IPv4); 0 picks a free one, as for every port
    #[arg(long, value_name = "PORT", default_value_t = pmu::Config::default().port, help_heading = "PMU, WebSocket and TLS")]
    pmu_port: u16,
    /// The port of the WebSocket PMU
    #[arg(long, value_name = "PORT", default_value_t = ws::Config::default().port, help_heading = "PMU, WebSocket and TLS")]
    ws_port: u16,
    /// How many messages answer CMD_short
    #[arg(long, value_name = "N", default_value_t = Device::default().messages, help_heading = "PMU, WebSocket and TLS")]
    messages: u64,
    /// The number of the first message
    #[arg(long, value_name = "0|1", default_value_t = Device::default().first, value_parser = clap::value_parser!(u64).range(0..=1), help_heading = "PMU, WebSocket and TLS")]
    first: u64,
    /// What follows each message; \n, \r and \t stand for themselves
    #[arg(long, value_name = "TEXT", default_value = "", help_heading = "PMU, WebSocket and TLS")]
    separator: String,
    /// What the flood is made of: plain ASCII, or characters of two to four bytes among them; the last line says that
    /// it is the last
    #[arg(long, value_name = "TEXT", default_value = "ascii", value_parser = flood_text(), help_heading = "PMU, WebSocket and TLS")]
    flood: FloodText,
    /// The length of the flood, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = FLOOD_LEN, value_parser = flood_len, help_heading = "PMU, WebSocket and TLS")]
    flood_size: usize,
    /// A file to send as the flood
    #[arg(long, value_name = "FILE", conflicts_with = "flood_size", help_heading = "PMU, WebSocket and TLS")]
    flood_file: Option<PathBuf>,
    /// Let each message of CMD_short:0 leave on its own
    #[arg(long, help_heading = "PMU, WebSocket and TLS")]
    no_cork: bool,
    /// Answer over WebSocket in text frames instead of binary ones
    #[arg(long, help_heading = "PMU, WebSocket and TLS")]
    text: bool,
    /// Answer each WebSocket message with itself, instead of commands
    #[arg(long, help_heading = "PMU, WebSocket and TLS")]
    echo: bool,
    /// Compress over WebSocket for clients that offer it (permessage-deflate)
    #[arg(long, help_heading = "PMU, WebSocket and TLS")]
    deflate: bool,

    /// The port of the TLS PMU
    #[arg(long, value_name = "PORT", default_value_t = tls::Config::default().port, help_heading = "TLS")]
    tls_port: u16,
    /// The certificate of the TLS PMU; by default one for localhost, made in certs/
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    cert: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    key: Option<PathBuf>,

    /// The port of the clock reset (UDP)
    #[arg(long, value_name = "PORT", default_value_t = reset::Config::default().port, help_heading = "Clock reset")]
    reset_port: u16,
    /// The probability with which a packet is lost
    #[arg(long, value_name = "0..1", default_value_t = reset::Config::default().loss, value_parser = probability, help_heading = "Clock reset")]
    loss: f64,
    /// Which family answers: ipv4, ipv6, both, or alternate[:SECONDS]
    #[arg(long, value_name = "FAMILY", default_value = "alternate", help_heading = "Clock reset")]
    family: Schedule,
    /// What the family does that does not answer
    #[arg(long, value_enum, default_value = "refuse", help_heading = "Clock reset")]
    other_family: OtherFamily,
    /// What stands between OFFSET and its number
    #[arg(long, value_name = "=|:", default_value_t = '=', value_parser = separator, help_heading = "Clock reset")]
    ack_separator: char,

    /// The group of the programme
    #[arg(long, value_name = "ADDR", default_value_t = multicast::Config::default().group, help_heading = "Multicast")]
    group: Ipv4Addr,
    /// The port of the programme; 10505 in later editions
    #[arg(long, value_name = "PORT", default_value_t = multicast::Config::default().port, help_heading = "Multicast")]
    multicast_port: u16,
    /// The interface of the programme: its IPv4 address or its name
    #[arg(long, value_name = "ADDR|NAME", default_value = "127.0.0.1", help_heading = "Multicast")]
    interface: Interface,
    /// Seconds from one line of the play to the next
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = cli::parse_seconds, help_heading = "Multicast")]
    interval: Duration,
    /// A text to play instead of Romeo and Juliet
    #[arg(long, value_name = "FILE", help_heading = "Multicast")]
    play: Option<PathBuf>,
    /// Answer whoever has sent more characters than this
    #[arg(long, value_name = "N", default_value_t = multicast::Config::default().threshold, help_heading = "Multicast")]
    threshold: u64,
    /// Write each datagram of the group to a file, as JSON lines
    #[arg(long, value_name = "FILE", help_heading = "Multicast")]
    record: Option<PathBuf>,

    /// What the servers do wrong, such as reset=40 or refuse@0.2; several times for several faults
    #[arg(long, value_name = "NAME[=VALUE][@P]", help_heading = "Faults")]
    fault: Vec<FaultRule>,
    /// What one client alone meets, such as 3=reset=40 for the third; for multicast, one datagram
    #[arg(long, value_name = "CLIENT=FAULT", value_parser = FaultRule::for_client, help_heading = "Faults")]
    fault_for: Vec<FaultRule>,
    /// Print all faults, one a line (how it is written, its servers, what it does, between tabs), and start nothing
    #[arg(long, help_heading = "Faults")]
    pub(super) list_faults: bool,
    /// The server behind the proxy, over TCP and UDP
    #[arg(long, value_name = "HOST:PORT", value_parser = with_port, help_heading = "Faults")]
    to: Option<Server>,
    /// The port of the proxy, over TCP and UDP
    #[arg(long, value_name = "PORT", default_value_t = proxy::Config::DEFAULT_PORT, help_heading = "Faults")]
    proxy_port: u16,

    /// The port of the zoo, of all its servers
    #[arg(long, value_name = "PORT", default_value_t = zoo::Config::default().port, help_heading = "Zoo")]
    zoo_port: u16,
    /// Where the zoo writes the certificate of its CA [default: certs/zoo_cacert.pem]
    #[arg(long, value_name = "FILE", help_heading = "Zoo")]
    zoo_ca: Option<PathBuf>,
    /// Print what is in the zoo, a case a line (name, verdict, class, reason, between tabs), and start nothing
    #[arg(long, help_heading = "Zoo")]
    pub(super) list: bool,
}

impl Arguments {
    /// What the servers need to know; random where the command line leaves it open.
    pub(super) fn config(&self, events: Events) -> Result<Config, Error> {
        let settings = ServerSettings {
            bind: if self.bind.is_empty() { ServerSettings::default().bind } else { self.bind.clone() },
            limits: ClientLimits {
                connections: self.max_connections,
                silence: self.client_timeout,
                ..ClientLimits::default()
            },
            events,
            seed: self.seed.unwrap_or_else(rand::random),
            faults: self.fault.iter().chain(&self.fault_for).cloned().collect(),
        };
        let device = self.device()?;
        let servers = if self.servers.is_empty() { DEFAULT_SERVERS } else { &self.servers };
        settings.faults.iter().try_for_each(|rule| check(rule, servers))?;
        if self.cert.is_some()
            && let Some(rule) = settings.faults.iter().find(|rule| rule.fault.needs_own_certificate())
        {
            return Err(rule.fault.without_own_certificate());
        }
        let runs = |name| servers.contains(&name);
        Ok(Config {
            pmu: runs(ServerName::Pmu).then(|| pmu::Config {
                port: self.pmu_port,
                device: device.clone(),
                cork: !self.no_cork,
                ..pmu::Config::default()
            }),
            ws: runs(ServerName::Ws).then(|| ws::Config {
                port: self.ws_port,
                device: device.clone(),
                frame_type: if self.text { FrameType::Text } else { FrameType::Binary },
                echo: self.echo,
                deflate: self.deflate,
            }),
            reset: runs(ServerName::Reset).then_some(reset::Config {
                port: self.reset_port,
                loss: self.loss,
                schedule: self.family,
                other_family: self.other_family,
                separator: self.ack_separator,
                ..reset::Config::default()
            }),
            tls: runs(ServerName::Tls).then(|| tls::Config {
                port: self.tls_port,
                device: device.clone(),
                certificate: match (&self.cert, &self.key) {
                    (Some(certificate), Some(key)) => {
                        CertificateSource::Files { certificate: certificate.clone(), key: key.clone() }
                    }
                    _ => tls::Config::default().certificate,
                },
            }),
            zoo: runs(ServerName::Zoo).then(|| zoo::Config {
                port: self.zoo_port,
                ca: self.zoo_ca.clone().unwrap_or(zoo::Config::default().ca),
            }),
            multicast: if runs(ServerName::Multicast) { Some(self.multicast()?) } else { None },
            proxy: match &self.to {
                Some(to) if runs(ServerName::Proxy) => Some(proxy::Config { port: self.proxy_port, to: to.clone() }),
                None if runs(ServerName::Proxy) => {
                    return Err(Error::Usage("proxy needs the server behind it: --to HOST:PORT".to_owned()));
                }
                Some(_) => {
                    return Err(Error::Usage("--to is of the server proxy, which is not among these".to_owned()));
                }
                None => None,
            },
            settings,
        })
    }

    fn device(&self) -> Result<Device, Error> {
        let flood = match &self.flood_file {
            Some(path) => read(path)?,
            None => self.flood.text(self.flood_size),
        };
        let separator = self.separator.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t");
        Ok(Device { first: self.first, messages: self.messages, separator, flood: flood.into() })
    }

    fn multicast(&self) -> Result<multicast::Config, Error> {
        let default = multicast::Config::default();
        let play = match &self.play {
            Some(path) => String::from_utf8_lossy(&read(path)?).lines().map(str::to_owned).collect(),
            None => default.play,
        };
        Ok(multicast::Config {
            group: self.group,
            port: self.multicast_port,
            interface: self.interface,
            interval: self.interval,
            play,
            threshold: self.threshold,
            record: self.record.clone(),
        })
    }
}

/// Refuses a fault that none of these servers has, or that cannot be for some of their clients.
fn check(rule: &FaultRule, servers: &[ServerName]) -> Result<(), Error> {
    if !servers.iter().any(|&server| rule.is_of(server)) {
        let name = rule.fault.name();
        let of: Vec<String> = fault::table::find(name)
            .into_iter()
            .flat_map(|entry| entry.servers())
            .map(|server| server.to_string())
            .collect();
        return Err(Error::Usage(format!(
            "the fault '{name}' is of {}, and none of these is started here",
            of.join(", ")
        )));
    }
    if matches!(rule.fault, Fault::Icmp(_)) && (rule.client.is_some() || rule.probability.is_some()) {
        return Err(Error::Usage("the fault 'icmp' closes the port for all clients".to_owned()));
    }
    Ok(())
}

fn with_port(text: &str) -> Result<Server, String> {
    let server: Server = text.parse().map_err(|error: Error| error.to_string())?;
    if server.has_port() { Ok(server) } else { Err("expected HOST:PORT".to_owned()) }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { attempt: "read", path: path.display().to_string(), source })
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "expected a number from 1".to_owned())
}

fn flood_text() -> impl TypedValueParser<Value = FloodText> {
    PossibleValuesParser::new(["ascii", "utf-8"])
        .map(|name| if name == "utf-8" { FloodText::Utf8 } else { FloodText::Ascii })
}

/// Up to 4 GiB: a flood is held in memory, once for all clients.
fn flood_len(text: &str) -> Result<usize, String> {
    let len = text.parse().ok().filter(|&len| len as u64 <= 1 << 32);
    len.ok_or_else(|| "expected a number of bytes, at most 4294967296".to_owned())
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a probability from 0 to 1".to_owned())
}

fn separator(text: &str) -> Result<char, String> {
    match text {
        "=" => Ok('='),
        ":" => Ok(':'),
        _ => Err("expected = or :".to_owned()),
    }
}
