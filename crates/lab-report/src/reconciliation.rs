//! The reconciliation of each TCP connection: the counts of programs, kernels, path and capture agree to the byte.
//!
//! ```text
//! program ─► kernel ─► path ─► capture ─► kernel ─► program ─► output
//! sends      segments  losses  packets    segments  recv calls  lines
//!  server's end                            client's end
//! ```
//!
//! An unknown count makes no check: its entry says so. The numbers of a failed check show the difference.

use lab_testbed::facts::{Echo, Layer, Measurements, Transfer};

use labnet::escape::escape;

use crate::sheet::Reconciliation;

mod builder;
mod direction;
mod ending;
mod program;
#[cfg(test)]
mod tests;

use builder::ReconciliationBuilder;
use direction::DirectionChecks;

/// The reconciliation of every measured connection, in the order of the handout.
pub fn reconcile(measurements: &Measurements) -> Vec<Reconciliation> {
    let shorts = [
        &measurements.short_at_once,
        &measurements.short_paced,
        &measurements.short_open,
        &measurements.short_no_delay,
        &measurements.short_pieces,
    ];
    let shorts = shorts.into_iter().filter_map(|measurement| measurement.measured());
    let floods = measurements.floods.measured().into_iter().flatten();
    let websockets = [&measurements.websocket_short, &measurements.websocket_flood];
    let websockets = websockets.into_iter().filter_map(|measurement| measurement.measured());
    let sessions = measurements.tls.iter().filter_map(|measurement| measurement.measured());

    let mut reconciliations: Vec<Reconciliation> = measurements.echo.measured().map(echo).into_iter().collect();
    reconciliations.extend(shorts.map(|transfer| reconciliation(Application::Stream, transfer, None)));
    reconciliations.extend(floods.map(|flood| reconciliation(Application::Stream, &flood.transfer, flood.recv_buffer)));
    let flood_utf8 = measurements.flood_utf8.measured();
    reconciliations.extend(flood_utf8.map(|transfer| reconciliation(Application::Stream, transfer, None)));
    reconciliations.extend(websockets.map(|transfer| reconciliation(Application::WebSocket, transfer, None)));
    reconciliations.extend(sessions.map(|session| reconciliation(Application::Tls, &session.transfer, None)));
    reconciliations
}

/// The application protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Application {
    /// The server returns every byte (part 1).
    Echo,
    /// Messages without framing (part 2).
    Stream,
    /// Messages in WebSocket frames, after an upgrade (part 5).
    WebSocket,
    /// Messages in TLS records, after a handshake (part 6).
    Tls,
}

impl Application {
    /// Whether the server may close first, and whether the client may.
    fn may_close_first(self) -> (bool, bool) {
        match self {
            Self::Echo => (false, true),
            Self::Stream => (true, false),
            // After the close frame or close_notify, each end may close when it likes.
            Self::WebSocket | Self::Tls => (true, true),
        }
    }
}

fn reconciliation(application: Application, transfer: &Transfer, recv_buffer: Option<u64>) -> Reconciliation {
    let mut builder = ReconciliationBuilder::default();
    program::server(&mut builder, transfer);
    server_to_client(&mut builder, application, transfer);
    program::client(&mut builder, application, transfer, recv_buffer);
    client_to_server(&mut builder, application, transfer);
    if application == Application::Stream {
        command(&mut builder, transfer);
    }
    builder.finish(&transfer.experiment)
}

/// The bytes of the command count, not only their number.
fn command(builder: &mut ReconciliationBuilder, transfer: &Transfer) {
    let claim = "The client sent its command and nothing else";
    match transfer.used_attempt() {
        Some(attempt) if attempt.request != transfer.command.as_bytes() => {
            let numbers = format!("`{}` was sent, not `{}`", escape(&attempt.request), escape(&transfer.command));
            builder.check(claim, numbers, false);
        }
        _ => builder.equal(claim, &[transfer.command.len() as u64], transfer.to_server.distinct_bytes),
    }
}

fn echo(echo: &Echo) -> Reconciliation {
    let (transfer, mut builder) = (&echo.transfer, ReconciliationBuilder::default());
    let (sent, returned) = (transfer.to_server.distinct_bytes, transfer.to_client.distinct_bytes);
    server_to_client(&mut builder, Application::Echo, transfer);
    client_to_server(&mut builder, Application::Echo, transfer);
    builder.equal("The server sent back as many bytes as it had received", &[sent], returned);
    for (who, output, bytes) in [("server", &echo.server_output, sent), ("client", &echo.client_output, returned)] {
        let pieces = Echo::received_pieces(output);
        builder.entry(&format!("the {who}'s output"), None, None, Some(pieces.iter().sum()), "a line for each recv()");
        builder.equal(format!("The {who} showed every byte that it received"), &pieces, bytes);
    }
    builder.finish(&transfer.experiment)
}

/// The checks from the server to the client.
fn server_to_client(builder: &mut ReconciliationBuilder, application: Application, transfer: &Transfer) {
    builder.check(
        "The capture missed no packet",
        match transfer.missed_by_capture {
            0 => "0 = 0".to_owned(),
            missed => format!("{missed} missed: what they carried is in no count of the capture"),
        },
        transfer.missed_by_capture == 0,
    );
    let checks = DirectionChecks {
        from: "server",
        to: "client",
        packets: &transfer.to_client,
        sender: transfer.server_kernel.as_ref(),
        receiver: transfer.client_kernel.as_ref(),
        is_captured_at_sender: false,
        counts_syn: false,
        receiver_may_close_first: application.may_close_first().1,
        may_be_refused: transfer.layer(Layer::Alerts) + transfer.layer(Layer::CloseFrame),
        path: transfer.path_to_client,
    };
    checks.add_to(builder);
}

/// The checks from the client to the server.
fn client_to_server(builder: &mut ReconciliationBuilder, application: Application, transfer: &Transfer) {
    let checks = DirectionChecks {
        from: "client",
        to: "server",
        packets: &transfer.to_server,
        sender: transfer.client_kernel.as_ref(),
        receiver: transfer.server_kernel.as_ref(),
        is_captured_at_sender: true,
        counts_syn: true,
        receiver_may_close_first: application.may_close_first().0,
        // Its command was answered: what comes after the end of the answer is close_notify, at most.
        may_be_refused: if application == Application::Echo { 0 } else { u64::MAX },
        path: transfer.path_to_server,
    };
    checks.add_to(builder);
}

/// The bytes of the messages and of what separates them: those of their layers, or all of a stream without other layers.
fn message_bytes(application: Application, transfer: &Transfer) -> Option<u64> {
    if transfer.layers.iter().any(|part| part.layer == Layer::Messages) {
        return Some(transfer.layer(Layer::Messages) + transfer.layer(Layer::Separators));
    }
    (application == Application::Stream).then_some(transfer.to_client.distinct_bytes)
}
