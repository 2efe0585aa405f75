/// Reads choices off a fuzzer's bytes, one after another. Past their end everything is zero.
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(super) fn number(&mut self) -> u64 {
        self.take(5).iter().fold(0, |number, b| number << 8 | u64::from(*b))
    }

    /// A few bytes of any kind.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let count = self.below(9);
        self.take(count).to_vec()
    }

    /// ASCII from blank to `~`.
    pub(super) fn printable(&mut self) -> String {
        self.bytes().iter().map(|b| char::from(b' ' + b % 95)).collect()
    }

    /// ASCII from `!` to `~`, up to a length at which HMAC hashes its key.
    pub(super) fn visible(&mut self) -> String {
        let count = self.below(80);
        self.take(count).iter().map(|b| char::from(b'!' + b % 94)).collect()
    }

    pub(super) fn rest(self) -> Vec<u8> {
        self.0.to_vec()
    }
}
