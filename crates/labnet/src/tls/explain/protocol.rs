//! Broken rules of TLS, in words: what rustls found in a peer's messages, each the end of a sentence about that peer.
//!
//! rustls may find more with each of its versions: every table ends with words that are true of anything.

use rustls::{AlertDescription, ContentType, HandshakeType, InvalidMessage, PeerIncompatible, PeerMisbehaved};

/// A message or record that cannot be read.
pub(super) fn invalid_message(error: InvalidMessage) -> String {
    use InvalidMessage as E;
    let sent = match error {
        E::HandshakePayloadTooLarge => "a handshake message of more than 64 KiB, which is more than is taken here",
        E::CertificatePayloadTooLarge => "certificates of more than 64 KiB, which is more than are taken here",
        E::MessageTooLarge => "a TLS record, or a part of a message, that is longer than the rules allow",
        E::InvalidContentType => "a record that is none of those that a handshake or data come in, such as a heartbeat",
        E::UnknownProtocolVersion => "a record with a version number that no TLS has",
        E::InvalidEmptyPayload => "an empty record where none may be",
        E::InvalidCcs => "a ChangeCipherSpec that is not one byte, 1",
        E::MessageTooShort | E::MissingData(_) => "a message that ends before all of it is there",
        E::TrailingData(_) => "a message with something behind its end",
        E::IllegalEmptyList(_) | E::IllegalEmptyValue => "a message with a part that is empty and may not be",
        E::DuplicateExtension(_) => "a message in which an extension is there twice",
        E::PreSharedKeyIsNotFinalExtension => "a ClientHello whose pre_shared_key is not its last extension",
        E::UnknownHelloRetryRequestExtension => "a HelloRetryRequest with an extension that has no place there",
        E::UnknownCertificateExtension => "a certificate with an extension of TLS that has no place there",
        E::InvalidServerName => "a server name (SNI) that cannot be read",
        E::InvalidKeyUpdate => "a KeyUpdate with a request that there is not",
        E::InvalidCertificateStatusType => "a certificate status of a type that there is not",
        E::InvalidCertRequest => "a CertificateRequest that cannot be read",
        E::InvalidDhParams | E::MissingKeyExchange => "a key exchange that cannot be read",
        E::UnsupportedCurveType | E::UnsupportedKeyExchangeAlgorithm(_) => {
            "a key exchange of a kind that was not offered"
        }
        E::UnsupportedCompression => "a message that chooses compression, which is not safe and was not offered",
        E::NoSignatureSchemes => "a message that names no signature algorithm",
        E::EmptyTicketValue => "an empty ticket",
        E::UnexpectedMessage(_) => "a message that has no place where it is",
        _ => "a message that cannot be read",
    };
    format!("broke the rules of TLS: it sent {sent}")
}

/// Messages that can be read, and contradict the rules or each other.
pub(super) fn misbehaved(why: &PeerMisbehaved) -> String {
    use PeerMisbehaved as E;
    let did = match why {
        E::SelectedUnofferedCipherSuite | E::SelectedUnusableCipherSuiteForVersion => {
            "it chose a cipher suite that was not offered"
        }
        E::SelectedDifferentCipherSuiteAfterRetry
        | E::CipherSuiteDifferedOnRetry
        | E::HandshakeHashVariedAfterRetry
        | E::ServerNameDifferedOnRetry
        | E::EchAcceptanceVariedAfterRetry => "its second hello contradicts its first",
        E::SelectedUnofferedApplicationProtocol => "it chose an application protocol (ALPN) that was not offered",
        E::OfferedEmptyApplicationProtocol => "it offered an application protocol (ALPN) without a name",
        E::SelectedUnofferedKxGroup | E::WrongGroupForKeyShare => "it chose a key exchange group that was not offered",
        E::SelectedUnofferedCompression | E::SelectedUnofferedCertCompression => {
            "it chose a compression that was not offered"
        }
        E::SelectedUnofferedPsk | E::SelectedInvalidPsk => "it chose to go on with a session that was not offered",
        E::SelectedTls12UsingTls13VersionExtension => "it chose TLS 1.2 in the way of TLS 1.3",
        E::AttemptedDowngradeToTls12WhenTls13IsSupported => {
            "it chose TLS 1.2 and can do 1.3, as if somebody on the way had removed 1.3 from what was offered"
        }
        E::IllegalHelloRetryRequestWithOfferedGroup | E::IllegalHelloRetryRequestWithNoChanges => {
            "it asked for a new hello (HelloRetryRequest) for which there is no reason"
        }
        E::IllegalHelloRetryRequestWithEmptyCookie
        | E::IllegalHelloRetryRequestWithUnofferedCipherSuite
        | E::IllegalHelloRetryRequestWithUnofferedNamedGroup
        | E::IllegalHelloRetryRequestWithUnsupportedVersion
        | E::IllegalHelloRetryRequestWithWrongSessionId
        | E::IllegalHelloRetryRequestWithInvalidEch => {
            "it asked for a new hello (HelloRetryRequest) that may not be as it asked for it"
        }
        E::RefusedToFollowHelloRetryRequest => "its second hello is not what it was asked for (HelloRetryRequest)",
        E::InvalidKeyShare => "it sent a public key for the key exchange that is none",
        E::MissingKeyShare => "it sent no public key for the key exchange",
        E::OfferedDuplicateKeyShares => "it sent two public keys for one key exchange group",
        E::DuplicateClientHelloExtensions
        | E::DuplicateEncryptedExtensions
        | E::DuplicateHelloRetryRequestExtensions
        | E::DuplicateNewSessionTicketExtensions
        | E::DuplicateServerHelloExtensions => "it sent an extension twice",
        E::DuplicateServerNameTypes | E::ServerNameMustContainOneHostName => {
            "it asked for a server name (SNI) that is none, or for two"
        }
        E::UnsolicitedCertExtension
        | E::UnsolicitedEncryptedExtension
        | E::UnsolicitedSctList
        | E::UnsolicitedServerHelloExtension
        | E::UnsolicitedEchExtension => "it answered with an extension that nobody asked for",
        E::DisallowedEncryptedExtension | E::UnexpectedCleartextExtension => {
            "it sent an extension in a message where that has no place"
        }
        E::SignedHandshakeWithUnadvertisedSigScheme | E::SignedKxWithWrongAlgorithm => {
            "it signed with an algorithm that was not offered, or is not that of its key"
        }
        E::BadCertChainExtensions => "it sent certificates with extensions of TLS that have no place there",
        E::IllegalMiddleboxChangeCipherSpec => "it sent a ChangeCipherSpec where none may be",
        E::IllegalTlsInnerPlaintext => "it sent an encrypted record without content",
        E::MessageInterleavedWithHandshakeMessage | E::KeyEpochWithPendingFragment => {
            "it sent something else in the midst of a handshake message"
        }
        E::TooManyEmptyFragments => "it sent too many empty records",
        E::TooManyKeyUpdateRequests => "it asked for new keys too often",
        E::TooManyRenegotiationRequests => {
            "it asked for new handshakes (renegotiation), which are refused here, too often"
        }
        E::TooManyWarningAlertsReceived => "it sent too many warnings",
        E::IncorrectBinder | E::MissingBinderInPskExtension | E::PskExtensionWithMismatchedIdsAndBinders => {
            "it did not prove that it knows the session that it wants to go on with"
        }
        E::TooMuchEarlyDataReceived
        | E::EarlyDataAttemptedInSecondClientHello
        | E::EarlyDataExtensionWithoutResumption
        | E::EarlyDataOfferedWithVariedCipherSuite
        | E::OfferedEarlyDataWithOldProtocolVersion => "it sent early data where none may be",
        E::ServerEchoedCompatibilitySessionId => "it claims to go on with a session that there is not",
        _ => "it sent something that has no place at this point of the handshake",
    };
    format!("broke the rules of TLS: {did}")
}

/// What the two sides do not share.
pub(super) fn incompatible(why: &PeerIncompatible) -> String {
    use PeerIncompatible as E;
    let words = match why {
        E::ServerDoesNotSupportTls12Or13 => "speaks only an old TLS version, before 1.2, which is not safe any more",
        E::Tls12NotOffered
        | E::Tls12NotOfferedOrEnabled
        | E::ServerTlsVersionIsDisabledByOurConfig
        | E::SupportedVersionsExtensionRequired
        | E::Tls13RequiredForQuic => "has no TLS version in common with us",
        // Before TLS 1.2 there was no way to name them.
        E::SignatureAlgorithmsExtensionRequired => {
            "has no TLS version in common with us, or names no signature algorithm"
        }
        E::NoCipherSuitesInCommon => "has no cipher suite in common with us",
        E::NoKxGroupsInCommon | E::NamedGroupsExtensionRequired | E::KeyShareExtensionRequired => {
            "has no key exchange group in common with us"
        }
        E::NoSignatureSchemesInCommon | E::NoCertificateRequestSignatureSchemesInCommon => {
            "has no signature algorithm in common with us"
        }
        E::NoEcPointFormatsInCommon | E::EcPointsExtensionRequired | E::UncompressedEcPointsRequired => {
            "does not take points of elliptic curves in their plain form"
        }
        E::NullCompressionRequired => "wants compression, which is not safe",
        E::ExtendedMasterSecretExtensionRequired => "does not bind its secrets to the handshake (RFC 7627)",
        E::IncorrectCertificateTypeExtension | E::UnsolicitedCertificateTypeExtension => {
            "wants a type of certificate that is not in use here"
        }
        E::ServerRejectedEncryptedClientHello(_) => "refused an encrypted ClientHello",
        E::ServerSentHelloRetryRequestWithUnknownExtension => {
            "asked for a new hello (HelloRetryRequest) with an extension that is not known here"
        }
        _ => "has no way to speak TLS in common with us",
    };
    words.to_owned()
}

/// A record as RFC 8446, section 5.1 calls it.
pub(super) fn record_name(kind: ContentType) -> &'static str {
    match kind {
        ContentType::ChangeCipherSpec => "change_cipher_spec",
        ContentType::Alert => "alert",
        ContentType::Handshake => "handshake",
        ContentType::ApplicationData => "application_data",
        ContentType::Heartbeat => "heartbeat",
        _ => "unknown",
    }
}

/// A handshake message as RFC 8446, section 4 and RFC 5246, section 7.4 call it.
pub(super) fn message_name(kind: HandshakeType) -> &'static str {
    match kind {
        HandshakeType::HelloRequest => "HelloRequest",
        HandshakeType::ClientHello => "ClientHello",
        HandshakeType::ServerHello => "ServerHello",
        HandshakeType::HelloRetryRequest => "HelloRetryRequest",
        HandshakeType::NewSessionTicket => "NewSessionTicket",
        HandshakeType::EndOfEarlyData => "EndOfEarlyData",
        HandshakeType::EncryptedExtensions => "EncryptedExtensions",
        HandshakeType::Certificate => "Certificate",
        HandshakeType::ServerKeyExchange => "ServerKeyExchange",
        HandshakeType::CertificateRequest => "CertificateRequest",
        HandshakeType::ServerHelloDone => "ServerHelloDone",
        HandshakeType::CertificateVerify => "CertificateVerify",
        HandshakeType::ClientKeyExchange => "ClientKeyExchange",
        HandshakeType::Finished => "Finished",
        HandshakeType::CertificateStatus => "CertificateStatus",
        HandshakeType::KeyUpdate => "KeyUpdate",
        _ => "unknown",
    }
}

/// An alert as RFC 8446, section 6 and the registry of IANA write it: `handshake_failure`.
pub(super) fn alert_name(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let name = match alert {
        A::CloseNotify => "close_notify",
        A::UnexpectedMessage => "unexpected_message",
        A::BadRecordMac => "bad_record_mac",
        A::DecryptionFailed => "decryption_failed",
        A::RecordOverflow => "record_overflow",
        A::DecompressionFailure => "decompression_failure",
        A::HandshakeFailure => "handshake_failure",
        A::NoCertificate => "no_certificate",
        A::BadCertificate => "bad_certificate",
        A::UnsupportedCertificate => "unsupported_certificate",
        A::CertificateRevoked => "certificate_revoked",
        A::CertificateExpired => "certificate_expired",
        A::CertificateUnknown => "certificate_unknown",
        A::IllegalParameter => "illegal_parameter",
        A::UnknownCA => "unknown_ca",
        A::AccessDenied => "access_denied",
        A::DecodeError => "decode_error",
        A::DecryptError => "decrypt_error",
        A::ExportRestriction => "export_restriction",
        A::ProtocolVersion => "protocol_version",
        A::InsufficientSecurity => "insufficient_security",
        A::InternalError => "internal_error",
        A::InappropriateFallback => "inappropriate_fallback",
        A::UserCanceled => "user_canceled",
        A::NoRenegotiation => "no_renegotiation",
        A::MissingExtension => "missing_extension",
        A::UnsupportedExtension => "unsupported_extension",
        A::CertificateUnobtainable => "certificate_unobtainable",
        A::UnrecognisedName => "unrecognized_name",
        A::BadCertificateStatusResponse => "bad_certificate_status_response",
        A::BadCertificateHashValue => "bad_certificate_hash_value",
        A::UnknownPSKIdentity => "unknown_psk_identity",
        A::CertificateRequired => "certificate_required",
        A::NoApplicationProtocol => "no_application_protocol",
        A::EncryptedClientHelloRequired => "ech_required",
        // A number that no RFC defines has no name.
        other => return format!("number {}", u8::from(other)),
    };
    name.to_owned()
}
