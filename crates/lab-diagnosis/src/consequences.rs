//! Which findings only follow from another one, so that a student reads the cause alone.

use crate::finding::FindingId::{self, *};

/// What a program lacks that did not get as far as the exchange.
const OF_NO_EXCHANGE: &[FindingId] =
    &[NoOutput, MissingMessages, LateOutput, FirstRecvOnly, LostTail, ClosedWithReset, ParserOnFlood, NeverEnded];

/// The same, and what a PMU lacks that ended in the middle of it.
const OF_NO_EXCHANGE_OR_ANSWER: &[FindingId] = &[
    NoOutput,
    MissingMessages,
    LateOutput,
    FirstRecvOnly,
    LostTail,
    ClosedWithReset,
    ParserOnFlood,
    NeverEnded,
    NoCloseFrame,
    NoAnswer,
    ServesOnce,
    OneMessage,
    NoCloseNotify,
    DiesOnPlainText,
];

/// What comes of messages that are cut where recv() returned.
pub(crate) const WRONG_CUTS: &[FindingId] = &[JoinedLines, NewlinePerRecv, NumberCut, FixedSizeRecv];

/// The findings that follow from one, in the same experiment.
pub(crate) fn consequences(cause: FindingId) -> &'static [FindingId] {
    match cause {
        CouldNotStart | UsageError => OF_NO_EXCHANGE,
        WrongCommand | BytesAfterCommand | NotTls | NoUpgrade => &[
            Crashed,
            NoOutput,
            MissingMessages,
            LateOutput,
            FirstRecvOnly,
            LostTail,
            ClosedWithReset,
            ParserOnFlood,
            NeverEnded,
            ExtraLines,
            NoCloseFrame,
            NoAnswer,
            ServesOnce,
        ],
        Crashed | Killed => OF_NO_EXCHANGE_OR_ANSWER,
        NeverCloses => &[ServesOnce, DiesOnPlainText],
        CommandIgnored => &[NoAnswer],
        OneVersion => &[Crashed, NeverEnded],
        NeverEnded => &[ClosedWithReset, LateOutput, NeedsCloseFrame],
        Representation => &[ExtraLines, Prefix, NewlinePerRecv, JoinedLines, NumberCut, FixedSizeRecv],
        FixedSizeRecv => &[NumberCut, JoinedLines, NewlinePerRecv],
        NumberCut | NewlinePerRecv => &[JoinedLines],
        ConnectedOverIpv6 => &[Crashed, NeverEnded, UsageError],
        DecodePerRecv => &[Crashed, NoOutput, FirstRecvOnly, LostTail, ClosedWithReset, ParserOnFlood, NewlinePerRecv],
        FirstRecvOnly => &[MissingMessages, JoinedLines, NumberCut, ClosedWithReset, LateOutput, LostTail],
        ParserOnFlood => &[NoOutput, Crashed, ClosedWithReset],
        RefusalFatal | DiesOnBinary | DiesOnOtherIdentity => &[Crashed, Killed, UsageError, NoOutput, NeverEnded],
        TextOnly | BinaryOnly => &[
            Crashed,
            Killed,
            UsageError,
            NoOutput,
            NeverEnded,
            ExtraLines,
            LostTail,
            FirstRecvOnly,
            ParserOnFlood,
            NoCloseFrame,
            NeedsCloseFrame,
        ],
        FirstMessageOnly => &[MissingMessages, LateOutput],
        OneFamily => &[NeverEnded, NoOutput, RefusalFatal, Crashed, WrongTimeout],
        WrongTimeout | NeverWaits => &[NeverEnded],
        NotJoined => &[NoOutput, LateOutput],
        NoAddressReuse => &[Crashed, Killed, UsageError],
        WrongRequest => &[NeverEnded, NoOutput, Crashed, WrongTimeout],
        NeedsBothFamilies => &[NeverEnded, SendsAfterAcknowledgement, NoOutput],
        NeedsCloseFrame => &[NeverEnded],
        _ => &[],
    }
}
