//! A wire that is cut anywhere.

use std::{
    fs,
    io::Read,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self},
    thread,
    time::Duration,
};

use lab_process::Outcome;
use lab_test::{PATIENCE, finish, patient};
use secure_channel::steps::Step;
use socket2::SockRef;

use crate::{
    SERVER,
    place::Place,
    served::{LONG, Leave, MESSAGE, SHORT, check_failed},
};

/// What a wire between both programs carries from the server to the client, and what happens then.
#[derive(Clone, Copy, Debug)]
struct Cut {
    after: u64,
    leave: Leave,
}

/// A session over a wire that is cut: the outcomes of server and client, and how much passed from one to the other.
fn session_over(place: &Place, step: Step, cut: Cut) -> (Outcome, Outcome, u64) {
    let patience = if cut.leave == Leave::Not { SHORT } else { LONG };
    let options = [&["--once", "--message-file", "message"], &patience[..]].concat();
    let mut server = place.start(SERVER, &[&["--port", "0", "--step", &step.to_string()], &options[..]].concat());
    let is_note = |line: &lab_process::Line| line.text.starts_with("note: listening on ");
    let note = server.line_with("listen", PATIENCE, is_note).unwrap_or_else(|failure| panic!("{failure}"));
    let address: SocketAddr = note.text.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let connects = ["--connect-timeout", if cut.leave == Leave::Not { "2" } else { "100" }];
    let client = place.client(step, at, &[&["--quiet"], &patience[..], &connects].concat());
    let (sender, carried) = mpsc::channel();
    thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let (client, server) = (patient(client), patient(TcpStream::connect(address).unwrap()));
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = std::io::copy(&mut &client, &mut &server);
                let _ = server.shutdown(Shutdown::Write);
            });
            let n = std::io::copy(&mut (&server).take(cut.after), &mut &client).unwrap_or(0);
            let _ = sender.send(n);
            match cut.leave {
                Leave::Fin => client.shutdown(Shutdown::Write).unwrap_or(()),
                Leave::Reset | Leave::Close => {
                    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
                    // Ends the other direction, which holds the stream open.
                    let _ = client.shutdown(Shutdown::Both);
                }
                Leave::Not => {}
            }
            // What is cut off is lost.
            let _ = std::io::copy(&mut &server, &mut std::io::sink());
        });
    });
    let client = finish(client);
    (finish(server), client, carried.recv_timeout(PATIENCE).unwrap())
}

#[test]
fn a_wire_that_is_cut_anywhere_is_noticed_by_both_sides_and_nothing_of_the_message_is_shown() {
    let place = Place::new();
    let message = "0123456789\n".repeat(10_000);
    fs::write(place.0.path().join("message"), &message).unwrap();
    for step in [Step::Secure, Step::Tls] {
        let (server, client, all) = session_over(&place, step, Cut { after: u64::MAX, leave: Leave::Fin });
        assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
        assert!(client.stdout() == message && all > message.len() as u64, "{all}");
        let begins = all - message.len() as u64;
        thread::scope(|scope| {
            for after in [0, 1, begins / 2, begins, all / 2, all - 40, all - 1] {
                for leave in [Leave::Not, Leave::Fin] {
                    let place = &place;
                    scope.spawn(move || {
                        let cut = Cut { after, leave };
                        let (server, client, _) = session_over(place, step, cut);
                        let words: &[&str] = match (leave, step) {
                            (Leave::Not, _) => &["nothing received from ", "in time"],
                            (_, Step::Tls) => &["within the TLS handshake", "without close_notify"],
                            _ => &["ended the connection where more ("],
                        };
                        check_failed(&client, words);
                        assert_eq!(client.stdout(), "", "{cut:?}");
                        check_failed(&server, &["127.0.0.1:"]);
                    });
                }
            }
        });
    }
}

#[test]
fn in_step_plain_a_message_that_was_cut_is_taken_for_the_whole() {
    let place = Place::new();
    fs::write(place.0.path().join("message"), MESSAGE).unwrap();
    let (server, client, _) = session_over(&place, Step::Plain, Cut { after: 50, leave: Leave::Fin });
    assert_eq!((server.code(), client.code()), (0, 0), "{}{}", server.stderr(), client.stderr());
    assert_eq!(client.stdout, [&MESSAGE[..50], b"\n"].concat());
}
