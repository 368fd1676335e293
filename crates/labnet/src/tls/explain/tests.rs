//! Every error of rustls is in words of ours.

use rustls::{
    AlertDescription, CertRevocationListError, ContentType, EncryptedClientHelloError, HandshakeType, InconsistentKeys,
    InvalidMessage, PeerIncompatible, PeerMisbehaved,
    pki_types::{ServerName, UnixTime},
};

use super::*;

/// Each variant of an enum, as an error of rustls.
macro_rules! each {
    ($of:ident: $($variant:ident $(($value:expr))?),* $(,)?) => {
        vec![$((stringify!($variant), TlsError::from($of::$variant $(($value))?))),*]
    };
}

fn messages() -> Vec<(&'static str, TlsError)> {
    each!(InvalidMessage:
        CertificatePayloadTooLarge, HandshakePayloadTooLarge, InvalidCcs, InvalidContentType, InvalidCertificateStatusType,
        InvalidCertRequest, InvalidDhParams, InvalidEmptyPayload, InvalidKeyUpdate, InvalidServerName, MessageTooLarge,
        MessageTooShort, MissingData("ClientHelloPayload"), MissingKeyExchange, NoSignatureSchemes,
        TrailingData("KeyShareEntry"), UnexpectedMessage("HelloRequest"), UnknownProtocolVersion, UnsupportedCompression,
        UnsupportedCurveType, EmptyTicketValue, IllegalEmptyList("KeyShares"), IllegalEmptyValue, DuplicateExtension(51),
        PreSharedKeyIsNotFinalExtension, UnknownHelloRetryRequestExtension, UnknownCertificateExtension,
    )
}

fn misbehaviours() -> Vec<(&'static str, TlsError)> {
    each!(PeerMisbehaved:
        AttemptedDowngradeToTls12WhenTls13IsSupported, BadCertChainExtensions, CipherSuiteDifferedOnRetry,
        DisallowedEncryptedExtension, DuplicateClientHelloExtensions, DuplicateEncryptedExtensions,
        DuplicateHelloRetryRequestExtensions, DuplicateNewSessionTicketExtensions, DuplicateServerHelloExtensions,
        DuplicateServerNameTypes, EarlyDataAttemptedInSecondClientHello, EarlyDataExtensionWithoutResumption,
        EarlyDataOfferedWithVariedCipherSuite, EchAcceptanceVariedAfterRetry, HandshakeHashVariedAfterRetry,
        IllegalHelloRetryRequestWithEmptyCookie, IllegalHelloRetryRequestWithNoChanges,
        IllegalHelloRetryRequestWithOfferedGroup, IllegalHelloRetryRequestWithUnofferedCipherSuite,
        IllegalHelloRetryRequestWithUnofferedNamedGroup, IllegalHelloRetryRequestWithUnsupportedVersion,
        IllegalHelloRetryRequestWithWrongSessionId, IllegalHelloRetryRequestWithInvalidEch,
        IllegalMiddleboxChangeCipherSpec, IllegalTlsInnerPlaintext, IncorrectBinder, InvalidCertCompression,
        InvalidMaxEarlyDataSize, InvalidKeyShare, KeyEpochWithPendingFragment, KeyUpdateReceivedInQuicConnection,
        MessageInterleavedWithHandshakeMessage, MissingBinderInPskExtension, MissingKeyShare,
        MissingPskExtensionInSecondClientHello, MissingPskModesExtension, MissingQuicTransportParameters,
        OfferedDuplicateCertificateCompressions, OfferedDuplicateKeyShares, OfferedEarlyDataWithOldProtocolVersion,
        OfferedEmptyApplicationProtocol, OfferedIncorrectCompressions, PskExtensionMustBeLast,
        PskExtensionWithMismatchedIdsAndBinders, RefusedToFollowHelloRetryRequest,
        RejectedEarlyDataInterleavedWithHandshakeMessage, ResumptionAttemptedWithVariedEms,
        ResumptionOfferedWithVariedCipherSuite, ResumptionOfferedWithVariedEms,
        ResumptionOfferedWithIncompatibleCipherSuite, SelectedDifferentCipherSuiteAfterRetry, SelectedInvalidPsk,
        SelectedTls12UsingTls13VersionExtension, SelectedUnofferedApplicationProtocol, SelectedUnofferedCertCompression,
        SelectedUnofferedCipherSuite, SelectedUnofferedCompression, SelectedUnofferedKxGroup, SelectedUnofferedPsk,
        SelectedUnusableCipherSuiteForVersion, ServerEchoedCompatibilitySessionId,
        ServerHelloMustOfferUncompressedEcPoints, ServerNameDifferedOnRetry, ServerNameMustContainOneHostName,
        SignedKxWithWrongAlgorithm, SignedHandshakeWithUnadvertisedSigScheme, TooManyEmptyFragments,
        TooManyKeyUpdateRequests, TooManyRenegotiationRequests, TooManyWarningAlertsReceived, TooMuchEarlyDataReceived,
        UnexpectedCleartextExtension, UnsolicitedCertExtension, UnsolicitedEncryptedExtension, UnsolicitedSctList,
        UnsolicitedServerHelloExtension, WrongGroupForKeyShare, UnsolicitedEchExtension,
    )
}

fn incompatibilities() -> Vec<(&'static str, TlsError)> {
    each!(PeerIncompatible:
        EcPointsExtensionRequired, ExtendedMasterSecretExtensionRequired, IncorrectCertificateTypeExtension,
        KeyShareExtensionRequired, NamedGroupsExtensionRequired, NoCertificateRequestSignatureSchemesInCommon,
        NoCipherSuitesInCommon, NoEcPointFormatsInCommon, NoKxGroupsInCommon, NoSignatureSchemesInCommon,
        NullCompressionRequired, ServerDoesNotSupportTls12Or13, ServerSentHelloRetryRequestWithUnknownExtension,
        ServerTlsVersionIsDisabledByOurConfig, SignatureAlgorithmsExtensionRequired, SupportedVersionsExtensionRequired,
        Tls12NotOffered, Tls12NotOfferedOrEnabled, Tls13RequiredForQuic, UncompressedEcPointsRequired,
        UnsolicitedCertificateTypeExtension, ServerRejectedEncryptedClientHello(None),
    )
}

fn certificates() -> Vec<(&'static str, TlsError)> {
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_234_567));
    let mut all = each!(CertificateError:
        BadEncoding, Expired, NotValidYet, Revoked, UnhandledCriticalExtension, UnknownIssuer, UnknownRevocationStatus,
        ExpiredRevocationList, BadSignature, NotValidForName, InvalidPurpose, InvalidOcspResponse,
        ApplicationVerificationFailure, Other(OtherError(Arc::new(io::Error::other("of another library")))),
    );
    let of = |error: CertificateError| ("with context", TlsError::from(error));
    all.push(of(CertificateError::ExpiredContext { time, not_after: time }));
    all.push(of(CertificateError::NotValidYetContext { time, not_before: time }));
    all.push(of(CertificateError::ExpiredRevocationListContext { time, next_update: time }));
    all.push(of(CertificateError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: vec![42, 3],
        supported_algorithms: Vec::new(),
    }));
    all.push(of(CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
        signature_algorithm_id: vec![42, 3],
        public_key_algorithm_id: vec![42, 4],
    }));
    for presented in [vec![], vec!["DnsName(\"a.test\")".to_owned(), "IpAddress(0::1)".to_owned()]] {
        let expected = ServerName::try_from("b.test").unwrap();
        all.push(of(CertificateError::NotValidForNameContext { expected, presented }));
    }
    use webpki::Error as E;
    for error in [
        E::CaUsedAsEndEntity,
        E::CertDistrusted,
        E::EmptyEkuExtension,
        E::EndEntityUsedAsCa,
        E::ExtensionValueInvalid,
        E::InvalidNetworkMaskConstraint,
        E::InvalidSerialNumber,
        E::MalformedDnsIdentifier,
        E::MalformedExtensions,
        E::MalformedNameConstraint,
        E::MaximumNameConstraintComparisonsExceeded,
        E::MaximumPathBuildCallsExceeded,
        E::MaximumPathDepthExceeded,
        E::MaximumSignatureChecksExceeded,
        E::NameConstraintViolation,
        E::PathLenConstraintViolated,
        E::SignatureAlgorithmMismatch,
        E::UnsupportedCertVersion,
        E::UnsupportedCriticalExtension,
        E::UnsupportedNameType,
        E::UnsupportedDeltaCrl,
    ] {
        all.push(("of webpki", crate::tls::chain::tls_error(error)));
    }
    all
}

fn others() -> Vec<(&'static str, TlsError)> {
    let alerts = (0..=u8::MAX).map(|number| ("alert", TlsError::AlertReceived(AlertDescription::from(number))));
    let records = [0, 20, 21, 22, 23, 24, 255].map(|number| {
        let got_type = ContentType::from(number);
        ("record", TlsError::InappropriateMessage { expect_types: vec![ContentType::Handshake], got_type })
    });
    let messages = [0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 24, 99].map(|number| {
        let got_type = HandshakeType::from(number);
        let expect_types = vec![HandshakeType::Finished];
        ("message", TlsError::InappropriateHandshakeMessage { expect_types, got_type })
    });
    let rest = [
        TlsError::NoCertificatesPresented,
        TlsError::UnsupportedNameType,
        TlsError::DecryptError,
        TlsError::EncryptError,
        TlsError::FailedToGetCurrentTime,
        TlsError::FailedToGetRandomBytes,
        TlsError::HandshakeNotComplete,
        TlsError::PeerSentOversizedRecord,
        TlsError::NoApplicationProtocol,
        TlsError::BadMaxFragmentSize,
        TlsError::General("a text of the library".to_owned()),
        TlsError::Other(OtherError(Arc::new(io::Error::other("of another library")))),
        InconsistentKeys::KeyMismatch.into(),
        TlsError::InvalidEncryptedClientHello(EncryptedClientHelloError::InvalidConfigList),
        CertRevocationListError::ParseError.into(),
    ];
    let rest = rest.into_iter().map(|error| ("other", error));
    alerts.chain(records).chain(messages).chain(rest).collect()
}

#[test]
fn no_text_of_the_library_reaches_anybody() {
    for (variant, error) in [messages(), misbehaviours(), incompatibilities(), certificates(), others()].concat() {
        let words = complaint(&error);
        assert!(!words.contains(&error.to_string()) && !words.contains(&format!("{error:?}")), "{words}");
        assert!(!words.contains(variant) || variant.chars().skip(1).all(char::is_lowercase), "{variant}: {words}");
        for theirs in ["http", "rustls", "Context", "peer", "received", "library", "UNIX", "DnsName", "Payload"] {
            assert!(!words.contains(theirs), "{variant}: {words}");
        }
        assert!(words.len() < 300 && !words.ends_with('.'), "{words}");
        // So it is also where an error of the system holds it.
        let shown = in_words(io::Error::new(io::ErrorKind::InvalidData, error));
        assert_eq!((shown.to_string(), shown.kind()), (words.clone(), io::ErrorKind::InvalidData));
        assert_eq!(fault_within(&shown), Some(words));
    }
    let bare = in_words(io::Error::new(io::ErrorKind::UnexpectedEof, "see https://docs.rs/rustls"));
    assert_eq!(bare.to_string(), "the stream ended without close_notify");
    assert_eq!(fault_within(&bare), None);
}

#[test]
fn only_what_is_no_record_of_tls_is_no_tls() {
    for (variant, error) in [messages(), misbehaviours(), incompatibilities(), certificates(), others()].concat() {
        assert!(!complaint(&error).contains("does not speak TLS"), "{variant}");
    }
    assert_eq!(fault_within(&no_tls()).as_deref(), Some("does not speak TLS"));
}

#[test]
fn a_peer_that_breaks_the_rules_is_told_by_the_rule() {
    let check =
        |error: TlsError, words: &str| assert!(complaint(&error).contains(words), "{error:?}: {}", complaint(&error));
    check(InvalidMessage::HandshakePayloadTooLarge.into(), "64 KiB");
    check(InvalidMessage::IllegalEmptyList("KeyShares").into(), "empty");
    check(InvalidMessage::InvalidContentType.into(), "heartbeat");
    check(PeerIncompatible::NoCipherSuitesInCommon.into(), "no cipher suite in common");
    check(PeerIncompatible::Tls12NotOfferedOrEnabled.into(), "no TLS version in common");
}

#[test]
fn what_has_no_variant_in_rustls_is_found_by_its_type() {
    let of_webpki = |error: webpki::Error| CertificateError::Other(OtherError(Arc::new(error))).into();
    assert!(complaint(&of_webpki(webpki::Error::NameConstraintViolation)).contains("may not vouch"));
    // A text of ours is never taken for one of theirs, however it begins.
    let ours = CertificateFault::from("NameConstraintViolation, says the check");
    assert_eq!(complaint(&ours.into()), "NameConstraintViolation, says the check");
}

#[test]
fn alerts_are_named_as_in_the_rfc() {
    let name = |number: u8| complaint(&TlsError::AlertReceived(AlertDescription::from(number)));
    assert!(name(40).ends_with(" handshake_failure") && name(48).ends_with(" unknown_ca"));
    assert!(name(115).ends_with(" unknown_psk_identity") && name(112).ends_with(" unrecognized_name"));
    assert!(name(200).ends_with(" number 200"), "{}", name(200));
}
