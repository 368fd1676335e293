//! The packets of a command, and the file that they are in.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use lab_test::PATIENCE;
use serde_json::{Value, json};

use crate::{
    lab::{scene, sibling},
    shown::{connections, lines, ten_messages},
};

#[test]
fn what_passed_is_kept_when_the_command_switches_the_interface_off() {
    scene(&["python3", "ip"], |lab| {
        let outcome = lab.run(&["--", "sh", "-c", "python3 -c \"$1\" && ip link set lo down", "sh", WORDS]);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        let counts = lab.count("capture.pcapng");
        assert_eq!((counts["flows"].as_array().unwrap().len(), &counts["dropped"]), (4, &json!(0)), "{counts}");
        assert!(outcome.elapsed < PATIENCE / 6, "{:?}", outcome.elapsed);
    });
}

/// A word in each direction, by TCP and by UDP, over both families.
const WORDS: &str = "
import socket
for family, host in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
    listener = socket.socket(family)
    listener.bind((host, 6001)); listener.listen()
    client = socket.create_connection((host, 6001))
    server, _ = listener.accept()
    client.sendall(b'ping'); assert server.recv(9) == b'ping'
    server.sendall(b'pong!'); assert client.recv(9) == b'pong!'
    client.close(); assert server.recv(9) == b''
    server.close()
    one, other = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
    other.bind((host, 6002))
    one.sendto(b'ping', (host, 6002)); data, sender = other.recvfrom(9)
    other.sendto(b'pong!', sender); assert one.recv(9) == b'pong!'
";

#[test]
fn the_file_holds_each_packet_of_the_command_once_and_no_others() {
    scene(&["python3"], |lab| {
        let outcome = lab.run(&["--out", "words.pcapng", "--", "python3", "-c", WORDS]);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        let counts = lab.count("words.pcapng");
        let flows = counts["flows"].as_array().unwrap();
        let ways = |flow: &Value| {
            let way = |way: &Value| {
                [&way["packets_with_payload"], &way["bytes"], &way["syn"], &way["fin"]].map(|v| v.as_u64().unwrap())
            };
            (
                flow["protocol"].as_str().unwrap().to_owned(),
                flow["server"].as_str().unwrap().to_owned(),
                way(&flow["sent"]),
                way(&flow["received"]),
            )
        };
        let of = |protocol: &str, server: &str, flags: u64| {
            (protocol.to_owned(), server.to_owned(), [1, 4, flags, flags], [1, 5, flags, flags])
        };
        assert_eq!(
            flows.iter().map(ways).collect::<Vec<_>>(),
            [
                of("TCP", "127.0.0.1:6001", 1),
                of("UDP", "127.0.0.1:6002", 0),
                of("TCP", "[::1]:6001", 1),
                of("UDP", "[::1]:6002", 0)
            ]
        );
        let in_flows: u64 = flows
            .iter()
            .flat_map(|flow| [&flow["sent"], &flow["received"]])
            .map(|way| way["packets"].as_u64().unwrap())
            .sum();
        assert_eq!(
            (&counts["frames"], &counts["received"], &counts["dropped"]),
            (&json!(in_flows), &json!(in_flows), &json!(0))
        );
        assert_eq!((&counts["others"], &counts["error"]), (&json!({}), &Value::Null));
        // Nothing was said twice, and the file says so too.
        assert!(
            flows.iter().all(
                |flow| flow["sent"]["retransmitted_packets"] == 0 && flow["received"]["retransmitted_packets"] == 0
            )
        );
    });
}

const OUTLOOK: &str = "
import socket, sys
for name in sys.argv[2:]:
    try: print(name, *sorted({found[4][0] for found in socket.getaddrinfo(name, 5003)}))
    except socket.gaierror: print(name, 'unknown')
for target in ('127.0.0.1', int(sys.argv[1])), ('192.0.2.1', 9), ('2001:db8::1', 9):
    try: socket.create_connection(target, 5); print(target[0], 'connected')
    except OSError as error: print(target[0], type(error).__name__, error.errno)
";

#[test]
fn inside_are_the_names_of_the_lab_and_there_is_no_way_out() {
    scene(&["python3"], |lab| {
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = outside.local_addr().unwrap().port().to_string();
        let known = ["localhost", "tcpip.epfl.ch", "lab3.iw.epfl.ch", "lab3.iew.epfl.ch"];
        let unknown = ["server", "www.epfl.ch", "lab.invalid"];
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let names = [&known[..], &unknown, &[hostname.trim()]].concat();
        let outcome = lab.run(&[&["--", "python3", "-c", OUTLOOK, &port][..], &names].concat());
        let mut expected: Vec<String> = known.iter().map(|name| format!("{name} 127.0.0.1 ::1")).collect();
        expected.extend(names[known.len()..].iter().map(|name| format!("{name} unknown")));
        // ECONNREFUSED and ENETUNREACH.
        expected.extend(
            ["127.0.0.1 ConnectionRefusedError 111", "192.0.2.1 OSError 101", "2001:db8::1 OSError 101"]
                .map(str::to_owned),
        );
        if hostname.trim() == "localhost" {
            expected.retain(|line| line != "localhost unknown");
        }
        assert_eq!(outcome.stdout().lines().collect::<Vec<_>>(), expected, "{}", outcome.stderr());
        outside.set_nonblocking(true).unwrap();
        outside.accept().unwrap_err();
    });
}

#[test]
fn a_part_finds_the_mock_servers_under_their_names_without_an_option() {
    scene(&["mock-servers", "part2-pdc", "part3-reset", "part5-ws"], |lab| {
        let outcome = lab.run(&["--mock-servers", "--", "part2-pdc", "CMD_short:0"]);
        assert_eq!((outcome.code(), outcome.stdout()), (0, ten_messages()), "{}", outcome.stderr());
        let counts = lab.count("capture.pcapng");
        let [connection] = connections(&counts)[..] else { panic!("{counts}") };
        assert_eq!(
            (&connection["server"], &connection["received"]["stream_bytes"]),
            (&json!("127.0.0.1:5003"), &json!(181))
        );
        let outcome = lab.run(&["--mock-servers", "--", "part5-ws", "CMD_short:0"]);
        assert_eq!((outcome.code(), outcome.stdout()), (0, ten_messages()), "{}", outcome.stderr());
        let outcome = lab.run(&["--mock-servers", "--", "part3-reset"]);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    });
}

#[test]
fn runs_at_the_same_time_do_not_meet() {
    scene(&["mock-servers", "part2-pdc"], |lab| {
        let outs = ["one.pcapng", "two.pcapng", "three.pcapng"];
        // Each has its servers until it is told to go on.
        let script = "part2-pdc CMD_short:0; read word; part2-pdc CMD_short:0";
        let mut runs = outs.map(|out| lab.start(&["--out", out, "--mock-servers", "--", "sh", "-c", script]));
        for run in &mut runs {
            run.line_with("show messages", PATIENCE, |line| line.text == "This is PMU data 10").unwrap();
        }
        for (mut run, out) in runs.into_iter().zip(outs) {
            run.input(b"on\n");
            let outcome = run.finish(PATIENCE).unwrap();
            assert_eq!((outcome.code(), outcome.stdout()), (0, ten_messages().repeat(2)), "{}", outcome.stderr());
            assert_eq!(connections(&lab.count(out)).len(), 2);
        }
    });
}

#[test]
fn over_a_path_the_first_message_goes_alone_and_the_others_together() {
    scene(&["mock-servers", "part2-pdc"], |lab| {
        let server = "mock-servers --no-cork --bind 10.9.0.43 pmu";
        let outcome = lab.run(&["--server", server, "--path", "delay=25ms", "--", "part2-pdc", "CMD_short:0"]);
        assert_eq!((outcome.code(), outcome.stdout()), (0, ten_messages()), "{}", outcome.stderr());
        let flow = &lab.count("capture.pcapng")["flows"][0];
        assert!(flow["client"].as_str().unwrap().starts_with("10.9.0.5:"), "{flow}");
        assert_eq!((&flow["server"], &flow["received"]["packets_with_payload"]), (&json!("10.9.0.43:5003"), &json!(2)));
        let shown = lab.show("capture.pcapng");
        assert!(shown.contains("<---- 18 B: This is PMU data 1 ----"), "{shown}");
        assert!(shown.contains(" 163 B: This is PMU data 2"), "{shown}");
        // Two round trips of 50 ms: the SYN and the command. The end of the answer does not wait for an acknowledgement.
        let time = |way: &str, end: &str| flow[way][end].as_str().unwrap().parse::<f64>().unwrap();
        let seconds = time("received", "last") - time("sent", "first");
        assert!(seconds >= 0.1, "{seconds}");
    });
}

#[test]
fn what_a_path_loses_is_seen_to_come_late_or_again() {
    scene(&["mock-servers", "part2-pdc"], |lab| {
        let outcome = lab.run(&["--mock-servers", "--path", "delay=2ms,loss=0.2", "--", "part2-pdc", "CMD_floodme"]);
        assert_eq!((outcome.code(), outcome.stdout().len()), (0, 65_537), "{}", outcome.stderr());
        let counts = lab.count("capture.pcapng");
        let received = &connections(&counts)[0]["received"];
        let number = |name: &str| received[name].as_u64().unwrap();
        assert_eq!(number("stream_bytes"), 65_536);
        assert!(number("late_packets") + number("retransmitted_packets") > 0, "{counts}");
        assert!(number("bytes") >= 65_536 && counts["dropped"] == 0, "{counts}");
    });
}

#[test]
fn packets_are_cut_where_the_user_wants_it() {
    scene(&["mock-servers", "part2-pdc"], |lab| {
        lab.run(&["--snaplen", "128", "--mock-servers", "--", "part2-pdc", "CMD_floodme"]);
        let counts = lab.count("capture.pcapng");
        assert_eq!(connections(&counts)[0]["received"]["stream_bytes"], 65_536, "{counts}");
        assert!(fs::metadata(lab.folder().join("capture.pcapng")).unwrap().len() < 10_000);
    });
}

#[test]
fn a_tls_connection_can_be_read_from_the_file_alone_and_only_by_its_owner() {
    scene(&["mock-servers", "part6-pdc"], |lab| {
        // One of that name is replaced, with its rights.
        let file = lab.folder().join("tls.pcapng");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let outcome = lab.run(&[
            "--out",
            "tls.pcapng",
            "--mock-servers",
            "--",
            "part6-pdc",
            "CMD_short:0",
            "certs/cacert.pem",
            "--server",
            "localhost:5007",
        ]);
        assert_eq!((outcome.code(), outcome.stdout()), (0, ten_messages()), "{}", outcome.stderr());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        let shown = lab.show("tls.pcapng");
        assert_eq!(shown.matches("Finished [decrypted]").count(), 2, "{shown}");
        assert!(shown.contains("Certificate [decrypted]"), "{shown}");
        let arguments = ["-n", "-r", "tls.pcapng", "-d", "tcp.port==5007,tls", "-z", "follow,tls,ascii,0", "-q"];
        if let Some(outcome) = lab.tool("tshark", &arguments) {
            let text = outcome.stdout();
            assert!(text.contains("CMD_short:0") && text.contains("This is PMU data 10"), "{text}");
        }
    });
}

#[test]
fn pythons_key_log_is_kept_too() {
    scene(&["mock-servers", "python3"], |lab| {
        let script = "
import socket, ssl
context = ssl.create_default_context(cafile='certs/cacert.pem')
with context.wrap_socket(socket.create_connection(('localhost', 5007)), server_hostname='localhost') as pmu:
    pmu.sendall(b'CMD_short:0')
    while data := pmu.recv(4096): print(data.decode(), end='')
";
        let outcome = lab.run(&["--mock-servers", "--", "python3", "-c", script]);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        assert!(outcome.stdout().contains("This is PMU data 10"));
        assert_eq!(lab.show("capture.pcapng").matches("Finished [decrypted]").count(), 2);
    });
}

#[test]
fn three_hosts_show_the_man_in_the_middle() {
    scene(&["ttp", "tls-server", "tls-proxy", "tls-client"], |lab| {
        for arguments in [
            &["init", "--dir", "certs"][..],
            &["issue", "server", "--dir", "certs", "--san", "server"],
            &["init", "--any-name", "--dir", "evil"],
        ] {
            assert_eq!(lab.tool("ttp", arguments).unwrap().code(), 0);
        }
        let server = "tls-server certs/server_cert.pem certs/server_key.pem --bind 10.9.0.43";
        let proxy = "tls-proxy --ca evil/cacert.pem evil/cakey.pem --listen 10.9.0.143:8443 --to server:4433 --cafile certs/cacert.pem";
        let client =
            ["tls-client", "server", "8443", "--connect", "10.9.0.143", "--cafile", "evil/cacert.pem", "--http", "/"];
        let outcome = lab.run(&[&["--server", server, "--proxy", proxy, "--"][..], &client].concat());
        let (stdout, stderr) = (outcome.stdout(), outcome.stderr());
        assert_eq!(outcome.code(), 0, "{stderr}");
        // The server saw the proxy, and the client what it was deceived with; servers speak on stderr.
        assert!(stdout.contains("<td>10.9.0.143:") && stdout.contains("from evil/cacert.pem"), "{stdout}");
        assert!(
            stderr.contains("sni=server \"GET / HTTP/1.1\" 200") && stderr.contains("the victim is deceived"),
            "{stderr}"
        );
        let flow = &lab.count("capture.pcapng")["flows"][0];
        assert!(flow["client"].as_str().unwrap().starts_with("10.9.0.5:"), "{flow}");
        assert_eq!(flow["server"], "10.9.0.143:8443");
        assert_eq!(lab.show("capture.pcapng").matches("Finished [decrypted]").count(), 2);
        // The server itself trusts its own CA only: past the proxy, the client is not deceived.
        let client = ["tls-client", "server", "4433", "--cafile", "evil/cacert.pem"];
        assert_eq!(lab.run(&[&["--server", server, "--"][..], &client].concat()).code(), 1);
    });
}

/// Stops whoever captures, which is its parent, sends more datagrams than the kernel keeps for it, and lets it go on.
const BURST: &str = "
import os, signal, socket, sys
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); receiver.bind(('127.0.0.1', 6002))
os.kill(os.getppid(), signal.SIGSTOP)
for _ in range(int(sys.argv[1])): receiver.sendto(b'x' * 60000, ('127.0.0.1', 6002)); receiver.recv(60000)
os.kill(os.getppid(), signal.SIGCONT)
";

#[test]
fn packets_that_were_missed_are_counted_and_told() {
    scene(&["unshare", "python3"], |lab| {
        // What the kernel keeps for a user without rights, twice; root could have 1 GiB.
        let max = fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap().trim().parse::<u64>().unwrap();
        if max > 64 << 20 {
            return lab.skip(&format!("the kernel keeps {max} bytes for everyone"));
        }
        let datagrams = (2 * max / 60_000 + 100).to_string();
        let program = sibling("lab-capture");
        let command =
            ["--user", "--map-root-user", program.to_str().unwrap(), "run", "--", "python3", "-c", BURST, &datagrams];
        let outcome = lab.tool("unshare", &command).unwrap();
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        let counts = lab.count("capture.pcapng");
        let number = |name: &str| counts[name].as_u64().unwrap();
        assert!(number("dropped") > 0, "{counts}");
        assert_eq!(number("received"), number("frames") + number("dropped"));
        let warning = format!("warning: {} packets were missed", number("dropped"));
        assert_eq!(lines(&outcome.stderr(), &warning).len(), 1, "{}", outcome.stderr());
    });
}
