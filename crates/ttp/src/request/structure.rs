//! The structure of a certificate request (RFC 2986, section 4), apart from what its attributes mean.
//!
//! x509-parser reads one too, but refuses all of it for an attribute that it knows and finds in another form; of the
//! attributes a CA needs the requested extensions alone.

use labnet::tls::is_whole;
use x509_parser::{
    cri_attributes::ExtensionRequest,
    der_parser::asn1_rs::{Any, BitString, Class, Oid, Tag, oid},
    error::X509Error,
    extensions::X509Extension,
    prelude::FromDer,
    verify::verify_signature,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name},
};

/// The attributes that hold extensions: of PKCS#9 (RFC 2985, section 5.4.2), and Microsoft's own of old.
const EXTENSION_REQUESTS: [Oid<'static>; 2] = [oid!(1.2.840.113549.1.9.14), oid!(1.3.6.1.4.1.311.2.1.14)];

/// A request as it is written; its signature is yet to be checked.
#[derive(Debug)]
pub(crate) struct Structure<'a> {
    signed: &'a [u8],
    pub(crate) subject: X509Name<'a>,
    pub(crate) key: SubjectPublicKeyInfo<'a>,
    pub(crate) algorithm: AlgorithmIdentifier<'a>,
    signature: BitString<'a>,
    /// The extensions that it asks for.
    pub(crate) extensions: Vec<X509Extension<'a>>,
    /// The types of its other attributes.
    pub(crate) attributes: Vec<Oid<'a>>,
}

impl<'a> Structure<'a> {
    /// Reads a request in DER; `None` for what is none.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let request = alone(element(der, Tag::Sequence)?)?;
        let (after_info, info) = element(request.data, Tag::Sequence)?;
        let signed = request.data.get(..request.data.len() - after_info.len())?;
        let (rest, algorithm) = AlgorithmIdentifier::from_der(after_info).ok()?;
        let (rest, signature) = BitString::from_der(rest).ok()?;
        let (after_version, _) = element(info.data, Tag::Integer)?;
        let (after_subject, subject) = X509Name::from_der(after_version).ok().filter(|(_, name)| is_whole(name))?;
        let (attributes, key) = SubjectPublicKeyInfo::from_der(after_subject).ok()?;
        let mut structure =
            Self { signed, subject, key, algorithm, signature, extensions: Vec::new(), attributes: Vec::new() };
        structure.read_attributes(attributes)?;
        rest.is_empty().then_some(structure)
    }

    fn read_attributes(&mut self, bytes: &'a [u8]) -> Option<()> {
        // OpenSSL, too, reads a request without this field, which RFC 2986 wants even when it is empty.
        if bytes.is_empty() {
            return Some(());
        }
        let (rest, all) = Any::from_der(bytes).ok()?;
        if !rest.is_empty() || all.class() != Class::ContextSpecific || all.tag() != Tag(0) {
            return None;
        }
        let mut rest = all.data;
        while !rest.is_empty() {
            let (next, attribute) = element(rest, Tag::Sequence)?;
            rest = next;
            let (values, kind) = Oid::from_der(attribute.data).ok()?;
            if EXTENSION_REQUESTS.contains(&kind) {
                let values = alone(element(values, Tag::Set)?)?;
                let (rest, request) = ExtensionRequest::from_der(values.data).ok()?;
                // More than one value is none that we know.
                rest.is_empty().then(|| self.extensions.extend(request.extensions))?;
            } else {
                self.attributes.push(kind);
            }
        }
        Some(())
    }

    /// Checks that whoever made the request has its key.
    ///
    /// # Errors
    /// That of x509-parser.
    pub(crate) fn verify_signature(&self) -> Result<(), X509Error> {
        verify_signature(&self.key, &self.algorithm, &self.signature, self.signed)
    }
}

/// An element with this tag, and what follows it.
fn element(bytes: &[u8], tag: Tag) -> Option<(&[u8], Any<'_>)> {
    Any::from_der(bytes).ok().filter(|(_, element)| element.class() == Class::Universal && element.tag() == tag)
}

/// An element that nothing follows.
fn alone<'a>((rest, element): (&'a [u8], Any<'a>)) -> Option<Any<'a>> {
    rest.is_empty().then_some(element)
}
