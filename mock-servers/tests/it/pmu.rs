//! The PMU of part 2 among its clients: quick and slow ones, silent and rude ones (handout, section 2; Q10 to Q14).

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Mutex,
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use lab_test::{PATIENCE, uninterrupted};
use labnet::{
    net::{self, ClientLimits, ClientStream, Clock, Deadline, NoCommand},
    pmu::{Device, FLOOD_LEN, MAX_COMMAND_LEN},
};
use mock_servers::{Events, Running, ServerSettings, pmu};

/// How long we listen before we say that nothing comes: never too long, at worst too short to notice.
const A_MOMENT: Duration = Duration::from_millis(150);

const TEN: &str = "This is PMU data 1This is PMU data 2This is PMU data 3This is PMU data 4This is PMU data 5\
                   This is PMU data 6This is PMU data 7This is PMU data 8This is PMU data 9This is PMU data 10";

fn config(device: Device) -> pmu::Config {
    pmu::Config { port: 0, device, cork: true, ..pmu::Config::default() }
}

/// The handout's PMU, on a free port.
fn serve() -> Running {
    pmu::spawn(&config(Device::default()), &ServerSettings::default()).unwrap()
}

/// A PMU with other limits, and what it reports.
fn serve_within(limits: ClientLimits, device: Device) -> (Running, Receiver<String>) {
    let (sender, events) = mpsc::channel();
    let report = Events::new(move |event| drop(sender.send(event.to_string())));
    let site = ServerSettings { limits, events: report, ..ServerSettings::default() };
    (pmu::spawn(&config(device), &site).unwrap(), events)
}

fn await_event(events: &Receiver<String>, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    let mut heard = Vec::new();
    while !heard.last().is_some_and(|event: &String| event.contains(words)) {
        let left = deadline.saturating_duration_since(Instant::now());
        heard.push(events.recv_timeout(left).unwrap_or_else(|_| panic!("no '{words}' among {heard:?}")));
    }
}

fn connect(pmu: &Running) -> TcpStream {
    let client = TcpStream::connect_timeout(&pmu.address(), PATIENCE).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client.set_nodelay(true).unwrap();
    client
}

fn say(client: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    client.write_all(bytes.as_ref()).unwrap();
}

/// All that comes, to the FIN: a reset is an error.
fn rest(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn assert_nothing_comes(client: &mut TcpStream) {
    client.set_read_timeout(Some(A_MOMENT)).unwrap();
    let error = uninterrupted(|| client.read(&mut [0; 100])).expect_err("something came");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    client.set_read_timeout(Some(PATIENCE)).unwrap();
}

/// What the handout's PMU answers to `sent`.
fn check(sent: impl AsRef<[u8]>, expected: &str) {
    let pmu = serve();
    let mut client = connect(&pmu);
    say(&mut client, &sent);
    assert_eq!(rest(&mut client), expected, "{}", sent.as_ref().escape_ascii());
}

// Commands.

#[test]
fn q10_a_command_is_answered_with_ten_messages_and_the_end_of_the_stream() {
    check("CMD_short:0", TEN);
    check("CMD_short:0.01", TEN);
}

#[test]
fn q14_a_flood_is_always_the_same_text() {
    let pmu = serve();
    let floods = [0; 2].map(|_| {
        let mut client = connect(&pmu);
        say(&mut client, "CMD_floodme");
        rest(&mut client)
    });
    assert_eq!(floods[0].len(), FLOOD_LEN);
    assert_eq!(FLOOD_LEN, 65_536);
    assert!(floods[0] == floods[1]);
    assert!(floods[0].is_ascii());
    assert!(floods[0].lines().last().unwrap().contains("is the last"));
}

#[test]
fn white_space_after_a_command_is_ignored() {
    for end in ["\n", "\r\n", " ", "\t\n"] {
        check(format!("CMD_short:0{end}"), TEN);
    }
}

#[test]
fn a_command_in_pieces_is_answered_when_it_is_whole() {
    let pmu = serve();
    let mut client = connect(&pmu);
    for piece in ["CMD_", "short", ":"] {
        say(&mut client, piece);
        assert_nothing_comes(&mut client);
    }
    say(&mut client, "0");
    assert_eq!(rest(&mut client), TEN);
}

#[test]
fn a_command_in_pieces_is_whole_at_half_close() {
    let pmu = serve();
    let mut client = connect(&pmu);
    say(&mut client, "CMD_shor");
    assert_nothing_comes(&mut client);
    say(&mut client, "t:0");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), TEN);
}

#[test]
fn an_unknown_command_is_closed_with_a_fin_and_no_answer() {
    for wrong in ["HELLO", "CMD_short:x", "CMD_short:-1", "cmd_short:0", "CMD_short:0 0", "CMD_floodme!", "\0"] {
        check(wrong, "");
    }
    check(b"\xff\xfe", "");

    let pmu = serve();
    let mut client = connect(&pmu);
    say(&mut client, [b'x'; 64 * 1024]);
    assert_eq!(rest(&mut client), "");
    // After a reset this would fail.
    say(&mut client, "x");
}

#[test]
fn a_command_that_is_too_long_is_unknown_however_it_goes_on() {
    let of_length = |len: usize| "CMD_short:".to_owned() + &"0".repeat(len - "CMD_short:".len());
    check(of_length(MAX_COMMAND_LEN), TEN);
    check(of_length(MAX_COMMAND_LEN + 1), "");
    check(of_length(64 * 1024), "");
}

#[test]
fn a_client_that_ends_before_its_command_does_is_reported() {
    let (pmu, events) = serve_within(ClientLimits::default(), Device::default());
    drop(connect(&pmu));
    await_event(&events, "left without a command");
    for beginning in ["CMD_", "CMD_short:", "CMD_short:1.", "CMD_short:3601", "\n"] {
        let mut client = connect(&pmu);
        say(&mut client, beginning);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut client), "", "{beginning:?}");
        await_event(&events, &format!("unknown command '{}'", beginning.escape_debug()));
    }
}

#[test]
fn a_client_that_never_stops_is_closed() {
    let (pmu, events) = serve_within(ClientLimits::default(), Device::default());
    let mut client = connect(&pmu);
    while client.write_all(&[b'x'; 4096]).is_ok() {}
    await_event(&events, "unknown command 'xxx");
    let mut client = connect(&pmu);
    say(&mut client, "CMD_short:0");
    assert_eq!(rest(&mut client), TEN);
}

/// A client whose every recv is written down: pieces of a command, and silences.
struct Script(VecDeque<Event>);

#[derive(Clone, Copy)]
enum Event {
    Piece(&'static str),
    /// Nothing for as long as the server would wait.
    Silence,
    End,
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.pop_front().expect("a read after the last event") {
            Event::Piece(piece) => piece.as_bytes().read(buffer),
            Event::Silence => Err(ErrorKind::WouldBlock.into()),
            Event::End => Ok(0),
        }
    }
}

impl Write for Script {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ClientStream for Script {
    fn set_patience(&mut self, patience: Option<Duration>) -> io::Result<()> {
        assert_ne!(patience, Some(Duration::ZERO));
        Ok(())
    }
}

/// What a server takes for the command when exactly these events happen.
fn check_events(events: &[Event], expected: &str) {
    let mut peer = Script(events.iter().copied().collect());
    let heard = match net::receive_command(&mut peer, Deadline::after(PATIENCE)) {
        Ok(command) => command.to_string(),
        Err(NoCommand::Unknown(bytes)) => format!("unknown: {}", bytes.escape_ascii()),
        Err(NoCommand::Silent) => "silent".to_owned(),
        Err(NoCommand::Broken(error)) => panic!("{error}"),
    };
    assert_eq!(heard, expected);
    assert_eq!(peer.0.len(), 0, "it did not wait for the rest");
}

#[test]
fn a_command_may_grow_until_a_silence_or_the_end() {
    use Event::{End, Piece, Silence};
    check_events(&[Piece("CMD_short:1")], "CMD_short:1");
    check_events(&[Piece("CMD_"), Piece("short:1"), Silence], "CMD_short:1");
    check_events(&[Piece("CMD_short:"), Piece("1"), Piece("0"), Silence], "CMD_short:10");
    check_events(&[Piece("CMD_short:"), Piece("1"), Piece("."), Piece("5"), End], "CMD_short:1.5");
    check_events(&[Piece("CMD_flood"), Piece("me"), Piece("\n"), Silence], "CMD_floodme");
    check_events(&[Piece("CMD_short:"), Piece("1"), Piece("."), End], "unknown: CMD_short:1.");
    check_events(&[Piece("CMD_short:"), Piece("1"), Piece("x")], "unknown: CMD_short:1x");
    check_events(&[Piece("CMD_short:"), Silence], "silent");
    check_events(&[Silence], "silent");
    check_events(&[End], "unknown: ");
}

// Clients that are slow, silent, rude, or many.

fn impatient() -> ClientLimits {
    ClientLimits { silence: Duration::from_millis(300), ..ClientLimits::default() }
}

#[test]
fn a_silent_client_is_closed_after_the_time_for_a_command() {
    for said in ["", "CMD_sh"] {
        let begun = Instant::now();
        let (pmu, events) = serve_within(impatient(), Device::default());
        let mut client = connect(&pmu);
        say(&mut client, said);
        assert_eq!(rest(&mut client), "");
        // A system counts a socket's time in ticks, of which the first may be short.
        assert!(begun.elapsed() + Duration::from_millis(20) >= impatient().silence);
        await_event(&events, "too slow with its command");
    }
}

#[test]
fn the_time_for_a_command_does_not_begin_anew_with_each_byte() {
    let (pmu, events) = serve_within(impatient(), Device::default());
    let mut client = connect(&pmu);
    // Eleven bytes, each well in time, take longer than a command may.
    client.set_read_timeout(Some(impatient().silence / 2)).unwrap();
    for byte in b"CMD_short:0" {
        let _ = client.write_all(&[*byte]).and_then(|()| client.read(&mut [0]));
    }
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(event.contains("too slow with its command"), "{event}");
}

#[test]
fn two_hundred_silent_clients_do_not_stop_an_answer_to_another() {
    net::raise_descriptor_limit();
    let pmu = serve();
    let silent: Vec<_> = (0..200).map(|_| connect(&pmu)).collect();
    let mut client = connect(&pmu);
    say(&mut client, "CMD_short:0");
    assert_eq!(rest(&mut client), TEN);
    drop(silent);
}

#[test]
fn clients_that_send_without_end_or_never_read_do_not_stop_an_answer_to_another() {
    let device = Device { flood: vec![b'x'; 64 << 20].into(), ..Device::default() };
    let (pmu, _events) = serve_within(ClientLimits::default(), device);
    let greedy: Vec<_> = (0..8)
        .map(|_| {
            let mut client = connect(&pmu);
            say(&mut client, "CMD_floodme");
            client
        })
        .collect();
    let (end, ended) = mpsc::channel::<()>();
    let address = pmu.address();
    let talkers = std::thread::spawn(move || {
        let mut talkers = Vec::new();
        while ended.try_recv() == Err(mpsc::TryRecvError::Empty) {
            talkers.resize_with(8, || TcpStream::connect_timeout(&address, PATIENCE).unwrap());
            // Read on for a second after its unknown command; then it is a reset.
            talkers.retain_mut(|client: &mut TcpStream| client.write_all(&[b'x'; 64 * 1024]).is_ok());
        }
    });
    for _ in 0..10 {
        let mut client = connect(&pmu);
        say(&mut client, "CMD_short:0");
        assert_eq!(rest(&mut client), TEN);
    }
    drop(end);
    talkers.join().unwrap();
    drop(greedy);
}

#[test]
fn an_end_of_the_server_cuts_the_pauses_of_its_clients_short() {
    let (pmu, events) = serve_within(ClientLimits::default(), Device::default());
    let mut client = connect(&pmu);
    say(&mut client, "CMD_short:3600");
    client.read_exact(&mut [0; "This is PMU data 1".len()]).unwrap();
    drop(pmu);
    assert_eq!(rest(&mut client), "");
    drop(client);
    await_event(&events, "CMD_short:3600: answered in 1 send");
}

/// Threads of this process, which other tests have too.
#[cfg(target_os = "linux")]
#[test]
fn five_hundred_clients_do_not_have_a_thread_each() {
    net::raise_descriptor_limit();
    let pmu = serve();
    let mut clients: Vec<_> = (0..500).map(|_| connect(&pmu)).collect();
    clients.iter_mut().for_each(|client| say(client, "CMD_short:3600"));
    clients.iter_mut().for_each(|client| client.read_exact(&mut [0; "This is PMU data 1".len()]).unwrap());
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    assert!(threads < 400, "{threads} threads");
}

#[test]
fn a_client_that_vanishes_in_the_middle_costs_nothing() {
    let device = Device { messages: 1_000_000, ..Device::default() };
    let (pmu, events) = serve_within(ClientLimits::default(), device);
    let mut client = connect(&pmu);
    say(&mut client, "CMD_short:0.01");
    client.read_exact(&mut [0; "This is PMU data 1".len()]).unwrap();
    drop(client);
    await_event(&events, "CMD_short:0.01: gone: ");

    let mut client = connect(&pmu);
    say(&mut client, "CMD_short:0.01");
    client.read_exact(&mut [0; "This is PMU data 1".len()]).unwrap();
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let limits = ClientLimits { stall: Duration::from_millis(300), ..ClientLimits::default() };
    // More than the buffers of two sockets hold.
    let device = Device { flood: vec![b'x'; 64 << 20].into(), ..Device::default() };
    let (pmu, events) = serve_within(limits, device);
    let mut client = connect(&pmu);
    say(&mut client, "CMD_floodme");
    await_event(&events, "CMD_floodme: gone: it did not take what it was sent within 0.3 s");
    // Not with a FIN, which would say that this was the flood.
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn at_the_cap_further_clients_get_their_end_at_once_and_are_reported_once() {
    let limits = ClientLimits { connections: 2, ..ClientLimits::default() };
    let (pmu, events) = serve_within(limits, Device::default());
    for round in 0..2 {
        let mut served = [connect(&pmu), connect(&pmu)];
        // A client of the round before has a permit for a moment after its event.
        while round > 0 && {
            rest(&mut connect_and_end(&pmu));
            !served.iter().all(is_admitted)
        } {
            served = [connect(&pmu), connect(&pmu)];
        }
        for _ in 0..100 {
            let mut further = connect(&pmu);
            // What it says is read, so that its end is no reset.
            let _ = further.write_all(b"CMD_short:0");
            assert_eq!(rest(&mut further), "");
        }
        for client in &mut served {
            say(client, "CMD_short:0");
            assert_eq!(rest(client), TEN);
        }
        drop(served);
        let (mut answered, mut overloads) = (0, 0);
        while answered < 2 {
            match events.recv_timeout(PATIENCE).unwrap() {
                event if event.contains("answered in 10 sends") => answered += 1,
                event if event.contains("without a command") => {}
                event => {
                    assert_eq!(event, "pmu 2 clients are connected, the most allowed: further ones are turned away");
                    overloads += 1;
                }
            }
        }
        assert!(overloads == 1 || round > 0 && overloads > 0, "{overloads} in round {round}");
    }
}

/// A client that says that it is done.
fn connect_and_end(pmu: &Running) -> TcpStream {
    let client = connect(pmu);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    client
}

/// Whether a client was not turned away: a third one, which comes after it, has had its end.
fn is_admitted(client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    let peeked = client.peek(&mut [0]);
    client.set_nonblocking(false).unwrap();
    matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn four_thousand_clients_may_be_connected_unless_told_otherwise() {
    assert_eq!(ClientLimits::default().connections, 4096);
}

/// How many bytes wait to be sent to clients, as the system counts them.
#[cfg(target_os = "linux")]
fn unsent(pmu: &Running, clients: &[TcpStream]) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ours: Vec<String> =
        clients.iter().map(|client| format!(":{:04X}", client.local_addr().unwrap().port())).collect();
    let from = format!(":{:04X}", pmu.address().port());
    let queues = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, remote, queues) = (fields.get(1)?, fields.get(2)?, fields.get(4)?);
        let is_ours = local.ends_with(&from) && ours.iter().any(|port| remote.ends_with(port));
        u64::from_str_radix(queues.split(':').next()?, 16).ok().filter(|_| is_ours)
    });
    queues.sum()
}

#[cfg(target_os = "linux")]
#[test]
fn little_is_kept_for_clients_that_never_read_a_flood() {
    const CLIENTS: usize = 50;
    let device = Device { flood: vec![b'x'; 64 << 20].into(), ..Device::default() };
    let (pmu, _events) = serve_within(ClientLimits::default(), device);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(&pmu)).collect();
    clients.iter_mut().for_each(|client| say(client, "CMD_floodme"));
    // Until all are full: then nothing changes any more.
    let (mut kept, deadline) = (0, Instant::now() + PATIENCE);
    loop {
        std::thread::sleep(A_MOMENT);
        let now = unsent(&pmu, &clients);
        if now == kept && now > 0 {
            break;
        }
        assert!(Instant::now() < deadline);
        kept = now;
    }
    // 1,024 such clients: 128 MiB.
    assert!(kept <= CLIENTS as u64 * 128 * 1024, "{kept} bytes for {CLIENTS} clients");
}

// The answer itself, on a clock and a stream of ours.

/// A clock on which every pause passes at once, up to a number of them.
struct Pauses {
    made: Mutex<Vec<Duration>>,
    most: usize,
}

impl Pauses {
    fn up_to(most: usize) -> Self {
        Self { made: Mutex::new(Vec::new()), most }
    }
}

impl Clock for Pauses {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn pause(&self, duration: Duration) -> bool {
        let mut made = self.made.lock().unwrap();
        made.push(duration);
        made.len() <= self.most
    }
}

/// A stream that keeps each send apart.
#[derive(Default)]
struct Sends(Vec<String>);

impl Write for Sends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// It says nothing.
impl Read for Sends {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl ClientStream for Sends {
    fn set_patience(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

/// The sends and pauses of an answer; all pauses after `most` are cut short.
fn answer(config: &pmu::Config, command: &str, most: usize) -> (Vec<String>, Vec<Duration>) {
    let (mut sends, clock) = (Sends::default(), Pauses::up_to(most));
    pmu::answer(&mut sends, config, &command.parse().unwrap(), &clock).unwrap();
    (sends.0, clock.made.into_inner().unwrap())
}

#[test]
fn q11_d_is_the_pause_between_two_sends() {
    for cork in [true, false] {
        let config = pmu::Config { cork, ..config(Device::default()) };
        let (sends, pauses) = answer(&config, "CMD_short:1.5", usize::MAX);
        assert_eq!(sends.len(), 10);
        assert_eq!(sends.concat(), TEN);
        assert_eq!(pauses, [Duration::from_millis(1500); 9]);
    }
}

#[test]
fn q12_with_d_0_the_messages_leave_together_unless_told_otherwise() {
    for (cork, sends) in [(true, 1), (false, 10)] {
        let config = pmu::Config { cork, ..config(Device::default()) };
        let (sent, pauses) = answer(&config, "CMD_short:0", usize::MAX);
        assert_eq!((sent.len(), sent.concat().as_str(), pauses.len()), (sends, TEN, 0));
    }
}

#[test]
fn what_is_held_back_is_bounded() {
    let config = config(Device { messages: 100_000, ..Device::default() });
    let (sends, _) = answer(&config, "CMD_short:0", usize::MAX);
    assert!(sends.iter().all(|send| send.len() <= 64 * 1024));
    assert!(sends.len() < 100);
    assert!(sends.concat().ends_with("This is PMU data 99999This is PMU data 100000"));
}

#[test]
fn q14_a_flood_is_one_send() {
    let (sends, pauses) = answer(&config(Device::default()), "CMD_floodme", usize::MAX);
    assert_eq!((sends.len(), sends[0].len(), pauses.len()), (1, FLOOD_LEN, 0));
}

#[test]
fn a_pause_that_is_cut_short_ends_the_answer() {
    let (sends, _) = answer(&config(Device::default()), "CMD_short:3600", 2);
    assert_eq!(sends, ["This is PMU data 1", "This is PMU data 2", "This is PMU data 3"]);
}

// Start and end.

#[test]
fn a_port_that_is_taken_is_named_in_the_error() {
    let pmu = serve();
    let config = pmu::Config { port: pmu.address().port(), ..config(Device::default()) };
    let error = pmu::spawn(&config, &ServerSettings::default()).expect_err("the port is taken");
    assert!(error.to_string().contains(&pmu.address().to_string()), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn the_pmu_is_reached_over_ipv4_alone() {
    let pmu = serve();
    assert_eq!(pmu.addresses().len(), 1);
    assert!(pmu.address().is_ipv4() && pmu.address().ip().is_loopback() && pmu.address().port() > 0);
}

#[test]
fn a_server_that_is_dropped_ends_its_answers_and_closes_its_port() {
    let pmu = serve();
    let mut client = connect(&pmu);
    say(&mut client, "CMD_short:3600");
    client.read_exact(&mut [0; "This is PMU data 1".len()]).unwrap();
    let address = pmu.address();
    drop(pmu);
    assert_eq!(rest(&mut client), "");
    // Its thread may still be on the way to its end; until then a client is let in, or turned out.
    let deadline = Instant::now() + PATIENCE;
    let is_refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
    while !TcpStream::connect_timeout(&address, PATIENCE).is_err_and(is_refused) {
        assert!(Instant::now() < deadline, "{address} is still open");
    }
}
