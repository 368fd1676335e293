//! Takes bytes apart from their front: every step can fail, none can panic.

/// What is left to read. Lengths and numbers are big-endian (section 3.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing, if nothing is left.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Option<usize> {
        let [high, middle, low] = self.array()?;
        Some(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A vector with a length of one byte (section 3.4).
    pub(super) fn vec8(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// A vector with a length of two bytes.
    pub(super) fn vec16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A vector with a length of three bytes.
    pub(super) fn vec24(&mut self) -> Option<&'a [u8]> {
        let len = self.u24()?;
        self.take(len)
    }
}

/// Numbers of two bytes, to the end.
pub(super) fn u16s(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
}

/// Vectors with a length of one byte, to the end.
pub(super) fn vec8s(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    items(bytes, Reader::vec8)
}

/// Vectors with a length of two bytes, to the end.
pub(super) fn vec16s(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    items(bytes, Reader::vec16)
}

/// Items of any kind, to the end.
pub(super) fn items<'a, T>(bytes: &'a [u8], mut item: impl FnMut(&mut Reader<'a>) -> Option<T>) -> Option<Vec<T>> {
    let mut reader = Reader::new(bytes);
    let mut found = Vec::new();
    while !reader.is_empty() {
        let before = reader.0.len();
        found.push(item(&mut reader)?);
        // An item without a length would never come to the end.
        if reader.0.len() == before {
            return None;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_promises_too_much_is_refused() {
        assert_eq!(Reader::new(&[2, 7]).vec8(), None);
        assert_eq!(Reader::new(&[0, 1, 7]).vec16(), Some(&[7][..]));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 7]).vec24(), None);
        assert_eq!(vec8s(&[1, 7, 0, 2, 8, 9]), Some(vec![&[7][..], &[], &[8, 9]]));
        assert_eq!(vec16s(&[0, 1]), None);
        assert_eq!(u16s(&[1, 2, 3]), None);
        assert_eq!(items(&[1], |_| Some(())), None);
    }
}
