//! The books of each TCP connection: who counted what, and whether it agrees to the byte.
//!
//! ```text
//! program ─► kernel ─► path ─► capture ─► kernel ─► program ─► output
//! sends      segments  losses  packets    segments  recv calls  lines
//!  server's end                            client's end
//! ```
//!
//! What is not known makes no check: the entry says so. A check that fails says in its numbers what may be the cause.

use lab_testbed::facts::{Echo, Layer, Measurements, Transfer};

use crate::sheet::Account;

mod book;
mod direction;
mod program;
#[cfg(test)]
mod tests;

use book::Book;
use direction::Direction;

/// The books of every connection that was measured.
pub fn accounts(evidence: &Measurements) -> Vec<Account> {
    let shorts = [&evidence.short_at_once, &evidence.short_paced].into_iter().filter_map(|finding| finding.measured());
    let floods = evidence.floods.measured().into_iter().flatten();
    let websockets = [&evidence.websocket_short, &evidence.websocket_flood];
    let websockets = websockets.into_iter().filter_map(|finding| finding.measured());
    let sessions = evidence.tls.iter().filter_map(|finding| finding.measured());

    let mut accounts: Vec<Account> = evidence.echo.measured().map(echo).into_iter().collect();
    accounts.extend(shorts.map(|transfer| account(Kind::Stream, transfer, None)));
    accounts.extend(floods.map(|flood| account(Kind::Stream, &flood.transfer, flood.recv_buffer)));
    accounts.extend(websockets.map(|transfer| account(Kind::WebSocket, transfer, None)));
    accounts.extend(sessions.map(|session| account(Kind::Tls, &session.transfer, None)));
    accounts
}

/// What the programs talk over the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What is sent is received (part 1).
    Echo,
    /// Messages and nothing else (part 2).
    Stream,
    /// Messages in frames, after an upgrade (part 5).
    WebSocket,
    /// Messages in records, after a handshake (part 6).
    Tls,
}

impl Kind {
    /// Whether the server, and the client, may be the one that closes first.
    fn may_close_first(self) -> (bool, bool) {
        match self {
            Self::Echo => (false, true),
            Self::Stream => (true, false),
            // After the close frame or close_notify, each end may close when it likes.
            Self::WebSocket | Self::Tls => (true, true),
        }
    }
}

fn account(kind: Kind, transfer: &Transfer, recv_buffer: Option<u64>) -> Account {
    let mut book = Book::default();
    program::server(&mut book, transfer);
    there(&mut book, kind, transfer);
    program::client(&mut book, kind, transfer, recv_buffer);
    back(&mut book, kind, transfer);
    if kind == Kind::Stream {
        let (command, sent) = (transfer.command.len() as u64, transfer.to_server.distinct_bytes);
        book.equal("The client sent its command and nothing else", &[command], sent);
    }
    book.close(&transfer.experiment)
}

fn echo(echo: &Echo) -> Account {
    let (transfer, mut book) = (&echo.transfer, Book::default());
    let (sent, returned) = (transfer.to_server.distinct_bytes, transfer.to_client.distinct_bytes);
    there(&mut book, Kind::Echo, transfer);
    back(&mut book, Kind::Echo, transfer);
    book.equal("The server sent back as many bytes as it had received", &[sent], returned);
    for (who, output, bytes) in [("server", &echo.server_output, sent), ("client", &echo.client_output, returned)] {
        let pieces = Echo::received_pieces(output);
        book.entry(&format!("the {who}'s output"), None, None, Some(pieces.iter().sum()), "a line for each recv()");
        book.equal(format!("The {who} showed every byte that it received"), &pieces, bytes);
    }
    book.close(&transfer.experiment)
}

/// From the server to the client.
fn there(book: &mut Book, kind: Kind, transfer: &Transfer) {
    book.check(
        "The capture missed no packet",
        match transfer.missed_by_capture {
            0 => "0 = 0".to_owned(),
            missed => format!("{missed} missed: what they carried is in no count of the capture"),
        },
        transfer.missed_by_capture == 0,
    );
    let there = Direction {
        from: "server",
        to: "client",
        packets: &transfer.to_client,
        sender: transfer.server_kernel.as_ref(),
        receiver: transfer.client_kernel.as_ref(),
        is_captured_at_sender: false,
        counts_syn: false,
        receiver_may_close_first: kind.may_close_first().1,
        path: transfer.path_to_client,
    };
    there.keep(book);
}

/// From the client to the server.
fn back(book: &mut Book, kind: Kind, transfer: &Transfer) {
    let back = Direction {
        from: "client",
        to: "server",
        packets: &transfer.to_server,
        sender: transfer.client_kernel.as_ref(),
        receiver: transfer.server_kernel.as_ref(),
        is_captured_at_sender: true,
        counts_syn: true,
        receiver_may_close_first: kind.may_close_first().0,
        path: transfer.path_to_server,
    };
    back.keep(book);
}

/// The bytes of the answer itself: those of the layer, or all where there is no other layer.
fn message_bytes(kind: Kind, transfer: &Transfer) -> Option<u64> {
    if transfer.layers.iter().any(|part| part.layer == Layer::Messages) {
        return Some(transfer.layer(Layer::Messages));
    }
    (kind == Kind::Stream).then_some(transfer.to_client.distinct_bytes)
}
