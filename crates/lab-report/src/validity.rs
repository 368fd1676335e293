//! Which measurements answers may stand on: those of valid experiments.
//!
//! A program that crashed, sent something else or stopped reading has left numbers, but not those that a question asks for.

use lab_diagnosis::{Finding, FindingId::*};
use lab_testbed::{
    ExperimentFailure,
    facts::{Measurement, Measurements, RunFacts, Scenario},
    programs::ProgramRole,
};

use labnet::{net::Family, tls::TlsVersion};

/// The measurements of a run, where those of experiments that are not valid count as failed, for the reason that was found.
pub(crate) fn valid(facts: &RunFacts) -> Measurements {
    let mut measured = facts.measured.clone();
    for finding in lab_diagnosis::observe(facts).iter().filter(|finding| invalidates(finding)) {
        let reason = finding.sentence();
        invalidate(&mut measured, finding.proof.experiment, &ExperimentFailure::Invalid { reason });
    }
    measured
}

/// Whether an experiment with such a program is not the one that the question asks for.
fn invalidates(finding: &Finding) -> bool {
    // What the receiver of a group shows of others does not depend on one sender.
    if finding.program == ProgramRole::Part4Sender {
        return false;
    }
    // A receiver that has shown nothing when it is ended leaves nothing to answer from.
    if finding.program == ProgramRole::Part4Receiver && matches!(finding.id, LateOutput | NoOutput) {
        return true;
    }
    matches!(
        finding.id,
        CouldNotStart
            | UsageError
            | Crashed
            | Killed
            | WrongCommand
            | BytesAfterCommand
            | ConnectedOverIpv6
            | FirstRecvOnly
            | WrongRequest
            | OneFamily
            | RefusalFatal
            | DecodePerRecv
            | NotJoined
            | DiesOnOtherIdentity
            | NoUpgrade
            | TextOnly
            | BinaryOnly
            | FirstMessageOnly
            | NotTls
    )
}

fn invalidate(measured: &mut Measurements, scenario: Scenario, failure: &ExperimentFailure) {
    fn fail<T>(measurement: &mut Measurement<T>, failure: &ExperimentFailure) {
        if measurement.measured().is_some() {
            *measurement = Measurement::Failed(failure.clone());
        }
    }
    let [reset_ipv4, reset_ipv6] = &mut measured.resets;
    let [series_ipv4, series_ipv6] = &mut measured.series;
    let [tls12, tls13] = &mut measured.tls;
    match scenario {
        Scenario::Datagram => fail(&mut measured.datagram, failure),
        Scenario::Echo => fail(&mut measured.echo, failure),
        Scenario::ShortAtOnce => fail(&mut measured.short_at_once, failure),
        Scenario::ShortPaced => fail(&mut measured.short_paced, failure),
        Scenario::ShortOpen => fail(&mut measured.short_open, failure),
        Scenario::ShortNoDelay => fail(&mut measured.short_no_delay, failure),
        Scenario::ShortPieces => fail(&mut measured.short_pieces, failure),
        Scenario::Flood => fail(&mut measured.floods, failure),
        Scenario::FloodUtf8 => fail(&mut measured.flood_utf8, failure),
        Scenario::Reset(Family::Ipv4) => fail(reset_ipv4, failure),
        Scenario::Reset(Family::Ipv6) => fail(reset_ipv6, failure),
        Scenario::Series(Family::Ipv4) => fail(series_ipv4, failure),
        Scenario::Series(Family::Ipv6) => fail(series_ipv6, failure),
        Scenario::Multicast => fail(&mut measured.multicast, failure),
        // No question stands on these.
        Scenario::Rounds(_) | Scenario::Guests => {}
        Scenario::WebSocketShort => fail(&mut measured.websocket_short, failure),
        Scenario::WebSocketFlood => fail(&mut measured.websocket_flood, failure),
        Scenario::WebSocketText => fail(&mut measured.websocket_text, failure),
        Scenario::WebSocketNoClose => fail(&mut measured.websocket_no_close, failure),
        Scenario::Tls(TlsVersion::Tls12) => fail(tls12, failure),
        Scenario::Tls(TlsVersion::Tls13) => fail(tls13, failure),
        Scenario::PmuClients => fail(&mut measured.pmu_clients, failure),
    }
}
