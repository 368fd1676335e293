//! DER as a tree: taken apart, changed, and put together with lengths that fit.

/// An element.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) tag: u8,
    pub(crate) content: Content,
}

/// What is in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Elements(Vec<Element>),
}

impl Element {
    pub(crate) fn bytes(tag: u8, bytes: &[u8]) -> Self {
        Self { tag, content: Content::Bytes(bytes.to_vec()) }
    }

    pub(crate) fn of(tag: u8, elements: Vec<Self>) -> Self {
        Self { tag, content: Content::Elements(elements) }
    }

    /// Takes well-formed DER apart; constructed elements, and what is wrapped in octet strings.
    pub(crate) fn parse(der: &[u8]) -> Option<Vec<Self>> {
        let mut rest = der;
        let mut elements = Vec::new();
        while let [tag, first, after @ ..] = rest {
            let (len, after) = match first {
                0..=0x7f => (usize::from(*first), after),
                0x81 => (usize::from(*after.first()?), after.get(1..)?),
                0x82 => (usize::from(*after.first()?) << 8 | usize::from(*after.get(1)?), after.get(2..)?),
                _ => return None,
            };
            let (content, next) = after.split_at_checked(len)?;
            let inner = (tag & 0x20 != 0 || *tag == 4).then(|| Self::parse(content)).flatten();
            let content = inner.map_or_else(|| Content::Bytes(content.to_vec()), Content::Elements);
            elements.push(Self { tag: *tag, content });
            rest = next;
        }
        rest.is_empty().then_some(elements)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let content = match &self.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Elements(elements) => elements.iter().flat_map(Self::encode).collect(),
        };
        let len = u16::try_from(content.len()).unwrap();
        let [high, low] = len.to_be_bytes();
        let header = match len {
            0..=0x7f => vec![self.tag, low],
            0x80..=0xff => vec![self.tag, 0x81, low],
            _ => vec![self.tag, 0x82, high, low],
        };
        [header, content].concat()
    }

    /// How many elements it has, itself included.
    pub(crate) fn count(&self) -> usize {
        match &self.content {
            Content::Bytes(_) => 1,
            Content::Elements(elements) => 1 + elements.iter().map(Self::count).sum::<usize>(),
        }
    }

    /// The element with a number, in the order of the bytes; itself is 0.
    pub(crate) fn nth(&mut self, number: usize) -> Option<&mut Self> {
        if number == 0 {
            return Some(self);
        }
        let Content::Elements(elements) = &mut self.content else { return None };
        let mut left = number - 1;
        for element in elements {
            let count = element.count();
            if left < count {
                return element.nth(left);
            }
            left -= count;
        }
        None
    }
}
